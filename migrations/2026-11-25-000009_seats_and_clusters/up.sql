-- Warnings of a system licence that runs out, and status logs that outlive the cluster they were written in.

-- The operators are told once, on the way up, when nearly and when all seats of a kind are reserved: because a tenant's limits
-- took more, or because there are fewer.
CREATE FUNCTION seats_followed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    warn integer;
    level record;
BEGIN
    -- Whoever repairs something by hand works for no tenant.
    IF current_tenant() IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT limit_warning_percent INTO warn FROM settings;
    FOR level IN
        SELECT * FROM (VALUES ('SEATS_NEARLY_RESERVED', warn), ('SEATS_ALL_RESERVED', 100)) AS levels (kind, percent)
        WHERE is_near(NEW.reserved, NEW.quantity, percent) AND NOT is_near(OLD.reserved, OLD.quantity, percent)
    LOOP
        -- In the operators' log alone: what other tenants have taken is nothing for the one that asks for more.
        INSERT INTO events (tenant_id, severity, kind, subject_id, resource, details)
        VALUES ('11111111-1111-1111-1111-111111111111', 'WARNING', level.kind, current_tenant(), 'systemLicense',
                jsonb_build_object('seats', NEW.kind, 'used', NEW.reserved, 'limit', NEW.quantity));
    END LOOP;
    RETURN NULL;
END
$$;
CREATE TRIGGER followed AFTER UPDATE ON system_licenses FOR EACH ROW EXECUTE FUNCTION seats_followed();

-- The numbers of transactions mean something within one cluster, up to a failover. Rows that a dump or a replication brings into
-- another one keep the number of the transaction that wrote them, so they also keep which cluster that was.
GRANT EXECUTE ON FUNCTION cluster_identity TO landlord_app;
ALTER TABLE events ADD COLUMN cluster text NOT NULL DEFAULT cluster_identity();
ALTER TABLE event_marks ADD COLUMN cluster text NOT NULL DEFAULT cluster_identity();
ALTER TABLE event_clears ADD COLUMN cluster text NOT NULL DEFAULT cluster_identity();
GRANT UPDATE (cluster) ON event_marks, event_clears TO landlord_app;

-- Whether what a transaction of one cluster wrote was there for somebody who looked in another, or the same: what was written
-- elsewhere was there before anybody could look here, and what is written here was not there when somebody looked elsewhere.
CREATE FUNCTION was_there(written_in text, xid xid8, looked_in text, look pg_snapshot, here text) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN written_in = looked_in THEN pg_visible_in_snapshot(xid, look) ELSE looked_in = here END;
GRANT EXECUTE ON FUNCTION was_there TO landlord_app;
