DROP TRIGGER reserve ON uploads;
DROP TRIGGER free ON uploads;
DROP TRIGGER settle ON uploads;
DROP FUNCTION uploads_reserve();

CREATE FUNCTION upload_reserves() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    before bigint := CASE WHEN TG_OP = 'INSERT' OR OLD.result <> '' THEN 0 ELSE OLD.bytes END;
    after bigint := CASE WHEN TG_OP = 'DELETE' OR NEW.result <> '' THEN 0 ELSE NEW.bytes END;
BEGIN
    UPDATE tenant_limits SET storage_bytes = storage_bytes + after - before
    WHERE tenant_id = coalesce(NEW.tenant_id, OLD.tenant_id) AND after <> before;
    RETURN NULL;
END
$$;
CREATE TRIGGER reserves AFTER INSERT OR DELETE OR UPDATE OF result ON uploads FOR EACH ROW EXECUTE FUNCTION upload_reserves();
