//! AssignLicense and UnassignLicense.

use landlord::proto::v1;
use tonic::Code;

use crate::support::client::{assert_refused, fields};
use crate::support::licenses::kind;
use crate::support::lifecycle::facts;
use crate::support::server::TestServer;
use crate::support::sessions::Guest;

#[tokio::test(flavor = "multi_thread")]
async fn users_and_guests_are_given_seats_all_or_none_and_a_repeat_gives_none() {
    let server = TestServer::start().await;
    let Guest { acme, beta, bert, .. } = server.guest().await;
    let operator = server.operator().await;
    operator.set_kinds(&[kind("viewer", None, true, &[])], &[]).await.unwrap();
    operator.allot(&beta, &[("base", 3), ("viewer", 1)]).await.unwrap();
    let guest = bert.user_named(&beta, "ben").await;
    let own = bert.user_named(&beta, "bert").await;
    let carl = bert.new_user(&beta, "carl").await.unwrap().name;
    assert_eq!(bert.assign_license(&beta, "base", &[&guest, &own]).await.unwrap(), 2);
    assert_eq!(bert.assign_license(&beta, "base", &[&guest, &own]).await.unwrap(), 0);
    assert_eq!(operator.used(&beta, "base").await, 2);
    let exhausted = bert.assign_license(&beta, "viewer", &[&guest, &own]).await;
    let exhausted = assert_refused(exhausted, Code::ResourceExhausted, "LICENSES_EXHAUSTED");
    assert_eq!((facts(&exhausted)["kind"].as_str(), facts(&exhausted)["available"].as_str()), ("viewer", "1"));
    assert_eq!(operator.used(&beta, "viewer").await, 0, "all or none");
    assert_eq!(bert.assign_license(&beta, "base", &[&own, &carl]).await.unwrap(), 1, "one of both is new");
    assert_eq!(bert.assign_license(&beta, "viewer", &[&guest]).await.unwrap(), 1);
    assert_eq!(bert.user(&guest).await.unwrap().licenses, ["base", "viewer"]);
    assert_eq!(bert.user(&own).await.unwrap().licenses, ["base"]);

    assert_eq!(bert.unassign_license(&beta, "base", &[&guest, &own, &carl]).await.unwrap(), 3);
    assert_eq!(bert.unassign_license(&beta, "base", &[&guest, &own, &carl]).await.unwrap(), 0);
    assert_eq!((operator.used(&beta, "base").await, operator.used(&beta, "viewer").await), (0, 1));
    let audit = bert.audit(&beta, "method = UnassignLicense").await.unwrap();
    assert_eq!(audit[0].details["kind"], "base");
    assert!(audit[0].details["users"].contains(&guest));
    let invited = bert.new_user(&beta, "dora").await.unwrap().name;
    assert_eq!(bert.assign_license(&beta, "base", &[&invited]).await.unwrap(), 1, "who has no password yet, too");
    assert_eq!(operator.licenses(&acme).await.unwrap().total, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_is_refused() {
    let server = TestServer::start().await;
    let Guest { acme, anna, beta, bert, ben } = server.guest().await;
    let operator = server.operator().await;
    operator.set_kinds(&[kind("secret", None, true, &[])], &[]).await.unwrap();
    let own = anna.user_named(&acme, "anna").await;
    let none = anna.assign_license(&acme, "base", &[&own]).await;
    let none = assert_refused(none, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(fields(&none)[0].0, "kind", "a tenant that is not metered has no seats");
    operator.allot(&acme, &[("base", 5)]).await.unwrap();
    for wrong in ["secret", "never-there"] {
        let refused = anna.assign_license(&acme, wrong, &[&own]).await;
        let refused = assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID");
        assert_eq!(fields(&refused)[0].1, "must be one of which the tenant has licences: base", "both are told alike");
    }
    for (kind, users, field) in [
        ("Base", &[&*own][..], "kind"),
        ("", &[&own], "kind"),
        ("base", &[], "users"),
        ("base", &["tenants/acme/users/anna"], "users"),
    ] {
        for refused in [anna.assign_license(&acme, kind, users).await, anna.unassign_license(&acme, kind, users).await]
        {
            let refused = assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID");
            assert_eq!(fields(&refused)[0].0, field);
        }
    }
    let away = bert.user_named(&beta, "ben").await;
    assert_refused(anna.assign_license(&acme, "base", &[&own, &away]).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(anna.unassign_license(&acme, "base", &[&own, &away]).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    anna.unassign_users(&acme, &[&ben]).await.unwrap();
    assert_refused(anna.assign_license(&acme, "base", &[&ben]).await, Code::FailedPrecondition, "NOT_A_MEMBER");
    assert_eq!(operator.used(&acme, "base").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_administers_users_or_licences_of_the_tenant_gives_seats_and_nobody_else() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    operator.allot(&acme, &[("base", 5)]).await.unwrap();
    let role = anna.new_role(&acme, "Licences", &["privileges/license-administrator"]).await.unwrap();
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    let carl = anna.new_user(&acme, "carl").await.unwrap().name;
    anna.give(&role, &[&ben]).await.unwrap();
    let (ben, plain) = (server.enter("ben@acme").await, server.enter("carl@acme").await);
    ben.unassign_license(&acme, "base", &[&carl]).await.unwrap();
    assert_eq!(ben.assign_license(&acme, "base", &[&carl]).await.unwrap(), 1);
    assert_eq!(ben.licenses(&acme).await.unwrap().licenses[0].used, 2);
    for refused in [
        plain.assign_license(&acme, "base", &[&carl]).await,
        plain.unassign_license(&acme, "base", &[&carl]).await,
        plain.licenses(&acme).await.map(|_| 0),
        operator.assign_license(&acme, "base", &[&carl]).await,
        ben.allot(&acme, &[("base", 9)]).await.map(|_| 0),
    ] {
        assert_refused(refused, Code::PermissionDenied, "PRIVILEGE_MISSING");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_of_a_request_and_a_try_change_nothing() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    operator.allot(&acme, &[("base", 5)]).await.unwrap();
    let own = anna.user_named(&acme, "anna").await;
    let request = v1::AssignLicenseRequest {
        tenant: acme.clone(),
        kind: "base".into(),
        users: vec![own.clone()],
        ..Default::default()
    };
    let assign = async |request| anna.client.users().assign_license(request).await.unwrap().into_inner().assigned_count;
    assert_eq!(assign(v1::AssignLicenseRequest { validate_only: true, ..request.clone() }).await, 1);
    assert_eq!(operator.used(&acme, "base").await, 0);
    let once = v1::AssignLicenseRequest { request_id: uuid::Uuid::new_v4().to_string(), ..request };
    assert_eq!(assign(once.clone()).await, 1);
    anna.unassign_license(&acme, "base", &[&own]).await.unwrap();
    assert_eq!(assign(once).await, 1, "the first answer");
    assert_eq!(operator.used(&acme, "base").await, 0);
}
