ALTER TABLE departed_content DROP COLUMN kept_for;
ALTER TABLE backups DROP COLUMN archive_id, DROP COLUMN source_id, DROP COLUMN source_code;
REVOKE UPDATE (components, left_out) ON backups FROM landlord_app;
