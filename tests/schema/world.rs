//! A database with three tenants that have rows in every table, and a few words to speak to it with.

use tokio_postgres::{Client, SimpleQueryMessage};

use crate::support::database::Database;

/// Tables without tenants' rows, each with the reason why it needs no row-level security.
pub const PLATFORM_TABLES: &[(&str, &str)] = &[
    ("__diesel_schema_migrations", "diesel's list of migrations; the application only reads it"),
    ("attempts", "counts by keyed hashes, also of accounts and tenants that are not there"),
    ("default_features", "one row: what new tenants get"),
    (
        "function_privileges",
        "the names that role_privileges refers to, the same for every tenant; the application only reads it",
    ),
    (
        "identity_providers",
        "whose tokens count: of the platform as a whole; for which tenant is no secret to operators",
    ),
    ("license_privileges", "what kinds of the system licence open: of the platform as a whole"),
    ("mail_texts", "the operators' own texts, of the platform as a whole"),
    ("second_store", "one row: which store has copies of backups"),
    ("servers", "where tenants are placed: of the platform as a whole"),
    ("service_identities", "who else calls, and on which tenants: operators' affair, read before a tenant is known"),
    ("service_keys", "hashes of the keys of these"),
    ("settings", "one row: of the platform as a whole"),
    ("signing_keys", "sealed, of the platform as a whole; only the platform role reaches them"),
    ("system_licenses", "the licence of the platform as a whole"),
    ("tenant_edges", "the lifecycle itself, the same for every tenant; the application only reads it"),
];

/// The column that says whose a row is.
pub fn tenant_column(table: &str) -> &'static str {
    if table == "tenant_identities" { "uid" } else { "tenant_id" }
}

pub const INFRASTRUCTURE: &str = "11111111-1111-1111-1111-111111111111";
pub const A: &str = "aaaaaaaa-0000-0000-0000-000000000001";
pub const B: &str = "bbbbbbbb-0000-0000-0000-000000000002";
pub const C: &str = "cccccccc-0000-0000-0000-000000000003";

