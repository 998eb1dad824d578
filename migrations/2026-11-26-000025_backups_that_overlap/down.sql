CREATE OR REPLACE FUNCTION asset_is_born() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    SELECT backup_seq INTO NEW.born FROM tenant_limits WHERE tenant_id = NEW.tenant_id;
    RETURN NEW;
END
$$;
DROP INDEX backups_running;
DO $$
BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM landlord_app', current_database());
END
$$;
