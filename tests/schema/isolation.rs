//! What row-level security lets each role see and do, tried on every table.

use tokio_postgres::Client;

use super::world::{
    A, B, C, PLATFORM_TABLES, Refused, SEEN_BESIDES, assert_state, attempt, begin_for, column, number, rows, run,
    tenant_column, tenant_tables, three_tenants,
};

/// The tables that the platform role reads across tenants: the list, claims, expiry and the look-up of what is opaque.
const READ_ACROSS_TENANTS: &[&str] = &[
    "audit_records",
    "backups",
    "blobs",
    "departed_content",
    "event_clears",
    "links",
    "log_ins",
    "operation_steps",
    "operations",
    "requests",
    "tenant_domains",
    "tenant_extensions",
    "tenant_identities",
    "tenant_licenses",
    "tenant_limits",
    "tenants",
    "uploads",
    "user_identities",
    "users",
];

async fn rows_of(client: &Client, table: &str, tenant: &str) -> u64 {
    let key = tenant_column(table);
    number(client, &format!("SELECT count(*) FROM {table} WHERE {key} = '{tenant}'")).await
}

/// The columns that may be given a value by this role, by INSERT or UPDATE.
async fn writable(client: &Client, table: &str, privilege: &str) -> Vec<String> {
    let columns = format!(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'public.{table}'::regclass AND attnum > 0
         AND NOT attisdropped AND attgenerated = '' AND has_column_privilege(attrelid, attnum, '{privilege}')"
    );
    column(client, &columns).await
}

async fn relations(client: &Client) -> Vec<String> {
    let mut tables = tenant_tables(client).await;
    tables.extend(["user_privileges".into(), "directory_users".into(), "extension_stretches".into()]);
    tables
}

#[tokio::test]
async fn every_table_has_rows_of_all_tenants_so_that_these_tests_can_fail() {
    let client = three_tenants().await.connect("postgres").await;
    // What a view shows depends on the transaction's tenant; the next tests want rows in it.
    for table in relations(&client).await.into_iter().filter(|table| table != "directory_users") {
        for tenant in [A, B, C] {
            assert!(rows_of(&client, &table, tenant).await > 0, "{table} has no row: add one to world.rs");
        }
    }
}

#[tokio::test]
async fn without_a_tenant_neither_the_application_nor_the_owner_sees_a_row() {
    let database = three_tenants().await;
    for role in ["landlord_app", "landlord_owner"] {
        let client = database.connect(role).await;
        for table in relations(&client).await {
            assert_eq!(number(&client, &format!("SELECT count(*) FROM {table}")).await, 0, "{role} {table}");
        }
    }
}

