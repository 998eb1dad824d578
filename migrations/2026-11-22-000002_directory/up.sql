-- The directory of each tenant: users, groups, roles, sessions, links.

CREATE TABLE users (
    tenant_id     uuid NOT NULL REFERENCES tenants,
    id            uuid NOT NULL,
    user_name     text NOT NULL,
    user_name_key text NOT NULL,
    email         text NOT NULL DEFAULT '',
    given_name    text NOT NULL DEFAULT '',
    family_name   text NOT NULL DEFAULT '',
    state         text NOT NULL CHECK (state IN ('INVITED', 'ACTIVE', 'LOCKED')),
    password_hash text,
    must_change_password boolean NOT NULL DEFAULT false,
    impersonation_target boolean NOT NULL DEFAULT false,
    epoch         bigint NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, user_name_key),
    -- superuser is only ever acted for.
    CHECK (user_name_key <> 'superuser' OR password_hash IS NULL)
);
CALL protect_tenant_table('users');
CREATE POLICY platform ON users FOR SELECT TO landlord_platform USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON users TO landlord_app;
GRANT SELECT ON users TO landlord_platform;

-- Who may work in a tenant: its own users, and guests whose home is another one.
CREATE TABLE memberships (
    tenant_id      uuid NOT NULL REFERENCES tenants,
    user_id        uuid NOT NULL,
    home_tenant_id uuid NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, user_id),
    -- Who is gone from home is a guest nowhere, whichever tenant the transaction is on.
    FOREIGN KEY (home_tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX memberships_by_home ON memberships (home_tenant_id, user_id);
CALL protect_tenant_table('memberships');
GRANT SELECT, INSERT, DELETE ON memberships TO landlord_app;

CREATE TABLE groups (
    tenant_id    uuid NOT NULL REFERENCES tenants,
    id           uuid NOT NULL,
    own_name     text,
    tenant_name  text,
    -- The root group is named after the tenant, by a key and not by diligence.
    name         text GENERATED ALWAYS AS (coalesce(tenant_name, own_name)) STORED NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name),
    FOREIGN KEY (tenant_id, tenant_name) REFERENCES tenants (tenant_id, display_name) ON UPDATE CASCADE,
    CHECK ((own_name IS NULL) <> (tenant_name IS NULL))
);
CREATE UNIQUE INDEX groups_one_root ON groups (tenant_id) WHERE tenant_name IS NOT NULL;
CALL protect_tenant_table('groups');
GRANT SELECT, INSERT, UPDATE, DELETE ON groups TO landlord_app;

CREATE TABLE group_members (
    tenant_id uuid NOT NULL REFERENCES tenants,
    group_id  uuid NOT NULL,
    user_id   uuid NOT NULL,
    PRIMARY KEY (tenant_id, group_id, user_id),
    FOREIGN KEY (tenant_id, group_id) REFERENCES groups,
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships ON DELETE CASCADE
);
CREATE INDEX group_members_by_user ON group_members (tenant_id, user_id);
CALL protect_tenant_table('group_members');
GRANT SELECT, INSERT, DELETE ON group_members TO landlord_app;

CREATE TABLE roles (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id        uuid NOT NULL,
    name      text NOT NULL,
    built_in  boolean NOT NULL DEFAULT false,
    read_only boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
);
CALL protect_tenant_table('roles');
GRANT SELECT, INSERT, UPDATE, DELETE ON roles TO landlord_app;

CREATE TABLE role_privileges (
    tenant_id uuid NOT NULL REFERENCES tenants,
    role_id   uuid NOT NULL,
    privilege text NOT NULL,
    PRIMARY KEY (tenant_id, role_id, privilege),
    FOREIGN KEY (tenant_id, role_id) REFERENCES roles,
    -- What is about tenants can be held in the infrastructure tenant only.
    CHECK (tenant_id = '11111111-1111-1111-1111-111111111111'
           OR privilege NOT IN ('tenant-administrator', 'manage-tenants', 'impersonation'))
);
CALL protect_tenant_table('role_privileges');
GRANT SELECT, INSERT, DELETE ON role_privileges TO landlord_app;

