//! ListPrivileges, CreatePrivilege and DeletePrivilege.

use futures::FutureExt as _;

use super::App;
use super::tenants::target;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::domain::fold::fold;
use crate::domain::page::Page;
use crate::domain::privilege::Privilege;
use crate::domain::role::{Held, Listed, NewPrivilege, PrivilegeKey};
use crate::store::tx::Tx;
use crate::store::{identities, privileges};

/// What to list.
#[derive(Clone, Debug)]
pub struct ListPrivileges {
    /// Part of the key or name, folded; empty: any.
    pub search: String,
    /// Where the page before ended.
    pub after: Option<Held>,
    /// Rows at most.
    pub size: i64,
}

impl App {
    /// A page of what roles of a tenant can allow, function privileges first, and how many there are.
    pub async fn list_privileges(&self, op: OpContext, list: ListPrivileges) -> Result<(Page<Listed, Held>, i64)> {
        let size = list.size;
        let mut rows = self.db.read(op, "list-privileges", (), |tx, ()| all(tx).boxed()).await?;
        rows.retain(|row| fold(&format!("{}\n{}", row.held, row.display_name)).contains(&list.search));
        rows.sort_by(|left, right| left.held.cmp(&right.held));
        let total = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        rows.retain(|row| list.after.as_ref().is_none_or(|after| row.held > *after));
        Ok((Page::cut(rows, size, |row| row.held.clone()), total))
    }

    /// Defines a privilege of a tenant.
    pub async fn create_privilege(&self, op: OpContext, new: NewPrivilege) -> Result<Listed> {
        self.db.change(op, "create-privilege", new, |tx, new| create(tx, new).boxed()).await
    }

    /// Deletes a privilege that a tenant defines, also from its roles.
    pub async fn delete_privilege(&self, op: OpContext, key: PrivilegeKey) -> Result<()> {
        self.db.change(op, "delete-privilege", key, |tx, key| delete(tx, key).boxed()).await
    }
}

async fn all(tx: &mut Tx) -> Result<Vec<Listed>> {
    let tenant = tx.tenant();
    let code = identities::codes(tx, &[tenant]).await?.remove(&tenant).unwrap_or_else(|| tenant.to_string());
    let listed = |held, display_name| Listed { tenant_code: code.clone(), held, display_name };
    let unlicensed = privileges::unlicensed(tx).await?;
    let here = Privilege::ALL.into_iter().filter(|privilege| tenant.is_infrastructure() || !privilege.is_platform());
    let here = here.filter(|privilege| !unlicensed.contains(privilege));
    let mut rows: Vec<_> = here.map(|privilege| listed(Held::Function(privilege), String::new())).collect();
    for (key, display_name) in privileges::defined(tx).await? {
        rows.extend(Held::parse(&key).map(|held| listed(held, display_name)));
    }
    Ok(rows)
}

async fn create(tx: &mut Tx, new: &NewPrivilege) -> Result<Listed> {
    let tenant = target(tx).await?;
    privileges::insert(tx, new).await?;
    let made = Listed {
        held: Held::Defined(new.key.clone()),
        display_name: new.display_name.to_string(),
        tenant_code: tenant.code,
    };
    tx.about(made.held.name(&made.tenant_code));
    Ok(made)
}

async fn delete(tx: &mut Tx, key: &PrivilegeKey) -> Result<()> {
    let tenant = target(tx).await?;
    tx.about(Held::Defined(key.clone()).name(&tenant.code));
    if privileges::delete(tx, key).await? { Ok(()) } else { Err(tx.op().not_found()) }
}
