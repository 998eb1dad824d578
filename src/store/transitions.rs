//! The log of transitions: the only way to change a tenant's state.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::error::{failed, is_duplicate};
use super::schema::tenant_transitions as t;
use super::tx::Tx;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::OperationId;
use crate::domain::lifecycle::{LockReason, Node, Origin, State, Transition};
use crate::domain::operation::Actor;

/// Why a transition is made, for the log.
#[derive(Clone, Debug, Default)]
pub struct Because {
    /// Who.
    pub actor: Actor,
    /// What the actor had to say.
    pub note: String,
    /// Operation that makes it.
    pub operation: Option<OperationId>,
}

/// Appends a transition; the database projects it on the tenant. Somebody faster: ABORTED.
pub async fn append(tx: &mut Tx, transition: Transition, because: &Because) -> Result<()> {
    let (from, to, cause) = transition.edge();
    let (home, id) = because.actor.ids();
    let cooldown = transition.cooldown().map(|c| i64::try_from(c.as_secs()).unwrap_or(i64::MAX));
    diesel::insert_into(t::table)
        .values((
            t::tenant_id.eq(transition.tenant().0),
            t::seq.eq(transition.seq()),
            t::from_state.eq(from.state_name()),
            t::from_reason.eq(from.reason_name()),
            t::to_state.eq(to.state_name()),
            t::to_reason.eq(to.reason_name()),
            t::cause.eq(cause.name()),
            t::cooldown.eq(cooldown),
            t::note.eq(&because.note),
            t::actor_tenant_id.eq(home.map(|home| home.0)),
            t::actor_id.eq(id),
            t::acted_for.eq(because.actor.acted_for.as_ref().map(|acted| acted.user.0)),
            t::operation_id.eq(because.operation.map(|o| o.0)),
        ))
        .execute(tx.conn())
        .await
        .map_err(|error| if is_duplicate(&error, "tenant_transitions_pkey") { raced() } else { failed(error) })?;
    Ok(())
}

/// Where the restore into the transaction's tenant began.
pub async fn origin(tx: &mut Tx) -> Result<Origin> {
    let last = t::table.filter(t::tenant_id.eq(tx.tenant().0)).order(t::seq.desc());
    let (state, reason): (String, String) =
        last.select((t::from_state, t::from_reason)).first(tx.conn()).await.map_err(failed)?;
    let node = State::parse(&state).map(|state| Node::of(state, LockReason::parse(&reason)));
    node.and_then(Origin::at).ok_or_else(|| Error::internal("transitions", "no restore began there"))
}

fn raced() -> Error {
    Refusal::new(Reason::EtagMismatch, "the tenant's state changed at the same time; read it again").into()
}
