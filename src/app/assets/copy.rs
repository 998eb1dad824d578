//! CopyAssets, and how one asset is copied.

use futures::FutureExt as _;
use uuid::Uuid;

use super::check_kind;
use crate::app::App;
use crate::app::content::receive;
use crate::app::tenants::{begin, target};
use crate::authz::permit::{Ground, Purpose};
use crate::context::OpContext;
use crate::domain::asset::{Asset, AssetKind, NewAsset, not_privileged};
use crate::domain::blob::Blob;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::{AssetId, TenantUid, UploadId};
use crate::domain::impersonation::not_permitted;
use crate::domain::lifecycle::Standing;
use crate::domain::name::AssetName;
use crate::domain::named::Named;
use crate::domain::operation::{Actor, Operation, Params};
use crate::domain::tenant::Tenant;
use crate::domain::upload::{Announced, UploadKey};
use crate::store::claims::{self, Claim};
use crate::store::tx::{Prepared, Tx};
use crate::store::{assets, blobs, limits, memberships, privileges, tenants, uploads};

/// What is to be copied.
#[derive(Clone, Debug)]
pub struct CopyAssets {
    /// Which assets of the tenant.
    pub assets: Vec<Named<AssetId>>,
    /// To which tenant; none: it stays within its own.
    pub destination: Option<Named<()>>,
}

impl App {
    /// Begins to copy assets, within the tenant or to another one.
    pub async fn copy_assets(&self, op: OpContext, copy: CopyAssets) -> Result<Operation> {
        let source = op.target()?;
        let destination = match &copy.destination {
            None => source,
            Some(named) => self.resolve_tenant(&named.tenant).await?.ok_or_else(|| named.not_found())?.0,
        };
        let input = (copy.assets, destination);
        let wanted = self.db.prepare(op.clone(), "assets-to-copy", input.clone(), |tx, (named, _)| {
            async move {
                let found = wanted(tx, named).await?;
                let bytes = found.iter().map(|asset| asset.bytes).sum();
                Ok((found.into_iter().map(|asset| asset.kind).collect::<Vec<_>>(), bytes))
            }
            .boxed()
        });
        let (kinds, bytes) = match wanted.await? {
            Prepared::Goes(wanted) => wanted,
            Prepared::Answered(begun) => return Ok(begun),
        };
        if destination != source {
            let named = copy.destination.map(|named| named.name).unwrap_or_default();
            self.check_destination(&op, destination, &named, kinds, bytes).await?;
        }
        let begun = self
            .db
            .change(op, "copy-assets", input, |tx, (named, destination)| begin_copy(tx, named, *destination).boxed());
        let begun = begun.await?;
        self.notify();
        Ok(begun)
    }

    /// Refuses a tenant that the caller may put no such assets into. One in which the caller does not work is told as one that is
    /// not there.
    async fn check_destination(
        &self,
        op: &OpContext,
        destination: TenantUid,
        named: &str,
        kinds: Vec<AssetKind>,
        bytes: i64,
    ) -> Result<()> {
        let user = match op.permit().ground() {
            Ground::Caller { caller, .. } => Some(caller.user),
            Ground::Service { service, policy } if service.allows(policy, destination) => None,
            Ground::Acting { .. } => {
                let text = "who acts for an account copies within its tenant alone".to_owned();
                return Err(not_permitted(text).into());
            }
            Ground::Service { .. } | Ground::System(_) | Ground::Public => return Err(Error::not_found(named)),
        };
        let there = OpContext::system(Purpose::Content, Some(destination));
        let check = self.db.read(there, "copy-destination", (user, kinds, bytes, named.to_owned()), |tx, input| {
            async move {
                let (user, kinds, bytes, named) = input;
                if let Some(user) = *user {
                    if memberships::working(tx, &[user]).await?.is_empty() {
                        return Err(Error::not_found(named.as_str()));
                    }
                    let held = privileges::of_user(tx, user.user).await?;
                    if let Some(kind) = kinds.iter().find(|kind| !held.contains(&kind.privilege())) {
                        return Err(not_privileged(*kind));
                    }
                }
                let tenant = tenants::load(tx).await?.ok_or_else(|| Error::not_found(named.as_str()))?;
                takes_assets(&tenant, false)?;
                let limits = limits::load(tx).await?.ok_or_else(|| Error::not_found(named.as_str()))?;
                limits.check_room(*bytes)
            }
            .boxed()
        });
        check.await
    }
}

