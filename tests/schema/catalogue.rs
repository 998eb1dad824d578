//! Laws over tables, views, functions and roles. They bind what is added later, too.

use tokio_postgres::Client;

use super::world::{PLATFORM_TABLES, column, rows, run, tenant_column, tenant_tables};
use crate::support::database::Database;

/// The tables that hold tenants' rows without row-level security that binds the owner too, and has a policy.
async fn unprotected(client: &Client) -> Vec<String> {
    let protected = column(
        client,
        "SELECT relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relrowsecurity
         AND relforcerowsecurity AND EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid)",
    )
    .await;
    tenant_tables(client).await.into_iter().filter(|table| !protected.contains(table)).collect()
}

#[tokio::test]
async fn every_table_with_tenants_rows_has_forced_row_level_security_and_a_policy() {
    let database = Database::create().await;
    assert_eq!(unprotected(&database.connect("postgres").await).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_table_added_without_protection_is_noticed_and_so_is_a_partition() {
    let database = Database::create().await;
    let owner = database.connect("landlord_owner").await;
    owner.batch_execute("CREATE TABLE notes (tenant_id uuid PRIMARY KEY)").await.unwrap();
    for half in ["ENABLE ROW LEVEL SECURITY", "FORCE ROW LEVEL SECURITY"] {
        assert_eq!(unprotected(&owner).await, ["notes"]);
        owner.batch_execute(&format!("ALTER TABLE notes {half}")).await.unwrap();
    }
    assert_eq!(unprotected(&owner).await, ["notes"], "it has no policy yet");
    owner.batch_execute("CALL protect_tenant_table('notes')").await.unwrap();
    assert_eq!(unprotected(&owner).await, Vec::<String>::new());

    let parts = "CREATE TABLE readings (tenant_id uuid) PARTITION BY HASH (tenant_id);
                 CREATE TABLE readings_0 PARTITION OF readings FOR VALUES WITH (MODULUS 1, REMAINDER 0);
                 CALL protect_tenant_table('readings')";
    owner.batch_execute(parts).await.unwrap();
    assert_eq!(unprotected(&owner).await, ["readings_0"], "a partition can be addressed directly");
}

#[tokio::test]
async fn every_exempt_table_exists_and_names_no_tenant() {
    let database = Database::create().await;
    let client = database.connect("postgres").await;
    for (table, reason) in PLATFORM_TABLES {
        let columns =
            format!("SELECT attname FROM pg_attribute WHERE attrelid = 'public.{table}'::regclass AND attnum > 0");
        let columns = column(&client, &columns).await;
        assert!(
            !columns.is_empty() && !columns.iter().any(|c| c.contains("tenant_id")),
            "{table} ({reason}): {columns:?}"
        );
    }
}

#[tokio::test]
async fn policies_that_bind_the_application_name_the_tenant_of_the_transaction_or_of_the_caller() {
    let database = Database::create().await;
    let client = database.connect("postgres").await;
    let policies = rows(
        &client,
        "SELECT tablename, policyname, permissive, qual, with_check FROM pg_policies
         WHERE schemaname = 'public' AND roles <> '{landlord_platform}'",
    )
    .await;
    assert!(policies.len() >= tenant_tables(&client).await.len());
    for policy in policies {
        let [table, name, permissive, using, check] = &policy[..] else { panic!("{policy:?}") };
        let own = |function| format!("({} = {function}())", tenant_column(table));
        // A transaction on a tenant may tell the operators of that tenant, and of no other.
        let operators =
            "((tenant_id = '11111111-1111-1111-1111-111111111111'::uuid) AND (subject_id = current_tenant()))";
        // For users and guests: home sees where its users work, the host who its guests are, and each where the other is.
        let known = |text: &str| {
            let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let host = "EXISTS ( SELECT FROM memberships m WHERE";
            match (table.as_str(), name.as_str()) {
                ("memberships", "home_read" | "home_remove") => text == "(home_tenant_id = current_tenant())",
                ("users", "guests") => {
                    text == "((tenant_id <> current_tenant()) AND (EXISTS ( SELECT FROM memberships m WHERE ((m.tenant_id = current_tenant()) AND (m.user_id = users.id) AND (m.home_tenant_id = users.tenant_id)))))"
                }
                ("tenant_identities", "between_home_and_host") => {
                    text == format!(
                        "({host} (((m.tenant_id = tenant_identities.uid) AND (m.home_tenant_id = current_tenant())) OR ((m.tenant_id = current_tenant()) AND (m.home_tenant_id = tenant_identities.uid)))))"
                    )
                }
                _ => false,
            }
        };
        let fine = |text: &str| {
            text == own("current_tenant")
                || table == "requests" && text == own("current_actor_tenant")
                || name == "operators_log" && (text.is_empty() || text == operators)
                || known(text)
        };
        assert!(
            permissive == "PERMISSIVE" && fine(using) && (check.is_empty() || fine(check)),
            "{table}.{name}: {policy:?}"
        );
    }
}

#[tokio::test]
async fn views_ask_with_the_rights_of_whoever_asks_and_none_is_materialized() {
    let database = Database::create().await;
    let client = database.connect("postgres").await;
    let views = rows(
        &client,
        "SELECT relname, relkind, coalesce('security_invoker=true' = ANY (reloptions), false) FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('r', 'p', 'i', 'I', 'S', 'c', 't')",
    )
    .await;
    assert!(!views.is_empty(), "there is user_privileges at least");
    for view in views {
        assert_eq!(view[1..], ["v", "t"], "{}: neither a plain view with security_invoker nor a table", view[0]);
    }
}

#[tokio::test]
async fn only_the_projection_of_transitions_runs_with_the_owners_rights() {
    let database = Database::create().await;
    let client = database.connect("postgres").await;
    let functions = column(
        &client,
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef ORDER BY 1",
    );
    assert_eq!(functions.await, ["tenant_project"]);
}

#[tokio::test]
async fn functions_that_look_tables_up_by_name_do_so_in_a_fixed_path_that_ends_in_pg_temp() {
    let database = Database::create().await;
    let client = database.connect("postgres").await;
    // The bodies of SQL functions that are written as expressions are bound when they are made.
    let open = rows(
        &client,
        "SELECT proname, array_to_string(proconfig, '; ') FROM pg_proc WHERE pronamespace = 'public'::regnamespace
         AND prosqlbody IS NULL AND prokind = 'f'
         AND proconfig IS DISTINCT FROM '{\"search_path=pg_catalog, public, pg_temp\"}'",
    )
    .await;
    assert_eq!(open, Vec::<Vec<String>>::new());
}

#[tokio::test]
async fn the_roles_are_no_superusers_bypass_nothing_and_the_application_owns_nothing() {
    let database = Database::create().await;
    let client = database.connect("postgres").await;
    let strong = "SELECT rolname, rolsuper, rolbypassrls, rolreplication, rolinherit FROM pg_roles
                  WHERE rolname IN ('landlord_app', 'landlord_platform', 'landlord_owner') ORDER BY 1";
    assert_eq!(
        rows(&client, strong).await,
        [
            ["landlord_app", "f", "f", "f", "f"],
            ["landlord_owner", "f", "f", "f", "t"],
            ["landlord_platform", "f", "f", "f", "f"]
        ]
    );
    let owned =
        "SELECT count(*) FROM pg_shdepend d JOIN pg_database b ON b.oid = d.dbid AND b.datname = current_database()
                 WHERE deptype = 'o' AND refclassid = 'pg_authid'::regclass
                   AND refobjid IN ('landlord_app'::regrole, 'landlord_platform'::regrole)";
    assert_eq!(column(&client, owned).await, ["0"]);
    let member = "SELECT pg_has_role('landlord_app', 'landlord_platform', 'MEMBER'),
                         pg_has_role('landlord_app', 'landlord_platform', 'USAGE'),
                         pg_has_role('landlord_app', 'landlord_owner', 'MEMBER'),
                         pg_has_role('landlord_platform', 'landlord_app', 'MEMBER')";
    assert_eq!(rows(&client, member).await, [["t", "f", "f", "f"]], "by SET ROLE only, and to nothing else");
}

#[tokio::test]
async fn the_application_can_switch_no_rule_off() {
    let database = Database::create().await;
    let app = database.connect("landlord_app").await;
    for statement in [
        "ALTER TABLE tenants DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE tenants DISABLE TRIGGER ALL",
        "DROP POLICY tenant_scope ON tenants",
        "DROP TABLE audit_records",
        "CREATE TABLE public.copies (id int)",
        "SET session_replication_role = replica",
        "SET ROLE landlord_owner",
    ] {
        super::world::assert_state(run(&app, statement).await, "42501", statement);
    }
}
