//! Runs the steps of one claimed operation and writes down how they went. Nothing else writes an operation's progress.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::metrics::Metrics;
use super::participants::failure;
use super::{Job, Next, Outside, Step, Work};
use crate::app::App;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::{Class, Error, Reason, Result};
use crate::domain::operation::{Failure, RetryPolicy, State, Units};
use crate::store::claims::{self, Cancelled, Fenced};
use crate::store::{events, impersonation, progress};

/// What the engine works with.
#[derive(Clone)]
pub(super) struct Engine {
    pub app: App,
    pub retry: RetryPolicy,
    pub metrics: Metrics,
    /// Set when the process goes down: the step at hand is finished, the next one is left to others.
    pub draining: CancellationToken,
}

/// What the undo is called among the steps, once it has failed.
const UNDO: &str = "undo";

/// How an operation that is given up is undone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Undo {
    First,
    /// It has failed before.
    Again,
    /// It has failed too often.
    Spared,
}

/// What becomes of an operation when its worker lets go of it.
enum After<S> {
    Step(S),
    LetGo,
}

impl Engine {
    /// Runs a claimed operation until it ends, waits, fails or is taken away.
    pub async fn run<W: Work>(&self, job: Job, work: W) {
        let claim = job.claimed.claim;
        let work = Arc::new(work);
        let went = match self.steps(&job, work.clone()).await {
            Err(error) if Cancelled::is(&error) => {
                fail::fail_point!("cancel.before");
                self.give_up(&job, &work, State::Cancelled, &was_cancelled()).await
            }
            went => went,
        };
        match went {
            Ok(()) => {}
            Err(error) if Fenced::is(&error) => {
                tracing::info!(operation = %claim.id, "the operation is in other hands or has ended");
            }
            // The lease runs out by itself, and somebody goes on from what was committed.
            Err(error) => tracing::warn!(operation = %claim.id, %error, "could not write progress"),
        }
        self.app.notify();
    }

    async fn steps<W: Work>(&self, job: &Job, work: Arc<W>) -> Result<()> {
        if job.claimed.cancelling {
            return Err(Error::internal("claim", Cancelled));
        }
        let mut step = match first_step::<W::Step>(&job.claimed.step) {
            Some(step) => step,
            None => return self.give_up(job, &work, State::Failed, &unknown_step(&job.claimed.step)).await,
        };
        let mut attempts = job.claimed.attempts;
        if attempts >= self.most_attempts() {
            // Beyond that many it was given up before, and its undo failed.
            let why = job.claimed.failure.clone().filter(|_| attempts > self.most_attempts());
            return self.give_up(job, &work, State::Failed, &why.unwrap_or_else(|| workers_died(attempts))).await;
        }
        let mut units = job.claimed.units;
        loop {
            if self.draining.is_cancelled() {
                return self.release(job).await;
            }
            let span = tracing::info_span!("step", kind = job.claimed.params.kind().name(), step = step.name(), operation = %job.claimed.claim.id);
            let began = Instant::now();
            let outcome = async {
                fail::fail_point!("step.before");
                if !work.asks_for_leave(step) {
                    self.still_permitted(job).await?;
                }
                // A panic is a failed attempt; it must neither take the worker with it nor be tried for ever.
                let outside = AssertUnwindSafe(work.outside(job, step, units)).catch_unwind();
                let outside = tokio::select! {
                    outside = outside => outside.unwrap_or_else(|_| Err(Error::internal("step", "it panicked"))),
                    () = job.stop.cancelled() => Err(Error::internal("step", Cancelled)),
                };
                fail::fail_point!("step.outside");
                match outside? {
                    Outside::Done => self.inside(job, &work, step).await.map(Ok),
                    other => Ok(Err(other)),
                }
            }
            .instrument(span)
            .await;
            self.metrics.step(job.claimed.params.kind(), step.name(), outcome.is_ok(), began.elapsed().as_secs_f64());
            match outcome {
                Ok(Ok(After::Step(next))) => (step, attempts, units) = (next, 0, Units::default()),
                Ok(Ok(After::LetGo) | Err(Outside::Done)) => return Ok(()),
                Ok(Err(Outside::More(batch))) => {
                    (units, attempts) = (units.and(batch), 0);
                    self.tell(job, units, percent(step) + units.share_of(share::<W::Step>())).await?;
                }
                Ok(Err(Outside::Wait { reason, again_in })) => return self.wait(job, &reason, again_in).await,
                Err(error) if Fenced::is(&error) || Cancelled::is(&error) => return Err(error),
                Err(error) => {
                    attempts += 1;
                    return self.failed_attempt(job, &work, step, attempts, error).await;
                }
            }
            self.app.notify();
        }
    }

