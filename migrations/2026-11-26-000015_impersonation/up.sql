-- Acting for another account: who may, what it leaves behind, and the check that every step of it passes.

-- Users of the infrastructure tenant act in others; nobody acts in it.
ALTER TABLE users ADD CONSTRAINT users_target_check
    CHECK (NOT impersonation_target OR tenant_id <> '11111111-1111-1111-1111-111111111111');
CREATE INDEX users_marked ON users (tenant_id) WHERE impersonation_target;

-- Whoever acts for an account says why, wherever it is written down.
ALTER TABLE operations
    ADD COLUMN impersonation_reason text NOT NULL DEFAULT '',
    -- The call that asked for it: what it takes of actor and target is checked at each step.
    ADD COLUMN method text NOT NULL DEFAULT '',
    ADD CONSTRAINT operations_reason_check CHECK ((acted_for IS NULL) = (impersonation_reason = ''));
ALTER TABLE events
    ADD COLUMN impersonation_reason text NOT NULL DEFAULT '',
    ADD CONSTRAINT events_reason_check CHECK ((acted_for IS NULL) = (impersonation_reason = ''));
ALTER TABLE audit_records
    ADD CONSTRAINT audit_records_reason_check CHECK ((acted_for IS NULL) = (impersonation_reason = ''));

-- As before, with the reason. Triggers, and replicas of the version before, call it without one.
DROP FUNCTION log_event;
CREATE FUNCTION log_event(
    for_operators boolean, severity text, kind text, resource text, details jsonb, actor_tenant_id uuid, actor_id uuid,
    actor_name text, acted_for uuid, operation_id uuid, correlation_id text, impersonation_reason text DEFAULT ''
) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    operators CONSTANT uuid := '11111111-1111-1111-1111-111111111111';
    subject CONSTANT uuid := current_tenant();
    about CONSTANT text :=
        coalesce(nullif(resource, ''), (SELECT 'tenants/' || code FROM tenant_identities WHERE uid = subject), '');
    audience uuid;
BEGIN
    -- Whoever repairs something by hand works for no tenant.
    IF subject IS NULL THEN
        RETURN false;
    END IF;
    FOR audience IN
        SELECT tenant_id FROM tenants WHERE tenant_id = subject
        UNION SELECT operators WHERE for_operators
    LOOP
        INSERT INTO events (tenant_id, severity, kind, subject_id, resource, details, actor_tenant_id, actor_id, actor_name,
                            acted_for, operation_id, correlation_id, impersonation_reason)
        VALUES (audience, log_event.severity, log_event.kind, subject, about,
                -- What an operator does inside a tenant for somebody there, that tenant's own log has in full.
                CASE WHEN audience = operators AND log_event.acted_for IS NOT NULL AND log_event.operation_id IS NULL THEN '{}'
                     ELSE log_event.details END,
                log_event.actor_tenant_id, log_event.actor_id, log_event.actor_name, log_event.acted_for,
                log_event.operation_id, log_event.correlation_id, log_event.impersonation_reason);
    END LOOP;
    RETURN true;
END
$$;
GRANT EXECUTE ON FUNCTION log_event TO landlord_app;

-- Whether an actor may act for an account of a tenant: the actor is an active user of the infrastructure tenant and holds there
-- what it takes, the account is marked in that tenant, active, works there, and holds what it takes. Of each list one privilege
-- is needed; an empty one needs none. For a change all this holds until the transaction ends, for whoever changes a directory
-- holds its tenant. Answers 'OK' or the reason to refuse; the transaction then is on that tenant.
CREATE FUNCTION check_impersonation(
    tenant uuid, actor_home uuid, actor uuid, account uuid, of_actor text[], of_account text[], for_change boolean
) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    operators CONSTANT uuid := '11111111-1111-1111-1111-111111111111';
BEGIN
    IF actor_home <> operators THEN RETURN 'IMPERSONATION_NOT_PERMITTED'; END IF;
    PERFORM set_config('landlord.tenant', operators::text, true);
    IF for_change THEN
        PERFORM FROM tenants WHERE tenant_id = operators FOR SHARE;
        PERFORM FROM users WHERE tenant_id = operators AND id = actor AND state = 'ACTIVE' FOR SHARE;
    ELSE
        PERFORM FROM users WHERE tenant_id = operators AND id = actor AND state = 'ACTIVE';
    END IF;
    IF NOT FOUND THEN RETURN 'IMPERSONATION_NOT_PERMITTED'; END IF;
    PERFORM FROM user_privileges WHERE tenant_id = operators AND user_id = actor AND privilege = 'impersonation';
    IF NOT FOUND THEN RETURN 'IMPERSONATION_NOT_PERMITTED'; END IF;
    IF cardinality(of_actor) > 0 THEN
        PERFORM FROM user_privileges WHERE tenant_id = operators AND user_id = actor AND privilege = ANY (of_actor);
        IF NOT FOUND THEN RETURN 'PRIVILEGE_MISSING'; END IF;
    END IF;

    PERFORM set_config('landlord.tenant', tenant::text, true);
    IF for_change THEN
        PERFORM FROM tenants WHERE tenant_id = tenant FOR SHARE;
    END IF;
    PERFORM FROM users u JOIN memberships m ON (m.tenant_id, m.user_id) = (u.tenant_id, u.id)
        WHERE u.tenant_id = tenant AND u.id = account AND u.impersonation_target AND u.state = 'ACTIVE';
    IF NOT FOUND THEN RETURN 'IMPERSONATION_TARGET_NOT_DEFINED'; END IF;
    IF cardinality(of_account) > 0 THEN
        PERFORM FROM user_privileges WHERE tenant_id = tenant AND user_id = account AND privilege = ANY (of_account);
        IF NOT FOUND THEN RETURN 'IMPERSONATION_TARGET_UNDERPRIVILEGED'; END IF;
    END IF;
    RETURN 'OK';
