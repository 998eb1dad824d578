//! The assets, as the participant that is built in beside the directory.

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::stream::BoxStream;

use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::operation::{InitialAdmin, Units};
use crate::ports::{Answer, Participant, Record, StepCall, Usage};
use crate::store::tx::Db;
use crate::store::{asset_removal, claims, tenant_keys};
use crate::vault::Vault;

/// Rows that one batch of a purge removes.
const BATCH: i64 = 1000;

/// The assets.
#[derive(Clone)]
pub struct Assets {
    db: Db,
    vault: Vault,
}

impl Assets {
    /// In that database and that object store.
    pub fn new(db: Db, vault: Vault) -> Self {
        Self { db, vault }
    }

    fn work(&self, call: &StepCall) -> OpContext {
        OpContext::system(Purpose::Worker, Some(call.tenant.uid))
    }
}

#[async_trait]
impl Participant for Assets {
    fn name(&self) -> &'static str {
        "assets"
    }

    async fn provision(&self, _: &StepCall, _: Option<&InitialAdmin>) -> Result<Answer> {
        // A tenant gets its key with its first asset.
        Ok(Answer::Done)
    }

    async fn freeze(&self, _: &StepCall) -> Result<Answer> {
        // The lifecycle itself keeps everybody out of a tenant that is being deleted.
        Ok(Answer::Done)
    }

    async fn thaw(&self, _: &StepCall) -> Result<Answer> {
        Ok(Answer::Done)
    }

    /// First the key goes, and nothing of the content can be read any more; then the rows, batch by batch; then the objects.
    async fn purge(&self, call: &StepCall) -> Result<Answer> {
        let (tenant, op) = (call.tenant.uid, self.work(call));
        let noted = self.db.change(op.clone(), "destroy-keys", call.claim, |tx, claim| {
            async move {
                claims::fence(tx, claim).await?;
                tenant_keys::note_destruction(tx).await
            }
            .boxed()
        });
        let known = noted.await?;
        self.vault.destroy_keys(tenant, &known).await?;
        let total = match call.so_far.total {
            0 => self.db.read(op.clone(), "assets-to-remove", (), |tx, ()| asset_removal::rows(tx).boxed()).await?,
            known => known,
        };
        let gone = self.db.change(op, "purge-assets", call.claim, |tx, claim| {
            async move {
                claims::fence(tx, claim).await?;
                asset_removal::remove_batch(tx, BATCH).await
            }
            .boxed()
        });
        let gone = gone.await?;
        if gone > 0 {
            return Ok(Answer::More(Units { done: gone, total }));
        }
        self.vault.remove_all(tenant).await?;
        Ok(Answer::Done)
    }

    async fn export(&self, _: &StepCall) -> Result<BoxStream<'static, Result<Record>>> {
        Err(Error::internal("assets", "they are exported with backups"))
    }

    async fn import(&self, _: &StepCall, _: BoxStream<'static, Result<Record>>) -> Result<u64> {
        Err(Error::internal("assets", "they are imported with backups"))
    }

    async fn usage(&self, call: &StepCall) -> Result<Usage> {
        let usage = self.db.read(self.work(call), "assets-usage", (), |tx, ()| asset_removal::usage(tx).boxed());
        let (objects, bytes) = usage.await?;
        Ok(Usage { objects, bytes })
    }
}
