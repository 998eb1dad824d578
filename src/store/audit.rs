//! The audit trail: a change that can't be written down is not made.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::error::failed;
use super::schema::audit_records as a;
use super::tx::Tx;
use crate::authz::policy::Policy;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::domain::id::UserId;

/// Writes the record of what a user has done without a session: with a link, say.
pub async fn record_user(tx: &mut Tx, policy: &'static Policy, user: UserId, correlation_id: &str) -> Result<()> {
    let tenant = tx.tenant().0;
    diesel::insert_into(a::table)
        .values((
            a::tenant_id.eq(tenant),
            a::method.eq(policy.path),
            a::actor_tenant_id.eq(tenant),
            a::actor_id.eq(user.0),
            a::correlation_id.eq(correlation_id),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

/// Writes the record of a change, if its method's policy wants one, in the transaction that makes the change.
pub(super) async fn record(tx: &mut Tx, op: &OpContext) -> Result<()> {
    let (Some(call), Some(caller)) = (op.call(), op.permit().caller()) else { return Ok(()) };
    if !call.policy.audited {
        return Ok(());
    }
    let tenant = tx.tenant();
    diesel::insert_into(a::table)
        .values((
            a::tenant_id.eq(tenant.0),
            a::method.eq(call.policy.path),
            a::actor_tenant_id.eq(caller.user.home.0),
            a::actor_id.eq(caller.user.user.0),
            a::acted_for.eq(op.acting_for().map(|f| f.user.0)),
            a::impersonation_reason.eq(op.acting_for().map_or("", |f| f.reason.as_str())),
            a::session_id.eq(caller.session.0),
            a::correlation_id.eq(op.correlation_id()),
            a::request_id.eq(call.request.as_ref().map(|r| r.id)),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}
