//! The real service: two replicas on one database, asked by an operator, with what no call can do.

use landlord::domain::lifecycle::{LockReason, Node};
use landlord::domain::operation::State;
use landlord::proto::v1::{self, tenant};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use tonic::{Response, Status};

use super::books::{Page, new_name};
use super::rules::Call;
use crate::support::client::{Api, refusal};
use crate::support::server::TestServer;

/// What is asked for; operations are meant by their number.
#[derive(Clone, Copy, Debug)]
pub enum Asked {
    Tenant(Call),
    CancelOperation(usize),
    RetryOperation(usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Etag {
    None,
    Current,
    Stale,
}

/// The same request id comes once more.
#[derive(Clone, Copy, Debug)]
pub struct Again {
    pub replica: usize,
    /// With another body.
    pub otherwise: bool,
}

/// A call.
#[derive(Clone, Debug)]
pub struct Ask {
    pub tenant: usize,
    pub replica: usize,
    pub asked: Asked,
    pub etag: Etag,
    pub validate_only: bool,
    pub again: Option<Again>,
}

/// An answer: the work that it began or steered, if any.
pub type Answer = Result<Option<v1::Operation>, Status>;

/// Both replicas, with an operator's client of each.
pub struct Service {
    server: TestServer,
    _replica: TestServer,
    operators: [Api; 2],
}

impl Service {
    pub async fn start() -> Self {
        let server = TestServer::start().await;
        let replica = TestServer::on(server.database.clone(), &[]).await;
        let operators = [server.operator().await, replica.operator().await];
        Self { server, _replica: replica, operators }
    }

    pub async fn tenant(&self, index: usize) -> Option<v1::Tenant> {
        self.operators[0].row(&name(index)).await.ok().and_then(|row| row.tenant)
    }

    pub async fn ended(&self, operation: &str) -> v1::Operation {
        self.operators[1].wait(operation).await
    }

    /// The request that the call is made with.
    pub fn request(&self, ask: &Ask, page: &Page, current: Option<&v1::Tenant>) -> Request {
        let etag = match ask.etag {
            Etag::None => String::new(),
            Etag::Current => current.map(|tenant| tenant.etag.clone()).unwrap_or_default(),
            Etag::Stale => "\"stale\"".into(),
        };
        let operation = match ask.asked {
            Asked::Tenant(_) => None,
            Asked::CancelOperation(number) | Asked::RetryOperation(number) => page.meant(number),
        };
        let operation = operation.map_or_else(|| absent_operation(ask.tenant), |at| page.operations[at].name.clone());
        Request {
            index: ask.tenant,
            asked: ask.asked,
            etag,
            operation,
            display_name: page.display_name.clone(),
            request_id: ask.again.map(|_| uuid::Uuid::new_v4().to_string()).unwrap_or_default(),
            validate_only: ask.validate_only,
        }
    }

    /// Makes the call, and repeats it if it is to be repeated: the answer must be the same. With another body it is refused.
    pub async fn ask(&self, ask: &Ask, request: &Request) -> Result<Answer, TestCaseError> {
        let first = request.put(&self.operators[ask.replica]).await;
        let Some(again) = ask.again.filter(|_| !ask.validate_only) else { return Ok(first) };
        let operator = &self.operators[again.replica];
        if again.otherwise {
            // What was refused was not kept.
            if first.is_ok() {
                let second = request.otherwise().put(operator).await;
                let reason = second.as_ref().err().map(|status| refusal(status).1);
                prop_assert_eq!(reason.as_deref(), Some("REQUEST_ID_REUSED"), "{:?}", second);
            }
            return Ok(first);
        }
        let second = request.put(operator).await;
        match (&first, &second) {
            (Ok(first), Ok(second)) => prop_assert_eq!(first, second),
            (Err(first), Err(second)) => prop_assert_eq!(refusal(first), refusal(second)),
            _ => prop_assert!(false, "a repeat was answered otherwise: {first:?} {second:?}"),
        }
        Ok(first)
    }

    /// Provisioning fails from now on, or does not.
    pub async fn provisioning(&self, broken: bool) {
        if broken { self.server.break_provisioning().await } else { self.server.mend_provisioning().await }
    }

    /// Nobody takes up what is added from now on, or everybody takes up everything.
    pub async fn work(&self, held: bool) {
        let change = if held {
            "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql
                AS $$ BEGIN NEW.run_after := 'infinity'; RETURN NEW; END $$;
            CREATE TRIGGER held BEFORE INSERT ON operations FOR EACH ROW EXECUTE FUNCTION hold()"
        } else {
            "DROP TRIGGER held ON operations; DROP FUNCTION hold;
            UPDATE operations SET run_after = clock_timestamp() WHERE run_after = 'infinity' AND ended_at IS NULL"
        };
        self.server.sql().await.batch_execute(change).await.unwrap();
    }

    pub async fn force(&self, enabled: bool) {
        let settings = v1::Settings { force_delete_enabled: Some(enabled), ..Default::default() };
        self.operators[0].set(settings, &["force_delete_enabled"]).await.unwrap();
    }

    /// The time that failed tenants must rest passes.
    pub async fn rest(&self) {
        let rest = "UPDATE tenants SET cooldown_until = clock_timestamp() WHERE state = 'FAILED'";
        self.server.sql().await.batch_execute(rest).await.unwrap();
    }
}

/// A call with all that it says.
#[derive(Clone, Debug)]
pub struct Request {
    index: usize,
    asked: Asked,
    etag: String,
    operation: String,
    display_name: String,
    request_id: String,
    validate_only: bool,
}

impl Request {
    /// Another body with the same request id.
    fn otherwise(&self) -> Self {
        let display_name = format!("{} too", self.display_name);
        Self { etag: "\"other\"".into(), operation: absent_operation(self.index), display_name, ..self.clone() }
    }

    async fn put(&self, api: &Api) -> Answer {
        let (request_id, validate_only) = (self.request_id.clone(), self.validate_only);
        let name = self.operation.clone();
        let mut operations = api.client.operations();
        match self.asked {
            Asked::Tenant(call) => self.put_on_tenant(api, call).await,
            Asked::CancelOperation(_) => {
                let request = v1::CancelOperationRequest { name, request_id, validate_only };
                operations.cancel_operation(request).await.map(|r| r.into_inner().operation)
            }
            Asked::RetryOperation(_) => {
                let request = v1::RetryOperationRequest { name, request_id, validate_only };
                operations.retry_operation(request).await.map(|r| r.into_inner().operation)
            }
        }
    }

    async fn put_on_tenant(&self, api: &Api, call: Call) -> Answer {
        let (name, etag, request_id) = (name(self.index), self.etag.clone(), self.request_id.clone());
        let (display_name, validate_only) = (self.display_name.clone(), self.validate_only);
        let mut tenants = api.client.tenants();
        match call {
            Call::Create => {
                let tenant = Some(v1::Tenant { display_name, ..Default::default() });
                let tenant_id = format!("tenant-{}", self.index);
                let request =
                    v1::CreateTenantRequest { tenant_id, tenant, request_id, validate_only, ..Default::default() };
                tenants.create_tenant(request).await.map(|r| r.into_inner().operation)
            }
            Call::Lock => {
                let request = v1::LockTenantRequest { name, etag, request_id, validate_only, ..Default::default() };
                tenants.lock_tenant(request).await.map(|_| None)
            }
            Call::Unlock => {
                let request = v1::UnlockTenantRequest { name, etag, request_id, validate_only };
                tenants.unlock_tenant(request).await.map(|_| None)
            }
            Call::Prepare => {
                let request = v1::PrepareTenantDeletionRequest { name, etag, request_id, validate_only };
                tenants.prepare_tenant_deletion(request).await.map(|r| r.into_inner().operation)
            }
            Call::CancelDeletion => {
                let request = v1::CancelTenantDeletionRequest { name, etag, request_id, validate_only };
                tenants.cancel_tenant_deletion(request).await.map(|r| r.into_inner().operation)
            }
            Call::Delete { confirmed, force } => {
                let confirm_name = if confirmed { display_name } else { "no".into() };
                let request = v1::DeleteTenantRequest { name, etag, confirm_name, force, request_id, validate_only };
                tenants.delete_tenant(request).await.map(|r| r.into_inner().operation)
            }
            Call::RetryProvisioning => {
                let request = v1::RetryTenantProvisioningRequest { name, etag, request_id, validate_only };
                tenants.retry_tenant_provisioning(request).await.map(Response::into_inner).map(|r| r.operation)
            }
            Call::Rename(number) => {
                let tenant = v1::Tenant { name, etag, display_name: new_name(number), ..Default::default() };
                self.update(api, tenant, "display_name").await
            }
            Call::Protect(protected) => {
                let tenant = v1::Tenant { name, etag, protected, ..Default::default() };
                self.update(api, tenant, "protected").await
            }
        }
    }

    async fn update(&self, api: &Api, tenant: v1::Tenant, path: &str) -> Answer {
        let update_mask = Some(prost_types::FieldMask { paths: vec![path.to_owned()] });
        let (request_id, validate_only) = (self.request_id.clone(), self.validate_only);
        let request = v1::UpdateTenantRequest { tenant: Some(tenant), update_mask, request_id, validate_only };
        api.client.tenants().update_tenant(request).await.map(|_| None)
    }
}

fn name(index: usize) -> String {
    format!("tenants/tenant-{index}")
}

/// The name of an operation that there never was.
fn absent_operation(index: usize) -> String {
    format!("{}/operations/{}", name(index), uuid::Uuid::nil())
}

/// The place that the service shows. Who is not there was not made, or is gone.
pub fn place(shown: Option<&v1::Tenant>, made: bool) -> Node {
    use v1::tenant::LockReason as Shown;
    let Some(shown) = shown else { return if made { Node::Gone } else { Node::None } };
    match (shown.state(), shown.lock_reason()) {
        (tenant::State::Active, _) => Node::Active,
        (tenant::State::Locked, Shown::Operator) => Node::Locked(LockReason::Operator),
        (tenant::State::Locked, Shown::Provisioning) => Node::Locked(LockReason::Provisioning),
        (tenant::State::Locked, Shown::Undeleted) => Node::Locked(LockReason::Undeleted),
        (tenant::State::Failed, _) => Node::Failed,
        (tenant::State::PreparingDeletion, _) => Node::PreparingDeletion,
        (tenant::State::Prepared, _) => Node::Prepared,
        other => panic!("no such place: {other:?}"),
    }
}

/// The state of an operation, by its name.
pub fn state(operation: &v1::Operation) -> State {
    State::parse(operation.state().as_str_name().trim_start_matches("STATE_")).expect("a state of operations")
}
