//! Acting for another account: the account before the decision, and the check of what goes on for long.

use std::collections::BTreeSet;

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::enter::refused;
use super::error::failed;
use super::schema::{memberships as m, tenants as t, user_privileges as up, users as u};
use super::tx::Tx;
use crate::authz::impersonation::{Candidate, Whom};
use crate::authz::policy;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::UserId;
use crate::domain::impersonation::{ActedFor, not_permitted};
use crate::domain::lifecycle::State;
use crate::domain::operation::Actor;
use crate::domain::privilege::Privilege;
use crate::domain::user::UserState;

/// The state of the transaction's tenant, and what is known of an account of it that somebody wants to act for. None: the
/// tenant is not there.
pub async fn candidate(tx: &mut Tx, whom: &Whom) -> Result<Option<(State, Option<Candidate>)>> {
    let tenant = tx.tenant().0;
    let state: Option<String> =
        t::table.find(tenant).select(t::state).first(tx.conn()).await.optional().map_err(failed)?;
    let Some(state) = state else { return Ok(None) };
    let state = State::parse(&state).ok_or_else(|| Error::internal("stored state", state))?;
    let works = exists(m::table.filter(m::tenant_id.eq(u::tenant_id)).filter(m::user_id.eq(u::id)));
    let mut account =
        u::table.filter(u::tenant_id.eq(tenant)).select((u::id, u::impersonation_target, u::state, works)).into_boxed();
    account = match whom {
        Whom::Named(name) => account.filter(u::user_name_key.eq(name.key())),
        Whom::Known(_, user) => account.filter(u::id.eq(user.0)),
    };
    let account: Option<(Uuid, bool, String, bool)> = account.first(tx.conn()).await.optional().map_err(failed)?;
    let Some((user, marked, user_state, member)) = account else { return Ok(Some((state, None))) };
    let user = UserId(user);
    let candidate = Candidate {
        user,
        marked,
        state: UserState::parse(&user_state).ok_or_else(|| Error::internal("stored user state", user_state))?,
        member,
        privileges: super::privileges::of_user(tx, user).await?,
    };
    Ok(Some((state, Some(candidate))))
}

diesel::define_sql_function! {
    /// See the migration.
    fn check_impersonation(tenant: SqlUuid, actor_home: SqlUuid, actor: SqlUuid, account: SqlUuid, of_actor: Array<Text>,
        of_account: Array<Text>, for_change: Bool) -> Text;
}

/// Whether the actor of work on the transaction's tenant may still act as it did when the work began: for work that goes on
/// longer than its call. Held: nobody takes it away before the transaction ends.
pub async fn check_still_permitted(tx: &mut Tx, actor: &Actor, held: bool) -> Result<()> {
    let (Some(user), Some(ActedFor { user: account, method, .. })) = (actor.user, actor.acted_for.as_ref()) else {
        return Ok(());
    };
    let Some(policy) = policy::by_path(method) else {
        return Err(not_permitted(format!("this version does not know {method}")).into());
    };
    let (of_actor, of_account) = (names(policy.platform), names(policy.tenant));
    let tenant = tx.tenant().0;
    let check = check_impersonation(tenant, user.home.0, user.user.0, account.0, of_actor, of_account, held);
    let checked: String = diesel::select(check).get_result(tx.conn()).await.map_err(failed)?;
    refused(&checked, policy.platform, policy.tenant)
}

/// Privileges by their names.
pub(super) fn names(privileges: &[Privilege]) -> Vec<&'static str> {
    privileges.iter().map(|privilege| privilege.name()).collect()
}

/// What the account that a change acts for holds before the change: it must be the same afterwards.
pub struct OwnRights {
    user: UserId,
    held: BTreeSet<String>,
}

impl OwnRights {
    /// Before a change by the transaction's caller; None: that acts for nobody.
    pub(super) async fn before(tx: &mut Tx) -> Result<Option<Self>> {
        let user = tx.op().permit().acting().map(|acting| acting.acted_for.user);
        Self::of(tx, user).await
    }

    /// Before a change on behalf of that account.
    pub async fn of(tx: &mut Tx, account: Option<UserId>) -> Result<Option<Self>> {
        let Some(user) = account else { return Ok(None) };
        Ok(Some(Self { user, held: held(tx, user).await? }))
    }

    /// After it: nobody gives more to an account, or takes something from it, while acting for it.
    pub async fn remain(self, tx: &mut Tx) -> Result<()> {
        if held(tx, self.user).await? == self.held {
            return Ok(());
        }
        let text = "whoever acts for an account does not change what it may do; the tenant's administrators do";
        Err(Refusal::new(Reason::ResourceProtected, text).into())
    }
}

async fn held(tx: &mut Tx, user: UserId) -> Result<BTreeSet<String>> {
    let held = up::table.filter(up::tenant_id.eq(tx.tenant().0)).filter(up::user_id.eq(user.0)).select(up::privilege);
    let held: Vec<String> = held.load(tx.conn()).await.map_err(failed)?;
    Ok(held.into_iter().collect())
}
