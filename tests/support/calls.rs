//! The calls on limits, features, logs, servers and operations, each in a line.

use landlord::proto::v1;
use tonic::{Response, Status};

use super::client::Api;

fn mask(paths: &[&str]) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: paths.iter().map(|p| (*p).to_owned()).collect() })
}

impl Api {
    /// GetTenant with its overview.
    pub async fn overview(&self, name: &str) -> v1::TenantOverview {
        let request = v1::GetTenantRequest { name: name.into(), view: v1::TenantView::Full.into() };
        self.client.tenants().get_tenant(request).await.unwrap().into_inner().row.unwrap().overview.unwrap()
    }

    /// GetTenantLimits.
    pub async fn limits(&self, name: &str) -> Result<v1::TenantLimits, Status> {
        let request = v1::GetTenantLimitsRequest { name: name.into() };
        self.client.tenants().get_tenant_limits(request).await.map(|r| r.into_inner().limits.unwrap())
    }

    /// UpdateTenantLimits with these fields and that mask.
    pub async fn set_limits(&self, limits: v1::TenantLimits, paths: &[&str]) -> Result<v1::TenantLimits, Status> {
        let request =
            v1::UpdateTenantLimitsRequest { limits: Some(limits), update_mask: mask(paths), ..Default::default() };
        self.client.tenants().update_tenant_limits(request).await.map(|r| r.into_inner().limits.unwrap())
    }

    /// UpdateTenantLimits of the maximum of users.
    pub async fn set_max_users(&self, name: &str, max_users: Option<i64>) -> Result<v1::TenantLimits, Status> {
        self.set_limits(v1::TenantLimits { name: name.into(), max_users, ..Default::default() }, &["max_users"]).await
    }

    /// GetTenantFeatures.
    pub async fn features(&self, name: &str) -> Result<v1::TenantFeatures, Status> {
        let request = v1::GetTenantFeaturesRequest { name: name.into() };
        self.client.tenants().get_tenant_features(request).await.map(|r| r.into_inner().features.unwrap())
    }

    /// UpdateTenantFeatures.
    pub async fn switch(&self, name: &str, enable: &[&str], disable: &[&str]) -> Result<v1::TenantFeatures, Status> {
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        let (enable, disable) = (names(enable), names(disable));
        let request = v1::UpdateTenantFeaturesRequest { name: name.into(), enable, disable, ..Default::default() };
        self.client.tenants().update_tenant_features(request).await.map(|r| r.into_inner().features.unwrap())
    }

    /// GetTenantMailTexts.
    pub async fn mail_texts(&self, name: &str) -> Result<v1::TenantMailTexts, Status> {
        let request = v1::GetTenantMailTextsRequest { name: name.into() };
        self.client.tenants().get_tenant_mail_texts(request).await.map(|r| r.into_inner().mail_texts.unwrap())
    }

    /// UpdateTenantMailTexts.
    pub async fn set_mail_texts(&self, mail_texts: v1::TenantMailTexts) -> Result<v1::TenantMailTexts, Status> {
        let request = v1::UpdateTenantMailTextsRequest { mail_texts: Some(mail_texts), ..Default::default() };
        self.client.tenants().update_tenant_mail_texts(request).await.map(|r| r.into_inner().mail_texts.unwrap())
    }

    /// UpdateSettings with these fields and that mask.
    pub async fn set(&self, settings: v1::Settings, paths: &[&str]) -> Result<v1::Settings, Status> {
        let settings = Some(settings);
        let request = v1::UpdateSettingsRequest { settings, update_mask: mask(paths), ..Default::default() };
        self.client.admin().update_settings(request).await.map(|r| r.into_inner().settings.unwrap())
    }

    /// GetSystemLicense: the seats of the kind base.
    pub async fn base_seats(&self) -> v1::SystemLicenseKind {
        let request = v1::GetSystemLicenseRequest {};
        let license = self.client.admin().get_system_license(request).await.unwrap().into_inner().license.unwrap();
        license.kinds.into_iter().find(|k| k.kind == "base").unwrap()
    }

    /// UpdateSystemLicense of the seats of the kind base.
    pub async fn set_base_seats(&self, quantity: Option<i64>) -> Result<v1::SystemLicense, Status> {
        let kinds = vec![v1::SystemLicenseKind { kind: "base".into(), quantity, ..Default::default() }];
        let license = Some(v1::SystemLicense { kinds, ..Default::default() });
        let request = v1::UpdateSystemLicenseRequest { license, ..Default::default() };
        self.client.admin().update_system_license(request).await.map(|r| r.into_inner().license.unwrap())
    }

