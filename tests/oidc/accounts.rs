//! Which users the subjects of a provider are, who says so, and where they work.

use landlord::proto::v1;
use serde_json::json;
use tonic::Code;

use super::issuer::{Issuer, Key};
use super::{BEN, CORP, Stage, record};
use crate::support::client::{Api, assert_refused};

/// A provider that speaks for the users of one tenant alone.
async fn provider_of(stage: &Stage, id: &str, tenant: &str) -> Issuer {
    let issuer = Issuer::start(&[&stage.key]).await;
    let provider = v1::IdentityProvider { tenant: tenant.into(), ..record(&issuer.url, &["EdDSA"]) };
    stage.operator.create_provider(id, provider).await.unwrap();
    issuer
}

#[tokio::test]
async fn users_have_the_identities_that_they_are_given() {
    let stage = Stage::set(&[]).await;
    let made = stage.anna.user(&stage.ben).await.unwrap();
    assert_eq!(made.state(), v1::user::State::Active, "who has an identity can log in, and needs no password");
    stage.anna.link(&stage.ben, CORP, "another of his").await.unwrap();
    let both = vec![(CORP.to_owned(), BEN.to_owned()), (CORP.to_owned(), "another of his".to_owned())];
    assert_eq!(stage.anna.identities(&stage.ben).await.unwrap(), both);
    let bearer = stage.bearer(&stage.token("another of his")).await;
    assert_eq!(bearer.who().await.unwrap().user, stage.ben);

    let taken = stage.anna.link(&stage.ben, CORP, BEN).await;
    assert_refused(taken, Code::AlreadyExists, "RESOURCE_EXISTS");
    let cora = stage.anna.new_user(&stage.acme, "cora").await.unwrap().name;
    assert_refused(stage.anna.link(&cora, CORP, BEN).await, Code::AlreadyExists, "RESOURCE_EXISTS");
    for number in 2..20 {
        stage.anna.link(&stage.ben, CORP, &format!("number {number}")).await.unwrap();
    }
    assert_refused(stage.anna.link(&stage.ben, CORP, "one too many").await, Code::InvalidArgument, "FIELDS_INVALID");
}

#[tokio::test]
async fn a_lock_outlasts_an_identity_and_leaves_it() {
    let stage = Stage::set(&[]).await;
    let cora = stage.anna.new_user(&stage.acme, "cora").await.unwrap().name;
    stage.anna.lock_out(&cora).await.unwrap();
    stage.anna.link(&cora, CORP, "cora").await.unwrap();
    let refused = stage.bearer(&stage.token("cora")).await.who().await;
    assert_refused(refused, Code::Unauthenticated, "TOKEN_INVALID");
    let request = v1::UnlockUserRequest { name: cora.clone(), ..Default::default() };
    let unlocked = stage.anna.unlock_user(request).await.unwrap().user.unwrap();
    assert_eq!(unlocked.state(), v1::user::State::Active);
    stage.forget_epochs().await;
    assert_eq!(stage.bearer(&stage.token("cora")).await.who().await.unwrap().user, cora);
}

#[tokio::test]
async fn an_address_makes_nobody_somebody() {
    let stage = Stage::set(&[]).await;
    let user = v1::User { user_name: "dora".into(), email: "dora@example.com".into(), ..Default::default() };
    let request = v1::CreateUserRequest { tenant: stage.acme.clone(), user: Some(user), ..Default::default() };
    stage.anna.create_user(request).await.unwrap();
    let email = json!({ "email": "dora@example.com", "email_verified": true, "preferred_username": "dora" });
    for subject in ["dora", "dora@example.com", "248"] {
        let token = stage.key.sign(&stage.issuer.claims_with(subject, email.clone()));
        assert_refused(stage.bearer(&token).await.who().await, Code::Unauthenticated, "TOKEN_INVALID");
    }
}

