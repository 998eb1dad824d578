//! Sessions, and the tenants of their users, as messages.

use std::time::Duration;

use super::fields::timestamp;
use super::obstacle::obstacle;
use super::{domain, names, tenant};
use crate::app::home::Home;
use crate::app::sessions::{ExchangeToken, ExplainAccess, LogIn, LogInByToken, MyTenants};
use crate::authz::policy;
use crate::context::OpContext;
use crate::domain::access_check::{AccessAnswer, AccessQuestion};
use crate::domain::error::{Error, Result};
use crate::domain::lifecycle::State;
use crate::domain::name::{ImpersonationReason, UserName};
use crate::domain::user::SUPERUSER;
use crate::proto::v1;
use crate::store::sessions::OpenSession;

/// The tenants in which the caller works.
pub fn my_tenants(op: &OpContext, found: MyTenants) -> Vec<v1::MyTenant> {
    let caller = op.permit().caller();
    let message = |(row, object_count): (crate::store::my_tenants::MyTenant, i64)| v1::MyTenant {
        tenant: format!("tenants/{}", row.code),
        display_name: row.display_name,
        usable: row.usable,
        active: caller.is_some_and(|caller| caller.active == row.tenant),
        home: caller.is_some_and(|caller| caller.user.home == row.tenant),
        default_tenant: found.default == row.tenant,
        object_count,
    };
    found.page.rows.into_iter().map(message).collect()
}

/// A session of that user.
pub fn session(op: &OpContext, user: &str, row: OpenSession) -> v1::Session {
    v1::Session {
        name: format!("{user}/sessions/{}", row.id),
        active_tenant: format!("tenants/{}", row.active),
        current: op.permit().caller().is_some_and(|caller| caller.session_id() == Some(row.id)),
        create_time: Some(timestamp(row.created_at)),
        refresh_time: Some(timestamp(row.refreshed_at)),
        expire_time: Some(timestamp(row.expires_at)),
    }
}

/// What CreateSession is sent.
pub enum Shown {
    /// User name and password.
    Password(LogIn),
    /// A token of an identity provider.
    Token(LogInByToken),
}

/// Who wants to log in, in one of two ways.
pub fn log_in(request: v1::CreateSessionRequest) -> Result<Shown> {
    let active_tenant = tenant_code("active_tenant", request.active_tenant)?;
    if request.id_token.is_empty() {
        let (user_name, home) = account(request.user_name, request.tenant, &request.domain)?;
        if request.password.is_empty() || request.password.len() > 4096 {
            return Err(Error::field("password", "must have 1 to 256 characters"));
        }
        return Ok(Shown::Password(LogIn { user_name, password: request.password.into(), home, active_tenant }));
    }
    let beside = [("user_name", request.user_name), ("password", request.password), ("domain", request.domain)];
    if let Some((field, _)) = beside.iter().find(|(_, text)| !text.is_empty()) {
        return Err(Error::field(*field, "must be empty when id_token is given"));
    }
    if request.id_token.len() > LONGEST_TOKEN {
        return Err(Error::field("id_token", format!("must have at most {LONGEST_TOKEN} characters")));
    }
    let home = tenant_code("tenant", request.tenant)?;
    Ok(Shown::Token(LogInByToken { token: request.id_token.into(), home, active_tenant }))
}

/// Bytes of a token of an identity provider, as in the metadata of calls.
const LONGEST_TOKEN: usize = 6 * 1024;

