//! Transport security of the listener. Certificates come from files that change while the service runs; new connections get what
//! is in the files now, those that are open stay as they are.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Where the certificates are.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate chain, as PEM.
    pub chain: PathBuf,
    /// Its private key, as PEM.
    pub key: PathBuf,
    /// The authorities for client certificates, as PEM; none: clients are not asked for any.
    pub client_authorities: Option<PathBuf>,
}

/// Why certificates can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("can't read {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file has not in it what it should.
    #[error("{path} must have {what}, as PEM")]
    Content {
        /// The file.
        path: PathBuf,
        /// What it should have.
        what: &'static str,
    },
    /// Certificate, key and authorities can't be used so.
    #[error("certificates: {0}")]
    Unusable(Box<dyn std::error::Error + Send + Sync>),
}

/// What is in the files.
#[derive(PartialEq, Eq)]
struct Contents {
    chain: Vec<u8>,
    key: Vec<u8>,
    client_authorities: Option<Vec<u8>>,
}

/// Transport security as the files have it.
#[derive(Clone)]
pub struct Tls {
    files: TlsFiles,
    current: Arc<watch::Sender<Arc<rustls::ServerConfig>>>,
}

impl Tls {
    /// As the files have it now.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let config = configuration(&files, &files.read()?)?;
        Ok(Self { files, current: Arc::new(watch::Sender::new(Arc::new(config))) })
    }

    /// Looks at the files again and again. Of new ones that can't be used the log tells, once, and the old ones stay in use.
    pub async fn follow(self, every: Duration, stop: CancellationToken) {
        let mut last = self.files.read().ok();
        let followed = async {
            loop {
                tokio::time::sleep(every).await;
                match self.files.read() {
                    Ok(contents) if last.as_ref() == Some(&contents) => {}
                    Ok(contents) => {
                        self.take(&contents);
                        last = Some(contents);
                    }
                    // They are about to be replaced, or gone: then this is said again and again.
                    Err(error) => {
                        tracing::warn!(%error, "the certificates can't be looked at; the old ones stay in use")
                    }
                }
            }
        };
        stop.run_until_cancelled(followed).await;
    }

    fn take(&self, contents: &Contents) {
        match configuration(&self.files, contents) {
            Ok(config) => {
                self.current.send_replace(Arc::new(config));
                tracing::info!("new certificates are in use");
            }
            Err(error) => tracing::error!(%error, "the new certificates can't be used; the old ones stay in use"),
        }
    }

    /// The connections whose handshake is done. One that is slow or fails keeps no other waiting, and is of no further interest.
    pub(super) fn accept(
        self,
        incoming: impl Stream<Item = std::io::Result<TcpStream>> + Unpin + Send + 'static,
    ) -> impl Stream<Item = std::io::Result<TlsStream<TcpStream>>> + Send {
        let state = (self, incoming, JoinSet::new());
        futures::stream::unfold(state, |(tls, mut incoming, mut shaking)| async move {
            loop {
                tokio::select! {
                    connection = incoming.next() => match connection? {
                        Ok(connection) => drop(shaking.spawn(tls.handshake(connection))),
                        Err(error) => return Some((Err(error), (tls, incoming, shaking))),
                    },
                    Some(done) = shaking.join_next() => if let Ok(Some(connection)) = done {
                        return Some((Ok(connection), (tls, incoming, shaking)));
                    },
                }
            }
        })
    }

    fn handshake(&self, connection: TcpStream) -> impl Future<Output = Option<TlsStream<TcpStream>>> + Send + 'static {
        let acceptor = TlsAcceptor::from(self.current.borrow().clone());
        async move {
            match tokio::time::timeout(HANDSHAKE, acceptor.accept(connection)).await {
                Ok(Ok(connection)) => Some(connection),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "a handshake failed");
                    None
                }
                Err(_) => None,
            }
        }
    }
}

impl TlsFiles {
    fn read(&self) -> Result<Contents, TlsError> {
        Ok(Contents {
            chain: read(&self.chain)?,
            key: read(&self.key)?,
            client_authorities: self.client_authorities.as_deref().map(read).transpose()?,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

fn configuration(files: &TlsFiles, contents: &Contents) -> Result<rustls::ServerConfig, TlsError> {
    let chain = certificates(&files.chain, &contents.chain)?;
    let key = PrivateKeyDer::from_pem_slice(&contents.key)
        .map_err(|_| TlsError::Content { path: files.key.clone(), what: "a private key" })?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let builder = builder.map_err(unusable)?;
    let authorities = files.client_authorities.as_deref().zip(contents.client_authorities.as_deref());
    let builder = match authorities {
        None => builder.with_no_client_auth(),
        Some((path, pem)) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(path, pem)? {
                roots.add(authority).map_err(unusable)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            // Users come without a certificate. Who shows one is held to it.
            let verifier = verifier.allow_unauthenticated().build().map_err(unusable)?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(unusable)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    if authorities.is_some() {
        // A session that is taken up again would bring its client's certificate along without another look at it.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let none = || TlsError::Content { path: path.to_owned(), what: "a certificate" };
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|_| none())?;
    if found.is_empty() { Err(none()) } else { Ok(found) }
}

fn unusable(error: impl std::error::Error + Send + Sync + 'static) -> TlsError {
    TlsError::Unusable(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate that signs itself, and its key.
    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn contents(chain: &str, key: &str, authorities: Option<&str>) -> Contents {
        let client_authorities = authorities.map(|pem| pem.as_bytes().to_vec());
        Contents { chain: chain.into(), key: key.into(), client_authorities }
    }

    #[test]
    fn what_can_not_be_used_leaves_the_old_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
            folder.path().join(name)
        };
        let ((chain, key), (other, other_key)) = (pair(), pair());
        let files = TlsFiles {
            chain: file("chain", &chain),
            key: file("key", &key),
            client_authorities: Some(file("authorities", &other)),
        };
        let tls = Tls::load(files).unwrap();
        let first = tls.current.borrow().clone();
        for broken in [
            contents("", &key, Some(&other)),
            contents(&chain, "", Some(&other)),
            contents(&chain, &other_key, Some(&other)),
            contents(&chain, &key, Some("")),
            contents(&chain, &key, Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")),
        ] {
            tls.take(&broken);
            assert!(Arc::ptr_eq(&first, &tls.current.borrow()));
        }
        tls.take(&contents(&other, &other_key, Some(&chain)));
        assert!(!Arc::ptr_eq(&first, &tls.current.borrow()));
    }

    #[test]
    fn files_that_can_not_be_used_keep_it_from_starting() {
        let folder = tempfile::tempdir().unwrap();
        let (chain, key) = (folder.path().join("chain"), folder.path().join("key"));
        let load = || Tls::load(TlsFiles { chain: chain.clone(), key: key.clone(), client_authorities: None });
        assert!(matches!(load(), Err(TlsError::File { path, .. }) if path == chain));
        std::fs::write(&chain, "nothing").unwrap();
        std::fs::write(&key, pair().1).unwrap();
        assert!(matches!(load(), Err(TlsError::Content { path, .. }) if path == chain));
        std::fs::write(&chain, pair().0).unwrap();
        assert!(matches!(load(), Err(TlsError::Unusable(_))), "the key is another's");
    }
}
