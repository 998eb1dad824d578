//! Durable work.
//!
//! An operation is a row that a use case adds in its own transaction. A worker of some replica claims it, under a lease,
//! and runs its steps. Steps decide, the engine persists: what a step changes in the database, and what the engine writes
//! of it, is one transaction that begins with the fence, so that a worker whose lease ran out can change nothing more.
//!
//! ```text
//!             claim                          last step
//!   PENDING ─────────▶ RUNNING ───────────────────────────────▶ SUCCEEDED
//!      ▲                  │  ├─ given up: undo, in one ────────▶ FAILED
//!      └──────────────────┘  │  transaction with it
//!        waits, or tries     ├─ pre-empted by a use case ──────▶ CANCELLED
//!        again later         └─▶ CANCELLING: undo, likewise ──▶
//! ```
//!
//! Each kind is one file: what it needs, its steps, its undo.

mod assign_recordings;
mod back_up;
mod backup_rows;
mod backup_writer;
mod collect_content;
mod copy_assets;
mod copy_backups;
mod deliver_mail;
mod engine;
mod force_deletion;
mod import_backup;
mod metrics;
mod participants;
mod prepare_deletion;
mod provision;
mod purge;
mod restore;
mod restore_assets;
pub mod runner;
mod thaw;
mod verify_backup;

use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::domain::error::{Error, Result};
use crate::domain::id::OperationId;
use crate::domain::operation::{Actor, Failure, Kind, Units};
use crate::domain::tenant::Tenant;
use crate::store::claims::Claimed;
use crate::store::transitions::Because;
use crate::store::tx::Tx;

/// The steps of a kind.
trait Step: Copy + Send + Sync + 'static {
    /// All of them, in order.
    const ALL: &'static [Self];

    /// The step's name, as it is stored and shown.
    fn name(self) -> &'static str;

    /// The step of that name.
    fn parse(name: &str) -> Option<Self>;
}

/// One kind of work, with what it was asked for.
#[async_trait]
trait Work: Send + Sync + 'static {
    /// Its steps.
    type Step: Step;

    /// What the step does outside of the database, or in transactions of its own that pass the fence. It may run again,
    /// after a crash, and must then find what it has done; `so_far` is what its batches have told before.
    async fn outside(&self, job: &Job, step: Self::Step, so_far: Units) -> Result<Outside>;

    /// What the step changes in the database, together with what the engine writes of it, after the outside part is done.
    async fn inside(&self, tx: &mut Tx, job: &Job, step: Self::Step) -> Result<Next<Self::Step>>;

    /// Whether the step itself asks if its actor may still act for whom it acts: else that is asked before each of its parts.
    fn asks_for_leave(&self, _step: Self::Step) -> bool {
        false
    }

    /// What has to be put right when the operation is given up or cancelled, together with its end.
    async fn undo(&self, _tx: &mut Tx, _job: &Job, _why: &Failure) -> Result<()> {
        Ok(())
    }
}

/// How the outside part of a step went.
enum Outside {
    /// It is done.
    Done,
    /// A batch is done and more follows; the same step runs again at once.
    More(Units),
    /// It can't go on yet.
    Wait {
        /// Why.
        reason: String,
        /// When to look again.
        again_in: Duration,
    },
}

/// Where a step leads.
enum Next<S> {
    /// To that step.
    Step(S),
    /// To the end, having made these resources.
    Done(Vec<String>),
}

/// The piece of work at hand.
#[derive(Clone, Debug)]
struct Job {
    claimed: Claimed,
    /// Set when it is to be cancelled.
    stop: CancellationToken,
}

impl Job {
    /// What it is about, for the log.
    fn subject(&self) -> (OperationId, Kind, Actor) {
        (self.claimed.claim.id, self.claimed.params.kind(), self.claimed.actor.clone())
    }
}

/// Why the operation makes a transition.
fn because(job: &Job) -> Because {
    Because { actor: job.claimed.actor.clone(), note: String::new(), operation: Some(job.claimed.claim.id) }
}

/// The tenant of a transaction, which must be there.
async fn tenant_of(tx: &mut Tx) -> Result<Tenant> {
    let found = crate::store::tenants::load(tx).await?;
    found.ok_or_else(|| Error::internal("operation", "its tenant is gone"))
}

/// Implements [`Step`] for an enum made with `names!`.
macro_rules! steps {
    ($name:ident) => {
        impl $crate::operations::Step for $name {
            const ALL: &'static [Self] = $name::ALL;

            fn name(self) -> &'static str {
                $name::name(self)
            }

            fn parse(name: &str) -> Option<Self> {
                $name::parse(name)
            }
        }
    };
}
use steps;
