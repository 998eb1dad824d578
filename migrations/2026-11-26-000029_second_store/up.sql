-- The second store, and what is in it: copies of backups and of the content that they refer to.

-- At most one row: the store that copies are in by now. When another one takes its place, what was noted of the one before goes.
CREATE TABLE second_store (
    id       uuid PRIMARY KEY,
    only_one boolean NOT NULL DEFAULT true UNIQUE CHECK (only_one)
);
GRANT SELECT ON second_store TO landlord_app;
GRANT SELECT, INSERT, DELETE ON second_store TO landlord_platform;

-- Blobs of which all parts are there as well.
CREATE TABLE copied_blobs (
    tenant_id uuid NOT NULL,
    blob_id   uuid NOT NULL,
    store     uuid NOT NULL REFERENCES second_store ON DELETE CASCADE,
    PRIMARY KEY (tenant_id, blob_id),
    FOREIGN KEY (tenant_id, blob_id) REFERENCES blobs ON DELETE CASCADE
);
CALL protect_tenant_table('copied_blobs');
GRANT SELECT, INSERT ON copied_blobs TO landlord_app;

ALTER TABLE backups
    -- Where all of it is as well, and since when.
    ADD COLUMN copied_to uuid REFERENCES second_store ON DELETE SET NULL,
    ADD COLUMN copied_at timestamptz,
    ADD CHECK (copied_to IS NULL OR copied_at IS NOT NULL AND state IN ('COMPLETE', 'PARTIAL', 'CONDEMNED'));
GRANT UPDATE (copied_to, copied_at) ON backups TO landlord_app;
CREATE INDEX backups_to_copy ON backups (tenant_id, seq) WHERE state IN ('COMPLETE', 'PARTIAL') AND copied_to IS NULL AND reason = '';
