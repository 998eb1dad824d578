//! The calls on impersonation, and callers who act for others.

use landlord::proto::v1;
use tonic::{Response, Status};

use super::client::Api;

/// Why operators act for others in tests.
pub const REASON: &str = "ticket 4711";

impl Api {
    /// The same caller, acting for the account of that user name by metadata.
    pub fn acting_as(&self, user_name: &str) -> Self {
        Self { client: self.client.clone().impersonating(user_name, REASON).unwrap() }
    }

    /// The same caller, selecting a tenant by metadata.
    pub fn within(&self, tenant: &str) -> Self {
        Self { client: self.client.clone().in_tenant(tenant).unwrap() }
    }

    /// ExchangeToken for superuser, for as many seconds.
    pub async fn exchange(&self, tenant: &str, seconds: Option<i64>) -> Result<v1::ExchangeTokenResponse, Status> {
        let lifetime = seconds.map(|seconds| prost_types::Duration { seconds, nanos: 0 });
        let (tenant, reason) = (tenant.into(), REASON.into());
        self.exchange_for(v1::ExchangeTokenRequest { tenant, reason, lifetime, ..Default::default() }).await
    }

    /// ExchangeToken.
    pub async fn exchange_for(&self, request: v1::ExchangeTokenRequest) -> Result<v1::ExchangeTokenResponse, Status> {
        self.client.sessions().exchange_token(request).await.map(Response::into_inner)
    }

    /// The same caller, acting for superuser by a token.
    pub async fn exchanged(&self, tenant: &str) -> Self {
        self.with_token(&self.exchange(tenant, None).await.unwrap().access_token)
    }

    /// SetImpersonationTarget.
    pub async fn mark(&self, user: &str, marked: bool) -> Result<v1::SetImpersonationTargetResponse, Status> {
        let request = v1::SetImpersonationTargetRequest { user: user.into(), marked, ..Default::default() };
        self.client.users().set_impersonation_target(request).await.map(Response::into_inner)
    }

    /// ListImpersonationTargets of one page.
    pub async fn targets(&self, parent: &str) -> Result<Vec<v1::ImpersonationTarget>, Status> {
        let request = v1::ListImpersonationTargetsRequest { parent: parent.into(), ..Default::default() };
        self.client.users().list_impersonation_targets(request).await.map(|r| r.into_inner().targets)
    }
}
