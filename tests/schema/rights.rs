//! Who may do what, table by table: `rights.txt` is the whole of it.

use std::fmt::Write as _;

use super::world::rows;
use crate::support::database::Database;
use crate::support::golden;

const TABLES: &str = "
    WITH granted AS (
        SELECT oid, grantee, privilege_type, NULL::name AS col
        FROM pg_class, aclexplode(relacl) WHERE relnamespace = 'public'::regnamespace AND grantee <> relowner
        UNION ALL
        SELECT c.oid, grantee, privilege_type, attname
        FROM pg_class c JOIN pg_attribute ON attrelid = c.oid, aclexplode(attacl)
        WHERE relnamespace = 'public'::regnamespace AND grantee <> relowner),
    rights AS (
        SELECT oid, grantee, privilege_type || coalesce(' (' || string_agg(col, ', ' ORDER BY col) || ')', '') AS privilege
        FROM granted GROUP BY oid, grantee, privilege_type)
    SELECT oid::regclass::text, grantee::regrole::text, string_agg(privilege, ', ' ORDER BY privilege)
    FROM rights GROUP BY 1, 2 ORDER BY 1, 2";

const POLICIES: &str = "
    SELECT tablename, policyname, cmd, array_to_string(roles, ', '), qual, with_check FROM pg_policies
    WHERE schemaname = 'public' ORDER BY 1, 2";

/// `-` is everybody.
const FUNCTIONS: &str = "
    SELECT p.oid::regprocedure::text, grantee::regrole::text, privilege_type
    FROM pg_proc p, aclexplode(coalesce(proacl, acldefault('f', proowner)))
    WHERE pronamespace = 'public'::regnamespace AND grantee <> proowner ORDER BY 1, 2";

#[tokio::test]
async fn the_rights_of_each_role_are_the_written_ones() {
    let client = Database::create().await.connect("postgres").await;
    let mut text = String::from("# Tables and views: who may do what.\n");
    let tables = rows(&client, TABLES).await;
    for right in &tables {
        writeln!(text, "{} | {} | {}", right[0], right[1], right[2]).unwrap();
    }
    writeln!(text, "\n# Policies: which rows, for what and for whom.").unwrap();
    for policy in rows(&client, POLICIES).await {
        let policy = policy.iter().map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
        let policy: Vec<_> = policy.collect();
        let [table, name, command, roles, using, check] = &policy[..] else { panic!("{policy:?}") };
        let check = if check.is_empty() { String::new() } else { format!(" | with check {check}") };
        writeln!(text, "{table}.{name} | {command} | {roles} | using {using}{check}").unwrap();
    }
    writeln!(text, "\n# Functions: who may call them.").unwrap();
    let functions = rows(&client, FUNCTIONS).await;
    for right in &functions {
        writeln!(text, "{} | {} | {}", right[0], right[1], right[2]).unwrap();
    }
    golden::assert_file("tests/schema/rights.txt", &text);
    let everybodys: Vec<_> = tables.iter().chain(&functions).filter(|right| right[1] == "-").collect();
    assert!(everybodys.is_empty(), "granted to everybody: {everybodys:?}");
}
