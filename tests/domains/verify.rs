//! VerifyTenantDomain: the record and the certificate, missing, wrong and right.

use landlord::proto::v1;
use tonic::Code;

use super::internet::{Flaw, Internet, NOWHERE};
use crate::support::client::{Api, assert_refused};
use crate::support::server::TestServer;

const DOMAIN: &str = "acme.example";

/// The domain of the tenant Acme, which nobody has shown to be its own.
struct Scene {
    internet: Internet,
    server: TestServer,
    operator: Api,
    acme: String,
    domain: v1::TenantDomain,
}

impl Scene {
    async fn new() -> Self {
        let internet = Internet::start().await;
        let server = TestServer::with(&internet.options()).await;
        let operator = server.operator().await;
        let acme = operator.active_tenant("Acme").await;
        let domain = operator.set_domain(&acme, DOMAIN).await.unwrap().domain.unwrap();
        Self { internet, server, operator, acme, domain }
    }

    /// Puts the record there.
    async fn prove(&self) {
        self.internet.texts(&self.domain.record_name, &[&self.domain.record_value]).await;
    }

    /// Verifies, and wants that to miss what has these words.
    async fn misses(&self, words: &str) -> v1::TenantDomain {
        let checked = self.operator.verify_domain(&self.acme).await.unwrap();
        assert!(checked.problem.contains(words) && !checked.operational, "{words}: {checked:?}");
        assert!(checked.check_time.is_some());
        assert!(self.operator.domain_condition(&self.acme).await.is_some());
        checked
    }

    async fn is_operational(&self) {
        let checked = self.operator.verify_domain(&self.acme).await.unwrap();
        assert!(checked.verified && checked.secure && checked.operational, "{checked:?}");
        assert_eq!(checked.problem, "");
        assert_eq!(self.operator.domain_condition(&self.acme).await, None);
    }

    /// How often each of these was logged.
    async fn logged(&self) -> (usize, usize) {
        let count = async |kind: &str| self.operator.told(&self.acme, kind).await.len();
        (count("DOMAIN_OPERATIONAL").await, count("DOMAIN_NOT_OPERATIONAL").await)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_must_be_there_with_its_value() {
    let scene = Scene::new().await;
    let (name, value) = (scene.domain.record_name.clone(), scene.domain.record_value.clone());
    scene.internet.certify(DOMAIN, Flaw::None).await;
    let missing = scene.misses("there is no TXT record _landlord-challenge.acme.example").await;
    assert!(!missing.verified && !missing.secure);
    scene.internet.texts(&name, &["something else", &value[1..]]).await;
    assert!(!scene.misses("has another value").await.verified);
    scene.internet.texts(DOMAIN, &[&value]).await;
    scene.misses("has another value").await;
    scene.internet.texts(&name, &["something else", &value]).await;
    scene.is_operational().await;
    scene.is_operational().await;
    assert_eq!(scene.logged().await, (1, 0), "it became so once");
    scene.internet.texts(&name, &[]).await;
    let lost = scene.misses("there is no TXT record").await;
    assert!(!lost.verified, "the record has to stay");
    assert_eq!(scene.logged().await, (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_must_hold_for_the_domain() {
    let scene = Scene::new().await;
    scene.prove().await;
    assert!(scene.misses("it has no address").await.verified);
    scene.internet.address(DOMAIN, NOWHERE).await;
    scene.misses("nobody answers on port").await;
    for (flaw, words) in [
        (Flaw::Expired, "has expired"),
        (Flaw::OtherName, "is not for this name"),
        (Flaw::OtherAuthority, "the certificate on port"),
    ] {
        scene.internet.certify(DOMAIN, flaw).await;
        let checked = scene.misses(words).await;
        assert!(checked.verified && !checked.secure, "{checked:?}");
        let condition = scene.operator.domain_condition(&scene.acme).await.unwrap();
        assert!(condition.contains(words), "{condition}");
    }
    scene.internet.certify(DOMAIN, Flaw::None).await;
    scene.is_operational().await;
    scene.internet.certify(DOMAIN, Flaw::Expired).await;
    scene.misses("has expired").await;
    assert_eq!(scene.logged().await, (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_answers_without_tls_is_not_secure() {
    let scene = Scene::new().await;
    scene.prove().await;
    // The host has no certificate for it, and refuses.
    scene.internet.address(DOMAIN, std::net::Ipv4Addr::LOCALHOST).await;
    scene.misses("does not agree on TLS").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_name_servers_say_nothing_of_a_domain() {
    let scene = Scene::new().await;
    scene.internet.silence(true);
    scene.misses("no name server answers").await;
    scene.internet.silence(false);
    scene.prove().await;
    scene.internet.certify(DOMAIN, Flaw::None).await;
    scene.is_operational().await;
    scene.internet.silence(true);
    for _ in 0..4 {
        let checked = scene.operator.verify_domain(&scene.acme).await.unwrap();
        assert!(checked.operational && checked.problem.contains("no name server answers"), "{checked:?}");
    }
    assert_eq!(scene.logged().await, (1, 0), "a quarter of an hour is not over");
    scene
        .server
        .sql()
        .await
        .batch_execute("UPDATE tenant_domains SET silent_since = now() - interval '1 hour'")
        .await
        .unwrap();
    scene.misses("no name server answers").await;
    assert_eq!(scene.logged().await, (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_shown_for_one_challenge_counts_for_no_other() {
    let scene = Scene::new().await;
    scene.prove().await;
    scene.internet.certify(DOMAIN, Flaw::None).await;
    scene.is_operational().await;
    let beta = scene.operator.active_tenant("Beta").await;
    scene.operator.remove_domain(&scene.acme).await.unwrap();
    scene.operator.set_domain(&beta, DOMAIN).await.unwrap();
    let checked = scene.operator.verify_domain(&beta).await.unwrap();
    assert!(checked.problem.contains("has another value") && !checked.operational, "{checked:?}");
    assert_refused(scene.operator.verify_domain(&scene.acme).await, Code::FailedPrecondition, "DOMAIN_NOT_SET");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_is_only_tried_notes_nothing() {
    let scene = Scene::new().await;
    scene.prove().await;
    scene.internet.certify(DOMAIN, Flaw::None).await;
    let request = v1::VerifyTenantDomainRequest { name: scene.acme.clone(), validate_only: true, ..Default::default() };
    let tried = scene.operator.client.tenants().verify_tenant_domain(request).await.unwrap().into_inner();
    assert!(tried.domain.unwrap().operational);
    assert!(scene.operator.domain_condition(&scene.acme).await.is_some());
    assert_eq!(scene.logged().await, (0, 0));
}
