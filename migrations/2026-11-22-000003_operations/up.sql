-- Durable work, what participants have done of it, repeated requests, and the audit trail.

CREATE TABLE operations (
    tenant_id   uuid NOT NULL REFERENCES tenant_identities (uid),
    id          uuid NOT NULL,
    kind        text NOT NULL,
    params      jsonb NOT NULL,
    -- Whether it keeps other exclusive work off the tenant.
    exclusive   boolean NOT NULL,
    state       text NOT NULL DEFAULT 'PENDING'
                CHECK (state IN ('PENDING', 'RUNNING', 'CANCELLING', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
    -- Where to go on; empty: at the beginning.
    step        text NOT NULL DEFAULT '',
    -- Grows with each claim; every effect compares it, so a worker that was taken over can't act any more.
    epoch       bigint NOT NULL DEFAULT 0,
    attempts    integer NOT NULL DEFAULT 0,
    owner       uuid,
    lease_until timestamptz,
    run_after   timestamptz NOT NULL DEFAULT clock_timestamp(),
    percent     integer NOT NULL DEFAULT 0 CHECK (percent BETWEEN 0 AND 100),
    done_units  bigint NOT NULL DEFAULT 0,
    total_units bigint NOT NULL DEFAULT 0,
    waiting_for text NOT NULL DEFAULT '',
    error_code     text NOT NULL DEFAULT '',
    error_reason   text NOT NULL DEFAULT '',
    error_message  text NOT NULL DEFAULT '',
    error_metadata jsonb NOT NULL DEFAULT '{}',
    results     text[] NOT NULL DEFAULT '{}',
    actor_tenant_id uuid,
    actor_id    uuid,
    acted_for   uuid,
    correlation_id text NOT NULL DEFAULT '',
    version     bigint NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at  timestamptz,
    ended_at    timestamptz,
    PRIMARY KEY (tenant_id, id),
    CHECK ((state IN ('SUCCEEDED', 'FAILED', 'CANCELLED')) = (ended_at IS NOT NULL)),
    CHECK ((owner IS NULL) = (lease_until IS NULL)),
    CHECK (ended_at IS NULL OR owner IS NULL)
);
CREATE UNIQUE INDEX operations_one_exclusive ON operations (tenant_id) WHERE exclusive AND ended_at IS NULL;
CREATE INDEX operations_due ON operations (run_after) WHERE ended_at IS NULL;
CREATE INDEX operations_by_age ON operations (created_at, id);
CALL protect_tenant_table('operations');
CREATE POLICY platform ON operations FOR SELECT TO landlord_platform USING (true);
CREATE POLICY platform_claims ON operations FOR UPDATE TO landlord_platform
    USING (ended_at IS NULL) WITH CHECK (ended_at IS NULL);
-- What was asked for, by whom and when, stays as it was; that what was asked for is forgotten in the end is the guard's.
GRANT SELECT, INSERT, UPDATE (params, state, step, epoch, attempts, owner, lease_until, run_after, percent, done_units,
                              total_units, waiting_for, error_code, error_reason, error_message, error_metadata, results,
                              ended_at)
    ON operations TO landlord_app;
GRANT SELECT, UPDATE (state, owner, lease_until, epoch, attempts, run_after, waiting_for, started_at, version)
    ON operations TO landlord_platform;

-- An operation that has ended stays as it ended, and no claim is ever taken back.
CREATE FUNCTION operation_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    -- All that may still change is that what was asked for is forgotten, with the tenant that it was asked for.
    IF OLD.ended_at IS NOT NULL AND NOT (NEW.params = '{}' AND to_jsonb(NEW) - 'params' = to_jsonb(OLD) - 'params') THEN
        RAISE EXCEPTION 'landlord:OPERATION_ENDED';
    END IF;
    IF OLD.ended_at IS NULL AND NEW.params <> OLD.params THEN
        RAISE EXCEPTION 'landlord:OPERATION_ALTERED';
    END IF;
    IF NEW.epoch < OLD.epoch THEN
        RAISE EXCEPTION 'landlord:OPERATION_FENCED';
    END IF;
    NEW.version := OLD.version + 1;
    RETURN NEW;
END
$$;
CREATE TRIGGER guard BEFORE UPDATE ON operations FOR EACH ROW EXECUTE FUNCTION operation_guard();

CREATE TABLE operation_steps (
    tenant_id    uuid NOT NULL REFERENCES tenant_identities (uid),
    operation_id uuid NOT NULL,
    position     integer NOT NULL,
    step         text NOT NULL,
    participant  text NOT NULL DEFAULT '',
    attempts     integer NOT NULL DEFAULT 0,
    done         boolean NOT NULL DEFAULT false,
    last_error   text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, operation_id, position),
    UNIQUE (tenant_id, operation_id, step, participant),
    FOREIGN KEY (tenant_id, operation_id) REFERENCES operations
);
CALL protect_tenant_table('operation_steps');
CREATE POLICY platform ON operation_steps FOR SELECT TO landlord_platform USING (true);
GRANT SELECT, INSERT, UPDATE (attempts, done, last_error) ON operation_steps TO landlord_app;
GRANT SELECT ON operation_steps TO landlord_platform;

-- What each participant has done in each phase of a tenant's life: the truth that the lifecycle moves on by.
CREATE TABLE participant_ledger (
    tenant_id   uuid NOT NULL REFERENCES tenant_identities (uid),
    generation  integer NOT NULL,
    participant text NOT NULL,
    phase       text NOT NULL CHECK (phase IN ('PROVISIONED', 'FROZEN', 'PURGED')),
    operation_id uuid NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, generation, participant, phase),
    FOREIGN KEY (tenant_id, operation_id) REFERENCES operations
);
CALL protect_tenant_table('participant_ledger');
GRANT SELECT, INSERT, DELETE, UPDATE (operation_id) ON participant_ledger TO landlord_app;

