-- What the calls on users, groups, roles and privileges need: versions, guests, and privileges that tenants define.

ALTER TABLE users
    -- What people find a user by, without regard to case, a line for each name; the application writes it.
    ADD COLUMN folded text NOT NULL DEFAULT '';
-- The owner sees no tenant's rows unless it works for that tenant; here it has to see all.
ALTER TABLE users NO FORCE ROW LEVEL SECURITY;
UPDATE users SET folded = lower(concat_ws(E'\n', user_name, given_name || ' ' || family_name, email));
ALTER TABLE users FORCE ROW LEVEL SECURITY;

-- Version and time of change follow every change of what people see.
CREATE FUNCTION touch_row() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$$;
CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW
    WHEN ((OLD.user_name, OLD.email, OLD.given_name, OLD.family_name, OLD.state, OLD.default_tenant_id, OLD.language)
        IS DISTINCT FROM
          (NEW.user_name, NEW.email, NEW.given_name, NEW.family_name, NEW.state, NEW.default_tenant_id, NEW.language))
    EXECUTE FUNCTION touch_row();

-- Guests. Home sees where its users work, and can call them back; the host sees who its guests are and where they are at
-- home. These are for the application alone: what the platform's role sees is said below.
CREATE INDEX memberships_between ON memberships (tenant_id, home_tenant_id);
CREATE POLICY home_read ON memberships FOR SELECT TO landlord_app USING (home_tenant_id = current_tenant());
CREATE POLICY home_remove ON memberships FOR DELETE TO landlord_app USING (home_tenant_id = current_tenant());
CREATE POLICY guests ON users FOR SELECT TO landlord_app USING (
    tenant_id <> current_tenant() AND EXISTS (SELECT FROM memberships m
            WHERE m.tenant_id = current_tenant() AND m.user_id = users.id AND m.home_tenant_id = users.tenant_id));
CREATE POLICY between_home_and_host ON tenant_identities FOR SELECT TO landlord_app USING (
    EXISTS (SELECT FROM memberships m
            WHERE m.tenant_id = tenant_identities.uid AND m.home_tenant_id = current_tenant()
               OR m.tenant_id = current_tenant() AND m.home_tenant_id = tenant_identities.uid));
-- An operator assigns a user of the transaction's tenant to any other one; the other side needs no leave of its own.
CREATE POLICY platform ON memberships FOR SELECT TO landlord_platform USING (home_tenant_id = current_tenant());
CREATE POLICY platform_assign ON memberships FOR INSERT TO landlord_platform WITH CHECK (home_tenant_id = current_tenant());
GRANT SELECT, INSERT (tenant_id, user_id, home_tenant_id) ON memberships TO landlord_platform;

-- The users of the transaction's tenant as it may see them: its own, whether they work in it or not, and its guests.
CREATE VIEW directory_users WITH (security_invoker = true) AS
    SELECT u.tenant_id, u.id, u.tenant_id AS home_tenant_id, u.user_name, u.user_name_key, u.email, lower(u.email) AS email_key,
           u.given_name, u.family_name, lower(u.family_name || ' ' || u.given_name) AS family_key, u.folded, u.state,
           u.language, u.default_tenant_id, u.created_at, u.updated_at, u.version,
           m.user_id IS NOT NULL AS member
    FROM users u LEFT JOIN memberships m ON m.tenant_id = current_tenant() AND m.user_id = u.id
    WHERE u.tenant_id = current_tenant()
    UNION ALL
    SELECT m.tenant_id, u.id, u.tenant_id, u.user_name, u.user_name_key, u.email, lower(u.email),
           u.given_name, u.family_name, lower(u.family_name || ' ' || u.given_name), u.folded, u.state,
           u.language, NULL, m.created_at, u.updated_at, u.version, true
    FROM memberships m JOIN users u ON u.tenant_id = m.home_tenant_id AND u.id = m.user_id
    WHERE m.tenant_id = current_tenant() AND m.home_tenant_id <> current_tenant();
GRANT SELECT ON directory_users TO landlord_app;

-- Groups and roles have versions. Who is in a group does not change it, what a role allows does.
ALTER TABLE groups
    ADD COLUMN description text NOT NULL DEFAULT '' CHECK (char_length(description) <= 500),
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN version bigint NOT NULL DEFAULT 1;
ALTER TABLE roles
    ADD COLUMN description text NOT NULL DEFAULT '' CHECK (char_length(description) <= 500),
    ADD COLUMN created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN version bigint NOT NULL DEFAULT 1;
CREATE TRIGGER touch BEFORE UPDATE ON groups FOR EACH ROW EXECUTE FUNCTION touch_row();
CREATE TRIGGER touch BEFORE UPDATE ON roles FOR EACH ROW EXECUTE FUNCTION touch_row();

