-- The assets are lost to the tenants; their content stays in the object store until somebody removes it there.
DROP TABLE assets;
DROP FUNCTION assets_counted;
DROP TABLE uploads;
DROP FUNCTION upload_reserves;
DROP TABLE blob_parts;
DROP TABLE blobs;
DROP FUNCTION blob_guard;
DROP TABLE tenant_keys;
-- The owner sees no tenant's rows unless it works for that tenant; here it has to see all.
ALTER TABLE tenant_limits NO FORCE ROW LEVEL SECURITY;
UPDATE tenant_limits SET storage_bytes = 0;
ALTER TABLE tenant_limits FORCE ROW LEVEL SECURITY;
