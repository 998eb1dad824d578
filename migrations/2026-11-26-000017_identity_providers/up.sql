-- External identity: whose tokens count besides our own, and which users they speak for.

-- When the tokens of a user, or of all who work in a tenant, were ended last. A token of an identity provider carries no epoch:
-- one that was issued at or before that second does not count.
ALTER TABLE users ADD COLUMN epoch_at timestamptz NOT NULL DEFAULT '-infinity';
ALTER TABLE tenants ADD COLUMN epoch_at timestamptz NOT NULL DEFAULT '-infinity';
CREATE FUNCTION epoch_raised() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    NEW.epoch_at := clock_timestamp();
    RETURN NEW;
END
$$;
CREATE TRIGGER raised BEFORE UPDATE ON users FOR EACH ROW
    WHEN (NEW.epoch <> OLD.epoch) EXECUTE FUNCTION epoch_raised();
CREATE TRIGGER raised BEFORE UPDATE ON tenants FOR EACH ROW
    WHEN (NEW.epoch <> OLD.epoch) EXECUTE FUNCTION epoch_raised();

-- Who issues tokens that count. Of the platform as a whole. Who speaks, and for whom, never changes: users were linked in view of
-- it. Whoever could change it could come to act as any of them.
CREATE TABLE identity_providers (
    id         text PRIMARY KEY CHECK (id ~ '^[a-z][a-z0-9-]{1,38}[a-z0-9]$'),
    -- `iss` of its tokens, compared byte by byte.
    issuer     text NOT NULL UNIQUE CHECK (issuer ~ '^https?://' AND char_length(issuer) <= 255),
    -- Where its keys are; NULL: where its discovery document says.
    jwks_uri   text CHECK (jwks_uri ~ '^https?://' AND char_length(jwks_uri) <= 2000),
    -- For whose users alone it speaks; NULL: for those of every tenant but the infrastructure tenant.
    for_tenant uuid REFERENCES tenants ON DELETE CASCADE,
    -- One of them is in `aud` of its tokens.
    audiences  text[] NOT NULL CHECK (cardinality(audiences) BETWEEN 1 AND 20),
    -- How its tokens may be signed: never by a secret that is shared, and never not at all.
    algorithms text[] NOT NULL CHECK (cardinality(algorithms) > 0 AND algorithms <@
        ARRAY['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'EdDSA']),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    version    bigint NOT NULL DEFAULT 1
);
CREATE INDEX identity_providers_by_tenant ON identity_providers (for_tenant);
GRANT SELECT, INSERT (id, issuer, jwks_uri, for_tenant, audiences, algorithms), UPDATE (audiences, algorithms), DELETE
    ON identity_providers TO landlord_app;
GRANT SELECT ON identity_providers TO landlord_platform;
CREATE TRIGGER touch BEFORE UPDATE ON identity_providers FOR EACH ROW EXECUTE FUNCTION touch_row();

-- Which user a subject of a provider is. It is unique within a tenant alone: the same person may have accounts in several, and
-- none learns of the others.
CREATE TABLE user_identities (
    tenant_id  uuid NOT NULL REFERENCES tenants,
    id         uuid NOT NULL,
    user_id    uuid NOT NULL,
    provider   text NOT NULL REFERENCES identity_providers ON DELETE CASCADE,
    subject    text NOT NULL CHECK (char_length(subject) BETWEEN 1 AND 255),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, provider, subject),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX user_identities_by_user ON user_identities (tenant_id, user_id);
CREATE INDEX user_identities_by_subject ON user_identities (provider, subject);
CALL protect_tenant_table('user_identities');
CREATE POLICY platform ON user_identities FOR SELECT TO landlord_platform USING (true);
GRANT SELECT, INSERT (tenant_id, id, user_id, provider, subject), DELETE ON user_identities TO landlord_app;
GRANT SELECT ON user_identities TO landlord_platform;

-- A provider of one tenant speaks for no user of another, users of the infrastructure tenant need one of their own, and superuser
-- is only ever acted for.
CREATE FUNCTION identity_linked() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM FROM identity_providers p WHERE p.id = NEW.provider
        AND coalesce(p.for_tenant = NEW.tenant_id, NEW.tenant_id <> '11111111-1111-1111-1111-111111111111');
    IF NOT FOUND THEN
        RAISE EXCEPTION 'landlord:RESOURCE_NOT_FOUND';
    END IF;
    PERFORM FROM users WHERE tenant_id = NEW.tenant_id AND id = NEW.user_id AND user_name_key <> 'superuser';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'landlord:RESOURCE_PROTECTED';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER linked AFTER INSERT ON user_identities FOR EACH ROW EXECUTE FUNCTION identity_linked();

-- What a session began with; it goes with that. NULL: with a password.
ALTER TABLE sessions
    ADD COLUMN identity_id uuid,
    ADD FOREIGN KEY (tenant_id, identity_id) REFERENCES user_identities ON DELETE CASCADE;
CREATE INDEX sessions_by_identity ON sessions (tenant_id, identity_id) WHERE identity_id IS NOT NULL;

-- enter_transaction for a caller with a token of an identity provider: in the place of a session, that the subject is still this
-- user, and in the place of epochs, that the token was issued after they rose. A seat is needed as at log-in. A change holds all of
-- it until it commits, the provider, too.
CREATE FUNCTION enter_with_identity(
    target uuid, home uuid, caller uuid, identity uuid, issued_at bigint, active uuid, needed text[], for_change boolean
) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    issued CONSTANT timestamptz := to_timestamp(issued_at);
    trusted text;
BEGIN
    PERFORM set_config('landlord.actor_tenant', home::text, true), set_config('landlord.tenant', active::text, true);
    IF for_change THEN
        PERFORM FROM tenants WHERE tenant_id = active FOR SHARE;
    END IF;
    PERFORM FROM tenants WHERE tenant_id = active AND state = 'ACTIVE' AND epoch_at < issued;
    IF NOT FOUND THEN RETURN 'TOKEN_INVALID'; END IF;

    PERFORM set_config('landlord.tenant', home::text, true);
    IF for_change THEN
        PERFORM FROM users WHERE tenant_id = home AND id = caller FOR SHARE;
    END IF;
    PERFORM FROM users WHERE tenant_id = home AND id = caller AND state = 'ACTIVE' AND epoch_at < issued;
    IF NOT FOUND THEN RETURN 'TOKEN_INVALID'; END IF;
    SELECT provider INTO trusted FROM user_identities WHERE tenant_id = home AND id = identity AND user_id = caller;
    IF NOT FOUND THEN RETURN 'TOKEN_INVALID'; END IF;
    IF for_change THEN
        PERFORM FROM identity_providers WHERE id = trusted FOR KEY SHARE;
        IF NOT FOUND THEN RETURN 'TOKEN_INVALID'; END IF;
    END IF;

    -- Read after the locks, as there.
    PERFORM set_config('landlord.tenant', active::text, true);
    PERFORM FROM memberships WHERE tenant_id = active AND user_id = caller AND home_tenant_id = home;
    IF NOT FOUND THEN RETURN 'TOKEN_INVALID'; END IF;
    PERFORM FROM tenant_licenses WHERE tenant_id = active;
    IF FOUND THEN
        PERFORM FROM user_licenses u JOIN system_licenses s USING (kind)
            WHERE u.tenant_id = active AND u.user_id = caller AND s.permits_log_in;
        IF NOT FOUND THEN RETURN 'SESSION_REQUIRED'; END IF;
    END IF;
    IF cardinality(needed) > 0 THEN
        PERFORM FROM user_privileges WHERE tenant_id = active AND user_id = caller AND privilege = ANY (needed);
        IF NOT FOUND THEN RETURN 'PRIVILEGE_MISSING'; END IF;
    END IF;

    PERFORM set_config('landlord.tenant', target::text, true);
    RETURN 'OK';
END
$$;
GRANT EXECUTE ON FUNCTION enter_with_identity TO landlord_app;

-- What enter_acting does once the caller has entered, whatever with.
CREATE FUNCTION act_for_account(
    tenant uuid, home uuid, caller uuid, active uuid, account uuid, of_actor text[], of_account text[], for_change boolean
) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    operators CONSTANT uuid := '11111111-1111-1111-1111-111111111111';
    found_state text;
BEGIN
    IF active <> operators THEN RETURN 'IMPERSONATION_NOT_PERMITTED'; END IF;
    PERFORM set_config('landlord.tenant', tenant::text, true);
    IF for_change THEN
        SELECT state INTO found_state FROM tenants WHERE tenant_id = tenant FOR NO KEY UPDATE;
    ELSE
        SELECT state INTO found_state FROM tenants WHERE tenant_id = tenant;
    END IF;
    IF NOT FOUND THEN RETURN 'RESOURCE_NOT_FOUND'; END IF;
    IF found_state NOT IN ('ACTIVE', 'LOCKED') THEN RETURN 'TENANT_STATE_INVALID'; END IF;
    RETURN check_impersonation(tenant, home, caller, account, of_actor, of_account, for_change);
END
$$;
GRANT EXECUTE ON FUNCTION act_for_account TO landlord_app;
CREATE OR REPLACE FUNCTION enter_acting(
    tenant uuid, home uuid, caller uuid, session uuid, user_epoch bigint, active uuid, tenant_epoch bigint,
    account uuid, of_actor text[], of_account text[], for_change boolean
) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    entered CONSTANT text :=
        enter_transaction(active, home, caller, session, user_epoch, active, tenant_epoch, '{}', for_change);
BEGIN
    IF entered <> 'OK' THEN RETURN entered; END IF;
    RETURN act_for_account(tenant, home, caller, active, account, of_actor, of_account, for_change);
END
$$;
CREATE FUNCTION enter_acting_with_identity(
    tenant uuid, home uuid, caller uuid, identity uuid, issued_at bigint, active uuid,
    account uuid, of_actor text[], of_account text[], for_change boolean
) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    entered CONSTANT text := enter_with_identity(active, home, caller, identity, issued_at, active, '{}', for_change);
BEGIN
    IF entered <> 'OK' THEN RETURN entered; END IF;
    RETURN act_for_account(tenant, home, caller, active, account, of_actor, of_account, for_change);
END
$$;
GRANT EXECUTE ON FUNCTION enter_acting_with_identity TO landlord_app;
