//! The tables as diesel sees them; `migrations/` is what they are.

mod content;
mod extensions;
mod identities;
mod licenses;
mod lifecycle;
mod logs;
mod services;

pub use content::*;
pub use extensions::*;
pub use identities::*;
pub use licenses::*;
pub use lifecycle::*;
pub use logs::*;
pub use services::*;

diesel::table! {
    servers (id) {
        id -> Text,
        region -> Text,
        time_zone -> Text,
        locale -> Text,
        unreachable_since -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        version -> Int8,
    }
}

diesel::table! {
    settings (only_one) {
        only_one -> Bool,
        failed_tenant_cooldown -> Int8,
        multi_tenancy_enabled -> Bool,
        force_delete_enabled -> Bool,
        default_max_users -> Nullable<Int8>,
        default_disk_quota -> Nullable<Int8>,
        limit_warning_percent -> Int4,
        version -> Int8,
    }
}

diesel::table! {
    mail_texts (mail, language) {
        mail -> Text,
        language -> Text,
        subject -> Text,
        body -> Text,
        html -> Nullable<Text>,
    }
}

diesel::table! {
    tenant_mail_texts (tenant_id, mail, language) {
        tenant_id -> Uuid, mail -> Text, language -> Text, subject -> Text, body -> Text, html -> Nullable<Text>,
    }
}

diesel::table! {
    tenant_limits (tenant_id) {
        tenant_id -> Uuid,
        max_users -> Nullable<Int8>,
        disk_quota -> Nullable<Int8>,
        users -> Int8,
        storage_bytes -> Int8,
        version -> Int8,
        license_version -> Int8,
        backup_seq -> Int8,
        assets -> Int8,
    }
}

diesel::table! {
    default_features (only_one) { only_one -> Bool, features -> Array<Text>, version -> Int8, }
}

diesel::table! {
    tenant_features (tenant_id) { tenant_id -> Uuid, features -> Array<Text>, version -> Int8, }
}

diesel::table! {
    users (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        user_name -> Text,
        user_name_key -> Text,
        email -> Text,
        given_name -> Text,
        family_name -> Text,
        state -> Text,
        password_hash -> Nullable<Text>,
        must_change_password -> Bool,
        impersonation_target -> Bool,
        epoch -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        default_tenant_id -> Nullable<Uuid>,
        language -> Text,
        version -> Int8,
        folded -> Text,
        lacks -> Array<Text>,
    }
}

diesel::table! {
    directory_users (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        home_tenant_id -> Uuid,
        user_name -> Text,
        user_name_key -> Text,
        email -> Text,
        email_key -> Text,
        given_name -> Text,
        family_name -> Text,
        family_key -> Text,
        folded -> Text,
        state -> Text,
        language -> Text,
        default_tenant_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        version -> Int8,
        member -> Bool,
    }
}

diesel::table! {
    memberships (tenant_id, user_id) {
        tenant_id -> Uuid, user_id -> Uuid, home_tenant_id -> Uuid, created_at -> Timestamptz,
    }
}

diesel::table! {
    groups (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        own_name -> Nullable<Text>,
        tenant_name -> Nullable<Text>,
        name -> Text,
        created_at -> Timestamptz,
        description -> Text,
        updated_at -> Timestamptz,
        version -> Int8,
    }
}

diesel::table! {
    group_members (tenant_id, group_id, user_id) { tenant_id -> Uuid, group_id -> Uuid, user_id -> Uuid, }
}

diesel::table! {
    roles (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        name -> Text,
        built_in -> Bool,
        read_only -> Bool,
        description -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        version -> Int8,
    }
}

diesel::table! {
    role_privileges (tenant_id, role_id, privilege) { tenant_id -> Uuid, role_id -> Uuid, privilege -> Text, }
}

diesel::table! {
    privileges (tenant_id, id) { tenant_id -> Uuid, id -> Text, display_name -> Text, created_at -> Timestamptz, }
}

diesel::table! {
    group_roles (tenant_id, group_id, role_id) { tenant_id -> Uuid, group_id -> Uuid, role_id -> Uuid, }
}

diesel::table! {
    user_roles (tenant_id, user_id, role_id) { tenant_id -> Uuid, user_id -> Uuid, role_id -> Uuid, }
}

diesel::table! {
    held_privileges (tenant_id, user_id, privilege) { tenant_id -> Uuid, user_id -> Uuid, privilege -> Text, }
}

diesel::table! {
    user_privileges (tenant_id, user_id, privilege) { tenant_id -> Uuid, user_id -> Uuid, privilege -> Text, }
}

