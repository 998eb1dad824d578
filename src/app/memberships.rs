//! Who works in which tenant.
//!
//! An account belongs to its home; where it works is a matter of both sides. Operators assign users of any tenant to any
//! other, but neither to nor from the infrastructure tenant: its users reach the data of others by acting for their
//! superusers only, and nobody else is to administer the platform. A tenant's own administrators see to their own users:
//! they call them back from wherever they work, and take guests out of their tenant.

use std::collections::{BTreeMap, BTreeSet};

use futures::FutureExt as _;

use super::App;
use super::administrators::Administrators;
use super::tenants::target;
use super::users;
use crate::authz::policy::USER_SERVICE_ASSIGN_USERS;
use crate::context::OpContext;
use crate::domain::account::Account;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::{TenantUid, UserId, UserRef};
use crate::domain::named::{Named, told};
use crate::domain::page::Page;
use crate::domain::tenant::Tenant;
use crate::store::memberships::{self, Workplace};
use crate::store::tx::Tx;
use crate::store::{accounts, identities, user_list};

/// The tenants of one user.
#[derive(Clone, Debug)]
pub struct UserTenants {
    /// Whose.
    pub user: UserId,
    /// Which; the id is nothing besides the tenant.
    pub tenants: Vec<Named<()>>,
}

/// A page of the tenants in which a user works.
#[derive(Clone, Debug)]
pub struct Workplaces {
    /// The user.
    pub account: Account,
    /// The page, and where it ends.
    pub page: Page<Workplace, String>,
    /// How many there are.
    pub total: i64,
}

impl App {
    /// Lets users work in a tenant. Gives how many did not before.
    pub async fn assign_users(&self, op: OpContext, users: Vec<Named<UserId>>) -> Result<usize> {
        self.db.change(op, "assign-users", users, |tx, users| assign_users(tx, users).boxed()).await
    }

    /// Takes users out of a tenant.
    pub async fn unassign_users(&self, op: OpContext, users: Vec<Named<UserId>>) -> Result<()> {
        self.db.change(op, "unassign-users", users, |tx, users| unassign_users(tx, users).boxed()).await
    }

    /// Lets a user work in tenants. Gives in how many it did not before.
    pub async fn assign_tenants(&self, op: OpContext, input: UserTenants) -> Result<usize> {
        self.db.change(op, "assign-tenants", input, |tx, input| assign_tenants(tx, input).boxed()).await
    }

    /// Calls a user back from tenants.
    pub async fn unassign_tenants(&self, op: OpContext, input: UserTenants) -> Result<()> {
        self.db.change(op, "unassign-tenants", input, |tx, input| unassign_tenants(tx, input).boxed()).await
    }

    /// A page of the tenants in which a user works, by their codes.
    pub async fn list_user_tenants(
        &self,
        op: OpContext,
        user: UserId,
        after: Option<String>,
        size: i64,
    ) -> Result<Workplaces> {
        let input = (user, after.unwrap_or_default(), size + 1);
        let read = self.db.read(op, "list-user-tenants", input, |tx, (user, after, limit)| {
            async move {
                let account = user_list::one(tx, *user).await?.ok_or_else(|| tx.op().not_found())?;
                account.check_at_home()?;
                let rows = memberships::workplaces(tx, *user, after, *limit).await?;
                Ok((account, rows, memberships::count(tx, *user).await?))
            }
            .boxed()
        });
        let (account, rows, total) = read.await?;
        Ok(Workplaces { account, page: Page::cut(rows, size, |row| row.code.clone()), total })
    }

    /// Sets where the sessions of a user start; None: at home.
    pub async fn set_default_tenant(
        &self,
        op: OpContext,
        user: UserId,
        tenant: Option<Named<()>>,
        etag: String,
    ) -> Result<Account> {
        let input = (user, tenant, etag);
        self.db
            .change(op, "set-default-tenant", input, |tx, (user, tenant, etag)| {
                set_default(tx, *user, tenant.as_ref(), etag).boxed()
            })
            .await
    }
}

