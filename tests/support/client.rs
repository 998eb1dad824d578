//! The API as a caller sees it, with what tests say often.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use landlord::client::Client;
use landlord::proto::v1;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::mail::link_code;

/// A caller.
#[derive(Clone)]
pub struct Api {
    pub client: Client,
}

impl Api {
    /// A caller without a credential.
    pub async fn connect(address: SocketAddr) -> Self {
        Self { client: Client::connect(format!("http://{address}")).await.unwrap() }
    }

    /// The same caller, logged in.
    pub async fn log_in(&self, user_name: &str, password: &str) -> Self {
        let session = self.session(user_name, password).await.unwrap();
        self.with_token(&session.access_token)
    }

    /// Asks for a session.
    pub async fn session(&self, user_name: &str, password: &str) -> Result<v1::CreateSessionResponse, Status> {
        let (user_name, password) = (user_name.into(), password.into());
        let request = v1::CreateSessionRequest { user_name, password, ..Default::default() };
        self.client.sessions().create_session(request).await.map(tonic::Response::into_inner)
    }

    /// The caller with that token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { client: self.client.clone().with_token(token).unwrap() }
    }

    /// Asks for a tenant of that name.
    pub async fn create(&self, display_name: &str) -> v1::CreateTenantResponse {
        let tenant = v1::Tenant { display_name: display_name.into(), ..Default::default() };
        let request = v1::CreateTenantRequest { tenant: Some(tenant), ..Default::default() };
        self.client.tenants().create_tenant(request).await.unwrap().into_inner()
    }

    /// Makes a tenant and waits until it is active; gives its resource name.
    pub async fn active_tenant(&self, display_name: &str) -> String {
        let created = self.create(display_name).await;
        self.succeed(created.operation).await;
        created.tenant.unwrap().name
    }

    /// Waits until the operation has ended, and wants it to have succeeded.
    pub async fn succeed(&self, operation: Option<v1::Operation>) -> v1::Operation {
        let ended = self.wait(&operation.unwrap().name).await;
        assert_eq!(ended.state(), v1::operation::State::Succeeded, "{ended:?}");
        ended
    }

    /// Waits until the operation has ended.
    pub async fn wait(&self, name: &str) -> v1::Operation {
        for _ in 0..4 {
            let timeout = Some(prost_types::Duration { seconds: 30, nanos: 0 });
            let request = v1::WaitOperationRequest { name: name.into(), timeout };
            let operation =
                self.client.operations().wait_operation(request).await.unwrap().into_inner().operation.unwrap();
            if operation.end_time.is_some() {
                return operation;
            }
        }
        panic!("{name} did not end");
    }

    /// The tenant's row.
    pub async fn row(&self, name: &str) -> Result<v1::TenantRow, Status> {
        let request = v1::GetTenantRequest { name: name.into(), ..Default::default() };
        self.client.tenants().get_tenant(request).await.map(|r| r.into_inner().row.unwrap())
    }

    /// The tenant.
    pub async fn tenant(&self, name: &str) -> v1::Tenant {
        self.row(name).await.unwrap().tenant.unwrap()
    }
}

/// The code and the reason of a refusal.
pub fn refusal(status: &Status) -> (Code, String) {
    let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
    (status.code(), reason)
}

/// Wants a refusal for that reason.
#[track_caller]
pub fn assert_refused<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, reason: &str) -> Status {
    let status = answer.expect_err("a refusal");
    assert_eq!(refusal(&status), (code, reason.to_owned()), "{status:?}");
    status
}

/// The fields that a refusal names, with what is allowed in each.
pub fn fields(status: &Status) -> Vec<(String, String)> {
    let details = status.get_details_bad_request().map(|b| b.field_violations).unwrap_or_default();
    details.into_iter().map(|v| (v.field, v.description)).collect()
}

/// Waits until the condition holds.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut condition: impl FnMut() -> F) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The code of the activation link in the only mail of the folder, once it is there.
pub async fn activation_code(folder: &Path) -> String {
    eventually("a mail with a link", || async {
        let mails: Vec<_> = std::fs::read_dir(folder)
            .ok()?
            .flatten()
            .filter(|f| f.path().extension().is_some_and(|e| e == "eml"))
            .collect();
        link_code(&std::fs::read(mails.first()?.path()).ok()?)
    })
    .await
}
