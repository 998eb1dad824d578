//! The system licence: which kinds there are, and what they are for.

use landlord::proto::v1;
use tonic::Code;

use crate::support::client::{assert_refused, fields};
use crate::support::licenses::kind;
use crate::support::lifecycle::facts;
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn base_is_there_from_the_start_and_opens_what_no_other_kind_opens() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let first = operator.system_license().await.unwrap();
    let [base] = &first.kinds[..] else { panic!("{first:?}") };
    assert_eq!((base.kind.as_str(), base.quantity, base.reserved, base.permits_log_in), ("base", None, 0, true));
    assert_eq!(base.privileges.len(), 12, "all that can be held in a tenant");

    let viewer = kind("viewer", Some(7), true, &[]);
    let analysis = kind("a", None, false, &["dashboard-administrator", "analysis-administrator"]);
    let changed = operator.set_kinds(&[viewer, analysis], &[]).await.unwrap();
    let names: Vec<_> = changed.kinds.iter().map(|kind| kind.kind.as_str()).collect();
    assert_eq!(names, ["a", "base", "viewer"]);
    assert_eq!(changed.kinds[0].privileges, ["analysis-administrator", "dashboard-administrator"]);
    assert_eq!(changed.kinds[1].privileges.len(), 10);
    assert_eq!((changed.kinds[2].quantity, changed.kinds[2].permits_log_in), (Some(7), true));
    assert_eq!(operator.system_license().await.unwrap(), changed);
    assert_ne!(first.etag, changed.etag);

    let again = operator.set_kinds(&[kind("a", Some(1), true, &["dashboard-administrator"])], &[]).await.unwrap();
    assert_eq!((again.kinds[0].quantity, again.kinds[0].permits_log_in), (Some(1), true), "it is as it is sent");
    assert_eq!(again.kinds[1].privileges.len(), 11, "what nothing opens any more, base does");
    let as_read = operator.set_kinds(&again.kinds, &[]).await.unwrap();
    assert_eq!(as_read.kinds, again.kinds);
    let ignored = operator.set_kinds(&[kind("base", None, false, &["portal-administrator"])], &[]).await.unwrap();
    assert_eq!(ignored.kinds, again.kinds, "what base is for follows from the others");
    let removed = operator.set_kinds(&[], &["a", "viewer"]).await.unwrap();
    assert_eq!(removed.kinds, first.kinds);
    let etags = [&first.etag, &changed.etag, &again.etag, &as_read.etag, &ignored.etag];
    assert!(!etags.contains(&&removed.etag), "no version comes twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_changed_stands_in_the_audit_trail() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    operator.set_kinds(&[kind("viewer", Some(7), true, &["portal-administrator"])], &[]).await.unwrap();
    operator.set_kinds(&[kind("viewer", Some(7), false, &[])], &[]).await.unwrap();
    operator.set_kinds(&[], &["viewer"]).await.unwrap();
    let audit = operator.audit("tenants/infrastructure", "method = UpdateSystemLicense").await.unwrap();
    assert_eq!(audit[2].resource, "systemLicense");
    assert_eq!(audit[2].details["quantity"], "viewer: new to 7");
    assert_eq!(audit[1].details["permits_log_in"], "viewer: true to false");
    assert!(audit[1].details["privileges"].ends_with("viewer: [portal-administrator] to []"), "{:?}", audit[1].details);
    assert!(!audit[1].details.contains_key("quantity"));
    assert_eq!(audit[0].details["quantity"], "viewer: 7 to gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_is_refused_and_nothing_is_changed() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let before = operator.system_license().await.unwrap();
    let long = "x".repeat(40);
    for (kinds, remove, field) in [
        (vec![kind("Viewer", None, true, &[])], &[][..], "license.kinds.kind"),
        (vec![kind("", None, true, &[])], &[], "license.kinds.kind"),
        (vec![kind(&long, None, true, &[])], &[], "license.kinds.kind"),
        (vec![kind("viewer", Some(-1), true, &[])], &[], "license.kinds.quantity"),
        (vec![kind("viewer", Some(1_000_000_001), true, &[])], &[], "license.kinds.quantity"),
        (vec![kind("viewer", None, true, &["omnipotence"])], &[], "license.kinds.privileges"),
        (vec![kind("viewer", None, true, &["manage-tenants"])], &[], "license.kinds.privileges"),
        (vec![kind("viewer", None, true, &[]), kind("viewer", None, true, &[])], &[], "license.kinds"),
        (vec![], &[], "license.kinds"),
        (vec![kind("viewer", None, true, &[])], &["viewer"], "remove_kinds"),
        (vec![kind("viewer", None, true, &[])], &["never-there"], "remove_kinds"),
        (vec![], &["base"], "remove_kinds"),
        ((0..100).map(|i| kind(&format!("k{i}"), None, true, &[])).collect(), &[], "license.kinds"),
    ] {
        let refused = operator.set_kinds(&kinds, remove).await;
        let refused = assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID");
        assert_eq!(fields(&refused)[0].0, field);
    }
    assert_eq!(operator.system_license().await.unwrap(), before);
    let many: Vec<_> = (0..99).map(|i| kind(&format!("k{i}"), None, true, &[])).collect();
    operator.set_kinds(&many, &[]).await.unwrap();
    operator.set_kinds(&[kind("z", None, true, &[])], &["k0"]).await.unwrap();
    operator.set_kinds(&[kind(&long[..39], None, true, &[])], &["k1"]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_of_which_a_tenant_has_licences_is_neither_removed_nor_made_less() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let acme = operator.active_tenant("Acme").await;
    operator.set_kinds(&[kind("viewer", Some(10), true, &[])], &[]).await.unwrap();
    operator.allot(&acme, &[("viewer", 4)]).await.unwrap();
    assert_eq!(operator.system_license().await.unwrap().kinds[1].reserved, 4);
    let removed = operator.set_kinds(&[], &["viewer"]).await;
    let removed = assert_refused(removed, Code::FailedPrecondition, "LIMIT_BELOW_USE");
    assert_eq!(facts(&removed)["reserved"], "4");
    let less = operator.set_kinds(&[kind("viewer", Some(3), true, &[])], &[]).await;
    assert_refused(less, Code::FailedPrecondition, "LIMIT_BELOW_USE");
    operator.set_kinds(&[kind("viewer", Some(4), true, &[])], &[]).await.unwrap();
    operator.allot(&acme, &[("viewer", 0)]).await.unwrap();
    operator.set_kinds(&[], &["viewer"]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_changes_nothing_and_neither_does_a_try_and_a_stale_etag_is_refused() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let before = operator.system_license().await.unwrap();
    let with = |etag: &str| {
        let kinds = vec![kind("viewer", Some(1), true, &[])];
        v1::UpdateSystemLicenseRequest {
            license: Some(v1::SystemLicense { kinds, etag: etag.into() }),
            ..Default::default()
        }
    };
    let tried = v1::UpdateSystemLicenseRequest { validate_only: true, ..with("") };
    assert_eq!(operator.change_system(tried).await.unwrap().kinds.len(), 2);
    assert_eq!(operator.system_license().await.unwrap(), before);
    let once = v1::UpdateSystemLicenseRequest { request_id: uuid::Uuid::new_v4().to_string(), ..with(&before.etag) };
    let first = operator.change_system(once.clone()).await.unwrap();
    assert_eq!(operator.change_system(once).await.unwrap(), first);
    assert_eq!(operator.system_license().await.unwrap(), first);
    assert_refused(operator.change_system(with(&before.etag)).await, Code::Aborted, "ETAG_MISMATCH");
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_who_administer_licences_change_them_and_tenants_do_not() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let parent = "tenants/infrastructure";
    let role = operator.new_role(parent, "Licences", &["privileges/license-administrator"]).await.unwrap();
    let olga = operator.new_user(parent, "olga").await.unwrap().name;
    operator.give(&role, &[&olga]).await.unwrap();
    let olga = server.enter("olga@infrastructure").await;
    olga.set_kinds(&[kind("viewer", Some(5), true, &[])], &[]).await.unwrap();
    olga.allot(&acme, &[("viewer", 2), ("base", 3)]).await.unwrap();
    assert_eq!(olga.licenses(&acme).await.unwrap(), anna.licenses(&acme).await.unwrap(), "a tenant sees its own");
    for refused in [
        anna.system_license().await.map(|_| ()),
        anna.set_kinds(&[kind("mine", None, true, &[])], &[]).await.map(|_| ()),
        anna.allot(&acme, &[("viewer", 5)]).await.map(|_| ()),
    ] {
        assert_refused(refused, Code::PermissionDenied, "PRIVILEGE_MISSING");
    }
    let nobody = server.anonymous().await;
    assert_refused(nobody.licenses(&acme).await, Code::Unauthenticated, "TOKEN_MISSING");
}