async fn assign_users(tx: &mut Tx, named: &[Named<UserId>]) -> Result<usize> {
    let tenant = target(tx).await?;
    let homes = known(tx, &tenant, named).await?;
    let mut wanted = Vec::with_capacity(named.len());
    for user in named {
        let home = *homes.get(&user.tenant).ok_or_else(|| user.not_found())?;
        wanted.push(UserRef { home, user: user.id });
    }
    // A tenant's own administrators find their own users alone, and guests, who are there already.
    let found = memberships::existing(tx, &wanted).await?;
    for (user, wanted) in named.iter().zip(&wanted) {
        let (_, superuser) = found.iter().find(|found| found.0 == *wanted).ok_or_else(|| user.not_found())?;
        if *superuser {
            return Err(superuser_stays(&user.name));
        }
        check_between(wanted.home, tenant.uid)?;
    }
    tx.tell("users", told(named));
    tell_homes(tx, &tenant, wanted.iter().map(|user| user.home).zip(named));
    memberships::insert(tx, &wanted).await
}

async fn unassign_users(tx: &mut Tx, named: &[Named<UserId>]) -> Result<()> {
    let tenant = target(tx).await?;
    let homes = known(tx, &tenant, named).await?;
    let ids: Vec<_> = named.iter().map(|user| user.id).collect();
    let members: Vec<_> = user_list::some(tx, &ids).await?.into_iter().filter(|account| account.member).collect();
    let mut of_homes = Vec::with_capacity(named.len());
    for user in named {
        // A guest is named by the tenant that it is a guest of, or by its home.
        let named_so = |account: &&Account| {
            let by = homes.get(&user.tenant);
            account.id == user.id && (by == Some(&tenant.uid) || by == Some(&account.home))
        };
        let account = members.iter().find(named_so).ok_or_else(|| user.not_found())?;
        account.check_ordinary()?;
        of_homes.push(account.home);
    }
    tx.tell("users", told(named));
    tell_homes(tx, &tenant, of_homes.into_iter().zip(named));
    let administrators = Administrators::before(tx).await?;
    memberships::remove(tx, &ids).await?;
    memberships::end_sessions(tx, &ids, &[tenant.uid]).await?;
    administrators.remain(tx).await
}

async fn assign_tenants(tx: &mut Tx, input: &UserTenants) -> Result<usize> {
    let home = target(tx).await?;
    let account = at_home(tx, input.user).await?;
    let known = known(tx, &home, &input.tenants).await?;
    let operator = tx.op().permit().crosses_tenants();
    let mut hosts = Vec::with_capacity(input.tenants.len());
    for tenant in &input.tenants {
        let host = known.get(&tenant.tenant).filter(|host| operator || **host == home.uid);
        hosts.push(*host.ok_or_else(|| tenant.not_found())?);
    }
    tx.tell("tenants", told(&input.tenants));
    if !operator {
        return memberships::insert(tx, &[UserRef { home: home.uid, user: account.id }]).await;
    }
    let states = memberships::states(tx, &hosts).await?;
    for (tenant, host) in input.tenants.iter().zip(&hosts) {
        let (_, state) = states.iter().find(|state| state.0 == *host).ok_or_else(|| tenant.not_found())?;
        if !USER_SERVICE_ASSIGN_USERS.states.contains(state) {
            return Err(Error::state(state.name(), USER_SERVICE_ASSIGN_USERS.states));
        }
        check_between(home.uid, *host)?;
    }
    tell_hosts(tx, &account, &hosts);
    memberships::insert_elsewhere(tx, account.id, &hosts).await
}

async fn unassign_tenants(tx: &mut Tx, input: &UserTenants) -> Result<()> {
    let home = target(tx).await?;
    let account = at_home(tx, input.user).await?;
    let known = known(tx, &home, &input.tenants).await?;
    let uids: Vec<_> = known.values().copied().collect();
    let hosts = memberships::hosts(tx, account.id, &uids).await?;
    let works_in = |tenant: &Named<()>| known.get(&tenant.tenant).is_some_and(|uid| hosts.contains(uid));
    if let Some(other) = input.tenants.iter().find(|tenant| !works_in(tenant)) {
        return Err(other.not_found());
    }
    tx.tell("tenants", told(&input.tenants));
    tell_hosts(tx, &account, &hosts);
    let administrators = Administrators::before(tx).await?;
    memberships::remove_elsewhere(tx, account.id, &hosts).await?;
    memberships::end_sessions(tx, &[account.id], &hosts).await?;
    // The host's row is not held here: what the user is doing there is waited for by its account.
    accounts::raise_epoch(tx, account.id).await?;
    administrators.remain(tx).await
}