#[tokio::test]
async fn a_pooled_connection_that_has_worked_for_a_tenant_sees_nothing_after_the_commit() {
    let app = three_tenants().await.connect("landlord_app").await;
    begin_for(&app, A).await;
    app.batch_execute("COMMIT").await.unwrap();
    assert_eq!(column(&app, "SELECT current_setting('landlord.tenant', true)").await, [""], "it is empty, not unset");
    for table in relations(&app).await {
        assert_eq!(number(&app, &format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
}

/// What of a table a tenant sees besides its own rows.
fn besides(tenant: &str, table: &str) -> Option<(u64, &'static str)> {
    let found = SEEN_BESIDES.iter().find(|seen| seen.0 == tenant && seen.1 == table);
    found.map(|(_, _, rows, which)| (*rows, *which))
}

#[tokio::test]
async fn with_a_tenant_the_application_sees_that_tenants_rows_and_what_its_users_and_guests_make_known() {
    let app = three_tenants().await.connect("landlord_app").await;
    for tenant in [A, B, C] {
        begin_for(&app, tenant).await;
        for table in relations(&app).await {
            let own = rows_of(&app, &table, tenant).await;
            assert!(own > 0, "{table}");
            let all = number(&app, &format!("SELECT count(*) FROM {table}")).await;
            let (more, which) = besides(tenant, &table).unwrap_or((0, "false"));
            assert_eq!(all, own + more, "{tenant} {table}");
            let key = tenant_column(&table);
            let known = format!("SELECT count(*) FROM {table} WHERE {key} <> '{tenant}' AND {which}");
            assert_eq!(number(&app, &known).await, more, "{tenant} {table}: exactly these");
        }
        app.batch_execute("COMMIT").await.unwrap();
    }
}

#[tokio::test]
async fn a_host_sees_its_guests_and_no_more_once_they_are_gone() {
    let app = three_tenants().await.connect("landlord_app").await;
    begin_for(&app, B).await;
    let users = "SELECT tenant_id, home_tenant_id, default_tenant_id FROM directory_users ORDER BY 2";
    assert_eq!(rows(&app, users).await, [[B, A, ""], [B, B, ""]]);
    for touch in [
        "SELECT FROM users WHERE id = $a FOR SHARE",
        "UPDATE users SET email = 'x' WHERE id = $a",
        "DELETE FROM users WHERE id = $a",
    ] {
        assert_eq!(attempt(&app, &touch.replace("$a", &format!("'{A}'"))).await.unwrap(), 0, "{touch}: it is home's");
    }
    run(&app, &format!("DELETE FROM memberships WHERE user_id = '{A}'")).await.unwrap();
    assert_eq!(number(&app, "SELECT count(*) FROM users").await, 1);
    assert_eq!(number(&app, "SELECT count(*) FROM tenant_identities").await, 1);
}

#[tokio::test]
async fn home_calls_its_users_back_and_touches_nobody_elses_membership() {
    let database = three_tenants().await;
    let app = database.connect("landlord_app").await;
    begin_for(&app, A).await;
    assert_eq!(attempt(&app, &format!("DELETE FROM memberships WHERE user_id <> '{A}'")).await.unwrap(), 0);
    assert_eq!(run(&app, &format!("DELETE FROM memberships WHERE tenant_id = '{B}'")).await.unwrap(), 1);
    app.batch_execute("COMMIT").await.unwrap();
    let admin = database.connect("postgres").await;
    for table in ["memberships", "user_roles", "group_members"] {
        assert_eq!(rows_of(&admin, table, B).await, 1, "{table}: B's own user stays");
    }
}

#[tokio::test]
async fn the_platform_role_lets_users_of_the_transactions_tenant_work_elsewhere_and_no_others() {
    let app = three_tenants().await.connect("landlord_app").await;
    let insert = |host: &str, user: &str, home: &str| {
        format!("INSERT INTO memberships (tenant_id, user_id, home_tenant_id) VALUES ('{host}', '{user}', '{home}')")
    };
    begin_for(&app, A).await;
    assert_state(attempt(&app, &insert(C, A, A)).await, "42501", "the application alone does not");
    app.batch_execute("SET LOCAL ROLE landlord_platform").await.unwrap();
    assert_eq!(attempt(&app, &insert(C, A, A)).await.unwrap(), 1);
    assert_state(attempt(&app, &insert(C, B, B)).await, "42501", "a user of neither side");
    assert_state(attempt(&app, "DELETE FROM memberships").await, "42501", "it takes nobody out");
    assert_eq!(number(&app, "SELECT count(*) FROM memberships").await, 2, "those of A, here and in B");
}

#[tokio::test]
async fn with_a_tenant_the_application_adds_no_row_to_another() {
    let database = three_tenants().await;
    let (admin, app) = (database.connect("postgres").await, database.connect("landlord_app").await);
    begin_for(&app, A).await;
    for table in tenant_tables(&app).await {
        let columns = writable(&app, &table, "INSERT").await.join(", ");
        assert!(!columns.is_empty(), "{table}: the application adds rows to every table");
        for row in
            column(&admin, &format!("SELECT to_jsonb(t) FROM {table} t WHERE {} = '{B}'", tenant_column(&table))).await
        {
            let insert = format!(
                "INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::{table}, '{}')",
                row.replace('\'', "''")
            );
            let message = assert_state(attempt(&app, &insert).await, "42501", &table);
            assert!(message.contains("row-level security"), "{table}: {message}");
        }
    }
}

#[tokio::test]
async fn with_a_tenant_the_application_changes_and_removes_no_row_of_another() {
    let app = three_tenants().await.connect("landlord_app").await;
    begin_for(&app, A).await;
    for table in tenant_tables(&app).await {
        let key = tenant_column(&table);
        let own = rows_of(&app, &table, A).await;
        for column in writable(&app, &table, "UPDATE").await {
            let change = format!("UPDATE {table} SET {column} = {column}");
            assert_eq!(attempt(&app, &format!("{change} WHERE {key} = '{B}'")).await.unwrap(), 0, "{table}.{column}");
            assert_eq!(attempt(&app, &change).await.unwrap(), own, "{table}.{column}");
        }
        if writable(&app, &table, "UPDATE").await.iter().any(|c| c == key) {
            let gift = attempt(&app, &format!("UPDATE {table} SET {key} = '{B}'")).await;
            let message = assert_state(gift, "42501", &table);
            assert!(message.contains("row-level security"), "{table}: {message}");
        }
        // Where its own users work elsewhere, home calls them back; that has its own test.
        let others = if table == "memberships" { format!(" AND home_tenant_id <> '{A}'") } else { String::new() };
        match attempt(&app, &format!("DELETE FROM {table} WHERE {key} = '{B}'{others}")).await {
            Ok(removed) => assert_eq!(removed, 0, "{table}"),
            Err(refused) => assert_eq!(refused.state, "42501", "{table}: {refused:?}"),
        }
        assert_state(attempt(&app, &format!("TRUNCATE {table} CASCADE")).await, "42501", &table);
    }
}

#[tokio::test]
async fn the_platform_role_reads_the_tables_that_let_it_and_no_others() {
    let app = three_tenants().await.connect("landlord_app").await;
    let tables = relations(&app).await;
    app.batch_execute("BEGIN; SET LOCAL ROLE landlord_platform").await.unwrap();
    for table in tables {
        let answer = attempt(&app, &format!("SELECT * FROM {table}")).await;
        if ["sessions", "memberships"].contains(&table.as_str()) {
            assert_eq!(answer.unwrap(), 0, "{table}: it sees what has ended, or is the transaction's tenant's own");
        } else if READ_ACROSS_TENANTS.contains(&table.as_str()) {
            assert!(
                answer.unwrap() > 1 && rows_of(&app, &table, A).await > 0 && rows_of(&app, &table, B).await > 0,
                "{table}"
            );
        } else {
            assert_state(answer, "42501", &table);
        }
    }
}

#[tokio::test]
async fn the_platform_role_writes_claims_signing_keys_and_the_end_of_what_has_expired_and_nothing_else() {
    let app = three_tenants().await.connect("landlord_app").await;
    let tables = tenant_tables(&app).await.into_iter();
    let tables: Vec<_> = tables.chain(PLATFORM_TABLES.iter().map(|(table, _)| (*table).to_owned())).collect();
    app.batch_execute("BEGIN; SET LOCAL ROLE landlord_platform").await.unwrap();
    let mut allowed = Vec::new();
    for table in tables {
        let mut note = |what: &str, answer: Result<u64, Refused>| match answer {
            Err(refused) if refused.state == "42501" => {}
            _ => allowed.push(format!("{what} {table}")),
        };
        note("INSERT", attempt(&app, &format!("INSERT INTO {table} DEFAULT VALUES")).await);
        note("DELETE", attempt(&app, &format!("DELETE FROM {table}")).await);
        let columns = format!(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'public.{table}'::regclass AND attnum > 0 AND attgenerated = ''"
        );
        for column in column(&app, &columns).await {
            note(&format!("UPDATE {column}"), attempt(&app, &format!("UPDATE {table} SET {column} = DEFAULT")).await);
        }
    }
    allowed.sort();
    assert_eq!(
        allowed,
        [
            "DELETE attempts",
            "DELETE links",
            "DELETE log_ins",
            "DELETE requests",
            "DELETE second_store",
            "DELETE sessions",
            "DELETE signing_keys",
            "INSERT second_store",
            "INSERT signing_keys",
            "UPDATE attempts operations",
            "UPDATE check_after tenant_domains",
            "UPDATE epoch operations",
            "UPDATE lease_until operations",
            "UPDATE owner operations",
            "UPDATE run_after operations",
            "UPDATE started_at operations",
            "UPDATE state operations",
            "UPDATE version operations",
            "UPDATE waiting_for operations",
        ]
    );
}

#[tokio::test]
async fn the_platform_role_removes_no_link_and_no_session_that_still_works() {
    let app = three_tenants().await.connect("landlord_app").await;
    app.batch_execute("BEGIN; SET LOCAL ROLE landlord_platform").await.unwrap();
    for table in ["links", "sessions"] {
        assert_eq!(run(&app, &format!("DELETE FROM {table}")).await.unwrap(), 0, "{table}");
    }
}

#[tokio::test]
async fn the_platform_role_touches_neither_ended_operations_nor_fresh_requests() {
    let app = three_tenants().await.connect("landlord_app").await;
    begin_for(&app, A).await;
    run(&app, "UPDATE operations SET state = 'SUCCEEDED', ended_at = clock_timestamp()").await.unwrap();
    run(&app, "UPDATE requests SET created_at = clock_timestamp() - interval '2 hours'").await.unwrap();
    app.batch_execute("COMMIT; BEGIN; SET LOCAL ROLE landlord_platform").await.unwrap();
    assert_eq!(run(&app, "UPDATE operations SET epoch = epoch + 1").await.unwrap(), 2, "those of others, which run");
    assert_eq!(run(&app, "DELETE FROM requests").await.unwrap(), 1, "that of A, which is old");
    assert_eq!(rows(&app, "SELECT tenant_id FROM requests ORDER BY 1").await, [[B], [C]]);
}

#[tokio::test]
async fn the_application_reaches_the_signing_keys_by_the_platform_role_only() {
    let app = three_tenants().await.connect("landlord_app").await;
    for statement in
        ["SELECT * FROM signing_keys", "DELETE FROM signing_keys", "INSERT INTO signing_keys VALUES ('k', '')"]
    {
        assert_state(run(&app, statement).await, "42501", statement);
    }
}

/// As a worker does: for a tenant, on nobody's behalf.
async fn begin_as_worker(app: &Client, tenant: &str) {
    app.batch_execute(&format!("BEGIN; SELECT set_config('landlord.tenant', '{tenant}', true)")).await.unwrap();
}

#[tokio::test]
async fn every_table_of_a_directory_is_emptied_in_batches() {
    let app = three_tenants().await.connect("landlord_app").await;
    begin_as_worker(&app, A).await;
    for table in [
        "events",
        "event_marks",
        "links",
        "sessions",
        "requests",
        "user_roles",
        "group_roles",
        "group_members",
        "user_licenses",
        "user_extensions",
        "memberships",
        "role_privileges",
        "privileges",
        "roles",
        "groups",
        "users",
    ] {
        let own = rows_of(&app, table, A).await.to_string();
        assert_eq!(column(&app, &format!("SELECT remove_batch('{table}', 10)")).await, [own], "{table}");
    }
}

#[tokio::test]
async fn a_user_who_is_a_guest_elsewhere_can_be_removed_and_is_a_guest_no_more() {
    let database = three_tenants().await;
    let app = database.connect("landlord_app").await;
    begin_as_worker(&app, A).await;
    for table in ["links", "sessions", "user_roles", "group_members", "memberships", "users"] {
        run(&app, &format!("SELECT remove_batch('{table}', 10)")).await.unwrap();
    }
    app.batch_execute("COMMIT").await.unwrap();
    let admin = database.connect("postgres").await;
    for table in ["memberships", "user_roles", "group_members"] {
        assert_eq!(rows_of(&admin, table, B).await, 1, "{table}: B's own user stays");
    }
}
