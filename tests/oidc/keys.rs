//! How the keys of providers are fetched, how often, and what becomes of tokens when they can't be.

use jsonwebtoken::Algorithm;
use serde_json::json;
use tokio::time::Instant;
use tonic::Code;

use super::issuer::{Issuer, Key, Trouble};
use super::{BEN, CORP, Stage, record};
use crate::support::client::{assert_refused, eventually, refusal};

/// Keys are fetched once in a test.
const ONCE: &[(&str, &str)] =
    &[("identity.refetch_seconds", "3600"), ("identity.keys_seconds", "3600"), ("identity.keys_keep_seconds", "3600")];
/// Keys are fetched again after a second.
const OFTEN: &[(&str, &str)] = &[("identity.refetch_seconds", "1"), ("identity.keys_seconds", "1")];

#[tokio::test]
async fn a_flood_of_unknown_keys_costs_one_fetch() {
    let stage = Stage::set(ONCE).await;
    let forged = (0..200).map(|number| {
        let key = Key { kid: format!("unknown-{number}"), ..stage.key.clone() };
        let token = key.sign(&stage.issuer.claims(BEN));
        let stage = &stage;
        async move { stage.bearer(&token).await.who().await }
    });
    for answer in futures::future::join_all(forged).await {
        assert_refused(answer, Code::Unauthenticated, "TOKEN_INVALID");
    }
    assert_eq!(stage.issuer.fetches(), 1);
    assert_eq!(stage.ben().await.who().await.unwrap().user, stage.ben, "the known key is there nevertheless");
    assert_eq!(stage.issuer.fetches(), 1);
}

#[tokio::test]
async fn a_new_key_is_taken_up_and_one_that_was_withdrawn_counts_no_more() {
    let stage = Stage::set(OFTEN).await;
    let old = stage.token(BEN);
    assert_eq!(stage.bearer(&old).await.who().await.unwrap().user, stage.ben);
    let second = Key::new("second", Algorithm::EdDSA);
    stage.issuer.publish(&[&stage.key, &second]);
    let new = second.sign(&stage.issuer.claims(BEN));
    let (new, old) = (stage.bearer(&new).await, stage.bearer(&old).await);
    eventually("the new key counts", || async { new.who().await.ok() }).await;
    old.who().await.unwrap();
    stage.issuer.publish(&[&second]);
    let refused = eventually("the old key counts no more", || async { old.who().await.err() }).await;
    assert_eq!(refusal(&refused), (Code::Unauthenticated, "TOKEN_INVALID".into()));
    new.who().await.unwrap();
}

#[tokio::test]
async fn a_key_that_is_for_encryption_verifies_no_token() {
    let stage = Stage::set(OFTEN).await;
    let used_for = |purpose: &str| {
        let mut key = stage.key.public();
        key["use"] = json!(purpose);
        stage.issuer.publish_raw(vec![key]);
    };
    used_for("enc");
    let ben = stage.ben().await;
    assert_refused(ben.who().await, Code::Unauthenticated, "TOKEN_INVALID");
    used_for("sig");
    eventually("it is for signatures", || async { ben.who().await.ok() }).await;
}

#[tokio::test]
async fn keys_of_a_provider_that_is_in_trouble_count_for_a_while() {
    let stage = Stage::set(&[OFTEN, &[("identity.keys_keep_seconds", "3600")]].concat()).await;
    let ben = stage.ben().await;
    ben.who().await.unwrap();
    stage.issuer.suffer(Trouble::Status(500));
    let before = stage.issuer.fetches();
    eventually("it is asked in vain", || async {
        ben.who().await.unwrap();
        (stage.issuer.fetches() > before).then_some(())
    })
    .await;
    // Of a key that is not known nobody can tell whether it is one.
    let unknown = Key::new("unknown", Algorithm::EdDSA).sign(&stage.issuer.claims(BEN));
    let unknown = stage.bearer(&unknown).await.who().await;
    assert_refused(unknown, Code::Unavailable, "IDENTITY_PROVIDER_UNREACHABLE");
    ben.who().await.unwrap();
}

#[tokio::test]
async fn keys_of_a_provider_that_stays_in_trouble_count_no_more_in_the_end() {
    let stage = Stage::set(&[OFTEN, &[("identity.keys_keep_seconds", "2")]].concat()).await;
    let ben = stage.ben().await;
    ben.who().await.unwrap();
    stage.issuer.suffer(Trouble::Status(503));
    let refused = eventually("they count no more", || async { ben.who().await.err() }).await;
    assert_eq!(refusal(&refused), (Code::Unavailable, "IDENTITY_PROVIDER_UNREACHABLE".into()));
    stage.issuer.suffer(Trouble::None);
    eventually("it is well again", || async { ben.who().await.ok() }).await;
}

