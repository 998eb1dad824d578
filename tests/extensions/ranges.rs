//! Which numbers tenants have.

use landlord::proto::v1;
use tonic::Code;

use crate::support::client::{assert_refused, fields};
use crate::support::extensions::have;
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_replaces_all_ranges_and_those_that_overlap_or_adjoin_are_one() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let none = operator.extensions_of(&acme).await.unwrap();
    assert_eq!((none.name.as_str(), none.ranges.len(), none.numbers), ("tenants/acme/extensions", 0, 0));
    let set =
        operator.set_extensions(&acme, &["200-299", "7", "150-210", "+4930100-+4930199", "300", "007", "8"]).await;
    assert_eq!(set.unwrap(), ["7-8", "007", "150-300", "+4930100-+4930199"], "leading zeros count, and so does a plus");
    let found = anna.extensions_of("tenants/acme/extensions").await.unwrap();
    assert_eq!((found.numbers, found.allocated), (2 + 1 + 151 + 100, 0), "its administrators see them");
    let own = anna.set_extensions(&acme, &["400"]).await;
    assert_refused(own, Code::PermissionDenied, "PRIVILEGE_MISSING");

    let again = operator.set_extensions(&acme, &["99", "+00"]).await.unwrap();
    assert_eq!(again, ["99", "+00"], "what has another form does not adjoin");
    let request = |ranges: &[&str], etag: &str| v1::SetTenantExtensionsRequest {
        name: acme.clone(),
        ranges: ranges.iter().map(|range| (*range).to_owned()).collect(),
        etag: etag.into(),
        ..Default::default()
    };
    let stale = operator.replace_extensions(request(&["1"], &found.etag)).await;
    assert_refused(stale, Code::Aborted, "ETAG_MISMATCH");
    let etag = operator.extensions_of(&acme).await.unwrap().etag;
    let tried = v1::SetTenantExtensionsRequest { validate_only: true, ..request(&["1"], &etag) };
    assert_eq!(operator.replace_extensions(tried).await.unwrap().ranges, ["1"]);
    assert_eq!(operator.extensions_of(&acme).await.unwrap().ranges, again, "that was a trial");
    let request_id = uuid::Uuid::new_v4().to_string();
    let once = v1::SetTenantExtensionsRequest { request_id, ..request(&["1"], &etag) };
    let first = operator.replace_extensions(once.clone()).await.unwrap();
    assert_eq!(operator.replace_extensions(once).await.unwrap(), first, "a repeat answers as the first call");
    assert!(operator.set_extensions(&acme, &[]).await.unwrap().is_empty());

    let infrastructure = operator.set_extensions("tenants/infrastructure", &["1"]).await;
    assert_refused(infrastructure, Code::FailedPrecondition, "TENANT_READ_ONLY");
    operator.lock(&acme).await.unwrap();
    operator.set_extensions(&acme, &["1"]).await.expect("locked tenants are edited, too");
    operator.prepare_fully(&acme).await;
    assert_refused(operator.set_extensions(&acme, &[]).await, Code::FailedPrecondition, "TENANT_STATE_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_number_and_no_range_is_refused_with_what_is_one() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let acme = operator.active_tenant("Acme").await;
    let longest = "9".repeat(18);
    operator.set_extensions(&acme, &[&longest, &format!("+{longest}"), "0"]).await.unwrap();
    for wrong in [
        "",
        "+",
        "-",
        "12a",
        "1 2",
        "٣",
        "1-",
        "-1",
        "1-2-3",
        "20-10",
        "9-10",
        "+10-20",
        "10-+20",
        "++1",
        "1+",
        &"9".repeat(19),
        "0x1",
        "1.5",
        "１",
    ] {
        let refused = operator.set_extensions(&acme, &["1000", wrong]).await;
        let status = assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID");
        let [(field, allowed)] = &fields(&status)[..] else { panic!("{status:?}") };
        assert!(field == "ranges" && allowed.contains("at most 18 digits"), "{wrong}: {allowed}");
    }
    let many: Vec<_> = (0..1001).map(|i| format!("{}", 10_000 + 2 * i)).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let status = assert_refused(operator.set_extensions(&acme, &many).await, Code::InvalidArgument, "FIELDS_INVALID");
    assert!(fields(&status)[0].1.contains("at most 1000"));
    assert_eq!(operator.set_extensions(&acme, &many[..1000]).await.unwrap().len(), 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_users_have_are_taken_from_no_tenant_and_stay_theirs_when_ranges_are_cut_and_joined() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    operator.set_extensions(&acme, &["1000-1999", "3000-3999"]).await.unwrap();
    for extension in ["1000-1004", "1500", "3500"] {
        anna.allocate(&ben, extension).await.unwrap();
    }
    let numbers = operator.extensions_of(&acme).await.unwrap();
    assert_eq!((numbers.numbers, numbers.allocated), (2000, 7));
    for (ranges, used) in [
        (&["1003-1999", "3000-3999"][..], "1000-1002"),
        (&["1000-1499", "1501-3499"], "1500, 3500"),
        (&[], "1000-1004, 1500, 3500"),
    ] {
        let status =
            assert_refused(operator.set_extensions(&acme, ranges).await, Code::FailedPrecondition, "EXTENSION_IN_USE");
        assert!(status.message().contains(&format!("have {used};")), "{ranges:?}: {}", status.message());
    }
    let held = [("1000-1004", "ben"), ("1500", "ben"), ("3500", "ben")];
    for (ranges, free) in [
        (&["1000-3999"][..], &["1005-1499", "1501-3499", "3501-3999"][..]),
        (&["1000-1004", "1500", "3500"], &[]),
        (&["1000-1499", "1500-1600", "3400-3500"], &["1005-1499", "1501-1600", "3400-3499"]),
    ] {
        operator.set_extensions(&acme, ranges).await.unwrap();
        let mut wanted: Vec<_> = held.into_iter().chain(free.iter().map(|free| (*free, ""))).collect();
        wanted.sort_unstable();
        assert_eq!(anna.extensions(&acme, "").await.unwrap(), have(&wanted), "{ranges:?}");
    }
    anna.release(&ben, "1000-3999").await.unwrap();
    operator.set_extensions(&acme, &[]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_free_again_once_their_tenant_gives_them_back_or_is_gone() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let beta = operator.active_tenant("Beta").await;
    operator.set_extensions(&acme, &["100-199"]).await.unwrap();
    anna.allocate(&anna.user_named(&acme, "anna").await, "150").await.unwrap();
    assert_refused(operator.set_extensions(&beta, &["199-250"]).await, Code::AlreadyExists, "RESOURCE_EXISTS");
    operator.set_extensions(&acme, &["100-180"]).await.unwrap();
    operator.set_extensions(&beta, &["199-250"]).await.unwrap();
    operator.prepare_fully(&acme).await;
    assert_refused(operator.set_extensions(&beta, &["100-250"]).await, Code::AlreadyExists, "RESOURCE_EXISTS");
    let begun = operator.delete(&acme, "Acme").await.unwrap();
    operator.succeed(begun.operation).await;
    assert_eq!(operator.set_extensions(&beta, &["100-250"]).await.unwrap(), ["100-250"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_and_trail_say_what_was_added_and_removed() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    operator.set_extensions(&acme, &["100-199"]).await.unwrap();
    operator.set_extensions(&acme, &["150-249"]).await.unwrap();
    let message = "SetTenantExtensions of tenants/acme by operator: added 200-249, removed 100-149";
    for (api, log) in [(&operator, "tenants/infrastructure"), (&anna, &*acme)] {
        let events = api.events(log, "kind = SetTenantExtensions").await.unwrap().events;
        assert_eq!(events[0].message, message);
    }
}
