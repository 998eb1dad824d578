//! SessionService: decode, call the use case, encode.

use super::convert::fields::timestamp;
use super::convert::obstacle::obstacle;
use super::convert::session::{self, Shown};
use super::convert::{names, page};
use super::guarded::SessionServiceHandler;
use crate::app::App;
use crate::app::sessions::{Issued, Whose};
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::proto::v1;
use crate::store::my_tenants::MyTenant;

/// The service.
pub struct SessionService(pub App);

#[tonic::async_trait]
impl SessionServiceHandler for SessionService {
    async fn create_session(
        &self,
        op: OpContext,
        request: v1::CreateSessionRequest,
    ) -> Result<v1::CreateSessionResponse> {
        let session = match session::log_in(request)? {
            Shown::Password(log_in) => self.0.log_in(&op, log_in).await?,
            Shown::Token(log_in) => self.0.log_in_by_token(&op, log_in).await?,
        };
        let tenant = |tenant: MyTenant| v1::SessionTenant {
            tenant: format!("tenants/{}", tenant.code),
            display_name: tenant.display_name,
        };
        Ok(v1::CreateSessionResponse {
            access_token: session.tokens.access_token,
            access_expire_time: Some(timestamp(session.tokens.access_expires)),
            refresh_token: session.tokens.refresh_token,
            user: format!("tenants/{}/users/{}", session.home_code, session.user.id),
            tenant: format!("tenants/{}", session.active_code),
            password_change_required: session.user.must_change_password,
            tenants: session.tenants.into_iter().map(tenant).collect(),
        })
    }

    async fn refresh_session(
        &self,
        _: OpContext,
        request: v1::RefreshSessionRequest,
    ) -> Result<v1::RefreshSessionResponse> {
        let Issued { access_token, access_expires, refresh_token } = self.0.refresh(&request.refresh_token).await?;
        let access_expire_time = Some(timestamp(access_expires));
        Ok(v1::RefreshSessionResponse { access_token, access_expire_time, refresh_token })
    }

    async fn switch_tenant(&self, op: OpContext, request: v1::SwitchTenantRequest) -> Result<v1::SwitchTenantResponse> {
        let wanted = names::tenant("tenant", &request.tenant)?;
        let (Issued { access_token, access_expires, refresh_token }, code) = self.0.switch_tenant(op, wanted).await?;
        let (access_expire_time, tenant) = (Some(timestamp(access_expires)), format!("tenants/{code}"));
        Ok(v1::SwitchTenantResponse { access_token, access_expire_time, refresh_token, tenant })
    }

    async fn exchange_token(
        &self,
        op: OpContext,
        request: v1::ExchangeTokenRequest,
    ) -> Result<v1::ExchangeTokenResponse> {
        let exchanged = self.0.exchange_token(op, session::exchange(request)?).await?;
        Ok(v1::ExchangeTokenResponse {
            access_token: exchanged.access_token,
            issued_token_type: "urn:ietf:params:oauth:token-type:access_token".into(),
            token_type: "Bearer".into(),
            access_expire_time: Some(timestamp(exchanged.expires)),
            tenant: format!("tenants/{}", exchanged.tenant_code),
            acting_for: format!("tenants/{}/users/{}", exchanged.tenant_code, exchanged.acting_for),
        })
    }

    async fn explain_access(
        &self,
        op: OpContext,
        request: v1::ExplainAccessRequest,
    ) -> Result<v1::ExplainAccessResponse> {
        let found = self.0.explain_access(op, session::explain(request)?).await?;
        Ok(v1::ExplainAccessResponse {
            allowed: found.is_empty(),
            obstacles: found.into_iter().map(obstacle).collect(),
        })
    }

    async fn check_access(&self, op: OpContext, request: v1::CheckAccessRequest) -> Result<v1::CheckAccessResponse> {
        let answer = self.0.check_access(op, session::question(request)?).await?;
        Ok(session::answer(answer))
    }

    async fn list_my_tenants(
        &self,
        op: OpContext,
        request: v1::ListMyTenantsRequest,
    ) -> Result<v1::ListMyTenantsResponse> {
        let after = page::open(&self.0.root, &op, "", &request.page_token)?;
        let found = self.0.list_my_tenants(op.clone(), after, page::size(request.page_size)?).await?;
        Ok(v1::ListMyTenantsResponse {
            next_page_token: page::seal(&self.0.root, &op, "", found.page.next.as_ref())?,
            total_size: page::total(found.total),
            total_size_estimated: page::is_estimate(found.total),
            switcher: found.total > 1,
            tenants: session::my_tenants(&op, found),
        })
    }

    async fn list_sessions(&self, op: OpContext, request: v1::ListSessionsRequest) -> Result<v1::ListSessionsResponse> {
        let parent = Some(&request.parent).filter(|parent| !parent.is_empty());
        let parent = parent.map(|parent| names::named("parent", parent)).transpose()?;
        let after = page::open(&self.0.root, &op, &request.parent, &request.page_token)?;
        let (found, user) = self.0.list_sessions(op.clone(), parent, after, page::size(request.page_size)?).await?;
        Ok(v1::ListSessionsResponse {
            next_page_token: page::seal(&self.0.root, &op, &request.parent, found.next.as_ref())?,
            sessions: found.rows.into_iter().map(|row| session::session(&op, &user, row)).collect(),
        })
    }

    async fn delete_session(
        &self,
        op: OpContext,
        request: v1::DeleteSessionRequest,
    ) -> Result<v1::DeleteSessionResponse> {
        let name = Some(&request.name).filter(|name| !name.is_empty());
        let named = name.map(|name| names::session("name", name)).transpose()?;
        self.0.end_session(op, named.map(|(user, session)| Whose { user, session })).await?;
        Ok(v1::DeleteSessionResponse {})
    }

    async fn test_privileges(
        &self,
        op: OpContext,
        request: v1::TestPrivilegesRequest,
    ) -> Result<v1::TestPrivilegesResponse> {
        if request.privileges.len() > 100 {
            return Err(Error::field("privileges", "must name at most 100"));
        }
        let asked = names::privileges("privileges", &request.privileges, 0)?;
        let held = self.0.held_privileges(op, asked).await?;
        Ok(v1::TestPrivilegesResponse { privileges: held })
    }

    async fn get_caller_identity(
        &self,
        op: OpContext,
        _: v1::GetCallerIdentityRequest,
    ) -> Result<v1::GetCallerIdentityResponse> {
        let facts = op.call().and_then(|call| call.facts.clone());
        let facts = facts.ok_or_else(|| Error::internal("context", "the call has no caller"))?;
        let acting = op.permit().acting();
        let home = self.0.code_of(facts.caller.user.home).await?;
        let tenant = self.0.code_of(acting.map_or(facts.caller.active, |acting| acting.tenant)).await?;
        let privileges = acting.map_or(&facts.privileges, |acting| &acting.privileges);
        Ok(v1::GetCallerIdentityResponse {
            user: format!("tenants/{home}/users/{}", facts.caller.user.user),
            user_name: facts.user_name.clone(),
            privileges: privileges.iter().map(|p| p.name().to_owned()).collect(),
            acting_for: acting.map(|a| format!("tenants/{tenant}/users/{}", a.acted_for.user)).unwrap_or_default(),
            impersonation_reason: acting.map(|a| a.acted_for.reason.to_string()).unwrap_or_default(),
            tenant: format!("tenants/{tenant}"),
        })
    }
}
