-- Recordings find their tenant and their user by the extension of the call, once.

-- Whether it was found whose a recording is: that stays so, also when the user is gone or others have the extension.
ALTER TABLE assets ADD COLUMN assigned boolean NOT NULL DEFAULT false;
ALTER TABLE assets NO FORCE ROW LEVEL SECURITY;
UPDATE assets SET assigned = true WHERE user_id IS NOT NULL;
ALTER TABLE assets FORCE ROW LEVEL SECURITY;
CREATE INDEX assets_unassigned ON assets (tenant_id, id) WHERE kind = 'RECORDING' AND NOT assigned;
GRANT UPDATE (assigned) ON assets TO landlord_app;

CREATE FUNCTION recording_is_assigned() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    NEW.assigned := true;
    RETURN NEW;
END
$$;
CREATE TRIGGER is_assigned BEFORE INSERT OR UPDATE ON assets FOR EACH ROW WHEN (NEW.user_id IS NOT NULL)
    EXECUTE FUNCTION recording_is_assigned();

-- Whoever uploads what finds its tenant by itself does not know where it is.
CREATE INDEX uploads_by_uploader ON uploads (uploader_id, id);

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
    -- What belongs to one of all tenants waits with the operators until it is known which: `finds_tenant` in the policies.
    IF NOT (tenant = ANY (identity.tenants) OR identity.all_tenants AND (tenant <> operators OR
            method IN ('AssetService.UploadAsset', 'AssetService.AssignRecordings', 'BackupService.GetUpload'))) THEN
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
