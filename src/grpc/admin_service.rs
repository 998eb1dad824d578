//! AdminService: decode, call the use case, encode.

use super::convert::identity_provider::{self, provider_id};
use super::convert::server::{self, server_id};
use super::convert::service_identity::{self, service_identity_id};
use super::convert::{admin, license, page};
use super::guarded::AdminServiceHandler;
use crate::app::App;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::proto::v1;
use crate::store::migrate;

/// The service.
pub struct AdminService(pub App);

#[tonic::async_trait]
impl AdminServiceHandler for AdminService {
    async fn get_version(&self, _: OpContext, _: v1::GetVersionRequest) -> Result<v1::GetVersionResponse> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Ok(v1::GetVersionResponse { version, schema_version: migrate::newest() })
    }

    async fn get_settings(&self, op: OpContext, _: v1::GetSettingsRequest) -> Result<v1::GetSettingsResponse> {
        Ok(v1::GetSettingsResponse { settings: Some(admin::settings(self.0.get_settings(op).await?)) })
    }

    async fn update_settings(
        &self,
        op: OpContext,
        request: v1::UpdateSettingsRequest,
    ) -> Result<v1::UpdateSettingsResponse> {
        let (patch, etag) = admin::update_settings(request)?;
        let changed = self.0.update_settings(op, patch, etag).await?;
        Ok(v1::UpdateSettingsResponse { settings: Some(admin::settings(changed)) })
    }

    async fn get_system_license(
        &self,
        op: OpContext,
        _: v1::GetSystemLicenseRequest,
    ) -> Result<v1::GetSystemLicenseResponse> {
        let license = license::system_license(self.0.get_system_license(op).await?);
        Ok(v1::GetSystemLicenseResponse { license: Some(license) })
    }

    async fn update_system_license(
        &self,
        op: OpContext,
        request: v1::UpdateSystemLicenseRequest,
    ) -> Result<v1::UpdateSystemLicenseResponse> {
        let (patch, etag) = license::update_system(request)?;
        let license = license::system_license(self.0.update_system_license(op, patch, etag).await?);
        Ok(v1::UpdateSystemLicenseResponse { license: Some(license) })
    }

    async fn create_server(&self, op: OpContext, request: v1::CreateServerRequest) -> Result<v1::CreateServerResponse> {
        let made = self.0.create_server(op, server::create(request)?).await?;
        Ok(v1::CreateServerResponse { server: Some(server::server(made)) })
    }

    async fn get_server(&self, op: OpContext, request: v1::GetServerRequest) -> Result<v1::GetServerResponse> {
        let found = self.0.get_server(op, server_id("name", &request.name)?).await?;
        Ok(v1::GetServerResponse { server: Some(server::server(found)) })
    }

    async fn list_servers(&self, op: OpContext, request: v1::ListServersRequest) -> Result<v1::ListServersResponse> {
        let after: Option<String> = page::open(&self.0.root, &op, "", &request.page_token)?;
        let (found, total) = self.0.list_servers(op.clone(), after, page::size(request.page_size)?).await?;
        Ok(v1::ListServersResponse {
            next_page_token: page::seal(&self.0.root, &op, "", found.next.as_ref())?,
            servers: found.rows.into_iter().map(server::server).collect(),
            total_size: i32::try_from(total).unwrap_or(i32::MAX),
        })
    }

    async fn update_server(&self, op: OpContext, request: v1::UpdateServerRequest) -> Result<v1::UpdateServerResponse> {
        let (id, patch, etag) = server::update(request)?;
        let changed = self.0.update_server(op, id, patch, etag).await?;
        Ok(v1::UpdateServerResponse { server: Some(server::server(changed)) })
    }

    async fn delete_server(&self, op: OpContext, request: v1::DeleteServerRequest) -> Result<v1::DeleteServerResponse> {
        self.0.delete_server(op, server_id("name", &request.name)?, request.etag).await?;
        Ok(v1::DeleteServerResponse {})
    }

    async fn create_identity_provider(
        &self,
        op: OpContext,
        request: v1::CreateIdentityProviderRequest,
    ) -> Result<v1::CreateIdentityProviderResponse> {
        let made = self.0.create_identity_provider(op, identity_provider::create(request)?).await?;
        let made = identity_provider::identity_provider(made);
        Ok(v1::CreateIdentityProviderResponse { identity_provider: Some(made) })
    }

    async fn get_identity_provider(
        &self,
        op: OpContext,
        request: v1::GetIdentityProviderRequest,
    ) -> Result<v1::GetIdentityProviderResponse> {
        let found = self.0.get_identity_provider(op, provider_id("name", &request.name)?).await?;
        let found = identity_provider::identity_provider(found);
        Ok(v1::GetIdentityProviderResponse { identity_provider: Some(found) })
    }

    async fn list_identity_providers(
        &self,
        op: OpContext,
        request: v1::ListIdentityProvidersRequest,
    ) -> Result<v1::ListIdentityProvidersResponse> {
        let after: Option<String> = page::open(&self.0.root, &op, "", &request.page_token)?;
        let (found, total) = self.0.list_identity_providers(op.clone(), after, page::size(request.page_size)?).await?;
        Ok(v1::ListIdentityProvidersResponse {
            next_page_token: page::seal(&self.0.root, &op, "", found.next.as_ref())?,
            identity_providers: found.rows.into_iter().map(identity_provider::identity_provider).collect(),
            total_size: i32::try_from(total).unwrap_or(i32::MAX),
        })
    }

    async fn update_identity_provider(
        &self,
        op: OpContext,
        request: v1::UpdateIdentityProviderRequest,
    ) -> Result<v1::UpdateIdentityProviderResponse> {
        let (id, patch, etag) = identity_provider::update(request)?;
        let changed = self.0.update_identity_provider(op, id, patch, etag).await?;
        let changed = identity_provider::identity_provider(changed);
        Ok(v1::UpdateIdentityProviderResponse { identity_provider: Some(changed) })
    }

    async fn delete_identity_provider(
        &self,
        op: OpContext,
        request: v1::DeleteIdentityProviderRequest,
    ) -> Result<v1::DeleteIdentityProviderResponse> {
        self.0.delete_identity_provider(op, provider_id("name", &request.name)?, request.etag).await?;
        Ok(v1::DeleteIdentityProviderResponse {})
    }

    async fn create_service_identity(
        &self,
        op: OpContext,
        request: v1::CreateServiceIdentityRequest,
    ) -> Result<v1::CreateServiceIdentityResponse> {
        let made = self.0.create_service_identity(op, service_identity::create(request)?).await?;
        Ok(service_identity::created(made))
    }

    async fn get_service_identity(
        &self,
        op: OpContext,
        request: v1::GetServiceIdentityRequest,
    ) -> Result<v1::GetServiceIdentityResponse> {
        let found = self.0.get_service_identity(op, service_identity_id("name", &request.name)?).await?;
        Ok(v1::GetServiceIdentityResponse { service_identity: Some(service_identity::service_identity(found)) })
    }

    async fn list_service_identities(
        &self,
        op: OpContext,
        request: v1::ListServiceIdentitiesRequest,
    ) -> Result<v1::ListServiceIdentitiesResponse> {
        let after: Option<String> = page::open(&self.0.root, &op, "", &request.page_token)?;
        let (found, total) = self.0.list_service_identities(op.clone(), after, page::size(request.page_size)?).await?;
        Ok(v1::ListServiceIdentitiesResponse {
            next_page_token: page::seal(&self.0.root, &op, "", found.next.as_ref())?,
            service_identities: found.rows.into_iter().map(service_identity::service_identity).collect(),
            total_size: i32::try_from(total).unwrap_or(i32::MAX),
        })
    }

    async fn update_service_identity(
        &self,
        op: OpContext,
        request: v1::UpdateServiceIdentityRequest,
    ) -> Result<v1::UpdateServiceIdentityResponse> {
        let changed = self.0.update_service_identity(op, service_identity::update(request)?).await?;
        Ok(v1::UpdateServiceIdentityResponse { service_identity: Some(service_identity::service_identity(changed)) })
    }

    async fn rotate_service_identity(
        &self,
        op: OpContext,
        request: v1::RotateServiceIdentityRequest,
    ) -> Result<v1::RotateServiceIdentityResponse> {
        let rotated = self.0.rotate_service_identity(op, service_identity::rotate(request)?).await?;
        Ok(service_identity::rotated(rotated))
    }

    async fn delete_service_identity(
        &self,
        op: OpContext,
        request: v1::DeleteServiceIdentityRequest,
    ) -> Result<v1::DeleteServiceIdentityResponse> {
        let id = service_identity_id("name", &request.name)?;
        self.0.delete_service_identity(op, id, request.etag).await?;
        Ok(v1::DeleteServiceIdentityResponse {})
    }
}
