-- Assets: what tenants keep in the object store. The store has the bytes, sealed; here stands which there are, and what refers to
-- them. A key never stands here.

-- Which keys each tenant has; a key itself is in the object store, sealed with the root key. It may be needed longer than the tenant.
CREATE TABLE tenant_keys (
    tenant_id    uuid NOT NULL REFERENCES tenant_identities (uid),
    id           uuid NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    destroyed_at timestamptz,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX tenant_keys_one ON tenant_keys (tenant_id) WHERE destroyed_at IS NULL;
CALL protect_tenant_table('tenant_keys');
GRANT SELECT, INSERT (tenant_id, id), UPDATE (destroyed_at) ON tenant_keys TO landlord_app;

-- The blobs in the object store: each is written once, under an id that never comes again, and its content is found by a keyed hash.
--
--   WRITING ──▶ LIVE ──▶ CONDEMNED ──▶ gone
--      └─────────────────────▲
--
-- What refers to a blob says in its key that the blob is LIVE. So nothing refers to one that is condemned, and none is condemned
-- while something refers to it: the keys see to it, whatever happens at the same time.
CREATE TABLE blobs (
    tenant_id   uuid NOT NULL REFERENCES tenant_identities (uid),
    id          uuid NOT NULL,
    key_id      uuid NOT NULL,
    state       text NOT NULL DEFAULT 'WRITING' CHECK (state IN ('WRITING', 'LIVE', 'CONDEMNED')),
    content     bytea CHECK (octet_length(content) = 32),
    sha256      bytea CHECK (octet_length(sha256) = 32),
    bytes       bigint NOT NULL DEFAULT 0 CHECK (bytes >= 0),
    -- How many assets have it; their triggers keep it.
    assets      bigint NOT NULL DEFAULT 0 CHECK (assets >= 0),
    -- When it came to where it is, or lost its last asset.
    since       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, id, state),
    FOREIGN KEY (tenant_id, key_id) REFERENCES tenant_keys,
    CHECK (state <> 'LIVE' OR (content IS NOT NULL AND sha256 IS NOT NULL)),
    CHECK (state = 'LIVE' OR assets = 0)
);
COMMENT ON COLUMN blobs.bytes IS 'before they are compressed';
CREATE UNIQUE INDEX blobs_by_content ON blobs (tenant_id, content) WHERE state = 'LIVE';
CREATE INDEX blobs_unused ON blobs (since) WHERE assets = 0;
CALL protect_tenant_table('blobs');
-- Whoever looks for what can be removed looks at all tenants.
CREATE POLICY platform ON blobs FOR SELECT TO landlord_platform USING (true);
GRANT SELECT, INSERT (tenant_id, id, key_id), UPDATE (state, content, sha256, bytes, assets, since), DELETE ON blobs TO landlord_app;
GRANT SELECT ON blobs TO landlord_platform;

CREATE FUNCTION blob_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF OLD.state = 'CONDEMNED' AND NEW.state <> 'CONDEMNED' OR OLD.state = 'LIVE' AND NEW.state = 'WRITING' THEN
        RAISE EXCEPTION 'a blob that is % does not become %', OLD.state, NEW.state;
    END IF;
    IF OLD.state <> 'WRITING' AND (NEW.content, NEW.sha256, NEW.bytes) IS DISTINCT FROM (OLD.content, OLD.sha256, OLD.bytes) THEN
        RAISE EXCEPTION 'the content of a blob does not change';
    END IF;
    IF NEW.state <> OLD.state OR NEW.assets = 0 AND OLD.assets > 0 THEN
        NEW.since := clock_timestamp();
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER guard BEFORE UPDATE ON blobs FOR EACH ROW EXECUTE FUNCTION blob_guard();

-- The parts of a blob, each an object of its own. The attempt is a part of the object's name: what a worker writes that was
-- given up is nobody's.
CREATE TABLE blob_parts (
    tenant_id    uuid NOT NULL,
    blob_id      uuid NOT NULL,
    part         integer NOT NULL CHECK (part >= 0),
    attempt      integer NOT NULL CHECK (attempt > 0),
    bytes        integer NOT NULL CHECK (bytes BETWEEN 0 AND 8388608),
    stored_bytes integer NOT NULL CHECK (stored_bytes > 0),
    PRIMARY KEY (tenant_id, blob_id, part),
    FOREIGN KEY (tenant_id, blob_id) REFERENCES blobs ON DELETE CASCADE
);
CALL protect_tenant_table('blob_parts');
GRANT SELECT, INSERT, DELETE ON blob_parts TO landlord_app;

-- What is being uploaded. It takes from the quota what it will need, until it is done or given up.
CREATE TABLE uploads (
    tenant_id   uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    -- Whose, and under which id: the caller's request id.
    uploader_id uuid NOT NULL,
    id          uuid NOT NULL,
    body_hash   bytea NOT NULL,
    bytes       bigint NOT NULL CHECK (bytes >= 0),
    blob_id     uuid NOT NULL,
    -- Grows with each connection that goes on with it; only the last one adds anything.
    attempt     integer NOT NULL DEFAULT 1,
    -- What it has become; empty: it is not done.
    result      text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, uploader_id, id)
);
CREATE INDEX uploads_by_expiry ON uploads (expires_at);
CREATE INDEX uploads_by_blob ON uploads (tenant_id, blob_id) WHERE result = '';
CALL protect_tenant_table('uploads');
CREATE POLICY platform ON uploads FOR SELECT TO landlord_platform USING (true);
GRANT SELECT, INSERT, UPDATE (attempt, result, expires_at), DELETE ON uploads TO landlord_app;
GRANT SELECT ON uploads TO landlord_platform;

