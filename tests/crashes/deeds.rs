//! How each deed is done, and what has to be in the books afterwards.

use std::cell::Cell;

use landlord::proto::v1::{self, operation::State};
use tonic::{Code, Response};

use super::life::{Deed, Life, Replicas, request_id};
use super::obstacles::Obstacle;
use crate::support::client::{Api, refusal};
use crate::support::licenses::allotment;
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::mail::link_code;

/// The life whose books [`super::books::Account::with_one_return`] has, but for the activation.
pub const WITH_ONE_RETURN: [Deed; 4] = [Deed::Create, Deed::Activate, Deed::Return, Deed::Delete];

/// The request for a tenant of that name with an administrator.
pub fn create_request(display_name: &str) -> v1::CreateTenantRequest {
    v1::CreateTenantRequest {
        tenant: Some(v1::Tenant { display_name: display_name.into(), ..Default::default() }),
        initial_admin: Some(v1::InitialAdmin {
            user_name: "anna".into(),
            email: "anna@example.com".into(),
            ..Default::default()
        }),
        request_id: request_id(),
        ..Default::default()
    }
}

/// The code in the one mail that the operation has sent.
pub fn code(folder: &std::path::Path, operation: &str) -> String {
    let id = operation.rsplit('/').next().unwrap();
    let files = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
    let files: Vec<_> = files.filter(|name| name.starts_with(id)).collect();
    let [file] = files.as_slice() else { panic!("not one mail of {operation}: {files:?}") };
    link_code(&std::fs::read(folder.join(file)).unwrap()).expect("a link")
}

