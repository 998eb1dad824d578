//! UploadAsset, and how far an upload is.

use futures::FutureExt as _;
use futures::stream::BoxStream;

use super::check_kind;
use crate::app::App;
use crate::app::content::{Chunk, Received, uploader};
use crate::app::tenants::target;
use crate::context::OpContext;
use crate::domain::asset::{Asset, NewAsset};
use crate::domain::error::{Error, Result};
use crate::domain::id::{AssetId, UploadId};
use crate::domain::upload::{Announced, Progress, UploadKey};
use crate::store::tx::{Prepared, Tx};
use crate::store::{assets, blobs, limits, tenants, uploads};

impl App {
    /// Takes an asset of the tenant in. What it announces is reserved before a byte of it is stored.
    pub async fn upload_asset(
        &self,
        op: OpContext,
        new: NewAsset,
        announced: Announced,
        chunks: BoxStream<'static, Result<Chunk>>,
    ) -> Result<Option<Asset>> {
        let op = if op.finds_tenant() { self.placed(op, &new).await? } else { op };
        if op.validate_only() {
            let input = (new, announced);
            let tried =
                self.db.change(op, "try-upload", input, |tx, (new, announced)| check(tx, new, announced).boxed());
            return tried.await.map(|()| None);
        }
        let input = (new.clone(), announced.clone());
        let taken = self.take_upload(
            op.clone(),
            input,
            |tx, (new, announced)| check(tx, new, announced).boxed(),
            announced,
            chunks,
        );
        let received = match taken.await? {
            Prepared::Goes(received) => received,
            Prepared::Answered(asset) => return Ok(asset),
        };
        let input = (new, received);
        self.db
            .change(op, "upload-asset", input, |tx, (new, received)| finish(tx, new, received).boxed())
            .await
            .map(Some)
    }

    /// How far an upload of the caller is.
    pub async fn get_upload(&self, op: OpContext, id: UploadId) -> Result<Progress> {
        let (absent, key) = (op.not_found(), UploadKey { uploader: uploader(&op)?, id });
        let op = match self.place_of_upload(&op, key).await? {
            Some(tenant) => op.on(tenant),
            None => op,
        };
        let found = self.db.read(op, "get-upload", key, |tx, key| {
            async move {
                let Some(tenant) = tenants::load(tx).await? else { return Ok(None) };
                uploads::progress(tx, *key, tenant.code).await
            }
            .boxed()
        });
        found.await?.ok_or(absent)
    }
}

/// Refuses what can't be taken in, before a byte of it has come.
async fn check(tx: &mut Tx, new: &NewAsset, announced: &Announced) -> Result<()> {
    target(tx).await?;
    check_kind(tx, new.kind).await?;
    let limits = limits::load(tx).await?.ok_or_else(|| tx.op().not_found())?;
    limits.check_room(announced.bytes)
}

async fn finish(tx: &mut Tx, new: &NewAsset, received: &Received) -> Result<Asset> {
    let tenant = target(tx).await?;
    check_kind(tx, new.kind).await?;
    let id = AssetId::new();
    tx.about(format!("{}/assets/{id}", tenant.name()));
    tx.tell("display_name", new.display_name.as_str());
    tx.tell("kind", new.kind.name());
    tx.tell("size", received.bytes.to_string());
    let Received { upload, last, content, sha256, bytes } = received;
    uploads::finish(tx, upload, last.as_ref(), &format!("{}/assets/{id}", tenant.name())).await?;
    let blob = blobs::publish(tx, upload.blob, content, sha256, *bytes).await?;
    let creator = tx.op().actor().name_in(tenant.uid, &tenant.code);
    assets::insert(tx, id, new, (blob, *bytes), &creator).await?;
    assets::one(tx, id).await?.ok_or_else(|| Error::internal("asset", "it went away in its own transaction"))
}