END
$$;
GRANT EXECUTE ON FUNCTION check_impersonation TO landlord_app;

-- enter_transaction for a caller who acts for an account: the session stands, the tenant that is acted in is there and in use,
-- or locked, which keeps operators out of nothing, and all that check_impersonation wants. A change has that tenant alone.
-- The order of locks is the one of operators' other calls: the infrastructure tenant, the actor, the tenant.
CREATE FUNCTION enter_acting(
    tenant uuid, home uuid, caller uuid, session uuid, user_epoch bigint, active uuid, tenant_epoch bigint,
    account uuid, of_actor text[], of_account text[], for_change boolean
) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    operators CONSTANT uuid := '11111111-1111-1111-1111-111111111111';
    entered CONSTANT text :=
        enter_transaction(active, home, caller, session, user_epoch, active, tenant_epoch, '{}', for_change);
    found_state text;
BEGIN
    IF entered <> 'OK' THEN RETURN entered; END IF;
    IF active <> operators THEN RETURN 'IMPERSONATION_NOT_PERMITTED'; END IF;
    PERFORM set_config('landlord.tenant', tenant::text, true);
    IF for_change THEN
        SELECT state INTO found_state FROM tenants WHERE tenant_id = tenant FOR NO KEY UPDATE;
    ELSE
        SELECT state INTO found_state FROM tenants WHERE tenant_id = tenant;
    END IF;
    IF NOT FOUND THEN RETURN 'RESOURCE_NOT_FOUND'; END IF;
    IF found_state NOT IN ('ACTIVE', 'LOCKED') THEN RETURN 'TENANT_STATE_INVALID'; END IF;
    RETURN check_impersonation(tenant, home, caller, account, of_actor, of_account, for_change);
END
$$;
GRANT EXECUTE ON FUNCTION enter_acting TO landlord_app;

-- What an account needs that operators act for: in each tenant all of these that its licences open. OF_TARGET in
-- src/domain/impersonation.rs is the same list; a test compares them.
ALTER TABLE function_privileges ADD COLUMN of_target boolean NOT NULL DEFAULT false;
UPDATE function_privileges SET of_target = true
WHERE name NOT IN ('tenant-administrator', 'impersonation', 'manage-tenants');
GRANT SELECT ON function_privileges, license_privileges, opened_privileges, unlicensed_privileges TO landlord_platform;

-- What roles give, whatever the licences open.
CREATE VIEW held_privileges WITH (security_invoker = true) AS
    SELECT ur.tenant_id, ur.user_id, rp.privilege
    FROM user_roles ur JOIN role_privileges rp USING (tenant_id, role_id)
    UNION
    SELECT gm.tenant_id, gm.user_id, rp.privilege
    FROM group_members gm JOIN group_roles gr USING (tenant_id, group_id) JOIN role_privileges rp USING (tenant_id, role_id);
GRANT SELECT ON held_privileges TO landlord_app;
CREATE OR REPLACE VIEW user_privileges WITH (security_invoker = true) AS
    SELECT tenant_id, user_id, privilege
    FROM held_privileges held
    WHERE NOT EXISTS (
        SELECT FROM unlicensed_privileges u WHERE u.tenant_id = held.tenant_id AND u.privilege = held.privilege);

-- What a marked account lacks of that, licences aside. It is noted with the account, so that a list of tenants need not go
-- through their roles.
ALTER TABLE users ADD COLUMN lacks text[] NOT NULL DEFAULT '{}';
CREATE FUNCTION lacking(tenant uuid, account uuid) RETURNS text[]
    LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT ARRAY(
        SELECT name FROM function_privileges WHERE of_target
        EXCEPT SELECT privilege FROM held_privileges WHERE tenant_id = tenant AND user_id = account
        ORDER BY 1)
$$;
GRANT EXECUTE ON FUNCTION lacking TO landlord_app;

CREATE FUNCTION target_marked() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    NEW.lacks := CASE WHEN NEW.impersonation_target THEN lacking(NEW.tenant_id, NEW.id) ELSE '{}' END;
    RETURN NEW;
END
$$;
CREATE TRIGGER marked BEFORE INSERT OR UPDATE OF impersonation_target ON users
    FOR EACH ROW EXECUTE FUNCTION target_marked();

CREATE FUNCTION rights_changed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE users SET lacks = lacking(tenant_id, id)
    WHERE impersonation_target AND tenant_id IN (SELECT tenant_id FROM changed) AND lacks <> lacking(tenant_id, id);
    RETURN NULL;
END
$$;
DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['user_roles', 'group_members', 'group_roles', 'role_privileges'] LOOP
        EXECUTE format('CREATE TRIGGER rights_added AFTER INSERT ON %I REFERENCING NEW TABLE AS changed
                        FOR EACH STATEMENT EXECUTE FUNCTION rights_changed()', relation);
        EXECUTE format('CREATE TRIGGER rights_taken AFTER DELETE ON %I REFERENCING OLD TABLE AS changed
                        FOR EACH STATEMENT EXECUTE FUNCTION rights_changed()', relation);
    END LOOP;
    -- The owner sees no tenant's rows unless it works for that tenant; here it has to see all.
    FOREACH relation IN ARRAY ARRAY['users', 'user_roles', 'group_members', 'group_roles', 'role_privileges'] LOOP
        EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', relation);
    END LOOP;
    UPDATE users SET lacks = lacking(tenant_id, id) WHERE impersonation_target;
    FOREACH relation IN ARRAY ARRAY['users', 'user_roles', 'group_members', 'group_roles', 'role_privileges'] LOOP
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
    END LOOP;
END
$$;
