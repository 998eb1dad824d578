//! RestoreBackup to a new tenant: the tenant is provisioned, and begins with the data of the backup. Its content is sealed with the key of
//! the new tenant first; then all rows come at once, before the tenant is in use.

use std::collections::HashSet;
use std::sync::Arc;

use futures::{FutureExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::kept::KeptBlob;
use super::open::OpenBackup;
use super::restore::{Wanted, wanted};
use crate::app::App;
use crate::app::content::{Intake, SMALL, Small, beside};
use crate::app::directory::usable_superuser;
use crate::app::tenants::{CreateTenant, Created, create};
use crate::authz::decision::{self, Target};
use crate::authz::permit::Purpose;
use crate::authz::policy;
use crate::context::OpContext;
use crate::domain::asset::AssetKind;
use crate::domain::backup::{Backup, Component, name};
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::{TenantUid, UploadId, UserId};
use crate::domain::restore::{Change, FromBackup, NewRestore, Preview};
use crate::domain::upload::Announced;
use crate::store::claims::{self, Claim};
use crate::store::connection::Beside;
use crate::store::restoration::{self, Destination, LaidOut};
use crate::store::tx::{Prepared, Tx};
use crate::store::{backups, blobs, impersonation, restores, tenants};

/// A new tenant that gets the data of a backup.
#[derive(Debug, Serialize, Deserialize)]
pub struct NewlyRestored {
    /// The tenant, and its provisioning.
    pub created: Created,
    /// What would be, or is to be.
    pub preview: Preview,
}

impl App {
    /// Makes a tenant that begins with the data of a backup: for whoever may have these, and may make tenants.
    pub async fn restore_to_new(&self, op: OpContext, new: NewRestore, make: CreateTenant) -> Result<NewlyRestored> {
        let make_tenants = &policy::TENANT_SERVICE_CREATE_TENANT;
        let facts = op.call().and_then(|call| call.facts.clone());
        let facts = facts.ok_or_else(|| decision::missing(make_tenants, false))?;
        let may = decision::decide(make_tenants, &facts, Target::Nothing, "")?;
        let source = op.target()?;
        let found = self
            .db
            .prepare(op.clone(), "restore-wanted", new.clone(), |tx, new| wanted(tx, new, Destination::New).boxed());
        let Wanted { backup, components, left_out } = match found.await? {
            Prepared::Goes(wanted) => wanted,
            Prepared::Answered(begun) => return Ok(begun),
        };
        if !components.contains(&Component::Users) {
            return Err(Error::field("components", "must have users: a tenant of its own is of somebody"));
        }
        let open = self.open_backup(&backup).await?;
        if open.manifest.tenant.is_infrastructure() {
            let text = "the infrastructure tenant is one of a kind: no other one begins with its data";
            return Err(Refusal::new(Reason::ResourceProtected, text).into());
        }
        let revive_deleted_users = new.choices.revive_deleted_users;
        let from = FromBackup { tenant: source, backup: new.backup, components, revive_deleted_users, by: op.actor() };
        let tenant = TenantUid::new();
        let there = op.clone().by(may).on(tenant);
        let make = CreateTenant { from: Some(from.clone()), ..make };
        let preview = Preview { components: from.components.clone(), left_out, changes: Vec::new() };
        let input = (make, backup.name(), (source, op.actor()), preview);
        let begun = self.db.change(there, "restore-to-new", input, |tx, (make, backup, (source, by), preview)| {
            async move {
                let created = create(tx, make).await?;
                tx.tell("backup", backup.clone());
                tx.tell_elsewhere(*source, "restored_to", created.tenant.name());
                if let Some(account) = by.acted_for.as_ref() {
                    tx.tell("acted_for", format!("tenants/{source}/users/{}", account.user));
                    tx.tell("impersonation_reason", account.reason.as_str());
                    tx.tell_elsewhere(*source, "acted_for", account.user.to_string());
                    tx.tell_elsewhere(*source, "impersonation_reason", account.reason.as_str().to_owned());
                }
                Ok(NewlyRestored { created, preview: preview.clone() })
            }
            .boxed()
        });
        let mut begun = begun.await?;
        self.notify();
        if op.validate_only() {
            begun.preview.changes = self.preview_new(&open, &from, tenant).await?;
        }
        Ok(begun)
    }

    async fn preview_new(&self, open: &OpenBackup, from: &FromBackup, tenant: TenantUid) -> Result<Vec<Change>> {
        let (own, laid) =
            open.lay_out(&self.db, &from.components, from.revive_deleted_users, Destination::New, Beside::Call).await?;
        let deleted = self.deleted_users(open, from).await?;
        let op = OpContext::system(Purpose::Content, Some(tenant));
        let preview = self.db.read_on(own, op, "preview-restore", (laid, deleted), |tx, (laid, deleted)| {
            async move {
                restoration::adopt_users(tx, laid, deleted).await?;
                restoration::preview(tx, laid).await
            }
            .boxed()
        });
        preview.await
    }

    /// Makes the data of the operation's tenant, which nobody uses yet, those of a backup.
    pub(crate) async fn fill_from_backup(&self, claim: Claim, from: &FromBackup) -> Result<()> {
        let there = OpContext::system(Purpose::Worker, Some(from.tenant));
        let found = self.db.read(there.clone(), "backup-to-restore", from.clone(), |tx, from| {
            async move {
                impersonation::check_still_permitted(tx, &from.by, false).await?;
                backups::one(tx, from.backup).await
            }
            .boxed()
        });
        let gone = || Error::not_found(name(&from.tenant.to_string(), from.backup));
        let backup: Backup = found.await?.ok_or_else(gone)?;
        let open = Arc::new(self.open_backup(&backup).await?);
        self.bring_content(claim, &open, &from.components).await?;
        fail::fail_point!("restore-new.content");
        let still = self.db.read(there, "restore-permitted", from.by.clone(), |tx, by| {
            impersonation::check_still_permitted(tx, by, false).boxed()
        });
        still.await?;
        let (own, laid) =
            open.lay_out(&self.db, &from.components, from.revive_deleted_users, Destination::New, Beside::Work).await?;
        let deleted = self.deleted_users(&open, from).await?;
        let op = OpContext::system(Purpose::Worker, Some(claim.tenant));
        let filled = self.db.change_on(own, op, "fill", (laid, deleted), move |tx, (laid, deleted)| {
            async move {
                fill(tx, laid, deleted).await?;
                // Last, not first: what takes this long must not keep the lease from being renewed.
                claims::fence_unless_cancelling(tx, &claim).await?;
                fail::fail_point!("restore-new.filled");
                Ok(())
            }
            .boxed()
        });
        filled.await.map_err(|error| open.judge(error))
    }

    /// Users of the tenant that a backup is of who were deleted there and do not come, as far as that tenant is or was here.
    async fn deleted_users(&self, open: &OpenBackup, from: &FromBackup) -> Result<Vec<UserId>> {
        if from.revive_deleted_users {
            return Ok(Vec::new());
        }
        let there = OpContext::system(Purpose::Content, Some(open.manifest.tenant));
        self.db.read(there, "deleted-users", (), |tx, ()| restores::deleted_users(tx).boxed()).await
    }

    /// Copies the content that assets of these components have, unless it is there.
    async fn bring_content(&self, claim: Claim, open: &Arc<OpenBackup>, components: &[Component]) -> Result<()> {
        let here = OpContext::system(Purpose::Worker, Some(claim.tenant));
        let known = self.db.read(here, "known-content", (), |tx, ()| blobs::known(tx).boxed()).await?;
        let used = used(open, components).await?;
        let wanted = |kept: &KeptBlob| used.contains(&kept.blob.id.0) && !known.contains(&kept.sha256);
        let blobs = open.blobs().await?;
        let mut intake = Intake::new(self, claim, claim.id.0, None);
        let read = |kept: KeptBlob| {
            let open = open.clone();
            async move {
                let plain = open.content(&kept).await?;
                Ok(Small { id: UploadId(kept.blob.id.0), sha256: kept.sha256, plain })
            }
        };
        let small = blobs.iter().filter(|kept| wanted(kept) && kept.blob.bytes <= SMALL);
        let mut read = std::pin::pin!(beside(futures::stream::iter(small), |kept| kept.blob.bytes, read));
        while let Some(small) = read.try_next().await? {
            intake.take(small).await?;
            fail::fail_point!("restore-new.brought");
        }
        intake.end().await?;
        for kept in blobs.iter().filter(|kept| wanted(kept) && kept.blob.bytes > SMALL) {
            let announced = Announced { bytes: kept.blob.bytes, sha256: Some(kept.sha256) };
            let id = UploadId(kept.blob.id.0);
            intake.receive(id, announced, open.give(self, kept).await?).await?;
            fail::fail_point!("restore-new.brought");
        }
        Ok(())
    }
}

/// The blobs of assets of these components.
async fn used(open: &OpenBackup, components: &[Component]) -> Result<HashSet<Uuid>> {
    let kinds: HashSet<_> = components.iter().filter_map(|component| component.assets()).map(AssetKind::name).collect();
    let mut used = HashSet::new();
    open.for_each("assets", |row| {
        if kinds.contains(row.text("kind")?) {
            used.insert(row.uuid("blob_id")?);
        }
        Ok(())
    })
    .await?;
    Ok(used)
}

/// Makes the tenant's rows those that are laid out. Operators can act for its superuser as for that of any new tenant.
async fn fill(tx: &mut Tx, laid: &LaidOut, deleted: &[UserId]) -> Result<()> {
    tenants::load_for_change(tx).await?;
    restoration::adopt_users(tx, laid, deleted).await?;
    restoration::adopt_content(tx, laid).await?;
    restoration::replace(tx, laid).await?;
    usable_superuser(tx).await.map(|_| ())
}
