CREATE OR REPLACE FUNCTION backup_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF OLD.state = 'CONDEMNED' OR OLD.state <> 'RUNNING' AND NEW.state NOT IN (OLD.state, 'CONDEMNED') THEN
        RAISE EXCEPTION 'a backup that is % does not become %', OLD.state, NEW.state;
    END IF;
    IF OLD.state <> 'RUNNING' AND (NEW.attempt, NEW.key_id, NEW.taken_at, NEW.ended_at, NEW.rows, NEW.objects, NEW.bytes)
            IS DISTINCT FROM (OLD.attempt, OLD.key_id, OLD.taken_at, OLD.ended_at, OLD.rows, OLD.objects, OLD.bytes) THEN
        RAISE EXCEPTION 'what a backup shows does not change';
    END IF;
    RETURN NEW;
END
$$;
ALTER TABLE backups DROP COLUMN selected;
