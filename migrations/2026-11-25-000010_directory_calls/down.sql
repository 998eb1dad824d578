CREATE OR REPLACE FUNCTION enter_transaction(
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
DROP INDEX role_privileges_by_privilege;
ALTER TABLE role_privileges DROP COLUMN function_privilege, DROP COLUMN defined_privilege;
DROP TABLE privileges;
DROP TABLE function_privileges;
DROP TRIGGER touch ON roles;
DROP TRIGGER touch ON groups;
ALTER TABLE roles DROP COLUMN description, DROP COLUMN created_at, DROP COLUMN updated_at, DROP COLUMN version;
ALTER TABLE groups DROP COLUMN description, DROP COLUMN updated_at, DROP COLUMN version;
DROP VIEW directory_users;
REVOKE SELECT, INSERT (tenant_id, user_id, home_tenant_id) ON memberships FROM landlord_platform;
DROP POLICY platform_assign ON memberships;
DROP POLICY platform ON memberships;
DROP POLICY between_home_and_host ON tenant_identities;
DROP POLICY guests ON users;
DROP POLICY home_remove ON memberships;
DROP POLICY home_read ON memberships;
DROP INDEX memberships_between;
DROP TRIGGER touch ON users;
DROP FUNCTION touch_row;
ALTER TABLE users DROP COLUMN folded;
