-- Restores: a tenant's data become what they were when a backup was taken.

-- What is restored, by operation. That the data have changed is said in the transaction that changes them: whoever takes the
-- operation over does not change them again, and nobody cancels it any more.
CREATE TABLE restores (
    tenant_id    uuid NOT NULL,
    operation_id uuid NOT NULL,
    backup_id    uuid NOT NULL,
    restored_at  timestamptz,
    PRIMARY KEY (tenant_id, operation_id),
    FOREIGN KEY (tenant_id, operation_id) REFERENCES operations,
    FOREIGN KEY (tenant_id, backup_id) REFERENCES backups ON DELETE CASCADE
);
CREATE INDEX restores_by_backup ON restores (tenant_id, backup_id);
CALL protect_tenant_table('restores');
GRANT SELECT, INSERT (tenant_id, operation_id, backup_id), UPDATE (restored_at) ON restores TO landlord_app;

-- Users that somebody deleted. No backup has this: a restore asks here who is not to come back. It may outlive the tenant, as backups do.
CREATE TABLE deleted_users (
    tenant_id  uuid NOT NULL REFERENCES tenant_identities (uid),
    user_id    uuid NOT NULL,
    deleted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, user_id)
);
CALL protect_tenant_table('deleted_users');
GRANT SELECT, INSERT (tenant_id, user_id), DELETE ON deleted_users TO landlord_app;

-- As before, but that a life of the tenant ends with other data: participants refuse what belongs to the one before.
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
        generation = generation + (NEW.cause = 'RESTORED' AND EXISTS (
            SELECT FROM restores WHERE tenant_id = NEW.tenant_id AND operation_id = NEW.operation_id AND restored_at IS NOT NULL))::int,
        -- Sessions that were issued before a tenant left ACTIVE never work again.
        epoch = epoch + (NEW.from_state = 'ACTIVE')::int
    WHERE tenant_id = NEW.tenant_id;
    RETURN NULL;
END
$$;

-- What a restore changes and no other call does.
GRANT UPDATE (display_name) ON privileges TO landlord_app;
GRANT INSERT (created_at) ON user_identities TO landlord_app;
