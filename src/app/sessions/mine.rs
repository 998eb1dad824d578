//! ListMyTenants and TestPrivileges.

use futures::FutureExt as _;

use super::caller;
use crate::app::App;
use crate::authn::Caller;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::id::TenantUid;
use crate::domain::named::Named;
use crate::domain::page::Page;
use crate::domain::role::Held;
use crate::store::my_tenants::{self, MyTenant};
use crate::store::tx::Tx;
use crate::store::{memberships, privileges, sessions, tenants, users};

/// A page of the tenants in which the caller works.
#[derive(Clone, Debug)]
pub struct MyTenants {
    /// The page, each with how many objects it has, and where it ends.
    pub page: Page<(MyTenant, i64), String>,
    /// How many there are.
    pub total: i64,
    /// The tenant in which a session starts unless it is told otherwise.
    pub default: TenantUid,
}

impl App {
    /// A page of the tenants in which the caller works, by their codes.
    pub async fn list_my_tenants(&self, op: OpContext, after: Option<String>, size: i64) -> Result<MyTenants> {
        let input = (caller(&op)?, after.unwrap_or_default(), size);
        let op = OpContext::system(Purpose::Switch, Some(input.0.user.home));
        self.db
            .read(op, "list-my-tenants", input, |tx, (caller, after, size)| list(tx, caller, after, *size).boxed())
            .await
    }

    /// Those of these privileges that the caller, or the account that the caller acts for, holds in the active tenant, as the
    /// request names them.
    pub async fn held_privileges(&self, op: OpContext, asked: Vec<Named<Held>>) -> Result<Vec<String>> {
        let subject = op.permit().subject();
        let (tenant, user) = subject.ok_or_else(|| Error::internal("context", "the call has no caller"))?;
        let input = (user, asked);
        let held = self.db.read(op.on(tenant), "test-privileges", input, |tx, (user, asked)| {
            async move {
                let tenant = tenants::load(tx).await?.ok_or_else(|| tx.op().not_found())?;
                let own: Vec<_> = asked.iter().filter(|named| named.within(&tenant).is_ok()).collect();
                let keys: Vec<_> = own.iter().map(|named| named.id.key().to_owned()).collect();
                let held = privileges::held(tx, *user, &keys).await?;
                let names = own.iter().filter(|named| held.iter().any(|key| key == named.id.key()));
                Ok(names.map(|named| named.name.clone()).collect())
            }
            .boxed()
        });
        held.await
    }
}

async fn list(tx: &mut Tx, caller: &Caller, after: &str, size: i64) -> Result<MyTenants> {
    let (home, user) = (caller.user.home, caller.user.user);
    sessions::look(tx, caller).await?;
    tx.switch(home).await?;
    let total = memberships::count(tx, user).await?;
    let default = users::load(tx, user).await?.and_then(|user| user.default_tenant).unwrap_or(home);
    let found = my_tenants::page(tx, user, after, size + 1).await?;
    let Page { rows, next } = Page::cut(found, size, |tenant| tenant.code.clone());
    let mut counted = Vec::with_capacity(rows.len());
    for tenant in rows {
        tx.switch(tenant.tenant).await?;
        let objects = my_tenants::objects(tx).await?;
        counted.push((tenant, objects));
    }
    Ok(MyTenants { page: Page { rows: counted, next }, total, default })
}
