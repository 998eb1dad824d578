//! What tenants have of the system licence: never more in all than there is.

use futures::future::join_all;
use landlord::proto::v1;
use tonic::Code;

use crate::support::client::{assert_refused, fields};
use crate::support::licenses::{allotment, kind};
use crate::support::lifecycle::facts;
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_without_licences_is_not_metered_and_one_with_some_is_until_the_last_is_taken_away() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let acme = operator.active_tenant("Acme").await;
    let none = operator.licenses(&acme).await.unwrap();
    assert_eq!((none.name.as_str(), none.licenses.len(), none.total), ("tenants/acme/licenses", 0, None));
    assert_eq!(operator.licenses("tenants/acme/licenses").await.unwrap(), none);
    operator.set_kinds(&[kind("viewer", Some(10), false, &["portal-administrator"])], &[]).await.unwrap();
    let some = operator.allot(&acme, &[("viewer", 4), ("base", 2)]).await.unwrap();
    assert_eq!(some, operator.licenses(&acme).await.unwrap());
    let [base, viewer] = &some.licenses[..] else { panic!("{some:?}") };
    assert_eq!((base.kind.as_str(), base.quantity, base.permits_log_in, base.privileges.len()), ("base", 2, true, 11));
    let expected = v1::TenantLicense {
        kind: "viewer".into(),
        quantity: 4,
        used: 0,
        available: 4,
        permits_log_in: false,
        privileges: vec!["portal-administrator".into()],
    };
    assert_eq!(*viewer, expected);
    assert_eq!(some.total, Some(v1::LicenseTotal { used: 0, quantity: 6, percent: 0 }));
    let fewer = operator.allot(&acme, &[("base", 0)]).await.unwrap();
    assert_eq!(fewer.licenses.len(), 1, "the others stay");
    operator.allot(&acme, &[("base", 0), ("viewer", 0)]).await.unwrap();
    assert_eq!(operator.licenses(&acme).await.unwrap().total, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_tenants_have_is_taken_from_the_system_licence_and_given_back() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let (acme, beta) = (operator.active_tenant("Acme").await, operator.active_tenant("Beta").await);
    operator.set_kinds(&[kind("viewer", Some(10), true, &[])], &[]).await.unwrap();
    let reserved = async || operator.system_license().await.unwrap().kinds[1].reserved;
    operator.allot(&acme, &[("viewer", 7)]).await.unwrap();
    let exhausted = operator.allot(&beta, &[("base", 1), ("viewer", 4)]).await;
    let exhausted = assert_refused(exhausted, Code::ResourceExhausted, "LICENSES_EXHAUSTED");
    assert_eq!(facts(&exhausted)["kind"], "viewer");
    assert_eq!(operator.licenses(&beta).await.unwrap().licenses, [], "all or nothing");
    operator.allot(&beta, &[("viewer", 3)]).await.unwrap();
    assert_eq!(reserved().await, 10);
    operator.allot(&acme, &[("viewer", 2)]).await.unwrap();
    assert_eq!(reserved().await, 5);
    operator.delete_fully(&acme).await;
    assert_eq!(reserved().await, 3, "a tenant that is gone holds nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_base_a_tenant_takes_its_licences_or_its_maximum_of_users_whichever_is_more() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let acme = operator.active_tenant("Acme").await;
    operator.set_base_seats(Some(100)).await.unwrap();
    let reserved = async || operator.base_seats().await.reserved;
    operator.set_max_users(&acme, Some(30)).await.unwrap();
    operator.allot(&acme, &[("base", 20)]).await.unwrap();
    assert_eq!(reserved().await, 30);
    operator.allot(&acme, &[("base", 50)]).await.unwrap();
    assert_eq!(reserved().await, 50);
    let limits = operator.limits(&acme).await.unwrap();
    operator.set_max_users(&acme, Some(40)).await.unwrap();
    assert_eq!(reserved().await, 50);
    assert_ne!(operator.limits(&acme).await.unwrap().etag, limits.etag);
    assert_refused(operator.allot(&acme, &[("base", 101)]).await, Code::ResourceExhausted, "LICENSES_EXHAUSTED");
    assert_refused(operator.set_max_users(&acme, Some(101)).await, Code::ResourceExhausted, "LICENSES_EXHAUSTED");
    operator.allot(&acme, &[("base", 0)]).await.unwrap();
    assert_eq!(reserved().await, 40);
    operator.allot(&acme, &[("base", 60)]).await.unwrap();
    operator.delete_fully(&acme).await;
    assert_eq!(reserved().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_stale_etags_and_tenants_that_have_none_are_refused() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let acme = operator.active_tenant("Acme").await;
    for (quantities, field) in [
        (&[("never-there", 1)][..], "licenses.licenses.kind"),
        (&[("Base", 1)], "licenses.licenses.kind"),
        (&[("base", -1)], "licenses.licenses.quantity"),
        (&[("base", 1_000_000_001)], "licenses.licenses.quantity"),
        (&[("base", 1), ("base", 2)], "licenses.licenses"),
        (&[], "licenses.licenses"),
    ] {
        let refused = operator.allot(&acme, quantities).await;
        let refused = assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID");
        assert_eq!(fields(&refused)[0].0, field);
    }
    for wrong in ["tenants/-", "tenants/acme/limits", "acme"] {
        assert_refused(operator.licenses(wrong).await, Code::InvalidArgument, "FIELDS_INVALID");
    }
    let infrastructure = operator.allot("tenants/infrastructure", &[("base", 1)]).await;
    assert_refused(infrastructure, Code::FailedPrecondition, "TENANT_READ_ONLY");
    assert_eq!(operator.licenses("tenants/infrastructure").await.unwrap().total, None);
    let by_sql = "INSERT INTO tenant_licenses (tenant_id, kind, quantity)
                  VALUES ('11111111-1111-1111-1111-111111111111', 'base', 1)";
    assert!(server.sql().await.batch_execute(by_sql).await.is_err(), "not even by SQL");

    let first = operator.licenses(&acme).await.unwrap();
    let mut request = allotment(&acme, &[("base", 5)]);
    request.licenses.as_mut().unwrap().etag = first.etag.clone();
    let tried = v1::UpdateTenantLicensesRequest { validate_only: true, ..request.clone() };
    assert_eq!(operator.change_licenses(tried).await.unwrap().licenses[0].quantity, 5);
    assert_eq!(operator.licenses(&acme).await.unwrap(), first);
    let once = v1::UpdateTenantLicensesRequest { request_id: uuid::Uuid::new_v4().to_string(), ..request.clone() };
    let changed = operator.change_licenses(once.clone()).await.unwrap();
    assert_eq!(operator.change_licenses(once).await.unwrap(), changed);
    assert_refused(operator.change_licenses(request).await, Code::Aborted, "ETAG_MISMATCH");
    let audit = operator.audit("tenants/acme", "method = UpdateTenantLicenses").await.unwrap();
    assert_eq!((audit.len(), audit[0].details["licenses"].as_str()), (1, "base: 0 to 5"));

    operator.prepare_fully(&acme).await;
    assert_refused(operator.allot(&acme, &[("base", 1)]).await, Code::FailedPrecondition, "TENANT_STATE_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_tenants_that_take_the_last_seats_at_once_no_more_get_some_than_there_are() {
    let server = TestServer::start().await;
    let second = TestServer::on(server.database.clone(), &[]).await;
    let (one, two) = (server.operator().await, second.operator().await);
    let mut names = Vec::new();
    for i in 0..8 {
        names.push(one.active_tenant(&format!("Tenant {i}")).await);
    }
    one.set_kinds(&[kind("base", Some(35), true, &[]), kind("viewer", Some(55), true, &[])], &[]).await.unwrap();
    for _ in 0..3 {
        let asked = names.iter().enumerate().map(async |(i, name)| {
            let api = if i % 2 == 0 { &one } else { &two };
            // Some by their licences, some by their limits, and kinds in different orders.
            match i % 4 {
                0 => api.set_max_users(name, Some(10)).await.map(|_| ()),
                1 => api.allot(name, &[("viewer", 10), ("base", 10)]).await.map(|_| ()),
                _ => api.allot(name, &[("base", 10), ("viewer", 10)]).await.map(|_| ()),
            }
        });
        let answers = join_all(asked).await;
        let (got, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        let kinds = one.system_license().await.unwrap().kinds;
        assert_eq!((got.len(), kinds[0].reserved), (3, 30));
        assert!(kinds[1].reserved <= 30, "{kinds:?}");
        for answer in refused {
            assert_refused(answer, Code::ResourceExhausted, "LICENSES_EXHAUSTED");
        }
        for name in &names {
            one.set_max_users(name, None).await.unwrap();
            two.allot(name, &[("base", 0), ("viewer", 0)]).await.unwrap();
        }
        let reserved: Vec<_> = one.system_license().await.unwrap().kinds.iter().map(|kind| kind.reserved).collect();
        assert_eq!(reserved, [0, 0], "nothing is lost");
    }
}
