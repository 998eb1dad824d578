//! What other services ask before they do something for somebody in a tenant, in one query.

use std::collections::BTreeSet;

use diesel::dsl::array;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::error::failed;
use super::schema::{
    memberships as m, tenant_features as f, tenant_identities as ti, tenants as t, user_privileges as up, users as u,
};
use super::tx::Tx;
use crate::domain::access_check::{AccessFacts, AccessQuestion, Worker};
use crate::domain::error::{Error, Result};
use crate::domain::id::TenantUid;
use crate::domain::lifecycle::{LockReason, State};
use crate::domain::user::UserState;

type Row = ((String, String, String), Option<Vec<String>>, Option<(Uuid, String, String, bool)>, Vec<String>);

/// What there is to say about the transaction's tenant, and the user there. None: there is no such tenant any more.
pub async fn facts(tx: &mut Tx, question: &AccessQuestion) -> Result<Option<AccessFacts>> {
    let tenant = tx.tenant();
    // Nobody has the nil id.
    let user = question.user.as_ref().map_or_else(Uuid::nil, |user| user.id.0);
    let keys: Vec<_> = question.privileges.iter().map(|privilege| privilege.id.key()).collect();
    let held = up::table
        .filter(up::tenant_id.eq(tenant.0))
        .filter(up::user_id.eq(user))
        .filter(up::privilege.eq_any(keys))
        .select(up::privilege);
    let row: Option<Row> = t::table
        .left_join(f::table.on(f::tenant_id.eq(t::tenant_id)))
        .left_join(m::table.on(m::tenant_id.eq(t::tenant_id).and(m::user_id.eq(user))))
        .left_join(u::table.on(u::tenant_id.eq(m::home_tenant_id).and(u::id.eq(m::user_id))))
        .left_join(ti::table.on(ti::uid.eq(m::home_tenant_id)))
        .filter(t::tenant_id.eq(tenant.0))
        .select((
            (t::code, t::state, t::lock_reason),
            f::features.nullable(),
            (u::tenant_id, ti::code, u::state, u::must_change_password).nullable(),
            array::<Text, _>(held),
        ))
        .first(tx.conn())
        .await
        .optional()
        .map_err(failed)?;
    let Some(((code, state, lock_reason), features, worker, held)) = row else { return Ok(None) };
    let worker = worker.map(|(home, home_code, state, must_change_password)| {
        Ok::<_, Error>(Worker {
            home: TenantUid(home),
            home_code,
            state: UserState::parse(&state).ok_or_else(|| Error::internal("stored user state", state))?,
            must_change_password,
            held: held.into_iter().collect(),
        })
    });
    Ok(Some(AccessFacts {
        tenant,
        code,
        state: State::parse(&state).ok_or_else(|| Error::internal("stored state", state))?,
        lock_reason: LockReason::parse(&lock_reason),
        features: features.into_iter().flatten().collect::<BTreeSet<_>>(),
        worker: worker.transpose()?,
    }))
}
