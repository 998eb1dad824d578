-- Licences by kind: what the kinds of the system licence are for, how much of each a tenant has, and who has a seat.

-- One letter is a name, too.
ALTER TABLE system_licenses
    DROP CONSTRAINT system_licenses_kind_check,
    ADD CONSTRAINT system_licenses_kind_check CHECK (kind ~ '^[a-z][a-z0-9-]{0,38}$'),
    -- Whether who has a seat of it may log in to a tenant that has licences.
    ADD COLUMN permits_log_in boolean NOT NULL DEFAULT false;
UPDATE system_licenses SET permits_log_in = true WHERE kind = 'base';
ALTER TABLE system_licenses ADD CONSTRAINT system_licenses_base_check CHECK (kind <> 'base' OR permits_log_in);
GRANT INSERT (kind, quantity, permits_log_in), UPDATE (permits_log_in), DELETE ON system_licenses TO landlord_app;

-- The function privileges that a kind opens.
CREATE TABLE license_privileges (
    kind      text REFERENCES system_licenses ON DELETE CASCADE CHECK (kind <> 'base'),
    privilege text REFERENCES function_privileges (name),
    PRIMARY KEY (kind, privilege)
);
GRANT SELECT, INSERT, DELETE ON license_privileges TO landlord_app;

-- The same with `base`, which opens what nothing else opens.
CREATE VIEW opened_privileges WITH (security_invoker = true) AS
    SELECT kind, privilege FROM license_privileges
    UNION ALL
    SELECT 'base', name FROM function_privileges WHERE name NOT IN (SELECT privilege FROM license_privileges);
GRANT SELECT ON opened_privileges TO landlord_app;

-- How much each tenant has of the system licence, and how much of that is in use. A tenant without a row is not metered.
CREATE TABLE tenant_licenses (
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    kind      text NOT NULL REFERENCES system_licenses,
    quantity  bigint NOT NULL CHECK (quantity BETWEEN 1 AND 1000000000),
    -- Seats that users have; the triggers of user_licenses keep it.
    used      bigint NOT NULL DEFAULT 0 CHECK (used >= 0),
    PRIMARY KEY (tenant_id, kind),
    CHECK (tenant_id <> '11111111-1111-1111-1111-111111111111')
);
CALL protect_tenant_table('tenant_licenses');
CREATE POLICY platform ON tenant_licenses FOR SELECT TO landlord_platform USING (true);
GRANT SELECT, INSERT (tenant_id, kind, quantity), UPDATE (quantity, used), DELETE ON tenant_licenses TO landlord_app;
GRANT SELECT ON tenant_licenses TO landlord_platform;

-- The seats that users have. They go with the membership.
CREATE TABLE user_licenses (
    tenant_id uuid NOT NULL REFERENCES tenants,
    user_id   uuid NOT NULL,
    kind      text NOT NULL,
    PRIMARY KEY (tenant_id, user_id, kind),
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, kind) REFERENCES tenant_licenses
);
CREATE INDEX user_licenses_by_kind ON user_licenses (tenant_id, kind);
CALL protect_tenant_table('user_licenses');
GRANT SELECT, INSERT, DELETE ON user_licenses TO landlord_app;

-- The function privileges that the licences of a metered tenant do not open: nobody holds them there, whatever the roles
-- say. This is the only place that decides it.
CREATE VIEW unlicensed_privileges WITH (security_invoker = true) AS
    SELECT metered.tenant_id, f.name AS privilege
    FROM (SELECT DISTINCT tenant_id FROM tenant_licenses) metered CROSS JOIN function_privileges f
    WHERE NOT EXISTS (
        SELECT FROM tenant_licenses l JOIN opened_privileges o USING (kind)
        WHERE l.tenant_id = metered.tenant_id AND o.privilege = f.name);
GRANT SELECT ON unlicensed_privileges TO landlord_app;

CREATE OR REPLACE VIEW user_privileges WITH (security_invoker = true) AS
    SELECT tenant_id, user_id, privilege
    FROM (
        SELECT ur.tenant_id, ur.user_id, rp.privilege
        FROM user_roles ur JOIN role_privileges rp USING (tenant_id, role_id)
        UNION
        SELECT gm.tenant_id, gm.user_id, rp.privilege
        FROM group_members gm JOIN group_roles gr USING (tenant_id, group_id) JOIN role_privileges rp USING (tenant_id, role_id)
    ) held
    WHERE NOT EXISTS (
        SELECT FROM unlicensed_privileges u WHERE u.tenant_id = held.tenant_id AND u.privilege = held.privilege);

