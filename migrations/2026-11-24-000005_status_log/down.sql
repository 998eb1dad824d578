DROP FUNCTION log_event;
DROP FUNCTION rows_to_remove;
DROP TABLE event_clears, event_marks, events;
DROP POLICY platform ON audit_records;
REVOKE SELECT ON audit_records FROM landlord_platform;
DROP INDEX audit_records_by_age;
ALTER TABLE audit_records DROP COLUMN actor_name, DROP COLUMN resource, DROP COLUMN details;
