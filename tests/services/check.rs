//! CheckAccess: what other services ask before they do something for somebody.

use landlord::proto::v1;
use tonic::Code;

use super::{CHECK, Stage};
use crate::support::client::assert_refused;

fn question(tenant: &str, user: &str, privileges: &[&str], features: &[&str]) -> v1::CheckAccessRequest {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    v1::CheckAccessRequest {
        tenant: tenant.into(),
        user: user.into(),
        privileges: owned(privileges),
        features: owned(features),
    }
}

fn reasons(answer: &v1::CheckAccessResponse) -> Vec<&str> {
    assert_eq!(answer.allowed, answer.obstacles.is_empty());
    answer.obstacles.iter().map(|obstacle| obstacle.reason.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_tells_of_tenant_user_privileges_and_features() {
    let stage = Stage::new().await;
    let portal = stage.operator.service("portal", &[CHECK], &["*"]).await;
    let anna = stage.anna.who().await.unwrap().user;
    stage.operator.switch(&stage.acme, &["reports"], &[]).await.unwrap();
    let privilege = v1::CreatePrivilegeRequest {
        parent: stage.acme.clone(),
        privilege_id: "category.finance".into(),
        ..Default::default()
    };
    stage.anna.create_privilege(privilege).await.unwrap();
    let finance = format!("{}/privileges/category.finance", stage.acme);
    let administers = "privileges/user-administrator";

    let answer = portal.check(question(&stage.acme, &anna, &[administers], &["reports"])).await.unwrap();
    assert_eq!(reasons(&answer), Vec::<&str>::new());
    assert!(answer.tenant_usable && answer.user_usable == Some(true));
    assert_eq!((answer.tenant.as_str(), answer.tenant_state()), (stage.acme.as_str(), v1::tenant::State::Active));
    let asked = [administers, "privileges/portal-administrator", &finance];
    let answer = portal.check(question(&stage.acme, &anna, &asked, &["reports", "exports"])).await.unwrap();
    assert_eq!(reasons(&answer), ["PRIVILEGE_MISSING", "FEATURE_OFF"]);
    let missing: Vec<_> = answer.missing_privileges.iter().map(String::as_str).collect();
    assert!(missing.contains(&finance.as_str()) && !missing.contains(&administers), "{missing:?}");
    assert_eq!(answer.missing_features, ["exports"]);

    let role = stage.anna.new_role(&stage.acme, "Finance", &[&finance]).await.unwrap();
    stage.anna.give(&role, &[&anna]).await.unwrap();
    let answer = portal.check(question(&stage.acme, &anna, &[&finance], &[])).await.unwrap();
    assert_eq!(reasons(&answer), Vec::<&str>::new(), "at once");
    // As a token has them: home and sub.
    let uid = &answer.tenant_uid;
    let by_uid = format!("tenants/{uid}/users/{}", anna.rsplit('/').next().unwrap());
    assert!(portal.check(question(&format!("tenants/{uid}"), &by_uid, &[], &[])).await.unwrap().allowed);

    let answer = portal.check(question(&stage.beta, &anna, &[administers], &["reports"])).await.unwrap();
    assert_eq!(reasons(&answer), ["NOT_A_MEMBER", "PRIVILEGE_MISSING", "FEATURE_OFF"]);
    let nobody = format!("{}/users/{}", stage.acme, uuid::Uuid::new_v4());
    let unknown = portal.check(question(&stage.beta, &nobody, &[administers], &["reports"])).await.unwrap();
    let told = format!("{unknown:?}").replace(&nobody, &anna);
    assert_eq!(told, format!("{answer:?}"), "whoever works elsewhere is told as one that there never was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_is_known_by_its_home_and_by_its_host() {
    let stage = Stage::new().await;
    let portal = stage.operator.service("portal", &[CHECK], &[&stage.beta]).await;
    let anna = stage.anna.who().await.unwrap().user;
    let here = anna.replace(&stage.acme, &stage.beta);
    let usable = async |user: &str| portal.check(question(&stage.beta, user, &[], &[])).await.unwrap().user_usable;
    assert_eq!(usable(&anna).await, Some(false));
    stage.operator.assign_users(&stage.beta, &[&anna]).await.unwrap();
    assert_eq!((usable(&anna).await, usable(&here).await), (Some(true), Some(true)));
    let other = anna.replace(&stage.acme, "tenants/infrastructure");
    assert_eq!(usable(&other).await, Some(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_are_told_at_once() {
    let stage = Stage::new().await;
    let portal = stage.operator.service("portal", &[CHECK], &[&stage.acme]).await;
    let ben = stage.anna.new_user(&stage.acme, "ben").await.unwrap().name;
    let ask = async || portal.check(question(&stage.acme, &ben, &[], &[])).await.unwrap();
    let invited = ask().await;
    assert_eq!((reasons(&invited), invited.user_usable), (vec!["USER_STATE_INVALID"], Some(false)));
    stage.server.enter("ben@acme").await;
    assert!(ask().await.allowed);
    stage.anna.lock_out(&ben).await.unwrap();
    assert_eq!(reasons(&ask().await), ["USER_STATE_INVALID"]);
    stage.operator.lock(&stage.acme).await.unwrap();
    assert_eq!(reasons(&ask().await), ["TENANT_LOCKED", "USER_STATE_INVALID"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_and_operators_may_ask_too_and_others_not() {
    let stage = Stage::new().await;
    assert!(stage.anna.usable(&stage.acme).await.unwrap());
    assert!(stage.operator.usable(&stage.acme).await.unwrap());
    assert_refused(stage.anna.usable(&stage.beta).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    stage.anna.new_user(&stage.acme, "ben").await.unwrap();
    let ben = stage.server.enter("ben@acme").await;
    assert_refused(ben.usable(&stage.acme).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    let nobody = stage.anna.check(question(&stage.acme, "", &["privileges/user-administrator"], &[])).await;
    assert_refused(nobody, Code::InvalidArgument, "FIELDS_INVALID");
    let many = stage.anna.check(question(&stage.acme, "", &[], &["x"; 101])).await;
    assert_refused(many, Code::InvalidArgument, "FIELDS_INVALID");
}
