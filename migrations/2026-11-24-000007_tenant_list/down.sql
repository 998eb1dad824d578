CREATE INDEX tenants_by_name ON tenants (lower(display_name), tenant_id);
CREATE INDEX tenants_by_state ON tenants (state, tenant_id);
DROP FUNCTION tenants_changed, cluster_identity;
DROP TRIGGER gone ON tenants;
DROP FUNCTION tenant_gone();
DROP TRIGGER changed ON tenants;
DROP FUNCTION tenant_changed();
ALTER TABLE tenant_identities DROP COLUMN gone_xid;
ALTER TABLE tenants DROP COLUMN changed_xid;
