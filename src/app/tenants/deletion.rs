//! The two steps of a deletion, and the way back until the purge begins.

use futures::FutureExt as _;
use serde::{Deserialize, Serialize};

use super::begin::begin;
use super::{because, reload, target, wrong_state};
use crate::app::App;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::lifecycle::{Standing, State, Transition};
use crate::domain::operation::{Operation, Params};
use crate::domain::tenant::{BlastRadius, Blocker, Tenant};
use crate::store::ledger::{self, Phase};
use crate::store::tx::Tx;
use crate::store::{directory, limits, operations, settings, transitions};

/// What DeleteTenant is told.
#[derive(Clone, Debug)]
pub struct DeleteTenant {
    /// The display name, repeated.
    pub confirm_name: String,
    /// Whether a tenant that is not prepared is prepared, too.
    pub force: bool,
    /// What the caller has read.
    pub etag: String,
}

/// A step of a deletion.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Deletion {
    /// The work.
    pub operation: Operation,
    /// What goes.
    pub preview: BlastRadius,
}

/// A tenant that is back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Undeleted {
    /// The thawing of its participants.
    pub operation: Operation,
    /// The tenant.
    pub tenant: Tenant,
}

type Names = Vec<String>;

impl App {
    /// Begins to freeze a tenant's participants.
    pub async fn prepare_deletion(&self, op: OpContext, etag: String) -> Result<Deletion> {
        let input = (etag, self.participant_names());
        let begun = self.db.change(op, "prepare-deletion", input, |tx, i| prepare(tx, &i.0, &i.1).boxed()).await?;
        self.notify();
        Ok(begun)
    }

    /// Brings a tenant back at once, fencing the preparation off, and begins to thaw its participants.
    pub async fn cancel_deletion(&self, op: OpContext, etag: String) -> Result<Undeleted> {
        let back = self.db.change(op, "cancel-deletion", etag, |tx, etag| cancel(tx, etag).boxed()).await?;
        self.notify();
        Ok(back)
    }

    /// Passes the point of no return and begins the purge.
    pub async fn delete_tenant(&self, op: OpContext, input: DeleteTenant) -> Result<Deletion> {
        let input = (input, self.participant_names());
        let begun = self.db.change(op, "delete-tenant", input, |tx, i| delete(tx, &i.0, &i.1).boxed()).await?;
        self.notify();
        Ok(begun)
    }

    fn participant_names(&self) -> Names {
        self.participants.iter().map(|p| p.name().to_owned()).collect()
    }
}

async fn prepare(tx: &mut Tx, etag: &str, participants: &Names) -> Result<Deletion> {
    operations::hold_exclusive(tx).await?;
    let tenant = target(tx).await?;
    if let Some(running) = operations::exclusive(tx).await? {
        return Err(operations::in_progress(&running));
    }
    let step = match tenant.standing() {
        Standing::Active(active) => active.prepare(),
        Standing::Locked(locked) => locked.prepare(),
        Standing::Restoring(restoring) => restoring.prepare(),
        _ => return Err(wrong_state(tx, &tenant)),
    };
    tenant.check_unprotected()?;
    tenant.check_etag(etag)?;
    let preview = blast_radius(tx, &tenant, participants).await?;
    leave(tx, step).await?;
    Ok(Deletion { operation: begin(tx, &Params::PrepareDeletion {}).await?, preview })
}

/// Begins the way out, which ends what runs beside it.
async fn leave(tx: &mut Tx, step: Transition) -> Result<()> {
    operations::pre_empt(tx).await?;
    transitions::append(tx, step, &because(tx, "")).await
}

async fn cancel(tx: &mut Tx, etag: &str) -> Result<Undeleted> {
    operations::hold_exclusive(tx).await?;
    let tenant = target(tx).await?;
    if tenant.purge_started {
        return Err(Error::state("PREPARED, and its purge has begun", tx.op().call().map_or(&[], |c| c.policy.states)));
    }
    tenant.check_etag(etag)?;
    let step = match tenant.standing() {
        Standing::Preparing(preparing) => preparing.undelete(),
        Standing::Prepared(prepared) => prepared.undelete(),
        _ => return Err(wrong_state(tx, &tenant)),
    };
    if let Some(running) = operations::exclusive(tx).await? {
        operations::cancel_at_once(tx, running.id).await?;
    }
    transitions::append(tx, step, &because(tx, "")).await?;
    // Struck out before anybody is thawed: one that thaws unheard must not count as frozen in the next preparation.
    ledger::strike(tx, tenant.generation, Phase::Frozen).await?;
    Ok(Undeleted { operation: begin(tx, &Params::Thaw {}).await?, tenant: reload(tx).await? })
}