    /// The inside part of a step and what the engine writes of it: one transaction, past the fence.
    async fn inside<W: Work>(&self, job: &Job, work: &Arc<W>, step: W::Step) -> Result<After<W::Step>> {
        let input = (job.clone(), work.clone());
        let next = self
            .app
            .db
            .change(self.op(job), "operation-step", input, move |tx, (job, work)| {
                async move {
                    let claim = job.claimed.claim;
                    claims::fence_unless_cancelling(tx, &claim).await?;
                    if !work.asks_for_leave(step) {
                        impersonation::check_still_permitted(tx, &job.claimed.actor, true).await?;
                    }
                    let next = work.inside(tx, job, step).await?;
                    progress::record_step(tx, &claim, step.name(), "", true, "").await?;
                    match next {
                        Next::Step(next) => {
                            progress::proceed(tx, &claim, next.name(), percent(next)).await?;
                            Ok(Some(next.name().to_owned()))
                        }
                        Next::Done(results) => {
                            progress::end(tx, &claim, State::Succeeded, &results, None).await?;
                            events::log_operation(tx, job.subject(), State::Succeeded, None, "").await?;
                            Ok(None)
                        }
                    }
                }
                .boxed()
            })
            .await?;
        fail::fail_point!("step.after");
        Ok(next.as_deref().and_then(first_step).map_or(After::LetGo, After::Step))
    }

    /// Whether what was begun for another account may still be done for it, before the outside part of a step; the inside part
    /// asks again, in its own transaction.
    async fn still_permitted(&self, job: &Job) -> Result<()> {
        if job.claimed.actor.acted_for.is_none() {
            return Ok(());
        }
        let actor = job.claimed.actor.clone();
        let check = self.app.db.read(self.op(job), "operation-permitted", actor, |tx, actor| {
            impersonation::check_still_permitted(tx, actor, false).boxed()
        });
        check.await
    }

    async fn failed_attempt<W: Work>(
        &self,
        job: &Job,
        work: &Arc<W>,
        step: W::Step,
        attempts: i32,
        error: Error,
    ) -> Result<()> {
        tracing::warn!(operation = %job.claimed.claim.id, step = step.name(), attempts, %error, "a step failed");
        let failure = failure(&error);
        let wait = self.retry.wait(attempts.unsigned_abs(), random_share());
        let Some(wait) = wait.filter(|_| worth_another_try(&error)) else {
            return self.give_up(job, work, State::Failed, &failure).await;
        };
        self.postpone(job, (step.name(), &failure), wait, attempts, &failure, false).await
    }

    /// Undoes and ends, in one transaction. An undo that fails, or that its worker does not survive, is tried as often as
    /// a step is; then the operation ends as it stands and says why, rather than going round for ever.
    async fn give_up<W: Work>(&self, job: &Job, work: &Arc<W>, state: State, why: &Failure) -> Result<()> {
        let most = self.most_attempts();
        let cancelled = state == State::Cancelled;
        // Those at an undo are counted on from those at the step; whoever cancels begins a new count.
        let (from, counted) = if cancelled { (0, job.claimed.cancelling) } else { (most, true) };
        let tried = if counted { (job.claimed.attempts - from).max(0) } else { 0 };
        if tried >= most {
            return self.end(job, work, State::Failed, Undo::Spared, &workers_died(tried)).await;
        }
        let undo = if tried == 0 { Undo::First } else { Undo::Again };
        let error = match self.end(job, work, state, undo, why).await {
            Err(error) if !Fenced::is(&error) => error,
            ended => return ended,
        };
        let tried = tried + 1;
        tracing::warn!(operation = %job.claimed.claim.id, tried, %error, "an undo failed");
        let undone = failure(&error);
        match self.retry.wait(tried.unsigned_abs(), random_share()) {
            Some(wait) => {
                let why = if cancelled { &undone } else { why };
                self.postpone(job, (UNDO, &undone), wait, from + tried, why, cancelled).await
            }
            None => self.end(job, work, State::Failed, Undo::Spared, &undone).await,
        }
    }

    async fn end<W: Work>(&self, job: &Job, work: &Arc<W>, state: State, undo: Undo, why: &Failure) -> Result<()> {
        let input = (job.clone(), work.clone(), why.clone());
        let ended = self.app.db.change(self.op(job), "operation-end", input, move |tx, (job, work, why)| {
            async move {
                let claim = job.claimed.claim;
                claims::fence(tx, &claim).await?;
                if undo != Undo::Spared {
                    work.undo(tx, job, why).await?;
                }
                match undo {
                    Undo::First => {}
                    Undo::Again => progress::record_step(tx, &claim, UNDO, "", true, "").await?,
                    Undo::Spared => progress::record_step(tx, &claim, UNDO, "", false, &why.message).await?,
                }
                let failure = (state == State::Failed).then_some(why);
                progress::end(tx, &claim, state, &[], failure).await?;
                events::log_operation(tx, job.subject(), state, failure, "").await
            }
            .boxed()
        });
        ended.await?;
        if state == State::Failed {
            self.metrics.failed(job.claimed.params.kind());
        }
        Ok(())
    }

