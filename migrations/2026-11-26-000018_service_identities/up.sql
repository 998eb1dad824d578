-- Other services of the platform that call: which calls they may make on which tenants, and how they show who they are.

CREATE TABLE service_identities (
    uid          uuid PRIMARY KEY,
    id           text NOT NULL UNIQUE CHECK (id ~ '^[a-z][a-z0-9-]{1,38}[a-z0-9]$'),
    display_name text NOT NULL CHECK (char_length(display_name) BETWEEN 1 AND 200),
    -- `SessionService.CheckAccess`. One that a version does not know gives nothing there.
    methods      text[] NOT NULL CHECK (cardinality(methods) <= 500),
    -- Those that it is bound to, or all, save the infrastructure tenant, which is in it only by name. A uid is never used again,
    -- so that of a tenant which is gone gives nothing.
    tenants      uuid[] NOT NULL CHECK (cardinality(tenants) <= 1000),
    all_tenants  boolean NOT NULL DEFAULT false CHECK (NOT all_tenants OR tenants = '{}'),
    -- The one of its certificates, compared as a whole.
    spiffe_id    text UNIQUE CHECK (spiffe_id LIKE 'spiffe://_%/_%' AND char_length(spiffe_id) <= 2048),
    -- When it called last, give or take a minute.
    used_at      timestamptz,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    version      bigint NOT NULL DEFAULT 1
);
GRANT SELECT, INSERT (uid, id, display_name, methods, tenants, all_tenants, spiffe_id), DELETE,
      UPDATE (display_name, methods, tenants, all_tenants, spiffe_id, used_at, updated_at, version)
      ON service_identities TO landlord_app;

-- Its API keys: the newest one, and the one before while its time lasts. Of 256 random bits a plain hash gives nothing away.
CREATE TABLE service_keys (
    service    uuid REFERENCES service_identities ON DELETE CASCADE,
    newest     boolean,
    hash       bytea NOT NULL CHECK (octet_length(hash) = 32),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL CHECK (expires_at < created_at + interval '367 days'),
    used_at    timestamptz,
    PRIMARY KEY (service, newest)
);
GRANT SELECT, INSERT (service, newest, hash, expires_at), DELETE, UPDATE (newest, expires_at, used_at) ON service_keys TO landlord_app;

-- A service is written down by its name where users are by theirs, in which no slash can be; actor_id is its uid then, and
-- actor_tenant_id the infrastructure tenant. Operations had only ids.
ALTER TABLE operations ADD COLUMN actor_name text NOT NULL DEFAULT '';

-- enter_transaction for a service: its identity still has the key, or the SPIFFE id, that it has shown, may make the call, and is
-- bound to the tenant. A change holds the identity and has the tenant until it commits: whoever takes something from the identity
-- and commits first is seen, and who comes later waits. Answers 'OK' or the reason to refuse.
CREATE FUNCTION enter_as_service(
    tenant uuid, service uuid, key_hash bytea, certificate text, method text, in_active boolean, for_change boolean
) RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    operators CONSTANT uuid := '11111111-1111-1111-1111-111111111111';
    identity service_identities;
    found_state text;
BEGIN
    PERFORM set_config('landlord.actor_tenant', operators::text, true), set_config('landlord.tenant', tenant::text, true);
    IF for_change THEN
        SELECT * INTO identity FROM service_identities WHERE uid = service FOR SHARE;
    ELSE
        SELECT * INTO identity FROM service_identities WHERE uid = service;
    END IF;
    IF NOT FOUND THEN RETURN 'TOKEN_INVALID'; END IF;
    -- Read after the lock: whoever changes the keys has it first.
    IF key_hash IS NULL THEN
        IF identity.spiffe_id IS DISTINCT FROM certificate THEN RETURN 'TOKEN_INVALID'; END IF;
    ELSE
        PERFORM FROM service_keys k WHERE k.service = identity.uid AND k.hash = key_hash AND k.expires_at > clock_timestamp();
        IF NOT FOUND THEN RETURN 'TOKEN_INVALID'; END IF;
    END IF;
    IF method <> ALL (identity.methods) THEN RETURN 'METHOD_NOT_GIVEN'; END IF;
    IF NOT (tenant = ANY (identity.tenants) OR identity.all_tenants AND tenant <> operators) THEN
        RETURN 'RESOURCE_NOT_FOUND';
    END IF;

    IF for_change THEN
        SELECT state INTO found_state FROM tenants WHERE tenant_id = tenant FOR NO KEY UPDATE;
    ELSE
        SELECT state INTO found_state FROM tenants WHERE tenant_id = tenant;
    END IF;
    IF NOT FOUND THEN RETURN 'RESOURCE_NOT_FOUND'; END IF;
    IF in_active AND found_state <> 'ACTIVE' THEN RETURN 'TENANT_LOCKED'; END IF;
    RETURN 'OK';
END
$$;
GRANT EXECUTE ON FUNCTION enter_as_service TO landlord_app;
