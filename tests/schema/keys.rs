//! Keys lead with the tenant: so that no key says what another tenant has, and so that tables can be spread by tenant.

use tokio_postgres::Client;

use super::world::{column, rows, tenant_column, tenant_tables};
use crate::support::database::Database;

/// Indexes that don't lead with the tenant, each with its reason.
const ACROSS_TENANTS: &[(&str, &str)] = &[
    (
        "tenant_extensions_exclusive",
        "a number is one tenant's; operators alone give them away, and are not told whose they are",
    ),
    ("user_extensions_exclusive", "the same: what is within a tenant's numbers is no other tenant's"),
    ("tenant_identities_code_key", "a code names one tenant of all, for ever"),
    ("tenants_domain_key", "a domain is of one tenant; operators alone set them, and log-in looks tenants up by it"),
    ("tenants_code_key", "the same; log-in and metadata look tenants up by it"),
    ("tenant_domains_due", "the housekeeping looks for those to check across tenants"),
    ("tenants_by_creation", "the platform reads its list in batches of this order"),
    ("tenants_by_change", "the platform keeps its list current by it"),
    ("tenant_identities_by_end", "the same, for tenants that are gone"),
    ("tenants_by_server", "who still stands on a server that is to go, and the foreign key itself"),
    ("audit_records_by_age", "the platform's list in this order"),
    ("memberships_by_home", "who leaves home is looked up by home, which is a tenant too"),
    ("links_by_code", "a link does not say whose it is; not unique, so it refuses nobody"),
    (
        "user_identities_by_subject",
        "who calls with a token of a provider is looked up by its subject; not unique, so it refuses nobody",
    ),
    ("sessions_by_expiry", "what has expired is removed across tenants"),
    ("log_ins_to_fold", "log-ins of the past are folded across tenants"),
    ("log_ins_by_age", "what has expired is removed across tenants"),
    ("operations_due", "workers claim across tenants"),
    ("operations_by_age", "the platform's list in this order"),
    ("backups_by_age", "the platform's list in this order"),
    ("blobs_unused", "the housekeeping looks for content to remove across tenants"),
    ("uploads_by_expiry", "the same, for uploads that are given up"),
    ("uploads_by_uploader", "whoever uploads a recording to whichever tenant asks how far it is"),
    ("requests_by_age", "what has expired is removed across tenants"),
];

/// Foreign keys between tenants' rows whose columns don't pair the tenants, each with its reason.
const BETWEEN_TENANTS: &[(&str, &str)] = &[
    (
        "events_subject_id_fkey",
        "the operators' log tells of other tenants, whose identities are no secret to operators",
    ),
    ("memberships_home_tenant_id_user_id_fkey", "a guest's home is another tenant; the key has that tenant's id in it"),
    (
        "sessions_active_tenant_id_fkey",
        "a session of a user's home can be active in a tenant where the user is a guest",
    ),
    ("users_default_tenant_id_fkey", "a user's sessions can start in a tenant where the user is a guest"),
];

async fn indexes_not_led_by_the_tenant(client: &Client) -> Vec<String> {
    let indexes = rows(
        client,
        "SELECT t.relname, i.relname, a.attname FROM pg_index x
         JOIN pg_class i ON i.oid = indexrelid JOIN pg_class t ON t.oid = indrelid
         LEFT JOIN pg_attribute a ON a.attrelid = indrelid AND a.attnum = indkey[0]
         WHERE t.relnamespace = 'public'::regnamespace ORDER BY 2",
    );
    let tables = tenant_tables(client).await;
    let others = indexes.await.into_iter().filter(|i| tables.contains(&i[0]) && i[2] != tenant_column(&i[0]));
    others.map(|i| i[1].clone()).collect()
}

async fn foreign_keys_that_do_not_pair_the_tenants(client: &Client) -> Vec<String> {
    let keys = rows(
        client,
        "SELECT conname, f.relname, t.relname,
                array(SELECT a.attname || '=' || b.attname FROM unnest(conkey, confkey) AS pair (here, there)
                      JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = here
                      JOIN pg_attribute b ON b.attrelid = confrelid AND b.attnum = there)
         FROM pg_constraint JOIN pg_class f ON f.oid = conrelid JOIN pg_class t ON t.oid = confrelid
         WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY 1",
    );
    let tables = tenant_tables(client).await;
    let between = keys.await.into_iter().filter(|k| tables.contains(&k[1]) && tables.contains(&k[2]));
    let unpaired = between.filter(|k| {
        let pair = format!("{}={}", tenant_column(&k[1]), tenant_column(&k[2]));
        !k[3].trim_matches(['{', '}']).split(',').any(|p| p == pair)
    });
    unpaired.map(|k| k[0].clone()).collect()
}

fn listed(list: &[(&str, &str)]) -> Vec<String> {
    let mut names: Vec<_> = list.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn indexes_and_unique_keys_lead_with_the_tenant() {
    let client = Database::create().await.connect("postgres").await;
    assert_eq!(indexes_not_led_by_the_tenant(&client).await, listed(ACROSS_TENANTS));
}

#[tokio::test]
async fn of_the_exceptions_only_codes_domains_and_extensions_are_unique_across_tenants() {
    let client = Database::create().await.connect("postgres").await;
    let unique = column(
        &client,
        "SELECT relname FROM pg_index JOIN pg_class ON oid = indexrelid
         WHERE (indisunique OR indisexclusion) AND relnamespace = 'public'::regnamespace",
    );
    let unique = unique.await;
    let across: Vec<_> = listed(ACROSS_TENANTS).into_iter().filter(|name| unique.contains(name)).collect();
    assert_eq!(
        across,
        [
            "tenant_extensions_exclusive",
            "tenant_identities_code_key",
            "tenants_code_key",
            "tenants_domain_key",
            "user_extensions_exclusive",
        ]
    );
}

#[tokio::test]
async fn foreign_keys_between_tenants_rows_pair_the_tenants() {
    let client = Database::create().await.connect("postgres").await;
    assert_eq!(foreign_keys_that_do_not_pair_the_tenants(&client).await, listed(BETWEEN_TENANTS));
}

#[tokio::test]
async fn a_key_that_reaches_into_other_tenants_is_noticed() {
    let owner = Database::create().await.connect("landlord_owner").await;
    owner
        .batch_execute(
            "ALTER TABLE links ADD CONSTRAINT simple_key FOREIGN KEY (user_id) REFERENCES tenant_identities (uid);
             CREATE UNIQUE INDEX users_by_email ON users (email)",
        )
        .await
        .unwrap();
    assert!(indexes_not_led_by_the_tenant(&owner).await.contains(&"users_by_email".into()));
    assert!(foreign_keys_that_do_not_pair_the_tenants(&owner).await.contains(&"simple_key".into()));
}
