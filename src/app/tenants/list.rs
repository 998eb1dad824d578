//! ListTenants: which tenants is answered from memory, and their rows come from the database in one query.

use std::sync::Arc;

use futures::FutureExt as _;

use super::access::seen;
use super::read::{SeenTenant, caller_facts};
use crate::app::App;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::tenant::Tenant;
use crate::domain::tenant_list::{Cursor, Order};
use crate::snapshot::{Change, Entry, Facts, Index, Matches, Query, Reading, Snapshot};
use crate::store::tenant_list::{self, Changes, Listed, Sketch};
use crate::store::tx::PlatformTx;

/// Tenants that are read at once to fill the index.
const BATCH: i64 = 20_000;

/// A page.
#[derive(Clone, Debug)]
pub struct TenantPage {
    /// Its rows.
    pub rows: Vec<SeenTenant>,
    /// Where it ends, if another follows.
    pub next: Option<Cursor>,
    /// How many there are in all pages.
    pub total: usize,
    /// Whether that is an estimate.
    pub estimated: bool,
}

/// What the transaction of a list gives.
enum Looked {
    /// The page.
    At(Matches, Vec<Listed>),
    /// The index knows of another database than this one is.
    AtNothing,
}

impl App {
    /// A page of all tenants.
    pub async fn list_tenants(&self, op: OpContext, query: Query) -> Result<TenantPage> {
        let facts = caller_facts(&op)?;
        let order = query.order;
        let (matches, mut listed) = self.look_at_list(&op, query).await?;
        let mut rows = Vec::with_capacity(listed.len());
        for uid in &matches.uids {
            // One that went away between the two is on no page.
            if let Some(at) = listed.iter().position(|row| row.tenant.uid == *uid) {
                rows.push(seen(listed.swap_remove(at), &facts));
            }
        }
        let next = rows.last().filter(|_| matches.more).map(|row| cursor(&row.tenant, order));
        Ok(TenantPage { rows, next, total: matches.total, estimated: matches.estimated })
    }

    async fn look_at_list(&self, op: &OpContext, query: Query) -> Result<(Matches, Vec<Listed>)> {
        let input = (self.snapshot.clone(), query);
        // A failover can take the database back in time; then the index is filled anew, once.
        for _ in 0..3 {
            self.fill_index().await?;
            let looked = self.db.platform(op.clone(), "list-tenants", input.clone(), |tx, (snapshot, query)| {
                look(tx, snapshot.clone(), query.clone()).boxed()
            });
            match looked.await? {
                Looked::At(matches, listed) => return Ok((matches, listed)),
                Looked::AtNothing => self.snapshot.empty(),
            }
        }
        let text = "the list of tenants is being read anew; repeat the call";
        Err(Refusal::new(Reason::StoreUnavailable, text).into())
    }

    /// Fills the index of tenants, unless it is filled. Whoever comes meanwhile waits.
    pub async fn fill_index(&self) -> Result<()> {
        if self.snapshot.reading().is_some() {
            return Ok(());
        }
        let _filling = self.snapshot.filling.lock().await;
        if self.snapshot.reading().is_some() {
            return Ok(());
        }
        // From before the first batch: what changes while the batches are read is read again after that.
        let before =
            self.index_read("index-position", |tx, _| tenant_list::changes(tx, i64::MAX).boxed(), None).await?;
        let mut entries = Vec::new();
        let mut last: Option<Sketch> = None;
        loop {
            let batch = self
                .index_read("index-batch", |tx, last| tenant_list::batch(tx, last.as_ref(), BATCH).boxed(), last)
                .await?;
            let Some(end) = batch.last().cloned() else { break };
            last = Some(end);
            entries.extend(apart(move || batch.iter().map(entry).collect::<Vec<_>>()).await?);
            if self.stopping.is_cancelled() {
                return Err(Refusal::new(Reason::ShuttingDown, "this replica is going down; ask another one").into());
            }
        }
        let index = apart(move || Index::of(entries)).await?;
        self.snapshot.fill(index, reading(&before));
        Ok(())
    }

    async fn index_read<T: Send + 'static>(
        &self,
        name: &'static str,
        read: impl crate::store::tx::Work<PlatformTx, Option<Sketch>, T>,
        input: Option<Sketch>,
    ) -> Result<T> {
        self.db.platform(OpContext::system(Purpose::Index, None), name, input, read).await
    }
}

async fn look(tx: &mut PlatformTx, snapshot: Arc<Snapshot>, query: Query) -> Result<Looked> {
    let Some(known) = snapshot.reading() else { return Ok(Looked::AtNothing) };
    let changes = tenant_list::changes(tx, known.position).await?;
    if !changes.known {
        return Ok(Looked::AtNothing);
    }
    // Sorting in and searching take no time worth a thread for a few tenants, but for a million they do.
    let looked_up = apart(move || {
        let now = reading(&changes);
        let are = changes.tenants.iter().map(|sketch| Change::Is(Box::new(entry(sketch))));
        let changed = are.chain(changes.gone.into_iter().map(Change::Gone)).collect();
        snapshot.advance(changed, now);
        snapshot.query(&query)
    });
    let Some(matches) = looked_up.await? else { return Ok(Looked::AtNothing) };
    let listed = tenant_list::page(tx, &matches.uids).await?;
    Ok(Looked::At(matches, listed))
}

/// Runs what may take long for a million tenants where it holds nobody up.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::internal("index of tenants", e))
}

fn reading(changes: &Changes) -> Reading {
    Reading::new(changes.position, changes.end, changes.open)
}

fn entry(sketch: &Sketch) -> Entry {
    Entry::new(&Facts {
        uid: sketch.uid,
        version: sketch.version,
        code: &sketch.code,
        display_name: &sketch.display_name,
        state: sketch.state,
        lock_reason: sketch.lock_reason(),
        server: &sketch.server,
        labels: &sketch.labels,
        protected: sketch.protected,
        created_at: sketch.created_at(),
    })
}

/// Where a page ends whose last row that tenant is.
fn cursor(tenant: &Tenant, order: Order) -> Cursor {
    let text = match order {
        Order::DisplayName => tenant.display_name.as_str().to_owned(),
        Order::Code => tenant.code.clone(),
        Order::State => tenant.state.name().to_owned(),
        Order::CreateTime => String::new(),
    };
    Cursor { text, time: (order == Order::CreateTime).then_some(tenant.created_at), uid: tenant.uid }
}
