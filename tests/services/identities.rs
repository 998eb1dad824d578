//! Operators make identities, change them, and take them away.

use landlord::proto::v1;
use tonic::Code;

use super::{CHECK, GET_TENANT, Stage};
use crate::support::client::{Api, assert_refused, fields};
use crate::support::services::{days, identity};

const NAME: &str = "serviceIdentities/billing";
const SPIFFE_ID: &str = "spiffe://example.org/billing";

#[tokio::test(flavor = "multi_thread")]
async fn identities_are_made_read_listed_changed_and_removed() {
    let stage = Stage::new().await;
    let operator = &stage.operator;
    let wanted = v1::ServiceIdentity {
        spiffe_id: SPIFFE_ID.into(),
        ..identity(&[GET_TENANT, CHECK], &[&stage.beta, &stage.acme])
    };
    let made = operator.create_service("billing", wanted.clone()).await.unwrap().service_identity.unwrap();
    assert_eq!((made.name.as_str(), made.display_name.as_str(), made.spiffe_id.as_str()), (NAME, "billing", SPIFFE_ID));
    assert_eq!(made.methods, [CHECK, GET_TENANT]);
    assert_eq!(made.tenants, [stage.acme.clone(), stage.beta.clone()]);
    assert_eq!((made.keys.len(), made.last_used_time), (1, None));
    let again = operator.create_service("billing", identity(&[], &[])).await;
    assert_refused(again, Code::AlreadyExists, "RESOURCE_EXISTS");
    let same =
        operator.create_service("portal", v1::ServiceIdentity { spiffe_id: SPIFFE_ID.into(), ..Default::default() });
    assert_refused(same.await, Code::AlreadyExists, "RESOURCE_EXISTS");
    assert_eq!(operator.get_service(NAME).await.unwrap(), made);

    operator.service("alpha", &[CHECK], &["*"]).await;
    let request = v1::ListServiceIdentitiesRequest { page_size: 1, page_token: String::new() };
    let page = operator.client.admin().list_service_identities(request).await.unwrap().into_inner();
    assert_eq!((page.total_size, page.service_identities[0].all_tenants), (2, true));
    let request = v1::ListServiceIdentitiesRequest { page_size: 1, page_token: page.next_page_token };
    let page = operator.client.admin().list_service_identities(request).await.unwrap().into_inner();
    assert_eq!((page.service_identities, page.next_page_token), (vec![made.clone()], String::new()));

    let all =
        v1::ServiceIdentity { name: NAME.into(), all_tenants: true, etag: made.etag.clone(), ..Default::default() };
    let changed = operator.update_service(all.clone(), &["all_tenants", "spiffe_id"]).await.unwrap();
    assert_eq!((changed.tenants.len(), changed.all_tenants, changed.spiffe_id.as_str()), (0, true, ""));
    assert_eq!(changed.methods, made.methods);
    assert_refused(operator.update_service(all, &["all_tenants"]).await, Code::Aborted, "ETAG_MISMATCH");
    let records = operator.audit("tenants/infrastructure", "method = UpdateServiceIdentity").await.unwrap();
    assert_eq!((records[0].resource.as_str(), records[0].details["tenants"].as_str()), (NAME, "[acme beta] to all"));

    operator.delete_service(NAME).await.unwrap();
    assert_refused(operator.get_service(NAME).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(operator.delete_service(NAME).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(operator.rotate(NAME, None).await, Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_is_refused_and_said() {
    let stage = Stage::new().await;
    let refused = async |id: &str, identity: v1::ServiceIdentity, field: &str| {
        let status =
            assert_refused(stage.operator.create_service(id, identity).await, Code::InvalidArgument, "FIELDS_INVALID");
        assert!(fields(&status).iter().any(|(named, _)| named == field), "{status:?}");
    };
    refused("No", v1::ServiceIdentity::default(), "service_identity_id").await;
    refused("ok-id", identity(&["TenantService.Nothing"], &[]), "service_identity.methods").await;
    refused("ok-id", identity(&["UserService.ResetPassword"], &[]), "service_identity.methods").await;
    refused("ok-id", identity(&["TenantService.ListTenants"], &[]), "service_identity.methods").await;
    refused("ok-id", identity(&[], &["acme"]), "service_identity.tenants").await;
    let both = v1::ServiceIdentity { all_tenants: true, ..identity(&[], &[&stage.acme]) };
    refused("ok-id", both, "service_identity.tenants").await;
    let spiffe_id = "https://example.org/billing".into();
    refused("ok-id", v1::ServiceIdentity { spiffe_id, ..Default::default() }, "service_identity.spiffe_id").await;
    let unknown = stage.operator.create_service("ok-id", identity(&[], &["tenants/nowhere"])).await;
    assert_refused(unknown, Code::NotFound, "RESOURCE_NOT_FOUND");
    let neither = v1::CreateServiceIdentityRequest { service_identity_id: "ok-id".into(), ..Default::default() };
    let neither = stage.operator.client.admin().create_service_identity(neither).await;
    let status = assert_refused(neither, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(fields(&status)[0].0, "key_lifetime");

    let asked = v1::CreateServiceIdentityRequest {
        service_identity_id: "would-be".into(),
        key_lifetime: days(1),
        validate_only: true,
        ..Default::default()
    };
    let would_be = stage.operator.client.admin().create_service_identity(asked).await.unwrap().into_inner();
    assert_eq!((would_be.api_key.as_str(), would_be.service_identity.unwrap().keys.len()), ("", 1));
    assert_refused(
        stage.operator.get_service("serviceIdentities/would-be").await,
        Code::NotFound,
        "RESOURCE_NOT_FOUND",
    );
}

/// A user of the infrastructure tenant who holds these privileges there.
async fn colleague(stage: &Stage, user_name: &str, privileges: &[&str]) -> Api {
    let infrastructure = "tenants/infrastructure";
    let user = stage.operator.new_user(infrastructure, user_name).await.unwrap().name;
    let privileges: Vec<_> = privileges.iter().map(|name| format!("privileges/{name}")).collect();
    let privileges: Vec<_> = privileges.iter().map(String::as_str).collect();
    let role = stage.operator.new_role(infrastructure, user_name, &privileges).await.unwrap();
    stage.operator.give(&role, &[&user]).await.unwrap();
    stage.server.enter(&format!("{user_name}@infrastructure")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_act_in_tenants_does_not_come_to_it_by_a_service() {
    let stage = Stage::new().await;
    let inside = identity(&["UserService.ListUsers"], &[&stage.acme]);
    stage.operator.create_service("inside", inside.clone()).await.unwrap();
    let olga = colleague(&stage, "olga", &["tenant-administrator"]).await;
    olga.create_service("outside", identity(&[CHECK], &["*"])).await.unwrap();
    let missing = |answer| {
        let status = assert_refused(answer, Code::PermissionDenied, "PRIVILEGE_MISSING");
        assert!(status.message().contains("impersonation"), "{status:?}");
    };
    missing(olga.create_service("more", inside.clone()).await.map(|_| ()));
    let name = "serviceIdentities/inside";
    missing(olga.rotate(name, None).await.map(|_| ()));
    let spiffe = v1::ServiceIdentity { name: name.into(), spiffe_id: SPIFFE_ID.into(), ..Default::default() };
    missing(olga.update_service(spiffe, &["spiffe_id"]).await.map(|_| ()));
    let grown = v1::ServiceIdentity { name: "serviceIdentities/outside".into(), ..inside };
    missing(olga.update_service(grown, &["methods"]).await.map(|_| ()));
    olga.delete_service(name).await.unwrap();

    let manager = colleague(&stage, "mark", &["manage-tenants"]).await;
    manager.get_service("serviceIdentities/outside").await.unwrap();
    let made = manager.create_service("more", identity(&[CHECK], &[])).await;
    assert_refused(made, Code::PermissionDenied, "PRIVILEGE_MISSING");
    let made = stage.anna.create_service("more", identity(&[CHECK], &[])).await;
    assert_refused(made, Code::PermissionDenied, "PRIVILEGE_MISSING");
}
