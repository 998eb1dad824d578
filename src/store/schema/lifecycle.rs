//! Tenants, their lifecycle and their domains.

diesel::table! {
    tenant_identities (uid) { uid -> Uuid, code -> Text, created_at -> Timestamptz, }
}

diesel::table! {
    tenant_transitions (tenant_id, seq) {
        tenant_id -> Uuid,
        seq -> Int4,
        from_state -> Text,
        from_reason -> Text,
        to_state -> Text,
        to_reason -> Text,
        cause -> Text,
        cooldown -> Nullable<Int8>,
        note -> Text,
        actor_tenant_id -> Nullable<Uuid>,
        actor_id -> Nullable<Uuid>,
        acted_for -> Nullable<Uuid>,
        operation_id -> Nullable<Uuid>,
        at -> Timestamptz,
    }
}

diesel::table! {
    tenants (tenant_id) {
        tenant_id -> Uuid,
        code -> Text,
        display_name -> Text,
        company_name -> Text,
        labels -> Jsonb,
        protected -> Bool,
        server -> Text,
        time_zone -> Text,
        email_notification -> Bool,
        domain -> Nullable<Text>,
        product_name -> Text,
        logo_url -> Text,
        primary_color -> Text,
        accent_color -> Text,
        state -> Text,
        lock_reason -> Text,
        seq -> Int4,
        cooldown_until -> Nullable<Timestamptz>,
        purge_started -> Bool,
        generation -> Int4,
        epoch -> Int8,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    tenant_domains (tenant_id) {
        tenant_id -> Uuid,
        domain -> Text,
        challenge -> Text,
        verified -> Bool,
        secure -> Bool,
        problem -> Text,
        silent_checks -> Int4,
        silent_since -> Nullable<Timestamptz>,
        checked_at -> Nullable<Timestamptz>,
        check_after -> Timestamptz,
    }
}
