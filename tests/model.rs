//! Random calls over a few tenants, against a model of the lifecycle that knows nothing of the service.

use std::collections::BTreeMap;

use landlord::proto::v1::{self, tenant::LockReason, tenant::State};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, TestCaseError, TestRunner};
use tonic::{Response, Status};

use crate::support::client::{Api, refusal};
use crate::support::server::TestServer;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
enum Call {
    Create,
    Lock,
    Unlock,
    Prepare,
    Cancel,
    Delete { confirmed: bool },
    Retry,
    Rename(u8),
    Protect(bool),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Etag {
    None,
    Current,
    Stale,
}

#[derive(Clone, Debug)]
enum Step {
    Call {
        tenant: usize,
        call: Call,
        etag: Etag,
        validate_only: bool,
        repeat: bool,
    },
    /// From now on provisioning fails, or does not.
    Provisioning {
        broken: bool,
    },
    /// The time that failed tenants must rest passes.
    Rest,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let call = prop_oneof![
        3 => Just(Call::Create),
        2 => Just(Call::Lock),
        2 => Just(Call::Unlock),
        3 => Just(Call::Prepare),
        2 => Just(Call::Cancel),
        3 => prop::bool::weighted(0.8).prop_map(|confirmed| Call::Delete { confirmed }),
        2 => Just(Call::Retry),
        1 => (0..3_u8).prop_map(Call::Rename),
        1 => prop::bool::weighted(0.3).prop_map(Call::Protect),
    ];
    let etag = prop_oneof![6 => Just(Etag::None), 3 => Just(Etag::Current), 1 => Just(Etag::Stale)];
    let call = (0..3_usize, call, etag, prop::bool::weighted(0.1), prop::bool::weighted(0.2)).prop_map(
        |(tenant, call, etag, validate_only, repeat)| Step::Call { tenant, call, etag, validate_only, repeat },
    );
    let step = prop_oneof![
        20 => call,
        1 => any::<bool>().prop_map(|broken| Step::Provisioning { broken }),
        1 => Just(Step::Rest),
    ];
    prop::collection::vec(step, 25)
}

/// Where a tenant is in its life.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Absent,
    Active,
    Locked(LockReason),
    Failed { resting: bool },
    Prepared,
    Gone,
}

#[derive(Clone, Debug)]
struct Tenant {
    place: Place,
    display_name: String,
    protected: bool,
}

/// The whole model.
struct Model {
    tenants: BTreeMap<usize, Tenant>,
    broken: bool,
}

impl Model {
    /// What the call leads to, or why it is refused.
    fn after(&self, index: usize, call: Call, etag: Etag) -> Result<Tenant, &'static str> {
        use Place::{Absent, Active, Failed, Gone, Locked, Prepared};
        let now = &self.tenants[&index];
        let provisioned = if self.broken { Failed { resting: true } } else { Active };
        let to = |place| Tenant { place, ..now.clone() };
        match (call, now.place) {
            (Call::Create, Absent) => return Ok(to(provisioned)),
            (Call::Create, _) => return Err("RESOURCE_EXISTS"),
            (_, Absent | Gone) => return Err("RESOURCE_NOT_FOUND"),
            _ => {}
        }
        let next = match (call, now.place) {
            (Call::Lock, Active) => to(Locked(LockReason::Operator)),
            (Call::Unlock, Locked(_)) => to(Active),
            (Call::Retry, Failed { .. }) => to(provisioned),
            (Call::Prepare, Active | Locked(_)) if now.protected => return Err("TENANT_PROTECTED"),
            (Call::Prepare, Active | Locked(_)) => to(Prepared),
            (Call::Cancel, Prepared) => to(Locked(LockReason::Undeleted)),
            (Call::Delete { .. }, Failed { resting: true }) => return Err("TENANT_COOLING_DOWN"),
            (Call::Delete { .. }, Failed { .. }) if now.protected => return Err("TENANT_PROTECTED"),
            (Call::Delete { confirmed: false }, Failed { .. } | Prepared) => return Err("CONFIRMATION_MISMATCH"),
            (Call::Delete { .. }, Failed { .. } | Prepared) => to(Gone),
            (Call::Rename(number), Active | Locked(_) | Failed { .. }) => {
                Tenant { display_name: format!("Broken name {number}"), ..now.clone() }
            }
            (Call::Protect(protected), Active | Locked(_) | Failed { .. }) => Tenant { protected, ..now.clone() },
            _ => return Err("TENANT_STATE_INVALID"),
        };
        if etag == Etag::Stale { Err("ETAG_MISMATCH") } else { Ok(next) }
    }
}

