//! Backups go to the second store by themselves, as soon as they are there.

use futures::FutureExt as _;

use crate::app::App;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::domain::id::TenantUid;
use crate::domain::operation::{Kind, Params};
use crate::store::tx::Tx;
use crate::store::{copies, operations};

/// Tenants that one round looks after at most.
const MOST: i64 = 1000;

impl App {
    /// Notes which the second store is, and begins an operation for each tenant that has backups which are not in it, unless one is
    /// under way there. While the store does not answer, none is begun.
    pub async fn copy_backups(&self) -> Result<()> {
        let op = OpContext::system(Purpose::Content, None);
        let store = self.vault.second_store().await?;
        let found = self.db.platform(op, "backups-to-copy", store, |tx, store| {
            async move {
                copies::note_store(tx, *store).await?;
                copies::tenants_to_copy(tx, MOST).await
            }
            .boxed()
        });
        for tenant in found.await? {
            self.begin_copying(tenant).await?;
        }
        Ok(())
    }

    async fn begin_copying(&self, tenant: TenantUid) -> Result<()> {
        let op = OpContext::system(Purpose::Content, Some(tenant));
        self.db.change(op, "begin-copying", (), |tx, ()| copy_soon(tx).boxed()).await?;
        self.notify();
        Ok(())
    }
}

/// Begins to copy the backups of the transaction's tenant, if there is a second store; what waits for the store looks again.
pub(crate) async fn copy_soon(tx: &mut Tx) -> Result<()> {
    if copies::store(tx).await?.is_none() || operations::wake(tx, Kind::CopyBackups).await? {
        return Ok(());
    }
    let landlord = OpContext::system(Purpose::Content, None).actor();
    operations::enqueue(tx, &Params::CopyBackups {}, &landlord).await.map(|_| ())
}
