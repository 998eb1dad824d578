DROP INDEX uploads_by_uploader;
DROP TRIGGER is_assigned ON assets;
DROP FUNCTION recording_is_assigned();
ALTER TABLE assets DROP COLUMN assigned;
CREATE OR REPLACE FUNCTION enter_as_service(
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