/// The service, asked by an operator.
struct Service {
    server: TestServer,
    operator: Api,
}

/// An answer: the work that it began, if any.
type Answer = Result<Option<v1::Operation>, Status>;

impl Service {
    async fn tenant(&self, index: usize) -> Option<v1::Tenant> {
        self.operator.row(&name(index)).await.ok().and_then(|row| row.tenant)
    }

    /// Makes the call, twice with one request id if it is to be repeated.
    async fn ask(&self, step: &Step, display_name: &str) -> Result<Answer, TestCaseError> {
        let Step::Call { tenant, call, etag, validate_only, repeat } = *step else { return Ok(Ok(None)) };
        let current = self.tenant(tenant).await.map(|t| t.etag).unwrap_or_default();
        let etag = match etag {
            Etag::None => String::new(),
            Etag::Current => current,
            Etag::Stale => "\"stale\"".into(),
        };
        let request_id = if repeat { uuid::Uuid::new_v4().to_string() } else { String::new() };
        let asked = Asked { index: tenant, call, etag, validate_only, request_id, display_name };
        let first = asked.put(&self.operator).await;
        if repeat && !validate_only {
            let second = asked.put(&self.operator).await;
            match (&first, &second) {
                (Ok(first), Ok(second)) => prop_assert_eq!(first, second),
                (Err(first), Err(second)) => prop_assert_eq!(refusal(first), refusal(second)),
                _ => prop_assert!(false, "a repeat was answered otherwise: {first:?} {second:?}"),
            }
        }
        Ok(first)
    }
}

struct Asked<'a> {
    index: usize,
    call: Call,
    etag: String,
    validate_only: bool,
    request_id: String,
    display_name: &'a str,
}

impl Asked<'_> {
    async fn put(&self, api: &Api) -> Answer {
        let (name, etag, request_id) = (name(self.index), self.etag.clone(), self.request_id.clone());
        let validate_only = self.validate_only;
        let mut tenants = api.client.tenants();
        match self.call {
            Call::Create => {
                let display_name = self.display_name.to_owned();
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
            Call::Cancel => {
                let request = v1::CancelTenantDeletionRequest { name, etag, request_id, validate_only };
                tenants.cancel_tenant_deletion(request).await.map(|r| r.into_inner().operation)
            }
            Call::Delete { confirmed } => {
                let confirm_name = if confirmed { self.display_name.to_owned() } else { "no".into() };
                let request =
                    v1::DeleteTenantRequest { name, etag, confirm_name, force: false, request_id, validate_only };
                tenants.delete_tenant(request).await.map(|r| r.into_inner().operation)
            }
            Call::Retry => {
                let request = v1::RetryTenantProvisioningRequest { name, etag, request_id, validate_only };
                tenants.retry_tenant_provisioning(request).await.map(Response::into_inner).map(|r| r.operation)
            }
            Call::Rename(number) => {
                let display_name = format!("Broken name {number}");
                let tenant = v1::Tenant { name, etag, display_name, ..Default::default() };
                update(api, tenant, "display_name", request_id, validate_only).await
            }
            Call::Protect(protected) => {
                let tenant = v1::Tenant { name, etag, protected, ..Default::default() };
                update(api, tenant, "protected", request_id, validate_only).await
            }
        }
    }
}

async fn update(api: &Api, tenant: v1::Tenant, path: &str, request_id: String, validate_only: bool) -> Answer {
    let update_mask = Some(prost_types::FieldMask { paths: vec![path.to_owned()] });
    let request = v1::UpdateTenantRequest { tenant: Some(tenant), update_mask, request_id, validate_only };
    api.client.tenants().update_tenant(request).await.map(|_| None)
}