async fn set_default(tx: &mut Tx, user: UserId, tenant: Option<&Named<()>>, etag: &str) -> Result<Account> {
    let account = users::held_at_home(tx, user, etag).await?;
    let home = tx.tenant();
    let wanted = match tenant {
        None => home,
        Some(named) => {
            let known = identities::known(tx, &[named.tenant.as_str()]).await?;
            *known.get(&named.tenant).ok_or_else(|| named.not_found())?
        }
    };
    if memberships::hosts(tx, user, &[wanted]).await?.is_empty() {
        // That the user does not work at home its administrators know; of others they must not learn whether they are there.
        if wanted == home {
            account.check_member()?;
        }
        return Err(tenant.map_or_else(|| tx.op().not_found(), Named::not_found));
    }
    tx.tell("default_tenant", tenant.map_or("home", |named| named.name.as_str()));
    accounts::set_default_tenant(tx, user, Some(wanted).filter(|wanted| *wanted != home)).await?;
    users::reload(tx, user).await
}

/// A user of the tenant that the call is on, whom its administrators may send elsewhere.
async fn at_home(tx: &mut Tx, user: UserId) -> Result<Account> {
    let account = users::held(tx, user).await?;
    account.check_at_home()?;
    account.check_ordinary()?;
    Ok(account)
}

/// The tenants that the names speak of, as far as the caller may know of them.
async fn known<I>(tx: &mut Tx, own: &Tenant, named: &[Named<I>]) -> Result<BTreeMap<String, TenantUid>> {
    let names: BTreeSet<&str> = named.iter().map(|named| named.tenant.as_str()).collect();
    if names.iter().all(|name| *name == own.code) {
        return Ok(BTreeMap::from([(own.code.clone(), own.uid)]));
    }
    identities::known(tx, &names.into_iter().collect::<Vec<_>>()).await
}

/// Tells the homes of users where an operator lets them work, or not any more. What a tenant's own administrators do stays in
/// its own logs, as their names do.
fn tell_homes<'a>(tx: &mut Tx, host: &Tenant, users: impl Iterator<Item = (TenantUid, &'a Named<UserId>)>) {
    if !tx.op().permit().crosses_tenants() {
        return;
    }
    let mut by_home: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (home, user) in users.filter(|(home, _)| *home != host.uid) {
        by_home.entry(home).or_default().push(user.clone());
    }
    for (home, users) in by_home {
        tx.tell_elsewhere(home, "users", told(&users));
        tx.tell_elsewhere(home, "tenant", host.name());
    }
}

/// Tells tenants whom an operator lets work there, or not any more.
fn tell_hosts(tx: &mut Tx, account: &Account, hosts: &[TenantUid]) {
    if tx.op().permit().crosses_tenants() {
        for host in hosts.iter().filter(|host| **host != account.home) {
            tx.tell_elsewhere(*host, "user", account.name());
        }
    }
}

/// Refuses guests in the infrastructure tenant, and its users as guests elsewhere.
fn check_between(home: TenantUid, host: TenantUid) -> Result<()> {
    if home == host || !home.is_infrastructure() && !host.is_infrastructure() {
        return Ok(());
    }
    let text =
        "the infrastructure tenant takes no guests, and its users reach other tenants by acting for superuser only";
    Err(Refusal::new(Reason::TenantReadOnly, text).about("tenants/infrastructure").into())
}

fn superuser_stays(name: &str) -> Error {
    let text = "superuser is the account that operators act for; it stays as it is";
    Refusal::new(Reason::ResourceProtected, text).about(name).into()
}
