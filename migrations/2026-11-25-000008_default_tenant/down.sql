ALTER TABLE users DROP COLUMN version, DROP COLUMN language, DROP COLUMN default_tenant_id;
