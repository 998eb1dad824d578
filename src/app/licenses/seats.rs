//! AssignLicense and UnassignLicense, and the seat that whoever logs in to a metered tenant takes.

use futures::FutureExt as _;

use crate::app::App;
use crate::app::tenants::target;
use crate::app::users;
use crate::context::OpContext;
use crate::domain::account::Account;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::{TenantUid, UserId};
use crate::domain::license::LicenseUse;
use crate::domain::name::LicenseKind;
use crate::domain::named::{Named, told};
use crate::store::tx::Tx;
use crate::store::{allotments, seats};

/// Who is to have a seat, or to have none.
#[derive(Clone, Debug)]
pub struct SeatHolders {
    /// Of which kind.
    pub kind: LicenseKind,
    /// Who.
    pub users: Vec<Named<UserId>>,
}

impl App {
    /// Gives users a seat. Gives how many had none of that kind.
    pub async fn assign_license(&self, op: OpContext, input: SeatHolders) -> Result<usize> {
        self.db.change(op, "assign-license", input, |tx, input| assign(tx, input).boxed()).await
    }

    /// Takes a seat from users. Gives how many had one.
    pub async fn unassign_license(&self, op: OpContext, input: SeatHolders) -> Result<usize> {
        self.db.change(op, "unassign-license", input, |tx, input| unassign(tx, input).boxed()).await
    }
}

async fn assign(tx: &mut Tx, input: &SeatHolders) -> Result<usize> {
    let (users, free) = named(tx, input).await?;
    users.iter().try_for_each(Account::check_member)?;
    let ids: Vec<_> = users.iter().map(|user| user.id).collect();
    let assigned = seats::assign(tx, &input.kind, &ids).await;
    assigned.map_err(|error| if error.reason() == Some(Reason::LicensesExhausted) { free.exhausted() } else { error })
}

async fn unassign(tx: &mut Tx, input: &SeatHolders) -> Result<usize> {
    let (users, _) = named(tx, input).await?;
    let ids: Vec<_> = users.iter().map(|user| user.id).collect();
    seats::unassign(tx, &input.kind, &ids).await
}

/// The users and the licences that the request names, in a tenant that is held.
async fn named(tx: &mut Tx, input: &SeatHolders) -> Result<(Vec<Account>, LicenseUse)> {
    let tenant = target(tx).await?;
    let users = users::all(tx, &tenant, &input.users).await?;
    tx.tell("kind", input.kind.as_str());
    tx.tell("users", told(&input.users));
    let licenses = allotments::load(tx).await?;
    let seats = licenses.seats(input.kind.as_str()).cloned().ok_or_else(|| {
        let kinds: Vec<_> = licenses.kinds.iter().map(|license| license.seats.kind.as_str()).collect();
        Error::field("kind", format!("must be one of which the tenant has licences: {}", kinds.join(", ")))
    })?;
    Ok((users, seats))
}

/// Sees to it that a user of the transaction's tenant, who logs in to a tenant, has a seat there if one is needed.
pub(in crate::app) async fn take_seat(tx: &mut Tx, user: UserId, tenant: TenantUid) -> Result<()> {
    let home = tx.tenant();
    tx.switch(tenant).await?;
    let seated = seats::take_for_log_in(tx, user).await?;
    tx.switch(home).await?;
    if seated {
        return Ok(());
    }
    let text = "no licence that permits log-in is free in the tenant; ask its administrator for one";
    Err(Refusal::new(Reason::LicensesExhausted, text).into())
}
