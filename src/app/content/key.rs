//! The key that a tenant's content is sealed with.

use std::sync::Arc;

use futures::FutureExt as _;

use crate::app::App;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::id::{KeyId, TenantUid};
use crate::store::tenant_keys;
use crate::vault::TenantKey;

impl App {
    /// The key that a tenant seals with now. The first who asks makes it.
    pub(crate) async fn sealing_key(&self, tenant: TenantUid) -> Result<Arc<TenantKey>> {
        let op = OpContext::system(Purpose::Content, Some(tenant));
        let known = self.db.read(op.clone(), "sealing-key", (), |tx, ()| tenant_keys::current(tx).boxed());
        let id = match known.await? {
            Some(id) => id,
            None => {
                // One that another replica makes at the same time is the one that counts; ours then seals nothing.
                let made = self.vault.make_key(tenant).await?;
                self.adopt_key(op, made).await?
            }
        };
        self.vault.key(tenant, id).await
    }

    async fn adopt_key(&self, op: OpContext, made: KeyId) -> Result<KeyId> {
        let adopted = self.db.change(op, "adopt-key", made, |tx, made| tenant_keys::adopt(tx, *made).boxed());
        adopted.await?.ok_or_else(|| Error::internal("tenant key", "it is gone as soon as it was made"))
    }
}
