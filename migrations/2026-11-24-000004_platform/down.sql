DROP TABLE system_licenses;
ALTER TABLE settings
    DROP COLUMN multi_tenancy_enabled, DROP COLUMN force_delete_enabled, DROP COLUMN default_max_users,
    DROP COLUMN default_disk_quota, DROP COLUMN limit_warning_percent;
DROP INDEX tenants_by_server;
REVOKE DELETE ON servers FROM landlord_app;
ALTER TABLE servers
    DROP COLUMN locale, DROP COLUMN unreachable_since, DROP COLUMN updated_at, DROP COLUMN version;
