//! Many who lead one tenant in different directions at once.

use landlord::proto::v1::{self, operation, tenant::State};
use tonic::{Code, Status};

use crate::support::client::{Api, refusal};
use crate::support::server::TestServer;

/// What may be said to who was too late; nothing of this is a fault of the service.
const TOO_LATE: [(Code, &str); 3] = [
    (Code::FailedPrecondition, "TENANT_STATE_INVALID"),
    (Code::Aborted, "OPERATION_IN_PROGRESS"),
    (Code::Aborted, "ETAG_MISMATCH"),
];

async fn one(operator: &Api, name: &str, number: usize) -> Result<(), Status> {
    match number % 6 {
        0 => operator.lock(name).await.map(|_| ()),
        1 => operator.unlock(name).await.map(|_| ()),
        2 => operator.prepare(name).await.map(|_| ()),
        3 => operator.cancel_deletion(name).await.map(|_| ()),
        4 => operator.retry(name).await.map(|_| ()),
        _ => {
            let tenant = v1::Tenant { name: name.into(), company_name: number.to_string(), ..Default::default() };
            operator.update(tenant, &["company_name"]).await.map(|_| ())
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_too_late_is_told_so_and_the_tenant_is_not_stuck() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let replica = TestServer::on(server.database.clone(), &[]).await;
    let other = replica.operator().await;
    let tasks: Vec<_> = (0..6)
        .map(|task| {
            let (api, name) = (if task % 2 == 0 { operator.clone() } else { other.clone() }, name.clone());
            tokio::spawn(async move {
                for call in 0..24 {
                    // Each in another order: task and call have no common factor with what there is to do.
                    if let Err(status) = one(&api, &name, task + call * (1 + task % 5)).await {
                        let (code, reason) = refusal(&status);
                        assert!(TOO_LATE.contains(&(code, reason.as_str())), "{status:?}");
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let all = v1::ListOperationsRequest { parent: name.clone(), page_size: 1000, ..Default::default() };
    let all = operator.client.operations().list_operations(all).await.unwrap().into_inner().operations;
    for running in all {
        let ended = operator.wait(&running.name).await;
        assert!(matches!(ended.state(), operation::State::Succeeded | operation::State::Cancelled), "{ended:?}");
    }
    if operator.tenant(&name).await.state() != State::Prepared {
        operator.prepare_fully(&name).await;
    }
    let begun = operator.delete(&name, "Acme").await.unwrap();
    operator.succeed(begun.operation).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_deletions_at_once_one_begins_the_purge() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    operator.prepare_fully(&name).await;
    let all = futures::future::join_all((0..10).map(|_| operator.delete(&name, "Acme"))).await;
    let mut begun = Vec::new();
    for answer in all {
        match answer {
            Ok(answer) => begun.push(answer),
            Err(status) => {
                let (code, reason) = refusal(&status);
                let gone = (Code::NotFound, "RESOURCE_NOT_FOUND");
                assert!(TOO_LATE.contains(&(code, &*reason)) || (code, &*reason) == gone, "{status:?}");
            }
        }
    }
    assert_eq!(begun.len(), 1);
    operator.succeed(begun.remove(0).operation).await;
}
