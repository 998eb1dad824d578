//! What each constraint refuses. All of them stand in `constraints.txt`; those of the directory are tried one by one.

use tokio_postgres::Client;

use super::world::{Refused, column, rows, run, three_tenants};
use crate::support::database::Database;
use crate::support::golden::assert_file;

const LISTED: &str = "
    SELECT conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'p', 'u', 'x')
        AND conrelid::regclass::text NOT LIKE '\\_\\_%'
    UNION ALL
    SELECT indrelid::regclass::text, indexrelid::regclass::text, 'u', regexp_replace(pg_get_indexdef(indexrelid), '^.* ON', 'UNIQUE INDEX ON')
    FROM pg_index JOIN pg_class ON pg_class.oid = indrelid AND relnamespace = 'public'::regnamespace
    WHERE indisunique AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
    ORDER BY 1, 2";

/// The tables whose constraints are tried.
const TRIED: &[&str] = &[
    "attempts",
    "function_privileges",
    "group_members",
    "group_roles",
    "groups",
    "identity_providers",
    "links",
    "log_ins",
    "mail_texts",
    "memberships",
    "privileges",
    "role_privileges",
    "roles",
    "sessions",
    "tenant_domains",
    "tenant_extensions",
    "tenant_mail_texts",
    "user_identities",
    "user_extensions",
    "user_roles",
    "users",
];

/// What offends against a constraint, where that does not follow from its kind.
const OFFENCES: &[(&str, &str)] = &[
    ("attempts_count_check", "count = 0"),
    ("attempts_slot_check", "slot = -1"),
    ("groups_check", "own_name = 'x', tenant_name = 'y'"),
    ("groups_description_check", "description = repeat('x', 501)"),
    ("identity_providers_algorithms_check", "algorithms = '{HS256}'"),
    ("identity_providers_audiences_check", "audiences = '{}'"),
    ("identity_providers_id_check", "id = 'x'"),
    ("identity_providers_issuer_check", "issuer = 'x'"),
    ("identity_providers_jwks_uri_check", "jwks_uri = 'x'"),
    ("links_code_hash_check", "code_hash = 'x'"),
    ("links_purpose_check", "purpose = 'X'"),
    ("log_ins_check", "count = 2"),
    ("log_ins_count_check", "count = 0"),
    ("mail_texts_body_check", "body = ''"),
    ("mail_texts_html_check", "html = ''"),
    ("mail_texts_language_check", "language = 'x'"),
    ("mail_texts_mail_check", "mail = 'X'"),
    ("mail_texts_subject_check", "subject = ''"),
    ("privileges_display_name_check", "display_name = repeat('x', 201)"),
    ("privileges_id_check", "id = 'x'"),
    ("role_privileges_check", "privilege = 'manage-tenants'"),
    ("role_privileges_function_privilege_fkey", "privilege = 'nobody'"),
    ("role_privileges_tenant_id_defined_privilege_fkey", "privilege = 'category.nobody'"),
    ("roles_description_check", "description = repeat('x', 501)"),
    ("tenant_extensions_check", "last = 2 * last"),
    ("tenant_extensions_tenant_id_check", "tenant_id = '11111111-1111-1111-1111-111111111111'"),
    ("tenant_domains_challenge_check", "challenge = ''"),
    ("tenant_domains_check", "silent_checks = 1"),
    ("tenant_domains_silent_checks_check", "silent_checks = -1"),
    ("tenant_mail_texts_body_check", "body = ''"),
    ("tenant_mail_texts_html_check", "html = ''"),
    ("tenant_mail_texts_language_check", "language = 'x'"),
    ("tenant_mail_texts_mail_check", "mail = 'X'"),
    ("tenant_mail_texts_subject_check", "subject = ''"),
    ("user_identities_subject_check", "subject = ''"),
    ("user_extensions_check", "last = first - 1"),
    ("user_extensions_check1", "range_last = last - 1"),
    ("user_extensions_tenant_id_range_first_range_last_fkey", "range_last = range_last + 1"),
    ("users_check", "user_name_key = 'superuser', password_hash = 'x'"),
    ("users_language_check", "language = 'x'"),
    ("users_state_check", "state = 'X'"),
    ("users_target_check", "tenant_id = '11111111-1111-1111-1111-111111111111', impersonation_target = true"),
];

#[tokio::test]
async fn the_constraints_are_the_written_ones() {
    let client = Database::create().await.connect("postgres").await;
    let lines = rows(&client, LISTED).await.into_iter().map(|row| format!("{} | {} | {}\n", row[0], row[1], row[3]));
    assert_file("tests/schema/constraints.txt", &lines.collect::<String>());
}

#[tokio::test]
async fn each_constraint_of_the_directory_refuses_what_offends_against_it() {
    let client = three_tenants().await.connect("postgres").await;
    let more = "INSERT INTO attempts (kind, slot, count) VALUES (1, 1, 1);
        INSERT INTO mail_texts (mail, language, subject, body) VALUES ('reset', 'en', 's', 'b')";
    run(&client, more).await.unwrap();
    let mut tried = 0;
    for row in rows(&client, LISTED).await {
        let [table, name, kind, _] = row.as_slice() else { unreachable!() };
        if TRIED.contains(&table.as_str()) {
            let refused = offend(&client, table, name, kind).await.expect_err(name);
            assert!(refused.message.contains(&format!("\"{name}\"")), "{name}: {refused:?}");
            tried += 1;
        }
    }
    assert!(tried > 60, "{tried}");
}

/// Offends against that constraint, when there is no other one on its table.
async fn offend(client: &Client, table: &str, name: &str, kind: &str) -> Result<u64, Refused> {
    client
        .batch_execute(&format!("BEGIN; SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE {table} DISABLE TRIGGER USER"))
        .await
        .unwrap();
    let others = format!(
        "SELECT format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I CASCADE', conrelid::regclass, conname)
         FROM pg_constraint WHERE conrelid = '{table}'::regclass AND conname <> '{name}'"
    );
    for drop in column(client, &others).await {
        client.batch_execute(&drop).await.unwrap();
    }
    let offence = OFFENCES.iter().find(|(constraint, _)| *constraint == name).map(|(_, offence)| *offence);
    let statement = match (offence, kind) {
        (Some(offence), _) => format!("UPDATE {table} SET {offence}"),
        (None, "f") => format!("UPDATE {table} SET {}", elsewhere(client, name).await),
        (None, "p" | "u" | "x") => again(client, table).await,
        _ => panic!("{name}: say what offends against it"),
    };
    let answer = run(client, &statement).await;
    client.batch_execute("ROLLBACK").await.unwrap();
    answer
}

/// A change after which the last column of a foreign key refers to nothing.
async fn elsewhere(client: &Client, name: &str) -> String {
    let last = format!(
        "SELECT attname || CASE WHEN atttypid = 'uuid'::regtype THEN ' = gen_random_uuid()' ELSE ' = ''nobody''' END
         FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[cardinality(conkey)]
         WHERE conname = '{name}'"
    );
    column(client, &last).await.remove(0)
}

/// A row that is there already.
async fn again(client: &Client, table: &str) -> String {
    let columns = format!(
        "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
         WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''"
    );
    let columns = column(client, &columns).await.remove(0);
    format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} LIMIT 1")
}
