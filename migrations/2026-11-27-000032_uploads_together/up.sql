-- Uploads begin and end many at a time: what they take from the quota is counted once for all that a statement changes.

DROP TRIGGER reserves ON uploads;
DROP FUNCTION upload_reserves();

CREATE FUNCTION uploads_reserve() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE tenant_limits l SET storage_bytes = l.storage_bytes + c.bytes
        FROM (SELECT tenant_id, sum(bytes)::bigint AS bytes FROM came WHERE result = '' GROUP BY tenant_id) c
        WHERE l.tenant_id = c.tenant_id AND c.bytes <> 0;
    ELSIF TG_OP = 'DELETE' THEN
        UPDATE tenant_limits l SET storage_bytes = l.storage_bytes - w.bytes
        FROM (SELECT tenant_id, sum(bytes)::bigint AS bytes FROM went WHERE result = '' GROUP BY tenant_id) w
        WHERE l.tenant_id = w.tenant_id AND w.bytes <> 0;
    ELSE
        UPDATE tenant_limits l SET storage_bytes = l.storage_bytes + c.bytes
        FROM (SELECT tenant_id, sum(bytes)::bigint AS bytes
              FROM (SELECT tenant_id, bytes FROM came WHERE result = ''
                    UNION ALL SELECT tenant_id, -bytes FROM went WHERE result = '') changed
              GROUP BY tenant_id) c
        WHERE l.tenant_id = c.tenant_id AND c.bytes <> 0;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER reserve AFTER INSERT ON uploads REFERENCING NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION uploads_reserve();
CREATE TRIGGER free AFTER DELETE ON uploads REFERENCING OLD TABLE AS went
    FOR EACH STATEMENT EXECUTE FUNCTION uploads_reserve();
CREATE TRIGGER settle AFTER UPDATE ON uploads REFERENCING OLD TABLE AS went NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION uploads_reserve();
