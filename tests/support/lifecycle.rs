//! The calls that lead a tenant through its life, and the obstacles that no call can put in its way.

use std::collections::BTreeMap;

use landlord::proto::v1;
use tokio_postgres::Client as Sql;
use tonic::{Response, Status};
use tonic_types::StatusExt as _;

use super::client::{Api, activation_code};
use super::server::TestServer;

/// What tenants' first administrators set in tests.
pub const ADMIN_PASSWORD: &str = "a password of her own";

impl Api {
    /// LockTenant.
    pub async fn lock(&self, name: &str) -> Result<v1::Tenant, Status> {
        let request = v1::LockTenantRequest { name: name.into(), ..Default::default() };
        self.client.tenants().lock_tenant(request).await.map(|r| r.into_inner().tenant.unwrap())
    }

    /// UnlockTenant.
    pub async fn unlock(&self, name: &str) -> Result<v1::Tenant, Status> {
        let request = v1::UnlockTenantRequest { name: name.into(), ..Default::default() };
        self.client.tenants().unlock_tenant(request).await.map(|r| r.into_inner().tenant.unwrap())
    }

    /// PrepareTenantDeletion.
    pub async fn prepare(&self, name: &str) -> Result<v1::PrepareTenantDeletionResponse, Status> {
        let request = v1::PrepareTenantDeletionRequest { name: name.into(), ..Default::default() };
        self.client.tenants().prepare_tenant_deletion(request).await.map(Response::into_inner)
    }

    /// CancelTenantDeletion.
    pub async fn cancel_deletion(&self, name: &str) -> Result<v1::CancelTenantDeletionResponse, Status> {
        let request = v1::CancelTenantDeletionRequest { name: name.into(), ..Default::default() };
        self.client.tenants().cancel_tenant_deletion(request).await.map(Response::into_inner)
    }

    /// DeleteTenant, with the name repeated as given.
    pub async fn delete(&self, name: &str, confirm_name: &str) -> Result<v1::DeleteTenantResponse, Status> {
        let confirm_name = confirm_name.into();
        let request = v1::DeleteTenantRequest { name: name.into(), confirm_name, ..Default::default() };
        self.client.tenants().delete_tenant(request).await.map(Response::into_inner)
    }

    /// RetryTenantProvisioning.
    pub async fn retry(&self, name: &str) -> Result<v1::RetryTenantProvisioningResponse, Status> {
        let request = v1::RetryTenantProvisioningRequest { name: name.into(), ..Default::default() };
        self.client.tenants().retry_tenant_provisioning(request).await.map(Response::into_inner)
    }

    /// UpdateTenant with that mask.
    pub async fn update(&self, tenant: v1::Tenant, paths: &[&str]) -> Result<v1::Tenant, Status> {
        let paths = paths.iter().map(|p| (*p).to_owned()).collect();
        let update_mask = Some(prost_types::FieldMask { paths });
        let request = v1::UpdateTenantRequest { tenant: Some(tenant), update_mask, ..Default::default() };
        self.client.tenants().update_tenant(request).await.map(|r| r.into_inner().tenant.unwrap())
    }

    /// Prepares a tenant and waits until it is prepared.
    pub async fn prepare_fully(&self, name: &str) {
        let begun = self.prepare(name).await.unwrap();
        self.succeed(begun.operation).await;
    }

    /// Deletes a tenant in both steps and waits until it is gone.
    pub async fn delete_fully(&self, name: &str) {
        let display_name = self.tenant(name).await.display_name;
        self.prepare_fully(name).await;
        let begun = self.delete(name, &display_name).await.unwrap();
        self.succeed(begun.operation).await;
    }

    /// Makes a tenant whose provisioning has failed; the server's provisioning must be broken.
    pub async fn failed_tenant(&self, display_name: &str) -> String {
        let created = self.create(display_name).await;
        let ended = self.wait(&created.operation.unwrap().name).await;
        assert_eq!(ended.state(), v1::operation::State::Failed, "{ended:?}");
        created.tenant.unwrap().name
    }
}

impl TestServer {
    /// Makes a tenant, and its administrator `anna`; gives the tenant's name and her client.
    pub async fn administrator(&self, display_name: &str) -> (String, Api) {
        let tenant = Some(v1::Tenant { display_name: display_name.into(), ..Default::default() });
        let email = "anna@example.com".into();
        let initial_admin = Some(v1::InitialAdmin { user_name: "anna".into(), email, ..Default::default() });
        let request = v1::CreateTenantRequest { tenant, initial_admin, ..Default::default() };
        let operator = self.operator().await;
        let created = operator.client.tenants().create_tenant(request).await.unwrap().into_inner();
        operator.succeed(created.operation).await;
        let tenant = created.tenant.unwrap();
        let code = activation_code(&self.mail_folder()).await;
        let anonymous = self.anonymous().await;
        let activate = v1::ActivateUserRequest { code, password: ADMIN_PASSWORD.into() };
        anonymous.client.users().activate_user(activate).await.unwrap();
        (tenant.name, anonymous.log_in(&format!("anna@{}", tenant.code), ADMIN_PASSWORD).await)
    }

    /// SQL with all rights, for what no call can do.
    pub async fn sql(&self) -> Sql {
        self.database.connect("postgres").await
    }

    /// From now on the directory of no tenant whose name begins with `Broken` can be set up.
    pub async fn break_provisioning(&self) {
        let obstacle = "CREATE OR REPLACE FUNCTION obstacle() RETURNS trigger LANGUAGE plpgsql
                AS $$ BEGIN RAISE 'in the way'; END $$;
            CREATE TRIGGER obstacle BEFORE INSERT ON groups FOR EACH ROW WHEN (NEW.tenant_name LIKE 'Broken%')
                EXECUTE FUNCTION obstacle()";
        self.sql().await.batch_execute(obstacle).await.unwrap();
    }

    /// The opposite.
    pub async fn mend_provisioning(&self) {
        self.sql().await.batch_execute("DROP TRIGGER obstacle ON groups").await.unwrap();
    }

    /// Keeps everybody from writing to a table until the connection is dropped.
    pub async fn hold(&self, table: &str) -> Sql {
        let sql = self.sql().await;
        sql.batch_execute(&format!("BEGIN; LOCK TABLE {table} IN SHARE MODE")).await.unwrap();
        sql
    }
}

/// The facts that a refusal's ErrorInfo has, without the correlation id.
pub fn facts(status: &Status) -> BTreeMap<String, String> {
    let facts = status.get_details_error_info().unwrap().metadata;
    facts.into_iter().filter(|(key, _)| key != "correlation_id").collect()
}
