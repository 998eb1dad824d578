//! The way back: each `down.sql` removes what its `up.sql` made.

use std::path::PathBuf;

use tokio_postgres::Client;

use super::world::column;
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
