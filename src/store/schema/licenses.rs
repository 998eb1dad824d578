//! Licences.

diesel::table! {
    system_licenses (kind) {
        kind -> Text,
        quantity -> Nullable<Int8>,
        reserved -> Int8,
        version -> Int8,
        permits_log_in -> Bool,
    }
}

diesel::table! {
    license_privileges (kind, privilege) { kind -> Text, privilege -> Text, }
}

diesel::table! {
    opened_privileges (kind, privilege) { kind -> Text, privilege -> Text, }
}

diesel::table! {
    tenant_licenses (tenant_id, kind) { tenant_id -> Uuid, kind -> Text, quantity -> Int8, used -> Int8, }
}

diesel::table! {
    user_licenses (tenant_id, user_id, kind) { tenant_id -> Uuid, user_id -> Uuid, kind -> Text, }
}

diesel::table! {
    unlicensed_privileges (tenant_id, privilege) { tenant_id -> Uuid, privilege -> Text, }
}

diesel::allow_tables_to_appear_in_same_query!(tenant_licenses, system_licenses);
diesel::allow_tables_to_appear_in_same_query!(user_licenses, system_licenses);
