//! Who is calling, and which tenant is meant: what the decision needs to know.

use futures::FutureExt as _;

use super::App;
use crate::authn::{ActsFor, Bearer};
use crate::authz::decision::Facts;
use crate::authz::impersonation::{Candidate, Whom};
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::{Reason, Refusal, Result};
use crate::domain::id::TenantUid;
use crate::domain::lifecycle::State;
use crate::store::{identities, impersonation, users};

impl App {
    /// The bearer of a token, with what is known of it, and for whom it says that the bearer acts. What is none of our tokens may be
    /// one of an identity provider, whose bearer works in the tenant that is wanted, if it can.
    pub async fn identify(&self, token: &str, wanted: Option<&str>) -> Result<(Facts, Option<ActsFor>)> {
        #[expect(clippy::disallowed_methods, reason = "tokens carry times of their own, compared with a leeway")]
        let now = chrono::Utc::now();
        let Bearer { caller, acts_for } = match self.tokens.verify(token, now) {
            Err(error) if error.reason() == Some(Reason::TokenInvalid) => {
                let facts = self.recognize(token, wanted).await?;
                return facts.map(|facts| (facts, None)).ok_or(error);
            }
            verified => verified?,
        };
        let op = OpContext::system(Purpose::Authenticate, Some(caller.active));
        let facts = self.db.read(op, "identify", caller, |tx, caller| users::facts(tx, caller).boxed()).await?;
        let ended = || Refusal::new(Reason::TokenInvalid, "the session has ended; log in again");
        Ok((facts.ok_or_else(ended)?, acts_for))
    }

    /// The state of a tenant, and what is known of an account there that somebody wants to act for. None: there is no such
    /// tenant.
    pub async fn candidate(&self, tenant: TenantUid, whom: Whom) -> Result<Option<(State, Option<Candidate>)>> {
        let op = OpContext::system(Purpose::Authenticate, Some(tenant));
        self.db.read(op, "candidate", whom, |tx, whom| impersonation::candidate(tx, whom).boxed()).await
    }

    /// Refuses a request id that has come before with another body.
    pub async fn check_request_id(&self, op: OpContext) -> Result<()> {
        if op.call().is_none_or(|call| call.request.is_none()) {
            return Ok(());
        }
        let subject = op.permit().subject().map(|(tenant, _)| tenant);
        match subject.or_else(|| op.permit().service().and_then(|_| op.target().ok())) {
            Some(tenant) => self.db.check_request_id(op.on(tenant)).await,
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
