-- Backups that were uploaded as archives, from here or from elsewhere.

ALTER TABLE backups
    -- The archive, as long as it is read.
    ADD COLUMN archive_id uuid,
    -- Whose they are, as the archive says.
    ADD COLUMN source_id uuid,
    ADD COLUMN source_code text,
    ADD CHECK ((source_id IS NULL) = (source_code IS NULL)),
    ADD CHECK (archive_id IS NULL OR state NOT IN ('COMPLETE', 'PARTIAL') OR source_id IS NOT NULL);
COMMENT ON COLUMN backups.archive_id IS 'a blob of the tenant; of a backup that was made here there is none';
GRANT UPDATE (components, left_out, archive_id, source_id, source_code) ON backups TO landlord_app;

-- Content that came with a backup. It is kept for that as what departed while it was the last one.
ALTER TABLE departed_content ADD COLUMN kept_for uuid;
CREATE UNIQUE INDEX departed_content_kept ON departed_content (tenant_id, kept_for, blob_id) WHERE kept_for IS NOT NULL;
