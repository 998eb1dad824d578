//! The status log and the audit trail.

diesel::table! {
    audit_records (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        at -> Timestamptz,
        method -> Text,
        actor_tenant_id -> Uuid,
        actor_id -> Uuid,
        acted_for -> Nullable<Uuid>,
        impersonation_reason -> Text,
        session_id -> Nullable<Uuid>,
        correlation_id -> Text,
        request_id -> Nullable<Uuid>,
        actor_name -> Text,
        resource -> Text,
        details -> Jsonb,
    }
}

diesel::table! {
    events (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        at -> Timestamptz,
        xid -> crate::store::snapshots::Xid8,
        severity -> Text,
        kind -> Text,
        subject_id -> Uuid,
        resource -> Text,
        details -> Jsonb,
        actor_tenant_id -> Nullable<Uuid>,
        actor_id -> Nullable<Uuid>,
        actor_name -> Text,
        acted_for -> Nullable<Uuid>,
        operation_id -> Nullable<Uuid>,
        correlation_id -> Text,
        cluster -> Text,
        impersonation_reason -> Text,
    }
}

diesel::table! {
    event_marks (tenant_id, user_id) {
        tenant_id -> Uuid,
        user_id -> Uuid,
        seen -> crate::store::snapshots::PgSnapshot,
        cluster -> Text,
    }
}

diesel::table! {
    event_clears (tenant_id) {
        tenant_id -> Uuid,
        cleared -> crate::store::snapshots::PgSnapshot,
        swept -> Bool,
        cluster -> Text,
    }
}
