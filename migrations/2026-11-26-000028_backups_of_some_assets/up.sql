-- Backups of some assets, which are named one by one.

ALTER TABLE backups ADD COLUMN selected boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN backups.selected IS 'of its components it has some assets, and not all';
GRANT UPDATE (selected) ON backups TO landlord_app;
