//! Identity providers, and which users their subjects are.

diesel::table! {
    identity_providers (id) {
        id -> Text,
        issuer -> Text,
        jwks_uri -> Nullable<Text>,
        for_tenant -> Nullable<Uuid>,
        audiences -> Array<Text>,
        algorithms -> Array<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        version -> Int8,
    }
}

diesel::table! {
    user_identities (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        user_id -> Uuid,
        provider -> Text,
        subject -> Text,
        created_at -> Timestamptz,
    }
}
