-- Where tenants are placed, the settings of the platform, and its licence.

ALTER TABLE servers
    ADD COLUMN locale text NOT NULL DEFAULT 'en' CHECK (char_length(locale) BETWEEN 2 AND 35),
    -- Since when whoever watches it has said that it can't be reached.
    ADD COLUMN unreachable_since timestamptz,
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN version bigint NOT NULL DEFAULT 1;
GRANT UPDATE (region, time_zone, locale, unreachable_since, updated_at, version), DELETE ON servers TO landlord_app;
-- Before a server goes, and for the filter of the list.
CREATE INDEX tenants_by_server ON tenants (server);

ALTER TABLE settings
    ADD COLUMN multi_tenancy_enabled boolean NOT NULL DEFAULT true,
    ADD COLUMN force_delete_enabled boolean NOT NULL DEFAULT false,
    ADD COLUMN default_max_users bigint CHECK (default_max_users BETWEEN 1 AND 1000000000),
    ADD COLUMN default_disk_quota bigint CHECK (default_disk_quota BETWEEN 1 AND 1125899906842624),
    ADD COLUMN limit_warning_percent integer NOT NULL DEFAULT 90 CHECK (limit_warning_percent BETWEEN 1 AND 100);
COMMENT ON COLUMN settings.default_disk_quota IS 'bytes';
GRANT UPDATE (multi_tenancy_enabled, force_delete_enabled, default_max_users, default_disk_quota, limit_warning_percent)
    ON settings TO landlord_app;

-- The licence of the platform as a whole, by kind of seat. Without a quantity a kind is not limited.
CREATE TABLE system_licenses (
    kind     text PRIMARY KEY CHECK (kind ~ '^[a-z][a-z0-9-]{0,38}[a-z0-9]$'),
    quantity bigint CHECK (quantity BETWEEN 0 AND 1000000000),
    -- What tenants' limits have taken of it; the triggers of tenant_limits keep it.
    reserved bigint NOT NULL DEFAULT 0,
    version  bigint NOT NULL DEFAULT 1,
    CHECK (reserved >= 0),
    CHECK (quantity IS NULL OR reserved <= quantity)
);
INSERT INTO system_licenses (kind) VALUES ('base');
GRANT SELECT, UPDATE (quantity, reserved, version) ON system_licenses TO landlord_app;
