//! The directory's rows as records, for copies and backups of a tenant. Sessions, links, identities and seats are not among
//! them: whoever logs in to the copy takes a seat there, and who speaks for its users is said anew.

use diesel::sql_types::{Jsonb, Text};
use diesel_async::RunQueryDsl;

use super::error::failed;
use super::tx::Tx;
use crate::domain::error::Result;

/// The tables, in an order in which their rows can be added.
pub const TABLES: &[&str] = &[
    "users",
    "memberships",
    "groups",
    "group_members",
    "privileges",
    "roles",
    "role_privileges",
    "user_roles",
    "group_roles",
];

diesel::define_sql_function! {
    /// See the migration.
    fn directory_records(relation: Text) -> Array<Jsonb>;
}
diesel::define_sql_function! {
    /// See the migration.
    fn add_directory_record(relation: Text, body: Jsonb) -> Bool;
}

/// The rows of one of these tables, as objects.
pub async fn of(tx: &mut Tx, table: &str) -> Result<Vec<serde_json::Value>> {
    diesel::select(directory_records(table)).get_result(tx.conn()).await.map_err(failed)
}

/// Adds such a row to the transaction's tenant, whatever tenant it came from.
pub async fn insert(tx: &mut Tx, table: &str, body: &serde_json::Value) -> Result<()> {
    diesel::select(add_directory_record(table, body)).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}