-- The first answers of changes that came with a request id, for their repeats. They belong to the caller's home.
CREATE TABLE requests (
    tenant_id  uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    user_id    uuid NOT NULL,
    method     text NOT NULL,
    request_id uuid NOT NULL,
    body_hash  bytea NOT NULL,
    answer     jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, user_id, method, request_id)
);
CREATE INDEX requests_by_age ON requests (created_at);
ALTER TABLE requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE requests FORCE ROW LEVEL SECURITY;
CREATE POLICY actor_scope ON requests USING (tenant_id = current_actor_tenant()) WITH CHECK (tenant_id = current_actor_tenant());
-- They go with their tenant; what a DELETE does not see it does not remove.
CREATE POLICY tenant_read ON requests FOR SELECT USING (tenant_id = current_tenant());
CREATE POLICY tenant_remove ON requests FOR DELETE USING (tenant_id = current_tenant());
CREATE POLICY platform ON requests FOR DELETE TO landlord_platform USING (created_at < clock_timestamp() - interval '1 hour');
CREATE POLICY platform_read ON requests FOR SELECT TO landlord_platform USING (true);
GRANT SELECT, INSERT, DELETE, UPDATE (body_hash, answer, created_at) ON requests TO landlord_app;
GRANT SELECT, DELETE ON requests TO landlord_platform;

