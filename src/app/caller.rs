//! Who is calling, and which tenant is meant: what the decision needs to know.

use futures::FutureExt as _;

use super::App;
use crate::authn::Caller;
use crate::authz::decision::Facts;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::{Reason, Refusal, Result};
use crate::domain::id::TenantUid;
use crate::store::{identities, users};

impl App {
    /// The bearer of a token, with what is known of it.
    pub async fn identify(&self, token: &str) -> Result<Facts> {
        #[expect(clippy::disallowed_methods, reason = "tokens carry times of their own, compared with a leeway")]
        let now = chrono::Utc::now();
        let caller: Caller = self.tokens.verify(token, now)?;
        let op = OpContext::system(Purpose::Authenticate, Some(caller.active));
        let facts = self.db.read(op, "identify", caller, |tx, caller| users::facts(tx, caller).boxed()).await?;
        facts.ok_or_else(|| Refusal::new(Reason::TokenInvalid, "the session has ended; log in again").into())
    }

    /// Refuses a request id that has come before with another body.
    pub async fn check_request_id(&self, op: OpContext) -> Result<()> {
        let caller = op.permit().caller().copied();
        match caller.filter(|_| op.call().is_some_and(|call| call.request.is_some())) {
            Some(caller) => self.db.check_request_id(op.on(caller.active)).await,
            None => Ok(()),
        }
    }

    /// The tenant that a code or a uid names, gone ones included, with its code.
    pub async fn resolve_tenant(&self, code_or_uid: &str) -> Result<Option<(TenantUid, String)>> {
        let op = OpContext::system(Purpose::Authenticate, None);
        let name = code_or_uid.to_owned();
        self.db.platform(op, "resolve-tenant", name, |tx, name| identities::resolve(tx, name).boxed()).await
    }

    /// The code of a tenant that is or was there.
    pub async fn code_of(&self, tenant: TenantUid) -> Result<String> {
        let found = self.resolve_tenant(&tenant.to_string()).await?;
        Ok(found.map_or_else(|| tenant.to_string(), |(_, code)| code))
    }
}
