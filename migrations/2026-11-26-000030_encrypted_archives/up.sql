-- Archives that come encrypted.

ALTER TABLE backups
    -- What opens the archive, sealed with the root key, as long as it is read.
    ADD COLUMN archive_key bytea,
    ADD CHECK (archive_key IS NULL OR archive_id IS NOT NULL AND state = 'RUNNING');
GRANT UPDATE (archive_key) ON backups TO landlord_app;

-- As before, and what opened an archive goes.
CREATE OR REPLACE FUNCTION backup_is_given_up() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE backups SET state = 'FAILED', ended_at = clock_timestamp(), version = version + 1, archive_key = NULL,
        reason = CASE NEW.state WHEN 'CANCELLED' THEN 'CANCELLED' ELSE NEW.error_reason END,
        message = CASE NEW.state WHEN 'CANCELLED' THEN 'its operation was cancelled' ELSE NEW.error_message END
    WHERE tenant_id = NEW.tenant_id AND operation_id = NEW.id AND state = 'RUNNING';
    RETURN NULL;
END
$$;
