//! GrantPrivileges and RevokePrivileges.

use std::collections::BTreeSet;

use futures::FutureExt as _;

use super::{held, reload};
use crate::app::App;
use crate::app::administrators::{Administrators, check_may_give};
use crate::app::tenants::target;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::RoleId;
use crate::domain::named::{Named, told};
use crate::domain::privilege::Privilege;
use crate::domain::role::{Held, Role};
use crate::domain::tenant::Tenant;
use crate::store::tx::Tx;
use crate::store::{privileges, roles};

type Input = (RoleId, Vec<Named<Held>>, String);

impl App {
    /// Lets a role allow more.
    pub async fn grant_privileges(
        &self,
        op: OpContext,
        role: RoleId,
        named: Vec<Named<Held>>,
        etag: String,
    ) -> Result<Role> {
        self.db.change(op, "grant-privileges", (role, named, etag), |tx, input| grant(tx, input).boxed()).await
    }

    /// Lets a role allow less.
    pub async fn revoke_privileges(
        &self,
        op: OpContext,
        role: RoleId,
        named: Vec<Named<Held>>,
        etag: String,
    ) -> Result<Role> {
        self.db.change(op, "revoke-privileges", (role, named, etag), |tx, input| revoke(tx, input).boxed()).await
    }
}

async fn grant(tx: &mut Tx, (id, named, etag): &Input) -> Result<Role> {
    let tenant = target(tx).await?;
    let role = held(tx, *id).await?;
    role.check_etag(etag)?;
    role.check_grantable()?;
    tx.tell("privileges", told(named));
    let privileges = grantable(tx, &tenant, named).await?;
    roles::grant(tx, role.id, &privileges).await?;
    reload(tx, role.id).await
}

async fn revoke(tx: &mut Tx, (id, named, etag): &Input) -> Result<Role> {
    let tenant = target(tx).await?;
    let role = held(tx, *id).await?;
    role.check_etag(etag)?;
    tx.tell("privileges", told(named));
    let privileges = existing(tx, &tenant, named).await?;
    let administrators = Administrators::before(tx).await?;
    roles::revoke(tx, role.id, &privileges).await?;
    administrators.remain(tx).await?;
    reload(tx, role.id).await
}

/// The privileges that the request names, all of which the caller may give, and the tenant's licences open.
pub(super) async fn grantable(tx: &mut Tx, tenant: &Tenant, named: &[Named<Held>]) -> Result<Vec<Held>> {
    let privileges = existing(tx, tenant, named).await?;
    let functions = privileges.iter().filter_map(|held| if let Held::Function(p) = held { Some(*p) } else { None });
    let functions: BTreeSet<_> = functions.collect();
    check_may_give(tx, functions.clone()).await?;
    match privileges::unlicensed(tx).await?.intersection(&functions).next() {
        Some(unlicensed) => Err(not_licensed(*unlicensed)),
        None => Ok(privileges),
    }
}

fn not_licensed(privilege: Privilege) -> Error {
    let name = privilege.name();
    let text = format!("the tenant has no licence that opens {name}; ask an operator for one");
    Refusal::new(Reason::PrivilegeNotLicensed, text).with("privilege", name).about(format!("privileges/{name}")).into()
}

/// The privileges that the request names, all of which are there.
async fn existing(tx: &mut Tx, tenant: &Tenant, named: &[Named<Held>]) -> Result<Vec<Held>> {
    let privileges = named.iter().map(|privilege| privilege.within(tenant)).collect::<Result<Vec<_>>>()?;
    let keys: Vec<&str> = privileges.iter().map(Held::key).collect();
    let defined = privileges::existing(tx, &keys).await?;
    let missing = |held: &Held| matches!(held, Held::Defined(key) if defined.iter().all(|d| d != key.as_str()));
    match named.iter().find(|privilege| missing(&privilege.id)) {
        Some(missing) => Err(missing.not_found()),
        None => Ok(privileges),
    }
}
