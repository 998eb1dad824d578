//! Operations that were begun for an account: at each step their actor must still be allowed to act for it.

use landlord::proto::v1::{self, operation::State};

use super::Stage;
use crate::support::client::Api;
use crate::support::impersonation::REASON;
use crate::support::server::TestServer;

/// Acme, on a replica that begins operations and works on none.
async fn idle() -> Stage {
    let worker = Stage::new().await;
    let Stage { server, acme, anna: _, operator: _ } = worker;
    let idle = TestServer::on(server.database.clone(), &[("operations.workers", "0".into())]).await;
    server.stop().await.unwrap();
    let (anna, operator) = (idle.enter("anna@acme").await, idle.operator().await);
    Stage { server: idle, acme, anna, operator }
}

/// Begins an operation for superuser: a mail to a new user. Gives its name.
async fn begin(stage: &Stage, operator: &Api) -> String {
    let user = v1::User { user_name: "ben".into(), email: "ben@example.com".into(), ..Default::default() };
    let request = v1::CreateUserRequest { tenant: stage.acme.clone(), user: Some(user), ..Default::default() };
    operator.acting_as("superuser").create_user(request).await.unwrap();
    let all = stage.operator.operations_of(&stage.acme).await;
    all.into_iter().find(|o| o.kind == "deliver-mail" && o.end_time.is_none()).unwrap().name
}

/// How the operation ends once there is a worker, and how many mails it has sent.
async fn end(stage: &Stage, operation: &str) -> (State, String, usize) {
    let worker = TestServer::on(stage.server.database.clone(), &[]).await;
    let ended = stage.operator.wait(operation).await;
    let mails = std::fs::read_dir(worker.mail_folder()).map_or(0, Iterator::count);
    (ended.state(), ended.error.map(|error| error.reason).unwrap_or_default(), mails)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_goes_on_when_the_session_of_its_actor_has_ended() {
    let stage = idle().await;
    let superuser = stage.superuser().await;
    let (olga, _) = stage.colleague("olga", &["impersonation"]).await;
    let operation = begin(&stage, &olga).await;
    olga.end_session("").await.unwrap();
    assert_eq!(end(&stage, &operation).await, (State::Succeeded, String::new(), 1));
    let request = v1::GetOperationRequest { name: operation };
    let operation = stage.operator.client.operations().get_operation(request).await.unwrap().into_inner();
    let operation = operation.operation.unwrap();
    assert_eq!((&*operation.acted_for, &*operation.impersonation_reason), (&*superuser, REASON));
    assert!(operation.actor.starts_with("tenants/infrastructure/users/"));
    let events = stage.anna.events(&stage.acme, "kind = OPERATION_SUCCEEDED").await.unwrap().events;
    assert_eq!((&*events[0].acted_for, &*events[0].impersonation_reason), (&*superuser, REASON));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_whose_actor_was_stripped_of_the_privilege_fails_and_sends_nothing() {
    let stage = idle().await;
    let (olga, role) = stage.colleague("olga", &["impersonation", "manage-tenants"]).await;
    let operation = begin(&stage, &olga).await;
    stage.operator.revoke(&role, &["privileges/impersonation"]).await.unwrap();
    assert_eq!(end(&stage, &operation).await, (State::Failed, "IMPERSONATION_NOT_PERMITTED".into(), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_whose_actor_was_locked_fails() {
    let stage = idle().await;
    let (olga, _) = stage.colleague("olga", &["impersonation"]).await;
    let operation = begin(&stage, &olga).await;
    stage.operator.lock_out(&olga.who().await.unwrap().user).await.unwrap();
    assert_eq!(end(&stage, &operation).await, (State::Failed, "IMPERSONATION_NOT_PERMITTED".into(), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_whose_account_lost_the_mark_or_the_privilege_fails() {
    let stage = idle().await;
    let superuser = stage.superuser().await;
    let operation = begin(&stage, &stage.operator).await;
    stage.anna.mark(&superuser, false).await.unwrap();
    assert_eq!(end(&stage, &operation).await, (State::Failed, "IMPERSONATION_TARGET_NOT_DEFINED".into(), 0));

    let stage = idle().await;
    let operation = begin(&stage, &stage.operator).await;
    let head = stage.anna.new_role(&stage.acme, "Head", &["privileges/user-administrator"]).await.unwrap();
    stage.anna.give(&head, &[&stage.anna.who().await.unwrap().user]).await.unwrap();
    let role = stage.anna.role_named(&stage.acme, "Administrator").await;
    stage.anna.revoke(&role, &["privileges/user-administrator"]).await.unwrap();
    assert_eq!(end(&stage, &operation).await, (State::Failed, "IMPERSONATION_TARGET_UNDERPRIVILEGED".into(), 0));
}
