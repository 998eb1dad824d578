//! Looks at domains: asks name servers, and connects to the domain as a browser does.
//!
//! Nothing is kept between two looks, so that each sees the domain as it is then.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use rustls::CertificateError;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::tls::connector;
use crate::domain::error::{Error, Result};
use crate::domain::name::DomainName;
use crate::ports::{DomainProbe, Unanswered};

/// Whom to ask, and whom to believe.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// The name servers; none: those of the system.
    pub name_servers: Vec<SocketAddr>,
    /// Port on which domains show their certificates.
    pub port: u16,
    /// Who vouches for domains, as PEM; none: the system's authorities.
    pub authorities: Option<Vec<u8>>,
    /// How long a name server, and then the domain, is given to answer.
    pub time: Duration,
}

/// Looks at domains over the network.
pub struct NetworkProbe {
    resolver: TokioResolver,
    connector: TlsConnector,
    port: u16,
    time: Duration,
}

impl NetworkProbe {
    /// One that sees what `outlook` says.
    pub fn new(outlook: &Outlook) -> Result<Self> {
        let failed = |e: NetError| Error::internal("name servers", e);
        let mut builder = if outlook.name_servers.is_empty() {
            TokioResolver::builder_tokio().map_err(failed)?
        } else {
            let servers = outlook.name_servers.iter().copied().map(name_server).collect();
            TokioResolver::builder_with_config(
                ResolverConfig::from_name_servers(servers),
                TokioRuntimeProvider::default(),
            )
        };
        let options = builder.options_mut();
        options.cache_size = 0;
        // The first attempt may get lost; the second one still has its time.
        options.attempts = 1;
        options.timeout = outlook.time / 2;
        let resolver = builder.build().map_err(failed)?;
        let connector = connector(outlook.authorities.as_deref(), "domains.ca_file")?;
        Ok(Self { resolver, connector, port: outlook.port, time: outlook.time })
    }

    async fn shake_hands(&self, domain: &DomainName) -> Result<(), Trouble> {
        let name = ServerName::try_from(domain.to_string()).map_err(|_| Trouble::Fault("it is no host name".into()))?;
        let found = self.resolver.lookup_ip(absolute(domain.as_str())).await;
        let addresses: Vec<_> = match found {
            Ok(found) => found.iter().map(|ip| SocketAddr::new(ip, self.port)).collect(),
            Err(error) if error.is_no_records_found() => Vec::new(),
            Err(error) => return Err(Trouble::Silence(silent_servers(&error))),
        };
        if addresses.is_empty() {
            return Err(Trouble::Fault("it has no address".into()));
        }
        let stream = TcpStream::connect(addresses.as_slice()).await.map_err(|error| self.silent_domain(&error))?;
        let shaken = self.connector.connect(name, stream).await;
        shaken.map(|_| ()).map_err(|error| match tls_error(&error) {
            Some(error) => Trouble::Fault(fault(error, self.port)),
            None => self.silent_domain(&error),
        })
    }

    fn silent_domain(&self, error: &io::Error) -> Trouble {
        tracing::debug!(%error, "a domain does not answer");
        Trouble::Silence(format!("nobody answers on port {}", self.port))
    }
}

#[async_trait]
impl DomainProbe for NetworkProbe {
    async fn texts(&self, name: &str) -> Result<Vec<String>, Unanswered> {
        // Below a very long domain there is no room for another name.
        let Ok(name) = Name::from_ascii(absolute(name)) else { return Ok(Vec::new()) };
        let asked = timeout(self.time, self.resolver.lookup(name, RecordType::TXT)).await;
        let found = match asked {
            Ok(Ok(found)) => found,
            Ok(Err(error)) if error.is_no_records_found() => return Ok(Vec::new()),
            Ok(Err(error)) => return Err(Unanswered(silent_servers(&error))),
            Err(_) => return Err(Unanswered(NO_SERVER.to_owned())),
        };
        let texts = found.answers().iter().filter_map(|record| match &record.data {
            // A text of more than 255 bytes stands there in parts.
            RData::TXT(text) => Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned()),
            _ => None,
        });
        Ok(texts.collect())
    }

    async fn fault_of_certificate(&self, domain: &DomainName) -> Result<Option<String>, Unanswered> {
        match timeout(self.time, self.shake_hands(domain)).await {
            Ok(Ok(())) => Ok(None),
            Ok(Err(Trouble::Fault(fault))) => Ok(Some(fault)),
            Ok(Err(Trouble::Silence(who))) => Err(Unanswered(who)),
            Err(_) => Err(Unanswered(format!("nobody answers on port {}", self.port))),
        }
    }
}

const NO_SERVER: &str = "no name server answers";

/// Why hands were not shaken.
enum Trouble {
    Fault(String),
    Silence(String),
}

/// As it stands, and not below a domain of this machine.
fn absolute(name: &str) -> String {
    format!("{name}.")
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

fn silent_servers(error: &NetError) -> String {
    tracing::debug!(%error, "name servers have no answer");
    NO_SERVER.to_owned()
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// What is wrong, for people.
fn fault(error: &rustls::Error, port: u16) -> String {
    let rustls::Error::InvalidCertificate(certificate) = error else {
        return format!("what answers on port {port} does not agree on TLS");
    };
    let what = match certificate {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "is not valid yet",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => "is not for this name",
        CertificateError::UnknownIssuer => "comes from an authority that is not trusted here",
        CertificateError::Revoked => "was revoked",
        _ => "can't be verified",
    };
    format!("the certificate on port {port} {what}")
}
