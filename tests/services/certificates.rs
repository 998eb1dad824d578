//! Mutual TLS, with real certificates.

use std::path::PathBuf;

use landlord::client::Client;
use landlord::proto::v1;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType, date_time_ymd,
};
use tempfile::TempDir;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Status};

use super::CHECK;
use crate::support::client::{Api, assert_refused};
use crate::support::server::{PASSWORD, TestServer};
use crate::support::services::identity;

pub const SPIFFE_ID: &str = "spiffe://example.org/billing";

/// An authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn sign(&self, params: &CertificateParams) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// Certificate and key of a server on this machine.
    pub fn server(&self) -> (String, String) {
        self.sign(&CertificateParams::new(["localhost".to_owned()]).unwrap())
    }

    /// Certificate and key of a client with these URIs; an expired one.
    pub fn client(&self, uris: &[&str], expired: bool) -> (String, String) {
        let mut params = CertificateParams::default();
        params.subject_alt_names = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())).collect();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        self.sign(&params)
    }
}

/// A Landlord that speaks TLS and asks clients for certificates.
pub struct Secured {
    pub landlord: TestServer,
    pub servers: Authority,
    pub clients: Authority,
    pub folder: TempDir,
}

impl Secured {
    pub async fn start() -> Self {
        let (servers, clients, folder) = (Authority::new(), Authority::new(), tempfile::tempdir().unwrap());
        let (certificate, key) = servers.server();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let options = [
            ("tls.cert_file", write("server.pem", &certificate)),
            ("tls.key_file", write("server.key", &key)),
            ("tls.client_ca_file", write("clients.pem", &clients.pem)),
            ("tls.reload_seconds", "1".into()),
        ];
        let landlord = TestServer::with(&options).await;
        Self { landlord, servers, clients, folder }
    }

    /// The file of that name.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A connection that trusts this authority, with this certificate and key.
    pub async fn channel(
        &self,
        authority: &Authority,
        certificate: Option<(String, String)>,
    ) -> Result<Channel, tonic::transport::Error> {
        let mut tls =
            ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&authority.pem)).domain_name("localhost");
        if let Some((certificate, key)) = certificate {
            tls = tls.identity(Identity::from_pem(certificate, key));
        }
        let endpoint = Endpoint::from_shared(format!("https://{}", self.landlord.address)).unwrap();
        endpoint.tls_config(tls).unwrap().connect().await
    }

    /// A caller with this certificate and key, or without.
    pub async fn caller(&self, certificate: Option<(String, String)>) -> Api {
        Api { client: Client::on(self.channel(&self.servers, certificate).await.unwrap()) }
    }

    pub async fn operator(&self) -> Api {
        self.caller(None).await.log_in("operator@infrastructure", PASSWORD).await
    }
}