-- Who changed what, for ever: the application can add to it and read it, no more.
CREATE TABLE audit_records (
    tenant_id      uuid NOT NULL REFERENCES tenant_identities (uid) DEFERRABLE INITIALLY DEFERRED,
    id             uuid NOT NULL DEFAULT gen_random_uuid(),
    at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    method         text NOT NULL,
    actor_tenant_id uuid NOT NULL,
    actor_id       uuid NOT NULL,
    acted_for      uuid,
    impersonation_reason text NOT NULL DEFAULT '',
    session_id     uuid,
    correlation_id text NOT NULL,
    request_id     uuid,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX audit_records_by_time ON audit_records (tenant_id, at, id);
CALL protect_tenant_table('audit_records');
GRANT SELECT, INSERT ON audit_records TO landlord_app;

-- The first statement of every transaction that acts for a caller. It takes the tenant of the transaction, and checks
-- again, in this transaction, all that the caller's permit claims: user, session and active tenant as they were when
-- the token was issued, and one of the privileges. A change holds user, session and active tenant until it commits: a
-- lock that commits first is seen, and one that comes later waits. Who takes a privilege or a membership away raises
-- the user's epoch, so that it bites the same way. Answers 'OK' or the reason to refuse.
CREATE FUNCTION enter_transaction(
    target uuid, home uuid, caller uuid, session uuid, user_epoch bigint, active uuid, tenant_epoch bigint,
    needed text[], for_change boolean
) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    found_epoch bigint;
    found_state text;
BEGIN
    PERFORM set_config('landlord.actor_tenant', home::text, true), set_config('landlord.tenant', home::text, true);
    IF for_change THEN
        SELECT epoch, state INTO found_epoch, found_state FROM users WHERE tenant_id = home AND id = caller FOR SHARE;
        IF NOT FOUND OR found_epoch <> user_epoch OR found_state <> 'ACTIVE' THEN RETURN 'TOKEN_INVALID'; END IF;
        PERFORM FROM sessions WHERE tenant_id = home AND id = session AND user_id = caller AND active_tenant_id = active
            AND ended_at IS NULL AND expires_at > clock_timestamp() FOR SHARE;
    ELSE
        SELECT epoch, state INTO found_epoch, found_state FROM users WHERE tenant_id = home AND id = caller;
        IF NOT FOUND OR found_epoch <> user_epoch OR found_state <> 'ACTIVE' THEN RETURN 'TOKEN_INVALID'; END IF;
        PERFORM FROM sessions WHERE tenant_id = home AND id = session AND user_id = caller AND active_tenant_id = active
            AND ended_at IS NULL AND expires_at > clock_timestamp();
    END IF;
    IF NOT FOUND THEN RETURN 'TOKEN_INVALID'; END IF;

    PERFORM set_config('landlord.tenant', active::text, true);
    IF for_change THEN
        SELECT epoch, state INTO found_epoch, found_state FROM tenants WHERE tenant_id = active FOR SHARE;
    ELSE
        SELECT epoch, state INTO found_epoch, found_state FROM tenants WHERE tenant_id = active;
    END IF;
    IF NOT FOUND OR found_epoch <> tenant_epoch OR found_state <> 'ACTIVE' THEN RETURN 'TOKEN_INVALID'; END IF;
    PERFORM FROM memberships WHERE tenant_id = active AND user_id = caller AND home_tenant_id = home;
    IF NOT FOUND THEN RETURN 'TOKEN_INVALID'; END IF;
    IF cardinality(needed) > 0 THEN
        PERFORM FROM user_privileges WHERE tenant_id = active AND user_id = caller AND privilege = ANY (needed);
        IF NOT FOUND THEN RETURN 'PRIVILEGE_MISSING'; END IF;
    END IF;

    PERFORM set_config('landlord.tenant', target::text, true);
    RETURN 'OK';
END
$$;
GRANT EXECUTE ON FUNCTION enter_transaction TO landlord_app;

-- Removes a batch of the rows of the transaction's tenant from one table, whichever rows come first.
CREATE FUNCTION remove_batch(relation text, most bigint) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    EXECUTE format('DELETE FROM %I WHERE ctid = ANY (ARRAY(SELECT ctid FROM %I WHERE tenant_id = current_tenant() LIMIT $1))
                    AND tenant_id = current_tenant()', relation, relation) USING most;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END
$$;
GRANT EXECUTE ON FUNCTION remove_batch TO landlord_app;

-- The rows of one table of the directory, as objects without their tenant.
CREATE FUNCTION directory_records(relation text) RETURNS jsonb[]
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    found jsonb[];
BEGIN
    EXECUTE format('SELECT coalesce(array_agg(to_jsonb(r) - ''tenant_id'' - ''home_tenant_id''), ''{}'')
                    FROM %I r WHERE tenant_id = current_tenant() AND ($1 OR to_jsonb(r) ->> ''home_tenant_id'' = $2)',
                   relation) INTO found USING relation <> 'memberships', current_tenant()::text;
    RETURN found;
END
$$;
GRANT EXECUTE ON FUNCTION directory_records TO landlord_app;

-- Adds such an object as a row of the transaction's tenant. The root group takes that tenant's name.
CREATE FUNCTION add_directory_record(relation text, body jsonb) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    columns text;
BEGIN
    SELECT string_agg(quote_ident(attname), ', ') INTO columns FROM pg_attribute
    WHERE attrelid = relation::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
      AND (body ? attname OR attname IN ('tenant_id', 'home_tenant_id'));
    body := body || jsonb_build_object('tenant_id', current_tenant(), 'home_tenant_id', current_tenant());
    IF relation = 'groups' AND body ->> 'tenant_name' IS NOT NULL THEN
        body := body || (SELECT jsonb_build_object('tenant_name', display_name) FROM tenants WHERE tenant_id = current_tenant());
    END IF;
    EXECUTE format('INSERT INTO %I (%s) SELECT %s FROM jsonb_populate_record(NULL::%I, $1)',
                   relation, columns, columns, relation) USING body;
    RETURN true;
END
$$;
GRANT EXECUTE ON FUNCTION add_directory_record TO landlord_app;
