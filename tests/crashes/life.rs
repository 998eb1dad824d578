//! A tenant's life, deed by deed, as a client leads it that repeats what got no answer.

use std::time::{Duration, Instant};

use landlord::proto::v1::{self, operation::State};
use tonic::{Response, Status};

use super::books::Account;
use super::obstacles::Obstacle;
use super::stand::Scene;
use crate::support::client::Api;

/// How long anything may take, whatever happens meanwhile; what takes longer is stuck.
const STUCK: Duration = Duration::from_secs(60);

/// What is done to a tenant. Each deed finds it ACTIVE, or LOCKED after its deletion was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It is made, with an administrator.
    Create,
    /// It is made, which is cancelled while it can't get on, and retried.
    CreateInTwoAttempts,
    /// The administrator uses the link in the mail.
    Activate,
    /// The same, after the mail was cancelled while it could not be sent, and retried.
    ActivateInTwoAttempts,
    /// The administrator logs in, which ends with a lock; then it is unlocked.
    Lock,
    /// It is renamed.
    Rename,
    /// The number of its users is limited.
    Limit,
    /// It gets licences.
    License,
    /// It gets a telephone number more.
    Extension,
    /// A feature is switched on.
    Feature,
    /// Its deletion is prepared and cancelled.
    Return,
    /// Its deletion is cancelled while it is being prepared.
    TurnBack,
    /// Its deletion is prepared, and it is deleted.
    Delete,
    /// It is deleted in one call.
    Force,
}

/// The replicas, as a client finds them.
pub trait Replicas {
    /// The operator, at the replica that is asked now.
    async fn operator(&mut self) -> Api;

    /// That replica gave no answer, or this one, which must be no more than that.
    async fn no_answer(&mut self, status: &Status);
}

/// The life of one tenant.
pub struct Life<'a, R> {
    pub(super) scene: &'a Scene,
    pub(super) replicas: &'a mut R,
    pub(super) account: Account,
    pub(super) display_name: String,
    /// `tenants/{tenant}`, once it is made.
    pub(super) tenant: String,
    /// The mail of its administrator.
    pub(super) mail: Option<v1::Operation>,
    pub(super) active: bool,
    pub(super) max_users: Option<i64>,
    pub(super) licenses: i64,
    /// Whether the administrator has logged in since there were some.
    pub(super) seated: bool,
    pub(super) features: Vec<String>,
    /// Its telephone numbers, which are no other tenant's.
    pub(super) numbers: Vec<String>,
}

/// A request id for each call of a life.
pub fn request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

impl<'a, R: Replicas> Life<'a, R> {
    /// One of a tenant of that name, which no other tenant's name begins with.
    pub fn new(scene: &'a Scene, replicas: &'a mut R, display_name: &str) -> Self {
        Self {
            scene,
            replicas,
            account: Account::default(),
            display_name: display_name.to_owned(),
            tenant: String::new(),
            mail: None,
            active: false,
            max_users: None,
            licenses: 0,
            seated: false,
            features: Vec::new(),
            numbers: Vec::new(),
        }
    }

    /// Leads it; gives the tenant's code and what was answered.
    pub async fn lead(mut self, deeds: &[Deed]) -> (String, Account) {
        if deeds.contains(&Deed::ActivateInTwoAttempts) {
            Obstacle::Mail.put(&self.scene.database, &self.display_name).await;
        }
        for deed in deeds {
            match deed {
                Deed::Create => self.create().await,
                Deed::CreateInTwoAttempts => self.create_in_two_attempts().await,
                Deed::Activate => self.activate().await,
                Deed::ActivateInTwoAttempts => self.activate_in_two_attempts().await,
                Deed::Lock => self.lock().await,
                Deed::Rename => self.rename().await,
                Deed::Limit => self.limit().await,
                Deed::License => self.license().await,
                Deed::Extension => self.extend().await,
                Deed::Feature => self.switch_feature_on().await,
                Deed::Return => self.come_back().await,
                Deed::TurnBack => self.turn_back().await,
                Deed::Delete => self.delete().await,
                Deed::Force => self.delete_by_force().await,
            }
        }
        if !matches!(deeds.last(), Some(Deed::Delete | Deed::Force)) {
            self.account.remains = Some(self.remains());
        }
        (self.tenant.strip_prefix("tenants/").unwrap().to_owned(), self.account)
    }

    fn remains(&self) -> String {
        let state = if self.active { "ACTIVE" } else { "LOCKED" };
        let limit = self.max_users.map(|users| format!("{users}, ")).unwrap_or_default();
        let (name, features) = (&self.display_name, self.features.join(","));
        let taken = i64::from(self.seated);
        let licenses =
            if self.licenses == 0 { String::new() } else { format!("base {taken} {taken} of {}, ", self.licenses) };
        let mut numbers = self.numbers.clone();
        numbers.sort();
        let numbers = if numbers.is_empty() { String::new() } else { format!("{}, ", numbers.join(" ")) };
        format!(
            "{state}, {name}, {limit}{{{features}}}, {licenses}{numbers}anna ACTIVE superuser ACTIVE, 1 of 1 links used"
        )
    }

    /// Makes a call that changes something, and again: whichever replica answers, it answers the same.
    pub(super) async fn twice<T: PartialEq + std::fmt::Debug>(
        &mut self,
        method: &'static str,
        send: impl AsyncFn(Api) -> Result<Response<T>, Status>,
    ) -> T {
        let first = self.call(&send).await;
        let again = self.call(&send).await;
        assert_eq!(first, again, "{}: a repeat of {method} is answered as the first", self.display_name);
        self.account.called(method);
        first
    }

    /// Makes a call until somebody answers.
    pub(super) async fn call<T>(&mut self, send: impl AsyncFn(Api) -> Result<Response<T>, Status>) -> T {
        let since = Instant::now();
        loop {
            match send(self.replicas.operator().await).await {
                Ok(answer) => return answer.into_inner(),
                Err(status) if since.elapsed() < STUCK => self.replicas.no_answer(&status).await,
                Err(status) => panic!("{}: nobody answers: {status:?}", self.display_name),
            }
        }
    }

    /// Waits until the operation has ended.
    pub(super) async fn end(&mut self, operation: Option<v1::Operation>) -> v1::Operation {
        let since = Instant::now();
        let timeout = Some(prost_types::Duration { seconds: 1, nanos: 0 });
        let request = v1::WaitOperationRequest { name: operation.unwrap().name, timeout };
        loop {
            let send = async |api: Api| api.client.operations().wait_operation(request.clone()).await;
            let operation = self.call(send).await.operation.unwrap();
            if operation.end_time.is_some() {
                return operation;
            }
            assert!(since.elapsed() < STUCK, "{}: stuck: {operation:?}", self.display_name);
        }
    }

    /// Wants the operation to end like that.
    pub(super) async fn ends(&mut self, operation: Option<v1::Operation>, state: State) -> v1::Operation {
        let ended = self.end(operation).await;
        assert_eq!(ended.state(), state, "{}: {ended:?}", self.display_name);
        self.account.ended(&ended.kind, if state == State::Succeeded { "SUCCEEDED" } else { "CANCELLED" });
        ended
    }

    /// The newest operation of that kind.
    pub(super) async fn newest(&mut self, kind: &str) -> v1::Operation {
        let request = v1::ListOperationsRequest { parent: self.tenant.clone(), ..Default::default() };
        let listed = self.call(async |api: Api| api.client.operations().list_operations(request.clone()).await).await;
        listed.operations.into_iter().find(|operation| operation.kind == kind).expect("an operation of that kind")
    }
}