CREATE TABLE user_roles (
    tenant_id uuid NOT NULL REFERENCES tenants,
    user_id   uuid NOT NULL,
    role_id   uuid NOT NULL,
    PRIMARY KEY (tenant_id, user_id, role_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, role_id) REFERENCES roles
);
CREATE INDEX user_roles_by_role ON user_roles (tenant_id, role_id);
CALL protect_tenant_table('user_roles');
GRANT SELECT, INSERT, DELETE ON user_roles TO landlord_app;

CREATE TABLE group_roles (
    tenant_id uuid NOT NULL REFERENCES tenants,
    group_id  uuid NOT NULL,
    role_id   uuid NOT NULL,
    PRIMARY KEY (tenant_id, group_id, role_id),
    FOREIGN KEY (tenant_id, group_id) REFERENCES groups,
    FOREIGN KEY (tenant_id, role_id) REFERENCES roles
);
CREATE INDEX group_roles_by_role ON group_roles (tenant_id, role_id);
CALL protect_tenant_table('group_roles');
GRANT SELECT, INSERT, DELETE ON group_roles TO landlord_app;

-- What a user may do in the tenant of the transaction, through roles of its own and of its groups.
CREATE VIEW user_privileges WITH (security_invoker = true) AS
    SELECT ur.tenant_id, ur.user_id, rp.privilege
    FROM user_roles ur JOIN role_privileges rp USING (tenant_id, role_id)
    UNION
    SELECT gm.tenant_id, gm.user_id, rp.privilege
    FROM group_members gm JOIN group_roles gr USING (tenant_id, group_id) JOIN role_privileges rp USING (tenant_id, role_id);
GRANT SELECT ON user_privileges TO landlord_app;

-- Activation and reset links. The code that the mail carries is not stored, only its hash.
CREATE TABLE links (
    tenant_id   uuid NOT NULL REFERENCES tenants,
    id          uuid NOT NULL,
    user_id     uuid NOT NULL,
    purpose     text NOT NULL CHECK (purpose IN ('ACTIVATION', 'RESET')),
    code_hash   bytea NOT NULL CHECK (octet_length(code_hash) = 32),
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, code_hash),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users
);
CREATE INDEX links_by_code ON links (code_hash);
CREATE INDEX links_by_user ON links (tenant_id, user_id);
CALL protect_tenant_table('links');
CREATE POLICY platform ON links FOR SELECT TO landlord_platform USING (true);
-- What has expired is kept for a while, so that who comes late is told so, and then removed.
CREATE POLICY platform_expiry ON links FOR DELETE TO landlord_platform
    USING (expires_at < clock_timestamp() - interval '30 days');
GRANT SELECT, INSERT, UPDATE (used_at, expires_at), DELETE ON links TO landlord_app;
GRANT SELECT, DELETE ON links TO landlord_platform;

-- Sessions live with the user's home; the active tenant may be another one.
CREATE TABLE sessions (
    tenant_id        uuid NOT NULL REFERENCES tenants,
    id               uuid NOT NULL,
    user_id          uuid NOT NULL,
    active_tenant_id uuid NOT NULL REFERENCES tenant_identities (uid),
    refresh_generation integer NOT NULL DEFAULT 1,
    refresh_hash     bytea NOT NULL,
    refreshed_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at       timestamptz NOT NULL,
    ended_at         timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users
);
CREATE INDEX sessions_by_user ON sessions (tenant_id, user_id);
CREATE INDEX sessions_by_expiry ON sessions (least(ended_at, expires_at));
CALL protect_tenant_table('sessions');
CREATE POLICY platform_expiry_read ON sessions FOR SELECT TO landlord_platform
    USING (least(ended_at, expires_at) < clock_timestamp() - interval '1 day');
CREATE POLICY platform_expiry ON sessions FOR DELETE TO landlord_platform
    USING (least(ended_at, expires_at) < clock_timestamp() - interval '1 day');
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO landlord_app;
GRANT SELECT, DELETE ON sessions TO landlord_platform;

-- The keys that sign access tokens, sealed by the root key. Of the platform as a whole.
CREATE TABLE signing_keys (
    kid        text PRIMARY KEY,
    sealed     bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT, INSERT, DELETE ON signing_keys TO landlord_platform;