diesel::table! {
    links (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        user_id -> Uuid,
        purpose -> Text,
        code_hash -> Bytea,
        expires_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    sessions (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        user_id -> Uuid,
        active_tenant_id -> Uuid,
        tenant_epoch -> Int8,
        refresh_generation -> Int4,
        refresh_hash -> Bytea,
        refreshed_at -> Timestamptz,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        previous_hash -> Nullable<Bytea>,
        identity_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    attempts (kind, slot) { kind -> Int4, slot -> Int4, count -> Int4, last_at -> Timestamptz, }
}

diesel::table! {
    signing_keys (kid) { kid -> Text, sealed -> Bytea, created_at -> Timestamptz, }
}

diesel::table! {
    operations (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        kind -> Text,
        params -> Jsonb,
        exclusive -> Bool,
        state -> Text,
        step -> Text,
        epoch -> Int8,
        attempts -> Int4,
        owner -> Nullable<Uuid>,
        lease_until -> Nullable<Timestamptz>,
        run_after -> Timestamptz,
        percent -> Int4,
        done_units -> Int8,
        total_units -> Int8,
        waiting_for -> Text,
        error_code -> Text,
        error_reason -> Text,
        error_message -> Text,
        error_metadata -> Jsonb,
        results -> Array<Text>,
        actor_tenant_id -> Nullable<Uuid>,
        actor_id -> Nullable<Uuid>,
        acted_for -> Nullable<Uuid>,
        impersonation_reason -> Text,
        method -> Text,
        actor_name -> Text,
        correlation_id -> Text,
        version -> Int8,
        created_at -> Timestamptz,
        started_at -> Nullable<Timestamptz>,
        ended_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    operation_steps (tenant_id, operation_id, position) {
        tenant_id -> Uuid,
        operation_id -> Uuid,
        position -> Int4,
        step -> Text,
        participant -> Text,
        attempts -> Int4,
        done -> Bool,
        last_error -> Text,
    }
}

diesel::table! {
    participant_ledger (tenant_id, generation, participant, phase) {
        tenant_id -> Uuid, generation -> Int4, participant -> Text, phase -> Text, operation_id -> Uuid,
    }
}

diesel::table! {
    requests (tenant_id, user_id, method, request_id) {
        tenant_id -> Uuid,
        user_id -> Uuid,
        method -> Text,
        request_id -> Uuid,
        body_hash -> Bytea,
        answer -> Jsonb,
        created_at -> Timestamptz,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    tenants,
    users,
    tenant_limits,
    servers,
    settings,
    operations,
    tenant_licenses,
    tenant_domains
);
diesel::allow_tables_to_appear_in_same_query!(assets, blobs, tenant_identities);
diesel::allow_tables_to_appear_in_same_query!(audit_records, tenant_identities);
diesel::allow_tables_to_appear_in_same_query!(backups, tenant_identities);
diesel::allow_tables_to_appear_in_same_query!(backups, tenants);
diesel::allow_tables_to_appear_in_same_query!(tenants, second_store);
diesel::allow_tables_to_appear_in_same_query!(operations, tenant_identities);
diesel::allow_tables_to_appear_in_same_query!(restores, operations);
diesel::allow_tables_to_appear_in_same_query!(directory_users, group_members, user_roles);
diesel::allow_tables_to_appear_in_same_query!(memberships, tenants);
diesel::allow_tables_to_appear_in_same_query!(sessions, tenant_identities);
diesel::allow_tables_to_appear_in_same_query!(users, user_privileges);
diesel::allow_tables_to_appear_in_same_query!(identity_providers, tenant_identities);
diesel::allow_tables_to_appear_in_same_query!(users, memberships, tenant_identities);
diesel::allow_tables_to_appear_in_same_query!(role_privileges, group_roles);
diesel::allow_tables_to_appear_in_same_query!(roles, user_roles, group_roles);

// What CheckAccess asks at once.
diesel::allow_tables_to_appear_in_same_query!(tenants, tenant_extensions);
diesel::allow_tables_to_appear_in_same_query!(tenants, tenant_identities);
diesel::allow_tables_to_appear_in_same_query!(tenants, user_privileges);
diesel::allow_tables_to_appear_in_same_query!(tenant_features, tenants);
diesel::allow_tables_to_appear_in_same_query!(tenant_features, memberships);
diesel::allow_tables_to_appear_in_same_query!(tenant_features, users);
diesel::allow_tables_to_appear_in_same_query!(tenant_features, tenant_identities);
diesel::allow_tables_to_appear_in_same_query!(tenant_features, user_privileges);
diesel::allow_tables_to_appear_in_same_query!(user_privileges, memberships);
diesel::allow_tables_to_appear_in_same_query!(user_privileges, tenant_identities);
