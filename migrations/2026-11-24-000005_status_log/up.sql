-- The status log of each tenant, which its people read and clear, and more in the audit trail, which nobody clears.

ALTER TABLE audit_records
    -- The actor's user name at that time, for people.
    ADD COLUMN actor_name text NOT NULL DEFAULT '',
    -- What was changed, as its resource name, and what of it.
    ADD COLUMN resource text NOT NULL DEFAULT '',
    ADD COLUMN details jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(details) = 'object');
CREATE INDEX audit_records_by_age ON audit_records (at, id);
CREATE POLICY platform ON audit_records FOR SELECT TO landlord_platform USING (true);
GRANT SELECT ON audit_records TO landlord_platform;

-- What happened, once for each tenant whose people see it. What has an operator's call or the service itself for a
-- cause stands in the log of the infrastructure tenant, too.
CREATE TABLE events (
    tenant_id   uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id          uuid NOT NULL DEFAULT gen_random_uuid(),
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The transaction that wrote it: whether somebody has seen it is asked of the snapshot in which that somebody looked.
    xid         xid8 NOT NULL DEFAULT pg_current_xact_id(),
    severity    text NOT NULL CHECK (severity IN ('INFO', 'WARNING', 'ERROR')),
    kind        text NOT NULL,
    -- The tenant that it is about.
    subject_id  uuid NOT NULL REFERENCES tenant_identities (uid),
    resource    text NOT NULL DEFAULT '',
    details     jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(details) = 'object'),
    actor_tenant_id uuid,
    actor_id    uuid,
    actor_name  text NOT NULL DEFAULT '',
    acted_for   uuid,
    operation_id uuid,
    correlation_id text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX events_by_time ON events (tenant_id, at, id);
CREATE INDEX events_by_transaction ON events (tenant_id, xid);
CALL protect_tenant_table('events');
-- A transaction on a tenant may add to the operators' log what it has to say of that tenant.
CREATE POLICY operators_log ON events FOR INSERT
    WITH CHECK (tenant_id = '11111111-1111-1111-1111-111111111111' AND subject_id = current_tenant());
GRANT SELECT, INSERT, DELETE ON events TO landlord_app;

-- What each person has seen of a log: all that was there in this snapshot.
CREATE TABLE event_marks (
    tenant_id uuid NOT NULL REFERENCES tenants,
    user_id   uuid NOT NULL,
    seen      pg_snapshot NOT NULL,
    PRIMARY KEY (tenant_id, user_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships ON DELETE CASCADE
);
CALL protect_tenant_table('event_marks');
GRANT SELECT, INSERT, UPDATE (seen), DELETE ON event_marks TO landlord_app;

-- What was cleared of a log: all that was there in this snapshot. The rows are removed in batches afterwards.
CREATE TABLE event_clears (
    tenant_id uuid PRIMARY KEY REFERENCES tenants ON DELETE CASCADE,
    cleared   pg_snapshot NOT NULL,
    swept     boolean NOT NULL DEFAULT false
);
CALL protect_tenant_table('event_clears');
CREATE POLICY platform ON event_clears FOR SELECT TO landlord_platform USING (true);
GRANT SELECT, INSERT, UPDATE (cleared, swept) ON event_clears TO landlord_app;
GRANT SELECT ON event_clears TO landlord_platform;

-- How many rows of the transaction's tenant there are in these tables.
CREATE FUNCTION rows_to_remove(relations text[]) RETURNS bigint
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    relation text;
    found bigint;
    total bigint := 0;
BEGIN
    FOREACH relation IN ARRAY relations LOOP
        EXECUTE format('SELECT count(*) FROM %I WHERE tenant_id = current_tenant()', relation) INTO found;
        total := total + found;
    END LOOP;
    RETURN total;
END
$$;
GRANT EXECUTE ON FUNCTION rows_to_remove TO landlord_app;

-- Adds an event about the transaction's tenant to that tenant's log and, if asked, to the operators'. Without a resource it
-- is about the tenant itself. A tenant that is gone has no log any more.
CREATE FUNCTION log_event(
    for_operators boolean, severity text, kind text, resource text, details jsonb, actor_tenant_id uuid, actor_id uuid,
    actor_name text, acted_for uuid, operation_id uuid, correlation_id text
) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    operators CONSTANT uuid := '11111111-1111-1111-1111-111111111111';
    subject CONSTANT uuid := current_tenant();
    about CONSTANT text :=
        coalesce(nullif(resource, ''), (SELECT 'tenants/' || code FROM tenant_identities WHERE uid = subject), '');
    audience uuid;
BEGIN
    -- Whoever repairs something by hand works for no tenant.
    IF subject IS NULL THEN
        RETURN false;
    END IF;
    FOR audience IN
        SELECT tenant_id FROM tenants WHERE tenant_id = subject
        UNION SELECT operators WHERE for_operators
    LOOP
        INSERT INTO events (tenant_id, severity, kind, subject_id, resource, details, actor_tenant_id, actor_id, actor_name,
                            acted_for, operation_id, correlation_id)
        VALUES (audience, log_event.severity, log_event.kind, subject, about, log_event.details,
                log_event.actor_tenant_id, log_event.actor_id, log_event.actor_name, log_event.acted_for,
                log_event.operation_id, log_event.correlation_id);
    END LOOP;
    RETURN true;
END
$$;
GRANT EXECUTE ON FUNCTION log_event TO landlord_app;
