//! SessionService: decode, call the use case, encode.

use super::convert::fields::timestamp;
use super::guarded::SessionServiceHandler;
use crate::app::App;
use crate::app::sessions::LogIn;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::proto::v1;

/// The service.
pub struct SessionService(pub App);

#[tonic::async_trait]
impl SessionServiceHandler for SessionService {
    async fn create_session(
        &self,
        op: OpContext,
        request: v1::CreateSessionRequest,
    ) -> Result<v1::CreateSessionResponse> {
        let session = self.0.log_in(&op, log_in(request)?).await?;
        Ok(v1::CreateSessionResponse {
            access_token: session.access_token,
            access_expire_time: Some(timestamp(session.access_expires)),
            refresh_token: session.refresh_token,
            user: format!("tenants/{}/users/{}", session.tenant_code, session.user.id),
            tenant: format!("tenants/{}", session.tenant_code),
            password_change_required: session.user.must_change_password,
        })
    }

    async fn refresh_session(
        &self,
        _: OpContext,
        request: v1::RefreshSessionRequest,
    ) -> Result<v1::RefreshSessionResponse> {
        let (access_token, expires, refresh_token) = self.0.refresh(&request.refresh_token).await?;
        let access_expire_time = Some(timestamp(expires));
        Ok(v1::RefreshSessionResponse { access_token, access_expire_time, refresh_token })
    }

    async fn delete_session(&self, op: OpContext, _: v1::DeleteSessionRequest) -> Result<v1::DeleteSessionResponse> {
        self.0.log_out(op).await?;
        Ok(v1::DeleteSessionResponse {})
    }

    async fn get_caller_identity(
        &self,
        op: OpContext,
        _: v1::GetCallerIdentityRequest,
    ) -> Result<v1::GetCallerIdentityResponse> {
        let facts = op.call().and_then(|call| call.facts.clone());
        let facts = facts.ok_or_else(|| Error::internal("context", "the call has no caller"))?;
        let name = |code: Option<String>, uid: String| format!("tenants/{}", code.unwrap_or(uid));
        let (home, active) = (facts.caller.user.home, facts.caller.active);
        let code = |found: Option<(_, String)>| found.map(|(_, code)| code);
        let home = name(code(self.0.resolve_tenant(&home.to_string()).await?), home.to_string());
        let tenant = name(code(self.0.resolve_tenant(&active.to_string()).await?), active.to_string());
        Ok(v1::GetCallerIdentityResponse {
            user: format!("{home}/users/{}", facts.caller.user.user),
            user_name: facts.user_name.clone(),
            tenant,
            privileges: facts.privileges.iter().map(|p| p.name().to_owned()).collect(),
            acting_for: String::new(),
        })
    }
}

/// The tenant stands in the user name or beside it, not in both.
fn log_in(request: v1::CreateSessionRequest) -> Result<LogIn> {
    let given = Some(request.tenant).filter(|tenant| !tenant.is_empty());
    let (user_name, tenant) = match (request.user_name.rsplit_once('@'), given) {
        (Some(_), Some(_)) => {
            return Err(Error::field("tenant", "must be empty when user_name is written as name@code"));
        }
        (Some((name, code)), None) => (name.to_owned(), Some(code.to_owned())),
        (None, given) => (request.user_name, given),
    };
    if user_name.is_empty() || user_name.len() > 1024 {
        return Err(Error::field("user_name", "must have 1 to 64 characters, alone or as name@code"));
    }
    if request.password.is_empty() || request.password.len() > 4096 {
        return Err(Error::field("password", "must have 1 to 256 characters"));
    }
    if tenant.as_ref().is_some_and(|tenant| tenant.len() > 64) {
        return Err(Error::field("tenant", "must be the code or the uid of a tenant"));
    }
    Ok(LogIn { user_name, password: request.password.into(), tenant })
}
