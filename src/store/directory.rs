//! The directory of a tenant as a whole: what it starts with, how large it is, and its removal in batches.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::clock::clock_timestamp;
use super::error::failed;
use super::schema::{groups as g, memberships as m, role_privileges as rp, roles as r, sessions as s, users as u};
use super::tx::Tx;
use crate::domain::account::folded;
use crate::domain::error::Result;
use crate::domain::id::{GroupId, RoleId, UserId};
use crate::domain::name::DisplayName;
use crate::domain::privilege::Privilege;
use crate::domain::user::{BuiltInRole, UserState};

/// Whether the directory has been started.
pub async fn exists(tx: &mut Tx) -> Result<bool> {
    let root = g::table.filter(g::tenant_id.eq(tx.tenant().0)).filter(g::tenant_name.is_not_null());
    diesel::select(diesel::dsl::exists(root)).get_result(tx.conn()).await.map_err(failed)
}

/// Adds the root group, which is named after the tenant.
pub async fn insert_root_group(tx: &mut Tx, tenant_name: &DisplayName) -> Result<()> {
    let tenant = tx.tenant().0;
    diesel::insert_into(g::table)
        .values((g::tenant_id.eq(tenant), g::id.eq(GroupId::new().0), g::tenant_name.eq(tenant_name.as_str())))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// Adds a role that every tenant has.
pub async fn insert_role(tx: &mut Tx, role: BuiltInRole) -> Result<RoleId> {
    let (tenant, id) = (tx.tenant(), RoleId::new());
    diesel::insert_into(r::table)
        .values((
            r::tenant_id.eq(tenant.0),
            r::id.eq(id.0),
            r::name.eq(role.name()),
            r::built_in.eq(true),
            r::read_only.eq(role.read_only()),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    grant(tx, id, &role.privileges(tenant)).await?;
    Ok(id)
}

async fn grant(tx: &mut Tx, role: RoleId, privileges: &[Privilege]) -> Result<()> {
    let tenant = tx.tenant().0;
    let rows: Vec<_> = privileges
        .iter()
        .map(|p| (rp::tenant_id.eq(tenant), rp::role_id.eq(role.0), rp::privilege.eq(p.name())))
        .collect();
    diesel::insert_into(rp::table).values(rows).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// A user to be added at home.
#[derive(Clone, Debug)]
pub struct NewUser<'a> {
    /// For log-in.
    pub user_name: &'a str,
    /// The form by which it is unique.
    pub user_name_key: &'a str,
    /// E-mail address; may be empty.
    pub email: &'a str,
    /// Given name.
    pub given_name: &'a str,
    /// Family name.
    pub family_name: &'a str,
    /// How far it is.
    pub state: UserState,
    /// Hash of its password, if it has one.
    pub password_hash: Option<&'a str>,
    /// Whether the password must be changed first.
    pub must_change_password: bool,
    /// Whether operators may act for it.
    pub impersonation_target: bool,
}

/// Adds a user with its membership.
pub async fn insert_user(tx: &mut Tx, user: &NewUser<'_>) -> Result<UserId> {
    let (tenant, id) = (tx.tenant().0, UserId::new());
    diesel::insert_into(u::table)
        .values((
            u::tenant_id.eq(tenant),
            u::id.eq(id.0),
            u::user_name.eq(user.user_name),
            u::user_name_key.eq(user.user_name_key),
            u::email.eq(user.email),
            u::given_name.eq(user.given_name),
            u::family_name.eq(user.family_name),
            u::state.eq(user.state.name()),
            u::password_hash.eq(user.password_hash),
            u::must_change_password.eq(user.must_change_password),
            u::impersonation_target.eq(user.impersonation_target),
            u::folded.eq(folded(user.user_name, user.given_name, user.family_name, user.email)),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    diesel::insert_into(m::table)
        .values((m::tenant_id.eq(tenant), m::user_id.eq(id.0), m::home_tenant_id.eq(tenant)))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(id)
}

/// How much a directory has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Users whose home is the tenant.
    pub users: i64,
    /// Users of other tenants who may work in it.
    pub guests: i64,
    /// Groups.
    pub groups: i64,
    /// Roles.
    pub roles: i64,
    /// Sessions of its users that go on.
    pub sessions: i64,
}

/// How much the transaction's tenant has.
pub async fn counts(tx: &mut Tx) -> Result<Counts> {
    let tenant = tx.tenant().0;
    let users = u::table.filter(u::tenant_id.eq(tenant)).count().get_result(tx.conn()).await.map_err(failed)?;
    let groups = g::table.filter(g::tenant_id.eq(tenant)).count().get_result(tx.conn()).await.map_err(failed)?;
    let roles = r::table.filter(r::tenant_id.eq(tenant)).count().get_result(tx.conn()).await.map_err(failed)?;
    let foreign = m::table.filter(m::tenant_id.eq(tenant)).filter(m::home_tenant_id.ne(tenant));
    let guests = foreign.count().get_result(tx.conn()).await.map_err(failed)?;
    let open = s::table
        .filter(s::tenant_id.eq(tenant))
        .filter(s::ended_at.is_null())
        .filter(s::expires_at.gt(clock_timestamp()));
    let sessions = open.count().get_result(tx.conn()).await.map_err(failed)?;
    Ok(Counts { users, guests, groups, roles, sessions })
}

/// How many rows a directory has in all: what its removal has to do.
pub async fn rows(tx: &mut Tx) -> Result<i64> {
    diesel::select(rows_to_remove(IN_ORDER_OF_REMOVAL.to_vec())).get_result(tx.conn()).await.map_err(failed)
}

/// The tables of the directory in the order in which their rows can go.
const IN_ORDER_OF_REMOVAL: [&str; 17] = [
    "events",
    "event_marks",
    "links",
    "sessions",
    "user_identities",
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
];

diesel::define_sql_function! {
    /// See the migration.
    fn remove_batch(relation: diesel::sql_types::Text, most: diesel::sql_types::BigInt) -> diesel::sql_types::BigInt;
}

diesel::define_sql_function! {
    /// See the migration.
    fn rows_to_remove(relations: diesel::sql_types::Array<diesel::sql_types::Text>) -> diesel::sql_types::BigInt;
}

/// Removes at most so many rows of the tenant's directory; says how many. 0: nothing is left.
pub async fn remove_batch_of_rows(tx: &mut Tx, most: i64) -> Result<i64> {
    for relation in IN_ORDER_OF_REMOVAL {
        let gone: i64 = diesel::select(remove_batch(relation, most)).get_result(tx.conn()).await.map_err(failed)?;
        if gone > 0 {
            return Ok(gone);
        }
    }
    Ok(0)
}

/// The user of that key, if the tenant has one.
pub async fn find_user(tx: &mut Tx, user_name_key: &str) -> Result<Option<UserId>> {
    let found = u::table
        .filter(u::tenant_id.eq(tx.tenant().0))
        .filter(u::user_name_key.eq(user_name_key))
        .select(u::id)
        .first::<Uuid>(tx.conn())
        .await;
    Ok(found.optional().map_err(failed)?.map(UserId))
}

/// Whether the tenant has an account that operators may act for.
pub async fn has_impersonation_target(tx: &mut Tx) -> Result<bool> {
    let marked = u::table
        .filter(u::tenant_id.eq(tx.tenant().0))
        .filter(u::impersonation_target)
        .filter(u::state.eq(UserState::Active.name()));
    diesel::select(diesel::dsl::exists(marked)).get_result(tx.conn()).await.map_err(failed)
}
