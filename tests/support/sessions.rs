//! The calls on sessions.

use landlord::proto::v1;
use tonic::{Response, Status};

use super::client::Api;
use super::lifecycle::ADMIN_PASSWORD;
use super::server::TestServer;

impl Api {
    /// CreateSession with the password of tests' users, in that tenant.
    pub async fn session_in(&self, user_name: &str, active_tenant: &str) -> Result<v1::CreateSessionResponse, Status> {
        let (user_name, active_tenant) = (user_name.into(), active_tenant.into());
        let password = ADMIN_PASSWORD.into();
        let request = v1::CreateSessionRequest { user_name, password, active_tenant, ..Default::default() };
        self.client.sessions().create_session(request).await.map(Response::into_inner)
    }

    /// RefreshSession.
    pub async fn refresh(&self, token: &str) -> Result<v1::RefreshSessionResponse, Status> {
        let request = v1::RefreshSessionRequest { refresh_token: token.into() };
        self.client.sessions().refresh_session(request).await.map(Response::into_inner)
    }

    /// GetCallerIdentity.
    pub async fn who(&self) -> Result<v1::GetCallerIdentityResponse, Status> {
        let request = v1::GetCallerIdentityRequest {};
        self.client.sessions().get_caller_identity(request).await.map(Response::into_inner)
    }

    /// SwitchTenant.
    pub async fn switch_to(&self, tenant: &str) -> Result<v1::SwitchTenantResponse, Status> {
        let request = v1::SwitchTenantRequest { tenant: tenant.into() };
        self.client.sessions().switch_tenant(request).await.map(Response::into_inner)
    }

    /// ListMyTenants.
    pub async fn my_tenants(&self, page_size: i32, page_token: &str) -> Result<v1::ListMyTenantsResponse, Status> {
        let request = v1::ListMyTenantsRequest { page_size, page_token: page_token.into() };
        self.client.sessions().list_my_tenants(request).await.map(Response::into_inner)
    }

    /// ListSessions of one page.
    pub async fn sessions_of(&self, parent: &str) -> Result<Vec<v1::Session>, Status> {
        let request = v1::ListSessionsRequest { parent: parent.into(), ..Default::default() };
        self.client.sessions().list_sessions(request).await.map(|r| r.into_inner().sessions)
    }

    /// ResetPassword; gives the operation.
    pub async fn reset_password(&self, name: &str) -> Result<String, Status> {
        let request = v1::ResetPasswordRequest { name: name.into(), ..Default::default() };
        self.client.users().reset_password(request).await.map(|r| r.into_inner().operation)
    }

    /// SendActivationLink; gives the operation.
    pub async fn send_activation_link(&self, name: &str) -> Result<String, Status> {
        let request = v1::SendActivationLinkRequest { name: name.into(), ..Default::default() };
        self.client.users().send_activation_link(request).await.map(|r| r.into_inner().operation)
    }

    /// RequestPasswordReset.
    pub async fn request_reset(&self, user_name: &str) -> Result<v1::RequestPasswordResetResponse, Status> {
        let request = v1::RequestPasswordResetRequest { user_name: user_name.into(), ..Default::default() };
        self.client.users().request_password_reset(request).await.map(Response::into_inner)
    }

    /// CompletePasswordReset.
    pub async fn complete_reset(
        &self,
        code: &str,
        password: &str,
    ) -> Result<v1::CompletePasswordResetResponse, Status> {
        let request = v1::CompletePasswordResetRequest { code: code.into(), password: password.into() };
        self.client.users().complete_password_reset(request).await.map(Response::into_inner)
    }

    /// DeleteSession.
    pub async fn end_session(&self, name: &str) -> Result<(), Status> {
        let request = v1::DeleteSessionRequest { name: name.into() };
        self.client.sessions().delete_session(request).await.map(|_| ())
    }
}

/// Two tenants, and a user of the first one who works in both.
pub struct Guest {
    pub acme: String,
    pub anna: Api,
    pub beta: String,
    pub bert: Api,
    /// `ben@acme`, by its name at home.
    pub ben: String,
}

impl TestServer {
    /// Makes the tenants Acme, with its administrator anna and its user ben, and Beta, with its administrator bert, where ben
    /// is a guest.
    pub async fn guest(&self) -> Guest {
        let (acme, anna) = self.administrator("Acme").await;
        let (beta, bert) = self.another("Beta", "bert").await;
        let ben = anna.new_user(&acme, "ben").await.unwrap().name;
        self.operator().await.assign_users(&beta, &[&ben]).await.unwrap();
        self.enter("ben@acme").await;
        Guest { acme, anna, beta, bert, ben }
    }
}
