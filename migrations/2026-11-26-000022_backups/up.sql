-- Backups: what a tenant had at one moment. Rows are copied, content is referred to.

CREATE TABLE backups (
    tenant_id    uuid NOT NULL REFERENCES tenant_identities (uid),
    id           uuid NOT NULL,
    state        text NOT NULL DEFAULT 'RUNNING' CHECK (state IN ('RUNNING', 'COMPLETE', 'PARTIAL', 'FAILED', 'CONDEMNED')),
    -- Which of the tenant's backups it is: what the tenant's content is kept by.
    seq          bigint NOT NULL CHECK (seq > 0),
    -- What is in it, and what is not for want of a privilege.
    components   text[] NOT NULL,
    left_out     text[] NOT NULL DEFAULT '{}',
    note         text NOT NULL DEFAULT '',
    pinned       boolean NOT NULL DEFAULT false,
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    operation_id uuid NOT NULL,
    -- The claim whose objects they are.
    attempt      bigint,
    key_id       uuid,
    -- The moment that it shows.
    taken_at     timestamptz,
    ended_at     timestamptz,
    rows         bigint NOT NULL DEFAULT 0,
    objects      bigint NOT NULL DEFAULT 0,
    bytes        bigint NOT NULL DEFAULT 0,
    -- What it takes in the object store beside the content.
    stored_bytes bigint NOT NULL DEFAULT 0,
    verified_at  timestamptz,
    -- Why it failed, or what a verification found.
    reason       text NOT NULL DEFAULT '',
    message      text NOT NULL DEFAULT '',
    version      bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, seq),
    FOREIGN KEY (tenant_id, operation_id) REFERENCES operations,
    FOREIGN KEY (tenant_id, key_id) REFERENCES tenant_keys,
    CHECK (state NOT IN ('COMPLETE', 'PARTIAL') OR (attempt IS NOT NULL AND key_id IS NOT NULL AND taken_at IS NOT NULL)),
    CHECK ((state = 'RUNNING') = (ended_at IS NULL)),
    CHECK (state <> 'COMPLETE' OR left_out = '{}')
);
COMMENT ON COLUMN backups.bytes IS 'of the content that it refers to, before it is compressed';
CREATE INDEX backups_by_time ON backups (tenant_id, created_at, id);
CREATE INDEX backups_by_age ON backups (created_at, id);
CREATE INDEX backups_by_operation ON backups (tenant_id, operation_id);
CREATE INDEX backups_condemned ON backups (tenant_id) WHERE state = 'CONDEMNED';
CALL protect_tenant_table('backups');
CREATE POLICY platform ON backups FOR SELECT TO landlord_platform USING (true);
GRANT SELECT, INSERT, DELETE,
      UPDATE (state, note, pinned, attempt, key_id, taken_at, ended_at, rows, objects, bytes, stored_bytes, verified_at, reason,
              message, version)
    ON backups TO landlord_app;
GRANT SELECT ON backups TO landlord_platform;

-- What a backup shows never changes once it is there, and none comes back.
CREATE FUNCTION backup_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF OLD.state = 'CONDEMNED' OR OLD.state <> 'RUNNING' AND NEW.state NOT IN (OLD.state, 'CONDEMNED') THEN
        RAISE EXCEPTION 'a backup that is % does not become %', OLD.state, NEW.state;
    END IF;
    IF OLD.state <> 'RUNNING' AND (NEW.attempt, NEW.key_id, NEW.taken_at, NEW.ended_at, NEW.rows, NEW.objects, NEW.bytes)
            IS DISTINCT FROM (OLD.attempt, OLD.key_id, OLD.taken_at, OLD.ended_at, OLD.rows, OLD.objects, OLD.bytes) THEN
        RAISE EXCEPTION 'what a backup shows does not change';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER guard BEFORE UPDATE ON backups FOR EACH ROW EXECUTE FUNCTION backup_guard();

-- A backup whose operation has ended without it has failed, however that ended.
CREATE FUNCTION backup_is_given_up() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE backups SET state = 'FAILED', ended_at = clock_timestamp(), version = version + 1,
        reason = CASE NEW.state WHEN 'CANCELLED' THEN 'CANCELLED' ELSE NEW.error_reason END,
        message = CASE NEW.state WHEN 'CANCELLED' THEN 'its operation was cancelled' ELSE NEW.error_message END
    WHERE tenant_id = NEW.tenant_id AND operation_id = NEW.id AND state = 'RUNNING';
    RETURN NULL;
END
$$;
CREATE TRIGGER gives_backup_up AFTER UPDATE OF ended_at ON operations
    FOR EACH ROW WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL) EXECUTE FUNCTION backup_is_given_up();

-- Which backup was begun last. Whoever begins one, and whoever makes or removes assets, holds the tenant: so what a backup shows
-- came before it or while it was the last, and went while it was the last or later.
ALTER TABLE tenant_limits ADD COLUMN backup_seq bigint NOT NULL DEFAULT 0 CHECK (backup_seq >= 0);
GRANT UPDATE (backup_seq) ON tenant_limits TO landlord_app;
ALTER TABLE assets ADD COLUMN born bigint NOT NULL DEFAULT 0;

CREATE FUNCTION asset_is_born() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    SELECT backup_seq INTO NEW.born FROM tenant_limits WHERE tenant_id = NEW.tenant_id;
    RETURN NEW;
END
$$;
CREATE TRIGGER born BEFORE INSERT ON assets FOR EACH ROW EXECUTE FUNCTION asset_is_born();

-- Content that a backup shows and no asset has any more: since which backup there was an asset of it, and until which.
CREATE TABLE departed_content (
    tenant_id  uuid NOT NULL,
    id         uuid NOT NULL DEFAULT gen_random_uuid(),
    blob_id    uuid NOT NULL,
    blob_state text NOT NULL DEFAULT 'LIVE' CHECK (blob_state = 'LIVE'),
    born       bigint NOT NULL,
    died       bigint NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, blob_id, blob_state) REFERENCES blobs (tenant_id, id, state),
    CHECK (born <= died)
);
CREATE INDEX departed_content_by_blob ON departed_content (tenant_id, blob_id);
CALL protect_tenant_table('departed_content');
-- Whoever looks for what can be removed looks at all tenants.
CREATE POLICY platform ON departed_content FOR SELECT TO landlord_platform USING (true);
GRANT SELECT, INSERT, DELETE ON departed_content TO landlord_app;
GRANT SELECT ON departed_content TO landlord_platform;

CREATE FUNCTION assets_depart() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO departed_content (tenant_id, blob_id, born, died)
        SELECT DISTINCT r.tenant_id, r.blob_id, r.born, l.backup_seq
        FROM removed r JOIN tenant_limits l ON l.tenant_id = r.tenant_id
        WHERE EXISTS (SELECT FROM backups b WHERE b.tenant_id = r.tenant_id AND b.seq BETWEEN r.born AND l.backup_seq
                      AND b.state IN ('RUNNING', 'COMPLETE', 'PARTIAL'));
    RETURN NULL;
END
$$;
CREATE TRIGGER depart AFTER DELETE ON assets REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION assets_depart();