    /// ListEvents of one page.
    pub async fn events(&self, parent: &str, filter: &str) -> Result<v1::ListEventsResponse, Status> {
        let (parent, filter) = (parent.into(), filter.into());
        let request = v1::ListEventsRequest { parent, filter, ..Default::default() };
        self.client.events().list_events(request).await.map(Response::into_inner)
    }

    /// GetEventSummary: infos, warnings and errors.
    pub async fn new_events(&self, parent: &str) -> (i64, i64, i64) {
        let request = v1::GetEventSummaryRequest { parent: parent.into() };
        let new = self.client.events().get_event_summary(request).await.unwrap().into_inner();
        (new.infos, new.warnings, new.errors)
    }

    /// MarkEventsSeen.
    pub async fn mark_seen(&self, parent: &str, seen_token: &str) -> Result<(), Status> {
        let (parent, seen_token) = (parent.into(), seen_token.into());
        let request = v1::MarkEventsSeenRequest { parent, seen_token, ..Default::default() };
        self.client.events().mark_events_seen(request).await.map(|_| ())
    }

    /// ClearEvents.
    pub async fn clear_events(&self, parent: &str, seen_token: &str) -> Result<(), Status> {
        let (parent, seen_token) = (parent.into(), seen_token.into());
        let request = v1::ClearEventsRequest { parent, seen_token, ..Default::default() };
        self.client.events().clear_events(request).await.map(|_| ())
    }

    /// ListAuditRecords of one page.
    pub async fn audit(&self, parent: &str, filter: &str) -> Result<Vec<v1::AuditRecord>, Status> {
        let (parent, filter) = (parent.into(), filter.into());
        let request = v1::ListAuditRecordsRequest { parent, filter, ..Default::default() };
        self.client.events().list_audit_records(request).await.map(|r| r.into_inner().audit_records)
    }

    /// CancelOperation.
    pub async fn cancel(&self, name: &str) -> Result<v1::Operation, Status> {
        let request = v1::CancelOperationRequest { name: name.into(), ..Default::default() };
        self.client.operations().cancel_operation(request).await.map(|r| r.into_inner().operation.unwrap())
    }

    /// RetryOperation.
    pub async fn retry_operation(&self, name: &str) -> Result<v1::Operation, Status> {
        let request = v1::RetryOperationRequest { name: name.into(), ..Default::default() };
        self.client.operations().retry_operation(request).await.map(|r| r.into_inner().operation.unwrap())
    }

    /// The operations of a tenant, newest first.
    pub async fn operations_of(&self, parent: &str) -> Vec<v1::Operation> {
        let request = v1::ListOperationsRequest { parent: parent.into(), ..Default::default() };
        self.client.operations().list_operations(request).await.unwrap().into_inner().operations
    }

    /// CreateServer.
    pub async fn create_server(&self, server_id: &str, server: v1::Server) -> Result<v1::Server, Status> {
        let (server_id, server) = (server_id.into(), Some(server));
        let request = v1::CreateServerRequest { server_id, server, ..Default::default() };
        self.client.admin().create_server(request).await.map(|r| r.into_inner().server.unwrap())
    }

    /// UpdateServer.
    pub async fn update_server(&self, server: v1::Server, paths: &[&str]) -> Result<v1::Server, Status> {
        let server = Some(server);
        let request = v1::UpdateServerRequest { server, update_mask: mask(paths), ..Default::default() };
        self.client.admin().update_server(request).await.map(|r| r.into_inner().server.unwrap())
    }

    /// DeleteServer.
    pub async fn delete_server(&self, name: &str) -> Result<(), Status> {
        let request = v1::DeleteServerRequest { name: name.into(), ..Default::default() };
        self.client.admin().delete_server(request).await.map(|_| ())
    }

    /// DeleteTenant with `force`.
    pub async fn delete_by_force(&self, name: &str, confirm_name: &str) -> Result<v1::DeleteTenantResponse, Status> {
        let (name, confirm_name) = (name.into(), confirm_name.into());
        let request = v1::DeleteTenantRequest { name, confirm_name, force: true, ..Default::default() };
        self.client.tenants().delete_tenant(request).await.map(Response::into_inner)
    }
}