CREATE FUNCTION upload_reserves() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    before bigint := CASE WHEN TG_OP = 'INSERT' OR OLD.result <> '' THEN 0 ELSE OLD.bytes END;
    after bigint := CASE WHEN TG_OP = 'DELETE' OR NEW.result <> '' THEN 0 ELSE NEW.bytes END;
BEGIN
    UPDATE tenant_limits SET storage_bytes = storage_bytes + after - before
    WHERE tenant_id = coalesce(NEW.tenant_id, OLD.tenant_id) AND after <> before;
    RETURN NULL;
END
$$;
CREATE TRIGGER reserves AFTER INSERT OR DELETE OR UPDATE OF result ON uploads FOR EACH ROW EXECUTE FUNCTION upload_reserves();

-- What a tenant has: names, and the blobs that they stand for.
CREATE TABLE assets (
    tenant_id    uuid NOT NULL REFERENCES tenants,
    id           uuid NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('FILTER', 'TEMPLATE', 'REPORT_SCRIPT', 'DATABASE', 'ANALYSIS', 'DASHBOARD', 'DOCUMENT',
                                               'PORTAL', 'COLLABORATION', 'PROCESS', 'ARCM', 'RECORDING', 'OTHER')),
    display_name text NOT NULL,
    -- The name without regard to case, by which assets are searched and sorted.
    folded       text NOT NULL,
    metadata     jsonb NOT NULL DEFAULT '{}',
    blob_id      uuid NOT NULL,
    blob_state   text NOT NULL DEFAULT 'LIVE' CHECK (blob_state = 'LIVE'),
    bytes        bigint NOT NULL,
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    version      bigint NOT NULL DEFAULT 1,
    -- Of a recording: the call.
    call_start   timestamptz,
    call_ms      bigint CHECK (call_ms >= 0),
    caller       text,
    called       text,
    extension    bigint CHECK (is_extension(extension, extension)),
    -- Whose extension it was.
    user_id      uuid,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, blob_id, blob_state) REFERENCES blobs (tenant_id, id, state),
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships ON DELETE SET NULL (user_id),
    CHECK ((kind = 'RECORDING') = (call_start IS NOT NULL)),
    CHECK ((call_start IS NULL) = (call_ms IS NULL) AND (call_start IS NULL) = (extension IS NULL)
           AND (call_start IS NULL) = (caller IS NULL) AND (call_start IS NULL) = (called IS NULL)),
    CHECK (user_id IS NULL OR kind = 'RECORDING')
);
CREATE INDEX assets_by_name ON assets (tenant_id, folded, id);
CREATE INDEX assets_by_time ON assets (tenant_id, created_at, id);
CREATE INDEX assets_by_size ON assets (tenant_id, bytes, id);
CREATE INDEX assets_by_kind ON assets (tenant_id, kind, folded, id);
CREATE INDEX assets_by_blob ON assets (tenant_id, blob_id);
CREATE INDEX assets_by_user ON assets (tenant_id, user_id) WHERE user_id IS NOT NULL;
CALL protect_tenant_table('assets');
GRANT SELECT, INSERT, UPDATE (display_name, folded, metadata, updated_at, version, user_id), DELETE ON assets TO landlord_app;

-- A blob takes from the quota as long as an asset has it, and once, however many have it.
CREATE FUNCTION assets_counted() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        WITH came AS (SELECT tenant_id, blob_id, count(*) AS n FROM added GROUP BY 1, 2),
             counted AS (UPDATE blobs b SET assets = b.assets + c.n FROM came c
                         WHERE b.tenant_id = c.tenant_id AND b.id = c.blob_id
                         RETURNING b.tenant_id, CASE WHEN b.assets = c.n THEN b.bytes ELSE 0 END AS bytes)
        UPDATE tenant_limits l SET storage_bytes = l.storage_bytes + s.bytes
        FROM (SELECT tenant_id, sum(bytes) AS bytes FROM counted GROUP BY 1) s WHERE l.tenant_id = s.tenant_id;
    ELSE
        WITH went AS (SELECT tenant_id, blob_id, count(*) AS n FROM removed GROUP BY 1, 2),
             counted AS (UPDATE blobs b SET assets = b.assets - w.n FROM went w
                         WHERE b.tenant_id = w.tenant_id AND b.id = w.blob_id
                         RETURNING b.tenant_id, CASE WHEN b.assets = 0 THEN b.bytes ELSE 0 END AS bytes)
        UPDATE tenant_limits l SET storage_bytes = l.storage_bytes - s.bytes
        FROM (SELECT tenant_id, sum(bytes) AS bytes FROM counted GROUP BY 1) s WHERE l.tenant_id = s.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER counted_in AFTER INSERT ON assets REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION assets_counted();
CREATE TRIGGER counted_out AFTER DELETE ON assets REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION assets_counted();
