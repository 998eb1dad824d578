//! Recordings that are not sent to one tenant: they go to the one that has the extension of the call, and wait with the infrastructure
//! tenant if there is none. AssignRecordings looks again for whose they are. What was assigned once stays where it is.

use futures::FutureExt as _;
use uuid::Uuid;

use super::check_kind;
use crate::app::App;
use crate::app::content::key;
use crate::app::tenants::{begin, target};
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::asset::{AssetKind, NewAsset};
use crate::domain::error::{Error, Result};
use crate::domain::extension::Extension;
use crate::domain::id::{AssetId, TenantUid};
use crate::domain::operation::{Operation, Params};
use crate::domain::upload::UploadKey;
use crate::store::claims::{self, Claim};
use crate::store::recordings;

/// Recordings that are looked at at once.
const MOST: i64 = 100;

impl App {
    /// The call on the tenant that a recording belongs to, or on the infrastructure tenant.
    pub(super) async fn placed(&self, op: OpContext, new: &NewAsset) -> Result<OpContext> {
        let Some(call) = new.call.as_ref().filter(|_| new.kind == AssetKind::Recording) else {
            let text = "must name a tenant: only a recording finds the one that it belongs to";
            return Err(Error::field("header.parent", text));
        };
        let permitted =
            self.db.read(op.clone(), "recording-permitted", new.kind, |tx, kind| check_kind(tx, *kind).boxed());
        permitted.await?;
        let found = match self.place_of_upload(&op, key(&op)?).await? {
            Some(begun) => Some(begun),
            None => self.tenant_with(call.extension).await?,
        };
        Ok(op.on(found.unwrap_or(TenantUid::INFRASTRUCTURE)))
    }

    /// Where an upload goes that was begun without saying so.
    pub(super) async fn place_of_upload(&self, op: &OpContext, key: UploadKey) -> Result<Option<TenantUid>> {
        if !op.finds_tenant() {
            return Ok(None);
        }
        let across = OpContext::system(Purpose::Content, None);
        let found =
            self.db.platform(across, "place-of-upload", key, |tx, key| recordings::tenant_of_upload(tx, *key).boxed());
        found.await
    }

    /// The tenant in use that has the number.
    pub(crate) async fn tenant_with(&self, number: Extension) -> Result<Option<TenantUid>> {
        let across = OpContext::system(Purpose::Content, None);
        let found =
            self.db.platform(across, "tenant-with", number, |tx, number| recordings::tenant_with(tx, *number).boxed());
        found.await
    }

    /// Begins to look for whose the recordings are that nobody's are yet.
    pub async fn assign_recordings(&self, op: OpContext) -> Result<Operation> {
        let begun = self.db.change(op, "assign-recordings", (), |tx, ()| {
            async move {
                target(tx).await?;
                check_kind(tx, AssetKind::Recording).await?;
                begin(tx, &Params::AssignRecordings { set: Uuid::now_v7() }).await
            }
            .boxed()
        });
        let begun = begun.await?;
        self.notify();
        Ok(begun)
    }

    /// Some of the recordings of an operation's tenant of which nobody knows whose they are, from behind `after` on.
    pub(crate) async fn unassigned_recordings(
        &self,
        claim: Claim,
        after: Option<AssetId>,
    ) -> Result<Vec<(AssetId, Extension)>> {
        let op = OpContext::system(Purpose::Worker, Some(claim.tenant));
        let found = self.db.read(op, "unassigned", after, |tx, after| recordings::unassigned(tx, *after, MOST).boxed());
        found.await
    }

    /// Gives some of them to the users who have their extensions; says how many.
    pub(crate) async fn assign_to_users(&self, claim: Claim) -> Result<usize> {
        let op = OpContext::system(Purpose::Worker, Some(claim.tenant));
        let assigned = self.db.change(op, "assign-to-users", claim, |tx, claim| {
            async move {
                claims::fence(tx, claim).await?;
                recordings::assign(tx, MOST).await
            }
            .boxed()
        });
        assigned.await
    }
}
