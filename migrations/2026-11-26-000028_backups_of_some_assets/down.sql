ALTER TABLE backups DROP COLUMN selected;
