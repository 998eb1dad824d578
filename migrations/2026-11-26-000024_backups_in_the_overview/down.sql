CREATE OR REPLACE FUNCTION assets_counted() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        WITH came AS (SELECT tenant_id, blob_id, count(*) AS n FROM added GROUP BY 1, 2),
             counted AS (UPDATE blobs b SET assets = b.assets + c.n FROM came c
                         WHERE b.tenant_id = c.tenant_id AND b.id = c.blob_id
                         RETURNING b.tenant_id, CASE WHEN b.assets = c.n THEN b.bytes ELSE 0 END AS bytes)
        UPDATE tenant_limits l SET storage_bytes = l.storage_bytes + s.bytes
        FROM (SELECT tenant_id, sum(bytes) AS bytes FROM counted GROUP BY 1) s WHERE l.tenant_id = s.tenant_id;
    ELSE
        WITH went AS (SELECT tenant_id, blob_id, count(*) AS n FROM removed GROUP BY 1, 2),
             counted AS (UPDATE blobs b SET assets = b.assets - w.n FROM went w
                         WHERE b.tenant_id = w.tenant_id AND b.id = w.blob_id
                         RETURNING b.tenant_id, CASE WHEN b.assets = 0 THEN b.bytes ELSE 0 END AS bytes)
        UPDATE tenant_limits l SET storage_bytes = l.storage_bytes - s.bytes
        FROM (SELECT tenant_id, sum(bytes) AS bytes FROM counted GROUP BY 1) s WHERE l.tenant_id = s.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
ALTER TABLE tenant_limits DROP COLUMN assets;