fn name(index: usize) -> String {
    format!("tenants/tenant-{index}")
}

/// The place that the service shows.
fn place(tenant: Option<&v1::Tenant>, ever: bool) -> Place {
    match tenant.map(|t| (t.state(), t.lock_reason())) {
        None if ever => Place::Gone,
        None => Place::Absent,
        Some((State::Active, LockReason::Unspecified)) => Place::Active,
        Some((State::Locked, reason)) => Place::Locked(reason),
        Some((State::Failed, _)) => Place::Failed { resting: false },
        Some((State::Prepared, _)) => Place::Prepared,
        Some(other) => panic!("no such place: {other:?}"),
    }
}

/// As the service shows it: a cool-down is a time there.
fn shown(place: Place) -> Place {
    if matches!(place, Place::Failed { .. }) { Place::Failed { resting: false } } else { place }
}

async fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let service = Service { server, operator };
    let tenant = |i| Tenant { place: Place::Absent, display_name: format!("Broken {i}"), protected: false };
    let mut model = Model { tenants: (0..3).map(|i| (i, tenant(i))).collect(), broken: false };
    for step in &steps {
        match *step {
            Step::Call { tenant: index, call, etag, validate_only, .. } => {
                let before = service.tenant(index).await;
                let display_name = model.tenants[&index].display_name.clone();
                let answer = service.ask(step, &display_name).await?;
                let expected = model.after(index, call, etag);
                match (&answer, &expected) {
                    (Ok(operation), Ok(next)) => {
                        prop_assert!(operation.is_none() || !validate_only);
                        if let Some(operation) = operation {
                            let ended = service.operator.wait(&operation.name).await;
                            let fails = matches!(next.place, Place::Failed { .. });
                            let succeeded = ended.state() == v1::operation::State::Succeeded;
                            prop_assert_eq!(succeeded, !fails, "{:?}", ended);
                        }
                        if !validate_only {
                            model.tenants.insert(index, next.clone());
                        }
                    }
                    (Err(status), Err(reason)) => prop_assert_eq!(&refusal(status).1, reason, "{:?}", step),
                    _ => prop_assert!(false, "{step:?}: expected {expected:?}, got {answer:?}"),
                }
                let after = service.tenant(index).await;
                if validate_only || answer.is_err() {
                    prop_assert_eq!(&before, &after, "{:?} changed something", step);
                }
                let now = &model.tenants[&index];
                prop_assert_eq!(place(after.as_ref(), now.place != Place::Absent), shown(now.place), "{:?}", step);
                if let Some(tenant) = after {
                    prop_assert_eq!(&tenant.display_name, &now.display_name);
                    prop_assert_eq!(tenant.protected, now.protected);
                    let cooling = matches!(now.place, Place::Failed { .. });
                    prop_assert_eq!(tenant.cooldown_expire_time.is_some(), cooling);
                }
            }
            Step::Provisioning { broken } => {
                match (model.broken, broken) {
                    (false, true) => service.server.break_provisioning().await,
                    (true, false) => service.server.mend_provisioning().await,
                    _ => {}
                }
                model.broken = broken;
            }
            Step::Rest => {
                let rest = "UPDATE tenants SET cooldown_until = clock_timestamp() WHERE state = 'FAILED'";
                service.server.sql().await.batch_execute(rest).await.unwrap();
                for tenant in model.tenants.values_mut() {
                    if tenant.place == (Place::Failed { resting: true }) {
                        tenant.place = Place::Failed { resting: false };
                    }
                }
            }
        }
    }
    Ok(())
}

#[test]
fn whatever_is_called_answers_and_states_are_as_the_model_says() {
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { ProptestConfig::default().cases } else { 12 };
    let config = ProptestConfig {
        cases,
        max_shrink_iters: 100,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/model.proptest-regressions"))),
        ..ProptestConfig::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    TestRunner::new(config).run(&steps(), |steps| runtime.block_on(run(steps))).unwrap();
}