#[tokio::test]
async fn whoever_does_not_tell_keys_properly_is_unreachable() {
    for trouble in [
        Trouble::Status(500),
        Trouble::Status(404),
        Trouble::Redirects,
        Trouble::Large,
        Trouble::Endless,
        Trouble::Hangs,
    ] {
        let stage = Stage::set(&[&[("identity.timeout_ms", "500")], ONCE].concat()).await;
        stage.issuer.suffer(trouble);
        let answer = stage.ben().await.who().await;
        let status = assert_refused(answer, Code::Unavailable, "IDENTITY_PROVIDER_UNREACHABLE");
        assert!(!status.message().contains(&stage.issuer.url), "{trouble:?}: {status:?}");
        let logged_in = stage.server.anonymous().await.session_by(&stage.token(BEN)).await;
        assert_refused(logged_in, Code::Unavailable, "IDENTITY_PROVIDER_UNREACHABLE");
    }
}

#[tokio::test]
async fn a_provider_that_hangs_keeps_nobody_else_waiting() {
    let stage = Stage::set(&[("identity.timeout_ms", "20000"), ("database.pool_size", "2")]).await;
    stage.issuer.suffer(Trouble::Hangs);
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let (address, token) = (stage.server.address, stage.token(BEN));
            tokio::spawn(
                async move { crate::support::client::Api::connect(address).await.with_token(&token).who().await },
            )
        })
        .collect();
    eventually("somebody waits for keys", || async { (stage.issuer.fetches() == 1).then_some(()) }).await;
    // They hold no connection to the database.
    let began = Instant::now();
    for _ in 0..10 {
        stage.anna.who().await.unwrap();
        stage.operator.who().await.unwrap();
    }
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    assert_eq!(stage.issuer.fetches(), 1, "one fetch for all");
    assert!(waiting.iter().all(|call| !call.is_finished()));
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_caller_who_hangs_up_leaves_the_others_their_keys() {
    let stage = Stage::set(&[ONCE, &[("identity.timeout_ms", "1000")]].concat()).await;
    let token = stage.token(BEN);
    stage.issuer.suffer(Trouble::Hangs);
    let gone = stage.bearer(&token).await;
    let gone = tokio::spawn(async move { gone.who().await });
    eventually("keys are being fetched", || async { (stage.issuer.fetches() == 1).then_some(()) }).await;
    gone.abort();
    // The fetch ends as it would have: it is not begun again, and nobody waits for ever.
    let answer = stage.bearer(&token).await.who().await;
    assert_refused(answer, Code::Unavailable, "IDENTITY_PROVIDER_UNREACHABLE");
    assert_eq!(stage.issuer.fetches(), 1);
}

#[tokio::test]
async fn discovery_that_is_about_another_issuer_says_nothing() {
    for wrong in [
        |url: &str| json!({ "issuer": format!("{url}/"), "jwks_uri": format!("{url}/keys") }),
        |url: &str| json!({ "issuer": "https://login.example", "jwks_uri": format!("{url}/keys") }),
        |url: &str| json!({ "jwks_uri": format!("{url}/keys") }),
        |url: &str| json!({ "issuer": url }),
        |url: &str| json!({ "issuer": url, "jwks_uri": "http://login.example/keys" }),
        |url: &str| json!({ "issuer": url, "jwks_uri": "file:///etc/passwd" }),
        |_: &str| json!([]),
    ] {
        let stage = Stage::set(ONCE).await;
        stage.issuer.claim(wrong(&stage.issuer.url));
        let answer = stage.ben().await.who().await;
        assert_refused(answer, Code::Unavailable, "IDENTITY_PROVIDER_UNREACHABLE");
        assert_eq!(stage.issuer.fetches(), 0);
    }
}

#[tokio::test]
async fn keys_whose_address_the_record_has_are_not_searched() {
    let stage = Stage::set(ONCE).await;
    let other = Issuer::start(&[&stage.key]).await;
    other.claim(json!({ "issuer": "https://login.example" }));
    let jwks_uri = format!("{}/keys", other.url);
    let provider = landlord::proto::v1::IdentityProvider { jwks_uri, ..record(&other.url, &["EdDSA"]) };
    stage.operator.create_provider("other", provider).await.unwrap();
    stage.anna.link(&stage.ben, "identityProviders/other", BEN).await.unwrap();
    let token = stage.key.sign(&other.claims(BEN));
    assert_eq!(stage.bearer(&token).await.who().await.unwrap().user, stage.ben);
    assert_eq!((other.fetches(), stage.issuer.fetches()), (1, 0));
}

#[tokio::test]
async fn a_provider_that_is_made_anew_has_none_of_the_keys_of_the_one_before() {
    let stage = Stage::set(ONCE).await;
    stage.ben().await.who().await.unwrap();
    stage.operator.delete_provider(CORP).await.unwrap();
    let other = Issuer::start(&[&Key::new("other", Algorithm::EdDSA)]).await;
    stage.operator.create_provider("corp", record(&other.url, &["EdDSA"])).await.unwrap();
    stage.anna.link(&stage.ben, CORP, BEN).await.unwrap();
    let old_key = stage.key.sign(&other.claims(BEN));
    assert_refused(stage.bearer(&old_key).await.who().await, Code::Unauthenticated, "TOKEN_INVALID");
}
