//! Certificates that change while the service runs.

use landlord::client::Client;
use landlord::proto::v1;

use super::CHECK;
use super::certificates::{Authority, SPIFFE_ID, Secured};
use crate::support::client::{Api, eventually};
use crate::support::services::identity;

async fn answers(secured: &Secured, trusted: &Authority, certificate: Option<(String, String)>) -> Option<Api> {
    let channel = secured.channel(trusted, certificate).await.ok()?;
    let api = Api { client: Client::on(channel) };
    api.client.admin().get_version(v1::GetVersionRequest {}).await.ok().map(|_| api)
}

/// Replaces a file as Kubernetes does: what is at the name changes all at once.
fn replace(secured: &Secured, name: &str, text: &str) {
    let new = secured.file("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, secured.file(name)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn new_certificates_are_shown_to_new_connections_and_old_ones_go_on() {
    let secured = Secured::start().await;
    let operator = secured.operator().await;
    let acme = operator.active_tenant("Acme").await;
    let wanted = v1::ServiceIdentity { spiffe_id: SPIFFE_ID.into(), ..identity(&[CHECK], &[&acme]) };
    operator.create_service("billing", wanted).await.unwrap();
    let billing = secured.caller(Some(secured.clients.client(&[SPIFFE_ID], false))).await;
    assert!(billing.usable(&acme).await.unwrap());

    let next = Authority::new();
    let (certificate, key) = next.server();
    replace(&secured, "server.key", &key);
    replace(&secured, "server.pem", &certificate);
    eventually("the new certificate", || answers(&secured, &next, None)).await;
    assert!(answers(&secured, &secured.servers, None).await.is_none(), "nobody is shown the old one any more");
    // These trust the old authority alone: they could not connect again.
    assert!(billing.usable(&acme).await.unwrap());
    operator.tenant(&acme).await;

    let new_clients = Authority::new();
    replace(&secured, "clients.pem", &new_clients.pem);
    let shown = new_clients.client(&[SPIFFE_ID], false);
    eventually("clients of the new authority", || answers(&secured, &next, Some(shown.clone()))).await;
    let old = secured.clients.client(&[SPIFFE_ID], false);
    assert!(answers(&secured, &next, Some(old)).await.is_none());
    assert!(billing.usable(&acme).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_can_not_be_used_change_nothing_until_they_can() {
    let secured = Secured::start().await;
    replace(&secured, "server.key", "no key");
    // Of what is looked at meanwhile nobody tells; that the old one is shown until the new one is can be seen.
    for _ in 0..20 {
        assert!(answers(&secured, &secured.servers, None).await.is_some());
    }
    let next = Authority::new();
    let (certificate, key) = next.server();
    replace(&secured, "server.pem", &certificate);
    for _ in 0..20 {
        assert!(answers(&secured, &secured.servers, None).await.is_some());
    }
    replace(&secured, "server.key", &key);
    eventually("the new certificate", || answers(&secured, &next, None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_shake_hands_keeps_nobody_waiting() {
    let secured = Secured::start().await;
    let mut idle = Vec::new();
    for _ in 0..50 {
        idle.push(tokio::net::TcpStream::connect(secured.landlord.address).await.unwrap());
    }
    assert!(answers(&secured, &secured.servers, None).await.is_some());
    drop(idle);
}
