//! The calls on service identities, and what services ask.

use landlord::proto::v1;
use tonic::{Response, Status};

use super::client::Api;

/// That long, as messages have it.
pub fn days(days: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds: days * 24 * 3600, nanos: 0 })
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// An identity with these methods on these tenants; `*` is all of them.
pub fn identity(methods: &[&str], tenants: &[&str]) -> v1::ServiceIdentity {
    let all_tenants = tenants == ["*"];
    let tenants = if all_tenants { Vec::new() } else { owned(tenants) };
    v1::ServiceIdentity { methods: owned(methods), tenants, all_tenants, ..Default::default() }
}

impl Api {
    /// CreateServiceIdentity, with a key that is good for 30 days.
    pub async fn create_service(
        &self,
        id: &str,
        identity: v1::ServiceIdentity,
    ) -> Result<v1::CreateServiceIdentityResponse, Status> {
        let request = v1::CreateServiceIdentityRequest {
            service_identity_id: id.into(),
            service_identity: Some(identity),
            key_lifetime: days(30),
            validate_only: false,
        };
        self.client.admin().create_service_identity(request).await.map(Response::into_inner)
    }

    /// The same, of these methods on these tenants: the service as a caller.
    pub async fn service(&self, id: &str, methods: &[&str], tenants: &[&str]) -> Self {
        let made = self.create_service(id, identity(methods, tenants)).await.unwrap();
        self.with_token(&made.api_key)
    }

    /// GetServiceIdentity.
    pub async fn get_service(&self, name: &str) -> Result<v1::ServiceIdentity, Status> {
        let request = v1::GetServiceIdentityRequest { name: name.into() };
        self.client.admin().get_service_identity(request).await.map(|r| r.into_inner().service_identity.unwrap())
    }

    /// UpdateServiceIdentity of these fields.
    pub async fn update_service(
        &self,
        identity: v1::ServiceIdentity,
        paths: &[&str],
    ) -> Result<v1::ServiceIdentity, Status> {
        let update_mask = Some(prost_types::FieldMask { paths: owned(paths) });
        let request =
            v1::UpdateServiceIdentityRequest { service_identity: Some(identity), update_mask, ..Default::default() };
        self.client.admin().update_service_identity(request).await.map(|r| r.into_inner().service_identity.unwrap())
    }

    /// RotateServiceIdentity, with that overlap in seconds.
    pub async fn rotate(&self, name: &str, overlap: Option<i64>) -> Result<v1::RotateServiceIdentityResponse, Status> {
        let request = v1::RotateServiceIdentityRequest {
            name: name.into(),
            key_lifetime: days(30),
            overlap: overlap.map(|seconds| prost_types::Duration { seconds, nanos: 0 }),
            ..Default::default()
        };
        self.client.admin().rotate_service_identity(request).await.map(Response::into_inner)
    }

    /// DeleteServiceIdentity.
    pub async fn delete_service(&self, name: &str) -> Result<(), Status> {
        let request = v1::DeleteServiceIdentityRequest { name: name.into(), ..Default::default() };
        self.client.admin().delete_service_identity(request).await.map(|_| ())
    }

    /// CheckAccess.
    pub async fn check(&self, request: v1::CheckAccessRequest) -> Result<v1::CheckAccessResponse, Status> {
        self.client.sessions().check_access(request).await.map(Response::into_inner)
    }

    /// CheckAccess of a tenant alone.
    pub async fn usable(&self, tenant: &str) -> Result<bool, Status> {
        let request = v1::CheckAccessRequest { tenant: tenant.into(), ..Default::default() };
        self.check(request).await.map(|answer| answer.allowed)
    }
}
