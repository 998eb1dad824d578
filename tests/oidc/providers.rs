//! The records of identity providers.

use landlord::proto::v1;
use tonic::Code;

use super::issuer::AUDIENCE;
use super::{CORP, Stage, record};
use crate::support::client::{assert_refused, fields};
use crate::support::server::TestServer;

#[tokio::test]
async fn a_provider_is_made_read_listed_changed_and_removed() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let acme = operator.active_tenant("Acme").await;
    let sent = v1::IdentityProvider {
        jwks_uri: "https://login.example/keys".into(),
        tenant: acme.clone(),
        ..record("https://login.example/acme", &["PS256", "ES256", "PS256"])
    };
    let made = operator.create_provider("acme-login", sent.clone()).await.unwrap();
    assert_eq!(made.name, "identityProviders/acme-login");
    assert_eq!(made.algorithms, ["PS256", "ES256"]);
    let (issuer, keys) = (made.issuer.as_str(), made.jwks_uri.as_str());
    assert_eq!((issuer, keys, &made.tenant), ("https://login.example/acme", "https://login.example/keys", &acme));
    assert_eq!(operator.provider(&made.name).await.unwrap(), made);
    operator.create_provider("zulu", record("https://zulu.example", &["EdDSA"])).await.unwrap();
    let request = v1::ListIdentityProvidersRequest { page_size: 1, ..Default::default() };
    let page = operator.client.admin().list_identity_providers(request).await.unwrap().into_inner();
    assert_eq!((page.identity_providers, page.total_size), (vec![made.clone()], 2));
    let request = v1::ListIdentityProvidersRequest { page_token: page.next_page_token, ..Default::default() };
    let page = operator.client.admin().list_identity_providers(request).await.unwrap().into_inner();
    assert_eq!(
        (page.identity_providers[0].name.as_str(), page.next_page_token.as_str()),
        ("identityProviders/zulu", "")
    );

    let change = v1::IdentityProvider {
        name: made.name.clone(),
        audiences: vec!["other".into()],
        etag: made.etag.clone(),
        ..Default::default()
    };
    let changed = operator.update_provider(change.clone()).await.unwrap();
    assert_eq!((&changed.audiences, &changed.algorithms), (&vec!["other".to_owned()], &made.algorithms));
    assert_refused(operator.update_provider(change).await, Code::Aborted, "ETAG_MISMATCH");
    let delete =
        v1::DeleteIdentityProviderRequest { name: made.name.clone(), etag: made.etag.clone(), ..Default::default() };
    let stale = operator.client.admin().delete_identity_provider(delete).await;
    assert_refused(stale, Code::Aborted, "ETAG_MISMATCH");
    operator.delete_provider(&made.name).await.unwrap();
    assert_refused(operator.provider(&made.name).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(operator.delete_provider(&made.name).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    // Operators' logs tell all of it, and those of the tenant what is about it.
    let filter = "resource = \"identityProviders/acme-login\"";
    let told = operator.events("tenants/infrastructure", filter).await.unwrap().events;
    let kinds: Vec<_> = told.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["DeleteIdentityProvider", "UpdateIdentityProvider", "CreateIdentityProvider"]);
    assert_eq!(told[1].details["audiences"], format!("{AUDIENCE} to other"));
    let filter = "tenant = \"acme\" AND kind = CreateIdentityProvider";
    let told = operator.audit(&acme, "").await.unwrap();
    let of_provider: Vec<_> = told.iter().filter(|r| r.details.contains_key("identity_provider")).collect();
    assert_eq!(of_provider.len(), 3, "{filter}: {told:?}");
}

