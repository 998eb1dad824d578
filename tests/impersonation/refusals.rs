//! Each way in which acting for an account is refused.

use landlord::proto::v1;
use tonic::{Code, Status};

use super::Stage;
use crate::support::client::{Api, assert_refused};
use crate::support::lifecycle::facts;

#[track_caller]
fn denied<T: std::fmt::Debug>(answer: Result<T, Status>, reason: &str) -> Status {
    assert_refused(answer, Code::PermissionDenied, reason)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_without_the_privilege_acts_for_nobody() {
    let stage = Stage::new().await;
    let (olga, _) = stage.colleague("olga", &["manage-tenants", "user-administrator"]).await;
    for tenant in [&*stage.acme, "tenants/nobody"] {
        let refused =
            denied(olga.acting_as("superuser").new_group(tenant, "Sales").await, "IMPERSONATION_NOT_PERMITTED");
        assert_eq!(facts(&refused)["privilege"], "impersonation");
        denied(olga.exchange(tenant, None).await, "IMPERSONATION_NOT_PERMITTED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_needs_a_privilege_of_the_operator_needs_it_also_here() {
    let stage = Stage::new().await;
    let (olga, role) = stage.colleague("olga", &["impersonation"]).await;
    let acting = olga.acting_as("superuser");
    acting.new_group(&stage.acme, "Sales").await.unwrap();
    let refused = denied(acting.row(&stage.acme).await, "PRIVILEGE_MISSING");
    assert_eq!(facts(&refused)["privilege"], "tenant-administrator,manage-tenants");
    assert!(refused.message().starts_with("GetTenant needs one of"), "it is found out at once: {}", refused.message());
    stage.operator.grant(&role, &["privileges/manage-tenants"]).await.unwrap();
    let seen = acting.row(&stage.acme).await.unwrap().access.unwrap();
    assert_eq!((seen.status(), seen.allowed_actions), (v1::AccessStatus::Active, vec!["UpdateTenant".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_at_home_or_at_work_elsewhere_learns_nothing_of_tenants_and_accounts() {
    let stage = Stage::new().await;
    let (beta, bert) = stage.server.another("Beta", "bert").await;
    let of_beta = bert.user_named(&beta, "bert").await;
    bert.mark(&of_beta, true).await.unwrap();
    let mut told = Vec::new();
    for tenant in [&*stage.acme, &*beta, "tenants/infrastructure", "tenants/nobody"] {
        for user in ["superuser", "bert", "nobody"] {
            let by_metadata = stage.anna.acting_as(user).new_group(tenant, "Sales").await;
            told.push(denied(by_metadata, "IMPERSONATION_NOT_PERMITTED").message().to_owned());
            let (user_name, reason) = (user.to_owned(), "ticket 4711".to_owned());
            let request =
                v1::ExchangeTokenRequest { tenant: tenant.to_owned(), user_name, reason, ..Default::default() };
            told.push(
                denied(stage.anna.exchange_for(request).await, "IMPERSONATION_NOT_PERMITTED").message().to_owned(),
            );
        }
    }
    told.dedup();
    assert_eq!(told, ["only operators may act for other accounts, from a session in their own tenant"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_marked_accounts_that_are_active_are_acted_for() {
    let stage = Stage::new().await;
    let ben = stage.anna.new_user(&stage.acme, "ben").await.unwrap().name;
    let undefined = async |user: &str| {
        let acting = stage.operator.acting_as(user).new_group(&stage.acme, "Sales").await;
        denied(acting, "IMPERSONATION_TARGET_NOT_DEFINED");
    };
    undefined("ben").await;
    undefined("nobody").await;
    stage.anna.mark(&ben, true).await.unwrap();
    undefined("ben").await;
    stage.server.enter("ben@acme").await;
    let weak = stage.operator.acting_as("ben").new_group(&stage.acme, "Sales").await;
    denied(weak, "IMPERSONATION_TARGET_UNDERPRIVILEGED");
    stage.anna.give(&stage.anna.role_named(&stage.acme, "Administrator").await, &[&ben]).await.unwrap();
    stage.operator.acting_as("BEN").new_group(&stage.acme, "Sales").await.unwrap();
    stage.anna.unassign_users(&stage.acme, &[&ben]).await.unwrap();
    undefined("ben").await;
    stage.anna.mark(&stage.superuser().await, false).await.unwrap();
    undefined("superuser").await;
    let infrastructure = stage.operator.acting_as("superuser").new_group("tenants/infrastructure", "Sales").await;
    denied(infrastructure, "IMPERSONATION_TARGET_NOT_DEFINED");
    denied(stage.operator.exchange("tenants/infrastructure", None).await, "IMPERSONATION_TARGET_NOT_DEFINED");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_privilege_that_the_account_lacks_is_named() {
    let stage = Stage::new().await;
    let role = stage.anna.role_named(&stage.acme, "Administrator").await;
    let me = stage.anna.who().await.unwrap().user;
    let head = stage.anna.new_role(&stage.acme, "Head", &["privileges/user-administrator"]).await.unwrap();
    stage.anna.give(&head, &[&me]).await.unwrap();
    stage.anna.revoke(&role, &["privileges/user-administrator"]).await.unwrap();
    let refused = stage.operator.acting_as("superuser").new_group(&stage.acme, "Sales").await;
    let refused = denied(refused, "IMPERSONATION_TARGET_UNDERPRIVILEGED");
    assert_eq!(facts(&refused)["privilege"], "user-administrator");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_acts_for_an_account_on_behalf_of_one() {
    let stage = Stage::new().await;
    let by_token = stage.operator.exchanged(&stage.acme).await;
    denied(by_token.acting_as("superuser").new_group(&stage.acme, "Sales").await, "IMPERSONATION_CHAINED");
    denied(by_token.exchange(&stage.acme, None).await, "IMPERSONATION_CHAINED");
    denied(stage.operator.acting_as("superuser").exchange(&stage.acme, None).await, "IMPERSONATION_CHAINED");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_operators_themselves_are_not_made_for_others() {
    let stage = Stage::new().await;
    for acting in [stage.operator.acting_as("superuser"), stage.operator.exchanged(&stage.acme).await] {
        denied(acting.lock(&stage.acme).await, "IMPERSONATION_NOT_PERMITTED");
        denied(
            acting.client.tenants().list_tenants(v1::ListTenantsRequest::default()).await,
            "IMPERSONATION_NOT_PERMITTED",
        );
        denied(acting.audit("tenants/-", "").await, "IMPERSONATION_NOT_PERMITTED");
        denied(acting.my_tenants(0, "").await, "IMPERSONATION_NOT_PERMITTED");
        denied(acting.switch_to(&stage.acme).await, "IMPERSONATION_NOT_PERMITTED");
    }
    let public = stage.server.anonymous().await.acting_as("superuser").session("anna@acme", "a password").await;
    denied(public, "IMPERSONATION_NOT_PERMITTED");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tenant_is_the_requests_or_the_metadatas_or_the_tokens() {
    let stage = Stage::new().await;
    let (beta, _) = stage.server.another("Beta", "bert").await;
    let acting = stage.operator.acting_as("superuser");
    let token = stage.operator.exchanged(&stage.acme).await;
    let tenant = async |api: &Api| api.who().await.map(|me| me.tenant);
    assert_eq!(tenant(&acting.within("beta")).await.unwrap(), beta);
    assert_eq!(tenant(&token).await.unwrap(), stage.acme);
    assert_eq!(tenant(&token.within("acme")).await.unwrap(), stage.acme);
    assert_refused(acting.who().await, Code::InvalidArgument, "METADATA_INVALID");
    assert_refused(acting.within("nobody").who().await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(token.within("beta").who().await, Code::InvalidArgument, "TENANT_CONTEXT_MISMATCH");
    for (api, name, code, reason) in [
        (acting.within("beta"), &*stage.acme, Code::InvalidArgument, "TENANT_CONTEXT_MISMATCH"),
        (acting.within("beta"), "tenants/nobody", Code::InvalidArgument, "TENANT_CONTEXT_MISMATCH"),
        (acting.within("nobody"), "tenants/nobody", Code::NotFound, "RESOURCE_NOT_FOUND"),
        (acting.clone(), "tenants/nobody", Code::NotFound, "RESOURCE_NOT_FOUND"),
        (token.clone(), &*beta, Code::NotFound, "RESOURCE_NOT_FOUND"),
        (token.clone(), "tenants/infrastructure", Code::NotFound, "RESOURCE_NOT_FOUND"),
        (token.clone(), "tenants/nobody", Code::NotFound, "RESOURCE_NOT_FOUND"),
    ] {
        assert_refused(api.new_group(name, "Sales").await, code, reason);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn superuser_can_never_log_in() {
    let stage = Stage::new().await;
    let superuser = stage.superuser().await;
    let anonymous = stage.server.anonymous().await;
    for password in ["", "superuser", crate::support::server::PASSWORD, crate::support::lifecycle::ADMIN_PASSWORD] {
        assert!(anonymous.session("superuser@acme", password).await.is_err());
    }
    let log_in = anonymous.session("superuser@acme", crate::support::server::PASSWORD).await;
    assert_refused(log_in, Code::Unauthenticated, "CREDENTIALS_INVALID");
    for caller in [&stage.anna, &stage.operator.acting_as("superuser")] {
        assert_refused(caller.reset_password(&superuser).await, Code::FailedPrecondition, "RESOURCE_PROTECTED");
        assert_refused(caller.send_activation_link(&superuser).await, Code::FailedPrecondition, "RESOURCE_PROTECTED");
    }
    let password = "UPDATE users SET password_hash = 'x' WHERE user_name = 'superuser'";
    assert!(stage.server.sql().await.batch_execute(password).await.is_err());
}
