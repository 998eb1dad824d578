-- What the overview of a tenant says of its assets. They are counted as they come and go: a page has a thousand tenants.

ALTER TABLE tenant_limits ADD COLUMN assets bigint NOT NULL DEFAULT 0 CHECK (assets >= 0);
GRANT UPDATE (assets) ON tenant_limits TO landlord_app;
-- The owner sees no tenant's rows unless it works for that tenant; here it has to see all.
ALTER TABLE tenant_limits NO FORCE ROW LEVEL SECURITY;
ALTER TABLE assets NO FORCE ROW LEVEL SECURITY;
UPDATE tenant_limits l SET assets = (SELECT count(*) FROM assets a WHERE a.tenant_id = l.tenant_id);
ALTER TABLE tenant_limits FORCE ROW LEVEL SECURITY;
ALTER TABLE assets FORCE ROW LEVEL SECURITY;

-- As before, with the count.
CREATE OR REPLACE FUNCTION assets_counted() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        WITH came AS (SELECT tenant_id, blob_id, count(*) AS n FROM added GROUP BY 1, 2),
             counted AS (UPDATE blobs b SET assets = b.assets + c.n FROM came c
                         WHERE b.tenant_id = c.tenant_id AND b.id = c.blob_id
                         RETURNING b.tenant_id, CASE WHEN b.assets = c.n THEN b.bytes ELSE 0 END AS bytes)
        UPDATE tenant_limits l SET storage_bytes = l.storage_bytes + s.bytes, assets = l.assets + s.n
        FROM (SELECT tenant_id, sum(bytes) AS bytes, (SELECT count(*) FROM added a WHERE a.tenant_id = c.tenant_id) AS n
              FROM counted c GROUP BY 1) s WHERE l.tenant_id = s.tenant_id;
    ELSE
        WITH went AS (SELECT tenant_id, blob_id, count(*) AS n FROM removed GROUP BY 1, 2),
             counted AS (UPDATE blobs b SET assets = b.assets - w.n FROM went w
                         WHERE b.tenant_id = w.tenant_id AND b.id = w.blob_id
                         RETURNING b.tenant_id, CASE WHEN b.assets = 0 THEN b.bytes ELSE 0 END AS bytes)
        UPDATE tenant_limits l SET storage_bytes = l.storage_bytes - s.bytes, assets = l.assets - s.n
        FROM (SELECT tenant_id, sum(bytes) AS bytes, (SELECT count(*) FROM removed r WHERE r.tenant_id = c.tenant_id) AS n
              FROM counted c GROUP BY 1) s WHERE l.tenant_id = s.tenant_id;
    END IF;
    RETURN NULL;
END
$$;
