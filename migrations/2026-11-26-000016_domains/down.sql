-- Tenants have no domains and look alike again.
DROP TABLE tenant_domains;
CREATE OR REPLACE FUNCTION tenant_touch() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.tenant_id = '11111111-1111-1111-1111-111111111111' AND NEW.seq = OLD.seq AND OLD.seq > 0
        AND (NEW.company_name, NEW.protected, NEW.server, NEW.time_zone, NEW.email_notification)
            IS DISTINCT FROM (OLD.company_name, OLD.protected, OLD.server, OLD.time_zone, OLD.email_notification) THEN
        RAISE EXCEPTION 'landlord:TENANT_READ_ONLY';
    END IF;
    NEW.version := OLD.version + 1;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$$;
ALTER TABLE tenants
    DROP COLUMN domain, DROP COLUMN product_name, DROP COLUMN logo_url, DROP COLUMN primary_color, DROP COLUMN accent_color;