-- Takes seats of a kind from the system licence, or gives some back.
CREATE FUNCTION reserve_seats(kind text, seats bigint) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE system_licenses s SET reserved = s.reserved + seats
    WHERE s.kind = reserve_seats.kind AND (s.quantity IS NULL OR seats < 0 OR s.reserved + seats <= s.quantity);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'landlord:LICENSES_EXHAUSTED';
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION reserve_seats TO landlord_app;

ALTER TABLE tenant_limits
    -- Seats of the kind base that are allotted. A tenant takes these or its maximum of users, whichever is more.
    ADD COLUMN base_licenses bigint NOT NULL DEFAULT 0,
    -- Grows with each change of an allotment.
    ADD COLUMN license_version bigint NOT NULL DEFAULT 1;
GRANT UPDATE (base_licenses, license_version) ON tenant_limits TO landlord_app;

-- As before, but with allotted seats.
CREATE OR REPLACE FUNCTION limits_followed() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    before bigint := CASE WHEN TG_OP = 'INSERT' THEN 0 ELSE greatest(OLD.max_users, OLD.base_licenses) END;
    after bigint := CASE WHEN TG_OP = 'DELETE' THEN 0 ELSE greatest(NEW.max_users, NEW.base_licenses) END;
    warn integer;
    level record;
BEGIN
    IF after <> before THEN
        PERFORM reserve_seats('base', after - before);
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

-- Use grows up to what is allotted and no further, and no allotment is set below its use.
CREATE FUNCTION licenses_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.used > OLD.used AND NEW.used > NEW.quantity THEN
        RAISE EXCEPTION 'landlord:LICENSES_EXHAUSTED';
    END IF;
    IF NEW.quantity <> OLD.quantity AND NEW.used > NEW.quantity THEN
        RAISE EXCEPTION 'landlord:LIMIT_BELOW_USE';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER kept BEFORE UPDATE ON tenant_licenses FOR EACH ROW EXECUTE FUNCTION licenses_kept();

-- What is allotted is reserved from the system licence; and who comes near the end of a kind is warned once, on the way up.
CREATE FUNCTION licenses_followed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    own_kind CONSTANT text := coalesce(NEW.kind, OLD.kind);
    before CONSTANT bigint := coalesce(OLD.quantity, 0);
    after CONSTANT bigint := coalesce(NEW.quantity, 0);
    warn integer;
    level record;
BEGIN
    IF after <> before THEN
        UPDATE tenant_limits SET
            license_version = license_version + 1,
            base_licenses = CASE WHEN own_kind = 'base' THEN after ELSE base_licenses END
        WHERE tenant_id = coalesce(NEW.tenant_id, OLD.tenant_id);
        IF own_kind <> 'base' THEN
            PERFORM reserve_seats(own_kind, after - before);
        END IF;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        SELECT limit_warning_percent INTO warn FROM settings;
        FOR level IN
            SELECT * FROM (VALUES ('LICENSES_NEARLY_USED_UP', warn), ('LICENSES_USED_UP', 100)) AS levels (kind, percent)
            WHERE is_near(NEW.used, NEW.quantity, percent) AND NOT is_near(OLD.used, OLD.quantity, percent)
        LOOP
            PERFORM log_event(true, 'WARNING', level.kind, '',
                              jsonb_build_object('license', NEW.kind, 'used', NEW.used, 'limit', NEW.quantity),
                              NULL, NULL, '', NULL, NULL, '');
        END LOOP;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER followed AFTER INSERT OR UPDATE OR DELETE ON tenant_licenses
    FOR EACH ROW EXECUTE FUNCTION licenses_followed();

-- Counts seats as they are taken and given back. Who is deleted at home leaves seats in every tenant where it was a guest,
-- so this works for each of these tenants in turn.
CREATE FUNCTION seats_counted() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    current CONSTANT text := coalesce(current_setting('landlord.tenant', true), '');
    counted record;
BEGIN
    FOR counted IN
        SELECT tenant_id, kind, count(*) * CASE WHEN TG_OP = 'INSERT' THEN 1 ELSE -1 END AS seats
        FROM seats GROUP BY tenant_id, kind ORDER BY tenant_id, kind
    LOOP
        PERFORM set_config('landlord.tenant', counted.tenant_id::text, true);
        UPDATE tenant_licenses SET used = used + counted.seats
        WHERE tenant_id = counted.tenant_id AND kind = counted.kind;
    END LOOP;
    PERFORM set_config('landlord.tenant', current, true);
    RETURN NULL;
END
$$;
CREATE TRIGGER counted_in AFTER INSERT ON user_licenses REFERENCING NEW TABLE AS seats
    FOR EACH STATEMENT EXECUTE FUNCTION seats_counted();
CREATE TRIGGER counted_out AFTER DELETE ON user_licenses REFERENCING OLD TABLE AS seats
    FOR EACH STATEMENT EXECUTE FUNCTION seats_counted();
