//! Extensions.

diesel::table! {
    tenant_extensions (tenant_id, first, last) { tenant_id -> Uuid, first -> Int8, last -> Int8, }
}

diesel::table! {
    user_extensions (tenant_id, first) {
        tenant_id -> Uuid,
        first -> Int8,
        last -> Int8,
        user_id -> Uuid,
        range_first -> Int8,
        range_last -> Int8,
    }
}

diesel::table! {
    extension_stretches (tenant_id, first) {
        tenant_id -> Uuid,
        first -> Int8,
        last -> Int8,
        user_id -> Nullable<Uuid>,
    }
}
