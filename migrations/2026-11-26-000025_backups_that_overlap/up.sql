-- Backups of a tenant may overlap: one that is still being made shows assets that came after a later one had begun.

CREATE INDEX backups_running ON backups (tenant_id, seq) WHERE state = 'RUNNING';

CREATE OR REPLACE FUNCTION asset_is_born() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    SELECT least(l.backup_seq, (SELECT min(b.seq) FROM backups b WHERE b.tenant_id = l.tenant_id AND b.state = 'RUNNING'))
    INTO NEW.born FROM tenant_limits l WHERE l.tenant_id = NEW.tenant_id;
    RETURN NEW;
END
$$;

-- Of what is there already nobody knows which backups show it: it is kept by all that came before it as well. The owner sees no
-- tenant's rows unless it works for that tenant; here it has to see all.
ALTER TABLE assets NO FORCE ROW LEVEL SECURITY;
ALTER TABLE departed_content NO FORCE ROW LEVEL SECURITY;
UPDATE assets SET born = 0 WHERE born > 0;
UPDATE departed_content SET born = 0 WHERE born > 0;
ALTER TABLE assets FORCE ROW LEVEL SECURITY;
ALTER TABLE departed_content FORCE ROW LEVEL SECURITY;

-- A restore lays rows out in temporary tables. Where the database is shared, not everybody may make them.
DO $$
BEGIN
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO landlord_app', current_database());
END
$$;