#[tokio::test]
async fn a_provider_of_one_tenant_speaks_for_no_user_of_another() {
    let stage = Stage::set(&[]).await;
    let (beta, bert) = stage.server.another("Beta", "bert").await;
    let of_beta = provider_of(&stage, "beta-login", &beta).await;
    stage.forget_epochs().await;
    // To acme it is one that is nowhere, to the byte.
    let foreign = stage.anna.link(&stage.ben, "identityProviders/beta-login", "x").await;
    let foreign = assert_refused(foreign, Code::NotFound, "RESOURCE_NOT_FOUND");
    let nowhere = stage.anna.link(&stage.ben, "identityProviders/beto-login", "x").await;
    let nowhere = assert_refused(nowhere, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_eq!(foreign.message().replace("beta-login", "beto-login"), nowhere.message());
    // Its own users it speaks for, and what it says of others' subjects is about its own.
    let bea = bert.new_user(&beta, "bea").await.unwrap().name;
    bert.link(&bea, "identityProviders/beta-login", BEN).await.unwrap();
    let token = stage.key.sign(&of_beta.claims(BEN));
    assert_eq!(stage.bearer(&token).await.who().await.unwrap().user, bea);
    assert_eq!(stage.ben().await.who().await.unwrap().user, stage.ben);
    // Nor does the database let anybody link them.
    let forced = format!(
        "BEGIN; SELECT set_config('landlord.tenant', (SELECT uid::text FROM tenant_identities WHERE code = 'acme'), true);
         INSERT INTO user_identities (tenant_id, id, user_id, provider, subject)
         SELECT current_tenant(), gen_random_uuid(), '{}', 'beta-login', 'x'",
        stage.ben.rsplit('/').next().unwrap()
    );
    let refused = stage.server.sql().await.batch_execute(&forced).await.unwrap_err();
    assert!(format!("{refused:?}").contains("landlord:RESOURCE_NOT_FOUND"), "{refused:?}");
}

#[tokio::test]
async fn accounts_of_the_infrastructure_tenant_need_a_provider_for_it() {
    let stage = Stage::set(&[]).await;
    let infrastructure = "tenants/infrastructure";
    let oskar = stage.operator.new_user(infrastructure, "oskar").await.unwrap().name;
    let any = stage.operator.link(&oskar, CORP, "oskar").await;
    assert_refused(any, Code::InvalidArgument, "FIELDS_INVALID");
    let own = provider_of(&stage, "operators", infrastructure).await;
    stage.operator.link(&oskar, "identityProviders/operators", "oskar").await.unwrap();
    stage.forget_epochs().await;
    let token = stage.key.sign(&own.claims("oskar"));
    let who = stage.bearer(&token).await.who().await.unwrap();
    assert_eq!((who.user, who.tenant.as_str()), (oskar.clone(), infrastructure));
    // It speaks for no user of another tenant.
    let other = stage.anna.link(&stage.ben, "identityProviders/operators", BEN).await;
    assert_refused(other, Code::NotFound, "RESOURCE_NOT_FOUND");
    // Of tenants oskar learns what his rights let him, and may act for superuser with the token as with a session.
    let lock = stage.bearer(&token).await.lock(&stage.acme).await;
    assert_refused(lock, Code::PermissionDenied, "PRIVILEGE_MISSING");
    let administrators = stage.operator.role_named(infrastructure, "Administrator").await;
    stage.operator.give(&administrators, &[&oskar]).await.unwrap();
    let oskar = stage.bearer(&token).await;
    assert_eq!(oskar.tenant(&stage.acme).await.name, stage.acme);
    let made = oskar.acting_as("superuser").new_user(&stage.acme, "made by oskar").await;
    assert_refused(made, Code::InvalidArgument, "FIELDS_INVALID");
    let made = oskar.acting_as("superuser").new_user(&stage.acme, "made").await.unwrap();
    let trail = stage.anna.audit(&stage.acme, &format!("resource = \"{}\"", made.name)).await.unwrap();
    assert_eq!((trail[0].actor_name.as_str(), trail[0].acted_for.is_empty()), ("oskar", false));
    // A token of its own for that needs a session.
    assert_refused(oskar.exchange(&stage.acme, None).await, Code::FailedPrecondition, "SESSION_REQUIRED");
}

#[tokio::test]
async fn who_may_not_reset_a_password_links_no_identity_either() {
    let stage = Stage::set(&[]).await;
    let infrastructure = "tenants/infrastructure";
    provider_of(&stage, "operators", infrastructure).await;
    let first = stage.operator.user_named(infrastructure, "operator").await;
    let clerk = stage.operator.new_user(infrastructure, "clerk").await.unwrap().name;
    let role = stage.operator.new_role(infrastructure, "Clerk", &["privileges/user-administrator"]).await.unwrap();
    stage.operator.give(&role, &[&clerk]).await.unwrap();
    let clerk = stage.server.enter("clerk@infrastructure").await;
    let taken_over = clerk.link(&first, "identityProviders/operators", "clerk").await;
    assert_refused(taken_over, Code::PermissionDenied, "PRIVILEGE_MISSING");
    // superuser has no credential, whoever asks.
    let superuser = stage.anna.user_named(&stage.acme, "superuser").await;
    let linked = stage.anna.link(&superuser, CORP, "root").await;
    assert_refused(linked, Code::FailedPrecondition, "RESOURCE_PROTECTED");
    let forced = "INSERT INTO user_identities (tenant_id, id, user_id, provider, subject)
                  SELECT tenant_id, gen_random_uuid(), id, 'corp', 'root' FROM users WHERE user_name = 'superuser'
                      AND tenant_id <> '11111111-1111-1111-1111-111111111111'";
    let refused = stage.server.sql().await.batch_execute(forced).await.unwrap_err();
    assert!(format!("{refused:?}").contains("landlord:RESOURCE_PROTECTED"), "{refused:?}");
    // Nor does anybody who administers no users.
    let cora = stage.anna.new_user(&stage.acme, "cora").await.unwrap().name;
    let linked = stage.ben().await.link(&cora, CORP, "cora").await;
    assert_refused(linked, Code::PermissionDenied, "PRIVILEGE_MISSING");
}

#[tokio::test]
async fn guests_are_linked_at_home_alone() {
    let stage = Stage::set(&[]).await;
    let (beta, bert) = stage.server.another("Beta", "bert").await;
    stage.operator.assign_users(&beta, &[&stage.ben]).await.unwrap();
    let guest = stage.ben.replace(&stage.acme, &beta);
    assert_refused(bert.link(&guest, CORP, "x").await, Code::FailedPrecondition, "USER_IS_GUEST");
    assert_refused(bert.unlink(&guest, CORP, BEN).await, Code::FailedPrecondition, "USER_IS_GUEST");
    assert_refused(bert.identities(&guest).await, Code::FailedPrecondition, "USER_IS_GUEST");
}

/// Where the bearer works.
async fn place(bearer: &Api) -> String {
    bearer.who().await.unwrap().tenant
}

#[tokio::test]
async fn a_bearer_works_where_its_sessions_would_start_or_where_the_metadata_says() {
    let stage = Stage::set(&[]).await;
    let (beta, _) = stage.server.another("Beta", "bert").await;
    stage.operator.assign_users(&beta, &[&stage.ben]).await.unwrap();
    stage.forget_epochs().await;
    let ben = stage.ben().await;
    assert_eq!(place(&ben).await, stage.acme);
    assert_eq!(place(&ben.within("beta")).await, beta);
    assert_eq!(place(&ben.within("acme")).await, stage.acme);
    assert_eq!(place(&ben.within(&stage.operator.tenant(&beta).await.uid)).await, beta);
    stage.anna.default_tenant(&stage.ben, &beta).await.unwrap();
    assert_eq!(place(&ben).await, beta);
    // A tenant where ben does not work is told from none by nothing.
    stage.operator.active_tenant("Gamma").await;
    let gamma = assert_refused(ben.within("gamma").who().await, Code::InvalidArgument, "TENANT_CONTEXT_MISMATCH");
    let delta = assert_refused(ben.within("delta").who().await, Code::InvalidArgument, "TENANT_CONTEXT_MISMATCH");
    assert_eq!(gamma.message(), delta.message());
    // Without its default tenant it has to say where.
    stage.operator.unassign_tenants(&stage.ben, &[&beta]).await.unwrap();
    stage.forget_epochs().await;
    assert_refused(ben.who().await, Code::FailedPrecondition, "DEFAULT_TENANT_REQUIRED");
    assert_eq!(place(&ben.within("acme")).await, stage.acme);
}

#[tokio::test]
async fn one_person_may_have_accounts_in_several_tenants_and_says_which_is_meant() {
    let stage = Stage::set(&[]).await;
    let (beta, bert) = stage.server.another("Beta", "bert").await;
    stage.forget_epochs().await;
    let other = bert.new_user(&beta, "benjamin").await.unwrap().name;
    // Beta does not learn that acme has linked the same subject.
    bert.link(&other, CORP, BEN).await.unwrap();
    let ben = stage.ben().await;
    let told = assert_refused(ben.who().await, Code::Unauthenticated, "TOKEN_INVALID");
    assert!(told.message().contains("x-landlord-tenant"), "{told:?}");
    assert_eq!(ben.within("acme").who().await.unwrap().user, stage.ben);
    assert_eq!(ben.within("beta").who().await.unwrap().user, other);
    let log_in = |tenant: &str| {
        let request =
            v1::CreateSessionRequest { id_token: stage.token(BEN), tenant: tenant.into(), ..Default::default() };
        let sessions = stage.anna.client.sessions();
        async move { { sessions }.create_session(request).await.map(|r| r.into_inner().user) }
    };
    assert_refused(log_in("").await, Code::Unauthenticated, "TOKEN_INVALID");
    assert_eq!(log_in("beta").await.unwrap(), other);
    assert_eq!(log_in("acme").await.unwrap(), stage.ben);
    let unknown = assert_refused(log_in("gamma").await, Code::Unauthenticated, "TOKEN_INVALID");
    stage.operator.active_tenant("Gamma").await;
    assert_eq!(
        assert_refused(log_in("gamma").await, Code::Unauthenticated, "TOKEN_INVALID").message(),
        unknown.message()
    );
}

#[tokio::test]
async fn the_word_of_a_provider_says_nothing_of_another_ones_subjects() {
    let stage = Stage::set(&[]).await;
    let key = Key::new("second", jsonwebtoken::Algorithm::EdDSA);
    let second = Issuer::start(&[&key]).await;
    stage.operator.create_provider("second", record(&second.url, &["EdDSA"])).await.unwrap();
    let told = stage.bearer(&key.sign(&second.claims(BEN))).await.who().await;
    assert_refused(told, Code::Unauthenticated, "TOKEN_INVALID");
    // Nor may it speak as the other one.
    let claims = second.claims_with(BEN, json!({ "iss": stage.issuer.url }));
    assert_refused(stage.bearer(&key.sign(&claims)).await.who().await, Code::Unauthenticated, "TOKEN_INVALID");
}
