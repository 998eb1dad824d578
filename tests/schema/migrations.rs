//! The way back: each `down.sql` removes what its `up.sql` made.

use std::path::PathBuf;

use tokio_postgres::Client;

use super::world::{column, rows, three_tenants};
use crate::support::database::Database;

/// The folders of the migrations, in order.
fn folders() -> Vec<PathBuf> {
    let all = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap();
    let mut folders: Vec<_> = all.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// Everything in the schema, by kind and name.
async fn inventory(client: &Client) -> Vec<String> {
    let all = "SELECT relkind::text || ' ' || relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
               UNION ALL SELECT 'function ' || oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
               UNION ALL SELECT 'type ' || typname::text FROM pg_type WHERE typnamespace = 'public'::regnamespace ORDER BY 1";
    column(client, all).await
}

#[tokio::test]
async fn what_migrations_make_their_way_back_removes_and_they_can_make_it_again() {
    let owner = Database::create().await.connect("landlord_owner").await;
    let complete = inventory(&owner).await;
    for folder in folders().iter().rev() {
        owner.batch_execute(&std::fs::read_to_string(folder.join("down.sql")).unwrap()).await.unwrap();
    }
    let left = inventory(&owner).await;
    assert!(left.iter().all(|name| name.contains("__diesel_schema_migrations")), "{left:?}");
    for folder in folders() {
        owner.batch_execute(&std::fs::read_to_string(folder.join("up.sql")).unwrap()).await.unwrap();
    }
    assert_eq!(inventory(&owner).await, complete);
}

#[tokio::test]
async fn seats_that_tenants_had_are_given_back_on_the_way_back() {
    let database = three_tenants().await;
    let owner = database.connect("landlord_owner").await;
    let reserved = "SELECT kind, reserved FROM system_licenses";
    assert_eq!(rows(&owner, reserved).await, [["base", "15"]]);
    let all = folders();
    let place = all.iter().position(|folder| folder.ends_with("2026-11-26-000014_licences")).unwrap();
    for folder in all[place..].iter().rev() {
        owner.batch_execute(&std::fs::read_to_string(folder.join("down.sql")).unwrap()).await.unwrap();
    }
    assert_eq!(rows(&owner, reserved).await, [["base", "0"]]);
}

#[tokio::test]
async fn tenants_that_were_there_before_limits_and_features_have_theirs_and_their_users_are_counted() {
    let database = Database::empty().await;
    let owner = database.connect("landlord_owner").await;
    owner.batch_execute("CREATE TABLE __diesel_schema_migrations (version text PRIMARY KEY)").await.unwrap();
    for folder in folders() {
        if folder.ends_with("2026-11-24-000006_limits_and_features") {
            let admin = database.connect("postgres").await;
            let tenant = "SET session_replication_role = replica;
                INSERT INTO tenant_identities (uid, code) VALUES (gen_random_uuid(), 'acme');
                INSERT INTO tenants (tenant_id, code, display_name, server, time_zone)
                    SELECT uid, code, 'Acme', 'default', 'UTC' FROM tenant_identities;
                INSERT INTO users (tenant_id, id, user_name, user_name_key, state)
                    SELECT uid, gen_random_uuid(), name, name, 'ACTIVE'
                    FROM tenant_identities, unnest(ARRAY['superuser', 'anna', 'berta']) name";
            admin.batch_execute(tenant).await.unwrap();
        }
        owner.batch_execute(&std::fs::read_to_string(folder.join("up.sql")).unwrap()).await.unwrap();
    }
    let admin = database.connect("postgres").await;
    let counted = "SELECT users, features FROM tenant_limits JOIN tenant_features USING (tenant_id)";
    assert_eq!(rows(&admin, counted).await, [["2", "{}"]]);
    let protected = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relrowsecurity
                     AND NOT relforcerowsecurity";
    assert_eq!(column(&admin, protected).await, ["0"], "what was laid aside for that is in force again");
}
