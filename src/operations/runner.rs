//! Claims what is due, up to the number of workers, keeps the leases, and lets go of everything at the end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::field::{Empty, display};
use tracing::{Instrument as _, Span};

use super::Job;
use super::assign_recordings::AssignRecordings;
use super::back_up::BackUp;
use super::collect_content::CollectContent;
use super::copy_assets::CopyAssets;
use super::copy_backups::CopyBackups;
use super::deliver_mail::DeliverMail;
use super::engine::Engine;
use super::force_deletion::ForceDeletion;
use super::import_backup::ImportBackup;
use super::metrics::Metrics;
use super::prepare_deletion::PrepareDeletion;
use super::provision::Provision;
use super::purge::Purge;
use super::restore::Restore;
use super::restore_assets::RestoreAssets;
use super::thaw::Thaw;
use super::verify_backup::VerifyBackup;
use crate::app::App;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::domain::id::BootId;
use crate::domain::operation::{Kind, Params, RetryPolicy};
use crate::ports::Mailer;
use crate::store::claims::{self, Beat, Claim, Claimed};
use crate::store::tx::Db;

/// How operations are run.
#[derive(Clone, Debug)]
pub struct RunnerConfig {
    /// How long a claim holds without a heartbeat.
    pub lease: Duration,
    /// How often it is prolonged.
    pub heartbeat: Duration,
    /// How often due work is looked for when nothing tells of any.
    pub poll: Duration,
    /// Operations that this process works on at once.
    pub workers: usize,
    /// How failed attempts are repeated.
    pub retry: RetryPolicy,
    /// How long running steps may take to finish when the process goes down.
    pub drain: Duration,
    /// Where links in mails lead.
    pub public_url: String,
}

/// The workers of this process.
pub struct Runner {
    app: App,
    /// For claims and heartbeats alone.
    leases: Db,
    mailer: Option<Arc<dyn Mailer>>,
    config: RunnerConfig,
    boot: BootId,
    engine: Engine,
}

impl Runner {
    /// Workers that deliver mail with `mailer`, and stop claiming when `shutdown` is cancelled.
    pub fn new(
        app: App,
        leases: Db,
        mailer: Option<Arc<dyn Mailer>>,
        config: RunnerConfig,
        shutdown: CancellationToken,
    ) -> Self {
        let engine = Engine { app: app.clone(), retry: config.retry, metrics: Metrics::new(), draining: shutdown };
        Self { app, leases, mailer, config, boot: BootId::new(), engine }
    }

    /// Works until the shutdown, then finishes the steps at hand and gives back the rest.
    pub async fn run(self) {
        let runner = Arc::new(self);
        let mut jobs = JoinSet::new();
        let mut changed = runner.app.changed.subscribe();
        let shutdown = runner.engine.draining.clone();
        while !shutdown.is_cancelled() {
            changed.mark_unchanged();
            while jobs.try_join_next().is_some() {}
            let free = runner.config.workers.saturating_sub(jobs.len());
            let claimed = if free > 0 { runner.claim(free).await } else { Ok(Vec::new()) };
            match claimed {
                Ok(claimed) => {
                    for claimed in claimed {
                        jobs.spawn(runner.clone().work(Job { claimed, stop: CancellationToken::new() }));
                    }
                }
                Err(error) => tracing::warn!(%error, "could not look for work"),
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                _ = changed.changed() => {}
                _ = jobs.join_next(), if !jobs.is_empty() => {}
                () = tokio::time::sleep(runner.config.poll) => {}
            }
        }
        if timeout(runner.config.drain, async { while jobs.join_next().await.is_some() {} }).await.is_err() {
            tracing::warn!(left = jobs.len(), "steps did not finish in time; others go on when their leases run out");
        }
    }

    async fn claim(&self, most: usize) -> Result<Vec<Claimed>> {
        let input = (self.boot, self.config.lease, i64::try_from(most).unwrap_or(1));
        let op = OpContext::system(Purpose::Worker, None);
        let claim = self.leases.platform(op, "claim-operations", input, |tx, (boot, lease, most)| {
            claims::claim(tx, Kind::ALL, *boot, *lease, *most).boxed()
        });
        let claimed = claim.await?;
        for taken in claimed.iter().filter(|c| c.taken_over) {
            self.engine.metrics.taken_over(taken.params.kind());
            tracing::info!(operation = %taken.claim.id, "took over an operation whose lease had run out");
        }
        if !claimed.is_empty() {
            fail::fail_point!("claim.after");
        }
        Ok(claimed)
    }