impl<R: Replicas> Life<'_, R> {
    pub(super) async fn create(&mut self) {
        let begun = self.begin_to_create().await;
        self.provisioned(begun).await;
    }

    pub(super) async fn create_in_two_attempts(&mut self) {
        Obstacle::Directory.put(&self.scene.database, &self.display_name).await;
        let begun = self.begin_to_create().await;
        self.cancel(&begun.unwrap().name).await;
        self.account.moved("PROVISIONING_FAILED");
        Obstacle::Directory.remove(&self.scene.database, &self.display_name).await;
        let cancelled = self.newest("provision").await;
        let again = self.retry(&cancelled.name).await;
        self.account.moved("RETRY");
        self.provisioned(again).await;
    }

    async fn begin_to_create(&mut self) -> Option<v1::Operation> {
        let request = create_request(&self.display_name);
        let send = async |api: Api| api.client.tenants().create_tenant(request.clone()).await;
        let created = self.twice("CreateTenant", send).await;
        self.tenant = created.tenant.unwrap().name;
        self.account.moved("CREATE");
        created.operation
    }

    async fn provisioned(&mut self, operation: Option<v1::Operation>) {
        self.ends(operation, State::Succeeded).await;
        self.account.moved("PROVISIONED");
        self.active = true;
        self.mail = Some(self.newest("deliver-mail").await);
    }

    pub(super) async fn activate(&mut self) {
        let mail = self.mail.take();
        let mail = self.ends(mail, State::Succeeded).await;
        let code = code(&self.scene.mail, &mail.name);
        let request = v1::ActivateUserRequest { code, password: ADMIN_PASSWORD.into() };
        let attempts = Cell::new(0);
        self.call(async |api: Api| {
            attempts.set(attempts.get() + 1);
            match api.client.users().activate_user(request.clone()).await {
                // Then it was the attempt that got no answer.
                Err(status) if refusal(&status).1 == "LINK_USED" && attempts.get() > 1 => Ok(Response::new(())),
                other => other.map(|_| Response::new(())),
            }
        })
        .await;
        self.account.activated();
    }

    pub(super) async fn activate_in_two_attempts(&mut self) {
        let mail = self.mail.take().unwrap();
        self.cancel(&mail.name).await;
        Obstacle::Mail.remove(&self.scene.database, &self.display_name).await;
        self.mail = self.retry(&mail.name).await;
        self.activate().await;
    }

    /// Cancels an operation that can't get on, and waits until it has been undone.
    async fn cancel(&mut self, operation: &str) {
        let request =
            v1::CancelOperationRequest { name: operation.into(), request_id: request_id(), ..Default::default() };
        let send = async |api: Api| api.client.operations().cancel_operation(request.clone()).await;
        let asked = self.twice("CancelOperation", send).await;
        self.ends(asked.operation, State::Cancelled).await;
    }

    async fn retry(&mut self, operation: &str) -> Option<v1::Operation> {
        let request =
            v1::RetryOperationRequest { name: operation.into(), request_id: request_id(), ..Default::default() };
        let send = async |api: Api| api.client.operations().retry_operation(request.clone()).await;
        self.twice("RetryOperation", send).await.operation
    }

    pub(super) async fn lock(&mut self) {
        if !self.active {
            self.unlock().await;
        }
        let token = self.log_in().await;
        self.account.logged_in();
        self.seated |= self.licenses > 0;
        assert_eq!(self.caller(&token).await, Ok(()), "{}: a session that was answered stands", self.display_name);
        let request =
            v1::LockTenantRequest { name: self.tenant.clone(), request_id: request_id(), ..Default::default() };
        let send = async |api: Api| api.client.tenants().lock_tenant(request.clone()).await;
        self.twice("LockTenant", send).await;
        self.account.moved("LOCK");
        let locked = (Code::Unauthenticated, "TOKEN_INVALID".to_owned());
        assert_eq!(self.caller(&token).await, Err(locked), "{}: a lock ends each session", self.display_name);
        self.unlock().await;
    }

    async fn unlock(&mut self) {
        let request =
            v1::UnlockTenantRequest { name: self.tenant.clone(), request_id: request_id(), ..Default::default() };
        let send = async |api: Api| api.client.tenants().unlock_tenant(request.clone()).await;
        self.twice("UnlockTenant", send).await;
        self.account.moved("UNLOCK");
        self.active = true;
    }

    async fn log_in(&mut self) -> String {
        let user_name = format!("anna@{}", self.tenant.strip_prefix("tenants/").unwrap());
        let request = v1::CreateSessionRequest { user_name, password: ADMIN_PASSWORD.into(), ..Default::default() };
        self.call(async |api: Api| api.client.sessions().create_session(request.clone()).await).await.access_token
    }

    /// What whoever has that token is told.
    async fn caller(&mut self, token: &str) -> Result<(), (Code, String)> {
        let ask = async |api: Api| {
            let caller = api.with_token(token);
            let answer = caller.client.sessions().get_caller_identity(v1::GetCallerIdentityRequest {}).await;
            match answer {
                Err(status) if status.code() == Code::Unauthenticated => Ok(Response::new(Err(refusal(&status)))),
                other => other.map(|_| Response::new(Ok(()))),
            }
        };
        self.call(ask).await
    }

    pub(super) async fn rename(&mut self) {
        let display_name = format!("{} Renamed", self.display_name);
        let tenant =
            Some(v1::Tenant { name: self.tenant.clone(), display_name: display_name.clone(), ..Default::default() });
        let update_mask = Some(prost_types::FieldMask { paths: vec!["display_name".into()] });
        let request = v1::UpdateTenantRequest { tenant, update_mask, request_id: request_id(), ..Default::default() };
        let send = async |api: Api| api.client.tenants().update_tenant(request.clone()).await;
        self.twice("UpdateTenant", send).await;
        self.display_name = display_name;
    }

    pub(super) async fn limit(&mut self) {
        self.max_users = Some(self.max_users.unwrap_or(10) + 1);
        let limits =
            Some(v1::TenantLimits { name: self.tenant.clone(), max_users: self.max_users, ..Default::default() });
        let update_mask = Some(prost_types::FieldMask { paths: vec!["max_users".into()] });
        let request =
            v1::UpdateTenantLimitsRequest { limits, update_mask, request_id: request_id(), ..Default::default() };
        let send = async |api: Api| api.client.tenants().update_tenant_limits(request.clone()).await;
        self.twice("UpdateTenantLimits", send).await;
    }

    pub(super) async fn license(&mut self) {
        self.licenses += 10;
        let request = v1::UpdateTenantLicensesRequest {
            request_id: request_id(),
            ..allotment(&self.tenant, &[("base", self.licenses)])
        };
        let send = async |api: Api| api.client.tenants().update_tenant_licenses(request.clone()).await;
        self.twice("UpdateTenantLicenses", send).await;
    }

    pub(super) async fn extend(&mut self) {
        const LEAST: u128 = 100_000_000_000_000_000;
        self.numbers.push((LEAST + uuid::Uuid::new_v4().as_u128() % LEAST).to_string());
        let request = v1::SetTenantExtensionsRequest {
            name: self.tenant.clone(),
            ranges: self.numbers.clone(),
            request_id: request_id(),
            ..Default::default()
        };
        let send = async |api: Api| api.client.tenants().set_tenant_extensions(request.clone()).await;
        self.twice("SetTenantExtensions", send).await;
    }

    pub(super) async fn switch_feature_on(&mut self) {
        let feature = format!("f{}", self.features.len());
        let request = v1::UpdateTenantFeaturesRequest {
            name: self.tenant.clone(),
            enable: vec![feature.clone()],
            request_id: request_id(),
            ..Default::default()
        };
        let send = async |api: Api| api.client.tenants().update_tenant_features(request.clone()).await;
        self.twice("UpdateTenantFeatures", send).await;
        self.features.push(feature);
    }

    async fn prepare(&mut self) -> Option<v1::Operation> {
        let request = v1::PrepareTenantDeletionRequest {
            name: self.tenant.clone(),
            request_id: request_id(),
            ..Default::default()
        };
        let send = async |api: Api| api.client.tenants().prepare_tenant_deletion(request.clone()).await;
        let begun = self.twice("PrepareTenantDeletion", send).await;
        self.account.moved("PREPARE");
        self.active = false;
        begun.operation
    }

    async fn prepare_fully(&mut self) {
        let begun = self.prepare().await;
        self.ends(begun, State::Succeeded).await;
        self.account.moved("FROZEN");
    }

    async fn cancel_deletion(&mut self) -> Option<v1::Operation> {
        let request = v1::CancelTenantDeletionRequest {
            name: self.tenant.clone(),
            request_id: request_id(),
            ..Default::default()
        };
        let send = async |api: Api| api.client.tenants().cancel_tenant_deletion(request.clone()).await;
        self.twice("CancelTenantDeletion", send).await.operation
    }

    pub(super) async fn come_back(&mut self) {
        self.prepare_fully().await;
        let thaw = self.cancel_deletion().await;
        self.account.moved("UNDELETE");
        self.ends(thaw, State::Succeeded).await;
    }

    pub(super) async fn turn_back(&mut self) {
        let begun = self.prepare().await;
        let told = self.account.clone();
        let thaw = self.cancel_deletion().await;
        // Which of the two came first is told by the preparation, and what it did stands in the books before the other.
        let preparation = self.end(begun).await;
        self.account = told;
        if preparation.state() == State::Succeeded {
            self.account.ended("prepare-deletion", "SUCCEEDED");
            self.account.moved("FROZEN");
        } else {
            self.account.ended("prepare-deletion", "CANCELLED");
        }
        self.account.called("CancelTenantDeletion");
        self.account.moved("UNDELETE");
        self.ends(thaw, State::Succeeded).await;
    }

    pub(super) async fn delete(&mut self) {
        self.prepare_fully().await;
        let begun = self.begin_to_delete(false).await;
        self.account.moved("PURGE_STARTED");
        self.ends(begun, State::Succeeded).await;
        self.account.moved("PURGED");
    }

    pub(super) async fn delete_by_force(&mut self) {
        let begun = self.begin_to_delete(true).await;
        self.account.moved("PREPARE");
        self.ends(begun, State::Succeeded).await;
        for cause in ["FROZEN", "PURGE_STARTED", "PURGED"] {
            self.account.moved(cause);
        }
    }

    async fn begin_to_delete(&mut self, force: bool) -> Option<v1::Operation> {
        let request = v1::DeleteTenantRequest {
            name: self.tenant.clone(),
            confirm_name: self.display_name.clone(),
            force,
            request_id: request_id(),
            ..Default::default()
        };
        let send = async |api: Api| api.client.tenants().delete_tenant(request.clone()).await;
        self.twice("DeleteTenant", send).await.operation
    }
}
