-- Roles, the tenant that a transaction works for, and the lifecycle of tenants.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'landlord_platform') THEN
        CREATE ROLE landlord_platform NOLOGIN NOINHERIT;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'landlord_app') THEN
        -- NOINHERIT: the platform's policies bind only after SET ROLE, never by membership.
        CREATE ROLE landlord_app LOGIN NOINHERIT;
    END IF;
    IF NOT pg_has_role('landlord_app', 'landlord_platform', 'MEMBER') THEN
        GRANT landlord_platform TO landlord_app;
    END IF;
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO landlord_app, landlord_platform;
-- So that the service can refuse a schema that is older than itself.
GRANT SELECT ON __diesel_schema_migrations TO landlord_app;
-- Functions are no back door either: each is granted by name.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- The tenant that this transaction works for. `current_setting` is '' after a commit that had it set, hence nullif.
CREATE FUNCTION current_tenant() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('landlord.tenant', true), '')::uuid;

-- The home tenant of who is acting, for what belongs to callers and not to the tenant that they work on.
CREATE FUNCTION current_actor_tenant() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('landlord.actor_tenant', true), '')::uuid;

GRANT EXECUTE ON FUNCTION current_tenant(), current_actor_tenant() TO landlord_app, landlord_platform;

-- The time that far from now, by the clock and not by the transaction's start.
CREATE FUNCTION time_from_now(distance interval) RETURNS timestamptz
    LANGUAGE sql VOLATILE
    RETURN clock_timestamp() + distance;
GRANT EXECUTE ON FUNCTION time_from_now(interval) TO landlord_app, landlord_platform;

-- Row-level security for a table of tenants' rows, forced upon the owner too.
CREATE PROCEDURE protect_tenant_table(relation regclass, key name DEFAULT 'tenant_id')
    LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', relation);
    EXECUTE format('CREATE POLICY tenant_scope ON %s USING (%I = current_tenant()) WITH CHECK (%I = current_tenant())',
                   relation, key, key);
END
$$;

