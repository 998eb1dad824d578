//! Nobody but operators learns which numbers other tenants have, and even those not whose they are.

use landlord::proto::v1;
use tonic::Code;

use crate::support::client::{assert_refused, fields, refusal};
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_is_told_which_numbers_are_not_free_and_not_whose_they_are() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let acme = operator.active_tenant("Acme").await;
    let (secret, other) = (operator.active_tenant("Kanarie").await, operator.active_tenant("Oskar").await);
    operator.set_extensions(&secret, &["1050-1059", "1070", "5000-5999"]).await.unwrap();
    operator.set_extensions(&other, &["1080"]).await.unwrap();
    let refused = operator.set_extensions(&acme, &["1000-1099", "1", "5100-5200"]).await;
    let status = assert_refused(refused, Code::AlreadyExists, "RESOURCE_EXISTS");
    assert!(status.message().contains("not free: 1050-1059, 1070, 1080, 5100-5200;"), "{}", status.message());
    let uid = operator.tenant(&secret).await.uid;
    let said = format!("{status:?} {}", String::from_utf8_lossy(status.details()));
    for word in ["kanarie", "Kanarie", "oskar", "Oskar", &uid] {
        assert!(!said.contains(word), "{said}");
    }
    assert!(operator.extensions_of(&acme).await.unwrap().ranges.is_empty(), "all of them or none");
    for log in [&acme, &secret, &other, "tenants/infrastructure"] {
        let events = operator.events(log, "kind = SetTenantExtensions AND resource = \"tenants/acme\"").await;
        assert!(events.is_err() || events.unwrap().events.is_empty(), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_administrators_are_answered_is_the_same_whatever_other_tenants_have() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let beta = operator.active_tenant("Beta").await;
    operator.set_extensions(&acme, &["1000-1099"]).await.unwrap();
    let own = anna.user_named(&acme, "anna").await;
    let answers = async || {
        let mut said = Vec::new();
        for extension in ["2000", "2000-2010", "1090-1110"] {
            let allocated = anna.allocate(&own, extension).await.map_err(|status| (refusal(&status), fields(&status)));
            let released = anna.release(&own, extension).await.map_err(|status| (refusal(&status), fields(&status)));
            said.push(format!("{extension}: {allocated:?} {released:?}"));
        }
        for filter in ["", "extension = 2000", "extension = 1000-2999", "free = true"] {
            let request =
                v1::ListExtensionsRequest { parent: acme.clone(), filter: filter.into(), ..Default::default() };
            let page = anna.list_extensions(request).await.unwrap();
            said.push(format!("{filter}: {page:?}"));
        }
        said.push(format!("{:?}", anna.extensions_of(&acme).await.unwrap()));
        said
    };
    let before = answers().await;
    operator.set_extensions(&beta, &["1100-1199", "2000-2999"]).await.unwrap();
    assert_eq!(answers().await, before);
}
