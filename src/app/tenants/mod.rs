//! Use cases on tenants.

mod access;
mod begin;
mod create;
mod deletion;
mod limits;
mod list;
mod lock;
mod mail_texts;
mod read;
mod update;

pub(super) use begin::{begin, begin_again};
pub(super) use create::create;
pub use create::{CreateTenant, Created};
pub use deletion::{DeleteTenant, Deletion, Undeleted};
pub use list::TenantPage;
pub use lock::LockTenant;
pub use read::SeenTenant;
pub(super) use read::caller_facts;
pub use update::UpdateTenant;

use crate::domain::error::{Error, Result};
use crate::domain::tenant::{Tenant, read_only};
use crate::store::tenants;
use crate::store::transitions::Because;
use crate::store::tx::Tx;

/// The tenant that the call is on, held for the change, in a state that the method's policy allows.
pub(super) async fn target(tx: &mut Tx) -> Result<Tenant> {
    let found = tenants::load_for_change(tx).await?;
    let tenant = found.ok_or_else(|| tx.op().not_found())?;
    tx.about(tenant.name());
    let Some(call) = tx.op().call() else { return Ok(tenant) };
    if tenant.uid.is_infrastructure() && !call.policy.infrastructure && !tx.op().finds_tenant() {
        return Err(read_only(&[]));
    }
    if !call.policy.states.is_empty() && !call.policy.states.contains(&tenant.state) {
        return Err(wrong_state(tx, &tenant));
    }
    Ok(tenant)
}

/// The refusal of a call that the tenant's state does not allow.
pub(super) fn wrong_state(tx: &Tx, tenant: &Tenant) -> Error {
    let allowed = tx.op().call().map_or(&[][..], |c| c.policy.states);
    Error::state(&tenant.state_text(), allowed)
}

/// The tenant as the transaction leaves it.
pub(super) async fn reload(tx: &mut Tx) -> Result<Tenant> {
    tenants::load(tx).await?.ok_or_else(|| Error::internal("tenant", "it went away in its own transaction"))
}

/// Why the call makes a transition.
fn because(tx: &Tx, note: &str) -> Because {
    Because { actor: tx.op().actor(), note: note.to_owned(), operation: None }
}