-- Where tenants are placed. Of the platform as a whole.
CREATE TABLE servers (
    id         text PRIMARY KEY CHECK (id ~ '^[a-z][a-z0-9-]{1,38}[a-z0-9]$'),
    region     text NOT NULL DEFAULT '',
    time_zone  text NOT NULL DEFAULT 'UTC',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT, INSERT ON servers TO landlord_app;
GRANT SELECT ON servers TO landlord_platform;

-- One row: the settings of the platform as a whole.
CREATE TABLE settings (
    only_one               boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    failed_tenant_cooldown bigint  NOT NULL DEFAULT 86400 CHECK (failed_tenant_cooldown BETWEEN 0 AND 2592000),
    version                bigint  NOT NULL DEFAULT 1
);
COMMENT ON COLUMN settings.failed_tenant_cooldown IS 'seconds';
INSERT INTO settings DEFAULT VALUES;
GRANT SELECT, UPDATE (failed_tenant_cooldown, version) ON settings TO landlord_app;
GRANT SELECT ON settings TO landlord_platform;

-- What a tenant leaves behind for ever, so that code and uid are never used again.
CREATE TABLE tenant_identities (
    uid        uuid PRIMARY KEY,
    code       text NOT NULL UNIQUE CHECK (code ~ '^[a-z][a-z0-9-]{1,38}[a-z0-9]$'),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (uid, code),
    CHECK ((uid = '11111111-1111-1111-1111-111111111111') = (code = 'infrastructure'))
);
CALL protect_tenant_table('tenant_identities', 'uid');
CREATE POLICY platform ON tenant_identities FOR SELECT TO landlord_platform USING (true);
GRANT SELECT, INSERT ON tenant_identities TO landlord_app;
GRANT SELECT ON tenant_identities TO landlord_platform;

-- The legal edges of the lifecycle. EDGES in src/domain/lifecycle.rs is the same list; a test compares them.
CREATE TABLE tenant_edges (
    from_state  text NOT NULL,
    from_reason text NOT NULL,
    to_state    text NOT NULL,
    to_reason   text NOT NULL,
    cause       text NOT NULL,
    PRIMARY KEY (from_state, from_reason, to_state, to_reason, cause),
    CHECK ((from_state = 'LOCKED') = (from_reason <> '-')),
    CHECK ((to_state = 'LOCKED') = (to_reason <> '-'))
);
INSERT INTO tenant_edges (from_state, from_reason, to_state, to_reason, cause) VALUES
    ('NONE', '-', 'ACTIVE', '-', 'INFRASTRUCTURE'),
    ('NONE', '-', 'LOCKED', 'PROVISIONING', 'CREATE'),
    ('NONE', '-', 'LOCKED', 'PROVISIONING', 'COPY'),
    ('NONE', '-', 'LOCKED', 'PROVISIONING', 'RESTORE'),
    ('NONE', '-', 'LOCKED', 'PROVISIONING', 'ADOPT'),
    ('LOCKED', 'PROVISIONING', 'ACTIVE', '-', 'PROVISIONED'),
    ('LOCKED', 'PROVISIONING', 'FAILED', '-', 'PROVISIONING_FAILED'),
    ('FAILED', '-', 'LOCKED', 'PROVISIONING', 'RETRY'),
    ('ACTIVE', '-', 'LOCKED', 'OPERATOR', 'LOCK'),
    ('LOCKED', 'UNDELETED', 'LOCKED', 'OPERATOR', 'LOCK'),
    ('LOCKED', 'OPERATOR', 'ACTIVE', '-', 'UNLOCK'),
    ('LOCKED', 'UNDELETED', 'ACTIVE', '-', 'UNLOCK'),
    ('ACTIVE', '-', 'LOCKED', 'RESTORING', 'RESTORE_IN_PLACE'),
    ('LOCKED', 'OPERATOR', 'LOCKED', 'RESTORING', 'RESTORE_IN_PLACE'),
    ('LOCKED', 'UNDELETED', 'LOCKED', 'RESTORING', 'RESTORE_IN_PLACE'),
    ('LOCKED', 'RESTORING', 'ACTIVE', '-', 'RESTORED'),
    ('LOCKED', 'RESTORING', 'LOCKED', 'OPERATOR', 'RESTORED'),
    ('LOCKED', 'RESTORING', 'LOCKED', 'UNDELETED', 'RESTORED'),
    ('ACTIVE', '-', 'PREPARING_DELETION', '-', 'PREPARE'),
    ('LOCKED', 'OPERATOR', 'PREPARING_DELETION', '-', 'PREPARE'),
    ('LOCKED', 'UNDELETED', 'PREPARING_DELETION', '-', 'PREPARE'),
    ('LOCKED', 'RESTORING', 'PREPARING_DELETION', '-', 'PREPARE'),
    ('PREPARING_DELETION', '-', 'PREPARED', '-', 'FROZEN'),
    ('PREPARING_DELETION', '-', 'LOCKED', 'UNDELETED', 'UNDELETE'),
    ('PREPARED', '-', 'LOCKED', 'UNDELETED', 'UNDELETE'),
    ('PREPARED', '-', 'PREPARED', '-', 'PURGE_STARTED'),
    ('FAILED', '-', 'FAILED', '-', 'PURGE_STARTED'),
    ('PREPARED', '-', 'GONE', '-', 'PURGED'),
    ('FAILED', '-', 'GONE', '-', 'PURGED');
GRANT SELECT ON tenant_edges TO landlord_app;

-- The log of transitions: the only way to change a tenant's state, and append-only.
CREATE TABLE tenant_transitions (
    tenant_id   uuid NOT NULL REFERENCES tenant_identities (uid),
    seq         integer NOT NULL CHECK (seq > 0),
    prev_seq    integer GENERATED ALWAYS AS (nullif(seq - 1, 0)) STORED,
    from_state  text NOT NULL,
    from_reason text NOT NULL,
    to_state    text NOT NULL,
    to_reason   text NOT NULL,
    cause       text NOT NULL,
    cooldown    bigint CHECK (cooldown >= 0),
    note        text NOT NULL DEFAULT '',
    actor_tenant_id uuid,
    actor_id    uuid,
    acted_for   uuid,
    operation_id uuid,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, seq),
    UNIQUE (tenant_id, seq, to_state, to_reason),
    FOREIGN KEY (from_state, from_reason, to_state, to_reason, cause) REFERENCES tenant_edges,
    -- A false `from` has nothing to refer to; two writers after the same entry clash on the primary key.
    FOREIGN KEY (tenant_id, prev_seq, from_state, from_reason)
        REFERENCES tenant_transitions (tenant_id, seq, to_state, to_reason),
    CHECK ((seq = 1) = (from_state = 'NONE')),
    CHECK ((tenant_id = '11111111-1111-1111-1111-111111111111') = (cause = 'INFRASTRUCTURE')),
    CHECK ((cause = 'PROVISIONING_FAILED') = (cooldown IS NOT NULL))
);
COMMENT ON COLUMN tenant_transitions.cooldown IS 'seconds that a failed tenant must rest before it can be deleted';
CALL protect_tenant_table('tenant_transitions');
GRANT SELECT, INSERT ON tenant_transitions TO landlord_app;