/// Refuses a tenant that is not in use; one that was locked since copying began gets the rest.
fn takes_assets(tenant: &Tenant, begun: bool) -> Result<()> {
    match tenant.standing() {
        Standing::Active(_) if !tenant.uid.is_infrastructure() => Ok(()),
        Standing::Locked(_) if begun => Ok(()),
        _ => {
            let text =
                format!("{} is {}; assets are copied to tenants that are in use", tenant.name(), tenant.state_text());
            Err(Refusal::new(Reason::TenantStateInvalid, text).with("state", tenant.state_text()).into())
        }
    }
}

/// The assets that are named, all of which the caller may have to do with.
pub(super) async fn wanted(tx: &mut Tx, named: &[Named<AssetId>]) -> Result<Vec<Asset>> {
    let tenant = tenants::load(tx).await?.ok_or_else(|| tx.op().not_found())?;
    let ids = named.iter().map(|asset| asset.within(&tenant)).collect::<Result<Vec<_>>>()?;
    let found = assets::some(tx, &ids).await?;
    if let Some(missing) = named.iter().find(|asset| found.iter().all(|found| found.id != asset.id)) {
        return Err(missing.not_found());
    }
    for asset in &found {
        check_kind(tx, asset.kind).await?;
    }
    Ok(found)
}

async fn begin_copy(tx: &mut Tx, named: &[Named<AssetId>], destination: TenantUid) -> Result<Operation> {
    target(tx).await?;
    let mut found: Vec<_> = wanted(tx, named).await?.into_iter().map(|asset| asset.id).collect();
    found.sort_unstable();
    found.dedup();
    tx.tell("assets", crate::domain::named::told(named));
    if destination != tx.tenant() {
        tx.tell("destination", destination.to_string());
    }
    begin(tx, &Params::CopyAssets { assets: found, destination, set: Uuid::now_v7() }).await
}

/// Copies assets of a tenant, as the work of an operation.
pub(crate) struct Copying {
    /// The service.
    pub app: App,
    /// Leave to go on with the operation.
    pub claim: Claim,
    /// The tenant that gets the copies.
    pub destination: TenantUid,
    /// What their ids follow from.
    pub set: Uuid,
    /// Who asked for it.
    pub actor: Actor,
    /// Whether the asset itself goes, once its copy is there.
    pub moves: bool,
}

impl Copying {
    /// The id of the copy of an asset.
    pub fn id(set: Uuid, asset: AssetId) -> AssetId {
        AssetId(Uuid::new_v5(&set, asset.0.as_bytes()))
    }

    /// Copies an asset, unless it was copied or is gone; gives the bytes of its content.
    pub async fn copy(&self, asset: AssetId) -> Result<i64> {
        let (here, copy) = (self.op(self.claim.tenant), Self::id(self.set, asset));
        let found = self.app.db.read(here.clone(), "asset-to-copy", asset, |tx, id| {
            async move {
                let Some(asset) = assets::one(tx, *id).await? else { return Ok(None) };
                let blob = assets::blob(tx, *id).await?;
                Ok(Some((asset, blobs::load(tx, blob).await?)))
            }
            .boxed()
        });
        let Some((asset, blob)) = found.await? else { return Ok(0) };
        let bytes = asset.bytes;
        if self.destination == self.claim.tenant {
            let input = (self.claim, asset.id, copy, self.actor.clone());
            let copied = self.app.db.change(here, "copy-asset", input, |tx, (claim, asset, copy, actor)| {
                async move {
                    claims::fence(tx, claim).await?;
                    let tenant = receiving(tx).await?;
                    assets::duplicate(tx, *asset, *copy, &actor.name_in(tenant.uid, &tenant.code)).await
                }
                .boxed()
            });
            return copied.await.map(|()| bytes);
        }
        self.copy_across(here, asset, blob, copy).await?;
        Ok(bytes)
    }

