DROP TRIGGER counted_in ON users;
DROP TRIGGER counted_out ON users;
DROP FUNCTION users_counted();
DROP TRIGGER companions ON tenants;
DROP FUNCTION tenant_companions();
DROP TABLE tenant_features, default_features, tenant_limits;
DROP FUNCTION limits_followed();
DROP FUNCTION limits_kept();
DROP FUNCTION is_near;
-- Nothing holds a part of the licence any more.
UPDATE system_licenses SET reserved = 0;
