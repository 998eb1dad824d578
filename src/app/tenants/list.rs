//! ListTenants: which tenants is answered from memory, and their rows come from the database in one query.

use std::sync::Arc;

use futures::FutureExt as _;

use super::access::seen;
use super::read::SeenTenant;
use crate::app::App;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::tenant_list::Cursor;
use crate::snapshot::{Change, Entry, Facts, Index, Matches, Query, Snapshot};
use crate::store::tenant_list::{self, Changes, Detail, Listed, Sketch};
use crate::store::tx::PlatformTx;

/// Tenants that are read at once to fill the index.
const BATCH: i64 = 20_000;

/// Changes that are read at once; when there are more, the index is filled anew.
const MOST: i64 = 50_000;

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

impl App {
    /// A page of all tenants.
    pub async fn list_tenants(&self, op: OpContext, query: Query, detail: Detail) -> Result<TenantPage> {
        let (matches, mut listed) = self.look_at_list(&op, query, detail).await?;
        let mut rows = Vec::with_capacity(listed.len());
        for uid in &matches.uids {
            // One that went away between the two is on no page.
            if let Some(at) = listed.iter().position(|row| row.tenant.uid == *uid) {
                rows.push(seen(listed.swap_remove(at), &op));
            }
        }
        Ok(TenantPage { rows, next: matches.next, total: matches.total, estimated: matches.estimated })
    }

    async fn look_at_list(&self, op: &OpContext, query: Query, detail: Detail) -> Result<(Matches, Vec<Listed>)> {
        let input = (self.snapshot.clone(), query, detail);
        for _ in 0..3 {
            self.fill_index().await?;
            let looked =
                self.db.platform(op.clone(), "list-tenants", input.clone(), |tx, (snapshot, query, detail)| {
                    look(tx, snapshot.clone(), query.clone(), *detail).boxed()
                });
            if let Some(looked) = looked.await? {
                return Ok(looked);
            }
        }
        let text = "the list of tenants is being read anew; repeat the call";
        Err(Refusal::new(Reason::StoreUnavailable, text).into())
    }

    /// Brings the index of tenants up to date, so that whoever lists next has little to read.
    pub async fn follow_tenants(&self) -> Result<()> {
        self.fill_index().await?;
        let caught_up = self.index_read("index-changes", self.snapshot.clone(), |tx, snapshot| {
            async move { catch_up(tx, snapshot.clone(), |_| ()).await }.boxed()
        });
        caught_up.await.map(|_| ())
    }

    /// Fills the index of tenants, unless it is filled. Whoever comes meanwhile waits; and it is filled also if nobody
    /// waits any more.
    pub async fn fill_index(&self) -> Result<()> {
        if self.snapshot.reading().is_some() {
            return Ok(());
        }
        let app = self.clone();
        let filled = tokio::spawn(async move { app.fill_index_alone().await });
        filled.await.map_err(|e| Error::internal("index of tenants", e))?
    }

    async fn fill_index_alone(&self) -> Result<()> {
        let _filling = self.snapshot.filling.lock().await;
        if self.snapshot.reading().is_some() {
            return Ok(());
        }
        // From before the first batch: what changes while the batches are read is read again after that.
        let before =
            self.index_read("index-position", (), |tx, ()| tenant_list::changes(tx, None, MOST).boxed()).await?;
        let mut entries = Vec::new();
        let mut last: Option<Sketch> = None;
        loop {
            let batch = self
                .index_read("index-batch", last, |tx, last| tenant_list::batch(tx, last.as_ref(), BATCH).boxed())
                .await?;
            let Some(end) = batch.last().cloned() else { break };
            last = Some(end);
            entries.extend(apart(move || batch.iter().map(entry).collect::<Vec<_>>()).await?);
            if self.stopping.is_cancelled() {
                return Err(Refusal::new(Reason::ShuttingDown, "this replica is going down; ask another one").into());
            }
        }
        let index = apart(move || Index::of(entries)).await?;
        self.snapshot.fill(index, before.reading);
        Ok(())
    }

    async fn index_read<I: Send + Sync + 'static, T: Send + 'static>(
        &self,
        name: &'static str,
        input: I,
        read: impl crate::store::tx::Work<PlatformTx, I, T>,
    ) -> Result<T> {
        self.db.platform(OpContext::system(Purpose::Index, None), name, input, read).await
    }
}

async fn look(
    tx: &mut PlatformTx,
    snapshot: Arc<Snapshot>,
    query: Query,
    detail: Detail,
) -> Result<Option<(Matches, Vec<Listed>)>> {
    let Some(Some(matches)) = catch_up(tx, snapshot, move |snapshot| snapshot.query(&query)).await? else {
        return Ok(None);
    };
    let listed = tenant_list::page(tx, &matches.uids, detail).await?;
    Ok(Some((matches, listed)))
}

/// Brings the index up to date and then asks it something. None: it has to be filled first, since it was not, or too much
/// has changed, or a failover has taken the database back in time.
async fn catch_up<T: Send + 'static>(
    tx: &mut PlatformTx,
    snapshot: Arc<Snapshot>,
    ask: impl FnOnce(&Snapshot) -> T + Send + 'static,
) -> Result<Option<T>> {
    let Some(known) = snapshot.reading() else { return Ok(None) };
    let changes = tenant_list::changes(tx, Some(&known), MOST).await?;
    if !changes.complete {
        snapshot.forget(&known);
        return Ok(None);
    }
    // Sorting in and searching take no time worth a thread for a few tenants, but for a million they do.
    let asked = apart(move || {
        let Changes { reading, tenants, gone, .. } = changes;
        let are = tenants.iter().map(|sketch| Change::Is(Box::new(entry(sketch))));
        let changed = are.chain(gone.into_iter().map(Change::Gone)).collect();
        snapshot.advance(changed, reading);
        ask(&snapshot)
    });
    asked.await.map(Some)
}

/// Runs what may take long for a million tenants where it holds nobody up.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::internal("index of tenants", e))
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