async fn version(api: &Api) -> Result<v1::GetVersionResponse, Status> {
    api.client.admin().get_version(v1::GetVersionRequest {}).await.map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_with_its_spiffe_id_is_a_services_credential() {
    let secured = Secured::start().await;
    let operator = secured.operator().await;
    let acme = operator.active_tenant("Acme").await;
    let wanted =
        v1::ServiceIdentity { spiffe_id: SPIFFE_ID.into(), ..identity(&[CHECK, "TenantService.LockTenant"], &[&acme]) };
    let request = v1::CreateServiceIdentityRequest {
        service_identity_id: "billing".into(),
        service_identity: Some(wanted),
        ..Default::default()
    };
    let made = operator.client.admin().create_service_identity(request).await.unwrap().into_inner();
    assert_eq!((made.api_key.as_str(), made.service_identity.unwrap().keys.len()), ("", 0), "it needs no key");
    let billing = secured.caller(Some(secured.clients.client(&[SPIFFE_ID], false))).await;
    assert!(billing.usable(&acme).await.unwrap());
    billing.lock(&acme).await.unwrap();
    let records = operator.audit(&acme, "method = LockTenant").await.unwrap();
    assert_eq!(records[0].actor, "serviceIdentities/billing");
    assert!(operator.get_service("serviceIdentities/billing").await.unwrap().last_used_time.is_some());
    assert_refused(secured.caller(None).await.usable(&acme).await, Code::Unauthenticated, "TOKEN_MISSING");

    let other = v1::ServiceIdentity {
        name: "serviceIdentities/billing".into(),
        spiffe_id: "spiffe://example.org/other".into(),
        ..Default::default()
    };
    operator.update_service(other, &["spiffe_id"]).await.unwrap();
    assert_refused(billing.usable(&acme).await, Code::Unauthenticated, "CERTIFICATE_INVALID");
    operator.delete_service("serviceIdentities/billing").await.unwrap();
    let other = secured.caller(Some(secured.clients.client(&["spiffe://example.org/other"], false))).await;
    assert_refused(other.usable(&acme).await, Code::Unauthenticated, "CERTIFICATE_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_spiffe_ids_none_and_an_unknown_one_are_refused_and_never_taken_for_nobody() {
    let secured = Secured::start().await;
    let operator = secured.operator().await;
    let acme = operator.active_tenant("Acme").await;
    let wanted = v1::ServiceIdentity { spiffe_id: SPIFFE_ID.into(), ..identity(&[CHECK], &[&acme]) };
    operator.create_service("billing", wanted).await.unwrap();
    for uris in [
        &[SPIFFE_ID, "spiffe://example.org/portal"][..],
        &[SPIFFE_ID, "https://example.org/billing"],
        &[],
        &["https://example.org/billing"],
        &["spiffe://example.org/billing/more"],
        &["spiffe://example.org/billin"],
        &["spiffe://other.org/billing"],
    ] {
        let caller = secured.caller(Some(secured.clients.client(uris, false))).await;
        assert_refused(caller.usable(&acme).await, Code::Unauthenticated, "CERTIFICATE_INVALID");
        assert_refused(version(&caller).await, Code::Unauthenticated, "CERTIFICATE_INVALID");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_and_one_of_another_authority_get_no_answer_at_all() {
    let secured = Secured::start().await;
    let (fine, stranger) = (secured.clients.client(&[SPIFFE_ID], false), Authority::new());
    // Nobody is called so, but the connection is good.
    let answered = version(&secured.caller(Some(fine)).await).await;
    assert_refused(answered, Code::Unauthenticated, "CERTIFICATE_INVALID");
    let servers = secured.servers.sign(&CertificateParams::new(["localhost".to_owned()]).unwrap());
    for bad in [secured.clients.client(&[SPIFFE_ID], true), stranger.client(&[SPIFFE_ID], false), servers] {
        let refused = match secured.channel(&secured.servers, Some(bad)).await {
            Err(_) => true,
            Ok(channel) => {
                let answer = version(&Api { client: Client::on(channel) }).await;
                answer.is_err_and(|status| status.code() != Code::Unauthenticated)
            }
        };
        assert!(refused, "the handshake ends it");
    }
    version(&secured.caller(None).await).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_and_a_token_together_are_two_callers_and_refused() {
    let secured = Secured::start().await;
    let operator = secured.operator().await;
    let acme = operator.active_tenant("Acme").await;
    let wanted = v1::ServiceIdentity { spiffe_id: SPIFFE_ID.into(), ..identity(&[CHECK], &[&acme]) };
    let key = operator.create_service("billing", wanted).await.unwrap().api_key;
    let session = secured.caller(None).await.session("operator@infrastructure", PASSWORD).await.unwrap();
    let billing = secured.caller(Some(secured.clients.client(&[SPIFFE_ID], false))).await;
    for credential in [session.access_token.as_str(), &key, "nonsense"] {
        let both = billing.with_token(credential);
        assert_refused(both.usable(&acme).await, Code::InvalidArgument, "METADATA_INVALID");
        assert_refused(version(&both).await, Code::InvalidArgument, "METADATA_INVALID");
    }
    assert!(billing.usable(&acme).await.unwrap());
    assert!(secured.caller(None).await.with_token(&key).usable(&acme).await.unwrap());
}
