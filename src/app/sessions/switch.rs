//! SwitchTenant.

use futures::FutureExt as _;

use super::{Issued, caller, not_a_session, open, open_tenant, works_in};
use crate::app::licenses::take_seat;
use crate::app::{App, SessionRules};
use crate::authn::refresh_token::RefreshToken;
use crate::authn::{Caller, Credential, SessionClaims};
use crate::authz::permit::Purpose;
use crate::authz::policy;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::domain::id::TenantUid;
use crate::domain::named::Named;
use crate::store::tx::Tx;
use crate::store::{accounts, audit, sessions, users};

/// A session that is to work elsewhere.
#[derive(Clone)]
struct Switch {
    caller: Caller,
    wanted: TenantUid,
    named: Named<()>,
    rules: SessionRules,
}

impl App {
    /// Moves the caller's session to another tenant in which the caller works. Gives its tokens, and the tenant's code;
    /// those until now are over.
    pub async fn switch_tenant(&self, op: OpContext, named: Named<()>) -> Result<(Issued, String)> {
        let caller = caller(&op)?;
        let Some((wanted, code)) = self.resolve_tenant(&named.tenant).await? else { return Err(named.not_found()) };
        let input = Switch { caller, wanted, named, rules: self.sessions };
        let correlation_id = op.correlation_id().to_owned();
        let op = OpContext::system(Purpose::Switch, Some(caller.user.home)).in_answer_to(correlation_id);
        let (caller, next) = self.db.change(op, "switch-tenant", input, |tx, input| switch(tx, input).boxed()).await?;
        Ok((self.issue(&caller, &next)?, code))
    }
}

async fn switch(tx: &mut Tx, input: &Switch) -> Result<(Caller, RefreshToken)> {
    let (caller, home) = (input.caller, tx.tenant());
    let claims = *caller.session()?;
    // Tenants are held before users, and users before their sessions, as everywhere.
    let open_home = open_tenant(tx).await;
    let held = users::hold_tenant_at(tx, input.wanted).await?;
    accounts::hold(tx, caller.user.user).await?;
    sessions::check(tx, &caller).await?;
    tx.switch(home).await?;
    if !works_in(tx, caller.user.user, input.wanted).await? {
        return Err(input.named.not_found());
    }
    open_home?;
    let tenant_epoch = open(held)?;
    let session = sessions::load_for_change(tx, claims.id, input.rules.grace).await?.ok_or_else(not_a_session)?;
    take_seat(tx, caller.user.user, input.wanted).await?;
    let next = RefreshToken::new(home, claims.id, session.generation + 1)?;
    sessions::rotate(tx, &session, &next, input.rules.refresh).await?;
    sessions::work_in(tx, claims.id, input.wanted, tenant_epoch).await?;
    let user = users::load(tx, caller.user.user).await?.ok_or_else(not_a_session)?;
    audit::record_user(tx, &policy::SESSION_SERVICE_SWITCH_TENANT, &user, Some(claims.id)).await?;
    let credential = Credential::Session(SessionClaims { tenant_epoch, ..claims });
    Ok((Caller { active: input.wanted, credential, ..caller }, next))
}
