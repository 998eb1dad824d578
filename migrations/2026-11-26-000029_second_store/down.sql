DROP INDEX backups_to_copy;
ALTER TABLE backups DROP COLUMN copied_to, DROP COLUMN copied_at;
DROP TABLE copied_blobs;
DROP TABLE second_store;
