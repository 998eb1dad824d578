-- What has changed of the list of tenants, for those who keep it in memory.
--
-- Each row carries the transaction that changed it last. Who has seen all transactions before a certain one reads the
-- rows of that one and of later ones: whatever order they commit in, none is missed, and one that stays open for long
-- makes others read more and wait for nothing.

ALTER TABLE tenants ADD COLUMN changed_xid xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX tenants_by_change ON tenants (changed_xid);
ALTER TABLE tenant_identities ADD COLUMN gone_xid xid8;
CREATE INDEX tenant_identities_by_end ON tenant_identities (gone_xid) WHERE gone_xid IS NOT NULL;

CREATE FUNCTION tenant_changed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    NEW.changed_xid := pg_current_xact_id();
    RETURN NEW;
END
$$;
CREATE TRIGGER changed BEFORE UPDATE ON tenants FOR EACH ROW EXECUTE FUNCTION tenant_changed();

-- Only the projection deletes tenants, so this runs with the owner's rights, as that does.
CREATE FUNCTION tenant_gone() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE tenant_identities SET gone_xid = pg_current_xact_id() WHERE uid = OLD.tenant_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER gone AFTER DELETE ON tenants FOR EACH ROW EXECUTE FUNCTION tenant_gone();

-- What has changed since a position; the position to go on from, and what else tells one reading from another; and whether the position is one of this database: it
-- is not, if it lies in the future.
CREATE FUNCTION tenants_changed(since bigint) RETURNS jsonb LANGUAGE sql STABLE
    SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT jsonb_build_object(
        'position', pg_snapshot_xmin(s)::text::bigint,
        'end', pg_snapshot_xmax(s)::text::bigint,
        'open', (SELECT count(*) FROM pg_snapshot_xip(s)),
        'known', since <= pg_snapshot_xmax(s)::text::bigint,
        'tenants', coalesce((
            SELECT jsonb_agg(jsonb_build_object(
                'uid', tenant_id, 'version', version, 'code', code, 'display_name', display_name, 'state', state,
                'lock_reason', lock_reason, 'server', server, 'labels', labels, 'protected', protected,
                'created_at', (extract(epoch FROM created_at) * 1000000)::bigint))
            FROM tenants
            WHERE changed_xid >= since::text::xid8 AND changed_xid < pg_snapshot_xmax(s)), '[]'),
        'gone', coalesce((
            SELECT jsonb_agg(uid) FROM tenant_identities
            WHERE gone_xid >= since::text::xid8 AND gone_xid < pg_snapshot_xmax(s)), '[]'))
    FROM (SELECT pg_current_snapshot() AS s) now
$$;
GRANT EXECUTE ON FUNCTION tenants_changed TO landlord_platform;
-- Lists in these orders come from memory now.
DROP INDEX tenants_by_name, tenants_by_state;
