//! ExchangeToken: a token with which the caller acts for an account of another tenant, for a while.
//!
//! It hangs on the caller's own session and ends with it; it can't be refreshed. That the caller may act for the account is
//! checked again with each call.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::FutureExt as _;

use super::{caller, now};
use crate::app::App;
use crate::app::tenants::caller_facts;
use crate::authn::ActsFor;
use crate::authz::impersonation::{Whom, may_exchange};
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::id::UserId;
use crate::domain::name::{ImpersonationReason, UserName};
use crate::domain::named::Named;

/// For whom, why and for how long a token is asked for.
#[derive(Clone, Debug)]
pub struct ExchangeToken {
    /// The tenant, as the request names it.
    pub tenant: Named<()>,
    /// The account there.
    pub user_name: UserName,
    /// Why.
    pub reason: ImpersonationReason,
    /// How long.
    pub life: Duration,
}

impl ExchangeToken {
    /// How long a token is good for at most.
    pub const LONGEST: Duration = Duration::from_secs(3600);
}

/// A token for acting for an account.
pub struct Exchanged {
    /// For calls.
    pub access_token: String,
    /// Until then.
    pub expires: DateTime<Utc>,
    /// Code of the account's tenant.
    pub tenant_code: String,
    /// The account.
    pub acting_for: UserId,
}

impl App {
    /// A token with which the caller acts for an account.
    pub async fn exchange_token(&self, op: OpContext, input: ExchangeToken) -> Result<Exchanged> {
        let ExchangeToken { tenant: named, user_name, reason, life } = input;
        let (caller, facts) = (caller(&op)?, caller_facts(&op)?);
        let may = may_exchange(&facts)?;
        caller.session()?;
        let (tenant, tenant_code) = self.resolve_tenant(&named.tenant).await?.ok_or_else(|| named.not_found())?;
        let found = self.candidate(tenant, Whom::Named(user_name.clone())).await?;
        let (state, candidate) = found.ok_or_else(|| named.not_found())?;
        let permit = may.for_account((tenant, state), candidate, reason.clone())?;
        let acting = permit.acting().map(|acting| acting.acted_for.user);
        let acting_for = acting.ok_or_else(|| Error::internal("context", "the permit is for nobody"))?;
        let about = format!("tenants/{tenant_code}/users/{acting_for}");
        // It changes nothing but the logs, and without its record there is no token.
        let recorded = self.db.change(op.by(permit).on(tenant), "exchange-token", (about, user_name), |tx, input| {
            async move {
                let (about, user_name) = input;
                tx.about(about.clone());
                tx.tell("user_name", user_name.as_str());
                Ok(())
            }
            .boxed()
        });
        recorded.await?;
        let acts_for = ActsFor { tenant, user: acting_for, reason };
        let (access_token, expires) = self.tokens.issue_acting(&caller, acts_for, now(), life)?;
        Ok(Exchanged { access_token, expires, tenant_code, acting_for })
    }
}