/// The code or the uid of a tenant, if one is named.
fn tenant_code(field: &str, text: String) -> Result<Option<String>> {
    if text.len() > 64 {
        return Err(Error::field(field, "must be the code or the uid of a tenant"));
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// A user name, and the home: it stands in the user name or beside it, by code, uid or domain, and once only.
pub fn account(user_name: String, tenant: String, domain: &str) -> Result<(String, Home)> {
    if !tenant.is_empty() && !domain.is_empty() {
        return Err(Error::field("domain", "must be empty when tenant is given"));
    }
    let beside = match (tenant.is_empty(), domain.is_empty()) {
        (true, true) => Home::Only,
        (false, _) => Home::Named(tenant),
        (true, false) => Home::At(domain::name("domain", domain)?),
    };
    let (user_name, home) = match (user_name.rsplit_once('@'), beside) {
        (Some((name, code)), Home::Only) => (name.to_owned(), Home::Named(code.to_owned())),
        (Some(_), beside) => {
            let field = if matches!(beside, Home::At(_)) { "domain" } else { "tenant" };
            return Err(Error::field(field, "must be empty when user_name is written as name@code"));
        }
        (None, beside) => (user_name, beside),
    };
    if user_name.is_empty() || user_name.len() > 1024 {
        return Err(Error::field("user_name", "must have 1 to 64 characters, alone or as name@code"));
    }
    if matches!(&home, Home::Named(tenant) if tenant.len() > 64) {
        return Err(Error::field("tenant", "must be the code or the uid of a tenant"));
    }
    Ok((user_name, home))
}

/// For whom and why the caller wants a token, and for how long.
pub fn exchange(request: v1::ExchangeTokenRequest) -> Result<ExchangeToken> {
    let user = if request.user_name.is_empty() { SUPERUSER } else { &request.user_name };
    let seconds = request.lifetime.map_or(Ok(ExchangeToken::LONGEST.as_secs()), |lifetime| {
        let most = ExchangeToken::LONGEST.as_secs();
        u64::try_from(lifetime.seconds)
            .ok()
            .filter(|seconds| (1..=most).contains(seconds) && lifetime.nanos == 0)
            .ok_or_else(|| Error::field("lifetime", format!("must be 1 to {most} whole seconds; absent: {most}")))
    })?;
    Ok(ExchangeToken {
        tenant: names::tenant("tenant", &request.tenant)?,
        user_name: UserName::parse(user).map_err(|allowed| Error::field("user_name", allowed))?,
        reason: ImpersonationReason::parse(&request.reason).map_err(|allowed| Error::field("reason", allowed))?,
        life: Duration::from_secs(seconds),
    })
}

/// What is to be explained.
pub fn explain(request: v1::ExplainAccessRequest) -> Result<ExplainAccess> {
    let unknown = || Error::field("method", "must be a method, such as `UserService.CreateGroup`");
    let policy = policy::named(&request.method).ok_or_else(unknown)?;
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    let acting_for = given(request.acting_for);
    let tenant = given(request.tenant).map(|tenant| names::tenant("tenant", &tenant)).transpose()?;
    if tenant.is_none() && (policy.names_tenant() || acting_for.is_some()) {
        return Err(Error::field("tenant", "must be `tenants/{code}` or `tenants/{uid}`: the call is on a tenant"));
    }
    Ok(ExplainAccess {
        policy,
        tenant,
        user: given(request.user).map(|user| names::named("user", &user)).transpose()?,
        acting_for: acting_for
            .map(|name| UserName::parse(&name).map_err(|allowed| Error::field("acting_for", allowed)))
            .transpose()?,
    })
}

/// What CheckAccess asks.
pub fn question(request: v1::CheckAccessRequest) -> Result<AccessQuestion> {
    // The policy's tenant may be all of them, and may have more behind it.
    names::tenant("tenant", &request.tenant)?;
    let user = Some(&request.user).filter(|user| !user.is_empty());
    let user = user.map(|user| names::named("user", user)).transpose()?;
    if user.is_none() && !request.privileges.is_empty() {
        return Err(Error::field("user", "is required with privileges: it is the user who holds them"));
    }
    for (field, names) in [("privileges", &request.privileges), ("features", &request.features)] {
        if names.len() > 100 {
            return Err(Error::field(field, "must name at most 100"));
        }
    }
    let privileges = names::privileges("privileges", &request.privileges, 0)?;
    Ok(AccessQuestion { user, privileges, features: request.features })
}

/// What CheckAccess answers.
pub fn answer(answer: AccessAnswer) -> v1::CheckAccessResponse {
    let facts = answer.facts;
    v1::CheckAccessResponse {
        allowed: answer.obstacles.is_empty(),
        tenant: format!("tenants/{}", facts.code),
        tenant_uid: facts.tenant.to_string(),
        tenant_usable: facts.state == State::Active,
        tenant_state: tenant::state(facts.state).into(),
        tenant_lock_reason: tenant::lock_reason(facts.lock_reason).into(),
        user_usable: answer.user_usable,
        missing_privileges: answer.missing_privileges,
        missing_features: answer.missing_features,
        obstacles: answer.obstacles.into_iter().map(obstacle).collect(),
    }
}
