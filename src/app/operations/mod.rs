//! Operations: get, list, wait, watch; `steer` has cancel and retry.

mod steer;

use std::time::Duration;

use futures::FutureExt as _;
use futures::stream::{BoxStream, StreamExt as _};
use tokio::time::Instant;

use super::App;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::OperationId;
use crate::domain::operation::Operation;
use crate::domain::page::Page;
use crate::store::operations::{self, After};

/// How often an operation is looked at that another replica may be working on.
const POLL: Duration = Duration::from_millis(250);
/// How long a watcher waits for a database that is away.
const OUTAGE: Duration = Duration::from_secs(30);
/// How often a watcher hears of an operation that does not change.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// What to list.
#[derive(Clone, Debug)]
pub struct ListOperations {
    /// Where the page before ended.
    pub after: Option<After>,
    /// Rows at most.
    pub size: i64,
}

/// A page.
#[derive(Clone, Debug)]
pub struct OperationPage {
    /// Its rows, and where it ends.
    pub page: Page<Operation, After>,
    /// How many there are, counted up to one more than [`crate::domain::page::EXACT_TOTAL`].
    pub total: i64,
}

impl App {
    /// One operation.
    pub async fn get_operation(&self, op: OpContext, id: OperationId) -> Result<Operation> {
        let absent = op.not_found();
        let found = self.db.read(op, "get-operation", id, |tx, id| operations::load(tx, *id).boxed()).await?;
        found.ok_or(absent)
    }

    /// A page of one tenant's operations, or of all tenants' for a context without a target.
    pub async fn list_operations(&self, op: OpContext, request: ListOperations) -> Result<OperationPage> {
        let (size, after) = (request.size, request.after);
        let input = (after, size + 1);
        let (rows, total) = if op.target().is_ok() {
            self.db
                .read(op, "list-operations", input, |tx, (after, limit)| operations::list(tx, *after, *limit).boxed())
                .await?
        } else {
            let all = self.db.platform(op, "list-operations", input, |tx, (after, limit)| {
                operations::list_all(tx, *after, *limit).boxed()
            });
            all.await?
        };
        let page = Page::cut(rows, size, |o| After { created_at: o.created_at, id: o.id });
        Ok(OperationPage { page, total })
    }

    /// The operation once it has ended, or as it is when the time is over.
    pub async fn wait_operation(&self, op: OpContext, id: OperationId, most: Duration) -> Result<Operation> {
        let end = Instant::now() + most;
        let mut changed = self.changed.subscribe();
        loop {
            changed.mark_unchanged();
            let operation = self.look(&op, id, end).await?;
            if operation.state.ended() || Instant::now() >= end || self.stopping.is_cancelled() {
                return Ok(operation);
            }
            tokio::select! {
                () = self.stopping.cancelled() => {}
                _ = changed.changed() => {}
                () = tokio::time::sleep_until(end.min(Instant::now() + POLL)) => {}
            }
        }
    }

    /// The operation as it is, then each change, and again when nothing changes for a while; it ends with the operation.
    pub fn watch_operation(&self, op: OpContext, id: OperationId) -> BoxStream<'static, Result<Operation>> {
        let changed = self.changed.subscribe();
        let state = Some(Watch { app: self.clone(), op, id, changed, seen: 0, told: Instant::now() });
        futures::stream::unfold(state, |state| async {
            let mut watch = state?;
            match watch.next().await {
                Ok(operation) if operation.state.ended() => Some((Ok(operation), None)),
                Ok(operation) => Some((Ok(operation), Some(watch))),
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }
}

/// How a stream ends when the process goes down.
fn stopping() -> Error {
    let text = "this replica is going down; watch again, and another one answers";
    Refusal::new(Reason::ShuttingDown, text).retry_after(POLL).into()
}

impl App {
    /// The operation as it is. A database that is away for a moment does not end a wait; the operation goes on too.
    async fn look(&self, op: &OpContext, id: OperationId, until: Instant) -> Result<Operation> {
        loop {
            match self.get_operation(op.clone(), id).await {
                Err(error) if error.reason() == Some(Reason::StoreUnavailable) && Instant::now() + POLL < until => {
                    tokio::select! {
                        () = self.stopping.cancelled() => return Err(error),
                        () = tokio::time::sleep(POLL) => {}
                    }
                }
                found => return found,
            }
        }
    }
}

struct Watch {
    app: App,
    op: OpContext,
    id: OperationId,
    changed: tokio::sync::watch::Receiver<u64>,
    seen: i64,
    told: Instant,
}

impl Watch {
    async fn next(&mut self) -> Result<Operation> {
        loop {
            self.changed.mark_unchanged();
            let operation = self.app.look(&self.op, self.id, Instant::now() + OUTAGE).await?;
            if operation.version != self.seen || self.told.elapsed() >= HEARTBEAT {
                (self.seen, self.told) = (operation.version, Instant::now());
                return Ok(operation);
            }
            tokio::select! {
                () = self.app.stopping.cancelled() => return Err(stopping()),
                _ = self.changed.changed() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }
}
