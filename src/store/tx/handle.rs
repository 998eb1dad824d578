//! What work inside a transaction has in its hands.

use std::collections::BTreeMap;
use std::ops::DerefMut as _;
use std::sync::Arc;

use diesel_async::pooled_connection::deadpool::Object;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};

use super::own::Conn;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::id::TenantUid;
use crate::store::enter::{AS_PLATFORM, set_tenant};
use crate::store::error::failed;

/// A transaction for one tenant.
pub struct Tx {
    pub(super) conn: Conn,
    pub(super) op: Arc<OpContext>,
    pub(super) tenant: TenantUid,
    /// The tenant that was held for the change as it began.
    pub(super) held: Option<TenantUid>,
    pub(super) story: Story,
}

/// What audit trail and status log shall say of a change, besides who made it and when.
#[derive(Debug, Default)]
pub(in crate::store) struct Story {
    /// What was changed, by its resource name; empty: what the call names.
    pub resource: String,
    /// Further facts.
    pub details: BTreeMap<&'static str, String>,
    /// Other tenants that it concerns, each with what it is told.
    pub elsewhere: BTreeMap<TenantUid, BTreeMap<&'static str, String>>,
}

/// A transaction across tenants, on the tables that allow it.
pub struct PlatformTx {
    pub(super) conn: Object<AsyncPgConnection>,
}

impl Tx {
    /// The tenant that the transaction works for.
    pub fn tenant(&self) -> TenantUid {
        self.tenant
    }

    /// Why the transaction runs.
    pub fn op(&self) -> &Arc<OpContext> {
        &self.op
    }

    /// Whether the tenant that the transaction works for has been held since it began.
    pub(in crate::store) fn holds_tenant(&self) -> bool {
        self.held == Some(self.tenant)
    }

    pub(in crate::store) fn conn(&mut self) -> &mut AsyncPgConnection {
        self.conn.deref_mut()
    }

    /// Says what is changed, for audit trail and status log.
    pub fn about(&mut self, resource: String) {
        self.story.resource = resource;
    }

    /// Adds a fact for audit trail and status log.
    pub fn tell(&mut self, key: &'static str, value: impl Into<String>) {
        self.story.details.insert(key, value.into());
    }

    /// Says that the change concerns another tenant, too, whose logs are told what is said here and nothing else.
    pub fn tell_elsewhere(&mut self, tenant: TenantUid, key: &'static str, value: String) {
        self.story.elsewhere.entry(tenant).or_default().insert(key, value);
    }

    /// Adds what has changed, by field: `old to new`.
    pub fn tell_changes<const N: usize>(&mut self, old: [(&'static str, String); N], new: [(&'static str, String); N]) {
        for ((field, before), (_, after)) in old.into_iter().zip(new) {
            if before != after {
                self.tell(field, format!("{before} to {after}"));
            }
        }
    }

    /// The connection as the platform's role, for a look at all tenants in the middle of a change of one.
    pub(in crate::store) async fn across_tenants(&mut self) -> Result<&mut AsyncPgConnection> {
        if !self.op.permit().crosses_tenants() {
            return Err(Error::internal("context", "this permit does not cross tenants"));
        }
        self.conn.batch_execute(AS_PLATFORM).await.map_err(failed)?;
        Ok(self.conn())
    }

    /// The opposite of [`Self::across_tenants`].
    pub(in crate::store) async fn within_tenant(&mut self) -> Result<()> {
        self.conn.batch_execute("SET LOCAL ROLE NONE").await.map_err(failed)
    }

    pub(in crate::store) fn take_story(&mut self) -> Story {
        std::mem::take(&mut self.story)
    }

    /// Goes on for another tenant in the same transaction, of the service's own work: from a user's home to the tenant
    /// that the user works in.
    pub async fn switch(&mut self, tenant: TenantUid) -> Result<()> {
        if self.op.permit().identity().is_some() {
            return Err(Error::internal("context", "a caller's transaction stays with its tenant"));
        }
        self.work_in(tenant).await
    }

    /// Goes on for another tenant in the same transaction, whoever asked for it.
    pub(in crate::store) async fn work_in(&mut self, tenant: TenantUid) -> Result<()> {
        if tenant != self.tenant {
            set_tenant(&mut self.conn, tenant).await?;
            self.tenant = tenant;
        }
        Ok(())
    }
}

impl PlatformTx {
    pub(in crate::store) fn conn(&mut self) -> &mut AsyncPgConnection {
        self.conn.deref_mut()
    }
}