    /// Writes down that an attempt failed, and lets go of the operation until the next one.
    async fn postpone(
        &self,
        job: &Job,
        (step, attempt): (&'static str, &Failure),
        wait: Duration,
        attempts: i32,
        why: &Failure,
        cancelled: bool,
    ) -> Result<()> {
        let input = (job.clone(), attempt.message.clone(), why.clone());
        let postponed = self.app.db.change(self.op(job), "operation-postpone", input, move |tx, (job, error, why)| {
            async move {
                let claim = job.claimed.claim;
                if cancelled {
                    claims::fence(tx, &claim).await?;
                } else {
                    claims::fence_unless_cancelling(tx, &claim).await?;
                }
                progress::record_step(tx, &claim, step, "", false, error).await?;
                progress::postpone(tx, &claim, wait, "", attempts, Some(why)).await
            }
            .boxed()
        });
        postponed.await
    }

    fn most_attempts(&self) -> i32 {
        i32::try_from(self.retry.max_attempts).unwrap_or(i32::MAX / 2)
    }

    async fn wait(&self, job: &Job, reason: &str, again_in: Duration) -> Result<()> {
        let input = (job.clone(), reason.to_owned());
        self.app
            .db
            .change(self.op(job), "operation-wait", input, move |tx, (job, reason)| {
                async move {
                    claims::fence_unless_cancelling(tx, &job.claimed.claim).await?;
                    // It looks again and again; what it waits for is told once.
                    if progress::waiting_for(tx, &job.claimed.claim).await? != *reason {
                        events::log_operation(tx, job.subject(), State::Pending, None, reason).await?;
                    }
                    progress::postpone(tx, &job.claimed.claim, again_in, reason, 0, None).await
                }
                .boxed()
            })
            .await
    }

    async fn tell(&self, job: &Job, units: Units, percent: i32) -> Result<()> {
        self.app
            .db
            .change(self.op(job), "operation-units", (job.clone(), units), move |tx, (job, units)| {
                async move {
                    claims::fence_unless_cancelling(tx, &job.claimed.claim).await?;
                    progress::units(tx, &job.claimed.claim, *units, percent).await
                }
                .boxed()
            })
            .await
    }

    async fn release(&self, job: &Job) -> Result<()> {
        self.app
            .db
            .change(self.op(job), "operation-release", job.clone(), |tx, job| {
                claims::release(tx, &job.claimed.claim).boxed()
            })
            .await
    }

    fn op(&self, job: &Job) -> OpContext {
        let op = OpContext::system(Purpose::Worker, Some(job.claimed.claim.tenant));
        op.in_answer_to(job.claimed.correlation_id.clone())
    }
}

/// The step of that name; the first one for an operation that has not begun.
fn first_step<S: Step>(name: &str) -> Option<S> {
    if name.is_empty() { S::ALL.first().copied() } else { S::parse(name) }
}

/// The share of the steps that stand before this one.
fn percent<S: Step>(step: S) -> i32 {
    let before = S::ALL.iter().take_while(|s| s.name() != step.name()).count();
    i32::try_from(before * 100 / S::ALL.len().max(1)).unwrap_or(0)
}

/// The share of the whole that one step is.
fn share<S: Step>() -> i32 {
    i32::try_from(100 / S::ALL.len().max(1)).unwrap_or(0)
}

/// Whether the same may go better next time.
fn worth_another_try(error: &Error) -> bool {
    match error {
        Error::Internal { .. } => true,
        Error::Refused(refusal) => match refusal.reason {
            // What an operator has allotted grows by no waiting.
            Reason::UserLimitReached | Reason::DiskQuotaExceeded | Reason::LicensesExhausted => false,
            reason => matches!(
                reason.class(),
                Class::Unavailable | Class::Aborted | Class::DeadlineExceeded | Class::ResourceExhausted
            ),
        },
    }
}

fn was_cancelled() -> Failure {
    Failure {
        code: Class::Aborted.name().to_owned(),
        reason: "CANCELLED".into(),
        message: "it was cancelled with CancelOperation".into(),
        metadata: std::collections::BTreeMap::new(),
    }
}

fn unknown_step(name: &str) -> Failure {
    Failure {
        code: "INTERNAL".into(),
        reason: "STEP_UNKNOWN".into(),
        message: format!("this version does not know the step {name}"),
        metadata: std::collections::BTreeMap::new(),
    }
}

fn workers_died(attempts: i32) -> Failure {
    Failure {
        code: "INTERNAL".into(),
        reason: "WORKERS_DIED".into(),
        message: format!(
            "given up after {attempts} attempts at one step, the last of which its worker did not survive"
        ),
        metadata: std::collections::BTreeMap::new(),
    }
}

/// A random number from 0 to 1.
fn random_share() -> f64 {
    let bytes = uuid::Uuid::new_v4();
    f64::from(u16::from_be_bytes([bytes.as_bytes()[0], bytes.as_bytes()[1]])) / f64::from(u16::MAX)
}
