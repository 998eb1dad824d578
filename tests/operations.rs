//! OperationService.

use futures::StreamExt as _;
use landlord::proto::v1::{self, operation::State};
use tonic::Code;

use crate::support::client::{Api, assert_refused, eventually};
use crate::support::server::TestServer;

async fn get(api: &Api, name: &str) -> Result<v1::Operation, tonic::Status> {
    let request = v1::GetOperationRequest { name: name.into() };
    api.client.operations().get_operation(request).await.map(|r| r.into_inner().operation.unwrap())
}

async fn list(api: &Api, parent: &str, page_size: i32, page_token: &str) -> v1::ListOperationsResponse {
    let (parent, page_token) = (parent.into(), page_token.into());
    let request = v1::ListOperationsRequest { parent, page_size, page_token };
    api.client.operations().list_operations(request).await.unwrap().into_inner()
}

fn names(page: &v1::ListOperationsResponse) -> Vec<String> {
    page.operations.iter().map(|o| o.name.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_is_read_by_name_and_only_under_its_own_tenant() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let made = operator.create("Acme").await.operation.unwrap();
    let ended = operator.succeed(Some(made.clone())).await;
    assert_eq!(get(&operator, &made.name).await.unwrap(), ended);
    assert!(ended.start_time.is_some() && ended.end_time.is_some() && ended.error.is_none());
    let steps: Vec<_> = ended.progress.unwrap().steps.into_iter().map(|s| (s.step, s.participant, s.done)).collect();
    let step = |step: &str, participant: &str| (step.to_owned(), participant.to_owned(), true);
    assert_eq!(
        steps,
        [
            step("participants", "assets"),
            step("participants", "directory"),
            step("participants", ""),
            step("activate", "")
        ]
    );

    operator.active_tenant("Beta").await;
    let id = made.name.rsplit('/').next().unwrap();
    for absent in
        [format!("tenants/beta/operations/{id}"), format!("{}0", made.name), "tenants/acme/operations/".into()]
    {
        assert_refused(get(&operator, &absent).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_newest_first_by_tenant_or_of_all() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    operator.active_tenant("Acme").await;
    operator.active_tenant("Beta").await;
    operator.prepare_fully("tenants/acme").await;
    let all = list(&operator, "tenants/-", 0, "").await;
    let kinds: Vec<_> = all.operations.iter().map(|o| (o.tenant.as_str(), o.kind.as_str())).collect();
    let expected = [("tenants/acme", "prepare-deletion"), ("tenants/beta", "provision"), ("tenants/acme", "provision")];
    assert_eq!(kinds, expected);
    assert_eq!((all.total_size, all.next_page_token.as_str()), (3, ""));
    let own = list(&operator, "tenants/acme", 0, "").await;
    assert_eq!((names(&own), own.total_size), (vec![names(&all)[0].clone(), names(&all)[2].clone()], 2));

    let (mut paged, mut token) = (Vec::new(), String::new());
    for _ in 0..3 {
        let page = list(&operator, "tenants/-", 1, &token).await;
        paged.extend(names(&page));
        token = page.next_page_token;
    }
    assert_eq!((paged, token.as_str()), (names(&all), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sees_the_own_tenants_operations_only() {
    let server = TestServer::start().await;
    let (name, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let foreign = operator.create("Beta").await.operation.unwrap().name;
    let own = list(&anna, &name, 0, "").await;
    assert!(!own.operations.is_empty() && own.operations.iter().all(|o| o.tenant == name), "{own:?}");
    assert_eq!(get(&anna, &own.operations[0].name).await.unwrap().name, own.operations[0].name);
    assert_refused(get(&anna, &foreign).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    let id = foreign.rsplit('/').next().unwrap();
    let disguised = format!("{name}/operations/{id}");
    assert_refused(get(&anna, &disguised).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    let parent = "tenants/-".to_owned();
    let all = v1::ListOperationsRequest { parent, ..Default::default() };
    let all = anna.client.operations().list_operations(all).await;
    assert_refused(all, Code::PermissionDenied, "PRIVILEGE_MISSING");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_with_the_operation_or_with_its_time() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let held = server.hold("groups").await;
    let made = operator.create("Acme").await.operation.unwrap();
    let wait = |nanos| v1::WaitOperationRequest {
        name: made.name.clone(),
        timeout: Some(prost_types::Duration { seconds: 0, nanos }),
    };
    for short in [0, 50_000_000] {
        let waited = operator.client.operations().wait_operation(wait(short)).await.unwrap().into_inner();
        assert_eq!(waited.operation.unwrap().end_time, None);
    }
    let waiting = tokio::spawn({
        let (operator, name) = (operator.clone(), made.name.clone());
        async move { operator.wait(&name).await }
    });
    drop(held);
    assert_eq!(waiting.await.unwrap().state(), State::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_tells_the_state_now_then_each_change_and_ends_with_the_operation() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let held = server.hold("groups").await;
    let made = operator.create("Acme").await.operation.unwrap();
    let request = v1::WatchOperationRequest { name: made.name.clone() };
    let mut stream = operator.client.operations().watch_operation(request.clone()).await.unwrap().into_inner();
    let first = stream.next().await.unwrap().unwrap().operation.unwrap();
    assert!(first.end_time.is_none());
    drop(held);
    let rest: Vec<_> = stream.map(|m| m.unwrap().operation.unwrap()).collect().await;
    assert_eq!(rest.last().unwrap().state(), State::Succeeded);
    let percents: Vec<_> = rest.iter().map(|o| o.progress.clone().unwrap().percent).collect();
    assert!(percents.is_sorted(), "{percents:?}");

    let ended = operator.client.operations().watch_operation(request).await.unwrap().into_inner();
    assert_eq!(ended.count().await, 1, "of one that has ended there is nothing but its end");
    let absent = v1::WatchOperationRequest { name: format!("{}0", made.name) };
    let absent = operator.client.operations().watch_operation(absent).await;
    assert_refused(absent.map(|_| ()), Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_with_the_session_that_began_it() {
    let server = TestServer::start().await;
    let (name, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let own = eventually("no work left", || async {
        let page = list(&anna, &name, 0, "").await;
        page.operations.iter().all(|o| o.end_time.is_some()).then(|| page.operations[0].name.clone())
    })
    .await;
    // One that never ends, for as long as the test needs it.
    let sql = server.sql().await;
    sql.batch_execute(
        "INSERT INTO operations (tenant_id, id, kind, params, exclusive, run_after)
         SELECT tenant_id, '00000000-0000-7000-8000-000000000001', kind, params, true, 'infinity'
         FROM operations WHERE kind = 'provision'",
    )
    .await
    .unwrap();
    let (parent, _) = own.rsplit_once('/').unwrap();
    let request = v1::WatchOperationRequest { name: format!("{parent}/00000000-0000-7000-8000-000000000001") };
    let mut stream = anna.client.operations().watch_operation(request).await.unwrap().into_inner();
    assert!(stream.next().await.unwrap().is_ok());
    operator.lock(&name).await.unwrap();
    let end = loop {
        match stream.next().await.unwrap() {
            Ok(_) => {}
            Err(status) => break status,
        }
    };
    assert_refused::<()>(Err(end), Code::Unauthenticated, "TOKEN_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_operation_says_why_as_a_refused_call_would() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let sql = server.sql().await;
    let obstacle = |text: &str| {
        format!(
            "CREATE OR REPLACE FUNCTION obstacle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE '{text}'; END $$;
             CREATE OR REPLACE TRIGGER obstacle BEFORE INSERT ON groups FOR EACH ROW EXECUTE FUNCTION obstacle()"
        )
    };
    sql.batch_execute(&obstacle("landlord:TENANT_PROTECTED")).await.unwrap();
    let made = operator.create("Acme").await.operation.unwrap();
    let ended = operator.wait(&made.name).await;
    assert_eq!(ended.state(), State::Failed);
    let error = ended.error.unwrap();
    assert_eq!((error.code.as_str(), error.reason.as_str()), ("FAILED_PRECONDITION", "TENANT_PROTECTED"));
    sql.batch_execute(&obstacle("a secret of the database")).await.unwrap();
    let made = operator.create("Beta").await.operation.unwrap();
    let ended = operator.wait(&made.name).await;
    assert!(!format!("{ended:?}").contains("a secret"), "{ended:?}");
    assert_eq!(ended.error.unwrap().code, "INTERNAL");
}
