//! A tenant's whole life, as a client leads it that repeats what got no answer.

use std::path::Path;

use landlord::proto::v1;
use tonic::Status;

use super::books;
use super::stand::{Stand, operator};
use crate::support::client::{Api, refusal};
use crate::support::process::Process;
use crate::support::server::TestServer;

/// The life of one tenant on one replica, and on another one once that is dead.
pub struct Life<'a> {
    stand: &'a Stand,
    name: String,
    api: Option<Api>,
    victim: Option<Process>,
    survivor: Option<TestServer>,
    killed_at: Option<String>,
}

/// A request id for each call of a life.
pub fn request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

impl<'a> Life<'a> {
    /// One of a tenant of that name, begun on `victim`.
    pub async fn new(stand: &'a Stand, victim: Option<Process>, name: &str) -> Self {
        let api = match &victim {
            Some(victim) => operator(victim).await,
            None => None,
        };
        let mut life = Self { stand, name: name.to_owned(), api: None, victim, survivor: None, killed_at: None };
        match api {
            Some(api) => life.api = Some(api),
            None => life.move_on("log-in").await,
        }
        life
    }

    /// Leads it to its end and checks the books; says at which kind of operation the replica was killed, if it was.
    pub async fn lead(mut self) -> Option<String> {
        let tenant = self.create().await;
        self.receive_mail(&tenant).await;
        self.prepare(&tenant).await;
        self.cancel(&tenant).await;
        self.prepare(&tenant).await;
        self.delete(&tenant).await;
        books::check(&self.stand.database, tenant.strip_prefix("tenants/").unwrap()).await;
        self.killed_at
    }

    async fn create(&mut self) -> String {
        let request = create_request(&self.name);
        let send = async |api: Api| api.client.tenants().create_tenant(request.clone()).await;
        let created = self.twice(send).await;
        self.succeed(created.operation).await;
        created.tenant.unwrap().name
    }

    async fn receive_mail(&mut self, tenant: &str) {
        let list = v1::ListOperationsRequest { parent: tenant.into(), ..Default::default() };
        let listed = self.call(async |api: Api| api.client.operations().list_operations(list.clone()).await).await;
        let mail = listed.operations.into_iter().find(|o| o.kind == "deliver-mail");
        let mail = self.succeed(mail).await;
        let id = mail.name.rsplit('/').next().unwrap();
        let request =
            v1::ActivateUserRequest { code: code(self.stand.mail(), id), password: "a password of her own".into() };
        let before = self.killed_at.clone();
        let activated = self
            .call(async |api: Api| match api.client.users().activate_user(request.clone()).await {
                Err(status) if refusal(&status).1 == "LINK_USED" => Ok(tonic::Response::new(None)),
                other => other.map(|answer| tonic::Response::new(Some(answer.into_inner()))),
            })
            .await;
        assert!(activated.is_some() || before != self.killed_at, "the link of the mail was used by nobody else");
    }

    async fn prepare(&mut self, tenant: &str) {
        let request =
            v1::PrepareTenantDeletionRequest { name: tenant.into(), request_id: request_id(), ..Default::default() };
        let send = async |api: Api| api.client.tenants().prepare_tenant_deletion(request.clone()).await;
        let begun = self.twice(send).await;
        self.succeed(begun.operation).await;
    }

    async fn cancel(&mut self, tenant: &str) {
        let request =
            v1::CancelTenantDeletionRequest { name: tenant.into(), request_id: request_id(), ..Default::default() };
        let send = async |api: Api| api.client.tenants().cancel_tenant_deletion(request.clone()).await;
        let begun = self.twice(send).await;
        self.succeed(begun.operation).await;
    }

    async fn delete(&mut self, tenant: &str) {
        let request = v1::DeleteTenantRequest {
            name: tenant.into(),
            confirm_name: self.name.clone(),
            request_id: request_id(),
            ..Default::default()
        };
        let begun = self.twice(async |api: Api| api.client.tenants().delete_tenant(request.clone()).await).await;
        self.succeed(begun.operation).await;
    }

    /// Makes a call that changes something, and again: whichever replica answers, it answers the same.
    async fn twice<T: PartialEq + std::fmt::Debug>(
        &mut self,
        send: impl AsyncFn(Api) -> Result<tonic::Response<T>, Status>,
    ) -> T {
        let first = self.call(&send).await;
        let again = self.call(&send).await;
        assert_eq!(first, again, "a repeat is answered as the first");
        first
    }

    async fn succeed(&mut self, operation: Option<v1::Operation>) -> v1::Operation {
        let request = v1::WaitOperationRequest { name: operation.unwrap().name, timeout: None };
        let send = async |api: Api| api.client.operations().wait_operation(request.clone()).await;
        let ended = self.call(send).await.operation.unwrap();
        assert_eq!(ended.state(), v1::operation::State::Succeeded, "{ended:?}");
        ended
    }

    /// Makes a call until somebody answers.
    async fn call<T>(&mut self, send: impl AsyncFn(Api) -> Result<tonic::Response<T>, Status>) -> T {
        loop {
            match send(self.api.clone().unwrap()).await {
                Ok(answer) => return answer.into_inner(),
                Err(status) => self.move_on(&format!("{status:?}")).await,
            }
        }
    }

    /// Finds that the replica was killed, and goes on with another.
    async fn move_on(&mut self, failure: &str) {
        println!("no answer: {failure}");
        if let Some(mut victim) = self.victim.take() {
            assert_eq!(victim.ended().await, Some(9), "{failure}");
        }
        assert!(self.survivor.is_none(), "nothing happens to the survivor: {failure}");
        self.killed_at = Some(books::worked_on(&self.stand.database).await);
        let survivor = self.stand.survivor().await;
        self.api = Some(survivor.operator().await);
        self.survivor = Some(survivor);
    }
}

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
pub fn code(folder: &Path, operation: &str) -> String {
    let files = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
    let files: Vec<_> = files.filter(|name| name.starts_with(operation)).collect();
    let [file] = files.as_slice() else { panic!("not one mail of {operation}: {files:?}") };
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    let text = text.replace("=\r\n", "").replace("=3D", "=");
    let code = text.split("/activate?code=").nth(1).expect("a link");
    code.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_').collect()
}