#[tokio::test]
async fn what_a_record_can_not_be_is_said() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let fine = || record("https://login.example", &["RS256"]);
    let many: Vec<_> = (0..21).map(|number| number.to_string()).collect();
    for (field, id, provider) in [
        ("identity_provider_id", "X", fine()),
        ("identity_provider.issuer", "corp", record("", &["RS256"])),
        ("identity_provider.issuer", "corp", record("http://login.example", &["RS256"])),
        ("identity_provider.issuer", "corp", record("https://login.example?x=y", &["RS256"])),
        ("identity_provider.algorithms", "corp", record("https://login.example", &[])),
        ("identity_provider.algorithms", "corp", record("https://login.example", &["RS256", "none"])),
        ("identity_provider.algorithms", "corp", record("https://login.example", &["HS256"])),
        ("identity_provider.audiences", "corp", v1::IdentityProvider { audiences: vec![], ..fine() }),
        ("identity_provider.audiences", "corp", v1::IdentityProvider { audiences: vec![String::new()], ..fine() }),
        ("identity_provider.audiences", "corp", v1::IdentityProvider { audiences: many, ..fine() }),
        ("identity_provider.jwks_uri", "corp", v1::IdentityProvider { jwks_uri: "http://x.example/".into(), ..fine() }),
        ("identity_provider.tenant", "corp", v1::IdentityProvider { tenant: "acme".into(), ..fine() }),
    ] {
        let refused = operator.create_provider(id, provider).await;
        let refused = assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID");
        assert_eq!(fields(&refused)[0].0, field, "{refused:?}");
    }
    let nowhere = v1::IdentityProvider { tenant: "tenants/nowhere".into(), ..fine() };
    assert_refused(operator.create_provider("corp", nowhere).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    operator.create_provider("corp", fine()).await.unwrap();
    let again = operator.create_provider("corp", record("https://other.example", &["RS256"])).await;
    assert_refused(again, Code::AlreadyExists, "RESOURCE_EXISTS");
    assert_refused(operator.create_provider("other", fine()).await, Code::AlreadyExists, "RESOURCE_EXISTS");
    // Who speaks, and for whom, stays.
    for path in ["issuer", "jwks_uri", "tenant", "what"] {
        let request = v1::UpdateIdentityProviderRequest {
            identity_provider: Some(v1::IdentityProvider { name: CORP.into(), ..fine() }),
            update_mask: Some(prost_types::FieldMask { paths: vec![path.into()] }),
            ..Default::default()
        };
        let refused = operator.client.admin().update_identity_provider(request).await;
        assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID");
    }
    let request = v1::CreateIdentityProviderRequest {
        identity_provider_id: "tried".into(),
        identity_provider: Some(record("https://tried.example", &["RS256"])),
        validate_only: true,
        ..Default::default()
    };
    operator.client.admin().create_identity_provider(request).await.unwrap();
    let found = operator.provider("identityProviders/tried").await;
    assert_refused(found, Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn who_issues_our_own_tokens_is_no_provider() {
    let ours = "https://landlord.example";
    let server = TestServer::with(&[("tokens.issuer", ours.to_owned())]).await;
    let refused = server.operator().await.create_provider("self", record(ours, &["EdDSA"])).await;
    assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID");
}

#[tokio::test]
async fn what_a_record_says_of_tokens_counts_from_the_change_on() {
    let stage = Stage::set(&[]).await;
    let ben = stage.ben().await;
    ben.who().await.unwrap();
    let change = |audiences: &str, algorithm: &str| v1::IdentityProvider {
        name: CORP.into(),
        audiences: vec![audiences.into()],
        algorithms: vec![algorithm.into()],
        ..Default::default()
    };
    stage.operator.update_provider(change("others", "EdDSA")).await.unwrap();
    assert_refused(ben.who().await, Code::Unauthenticated, "TOKEN_INVALID");
    stage.operator.update_provider(change(AUDIENCE, "RS256")).await.unwrap();
    assert_refused(ben.who().await, Code::Unauthenticated, "TOKEN_INVALID");
    stage.operator.update_provider(change(AUDIENCE, "EdDSA")).await.unwrap();
    ben.who().await.unwrap();
}

#[tokio::test]
async fn whose_word_counts_for_operators_is_said_by_those_who_may_do_all() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let infrastructure = "tenants/infrastructure";
    let of_operators =
        v1::IdentityProvider { tenant: infrastructure.into(), ..record("https://login.example", &["EdDSA"]) };
    let made = operator.create_provider("operators", of_operators).await.unwrap();
    operator.create_provider("corp", record("https://corp.example", &["EdDSA"])).await.unwrap();
    // Somebody whose password is known.
    server.administrator("Acme").await;
    let clerk = operator.new_user(infrastructure, "clerk").await.unwrap().name;
    let role = operator.new_role(infrastructure, "Clerk", &["privileges/tenant-administrator"]).await.unwrap();
    operator.give(&role, &[&clerk]).await.unwrap();
    let clerk = server.enter("clerk@infrastructure").await;
    let change =
        |name: &str| v1::IdentityProvider { name: name.into(), audiences: vec!["mine".into()], ..Default::default() };
    clerk.update_provider(change(CORP)).await.unwrap();
    let refused = clerk.update_provider(change(&made.name)).await;
    assert_refused(refused, Code::PermissionDenied, "PRIVILEGE_MISSING");
    operator.update_provider(change(&made.name)).await.unwrap();
}
