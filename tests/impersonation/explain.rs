//! ExplainAccess: the exact privilege, state, licence or mark that a call lacks.

use landlord::proto::v1;
use tonic::{Code, Response, Status};

use super::Stage;
use crate::support::client::{Api, assert_refused, fields};
use crate::support::licenses::kind;

const CREATE_GROUP: &str = "UserService.CreateGroup";

/// What stands in the way: each reason, and the privileges that go with it.
async fn explain(
    api: &Api,
    method: &str,
    tenant: &str,
    user: &str,
    acting_for: &str,
) -> Result<Vec<(String, Vec<String>)>, Status> {
    let (method, tenant, user, acting_for) = (method.into(), tenant.into(), user.into(), acting_for.into());
    let request = v1::ExplainAccessRequest { method, tenant, user, acting_for };
    let answer = api.client.sessions().explain_access(request).await.map(Response::into_inner)?;
    assert_eq!(answer.allowed, answer.obstacles.is_empty());
    let bare = |name: String| name.trim_start_matches("privileges/").to_owned();
    let told = answer.obstacles.into_iter().map(|o| (o.reason, o.privileges.into_iter().map(bare).collect()));
    Ok(told.collect())
}

fn one(reason: &str, privileges: &[&str]) -> Vec<(String, Vec<String>)> {
    vec![(reason.to_owned(), privileges.iter().map(|name| (*name).to_owned()).collect())]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_told_the_privilege_the_licence_and_the_state_that_are_missing() {
    let stage = Stage::new().await;
    let (acme, anna, operator) = (&*stage.acme, &stage.anna, &stage.operator);
    let ben = anna.new_user(acme, "ben").await.unwrap().name;
    let him = stage.server.enter("ben@acme").await;
    let own = async |method: &str| explain(&him, method, acme, "", "").await.unwrap();
    assert_eq!(own(CREATE_GROUP).await, one("PRIVILEGE_MISSING", &["user-administrator"]));
    assert_eq!(own("/landlord.v1.UserService/CreateGroup").await, own(CREATE_GROUP).await);
    assert_eq!(own("SessionService.ListMyTenants").await, []);
    assert_eq!(
        own("TenantService.LockTenant").await,
        one("PRIVILEGE_MISSING", &["tenant-administrator", "manage-tenants"])
    );
    assert_eq!(explain(anna, CREATE_GROUP, acme, "", "").await.unwrap(), []);

    let kinds = [kind("base", Some(9), true, &[]), kind("users", Some(9), false, &["user-administrator"])];
    operator.set_kinds(&kinds, &[]).await.unwrap();
    operator.allot(acme, &[("base", 5)]).await.unwrap();
    anna.who().await.unwrap();
    let of_anna = anna.who().await.unwrap().user;
    let told = explain(anna, CREATE_GROUP, acme, "", "").await.unwrap();
    assert_eq!(told, one("PRIVILEGE_NOT_LICENSED", &["user-administrator"]));
    operator.allot(acme, &[("users", 1)]).await.unwrap();
    assert_eq!(explain(anna, CREATE_GROUP, acme, "", "").await.unwrap(), []);

    operator.lock(acme).await.unwrap();
    assert_eq!(explain(operator, CREATE_GROUP, acme, &of_anna, "").await.unwrap(), one("TENANT_LOCKED", &[]));
    operator.unlock(acme).await.unwrap();
    let anna = stage.server.enter("anna@acme").await;
    anna.lock_out(&ben).await.unwrap();
    let told = explain(&anna, "UserService.ListUsers", acme, &ben, "").await.unwrap();
    assert_eq!(told, [one("USER_STATE_INVALID", &[]), one("PRIVILEGE_MISSING", &["user-administrator"])].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_is_told_what_acting_for_an_account_lacks() {
    let stage = Stage::new().await;
    let (acme, superuser) = (&*stage.acme, stage.superuser().await);
    let acting = async |api: &Api, method: &str, account: &str| explain(api, method, acme, "", account).await.unwrap();
    assert_eq!(acting(&stage.operator, CREATE_GROUP, "superuser").await, []);
    assert_eq!(acting(&stage.operator, CREATE_GROUP, "nobody").await, one("IMPERSONATION_TARGET_NOT_DEFINED", &[]));
    let lock = acting(&stage.operator, "TenantService.LockTenant", "superuser").await;
    assert_eq!(lock, one("IMPERSONATION_NOT_PERMITTED", &[]));
    let by_itself = explain(&stage.operator, CREATE_GROUP, acme, "", "").await.unwrap();
    assert_eq!(by_itself, one("PRIVILEGE_MISSING", &["user-administrator"]));

    let (olga, _) = stage.colleague("olga", &["user-administrator"]).await;
    let get = "TenantService.GetTenant";
    assert_eq!(acting(&olga, get, "superuser").await, one("IMPERSONATION_NOT_PERMITTED", &["impersonation"]));
    let her = olga.who().await.unwrap().user;
    let lacks = explain(&stage.operator, get, acme, &her, "superuser").await.unwrap();
    let platform = one("PRIVILEGE_MISSING", &["tenant-administrator", "manage-tenants"]);
    assert_eq!(lacks, [one("IMPERSONATION_NOT_PERMITTED", &["impersonation"]), platform].concat());

    stage.anna.mark(&superuser, false).await.unwrap();
    let head = stage.anna.new_role(acme, "Head", &["privileges/user-administrator"]).await.unwrap();
    stage.anna.give(&head, &[&stage.anna.who().await.unwrap().user]).await.unwrap();
    let administrator = stage.anna.role_named(acme, "Administrator").await;
    stage.anna.revoke(&administrator, &["privileges/user-administrator"]).await.unwrap();
    let underprivileged = one("IMPERSONATION_TARGET_UNDERPRIVILEGED", &["user-administrator"]);
    let told = acting(&stage.operator, CREATE_GROUP, "superuser").await;
    assert_eq!(told, [one("IMPERSONATION_TARGET_NOT_DEFINED", &[]), underprivileged].concat());
    stage.operator.prepare_fully(acme).await;
    let told = acting(&stage.operator, CREATE_GROUP, "superuser").await;
    assert!(told.contains(&one("TENANT_STATE_INVALID", &[])[0]), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_oneself_the_administrators_of_the_home_and_operators_are_told_anything() {
    let stage = Stage::new().await;
    let (acme, anna) = (&*stage.acme, &stage.anna);
    let (beta, bert) = stage.server.another("Beta", "bert").await;
    let (of_anna, of_bert) = (anna.who().await.unwrap().user, bert.who().await.unwrap().user);
    anna.new_user(acme, "ben").await.unwrap();
    let ben = stage.server.enter("ben@acme").await;
    let of_ben = ben.who().await.unwrap().user;
    for (api, user) in
        [(&stage.operator, &of_anna), (&stage.operator, &of_bert), (anna, &of_ben), (anna, &of_anna), (&ben, &of_ben)]
    {
        explain(api, CREATE_GROUP, acme, user, "").await.unwrap();
    }
    let nobody = of_bert.replace(&beta, "tenants/nobody");
    for (api, user) in [(anna, &of_bert), (anna, &nobody), (&ben, &of_anna), (&bert, &of_ben)] {
        assert_refused(explain(api, CREATE_GROUP, acme, user, "").await, Code::NotFound, "RESOURCE_NOT_FOUND");
    }
    // Of tenants where the user does not work nobody but operators learns whether they are there.
    for account in ["", "superuser"] {
        let known = explain(anna, CREATE_GROUP, &beta, "", account).await.unwrap();
        assert_eq!(known, explain(anna, CREATE_GROUP, "tenants/nobody", "", account).await.unwrap());
    }
    let none = explain(anna, "UserService.Nothing", acme, "", "").await;
    assert_eq!(fields(&assert_refused(none, Code::InvalidArgument, "FIELDS_INVALID"))[0].0, "method");
    let nowhere = explain(anna, CREATE_GROUP, "", "", "").await;
    assert_eq!(fields(&assert_refused(nowhere, Code::InvalidArgument, "FIELDS_INVALID"))[0].0, "tenant");
}
