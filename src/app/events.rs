//! The status log of a tenant and the audit trail.

use futures::FutureExt as _;

use super::App;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::event::{AuditRecord, Before, Event, LogCondition, LogFilter, Severity};
use crate::domain::id::{TenantUid, UserId};
use crate::domain::page::{EXACT_TOTAL, Page};
use crate::store::snapshots::Seen;
use crate::store::{audit, events};

/// Events that are removed at once.
const BATCH: i64 = 1000;

/// What to list.
#[derive(Clone, Debug)]
pub struct ListLog {
    /// What the entries must be like.
    pub filter: Option<LogFilter>,
    /// Where the page before ended.
    pub before: Option<Before>,
    /// Entries at most.
    pub size: i64,
}

/// A page of a status log.
#[derive(Clone, Debug)]
pub struct EventPage {
    /// Its rows, and where it ends.
    pub page: Page<Event, Before>,
    /// How many there are, counted up to one more than [`EXACT_TOTAL`].
    pub total: i64,
    /// The look that it is, to be marked as seen or cleared.
    pub now: Seen,
}

/// How many events a person has not seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Good to know.
    pub infos: i64,
    /// To be looked at.
    pub warnings: i64,
    /// Went wrong.
    pub errors: i64,
    /// Whether there are more than that.
    pub more: bool,
}

impl App {
    /// A page of a tenant's status log.
    pub async fn list_events(&self, op: OpContext, mut list: ListLog) -> Result<EventPage> {
        self.look_up_tenants(&mut list).await?;
        let (reader, size) = (reader(&op)?, list.size);
        let read = self.db.read(op, "list-events", (reader, list), |tx, (reader, list)| {
            async move {
                let look = events::look(tx, *reader).await?;
                let rows = events::list(tx, &look, list.filter.as_ref(), list.before, list.size + 1).await?;
                let total = events::count(tx, &look, list.filter.as_ref(), EXACT_TOTAL + 1).await?;
                Ok((rows, total, look.now))
            }
            .boxed()
        });
        let (rows, total, now) = read.await?;
        Ok(EventPage { page: Page::cut(rows, size, |event| Before { at: event.at, id: event.id }), total, now })
    }

    /// How many events of a tenant's status log the caller has not seen.
    pub async fn event_summary(&self, op: OpContext) -> Result<Summary> {
        let reader = reader(&op)?;
        let read = self.db.read(op, "event-summary", reader, |tx, reader| {
            async move {
                let look = events::look(tx, *reader).await?;
                events::fresh(tx, &look, EXACT_TOTAL + 1).await
            }
            .boxed()
        });
        let mut fresh = read.await?;
        let most = usize::try_from(EXACT_TOTAL).unwrap_or(usize::MAX);
        let more = fresh.len() > most;
        fresh.truncate(most);
        let count = |severity| i64::try_from(fresh.iter().filter(|s| **s == severity).count()).unwrap_or(i64::MAX);
        let (infos, warnings, errors) = (count(Severity::Info), count(Severity::Warning), count(Severity::Error));
        Ok(Summary { infos, warnings, errors, more })
    }

    /// Notes that the caller has seen what a look has shown; none: all that is there.
    pub async fn mark_events_seen(&self, op: OpContext, seen: Option<Seen>) -> Result<()> {
        let input = (reader(&op)?, seen);
        let marked = self.db.change(op, "mark-events-seen", input, |tx, (reader, seen)| {
            async move {
                let now = events::look(tx, *reader).await?.now;
                events::mark(tx, *reader, seen.as_ref().unwrap_or(&now)).await
            }
            .boxed()
        });
        marked.await
    }

    /// Clears what a look has shown of a tenant's status log, for everybody there; none: all that is there.
    pub async fn clear_events(&self, op: OpContext, seen: Option<Seen>) -> Result<()> {
        let (input, tenant, checked_only) = ((reader(&op)?, seen), op.target()?, op.validate_only());
        let cleared = self.db.change(op, "clear-events", input, |tx, (reader, seen)| {
            async move {
                let now = events::look(tx, *reader).await?.now;
                events::clear(tx, seen.as_ref().unwrap_or(&now)).await
            }
            .boxed()
        });
        cleared.await?;
        if checked_only {
            return Ok(());
        }
        let app = self.clone();
        // What is cleared is hidden already; whatever this does not get to is removed later.
        tokio::spawn(async move {
            if let Err(error) = app.sweep_log(tenant).await {
                tracing::warn!(%error, "could not remove what was cleared");
            }
        });
        Ok(())
    }

    /// A page of the audit trail of a tenant, or of all for a context without a target, and how many records there are,
    /// counted up to one more than [`EXACT_TOTAL`].
    pub async fn list_audit_records(
        &self,
        op: OpContext,
        mut list: ListLog,
    ) -> Result<(Page<AuditRecord, Before>, i64)> {
        self.look_up_tenants(&mut list).await?;
        let size = list.size;
        let (rows, total) = if op.target().is_ok() {
            let read = self.db.read(op, "list-audit-records", list, |tx, list| {
                audit::list(tx, list.filter.as_ref(), list.before, list.size + 1, EXACT_TOTAL + 1).boxed()
            });
            read.await?
        } else {
            let read = self.db.platform(op, "list-audit-records", list, |tx, list| {
                audit::list_all(tx, list.filter.as_ref(), list.before, list.size + 1, EXACT_TOTAL + 1).boxed()
            });
            read.await?
        };
        Ok((Page::cut(rows, size, |record| Before { at: record.at, id: record.id }), total))
    }

    /// Finds the tenants that the filter names: entries know them by their uids, whatever resource they are about.
    async fn look_up_tenants(&self, list: &mut ListLog) -> Result<()> {
        for condition in list.filter.iter_mut().flat_map(LogFilter::conditions_mut) {
            if let LogCondition::Tenant(named, found) = condition {
                *found = self.resolve_tenant(named).await?.map(|(uid, _)| uid);
            }
        }
        Ok(())
    }

    /// Removes what was cleared of status logs.
    pub async fn sweep_events(&self) -> Result<()> {
        let op = OpContext::system(Purpose::Expiry, None);
        let tenants =
            self.db.platform(op, "cleared-logs", BATCH, |tx, most| events::to_sweep(tx, *most).boxed()).await?;
        for tenant in tenants {
            // One log that can't be swept must not keep the others full.
            if let Err(error) = self.sweep_log(tenant).await {
                tracing::warn!(%tenant, %error, "could not remove what was cleared");
            }
        }
        Ok(())
    }

    /// Removes what was cleared of one log, a batch with each transaction.
    async fn sweep_log(&self, tenant: TenantUid) -> Result<()> {
        let sweep = || {
            let op = OpContext::system(Purpose::Expiry, Some(tenant));
            self.db.change(op, "sweep-events", BATCH, |tx, most| events::sweep(tx, *most).boxed())
        };
        while !self.stopping.is_cancelled() && sweep().await? {}
        Ok(())
    }
}

/// Whose marks count.
fn reader(op: &OpContext) -> Result<UserId> {
    let subject = op.permit().subject().map(|(_, user)| user);
    subject.ok_or_else(|| Error::internal("context", "the call has no caller"))
}