async fn delete(tx: &mut Tx, input: &DeleteTenant, participants: &Names) -> Result<Deletion> {
    operations::hold_exclusive(tx).await?;
    let tenant = target(tx).await?;
    let running = operations::exclusive(tx).await?;
    if tenant.state == State::PreparingDeletion
        && let Some(blocker) = blockers(tx, &tenant).await?.first()
    {
        return Err(blocker.refusal(&tenant));
    }
    if let Some(running) = running {
        return Err(operations::in_progress(&running));
    }
    let whole = whole_deletion(tx, &tenant, input.force).await?;
    tenant.check_rested()?;
    tenant.check_unprotected()?;
    tenant.check_confirmation(&input.confirm_name)?;
    tenant.check_etag(&input.etag)?;
    let preview = blast_radius(tx, &tenant, participants).await?;
    if let Some(step) = whole {
        tx.tell("force", "true");
        leave(tx, step).await?;
        return Ok(Deletion { operation: begin(tx, &Params::ForceDeletion {}).await?, preview });
    }
    // A purge that was given up is begun again from where it stands.
    if !tenant.purge_started {
        let step = match tenant.standing() {
            Standing::Prepared(prepared) => prepared.start_purge(),
            Standing::Failed(failed) => failed.start_purge(),
            _ => return Err(wrong_state(tx, &tenant)),
        };
        transitions::append(tx, step, &because(tx, "")).await?;
    }
    Ok(Deletion { operation: begin(tx, &Params::Purge {}).await?, preview })
}

/// The first step of preparing and deleting in one: for a tenant that is in use or locked, if it is asked for and the
/// settings let it.
async fn whole_deletion(tx: &mut Tx, tenant: &Tenant, force: bool) -> Result<Option<Transition>> {
    let step = match tenant.standing() {
        Standing::Prepared(_) | Standing::Failed(_) => return Ok(None),
        Standing::Active(active) if force => active.prepare(),
        Standing::Locked(locked) if force => locked.prepare(),
        _ => return Err(Error::state(&tenant.state_text(), &[State::Prepared, State::Failed])),
    };
    check_force_enabled(tx, tenant).await?;
    Ok(Some(step))
}

/// Refuses to prepare and delete in one unless the settings let it.
pub(super) async fn check_force_enabled(tx: &mut Tx, tenant: &Tenant) -> Result<()> {
    if settings::load(tx).await?.force_delete_enabled {
        return Ok(());
    }
    let text = "deleting in one call is switched off; prepare the tenant first, or set force_delete_enabled with AdminService.UpdateSettings";
    Err(Refusal::new(Reason::ForceDisabled, text).about(tenant.name()).into())
}

async fn blast_radius(tx: &mut Tx, tenant: &Tenant, participants: &Names) -> Result<BlastRadius> {
    let counts = directory::counts(tx).await?;
    let used = limits::load(tx).await?;
    Ok(BlastRadius {
        users: counts.users,
        guests: counts.guests,
        groups: counts.groups,
        roles: counts.roles,
        sessions: counts.sessions,
        storage_bytes: used.map_or(0, |used| used.storage_bytes),
        participants: participants.clone(),
        blockers: blockers(tx, tenant).await?,
    })
}

/// What keeps a deletion that is under way from going on. What once kept another one is over.
async fn blockers(tx: &mut Tx, tenant: &Tenant) -> Result<Vec<Blocker>> {
    if !tenant.is_leaving() {
        return Ok(Vec::new());
    }
    let Some(last) = operations::last_way_out(tx).await? else { return Ok(Vec::new()) };
    operations::blockers(tx, last).await
}
