//! ResolveTenant: for everybody, so who asks for what can't be shown is slowed down, as who guesses passwords is.

use futures::FutureExt as _;
use uuid::Uuid;

use crate::app::App;
use crate::app::attempts::check_wait;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::TenantUid;
use crate::store::attempts;
use crate::store::public_tenants::{self, Asked, PublicTenant};

impl App {
    /// What everybody may know of a tenant.
    pub async fn resolve_for_all(&self, call: &OpContext, asked: Asked) -> Result<PublicTenant> {
        let slot = self.look_up_slot(call)?;
        let op = OpContext::system(Purpose::Resolve, Some(TenantUid(Uuid::nil())));
        let found = self.db.read(op.clone(), "resolve-for-all", (asked.clone(), slot), |tx, (asked, slot)| {
            async move {
                check_wait(tx, &[*slot]).await?;
                public_tenants::find(tx, asked).await
            }
            .boxed()
        });
        let refused = match (found.await?, &asked) {
            (Some(found), Asked::At(_)) if !found.domain_operational => not_operational(),
            (Some(found), _) => return Ok(found),
            (None, Asked::At(domain)) => Error::not_found(format!("tenant at {domain}")),
            (None, Asked::Named(name)) => Error::not_found(format!("tenants/{name}")),
        };
        let counted = self.db.change(op, "count-look-up", slot, |tx, slot| {
            async move {
                // Of many who guess at once, those that come too early learn nothing.
                check_wait(tx, &[*slot]).await?;
                attempts::count(tx, &[*slot]).await
            }
            .boxed()
        });
        counted.await?;
        Err(refused)
    }
}

/// The refusal of who comes by a domain that is set and does not work.
pub(in crate::app) fn not_operational() -> Error {
    let text = "the domain is not operational: use the company code, or ask the operator to verify the domain";
    Refusal::new(Reason::DomainNotOperational, text).into()
}
