-- What has changed of the list of tenants, for those who keep it in memory.
--
-- Each row carries the transaction that changed it last. Who has read the list in one snapshot reads after that what was
-- changed by transactions that were not over in it: whatever order they commit in, none is missed, and one that stays open
-- for long makes nobody wait.

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

-- Which cluster this is, and since which failover: the numbers of transactions mean something only within one. Empty where
-- the system does not tell.
CREATE FUNCTION cluster_identity() RETURNS text LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN (SELECT system_identifier FROM pg_control_system()) || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8);
EXCEPTION WHEN insufficient_privilege OR feature_not_supported OR undefined_function THEN
    RETURN '';
END
$$;
GRANT EXECUTE ON FUNCTION cluster_identity TO landlord_platform;

-- What has changed since a reading that this function gave before, and the reading to go on from. It is complete unless
-- that reading was one of another cluster, or more has changed than is asked for: then all has to be read anew. Without a
-- reading there is only the one to begin with.
CREATE FUNCTION tenants_changed(since jsonb, most bigint) RETURNS jsonb LANGUAGE sql STABLE
    SET search_path = pg_catalog, public, pg_temp AS $$
    WITH now AS (
        SELECT s, pg_snapshot_xmax(s) AS ending, cluster_identity() AS cluster,
               (since ->> 'position')::xid8 AS position, (since ->> 'seen')::pg_snapshot AS seen
        FROM pg_current_snapshot() s),
    -- The first condition is what the indexes are searched by; a transaction that stays open for long holds it back, and
    -- the last one keeps others from being read again meanwhile.
    changed AS MATERIALIZED (
        SELECT t.* FROM now, tenants t
        WHERE changed_xid >= position AND changed_xid < ending AND NOT pg_visible_in_snapshot(changed_xid, seen)
        LIMIT most + 1),
    gone AS MATERIALIZED (
        SELECT uid FROM now, tenant_identities
        WHERE gone_xid >= position AND gone_xid < ending AND NOT pg_visible_in_snapshot(gone_xid, seen)
        LIMIT most + 1),
    whole AS (
        SELECT since IS NULL
            OR since ->> 'cluster' = cluster AND position <= ending
                AND (SELECT count(*) FROM changed) + (SELECT count(*) FROM gone) <= most AS complete
        FROM now)
    SELECT jsonb_build_object(
        'reading', jsonb_build_object(
            'position', pg_snapshot_xmin(s)::text::bigint, 'end', ending::text::bigint,
            'open', (SELECT count(*) FROM pg_snapshot_xip(s)), 'seen', s::text, 'cluster', cluster),
        'complete', complete,
        'tenants', coalesce((
            SELECT jsonb_agg(jsonb_build_object(
                'uid', tenant_id, 'version', version, 'code', code, 'display_name', display_name, 'state', state,
                'lock_reason', lock_reason, 'server', server, 'labels', labels, 'protected', protected,
                'created_at', (extract(epoch FROM created_at) * 1000000)::bigint))
            FROM changed WHERE complete), '[]'),
        'gone', coalesce((SELECT jsonb_agg(uid) FROM gone WHERE complete), '[]'))
    FROM now, whole
$$;
GRANT EXECUTE ON FUNCTION tenants_changed TO landlord_platform;
-- Lists in these orders come from memory now.
DROP INDEX tenants_by_name, tenants_by_state;
