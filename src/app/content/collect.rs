//! Finds the tenants that have content which nothing has any more, and has it removed.

use futures::FutureExt as _;

use crate::app::App;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::domain::id::TenantUid;
use crate::domain::operation::{Kind, Params};
use crate::store::{blobs, operations};

/// Tenants that one round looks after at most.
const MOST: i64 = 1000;

impl App {
    /// Begins an operation for each tenant that has something to remove, unless one is under way there.
    pub async fn collect_content(&self) -> Result<()> {
        let op = OpContext::system(Purpose::Content, None);
        let found = self.db.platform(op, "tenants-to-collect", self.content.keep_unused, |tx, grace| {
            blobs::tenants_to_collect(tx, *grace, MOST).boxed()
        });
        for tenant in found.await? {
            self.begin_collection(tenant).await?;
        }
        Ok(())
    }

    async fn begin_collection(&self, tenant: TenantUid) -> Result<()> {
        let op = OpContext::system(Purpose::Content, Some(tenant));
        let begun = self.db.change(op, "begin-collection", (), |tx, ()| {
            async move {
                if operations::wake(tx, Kind::CollectContent).await? {
                    return Ok(());
                }
                let actor = tx.op().actor();
                operations::enqueue(tx, &Params::CollectContent {}, &actor).await.map(|_| ())
            }
            .boxed()
        });
        begun.await?;
        self.notify();
        Ok(())
    }
}
