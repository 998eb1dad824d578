//! That a tenant keeps an administrator, and that nobody gives more than is to be given.
//!
//! Every change of a directory holds the row of its tenant from the beginning (`target`), so of two administrators who
//! remove each other at the same time the second one finds what the first one has left.

use std::collections::BTreeSet;

use super::tenants::caller_facts;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::privilege::Privilege;
use crate::store::tx::Tx;
use crate::store::{administrators, privileges};

/// Whether there was an administrator before a change.
pub(super) struct Administrators {
    there: bool,
}

impl Administrators {
    /// Before something is taken away.
    pub(super) async fn before(tx: &mut Tx) -> Result<Self> {
        Ok(Self { there: administrators::is_there_one(tx).await? })
    }

    /// Afterwards: refuses to leave a tenant without an administrator that had one.
    pub(super) async fn remain(self, tx: &mut Tx) -> Result<()> {
        if !self.there || administrators::is_there_one(tx).await? {
            return Ok(());
        }
        let text = "nobody would be left who administers the tenant's users; make another one an administrator first";
        Err(Refusal::new(Reason::LastAdministrator, text).into())
    }
}

/// Refuses to give privileges that the caller must not give. Whoever administers users may give all that can be held in an
/// ordinary tenant, also what the caller does not hold: a tenant's first administrator makes all others. What is about
/// tenants exists in the infrastructure tenant only, where nobody gives what the caller does not hold.
pub(super) async fn check_may_give(tx: &mut Tx, given: BTreeSet<Privilege>) -> Result<()> {
    let about_tenants: BTreeSet<_> = given.into_iter().filter(|privilege| privilege.is_platform()).collect();
    if about_tenants.is_empty() {
        return Ok(());
    }
    let names = |privileges: &BTreeSet<Privilege>| privileges.iter().map(|p| p.name()).collect::<Vec<_>>().join(",");
    if !tx.tenant().is_infrastructure() {
        let text = format!(
            "can't have {}: only the infrastructure tenant has privileges about tenants",
            names(&about_tenants)
        );
        return Err(Error::field("privileges", text));
    }
    let caller = caller_facts(tx.op())?.caller.user.user;
    let held = privileges::of_user(tx, caller).await?;
    let missing: BTreeSet<_> = about_tenants.difference(&held).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let text = format!(
        "only who holds them gives privileges about tenants, or changes accounts that have them: {}",
        names(&missing)
    );
    Err(Refusal::new(Reason::PrivilegeMissing, text).with("privilege", names(&missing)).into())
}
