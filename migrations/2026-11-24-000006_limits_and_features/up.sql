-- How much each tenant may have, how much it has, and which features.

CREATE TABLE tenant_limits (
    tenant_id     uuid PRIMARY KEY REFERENCES tenants ON DELETE CASCADE,
    -- Absent: no limit of its own.
    max_users     bigint CHECK (max_users BETWEEN 1 AND 1000000000),
    disk_quota    bigint CHECK (disk_quota BETWEEN 1 AND 1125899906842624),
    -- What is in use. Accounts at home in the tenant, without superuser; the triggers of users keep it.
    users         bigint NOT NULL DEFAULT 0 CHECK (users >= 0),
    storage_bytes bigint NOT NULL DEFAULT 0 CHECK (storage_bytes >= 0),
    version       bigint NOT NULL DEFAULT 1,
    CHECK (tenant_id <> '11111111-1111-1111-1111-111111111111' OR (max_users IS NULL AND disk_quota IS NULL))
);
COMMENT ON COLUMN tenant_limits.disk_quota IS 'bytes';
CALL protect_tenant_table('tenant_limits');
CREATE POLICY platform ON tenant_limits FOR SELECT TO landlord_platform USING (true);
GRANT SELECT, INSERT (tenant_id), UPDATE (max_users, disk_quota, users, storage_bytes) ON tenant_limits TO landlord_app;
GRANT SELECT ON tenant_limits TO landlord_platform;

-- Use grows up to its limit and no further, and no limit is set below its use. Use that shrinks is always let through.
CREATE FUNCTION limits_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.users > OLD.users AND NEW.users > NEW.max_users THEN
        RAISE EXCEPTION 'landlord:USER_LIMIT_REACHED';
    END IF;
    IF NEW.storage_bytes > OLD.storage_bytes AND NEW.storage_bytes > NEW.disk_quota THEN
        RAISE EXCEPTION 'landlord:DISK_QUOTA_EXCEEDED';
    END IF;
    IF NEW.max_users IS DISTINCT FROM OLD.max_users AND NEW.users > NEW.max_users
        OR NEW.disk_quota IS DISTINCT FROM OLD.disk_quota AND NEW.storage_bytes > NEW.disk_quota THEN
        RAISE EXCEPTION 'landlord:LIMIT_BELOW_USE';
    END IF;
    IF (NEW.max_users, NEW.disk_quota) IS DISTINCT FROM (OLD.max_users, OLD.disk_quota) THEN
        NEW.version := OLD.version + 1;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER kept BEFORE UPDATE ON tenant_limits FOR EACH ROW EXECUTE FUNCTION limits_kept();

-- Whether so much of a limit is used that people are to be warned.
CREATE FUNCTION is_near(used bigint, most bigint, percent bigint) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    RETURN coalesce(used::numeric * 100 >= most::numeric * percent, false);
GRANT EXECUTE ON FUNCTION is_near TO landlord_app;

-- A maximum of users is reserved from the base kind of the system licence as long as it is set; and who comes near a
-- limit is warned once, on the way up.
CREATE FUNCTION limits_followed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
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
CREATE TRIGGER followed AFTER INSERT OR UPDATE OR DELETE ON tenant_limits FOR EACH ROW EXECUTE FUNCTION limits_followed();

CREATE TABLE default_features (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    features text[] NOT NULL DEFAULT '{}' CHECK (cardinality(features) <= 200),
    version  bigint NOT NULL DEFAULT 1
);
COMMENT ON TABLE default_features IS 'one row: the features that a tenant gets which is made without others';
INSERT INTO default_features DEFAULT VALUES;
GRANT SELECT, UPDATE (features, version) ON default_features TO landlord_app;

CREATE TABLE tenant_features (
    tenant_id uuid PRIMARY KEY REFERENCES tenants ON DELETE CASCADE,
    features  text[] NOT NULL DEFAULT '{}' CHECK (cardinality(features) <= 200),
    version   bigint NOT NULL DEFAULT 1
);
CALL protect_tenant_table('tenant_features');
GRANT SELECT, INSERT (tenant_id, features), UPDATE (features, version) ON tenant_features TO landlord_app;

-- No tenant is without limits and features, whoever makes it.
CREATE FUNCTION tenant_companions() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO tenant_limits (tenant_id) VALUES (NEW.tenant_id);
    INSERT INTO tenant_features (tenant_id, features) SELECT NEW.tenant_id, features FROM default_features;
    RETURN NULL;
END
$$;
CREATE TRIGGER companions AFTER INSERT ON tenants FOR EACH ROW EXECUTE FUNCTION tenant_companions();

-- The owner sees no tenant's rows unless it works for that tenant; here it has to see all.
ALTER TABLE tenants NO FORCE ROW LEVEL SECURITY;
ALTER TABLE users NO FORCE ROW LEVEL SECURITY;
ALTER TABLE tenant_limits NO FORCE ROW LEVEL SECURITY;
ALTER TABLE tenant_features NO FORCE ROW LEVEL SECURITY;
INSERT INTO tenant_limits (tenant_id, users)
    SELECT tenant_id, (SELECT count(*) FROM users u WHERE u.tenant_id = t.tenant_id AND user_name_key <> 'superuser')
    FROM tenants t;
INSERT INTO tenant_features (tenant_id) SELECT tenant_id FROM tenants;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
ALTER TABLE tenant_limits FORCE ROW LEVEL SECURITY;
ALTER TABLE tenant_features FORCE ROW LEVEL SECURITY;

CREATE FUNCTION users_counted() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE tenant_limits l SET users = l.users + c.n
        FROM (SELECT tenant_id, count(*) AS n FROM added WHERE user_name_key <> 'superuser' GROUP BY tenant_id) c
        WHERE l.tenant_id = c.tenant_id;
    ELSE
        UPDATE tenant_limits l SET users = l.users - c.n
        FROM (SELECT tenant_id, count(*) AS n FROM removed WHERE user_name_key <> 'superuser' GROUP BY tenant_id) c
        WHERE l.tenant_id = c.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER counted_in AFTER INSERT ON users REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION users_counted();
CREATE TRIGGER counted_out AFTER DELETE ON users REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION users_counted();