/// A row in every table, for the tenant `$t` with the code `$c` and the number `$n`. Whoever adds a table adds a row here.
const ROWS: &str = "
    INSERT INTO tenant_identities (uid, code) VALUES ('$t', '$c');
    INSERT INTO tenants (tenant_id, code, display_name, server, time_zone) VALUES ('$t', '$c', 'Name of $c', 'main', 'UTC');
    INSERT INTO tenant_transitions (tenant_id, seq, from_state, from_reason, to_state, to_reason, cause)
        VALUES ('$t', 1, 'NONE', '-', 'LOCKED', 'PROVISIONING', 'CREATE');
    INSERT INTO tenant_transitions (tenant_id, seq, from_state, from_reason, to_state, to_reason, cause)
        VALUES ('$t', 2, 'LOCKED', 'PROVISIONING', 'ACTIVE', '-', 'PROVISIONED');
    UPDATE tenants SET domain = '$c.example' WHERE tenant_id = '$t';
    INSERT INTO tenant_domains (tenant_id, domain, challenge) VALUES ('$t', '$c.example', 'c');
    INSERT INTO users (tenant_id, id, user_name, user_name_key, state) VALUES ('$t', '$t', 'anna', 'anna', 'ACTIVE');
    INSERT INTO memberships (tenant_id, user_id, home_tenant_id) VALUES ('$t', '$t', '$t');
    INSERT INTO groups (tenant_id, id, tenant_name) VALUES ('$t', '$t', 'Name of $c');
    INSERT INTO group_members (tenant_id, group_id, user_id) VALUES ('$t', '$t', '$t');
    INSERT INTO privileges (tenant_id, id) VALUES ('$t', 'category.finance');
    INSERT INTO roles (tenant_id, id, name) VALUES ('$t', '$t', 'administrators');
    INSERT INTO role_privileges (tenant_id, role_id, privilege) VALUES ('$t', '$t', 'user-administrator');
    INSERT INTO role_privileges (tenant_id, role_id, privilege) VALUES ('$t', '$t', 'category.finance');
    INSERT INTO user_roles (tenant_id, user_id, role_id) VALUES ('$t', '$t', '$t');
    INSERT INTO group_roles (tenant_id, group_id, role_id) VALUES ('$t', '$t', '$t');
    INSERT INTO tenant_licenses (tenant_id, kind, quantity) VALUES ('$t', 'base', 5);
    INSERT INTO user_licenses (tenant_id, user_id, kind) VALUES ('$t', '$t', 'base');
    INSERT INTO tenant_extensions (tenant_id, first, last) VALUES ('$t', 1$n00, 1$n99);
    INSERT INTO user_extensions (tenant_id, user_id, first, last, range_first, range_last)
        VALUES ('$t', '$t', 1$n10, 1$n10, 1$n00, 1$n99);
    INSERT INTO links (tenant_id, id, user_id, purpose, code_hash, expires_at)
        VALUES ('$t', '$t', '$t', 'RESET', decode(repeat('ab', 32), 'hex'), clock_timestamp() + interval '1 hour');
    INSERT INTO identity_providers (id, issuer, for_tenant, audiences, algorithms)
        VALUES ('$c-login', 'https://$c.example', '$t', '{api}', '{EdDSA}');
    INSERT INTO user_identities (tenant_id, id, user_id, provider, subject) VALUES ('$t', '$t', '$t', '$c-login', 'anna');
    INSERT INTO sessions (tenant_id, id, user_id, active_tenant_id, tenant_epoch, refresh_hash, expires_at, identity_id)
        VALUES ('$t', '$t', '$t', '$t', 1, 'hash', clock_timestamp() + interval '1 hour', '$t');
    INSERT INTO operations (tenant_id, id, kind, params, exclusive) VALUES ('$t', '$t', 'thaw', '{}', true);
    INSERT INTO operation_steps (tenant_id, operation_id, position, step) VALUES ('$t', '$t', 1, 'thaw');
    INSERT INTO participant_ledger (tenant_id, generation, participant, phase, operation_id)
        VALUES ('$t', 1, 'directory', 'PROVISIONED', '$t');
    INSERT INTO requests (tenant_id, user_id, method, request_id, body_hash, answer)
        VALUES ('$t', '$t', '/m', '$t', 'hash', '{}');
    INSERT INTO audit_records (tenant_id, method, actor_tenant_id, actor_id, correlation_id)
        VALUES ('$t', '/m', '$t', '$t', 'c');
    INSERT INTO events (tenant_id, severity, kind, subject_id) VALUES ('$t', 'INFO', 'k', '$t');
    INSERT INTO event_marks (tenant_id, user_id, seen) VALUES ('$t', '$t', pg_current_snapshot());
    INSERT INTO event_clears (tenant_id, cleared) VALUES ('$t', pg_current_snapshot());
    INSERT INTO tenant_keys (tenant_id, id) VALUES ('$t', '$t');
    INSERT INTO blobs (tenant_id, id, key_id) VALUES ('$t', '$t', '$t');
    UPDATE blobs SET state = 'LIVE', content = decode(repeat('ab', 32), 'hex'), sha256 = decode(repeat('ab', 32), 'hex')
        WHERE tenant_id = '$t';
    INSERT INTO blob_parts (tenant_id, blob_id, part, attempt, bytes, stored_bytes) VALUES ('$t', '$t', 0, 1, 0, 68);
    INSERT INTO assets (tenant_id, id, kind, display_name, folded, blob_id, bytes, created_by)
        VALUES ('$t', '$t', 'OTHER', 'a', 'a', '$t', 0, 'system');
    INSERT INTO uploads (tenant_id, uploader_id, id, body_hash, bytes, blob_id, expires_at)
        VALUES ('$t', '$t', '$t', 'hash', 0, '$t', clock_timestamp() + interval '1 hour');
    INSERT INTO backups (tenant_id, id, seq, components, created_by, operation_id) VALUES ('$t', '$t', 1, '{users}', 'system', '$t');
    INSERT INTO restores (tenant_id, operation_id, backup_id) VALUES ('$t', '$t', '$t');
    INSERT INTO deleted_users (tenant_id, user_id) VALUES ('$t', gen_random_uuid());
    INSERT INTO copied_blobs (tenant_id, blob_id, store) VALUES ('$t', '$t', '22222222-2222-2222-2222-222222222222');
    INSERT INTO departed_content (tenant_id, blob_id, born, died) VALUES ('$t', '$t', 0, 1);
    INSERT INTO tenant_mail_texts (tenant_id, mail, language, subject, body) VALUES ('$t', 'reset', 'en', 's', 'b');";

/// The user of [`A`] works in [`B`] as well.
const GUEST: &str = "
    INSERT INTO memberships (tenant_id, user_id, home_tenant_id) VALUES ('$b', '$a', '$a');
    INSERT INTO user_roles (tenant_id, user_id, role_id) VALUES ('$b', '$a', '$b');
    INSERT INTO group_members (tenant_id, group_id, user_id) VALUES ('$b', '$b', '$a')";

/// What a tenant sees of others for its users and its guests: how many rows of which table, and which they are.
pub const SEEN_BESIDES: &[(&str, &str, u64, &str)] = &[
    (A, "memberships", 1, "home_tenant_id = 'aaaaaaaa-0000-0000-0000-000000000001'"),
    (A, "tenant_identities", 1, "uid = 'bbbbbbbb-0000-0000-0000-000000000002'"),
    (B, "users", 1, "id = 'aaaaaaaa-0000-0000-0000-000000000001'"),
    (B, "tenant_identities", 1, "uid = 'aaaaaaaa-0000-0000-0000-000000000001'"),
];

