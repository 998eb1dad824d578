-- How often people log in to each tenant.

-- Each log-in is a row of its own, so that none waits for another one of the same tenant. Once their quarter of an hour is over,
-- the rows of a tenant are folded into one; no time zone has a midnight within a quarter.
CREATE TABLE log_ins (
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Of the session; of folded rows one of their own.
    id        uuid NOT NULL DEFAULT gen_random_uuid(),
    count     bigint NOT NULL DEFAULT 1 CHECK (count > 0),
    folded    boolean NOT NULL DEFAULT false CHECK (folded OR count = 1),
    PRIMARY KEY (tenant_id, at, id) INCLUDE (count)
);
CREATE INDEX log_ins_to_fold ON log_ins (at) WHERE NOT folded;
CREATE INDEX log_ins_by_age ON log_ins (at) WHERE folded;
CALL protect_tenant_table('log_ins');
CREATE POLICY platform ON log_ins FOR SELECT TO landlord_platform USING (true);
CREATE POLICY platform_fold ON log_ins FOR DELETE TO landlord_platform
    USING (NOT folded AND at < clock_timestamp() - interval '15 minutes');
CREATE POLICY platform_folded ON log_ins FOR INSERT TO landlord_platform WITH CHECK (folded);
CREATE POLICY platform_expiry ON log_ins FOR DELETE TO landlord_platform
    USING (folded AND at < clock_timestamp() - interval '14 days');
GRANT SELECT, INSERT (tenant_id, id) ON log_ins TO landlord_app;
GRANT SELECT, DELETE, INSERT (tenant_id, at, count, folded) ON log_ins TO landlord_platform;

-- Whoever begins a session has logged in to the tenant in which it begins. It works for the home of its user, this for that
-- tenant.
CREATE FUNCTION log_in_counted() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    home CONSTANT text := coalesce(current_setting('landlord.tenant', true), '');
BEGIN
    PERFORM set_config('landlord.tenant', NEW.active_tenant_id::text, true);
    INSERT INTO log_ins (tenant_id, id) VALUES (NEW.active_tenant_id, NEW.id);
    PERFORM set_config('landlord.tenant', home, true);
    RETURN NULL;
END
$$;
CREATE TRIGGER counted AFTER INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION log_in_counted();

-- How often people have logged in to each of these tenants since the time in the same place.
CREATE FUNCTION log_ins_since(uids uuid[], since timestamptz[]) RETURNS bigint[]
    LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT ARRAY(
        SELECT (SELECT coalesce(sum(count), 0)::bigint FROM log_ins WHERE tenant_id = asked.tenant AND at >= asked.since)
        FROM unnest(uids, since) WITH ORDINALITY AS asked (tenant, since, place)
        ORDER BY place)
$$;
GRANT EXECUTE ON FUNCTION log_ins_since TO landlord_app, landlord_platform;
