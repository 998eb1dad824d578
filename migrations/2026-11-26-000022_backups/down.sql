-- The backups are lost to the tenants; what they have in the object store stays there until somebody removes it.
DROP TRIGGER depart ON assets;
DROP FUNCTION assets_depart;
DROP TABLE departed_content;
DROP TRIGGER born ON assets;
DROP FUNCTION asset_is_born;
ALTER TABLE assets DROP COLUMN born;
ALTER TABLE tenant_limits DROP COLUMN backup_seq;
DROP TRIGGER gives_backup_up ON operations;
DROP FUNCTION backup_is_given_up;
DROP TABLE backups;
DROP FUNCTION backup_guard;
