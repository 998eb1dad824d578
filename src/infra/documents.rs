//! Fetches documents by HTTP: one request on a connection of its own, which follows no redirection.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::{Either, select};
use http::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::{Host, Position, Url};

use super::tls::connector;
use crate::domain::error::Result;
use crate::ports::{Documents, Unanswered};

/// Bytes of a document at most.
const LARGEST: usize = 256 * 1024;

/// Fetches documents over the network.
pub struct HttpDocuments {
    connector: TlsConnector,
    time: Duration,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl HttpDocuments {
    /// One that believes these authorities, as PEM (None: the system's), and waits so long for each document.
    pub fn new(authorities: Option<&[u8]>, time: Duration) -> Result<Self> {
        Ok(Self { connector: connector(authorities, "identity.ca_file")?, time })
    }

    async fn get(&self, address: &str) -> Result<Vec<u8>, Failure> {
        let url = Url::parse(address)?;
        let (host, port) = (url.host().ok_or("no host")?, url.port_or_known_default().ok_or("no port")?);
        let stream = match &host {
            Host::Domain(name) => TcpStream::connect((*name, port)).await?,
            Host::Ipv4(ip) => TcpStream::connect(SocketAddr::from((*ip, port))).await?,
            Host::Ipv6(ip) => TcpStream::connect(SocketAddr::from((*ip, port))).await?,
        };
        if url.scheme() == "http" {
            return request(stream, &url).await;
        }
        let name = match host {
            Host::Domain(name) => ServerName::try_from(name.to_owned())?,
            Host::Ipv4(ip) => ServerName::from(std::net::IpAddr::from(ip)),
            Host::Ipv6(ip) => ServerName::from(std::net::IpAddr::from(ip)),
        };
        request(self.connector.connect(name, stream).await?, &url).await
    }
}

#[async_trait]
impl Documents for HttpDocuments {
    async fn fetch(&self, address: &str) -> Result<Vec<u8>, Unanswered> {
        match tokio::time::timeout(self.time, self.get(address)).await {
            Ok(Ok(document)) => Ok(document),
            Ok(Err(failure)) => Err(Unanswered(format!("{address}: {failure}"))),
            Err(_) => Err(Unanswered(format!("{address}: no answer within {} ms", self.time.as_millis()))),
        }
    }
}

async fn request(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, url: &Url) -> Result<Vec<u8>, Failure> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, "landlord")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let answer = async {
        let answer = sender.send_request(request).await?;
        if answer.status() != StatusCode::OK {
            return Err(format!("the answer is {}", answer.status()).into());
        }
        let document = Limited::new(answer.into_body(), LARGEST).collect().await?;
        Ok::<_, Failure>(document.to_bytes().to_vec())
    };
    // The connection is driven by whoever waits for the answer, and goes with it.
    match select(pin!(answer), pin!(connection)).await {
        Either::Left((answer, _)) => answer,
        Either::Right((_, answer)) => answer.await,
    }
}
