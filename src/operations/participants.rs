//! Takes each participant through a phase, by the ledger: who has done its part is not called again.

use std::time::Duration;

use futures::FutureExt as _;

use super::{Job, Outside, tenant_of};
use crate::app::App;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::operation::{Failure, InitialAdmin, Units};
use crate::domain::tenant::Tenant;
use crate::ports::{Answer, Participant, StepCall};
use crate::store::ledger::{self, Phase};
use crate::store::progress;
use crate::store::{claims, tx::Tx};

/// How long a participant that can't go on is left alone.
const PARTICIPANT_WAIT: Duration = Duration::from_secs(2);

/// What participants are asked for.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    /// Set up.
    Provision(Option<InitialAdmin>),
    /// Freeze.
    Freeze,
    /// Thaw.
    Thaw,
    /// Remove, a batch at a time.
    Purge,
}

impl Ask {
    async fn put(&self, to: &dyn Participant, call: &StepCall) -> Result<Answer> {
        match self {
            Self::Provision(admin) => to.provision(call, admin.as_ref()).await,
            Self::Freeze => to.freeze(call).await,
            Self::Thaw => to.thaw(call).await,
            Self::Purge => to.purge(call).await,
        }
    }

    /// Whether the participant's part of the phase is as it should be, by the ledger.
    fn fulfilled(&self, name: &str, provisioned: &[String], frozen: &[String], purged: &[String]) -> bool {
        let has = |list: &[String]| list.iter().any(|n| n == name);
        match self {
            Self::Provision(_) => has(provisioned),
            Self::Freeze => has(frozen),
            // The ledger can't tell: one whose answer to the freeze was cut off by the cancellation may be frozen too.
            Self::Thaw => false,
            Self::Purge => has(purged),
        }
    }

    async fn write_down(&self, tx: &mut Tx, tenant: &Tenant, name: &str, job: &Job) -> Result<()> {
        let (generation, operation) = (tenant.generation, job.claimed.claim.id);
        match self {
            Self::Provision(_) => ledger::record(tx, generation, name, Phase::Provisioned, operation).await,
            Self::Freeze => ledger::record(tx, generation, name, Phase::Frozen, operation).await,
            // That it was frozen is struck out already, since the deletion was cancelled.
            Self::Thaw => Ok(()),
            Self::Purge => ledger::record(tx, generation, name, Phase::Purged, operation).await,
        }
    }
}

/// Asks the next participant that has not done its part, and says how it went with all of them.
pub(super) async fn ask_each(app: &App, job: &Job, step: &'static str, ask: Ask, so_far: Units) -> Result<Outside> {
    let claim = job.claimed.claim;
    let op = OpContext::system(Purpose::Worker, Some(claim.tenant));
    let (tenant, provisioned, frozen, purged) = app
        .db
        .read(op.clone(), "participants-ledger", (), |tx, ()| {
            async move {
                let tenant = tenant_of(tx).await?;
                let generation = tenant.generation;
                let provisioned = ledger::done(tx, generation, Phase::Provisioned).await?;
                let frozen = ledger::done(tx, generation, Phase::Frozen).await?;
                let purged = ledger::done(tx, generation, Phase::Purged).await?;
                Ok((tenant, provisioned, frozen, purged))
            }
            .boxed()
        })
        .await?;
    let step_id = format!("{}/{step}", claim.id);
    let call = StepCall { tenant: tenant.clone(), claim, step_id, actor: job.claimed.actor.clone(), so_far };
    for participant in app.participants.iter() {
        let name = participant.name();
        if ask.fulfilled(name, &provisioned, &frozen, &purged) {
            continue;
        }
        fail::fail_point!("participant.before");
        let answer = ask.put(participant.as_ref(), &call).await;
        fail::fail_point!("participant.after");
        let (done, error) = match &answer {
            Ok(Answer::Done) => (true, String::new()),
            Ok(Answer::More(_)) => (false, String::new()),
            Ok(Answer::Wait(reason)) => (false, reason.clone()),
            Err(error) => (false, failure(error).message),
        };
        let input = (job.clone(), tenant.clone(), ask.clone(), (name, done, error));
        app.db
            .change(op.clone(), "participant-answered", input, move |tx, (job, tenant, ask, (name, done, error))| {
                async move {
                    claims::fence(tx, &job.claimed.claim).await?;
                    progress::record_step(tx, &job.claimed.claim, step, name, *done, error).await?;
                    if *done { ask.write_down(tx, tenant, name, job).await } else { Ok(()) }
                }
                .boxed()
            })
            .await?;
        match answer? {
            Answer::Done => {}
            Answer::More(units) => return Ok(Outside::More(units)),
            Answer::Wait(reason) => {
                return Ok(Outside::Wait {
                    reason: format!("participant {name}: {reason}"),
                    again_in: PARTICIPANT_WAIT,
                });
            }
        }
    }
    Ok(Outside::Done)
}

/// An error as the readers of an operation see it.
pub(super) fn failure(error: &Error) -> Failure {
    match error {
        Error::Refused(refusal) => Failure {
            code: refusal.reason.class().name().to_owned(),
            reason: refusal.reason.name().to_owned(),
            message: refusal.message.clone(),
            metadata: refusal.metadata.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect(),
        },
        Error::Internal { .. } => Failure {
            code: "INTERNAL".to_owned(),
            reason: "INTERNAL".to_owned(),
            message: "something went wrong on our side; the log has it under the operation's id".to_owned(),
            metadata: std::collections::BTreeMap::new(),
        },
    }
}
