//! Tokens that must not count, each for one reason.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tonic::Code;

use super::issuer::{Issuer, Key, assembled};
use super::{BEN, Stage, record};
use crate::support::client::{assert_refused, refusal};

/// That nobody is taken for anybody with that token, in a call or to log in.
async fn counts_for_nothing(stage: &Stage, token: &str) -> String {
    let called = stage.bearer(token).await.who().await;
    let called = assert_refused(called, Code::Unauthenticated, "TOKEN_INVALID");
    let logged_in = stage.server.anonymous().await.session_by(token).await;
    assert_refused(logged_in, Code::Unauthenticated, "TOKEN_INVALID");
    called.message().to_owned()
}

async fn with_claims(changes: Value) -> String {
    let stage = Stage::set(&[]).await;
    let token = stage.key.sign(&stage.issuer.claims_with(BEN, changes));
    counts_for_nothing(&stage, &token).await
}

#[tokio::test]
async fn a_token_without_a_signature() {
    let stage = Stage::set(&[]).await;
    let signed = stage.token(BEN);
    let signature = signed.rsplit('.').next().unwrap();
    for alg in ["none", "None", "NONE", ""] {
        let header = json!({ "alg": alg, "kid": stage.key.kid, "typ": "JWT" });
        for signature in ["", signature] {
            counts_for_nothing(&stage, &assembled(&header, &stage.issuer.claims(BEN), signature)).await;
        }
    }
    let header = json!({ "kid": stage.key.kid, "typ": "JWT" });
    counts_for_nothing(&stage, &assembled(&header, &stage.issuer.claims(BEN), signature)).await;
}