    /// Content comes into the other tenant as by an upload: by parts, with its room reserved, sealed with the key of that tenant.
    async fn copy_across(&self, here: OpContext, asset: Asset, blob: Blob, copy: AssetId) -> Result<()> {
        let there = self.op(self.destination);
        let sealed_with = self.app.sealing_key(self.destination).await?.id;
        let key = UploadKey { uploader: self.set, id: UploadId(asset.id.0) };
        let announced = Announced { bytes: asset.bytes, sha256: Some(asset.sha256) };
        let content = (sealed_with, self.app.content.keep_uploads);
        let input = ((self.claim, self.destination), (key, copy), announced.clone(), content);
        let begun =
            self.app.db.change(here.clone(), "begin-copy", input, |tx, (where_to, copy, announced, content)| {
                async move {
                    let ((claim, destination), (key, copy), (sealed_with, keep)) = (where_to, copy, content);
                    claims::fence(tx, claim).await?;
                    tx.switch(*destination).await?;
                    if assets::one(tx, *copy).await?.is_some() {
                        return Ok(None);
                    }
                    receiving(tx).await?;
                    uploads::begin(tx, *key, &[], announced, *sealed_with, *keep).await.map(Some)
                }
                .boxed()
            });
        let Some(upload) = begun.await? else { return Ok(()) };
        let chunks = self.app.give(here.clone(), blob, upload.received()).await?;
        let received = receive(&self.app, there, upload, announced, chunks).await?;
        fail::fail_point!("copy.received");
        let new = NewAsset {
            kind: asset.kind,
            display_name: AssetName::stored(asset.display_name),
            metadata: asset.metadata,
            call: asset.call,
        };
        let moved = self.moves.then_some((asset.id, asset.creator));
        let input = ((self.claim, self.destination), (new, received, copy), self.actor.clone(), moved);
        let copied = self.app.db.change(here, "copy-asset", input, |tx, (where_to, copied, actor, moved)| {
            async move {
                let (claim, destination) = where_to;
                claims::fence(tx, claim).await?;
                let (new, received, copy) = copied;
                // Whoever else moves it, or removes it, is faster or waits.
                let gone = match moved {
                    Some((asset, _)) => {
                        tenants::load_for_change(tx).await?;
                        !assets::delete(tx, *asset).await?
                    }
                    None => false,
                };
                tx.switch(*destination).await?;
                if gone {
                    return uploads::give_up(tx, &received.upload).await;
                }
                let tenant = receiving(tx).await?;
                uploads::dissolve(tx, &received.upload, received.last.as_ref()).await?;
                let content = (&received.content, &received.sha256, received.bytes);
                let blob = blobs::publish(tx, received.upload.blob, content.0, content.1, content.2).await?;
                let creator = match moved {
                    Some((_, creator)) => creator.clone(),
                    None => actor.name_in(tenant.uid, &tenant.code),
                };
                assets::insert(tx, *copy, new, (blob, received.bytes), &creator).await
            }
            .boxed()
        });
        copied.await
    }

    fn op(&self, tenant: TenantUid) -> OpContext {
        OpContext::system(Purpose::Worker, Some(tenant))
    }
}

/// The transaction's tenant, held for the copy that it gets.
async fn receiving(tx: &mut Tx) -> Result<Tenant> {
    let tenant = tenants::load_for_change(tx).await?;
    let tenant = tenant.ok_or_else(|| Error::not_found("the tenant that was to get the copy"))?;
    takes_assets(&tenant, true)?;
    Ok(tenant)
}
