//! Assets and backups, the blobs behind them, and the keys that these are sealed with.

diesel::table! {
    tenant_keys (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        created_at -> Timestamptz,
        destroyed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    blobs (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        key_id -> Uuid,
        state -> Text,
        content -> Nullable<Bytea>,
        sha256 -> Nullable<Bytea>,
        bytes -> Int8,
        assets -> Int8,
        since -> Timestamptz,
    }
}

diesel::table! {
    blob_parts (tenant_id, blob_id, part) {
        tenant_id -> Uuid,
        blob_id -> Uuid,
        part -> Int4,
        attempt -> Int4,
        bytes -> Int4,
        stored_bytes -> Int4,
    }
}

diesel::table! {
    uploads (tenant_id, uploader_id, id) {
        tenant_id -> Uuid,
        uploader_id -> Uuid,
        id -> Uuid,
        body_hash -> Bytea,
        bytes -> Int8,
        blob_id -> Uuid,
        attempt -> Int4,
        result -> Text,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    assets (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        kind -> Text,
        display_name -> Text,
        folded -> Text,
        metadata -> Jsonb,
        blob_id -> Uuid,
        blob_state -> Text,
        bytes -> Int8,
        created_by -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        version -> Int8,
        call_start -> Nullable<Timestamptz>,
        call_ms -> Nullable<Int8>,
        caller -> Nullable<Text>,
        called -> Nullable<Text>,
        extension -> Nullable<Int8>,
        user_id -> Nullable<Uuid>,
        born -> Int8,
        assigned -> Bool,
    }
}

diesel::table! {
    backups (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        state -> Text,
        seq -> Int8,
        components -> Array<Text>,
        left_out -> Array<Text>,
        note -> Text,
        pinned -> Bool,
        created_by -> Text,
        created_at -> Timestamptz,
        operation_id -> Uuid,
        attempt -> Nullable<Int8>,
        key_id -> Nullable<Uuid>,
        taken_at -> Nullable<Timestamptz>,
        ended_at -> Nullable<Timestamptz>,
        rows -> Int8,
        objects -> Int8,
        bytes -> Int8,
        stored_bytes -> Int8,
        verified_at -> Nullable<Timestamptz>,
        reason -> Text,
        message -> Text,
        version -> Int8,
        archive_id -> Nullable<Uuid>,
        source_id -> Nullable<Uuid>,
        source_code -> Nullable<Text>,
        selected -> Bool,
        copied_to -> Nullable<Uuid>,
        copied_at -> Nullable<Timestamptz>,
        archive_key -> Nullable<Bytea>,
    }
}

diesel::table! {
    second_store (id) {
        id -> Uuid,
        only_one -> Bool,
    }
}

diesel::table! {
    copied_blobs (tenant_id, blob_id) {
        tenant_id -> Uuid,
        blob_id -> Uuid,
        store -> Uuid,
    }
}

diesel::table! {
    departed_content (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        blob_id -> Uuid,
        blob_state -> Text,
        born -> Int8,
        died -> Int8,
        kept_for -> Nullable<Uuid>,
    }
}

diesel::table! {
    restores (tenant_id, operation_id) {
        tenant_id -> Uuid,
        operation_id -> Uuid,
        backup_id -> Uuid,
        restored_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    deleted_users (tenant_id, user_id) {
        tenant_id -> Uuid,
        user_id -> Uuid,
        deleted_at -> Timestamptz,
    }
}

diesel::allow_tables_to_appear_in_same_query!(uploads, blobs);
diesel::allow_tables_to_appear_in_same_query!(departed_content, blobs);
diesel::allow_tables_to_appear_in_same_query!(backups, second_store);
