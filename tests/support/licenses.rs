//! The calls on licences.

use landlord::proto::v1;
use tonic::Status;

use super::client::Api;
use super::lifecycle::ADMIN_PASSWORD;

/// A kind of the system licence.
pub fn kind(name: &str, quantity: Option<i64>, permits_log_in: bool, privileges: &[&str]) -> v1::SystemLicenseKind {
    let privileges = privileges.iter().map(|name| (*name).to_owned()).collect();
    v1::SystemLicenseKind { kind: name.into(), quantity, permits_log_in, privileges, ..Default::default() }
}

/// UpdateTenantLicenses of these quantities.
pub fn allotment(name: &str, quantities: &[(&str, i64)]) -> v1::UpdateTenantLicensesRequest {
    let license = |(kind, quantity): &(&str, i64)| v1::TenantLicense {
        kind: (*kind).into(),
        quantity: *quantity,
        ..Default::default()
    };
    let licenses = quantities.iter().map(license).collect();
    let licenses = Some(v1::TenantLicenses { name: name.into(), licenses, ..Default::default() });
    v1::UpdateTenantLicensesRequest { licenses, ..Default::default() }
}

impl Api {
    /// GetSystemLicense.
    pub async fn system_license(&self) -> Result<v1::SystemLicense, Status> {
        let request = v1::GetSystemLicenseRequest {};
        self.client.admin().get_system_license(request).await.map(|r| r.into_inner().license.unwrap())
    }

    /// UpdateSystemLicense.
    pub async fn change_system(&self, request: v1::UpdateSystemLicenseRequest) -> Result<v1::SystemLicense, Status> {
        self.client.admin().update_system_license(request).await.map(|r| r.into_inner().license.unwrap())
    }

    /// UpdateSystemLicense with these kinds, and without those to remove.
    pub async fn set_kinds(
        &self,
        kinds: &[v1::SystemLicenseKind],
        remove: &[&str],
    ) -> Result<v1::SystemLicense, Status> {
        let license = Some(v1::SystemLicense { kinds: kinds.to_vec(), ..Default::default() });
        let remove_kinds = remove.iter().map(|name| (*name).to_owned()).collect();
        self.change_system(v1::UpdateSystemLicenseRequest { license, remove_kinds, ..Default::default() }).await
    }

    /// GetTenantLicenses.
    pub async fn licenses(&self, name: &str) -> Result<v1::TenantLicenses, Status> {
        let request = v1::GetTenantLicensesRequest { name: name.into() };
        self.client.tenants().get_tenant_licenses(request).await.map(|r| r.into_inner().licenses.unwrap())
    }

    /// UpdateTenantLicenses.
    pub async fn change_licenses(
        &self,
        request: v1::UpdateTenantLicensesRequest,
    ) -> Result<v1::TenantLicenses, Status> {
        self.client.tenants().update_tenant_licenses(request).await.map(|r| r.into_inner().licenses.unwrap())
    }

    /// UpdateTenantLicenses of these quantities.
    pub async fn allot(&self, name: &str, quantities: &[(&str, i64)]) -> Result<v1::TenantLicenses, Status> {
        self.change_licenses(allotment(name, quantities)).await
    }

    /// Seats of a kind that users of a tenant have.
    pub async fn used(&self, tenant: &str, kind: &str) -> i64 {
        let licenses = self.licenses(tenant).await.unwrap().licenses;
        licenses.into_iter().find(|license| license.kind == kind).unwrap().used
    }

    /// AssignLicense.
    pub async fn assign_license(&self, tenant: &str, kind: &str, users: &[&str]) -> Result<i32, Status> {
        let users = users.iter().map(|name| (*name).to_owned()).collect();
        let request =
            v1::AssignLicenseRequest { tenant: tenant.into(), kind: kind.into(), users, ..Default::default() };
        self.client.users().assign_license(request).await.map(|r| r.into_inner().assigned_count)
    }

    /// UnassignLicense.
    pub async fn unassign_license(&self, tenant: &str, kind: &str, users: &[&str]) -> Result<i32, Status> {
        let users = users.iter().map(|name| (*name).to_owned()).collect();
        let request =
            v1::UnassignLicenseRequest { tenant: tenant.into(), kind: kind.into(), users, ..Default::default() };
        self.client.users().unassign_license(request).await.map(|r| r.into_inner().unassigned_count)
    }

    /// Logs a user in who has the password of tests' users.
    pub async fn enter_as(&self, user_name: &str) -> Result<v1::CreateSessionResponse, Status> {
        self.session(user_name, ADMIN_PASSWORD).await
    }
}
