//! Forced deletion, and what keeps a deletion from going on.

use landlord::proto::v1::{self, operation::State as Done, tenant::LockReason, tenant::State};
use tonic::Code;

use crate::support::client::{Api, assert_refused, eventually};
use crate::support::lifecycle::facts;
use crate::support::process::Process;
use crate::support::server::TestServer;

async fn enable(api: &Api) {
    let settings = v1::Settings { force_delete_enabled: Some(true), ..Default::default() };
    api.set(settings, &["force_delete_enabled"]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_in_use_is_deleted_in_one_call_where_the_setting_lets_it() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let (name, anna) = server.administrator("Acme").await;
    let disabled = operator.delete_by_force(&name, "Acme").await;
    assert_refused(disabled, Code::FailedPrecondition, "FORCE_DISABLED");
    assert!(!operator.row(&name).await.unwrap().access.unwrap().allowed_actions.contains(&"DeleteTenant".into()));
    enable(&operator).await;
    assert!(operator.row(&name).await.unwrap().access.unwrap().allowed_actions.contains(&"DeleteTenant".into()));
    let wrong = operator.delete_by_force(&name, "acme").await;
    assert_refused(wrong, Code::FailedPrecondition, "CONFIRMATION_MISMATCH");
    let plain = operator.delete(&name, "Acme").await;
    let plain = assert_refused(plain, Code::FailedPrecondition, "TENANT_STATE_INVALID");
    assert_eq!(facts(&plain)["allowed_states"], "PREPARED, FAILED", "without force it takes two steps still");

    let begun = operator.delete_by_force(&name, "Acme").await.unwrap();
    let preview = begun.preview.unwrap();
    assert_eq!((preview.users, preview.guests, preview.sessions, preview.groups), (2, 0, 1, 1));
    let ended = operator.succeed(begun.operation).await;
    assert_eq!(ended.kind, "force-deletion");
    assert_refused(operator.row(&name).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(anna.row(&name).await, Code::Unauthenticated, "TOKEN_INVALID");
    let audit = operator.audit(&name, "method = DeleteTenant").await.unwrap();
    assert_eq!((audit.len(), audit[0].details["force"].as_str()), (1, "true"));
    let causes = "SELECT cause FROM tenant_transitions JOIN tenant_identities ON uid = tenant_id
                  WHERE code = 'acme' ORDER BY seq";
    let causes: Vec<String> = server.sql().await.query(causes, &[]).await.unwrap().iter().map(|r| r.get(0)).collect();
    assert_eq!(causes, ["CREATE", "PROVISIONED", "PREPARE", "FROZEN", "PURGE_STARTED", "PURGED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn protection_and_the_infrastructure_tenant_withstand_force() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    enable(&operator).await;
    let name = operator.active_tenant("Acme").await;
    let tenant = v1::Tenant { name: name.clone(), protected: true, ..Default::default() };
    operator.update(tenant, &["protected"]).await.unwrap();
    assert_refused(operator.delete_by_force(&name, "Acme").await, Code::FailedPrecondition, "TENANT_PROTECTED");
    let infrastructure = operator.delete_by_force("tenants/infrastructure", "Infrastructure").await;
    assert_refused(infrastructure, Code::FailedPrecondition, "TENANT_READ_ONLY");
}

/// A replica whose directory does not freeze its part, and says why.
async fn blocked() -> (TestServer, Process, Api) {
    let server = TestServer::with(&[("operations.workers", "0".into())]).await;
    let process = Process::start(&server.database, &[("FAILPOINTS", "directory.freeze=return(a legal hold)")]).await;
    let operator = server.operator().await;
    (server, process, operator)
}

/// Waits until an operation waits.
async fn waits(operator: &Api, name: &str) -> String {
    eventually("an operation that waits", || async {
        let request = v1::GetOperationRequest { name: name.into() };
        let operation = operator.client.operations().get_operation(request).await.unwrap().into_inner().operation;
        Some(operation.unwrap().progress.unwrap().waiting_for).filter(|text| !text.is_empty())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_participant_that_blocks_a_deletion_is_named_wherever_one_looks() {
    let (_server, _process, operator) = blocked().await;
    let name = operator.active_tenant("Acme").await;
    let begun = operator.prepare(&name).await.unwrap().operation.unwrap();
    assert_eq!(waits(&operator, &begun.name).await, "participant directory: a legal hold");
    let condition = &operator.tenant(&name).await.conditions[0];
    assert_eq!(condition.kind(), v1::tenant_condition::Kind::DeletionBlocked);
    assert_eq!(condition.message, "participant directory: a legal hold");
    let refused = operator.delete(&name, "Acme").await;
    let refused = assert_refused(refused, Code::FailedPrecondition, "DELETION_BLOCKED");
    assert_eq!(facts(&refused)["participant"], "directory");
    assert!(refused.message().contains("a legal hold"), "{}", refused.message());
    let events = operator.events("tenants/infrastructure", "kind = OPERATION_WAITING").await.unwrap().events;
    assert_eq!(events.len(), 1, "it looks again and again, and tells it once");
    assert_eq!(events[0].message, "prepare-deletion of tenants/acme waits: participant directory: a legal hold");
    assert_eq!(events[0].operation, begun.name);
    let back = operator.cancel_deletion(&name).await.unwrap();
    operator.succeed(back.operation).await;
    assert_eq!(operator.tenant(&name).await.conditions, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forced_deletion_is_turned_back_until_its_purge_has_begun() {
    let (_server, _process, operator) = blocked().await;
    enable(&operator).await;
    let name = operator.active_tenant("Acme").await;
    let begun = operator.delete_by_force(&name, "Acme").await.unwrap().operation.unwrap();
    waits(&operator, &begun.name).await;
    assert_eq!(operator.tenant(&name).await.state(), State::PreparingDeletion);
    assert_refused(operator.cancel(&begun.name).await, Code::FailedPrecondition, "OPERATION_NOT_CANCELLABLE");
    let back = operator.cancel_deletion(&name).await.unwrap();
    operator.succeed(back.operation).await;
    assert_eq!(operator.wait(&begun.name).await.state(), Done::Cancelled);
    let tenant = operator.tenant(&name).await;
    assert_eq!((tenant.state(), tenant.lock_reason()), (State::Locked, LockReason::Undeleted));
    let preview = operator.prepare(&name).await.unwrap().preview.unwrap();
    assert_eq!(preview.blockers, [], "what blocked a deletion that was turned back blocks nothing now");
}
