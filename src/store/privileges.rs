//! Privileges that a tenant defines, and what a user holds.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::error::{failed, is_duplicate};
use super::schema::{
    group_roles as gr, privileges as p, role_privileges as rp, unlicensed_privileges as n, user_privileges as up,
};
use super::tx::Tx;
use crate::domain::error::{Reason, Refusal, Result};
use crate::domain::id::{GroupId, TenantUid, UserId};
use crate::domain::privilege::Privilege;
use crate::domain::role::{NewPrivilege, PrivilegeKey};

/// The keys and names of the privileges that the transaction's tenant defines.
pub async fn defined(tx: &mut Tx) -> Result<Vec<(String, String)>> {
    let all = p::table.filter(p::tenant_id.eq(tx.tenant().0)).select((p::id, p::display_name));
    all.load(tx.conn()).await.map_err(failed)
}

/// Those of these keys that the transaction's tenant defines.
pub async fn existing(tx: &mut Tx, keys: &[&str]) -> Result<Vec<String>> {
    let found = p::table.filter(p::tenant_id.eq(tx.tenant().0)).filter(p::id.eq_any(keys)).select(p::id);
    found.load(tx.conn()).await.map_err(failed)
}

/// The function privileges that the licences of the transaction's tenant do not open; none, if it is not metered.
pub async fn unlicensed(tx: &mut Tx) -> Result<BTreeSet<Privilege>> {
    let names = n::table.filter(n::tenant_id.eq(tx.tenant().0)).select(n::privilege);
    let names: Vec<String> = names.load(tx.conn()).await.map_err(failed)?;
    Ok(names.iter().filter_map(|name| Privilege::parse(name)).collect())
}

/// What a user holds in a tenant, which need not be the transaction's.
pub async fn of_user_in(tx: &mut Tx, tenant: TenantUid, user: UserId) -> Result<BTreeSet<Privilege>> {
    let own = tx.tenant();
    tx.work_in(tenant).await?;
    let held = of_user(tx, user).await?;
    tx.work_in(own).await?;
    Ok(held)
}

/// Those of these keys that a user holds in the transaction's tenant.
pub async fn held(tx: &mut Tx, user: UserId, keys: &[String]) -> Result<Vec<String>> {
    let held = up::table.filter(up::tenant_id.eq(tx.tenant().0)).filter(up::user_id.eq(user.0));
    let found = held.filter(up::privilege.eq_any(keys)).select(up::privilege).distinct();
    found.load(tx.conn()).await.map_err(failed)
}

/// Defines a privilege.
pub async fn insert(tx: &mut Tx, new: &NewPrivilege) -> Result<()> {
    let key = new.key.as_str();
    let row = (p::tenant_id.eq(tx.tenant().0), p::id.eq(key), p::display_name.eq(new.display_name.as_str()));
    diesel::insert_into(p::table).values(row).execute(tx.conn()).await.map_err(|error| {
        if !is_duplicate(&error, "privileges_pkey") {
            return failed(error);
        }
        Refusal::new(Reason::ResourceExists, format!("the tenant has a privilege {key} already")).into()
    })?;
    Ok(())
}

/// Removes a privilege, from the roles that hold it, too. False: there was none.
pub async fn delete(tx: &mut Tx, key: &PrivilegeKey) -> Result<bool> {
    let row = p::table.find((tx.tenant().0, key.as_str()));
    Ok(diesel::delete(row).execute(tx.conn()).await.map_err(failed)? == 1)
}

/// The function privileges that a user holds in the transaction's tenant.
pub async fn of_user(tx: &mut Tx, user: UserId) -> Result<BTreeSet<Privilege>> {
    let held = up::table.filter(up::tenant_id.eq(tx.tenant().0)).filter(up::user_id.eq(user.0));
    let names: Vec<String> = held.select(up::privilege).load(tx.conn()).await.map_err(failed)?;
    Ok(names.iter().filter_map(|name| Privilege::parse(name)).collect())
}

/// The function privileges that the members of a group hold by being in it.
pub async fn of_group(tx: &mut Tx, group: GroupId) -> Result<BTreeSet<Privilege>> {
    let tenant = tx.tenant().0;
    let roles = gr::table.filter(gr::tenant_id.eq(tenant)).filter(gr::group_id.eq(group.0)).select(gr::role_id);
    let held = rp::table.filter(rp::tenant_id.eq(tenant)).filter(rp::role_id.eq_any(roles));
    let names: Vec<String> = held.select(rp::privilege).load(tx.conn()).await.map_err(failed)?;
    Ok(names.iter().filter_map(|name| Privilege::parse(name)).collect())
}
