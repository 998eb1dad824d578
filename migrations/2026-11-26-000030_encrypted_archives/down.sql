CREATE OR REPLACE FUNCTION backup_is_given_up() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE backups SET state = 'FAILED', ended_at = clock_timestamp(), version = version + 1,
        reason = CASE NEW.state WHEN 'CANCELLED' THEN 'CANCELLED' ELSE NEW.error_reason END,
        message = CASE NEW.state WHEN 'CANCELLED' THEN 'its operation was cancelled' ELSE NEW.error_message END
    WHERE tenant_id = NEW.tenant_id AND operation_id = NEW.id AND state = 'RUNNING';
    RETURN NULL;
END
$$;
ALTER TABLE backups DROP COLUMN archive_key;