    /// Works on one operation while its lease holds.
    async fn work(self: Arc<Self>, job: Job) {
        let (claim, stop, span) = (job.claimed.claim, job.stop.clone(), span(&job));
        let run = self.dispatch(job);
        let work = async {
            tokio::select! {
                () = run => {}
                () = self.keep_lease(claim, &stop) => {
                    tracing::warn!(operation = %claim.id, "lost the lease; the work is dropped");
                }
            }
        };
        work.instrument(span).await;
    }

    async fn dispatch(&self, job: Job) {
        let (engine, app) = (&self.engine, self.app.clone());
        match job.claimed.params.clone() {
            Params::Provision { admin, from } => engine.run(job, Provision { app, admin, from }).await,
            Params::PrepareDeletion {} => engine.run(job, PrepareDeletion { app }).await,
            Params::Thaw {} => engine.run(job, Thaw { app }).await,
            Params::Purge {} => engine.run(job, Purge { app }).await,
            Params::ForceDeletion {} => engine.run(job, ForceDeletion { app }).await,
            Params::BackUp { backup, assets } => {
                engine.run(job, BackUp { app, backup, assets, made: Mutex::default() }).await;
            }
            Params::ImportBackup { backup } => {
                engine.run(job, ImportBackup { app, backup, read: Mutex::default() }).await;
            }
            Params::VerifyBackup { backup, seals_only } => {
                engine.run(job, VerifyBackup { app, backup, seals_only }).await
            }
            Params::CopyBackups {} => engine.run(job, CopyBackups { app }).await,
            Params::Restore(asked) => engine.run(job, Restore { app, asked, made: Mutex::default() }).await,
            Params::CopyAssets { assets, destination, set } => {
                engine.run(job, CopyAssets { app, assets, destination, set }).await;
            }
            Params::RestoreAssets { backup, assets, kinds } => {
                engine.run(job, RestoreAssets { app, backup, assets, kinds, brought: Mutex::default() }).await;
            }
            Params::AssignRecordings { set } => {
                engine.run(job, AssignRecordings { app, set, after: Mutex::default() }).await;
            }
            Params::CollectContent {} => engine.run(job, CollectContent { app }).await,
            Params::DeliverMail { mail, user } => {
                let (mailer, public_url) = (self.mailer.clone(), self.config.public_url.clone());
                engine.run(job, DeliverMail { app, mailer, public_url, mail, user }).await;
            }
        }
    }

    /// Prolongs the lease until it is lost: taken away, or not prolonged in time. Tells if the work is to be cancelled.
    async fn keep_lease(&self, claim: Claim, stop: &CancellationToken) {
        let mut lost_at = Instant::now() + self.config.lease;
        loop {
            tokio::time::sleep(self.config.heartbeat).await;
            let asked_at = Instant::now();
            let op = OpContext::system(Purpose::Worker, Some(claim.tenant));
            let beat = self.leases.change(op, "heartbeat", (claim, self.config.lease), |tx, (claim, lease)| {
                claims::heartbeat(tx, claim, *lease).boxed()
            });
            tokio::select! {
                () = sleep_until(lost_at) => return,
                held = beat => match held {
                    Ok(Beat::Ended) => std::future::pending().await,
                    Ok(Beat::Over) => return,
                    Ok(beat) => {
                        lost_at = asked_at + self.config.lease;
                        if beat == Beat::Cancel {
                            stop.cancel();
                        }
                    }
                    Err(error) if Instant::now() < lost_at => tracing::warn!(%error, "heartbeat"),
                    Err(_) => return,
                },
            }
        }
    }
}

/// What is done for an operation, with who asked for it.
fn span(job: &Job) -> Span {
    let Claimed { claim, params, actor, .. } = &job.claimed;
    let span = tracing::info_span!(
        "operation",
        kind = params.kind().name(),
        operation = %claim.id,
        actor = Empty,
        acted_for = Empty,
        impersonation_reason = Empty,
    );
    if let Some(user) = actor.user {
        span.record("actor", display(user.user));
    }
    if let Some(service) = &actor.service {
        span.record("actor", service.name());
    }
    if let Some(acted_for) = &actor.acted_for {
        span.record("acted_for", display(acted_for.user));
        span.record("impersonation_reason", acted_for.reason.as_str());
    }
    span
}
