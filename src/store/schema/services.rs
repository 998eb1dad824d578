//! Service identities.

diesel::table! {
    service_identities (uid) {
        uid -> Uuid,
        id -> Text,
        display_name -> Text,
        methods -> Array<Text>,
        tenants -> Array<Uuid>,
        all_tenants -> Bool,
        spiffe_id -> Nullable<Text>,
        used_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        version -> Int8,
    }
}

diesel::table! {
    service_keys (service, newest) {
        service -> Uuid,
        newest -> Bool,
        hash -> Bytea,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
    }
}
