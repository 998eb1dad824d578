//! Who guesses passwords is slowed down, and nobody else.

use std::time::Duration;

use futures::future::join_all;
use landlord::proto::v1;
use landlord::proto::v1::session_service_client::SessionServiceClient;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::support::client::{Api, assert_refused, eventually, refusal};
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::server::{PASSWORD, TestServer};

/// How many of these were told that the password is wrong; all others that they came too early, and when to come again.
fn tried(answers: &[Status]) -> usize {
    let mut tried = 0;
    for status in answers {
        match refusal(status) {
            (Code::Unauthenticated, reason) if reason == "CREDENTIALS_INVALID" => tried += 1,
            (Code::ResourceExhausted, reason) if reason == "RATE_LIMITED" => {
                let wait = status.get_details_retry_info().and_then(|info| info.retry_delay).unwrap();
                assert!(wait > Duration::ZERO && wait <= Duration::from_secs(61), "{wait:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    tried
}

async fn guess(api: &Api, user_name: &str, times: usize) -> Vec<Status> {
    let mut answers = Vec::new();
    for _ in 0..times {
        answers.push(api.session(user_name, "not the password at all").await.expect_err("a wrong password"));
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_wrong_passwords_on_one_account_delay_it_and_no_other_and_lock_nobody_out() {
    let server = TestServer::start().await;
    let (_, anna) = server.administrator("Acme").await;
    let anonymous = server.anonymous().await;
    let answers = guess(&anonymous, "anna@acme", 200).await;
    let known = tried(&answers);
    assert!((6..=12).contains(&known), "{known}");
    let right = anonymous.session("anna@acme", ADMIN_PASSWORD).await;
    assert_refused(right, Code::ResourceExhausted, "RATE_LIMITED");
    anonymous.session("operator@infrastructure", PASSWORD).await.expect("others are not delayed");
    anna.who().await.expect("nor is who is logged in");
    eventually("the delay is over", || async { anonymous.session("anna@acme", ADMIN_PASSWORD).await.ok() }).await;
    assert_eq!(tried(&guess(&anonymous, "anna@acme", 6).await), 6, "the right password makes up for the wrong ones");
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_that_are_not_there_are_delayed_alike() {
    let server = TestServer::start().await;
    server.administrator("Acme").await;
    let anonymous = server.anonymous().await;
    for name in ["anna@acme", "nobody@acme", "anna@nowhere", "superuser@acme"] {
        let answers = guess(&anonymous, name, 7).await;
        assert_eq!(tried(&answers), 6, "{name}");
        assert_eq!(refusal(&answers[6]).1, "RATE_LIMITED", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_in_parallel_learns_no_more() {
    let server = TestServer::start().await;
    server.administrator("Acme").await;
    let anonymous = server.anonymous().await;
    let all = join_all((0..100).map(|_| anonymous.session("anna@acme", "not the password at all"))).await;
    let answers: Vec<_> = all.into_iter().map(|answer| answer.expect_err("a wrong password")).collect();
    let tried = tried(&answers);
    assert!((6..40).contains(&tried), "{tried}");
    let count: i32 = server.sql().await.query_one("SELECT max(count) FROM attempts", &[]).await.unwrap().get(0);
    assert!(count < 40, "{count}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_guesses_at_many_accounts_is_delayed() {
    let server = TestServer::start().await;
    server.administrator("Acme").await;
    let anonymous = server.anonymous().await;
    let mut answers = Vec::new();
    for i in 0..60 {
        answers.extend(guess(&anonymous, &format!("name{i}@acme"), 1).await);
    }
    let tried = tried(&answers);
    assert!((51..60).contains(&tried), "{tried}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_own_password_is_not_guessed_in_a_session_either() {
    let server = TestServer::start().await;
    let (_, anna) = server.administrator("Acme").await;
    let mut answers = Vec::new();
    for _ in 0..8 {
        let (current_password, new_password) = ("wrong".into(), "another set of words".into());
        let request = v1::ChangePasswordRequest { current_password, new_password };
        answers.push(anna.client.users().change_password(request).await.expect_err("a wrong password"));
    }
    assert!(tried(&answers) < 8, "{answers:?}");
    anna.who().await.unwrap();
}

/// A wrong password for somebody else each time, through a proxy that says that it comes from there.
async fn guess_from(server: &TestServer, address: &'static str, times: usize) -> Vec<Status> {
    let mut sessions = SessionServiceClient::connect(format!("http://{}", server.address)).await.unwrap();
    let mut answers = Vec::new();
    for i in 0..times {
        let (user_name, password) = (format!("name{i}@acme"), "not the password at all".into());
        let mut request = Request::new(v1::CreateSessionRequest { user_name, password, ..Default::default() });
        request.metadata_mut().insert("x-forwarded-for", MetadataValue::from_static(address));
        answers.push(sessions.create_session(request).await.expect_err("a wrong password"));
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_behind_a_proxy_have_addresses_of_their_own_if_it_is_trusted() {
    let server = TestServer::with(&[("trusted_proxies", "127.0.0.0/8".into())]).await;
    server.administrator("Acme").await;
    assert!(tried(&guess_from(&server, "192.0.2.1", 60).await) < 60);
    assert_eq!(tried(&guess_from(&server, "192.0.2.2", 5).await), 5, "another caller is not delayed");
    let untrusting = TestServer::on(server.database.clone(), &[]).await;
    assert!(tried(&guess_from(&untrusting, "192.0.2.3", 60).await) < 60);
    assert_eq!(tried(&guess_from(&untrusting, "192.0.2.4", 5).await), 0, "what anybody can say is not believed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_takes_as_long_whether_the_account_and_its_tenant_are_there_or_not() {
    // So much work that nothing else of a log-in counts beside it.
    let work = [("argon2.memory_kib", "32768".into()), ("argon2.iterations", "4".into())];
    let server = TestServer::with(&work).await;
    server.administrator("Acme").await;
    let anonymous = server.anonymous().await;
    let names = ["anna@acme", "nobody@acme", "anna@nowhere", "superuser@acme", "anna"];
    let mut shortest = [Duration::MAX; 5];
    for _ in 0..4 {
        for (name, shortest) in names.iter().zip(&mut shortest) {
            let domain = if name.contains('@') { "" } else { "nowhere.example" };
            let (user_name, password, domain) = ((*name).into(), "not the password at all".into(), domain.into());
            let request = v1::CreateSessionRequest { user_name, password, domain, ..Default::default() };
            let begun = tokio::time::Instant::now();
            anonymous.client.sessions().create_session(request).await.expect_err("a wrong password");
            *shortest = begun.elapsed().min(*shortest);
        }
    }
    for (name, took) in names.iter().zip(shortest) {
        let ratio = took.as_secs_f64() / shortest[0].as_secs_f64();
        assert!((0.5..2.0).contains(&ratio), "{name}: {took:?}, and of an account that is there {:?}", shortest[0]);
    }
}
