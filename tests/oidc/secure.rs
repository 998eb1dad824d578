//! Providers behind TLS, as all are that are not on this machine.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tonic::Code;

use super::issuer::Issuer;
use super::{BEN, Stage, record};
use crate::support::client::assert_refused;

/// Who vouches for hosts.
struct Authority {
    issuer: rcgen::Issuer<'static, KeyPair>,
    file: NamedTempFile,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: rcgen::Issuer::new(params, key), file }
    }

    fn path(&self) -> String {
        self.file.path().display().to_string()
    }

    /// Lets a host show a certificate for that name in front of the provider; gives its port.
    async fn guard(&self, issuer: &Issuer, name: &str) -> u16 {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let behind = issuer.url.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, behind) = (acceptor.clone(), behind.clone());
                tokio::spawn(async move {
                    let Ok(mut shaken) = acceptor.accept(stream).await else { return };
                    let mut behind = TcpStream::connect(behind).await.unwrap();
                    // Either side may hang up.
                    drop(tokio::io::copy_bidirectional(&mut shaken, &mut behind).await);
                });
            }
        });
        port
    }
}

/// A token of a provider at that address, for ben, who is linked to it.
async fn token(stage: &Stage, id: &str, url: &str) -> String {
    stage.issuer.claim(json!({ "issuer": url, "jwks_uri": format!("{url}/keys") }));
    stage.operator.create_provider(id, record(url, &["EdDSA"])).await.unwrap();
    stage.anna.link(&stage.ben, &format!("identityProviders/{id}"), BEN).await.unwrap();
    stage.key.sign(&stage.issuer.claims_with(BEN, json!({ "iss": url })))
}

#[tokio::test]
async fn a_provider_that_somebody_known_vouches_for_is_believed() {
    let authority = Authority::new();
    let stage = Stage::set(&[("identity.ca_file", &authority.path())]).await;
    for (id, name) in [("by-name", "localhost"), ("by-address", "127.0.0.1")] {
        let url = format!("https://{name}:{}", authority.guard(&stage.issuer, name).await);
        let token = token(&stage, id, &url).await;
        assert_eq!(stage.bearer(&token).await.who().await.unwrap().user, stage.ben, "{name}");
    }
}

#[tokio::test]
async fn one_that_nobody_known_vouches_for_or_for_another_name_tells_nothing() {
    let authority = Authority::new();
    let stage = Stage::set(&[("identity.ca_file", &authority.path())]).await;
    for (id, authority, name) in
        [("stranger", &Authority::new(), "localhost"), ("other-name", &authority, "login.example")]
    {
        let url = format!("https://localhost:{}", authority.guard(&stage.issuer, name).await);
        let token = token(&stage, id, &url).await;
        let refused = stage.bearer(&token).await.who().await;
        assert_refused(refused, Code::Unavailable, "IDENTITY_PROVIDER_UNREACHABLE");
    }
    assert_eq!(stage.issuer.fetches(), 0);
}