/// A database with the tenants [`A`] and [`B`], a guest of B whose home is A, and the tenant [`C`] that has nothing to do with
/// either, made by the application's role.
pub async fn three_tenants() -> Database {
    let database = one_server().await;
    let app = database.connect("landlord_app").await;
    for (tenant, code, number) in [(A, "alpha", "1"), (B, "bravo", "2"), (C, "charlie", "3")] {
        let rows = ROWS.replace("$t", tenant).replace("$c", code).replace("$n", number);
        run_for(&app, tenant, &rows).await.unwrap();
    }
    run_for(&app, B, &GUEST.replace("$a", A).replace("$b", B)).await.unwrap();
    database
}

/// A database without tenants, with a server to place them on, and the second store.
pub async fn one_server() -> Database {
    let database = Database::create().await;
    let store = "INSERT INTO second_store (id) VALUES ('22222222-2222-2222-2222-222222222222')";
    database.connect("landlord_owner").await.batch_execute(store).await.unwrap();
    database.connect("landlord_app").await.batch_execute("INSERT INTO servers (id) VALUES ('main')").await.unwrap();
    database
}

/// Begins a transaction for a tenant and for a caller whose home it is.
pub async fn begin_for(client: &Client, tenant: &str) {
    let begin = format!(
        "BEGIN; SELECT set_config('landlord.tenant', '{tenant}', true), set_config('landlord.actor_tenant', '{tenant}', true)"
    );
    client.batch_execute(&begin).await.unwrap();
}

/// Runs statements in a transaction for a tenant.
pub async fn run_for(client: &Client, tenant: &str, sql: &str) -> Result<(), Refused> {
    begin_for(client, tenant).await;
    if let Err(refused) = run(client, sql).await {
        client.batch_execute("ROLLBACK").await.unwrap();
        return Err(refused);
    }
    run(client, "COMMIT").await.map(|_| ())
}

/// What the database said when it refused.
#[derive(Debug)]
pub struct Refused {
    pub state: String,
    pub message: String,
}

/// Runs statements; gives the number of rows that the last one touched.
pub async fn run(client: &Client, sql: &str) -> Result<u64, Refused> {
    let answer = client.simple_query(sql).await.map_err(|error| {
        let error = error.as_db_error().unwrap_or_else(|| panic!("the connection failed: {error}"));
        Refused { state: error.code().code().into(), message: error.message().into() }
    })?;
    let touched = answer.iter().filter_map(|m| match m {
        SimpleQueryMessage::CommandComplete(rows) => Some(*rows),
        _ => None,
    });
    Ok(touched.last().unwrap_or_default())
}

/// As [`run`], inside a transaction that goes on whatever the answer, and keeps nothing.
pub async fn attempt(client: &Client, sql: &str) -> Result<u64, Refused> {
    client.batch_execute("SAVEPOINT attempt").await.unwrap();
    let answer = run(client, sql).await;
    client.batch_execute("ROLLBACK TO SAVEPOINT attempt").await.unwrap();
    answer
}

/// The rows of a query, as text.
pub async fn rows(client: &Client, sql: &str) -> Vec<Vec<String>> {
    let answer = client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let of =
        |row: &tokio_postgres::SimpleQueryRow| (0..row.len()).map(|i| row.get(i).unwrap_or_default().into()).collect();
    answer.iter().filter_map(|m| if let SimpleQueryMessage::Row(row) = m { Some(of(row)) } else { None }).collect()
}

/// The first column of a query, as text.
pub async fn column(client: &Client, sql: &str) -> Vec<String> {
    rows(client, sql).await.into_iter().map(|mut row| row.remove(0)).collect()
}

/// The number that a query gives.
pub async fn number(client: &Client, sql: &str) -> u64 {
    column(client, sql).await[0].parse().unwrap()
}

/// The tables with tenants' rows: all but the listed ones.
pub async fn tenant_tables(client: &Client) -> Vec<String> {
    let all = column(
        client,
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace ORDER BY 1",
    );
    all.await.into_iter().filter(|table| !PLATFORM_TABLES.iter().any(|(name, _)| name == table)).collect()
}

/// Wants the refusal to have that SQLSTATE.
#[track_caller]
pub fn assert_state<T: std::fmt::Debug>(answer: Result<T, Refused>, state: &str, what: &str) -> String {
    let refused = answer.expect_err(what);
    assert_eq!(refused.state, state, "{what}: {refused:?}");
    refused.message
}
