DROP TABLE user_licenses;
DROP FUNCTION seats_counted;
CREATE OR REPLACE VIEW user_privileges WITH (security_invoker = true) AS
    SELECT ur.tenant_id, ur.user_id, rp.privilege
    FROM user_roles ur JOIN role_privileges rp USING (tenant_id, role_id)
    UNION
    SELECT gm.tenant_id, gm.user_id, rp.privilege
    FROM group_members gm JOIN group_roles gr USING (tenant_id, group_id) JOIN role_privileges rp USING (tenant_id, role_id);
DROP VIEW unlicensed_privileges;
DROP TABLE tenant_licenses;
DROP FUNCTION licenses_followed();
DROP FUNCTION licenses_kept();
-- What was allotted is given back. The owner sees no tenant's rows unless it works for that tenant; here it has to see all.
ALTER TABLE tenant_limits NO FORCE ROW LEVEL SECURITY;
UPDATE tenant_limits SET base_licenses = 0 WHERE base_licenses > 0;
ALTER TABLE tenant_limits FORCE ROW LEVEL SECURITY;
CREATE OR REPLACE FUNCTION limits_followed() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    before bigint := CASE WHEN TG_OP = 'INSERT' THEN 0 ELSE coalesce(OLD.max_users, 0) END;
    after bigint := CASE WHEN TG_OP = 'DELETE' THEN 0 ELSE coalesce(NEW.max_users, 0) END;
    warn integer;
    level record;
BEGIN
    IF after <> before THEN
        UPDATE system_licenses SET reserved = reserved + after - before
        WHERE kind = 'base' AND (quantity IS NULL OR reserved + after - before <= quantity);
        IF NOT FOUND THEN
            RAISE EXCEPTION 'landlord:LICENSES_EXHAUSTED';
        END IF;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        SELECT limit_warning_percent INTO warn FROM settings;
        FOR level IN
            SELECT * FROM (VALUES
                ('USERS_NEAR_LIMIT', OLD.users, OLD.max_users, NEW.users, NEW.max_users, warn),
                ('USERS_AT_LIMIT', OLD.users, OLD.max_users, NEW.users, NEW.max_users, 100),
                ('STORAGE_NEAR_QUOTA', OLD.storage_bytes, OLD.disk_quota, NEW.storage_bytes, NEW.disk_quota, warn),
                ('STORAGE_AT_QUOTA', OLD.storage_bytes, OLD.disk_quota, NEW.storage_bytes, NEW.disk_quota, 100)
            ) AS levels (kind, old_used, old_most, used, most, percent)
            WHERE is_near(used, most, percent) AND NOT is_near(old_used, old_most, percent)
        LOOP
            PERFORM log_event(true, 'WARNING', level.kind, '', jsonb_build_object('used', level.used, 'limit', level.most),
                              NULL, NULL, '', NULL, NULL, '');
        END LOOP;
    END IF;
    RETURN NULL;
END
$$;
DROP FUNCTION reserve_seats;
REVOKE UPDATE (base_licenses, license_version) ON tenant_limits FROM landlord_app;
ALTER TABLE tenant_limits DROP COLUMN base_licenses, DROP COLUMN license_version;
DROP VIEW opened_privileges;
DROP TABLE license_privileges;
DELETE FROM system_licenses WHERE kind <> 'base';
REVOKE INSERT (kind, quantity, permits_log_in), UPDATE (permits_log_in), DELETE ON system_licenses FROM landlord_app;
ALTER TABLE system_licenses
    DROP CONSTRAINT system_licenses_base_check,
    DROP COLUMN permits_log_in,
    DROP CONSTRAINT system_licenses_kind_check,
    ADD CONSTRAINT system_licenses_kind_check CHECK (kind ~ '^[a-z][a-z0-9-]{0,38}[a-z0-9]$');