-- The tenants as they are. State, lock reason, seq and what follows from them are the projection of the log.
CREATE TABLE tenants (
    tenant_id     uuid PRIMARY KEY,
    code          text NOT NULL UNIQUE,
    display_name  text NOT NULL CHECK (char_length(display_name) BETWEEN 1 AND 200),
    company_name  text NOT NULL DEFAULT '' CHECK (char_length(company_name) <= 200),
    labels        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object'),
    protected     boolean NOT NULL DEFAULT false,
    server        text NOT NULL REFERENCES servers,
    time_zone     text NOT NULL,
    state         text NOT NULL DEFAULT 'NONE',
    lock_reason   text NOT NULL DEFAULT '-',
    seq           integer NOT NULL DEFAULT 0,
    cooldown_until timestamptz,
    purge_started boolean NOT NULL DEFAULT false,
    generation    integer NOT NULL DEFAULT 1,
    epoch         bigint NOT NULL DEFAULT 1,
    version       bigint NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (tenant_id, display_name),
    FOREIGN KEY (tenant_id, code) REFERENCES tenant_identities (uid, code),
    -- Every committed state is the last entry of the log: a tenant without a first transition can't be committed.
    FOREIGN KEY (tenant_id, seq, state, lock_reason)
        REFERENCES tenant_transitions (tenant_id, seq, to_state, to_reason) DEFERRABLE INITIALLY DEFERRED,
    CHECK (tenant_id <> '11111111-1111-1111-1111-111111111111'
           OR (state IN ('NONE', 'ACTIVE') AND NOT protected AND company_name = '' AND NOT purge_started))
);
CREATE INDEX tenants_by_name ON tenants (lower(display_name), tenant_id);
CREATE INDEX tenants_by_creation ON tenants (created_at, tenant_id);
CREATE INDEX tenants_by_state ON tenants (state, tenant_id);
CALL protect_tenant_table('tenants');
CREATE POLICY platform ON tenants FOR SELECT TO landlord_platform USING (true);
GRANT SELECT,
      INSERT (tenant_id, code, display_name, company_name, labels, protected, server, time_zone),
      UPDATE (display_name, company_name, labels, protected, time_zone) ON tenants TO landlord_app;
GRANT SELECT ON tenants TO landlord_platform;

-- Version and time of change follow every change of what people see.
CREATE FUNCTION tenant_touch() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.tenant_id = '11111111-1111-1111-1111-111111111111' AND NEW.seq = OLD.seq AND OLD.seq > 0
        AND (NEW.company_name, NEW.protected, NEW.server, NEW.time_zone)
            IS DISTINCT FROM (OLD.company_name, OLD.protected, OLD.server, OLD.time_zone) THEN
        RAISE EXCEPTION 'landlord:TENANT_READ_ONLY';
    END IF;
    NEW.version := OLD.version + 1;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$$;
CREATE TRIGGER touch BEFORE UPDATE ON tenants FOR EACH ROW EXECUTE FUNCTION tenant_touch();

-- Projects a transition on the tenant. Runs with the owner's rights, which the application lacks; the owner is no
-- superuser, so row-level security binds it to the tenant of the transaction as well.
CREATE FUNCTION tenant_project() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    tenant tenants;
BEGIN
    SELECT * INTO tenant FROM tenants WHERE tenant_id = NEW.tenant_id FOR UPDATE;
    IF NOT FOUND OR tenant.seq <> NEW.seq - 1 THEN
        RAISE EXCEPTION 'landlord:ETAG_MISMATCH';
    END IF;
    IF NEW.cause = 'PURGE_STARTED' AND NEW.from_state = 'FAILED' AND tenant.cooldown_until > clock_timestamp() THEN
        RAISE EXCEPTION 'landlord:TENANT_COOLING_DOWN';
    END IF;
    IF NEW.cause = 'PREPARE' AND tenant.protected OR NEW.cause = 'PURGE_STARTED' AND tenant.protected THEN
        RAISE EXCEPTION 'landlord:TENANT_PROTECTED';
    END IF;
    -- A restore leads back to where it began: it unlocks nothing that an operator locked.
    IF NEW.cause = 'RESTORED' AND NOT EXISTS (
        SELECT FROM tenant_transitions WHERE tenant_id = NEW.tenant_id AND seq = NEW.seq - 1
            AND (from_state, from_reason) = (NEW.to_state, NEW.to_reason)) THEN
        RAISE EXCEPTION 'landlord:TENANT_STATE_INVALID';
    END IF;
    IF tenant.purge_started <> (NEW.cause = 'PURGED') THEN
        RAISE EXCEPTION 'landlord:TENANT_STATE_INVALID';
    END IF;
    IF NEW.to_state = 'GONE' THEN
        DELETE FROM tenants WHERE tenant_id = NEW.tenant_id;
        RETURN NULL;
    END IF;
    UPDATE tenants SET
        state = NEW.to_state,
        lock_reason = NEW.to_reason,
        seq = NEW.seq,
        cooldown_until = CASE WHEN NEW.cooldown IS NOT NULL THEN clock_timestamp() + make_interval(secs => NEW.cooldown)
                              WHEN NEW.to_state = 'FAILED' THEN cooldown_until END,
        purge_started = NEW.cause = 'PURGE_STARTED',
        -- Sessions that were issued before a tenant left ACTIVE never work again.
        epoch = epoch + (NEW.from_state = 'ACTIVE')::int
    WHERE tenant_id = NEW.tenant_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER project AFTER INSERT ON tenant_transitions FOR EACH ROW EXECUTE FUNCTION tenant_project();
