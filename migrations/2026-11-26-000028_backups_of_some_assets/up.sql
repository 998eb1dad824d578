-- Backups of some assets, which are named one by one.

ALTER TABLE backups ADD COLUMN selected boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN backups.selected IS 'of its components it has some assets, and not all';
GRANT UPDATE (selected) ON backups TO landlord_app;

-- As before, for all that a backup shows by now.
CREATE OR REPLACE FUNCTION backup_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF OLD.state = 'CONDEMNED' OR OLD.state <> 'RUNNING' AND NEW.state NOT IN (OLD.state, 'CONDEMNED') THEN
        RAISE EXCEPTION 'a backup that is % does not become %', OLD.state, NEW.state;
    END IF;
    IF OLD.state <> 'RUNNING' AND (NEW.attempt, NEW.key_id, NEW.taken_at, NEW.ended_at, NEW.rows, NEW.objects, NEW.bytes,
                NEW.components, NEW.left_out, NEW.selected, NEW.archive_id, NEW.source_id, NEW.source_code)
            IS DISTINCT FROM (OLD.attempt, OLD.key_id, OLD.taken_at, OLD.ended_at, OLD.rows, OLD.objects, OLD.bytes,
                OLD.components, OLD.left_out, OLD.selected, OLD.archive_id, OLD.source_id, OLD.source_code) THEN
        RAISE EXCEPTION 'what a backup shows does not change';
    END IF;
    RETURN NEW;
END
$$;
