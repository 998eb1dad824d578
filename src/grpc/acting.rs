//! The way of a call that is made for another account: whether its caller may, where, and for whom.

use std::sync::Arc;

use super::call::TenantHint;
use super::guard::{Guard, Named, mismatch};
use crate::authz::decision::Facts;
use crate::authz::impersonation::{Whom, Wish, may_act};
use crate::authz::permit::Permit;
use crate::authz::policy::Policy;
use crate::client::keys;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::TenantUid;
use crate::domain::impersonation::not_permitted;

impl Guard {
    /// Leave for the call, and the tenant that it names.
    pub(super) async fn acting(
        &self,
        policy: &'static Policy,
        facts: &Arc<Facts>,
        wish: Wish,
        named: &str,
        hint: Option<&TenantHint>,
    ) -> Result<(Permit, Option<TenantUid>)> {
        // Whoever may not act for others learns from here on nothing of tenants and accounts.
        let may = may_act(policy, facts)?;
        let tenant = self.acted_in(policy, &wish.whom, named, hint).await?;
        let found = self.app.candidate(tenant, wish.whom).await?;
        let (state, candidate) = found.ok_or_else(|| absent(named, hint))?;
        let permit = may.for_account((tenant, state), candidate, wish.reason)?;
        if let Some(acting) = permit.acting() {
            let span = tracing::Span::current();
            span.record("actor", tracing::field::display(facts.caller.user.user));
            span.record("acted_for", tracing::field::display(acting.acted_for.user));
            span.record("impersonation_reason", acting.acted_for.reason.as_str());
        }
        Ok((permit, policy.names_tenant().then_some(tenant)))
    }

    /// The tenant that is acted in: the one that the request names, else the metadata, else the token. A token is good for the
    /// tenant that it was exchanged for, and any other one is not there for it.
    async fn acted_in(
        &self,
        policy: &Policy,
        whom: &Whom,
        named: &str,
        hint: Option<&TenantHint>,
    ) -> Result<TenantUid> {
        let request = self.named(policy, named).await?;
        let hinted = match hint {
            Some(hint) => Some(self.hinted(hint).await?),
            None => None,
        };
        let token = match whom {
            Whom::Known(tenant, _) => Some(*tenant),
            Whom::Named(_) => None,
        };
        match request {
            Named::One(uid) if hinted.is_some_and(|hinted| hinted != Some(uid)) => Err(mismatch()),
            Named::One(uid) if token.is_some_and(|token| token != uid) => Err(Error::not_found(named)),
            Named::One(uid) => Ok(uid),
            Named::Unknown if hinted.is_some_and(|hinted| hinted.is_some()) => Err(mismatch()),
            Named::Unknown => Err(Error::not_found(named)),
            Named::Everything | Named::Whichever => {
                Err(not_permitted("whoever acts for an account does so in one tenant: name it").into())
            }
            Named::Nothing => match (hinted, token) {
                (Some(hinted), Some(token)) if hinted != Some(token) => Err(mismatch()),
                (Some(Some(uid)), _) | (None, Some(uid)) => Ok(uid),
                (Some(None), _) => Err(absent(named, hint)),
                (None, None) => {
                    let text = format!("{} is required, for the request names no tenant to act in", keys::TENANT);
                    Err(Refusal::new(Reason::MetadataInvalid, text).with("key", keys::TENANT).into())
                }
            },
        }
    }
}

/// The refusal of a tenant that is not there, as the request or the metadata names it.
fn absent(named: &str, hint: Option<&TenantHint>) -> Error {
    let hinted = hint.filter(|_| named.is_empty()).map(|hint| format!("tenants/{hint}"));
    Error::not_found(hinted.unwrap_or_else(|| named.to_owned()))
}