-- The function privileges, for keys to refer to. Privilege::ALL in src/domain/privilege.rs is the same list; a test
-- compares them.
CREATE TABLE function_privileges (name text PRIMARY KEY);
INSERT INTO function_privileges (name) VALUES
    ('user-administrator'), ('tenant-administrator'), ('technical-configuration-administrator'), ('license-administrator'),
    ('analysis-administrator'), ('arcm-administrator'), ('collaboration-administrator'), ('database-administrator'),
    ('dashboard-administrator'), ('document-administrator'), ('portal-administrator'),
    ('process-governance-administrator'), ('server-administrator'), ('impersonation'), ('manage-tenants');
GRANT SELECT ON function_privileges TO landlord_app;

-- Privileges that a tenant defines for what stands in it, in name spaces: `category.finance`.
CREATE TABLE privileges (
    tenant_id    uuid NOT NULL REFERENCES tenants,
    id           text NOT NULL CHECK (id ~ '^(category|attribute|object-life-cycle)\.[a-z][a-z0-9-]{0,61}[a-z0-9]$'),
    display_name text NOT NULL DEFAULT '' CHECK (char_length(display_name) <= 200),
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, id)
);
CALL protect_tenant_table('privileges');
GRANT SELECT, INSERT, DELETE ON privileges TO landlord_app;

-- No role holds a privilege that is not there. One that a tenant no longer defines is held by none of its roles.
ALTER TABLE role_privileges
    ADD COLUMN function_privilege text GENERATED ALWAYS AS (CASE WHEN strpos(privilege, '.') = 0 THEN privilege END) STORED
        REFERENCES function_privileges (name),
    ADD COLUMN defined_privilege text GENERATED ALWAYS AS (CASE WHEN strpos(privilege, '.') > 0 THEN privilege END) STORED,
    ADD FOREIGN KEY (tenant_id, defined_privilege) REFERENCES privileges (tenant_id, id) ON DELETE CASCADE;
CREATE INDEX role_privileges_by_privilege ON role_privileges (tenant_id, privilege);

-- The same as before, but that the active tenant comes before the user. Whoever changes a directory holds its tenant and
-- then the users whom it changes; who is just entering must not hold its own account and wait for the tenant.
CREATE OR REPLACE FUNCTION enter_transaction(
    target uuid, home uuid, caller uuid, session uuid, user_epoch bigint, active uuid, tenant_epoch bigint,
    needed text[], for_change boolean
) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    found_epoch bigint;
    found_state text;
BEGIN
    PERFORM set_config('landlord.actor_tenant', home::text, true), set_config('landlord.tenant', active::text, true);
    IF for_change THEN
        SELECT epoch, state INTO found_epoch, found_state FROM tenants WHERE tenant_id = active FOR SHARE;
    ELSE
        SELECT epoch, state INTO found_epoch, found_state FROM tenants WHERE tenant_id = active;
    END IF;
    IF NOT FOUND OR found_epoch <> tenant_epoch OR found_state <> 'ACTIVE' THEN RETURN 'TOKEN_INVALID'; END IF;

    PERFORM set_config('landlord.tenant', home::text, true);
    IF for_change THEN
        SELECT epoch, state INTO found_epoch, found_state FROM users WHERE tenant_id = home AND id = caller FOR SHARE;
        IF NOT FOUND OR found_epoch <> user_epoch OR found_state <> 'ACTIVE' THEN RETURN 'TOKEN_INVALID'; END IF;
        PERFORM FROM sessions WHERE tenant_id = home AND id = session AND user_id = caller AND active_tenant_id = active
            AND ended_at IS NULL AND expires_at > clock_timestamp() FOR SHARE;
    ELSE
        SELECT epoch, state INTO found_epoch, found_state FROM users WHERE tenant_id = home AND id = caller;
        IF NOT FOUND OR found_epoch <> user_epoch OR found_state <> 'ACTIVE' THEN RETURN 'TOKEN_INVALID'; END IF;
        PERFORM FROM sessions WHERE tenant_id = home AND id = session AND user_id = caller AND active_tenant_id = active
            AND ended_at IS NULL AND expires_at > clock_timestamp();
    END IF;
    IF NOT FOUND THEN RETURN 'TOKEN_INVALID'; END IF;

    -- Read after the locks: a membership or a privilege that somebody took away meanwhile is missed.
    PERFORM set_config('landlord.tenant', active::text, true);
    PERFORM FROM memberships WHERE tenant_id = active AND user_id = caller AND home_tenant_id = home;
    IF NOT FOUND THEN RETURN 'TOKEN_INVALID'; END IF;
    IF cardinality(needed) > 0 THEN
        PERFORM FROM user_privileges WHERE tenant_id = active AND user_id = caller AND privilege = ANY (needed);
        IF NOT FOUND THEN RETURN 'PRIVILEGE_MISSING'; END IF;
    END IF;

    PERFORM set_config('landlord.tenant', target::text, true);
    RETURN 'OK';
END
$$;
