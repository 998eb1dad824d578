//! What a service may do: its methods on its tenants, and what is written down of it.

use landlord::proto::v1;
use tonic::Code;

use super::{CHECK, GET_TENANT, Stage};
use crate::support::client::assert_refused;
use crate::support::services::identity;

const NAME: &str = "serviceIdentities/billing";
const LOCK: &str = "TenantService.LockTenant";

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_is_not_listed_is_refused_whatever_tenant_it_names() {
    let stage = Stage::new().await;
    let billing = stage.operator.service("billing", &[CHECK], &[&stage.acme]).await;
    for tenant in [stage.acme.as_str(), &stage.beta, "tenants/nowhere"] {
        let status = assert_refused(billing.row(tenant).await, Code::PermissionDenied, "METHOD_NOT_GIVEN");
        assert!(status.message().contains(GET_TENANT), "{status:?}");
    }
    assert_refused(billing.who().await, Code::PermissionDenied, "METHOD_NOT_GIVEN");
    let nothing = stage.operator.service("nothing", &[], &["*"]).await;
    assert_refused(nothing.usable(&stage.acme).await, Code::PermissionDenied, "METHOD_NOT_GIVEN");
    let nowhere = stage.operator.service("nowhere", &[CHECK], &[]).await;
    assert_refused(nowhere.usable(&stage.acme).await, Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_not_listed_is_answered_as_nowhere() {
    let stage = Stage::new().await;
    let billing = stage.operator.service("billing", &[CHECK, GET_TENANT, LOCK], &[&stage.acme]).await;
    let uid = stage.operator.tenant(&stage.acme).await.uid;
    assert!(billing.usable(&stage.acme).await.unwrap() && billing.usable(&format!("tenants/{uid}")).await.unwrap());
    let text = |status: tonic::Status| format!("{:?}", (status.code(), status.message().to_owned()));
    let there = assert_refused(billing.usable(&stage.beta).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    let nowhere = assert_refused(billing.usable("tenants/beti").await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_eq!(text(there).replace("beta", "beti"), text(nowhere));
    assert_refused(billing.row("tenants/infrastructure").await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(billing.lock(&stage.beta).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(billing.usable("tenants/-").await, Code::InvalidArgument, "FIELDS_INVALID");
    let narrowed = billing.within("beta");
    assert_refused(narrowed.usable(&stage.acme).await, Code::InvalidArgument, "TENANT_CONTEXT_MISMATCH");
    let elsewhere = billing.within("nowhere");
    assert_refused(elsewhere.usable(&stage.acme).await, Code::InvalidArgument, "TENANT_CONTEXT_MISMATCH");
    assert!(billing.within("acme").usable(&stage.acme).await.unwrap());
    let there = assert_refused(billing.within("beta").usable(&stage.beta).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(billing.within("beta").usable("tenants/beti").await, Code::NotFound, "RESOURCE_NOT_FOUND");
    let nowhere = billing.within("beti").usable("tenants/beti").await;
    let nowhere = assert_refused(nowhere, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_eq!(text(there).replace("beta", "beti"), text(nowhere));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_tenants_are_those_to_come_as_well_and_not_the_infrastructure_tenant() {
    let stage = Stage::new().await;
    let billing = stage.operator.service("billing", &[CHECK, LOCK], &["*"]).await;
    assert!(billing.usable(&stage.beta).await.unwrap());
    let later = stage.operator.active_tenant("Gamma").await;
    assert!(billing.usable(&later).await.unwrap());
    assert_refused(billing.usable("tenants/infrastructure").await, Code::NotFound, "RESOURCE_NOT_FOUND");
    let methods = [CHECK, "TenantService.UpdateTenantLimits", "UserService.CreateUser"];
    let inside = stage.operator.service("inside", &methods, &["tenants/infrastructure"]).await;
    assert!(inside.usable("tenants/infrastructure").await.unwrap());
    let made = inside.new_user("tenants/infrastructure", "mole").await;
    assert_refused(made, Code::FailedPrecondition, "TENANT_READ_ONLY");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_away_bites_at_once() {
    let stage = Stage::new().await;
    let billing = stage.operator.service("billing", &[CHECK, GET_TENANT], &[&stage.acme, &stage.beta]).await;
    assert!(billing.usable(&stage.beta).await.unwrap());
    billing.tenant(&stage.acme).await;
    let narrowed = v1::ServiceIdentity { name: NAME.into(), ..identity(&[CHECK], &[&stage.acme]) };
    let changed = stage.operator.update_service(narrowed, &["methods", "tenants"]).await.unwrap();
    assert_eq!((changed.methods, changed.tenants), (vec![CHECK.to_owned()], vec![stage.acme.clone()]));
    assert_refused(billing.usable(&stage.beta).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(billing.row(&stage.acme).await, Code::PermissionDenied, "METHOD_NOT_GIVEN");
    assert!(billing.usable(&stage.acme).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_by_a_service_is_written_down_under_its_name() {
    let stage = Stage::new().await;
    let methods = [LOCK, "TenantService.UnlockTenant", "UserService.CreateUser", "OperationService.ListOperations"];
    let billing = stage.operator.service("billing", &methods, &[&stage.acme]).await;
    billing.lock(&stage.acme).await.unwrap();
    let records = stage.operator.audit(&stage.acme, "method = LockTenant").await.unwrap();
    assert_eq!((records[0].actor.as_str(), records[0].actor_name.as_str()), (NAME, NAME));
    assert_eq!((records[0].session.as_str(), records[0].resource.as_str()), ("", stage.acme.as_str()));
    let found = stage.operator.audit(&stage.acme, &format!("actor = \"{NAME}\"")).await.unwrap();
    assert_eq!(found.len(), 1);
    let events = stage.operator.events("tenants/infrastructure", "kind = LockTenant").await.unwrap().events;
    assert_eq!(events[0].actor, NAME);
    assert!(events[0].message.contains("by serviceIdentities/billing"), "{}", events[0].message);
    billing.unlock(&stage.acme).await.unwrap();

    let user = v1::User { user_name: "new".into(), email: "new@example.com".into(), ..Default::default() };
    let request = v1::CreateUserRequest { tenant: stage.acme.clone(), user: Some(user), ..Default::default() };
    billing.create_user(request).await.unwrap();
    let operations = billing.operations_of(&stage.acme).await;
    let mail = operations.iter().find(|operation| operation.kind == "deliver-mail").unwrap();
    assert_eq!(mail.actor, NAME);
    stage.operator.wait(&mail.name).await;
    let anna = stage.server.enter("anna@acme").await;
    let ended = anna.events(&stage.acme, "kind = OPERATION_SUCCEEDED").await.unwrap().events;
    assert_eq!((ended[0].actor.as_str(), ended[0].actor_name.as_str()), (NAME, NAME));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_services_request_id_makes_a_change_happen_once_and_is_its_own() {
    let stage = Stage::new().await;
    let methods = ["UserService.CreateUser", "UserService.ListUsers"];
    let billing = stage.operator.service("billing", &methods, &[&stage.acme]).await;
    let portal = stage.operator.service("portal", &methods, &[&stage.acme]).await;
    let request = |name: &str| v1::CreateUserRequest {
        tenant: stage.acme.clone(),
        user: Some(v1::User { user_name: name.into(), ..Default::default() }),
        request_id: "5f8c1f3e-0c7e-4b5e-9d1e-6f1f5a3c2b10".into(),
        ..Default::default()
    };
    let first = billing.create_user(request("twice")).await.unwrap();
    assert_eq!(billing.create_user(request("twice")).await.unwrap(), first);
    assert_refused(billing.create_user(request("other")).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_refused(billing.create_user(request("")).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
    portal.create_user(request("another")).await.unwrap();

    let list = |page_token: String| v1::ListUsersRequest {
        parent: stage.acme.clone(),
        page_size: 1,
        page_token,
        ..Default::default()
    };
    let token = billing.list_users(list(String::new())).await.unwrap().next_page_token;
    assert_refused(portal.list_users(list(token.clone())).await, Code::InvalidArgument, "PAGE_TOKEN_INVALID");
    assert_eq!(billing.list_users(list(token)).await.unwrap().users.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn services_act_for_nobody_and_are_seen_as_strangers_by_what_is_about_sessions() {
    let stage = Stage::new().await;
    let billing = stage.operator.service("billing", &[CHECK, GET_TENANT], &[&stage.acme]).await;
    let acting = billing.acting_as("superuser");
    assert_refused(acting.usable(&stage.acme).await, Code::PermissionDenied, "IMPERSONATION_NOT_PERMITTED");
    let row = billing.row(&stage.acme).await.unwrap();
    let access = row.access.unwrap();
    assert_eq!(access.status(), v1::AccessStatus::Active);
    assert_eq!(access.allowed_actions, Vec::<String>::new());
    let locks = stage.operator.service("locks", &[GET_TENANT, LOCK], &[&stage.acme]).await;
    assert_eq!(locks.row(&stage.acme).await.unwrap().access.unwrap().allowed_actions, ["LockTenant"]);
    let methods = ["SessionService.ListMyTenants", "UserService.ChangePassword", "AdminService.CreateServiceIdentity"];
    for method in methods {
        let made = stage.operator.create_service("more", identity(&[method], &["*"])).await;
        assert_refused(made, Code::InvalidArgument, "FIELDS_INVALID");
    }
}
