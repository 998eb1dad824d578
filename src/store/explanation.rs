//! What a user is in a tenant, for the explanation of what it may do there.

use std::collections::BTreeSet;

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::error::failed;
use super::privileges;
use super::schema::{held_privileges as h, memberships as m, tenants as t};
use super::tx::Tx;
use crate::authz::explain::Rights;
use crate::domain::error::{Error, Result};
use crate::domain::id::UserRef;
use crate::domain::lifecycle::State;
use crate::domain::privilege::Privilege;

/// The state of the transaction's tenant, and what the user is there. None: there is no such tenant any more.
pub async fn rights(tx: &mut Tx, user: UserRef) -> Result<Option<(State, Rights)>> {
    let tenant = tx.tenant().0;
    let works = m::table
        .filter(m::tenant_id.eq(tenant))
        .filter(m::user_id.eq(user.user.0))
        .filter(m::home_tenant_id.eq(user.home.0));
    let found: Option<(String, bool)> =
        t::table.find(tenant).select((t::state, exists(works))).first(tx.conn()).await.optional().map_err(failed)?;
    let Some((state, member)) = found else { return Ok(None) };
    let state = State::parse(&state).ok_or_else(|| Error::internal("stored state", state))?;
    let given = h::table.filter(h::tenant_id.eq(tenant)).filter(h::user_id.eq(user.user.0)).select(h::privilege);
    let given: Vec<String> = given.load(tx.conn()).await.map_err(failed)?;
    let given: BTreeSet<_> = given.iter().filter_map(|name| Privilege::parse(name)).collect();
    Ok(Some((state, Rights { member, given, unlicensed: privileges::unlicensed(tx).await? })))
}
