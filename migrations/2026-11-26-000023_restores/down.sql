REVOKE INSERT (created_at) ON user_identities FROM landlord_app;
REVOKE UPDATE (display_name) ON privileges FROM landlord_app;
DROP TABLE deleted_users;
CREATE OR REPLACE FUNCTION tenant_project() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    tenant tenants;
BEGIN
    SELECT * INTO tenant FROM tenants WHERE tenant_id = NEW.tenant_id FOR UPDATE;
    IF NOT FOUND OR tenant.seq <> NEW.seq - 1 THEN
        RAISE EXCEPTION 'landlord:ETAG_MISMATCH';
    END IF;
    IF NEW.cause = 'PURGE_STARTED' AND NEW.from_state = 'FAILED' AND tenant.cooldown_until > clock_timestamp() THEN
        RAISE EXCEPTION 'landlord:TENANT_COOLING_DOWN';
    END IF;
    IF NEW.cause = 'PREPARE' AND tenant.protected OR NEW.cause = 'PURGE_STARTED' AND tenant.protected THEN
        RAISE EXCEPTION 'landlord:TENANT_PROTECTED';
    END IF;
    -- A restore leads back to where it began: it unlocks nothing that an operator locked.
    IF NEW.cause = 'RESTORED' AND NOT EXISTS (
        SELECT FROM tenant_transitions WHERE tenant_id = NEW.tenant_id AND seq = NEW.seq - 1
            AND (from_state, from_reason) = (NEW.to_state, NEW.to_reason)) THEN
        RAISE EXCEPTION 'landlord:TENANT_STATE_INVALID';
    END IF;
    IF tenant.purge_started <> (NEW.cause = 'PURGED') THEN
        RAISE EXCEPTION 'landlord:TENANT_STATE_INVALID';
    END IF;
    IF NEW.to_state = 'GONE' THEN
        DELETE FROM tenants WHERE tenant_id = NEW.tenant_id;
        RETURN NULL;
    END IF;
    UPDATE tenants SET
        state = NEW.to_state,
        lock_reason = NEW.to_reason,
        seq = NEW.seq,
        cooldown_until = CASE WHEN NEW.cooldown IS NOT NULL THEN clock_timestamp() + make_interval(secs => NEW.cooldown)
                              WHEN NEW.to_state = 'FAILED' THEN cooldown_until END,
        purge_started = NEW.cause = 'PURGE_STARTED',
        -- Sessions that were issued before a tenant left ACTIVE never work again.
        epoch = epoch + (NEW.from_state = 'ACTIVE')::int
    WHERE tenant_id = NEW.tenant_id;
    RETURN NULL;
END
$$;
DROP TABLE restores;
