//! Several who give numbers away at once.

use futures::future::join_all;
use tonic::Code;

use crate::support::client::assert_refused;
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn of_operators_who_give_the_same_numbers_to_two_tenants_at_once_one_does() {
    let server = TestServer::start().await;
    let other = TestServer::on(server.database.clone(), &[]).await;
    let operators = [server.operator().await, other.operator().await];
    let tenants = [operators[0].active_tenant("Acme").await, operators[0].active_tenant("Beta").await];
    for round in 0..12 {
        // Each begins with what the other one ends with.
        let ranges = [["100-150", "250-300"], ["140-200", "300-310"]];
        let asked = (0..2).map(|n| operators[(n + round) % 2].set_extensions(&tenants[n], &ranges[n]));
        let mut answers = join_all(asked).await;
        let lost = answers.iter().position(Result::is_err).expect("only one of both");
        let status = assert_refused(answers.remove(lost), Code::AlreadyExists, "RESOURCE_EXISTS");
        assert!(status.message().contains("140-150, 300;"), "{}", status.message());
        assert_eq!(answers.remove(0).expect("one of both"), ranges[1 - lost]);
        operators[0].set_extensions(&tenants[1 - lost], &[]).await.unwrap();
    }
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(server.sql().await.query_one(deadlocks, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_users_who_get_the_same_numbers_at_once_one_has_them_in_the_end() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    server.operator().await.set_extensions(&acme, &["100-199"]).await.unwrap();
    let mut users = Vec::new();
    for i in 0..4 {
        users.push(anna.new_user(&acme, &format!("user{i}")).await.unwrap().name);
    }
    let asked = users.iter().flat_map(|user| ["100-120", "110-130"].map(|numbers| anna.allocate(user, numbers)));
    for answer in join_all(asked).await {
        answer.expect("whoever comes later gets them");
    }
    let list = anna.extensions(&acme, "").await.unwrap();
    let numbers = |text: &str| -> (i64, i64) {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        (first.parse().unwrap(), last.parse().unwrap())
    };
    let mut next = 100;
    for (extension, user) in &list {
        let (first, last) = numbers(extension);
        assert_eq!(first, next, "{list:?}");
        assert_eq!(user.is_empty(), first > 130, "{list:?}");
        next = last + 1;
    }
    assert_eq!(next, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_not_taken_from_a_tenant_while_a_user_gets_them() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let own = anna.user_named(&acme, "anna").await;
    for _ in 0..8 {
        operator.set_extensions(&acme, &["100-199"]).await.unwrap();
        let (given, taken) = futures::join!(anna.allocate(&own, "150"), operator.set_extensions(&acme, &["160-199"]));
        match (given, taken) {
            (Ok(_), taken) => {
                assert_refused(taken, Code::FailedPrecondition, "EXTENSION_IN_USE");
                anna.release(&own, "150").await.unwrap();
            }
            (given, Ok(_)) => drop(assert_refused(given, Code::InvalidArgument, "FIELDS_INVALID")),
            (given, taken) => panic!("{given:?} {taken:?}"),
        }
    }
}