#[tokio::test]
async fn a_token_that_is_signed_with_the_public_key_as_if_it_were_a_secret() {
    let stage = Stage::set(&[]).await;
    let public = stage.key.public();
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(stage.key.kid.clone());
    for secret in [public["x"].as_str().unwrap().to_owned(), public.to_string()] {
        let secret = EncodingKey::from_secret(secret.as_bytes());
        let token = jsonwebtoken::encode(&header, &stage.issuer.claims(BEN), &secret).unwrap();
        counts_for_nothing(&stage, &token).await;
    }
    // Nor does a provider help who publishes a secret.
    let shared = json!({ "kty": "oct", "kid": "shared", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0" });
    stage.issuer.publish_raw(vec![shared]);
    header.kid = Some("shared".into());
    let secret = EncodingKey::from_base64_secret("c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0").unwrap();
    counts_for_nothing(&stage, &jsonwebtoken::encode(&header, &stage.issuer.claims(BEN), &secret).unwrap()).await;
    let wanted = stage.operator.create_provider("shared", record("https://login.example", &["HS256"])).await;
    assert_refused(wanted, Code::InvalidArgument, "FIELDS_INVALID");
}

#[tokio::test]
async fn a_token_that_is_signed_in_a_way_that_the_record_does_not_have() {
    let stage = Stage::set(&[]).await;
    let rsa = Key::new("rsa", Algorithm::RS256);
    stage.issuer.publish(&[&stage.key, &rsa]);
    counts_for_nothing(&stage, &rsa.sign(&stage.issuer.claims(BEN))).await;
    assert_eq!(stage.issuer.fetches(), 0, "nobody asks for a key that can't be used");
}

#[tokio::test]
async fn a_token_whose_header_says_another_algorithm_than_the_key_is_for() {
    let stage = Stage::set(&[]).await;
    let small = Key::new("small", Algorithm::ES256);
    stage.issuer.publish(&[&small]);
    let provider =
        landlord::proto::v1::IdentityProvider { name: super::CORP.into(), ..record("", &["EdDSA", "ES256"]) };
    stage.operator.update_provider(provider).await.unwrap();
    let header = Header { kid: Some("small".into()), ..Header::new(Algorithm::EdDSA) };
    counts_for_nothing(&stage, &stage.key.sign_with(&header, &stage.issuer.claims(BEN))).await;
}

#[tokio::test]
async fn a_token_of_an_issuer_that_nobody_knows() {
    let stage = Stage::set(&[]).await;
    let foreign = Issuer::start(&[&stage.key]).await;
    let unknown = counts_for_nothing(&stage, &stage.key.sign(&foreign.claims(BEN))).await;
    assert_eq!(foreign.fetches(), 0, "nobody asks an address that a token names");
    // Whether an issuer is known is told to nobody who has no token of it.
    let other = Key::new("other", Algorithm::EdDSA);
    assert_eq!(counts_for_nothing(&stage, &other.sign(&stage.issuer.claims(BEN))).await, unknown);
    let same = stage.issuer.url.clone();
    for almost in [format!("{same}/"), same.to_uppercase(), format!("{same}#")] {
        let claims = stage.issuer.claims_with(BEN, json!({ "iss": almost }));
        counts_for_nothing(&stage, &stage.key.sign(&claims)).await;
    }
    for several in [json!([same]), json!([same, "https://login.example"]), json!(null)] {
        let claims = stage.issuer.claims_with(BEN, json!({ "iss": several }));
        counts_for_nothing(&stage, &stage.key.sign(&claims)).await;
    }
}

#[tokio::test]
async fn a_token_that_another_key_has_signed_under_the_name_of_a_known_one() {
    let stage = Stage::set(&[]).await;
    let impostor = Key::new(&stage.key.kid, Algorithm::EdDSA);
    counts_for_nothing(&stage, &impostor.sign(&stage.issuer.claims(BEN))).await;
    // Nor does the key count that comes with it.
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some("mine".into());
    header.jwk = serde_json::from_value(impostor.public()).ok();
    header.jku = Some(format!("{}/keys", stage.issuer.url));
    counts_for_nothing(&stage, &impostor.sign_with(&header, &stage.issuer.claims(BEN))).await;
}

#[tokio::test]
async fn a_token_whose_claims_were_changed_after_it_was_signed() {
    let stage = Stage::set(&[]).await;
    let (token, other) = (stage.token("somebody else"), stage.token(BEN));
    let parts: Vec<_> = token.split('.').collect();
    let claims = other.split('.').nth(1).unwrap();
    counts_for_nothing(&stage, &format!("{}.{claims}.{}", parts[0], parts[2])).await;
}

#[tokio::test]
async fn a_token_without_the_id_of_its_key_or_with_something_critical_in_its_header() {
    let stage = Stage::set(&[]).await;
    let plain = Header::new(Algorithm::EdDSA);
    counts_for_nothing(&stage, &stage.key.sign_with(&plain, &stage.issuer.claims(BEN))).await;
    let critical = Header { kid: Some(stage.key.kid.clone()), crit: Some(vec!["b64".into()]), ..plain };
    counts_for_nothing(&stage, &stage.key.sign_with(&critical, &stage.issuer.claims(BEN))).await;
}

#[tokio::test]
async fn a_token_of_another_type_that_the_same_key_has_signed() {
    let stage = Stage::set(&[]).await;
    let header =
        |typ: &str| Header { kid: Some(stage.key.kid.clone()), typ: Some(typ.into()), ..Header::new(Algorithm::EdDSA) };
    for typ in ["logout+jwt", "secevent+jwt", "dpop+jwt", ""] {
        counts_for_nothing(&stage, &stage.key.sign_with(&header(typ), &stage.issuer.claims(BEN))).await;
    }
    for typ in ["JWT", "jwt", "at+jwt", "application/at+jwt"] {
        let token = stage.key.sign_with(&header(typ), &stage.issuer.claims(BEN));
        assert_eq!(stage.bearer(&token).await.who().await.unwrap().user, stage.ben, "{typ}");
    }
}

#[tokio::test]
async fn a_token_for_another_audience() {
    let told = with_claims(json!({ "aud": "another-api" })).await;
    assert!(told.contains("audience"), "{told}");
    with_claims(json!({ "aud": ["another-api", "a-third-one"] })).await;
    with_claims(json!({ "aud": [] })).await;
    with_claims(json!({ "aud": null })).await;
}

#[tokio::test]
async fn a_token_that_has_expired() {
    let stage = Stage::set(&[]).await;
    let now = jsonwebtoken::get_current_timestamp();
    let claims = stage.issuer.claims_with(BEN, json!({ "iat": now - 100, "exp": now - 10 }));
    let expired = stage.bearer(&stage.key.sign(&claims)).await.who().await;
    assert_refused(expired, Code::Unauthenticated, "TOKEN_EXPIRED");
    let logged_in = stage.server.anonymous().await.session_by(&stage.key.sign(&claims)).await;
    assert_refused(logged_in, Code::Unauthenticated, "TOKEN_EXPIRED");
    with_claims(json!({ "exp": now + 1, "iat": now + 3 })).await;
}

#[tokio::test]
async fn a_token_that_is_issued_in_the_future() {
    let now = jsonwebtoken::get_current_timestamp();
    with_claims(json!({ "iat": now + 60 })).await;
    with_claims(json!({ "iat": null })).await;
    with_claims(json!({ "iat": -1 })).await;
    with_claims(json!({ "iat": u64::MAX })).await;
}

#[tokio::test]
async fn a_token_whose_time_has_not_come() {
    let now = jsonwebtoken::get_current_timestamp();
    with_claims(json!({ "nbf": now + 60 })).await;
    with_claims(json!({ "nbf": "soon" })).await;
}

#[tokio::test]
async fn a_token_whose_end_is_no_number_or_missing() {
    let later = jsonwebtoken::get_current_timestamp() + 300;
    for exp in [json!(later.to_string()), json!([later]), json!({ "at": later }), json!(true), json!(null), json!(1e40)]
    {
        with_claims(json!({ "exp": exp })).await;
    }
}

#[tokio::test]
async fn a_token_without_a_subject_or_with_one_that_is_nobody() {
    with_claims(json!({ "sub": null })).await;
    with_claims(json!({ "sub": 7 })).await;
    with_claims(json!({ "sub": "" })).await;
    with_claims(json!({ "sub": "x".repeat(256) })).await;
    let told = with_claims(json!({ "sub": format!("{BEN} ") })).await;
    assert!(told.contains("LinkIdentity"), "{told}");
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_key_of_its_bearer() {
    let told = with_claims(json!({ "cnf": { "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" } })).await;
    assert!(told.contains("bound"), "{told}");
}

#[tokio::test]
async fn two_tokens_at_once() {
    let stage = Stage::set(&[]).await;
    let (first, second) = (stage.token(BEN), stage.token(BEN));
    let mut request = tonic::Request::new(landlord::proto::v1::GetCallerIdentityRequest {});
    for token in [&first, &second] {
        request.metadata_mut().append("authorization", format!("Bearer {token}").parse().unwrap());
    }
    let answer = stage.server.anonymous().await.client.sessions().get_caller_identity(request).await;
    assert_refused(answer, Code::InvalidArgument, "METADATA_INVALID");
    let joined = stage.server.anonymous().await;
    let mut request = tonic::Request::new(landlord::proto::v1::GetCallerIdentityRequest {});
    request.metadata_mut().append("authorization", format!("Bearer {first}, Bearer {second}").parse().unwrap());
    let answer = joined.client.sessions().get_caller_identity(request).await;
    assert_refused(answer, Code::InvalidArgument, "METADATA_INVALID");
}

#[tokio::test]
async fn a_bad_token_is_not_taken_for_none_where_none_is_needed() {
    let stage = Stage::set(&[]).await;
    let version = |token: String| {
        let stage = &stage;
        async move {
            let request = landlord::proto::v1::GetVersionRequest {};
            stage.bearer(&token).await.client.admin().get_version(request).await.map(|_| ())
        }
    };
    version(stage.token(BEN)).await.unwrap();
    let impostor = Key::new(&stage.key.kid, Algorithm::EdDSA).sign(&stage.issuer.claims(BEN));
    assert_eq!(refusal(&version(impostor).await.unwrap_err()).0, Code::Unauthenticated);
    // What a log-in mends stands in nobody's way.
    let now = jsonwebtoken::get_current_timestamp();
    let expired = stage.issuer.claims_with(BEN, json!({ "iat": now - 100, "exp": now - 10 }));
    version(stage.key.sign(&expired)).await.unwrap();
}
