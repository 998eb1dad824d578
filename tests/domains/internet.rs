//! A small internet: a name server for `example`, and a host that answers for each domain with the certificate that it has.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use hickory_server::Server;
use hickory_server::net::runtime::{Time, TokioRuntimeProvider};
use hickory_server::proto::rr::rdata::{A, SOA, TXT};
use hickory_server::proto::rr::{LowerName, Name, RData, Record, RecordType, RrKey};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tempfile::NamedTempFile;
use tokio::net::{TcpListener, UdpSocket};
use tokio_rustls::TlsAcceptor;

/// Where nobody listens.
pub const NOWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// It runs as long as the test.
pub struct Internet {
    name_server: SocketAddr,
    port: u16,
    names: Arc<Names>,
    certificates: Arc<Certificates>,
    authority: Issuer<'static, KeyPair>,
    ca_file: NamedTempFile,
    _server: Server<Answering>,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    None,
    Expired,
    OtherName,
    OtherAuthority,
}

impl Internet {
    pub async fn start() -> Self {
        let (authority, pem) = authority();
        let ca_file = NamedTempFile::new().unwrap();
        std::fs::write(ca_file.path(), pem).unwrap();
        let names = Arc::new(Names::new().await);
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let name_server = socket.local_addr().unwrap();
        let mut server = Server::new(Answering(names.clone()));
        server.register_socket(socket);
        let certificates = Arc::<Certificates>::default();
        let port = serve_tls(certificates.clone()).await;
        Self { name_server, port, names, certificates, authority, ca_file, _server: server }
    }

    /// What a Landlord needs to look at it.
    pub fn options(&self) -> Vec<(&'static str, String)> {
        vec![
            ("domains.name_servers", self.name_server.to_string()),
            ("domains.tls_port", self.port.to_string()),
            ("domains.ca_file", self.ca_file.path().display().to_string()),
            ("domains.timeout_ms", "1000".into()),
        ]
    }

    /// Puts TXT records there, in the place of those that are; none: takes them away.
    pub async fn texts(&self, name: &str, texts: &[&str]) {
        let records = texts.iter().map(|text| RData::TXT(TXT::new(vec![(*text).to_owned()]))).collect();
        self.names.put(name, RecordType::TXT, records).await;
    }

    /// Lets a domain lead to that address.
    pub async fn address(&self, domain: &str, address: Ipv4Addr) {
        self.names.put(domain, RecordType::A, vec![RData::A(A(address))]).await;
    }

    /// Lets a domain lead to the host, which shows a new certificate for it.
    pub async fn certify(&self, domain: &str, flaw: Flaw) {
        let key = KeyPair::generate().unwrap();
        let name = if flaw == Flaw::OtherName { "other.example" } else { domain };
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        if flaw == Flaw::Expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let stranger = self::authority().0;
        let issuer = if flaw == Flaw::OtherAuthority { &stranger } else { &self.authority };
        let certificate = params.signed_by(&key, issuer).unwrap().der().clone();
        let key = any_supported_type(&PrivateKeyDer::try_from(key.serialize_der()).unwrap()).unwrap();
        let certified = Arc::new(CertifiedKey::new(vec![certificate], key));
        self.certificates.0.lock().unwrap().insert(domain.to_owned(), certified);
        self.address(domain, Ipv4Addr::LOCALHOST).await;
    }

    /// Makes the name server answer nobody, or everybody again.
    pub fn silence(&self, silent: bool) {
        self.names.silent.store(silent, Ordering::SeqCst);
    }

    /// How often a name was asked for.
    pub fn asked(&self, name: &str) -> usize {
        self.names.asked.lock().unwrap().get(name).copied().unwrap_or_default()
    }
}

fn authority() -> (Issuer<'static, KeyPair>, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), pem)
}

/// The names below `example`.
struct Names {
    zone: Arc<InMemoryZoneHandler>,
    catalog: Catalog,
    silent: AtomicBool,
    asked: Mutex<BTreeMap<String, usize>>,
}

impl Names {
    async fn new() -> Self {
        let origin = name("example");
        let zone =
            InMemoryZoneHandler::<TokioRuntimeProvider>::empty(origin.clone(), ZoneType::Primary, AxfrPolicy::Deny);
        let start = SOA::new(name("ns.example"), name("admin.example"), 1, 60, 60, 60, 60);
        zone.upsert(Record::from_rdata(origin.clone(), 60, RData::SOA(start)), 0).await;
        let (zone, mut catalog) = (Arc::new(zone), Catalog::new());
        catalog.upsert(origin.into(), vec![zone.clone()]);
        Self { zone, catalog, silent: AtomicBool::new(false), asked: Mutex::default() }
    }

    async fn put(&self, at: &str, kind: RecordType, records: Vec<RData>) {
        self.zone.records_mut().await.remove(&RrKey::new(LowerName::from(name(at)), kind));
        for data in records {
            self.zone.upsert(Record::from_rdata(name(at), 60, data), 0).await;
        }
    }
}

fn name(text: &str) -> Name {
    Name::from_ascii(format!("{text}.")).unwrap()
}

struct Answering(Arc<Names>);

#[async_trait::async_trait]
impl RequestHandler for Answering {
    async fn handle_request<R: ResponseHandler, T: Time>(&self, request: &Request, handle: R) -> ResponseInfo {
        let asked = request.request_info().unwrap().query.name().to_string();
        *self.0.asked.lock().unwrap().entry(asked.trim_end_matches('.').to_owned()).or_default() += 1;
        if self.0.silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.0.catalog.handle_request::<R, T>(request, handle).await
    }
}

/// By domain.
#[derive(Debug, Default)]
struct Certificates(Mutex<BTreeMap<String, Arc<CertifiedKey>>>);

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.lock().unwrap().get(hello.server_name()?).cloned()
    }
}

async fn serve_tls(certificates: Arc<Certificates>) -> u16 {
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_cert_resolver(certificates)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            // Who does not like the certificate hangs up.
            tokio::spawn(async move { acceptor.accept(stream).await.map(drop) });
        }
    });
    port
}
