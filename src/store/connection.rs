//! How the database is reached, and with which limits on a connection.

use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Where the database is, for one role, and whom to believe that it is the database.
///
/// With `sslmode=require` in the connection string, or a file of authorities, connections are encrypted and the server's
/// certificate is verified: against the file, or against the system's authorities. Otherwise they are in clear.
#[derive(Clone, Debug)]
pub struct Address {
    url: SecretString,
    authorities: Option<PathBuf>,
    /// For connections beside the pool: those of operations, and those of calls.
    places: [Arc<Semaphore>; 2],
}

/// What a connection beside the pool is for. In one process there are so many of them at most.
#[derive(Clone, Copy, Debug)]
pub enum Beside {
    /// The work of operations.
    Work = 4,
    /// Calls, which make no operation wait.
    Call = 2,
}

/// A connection beside the pool.
pub(super) struct Copies {
    pub client: Client,
    pub place: OwnedSemaphorePermit,
}

impl Address {
    /// The database of that connection string.
    pub fn new(url: SecretString, authorities: Option<PathBuf>) -> Self {
        Self { url, authorities, places: [Beside::Work, Beside::Call].map(|of| Arc::new(Semaphore::new(of as usize))) }
    }

    pub(super) fn url(&self) -> &str {
        self.url.expose_secret()
    }

    /// Connects, with limits for whatever the connection is used for. A transaction is idle for moments only, unless its
    /// process is stopped or cut off; what it holds is then given to others soon. Statements are short: none is worth
    /// being compiled.
    pub(super) async fn connect(&self) -> ConnectionResult<AsyncPgConnection> {
        let mut conn = match self.config("")? {
            (config, true) => {
                let tls = MakeRustlsConnect::new(self.tls().await?);
                let (client, connection) = config.connect(tls).await.map_err(bad)?;
                AsyncPgConnection::try_from_client_and_connection(client, connection).await?
            }
            (config, false) => {
                let (client, connection) = config.connect(NoTls).await.map_err(bad)?;
                AsyncPgConnection::try_from_client_and_connection(client, connection).await?
            }
        };
        conn.batch_execute(
            "SET statement_timeout = '30s'; SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '5s';
             SET timezone = 'UTC'; SET jit = off",
        )
        .await
        .map_err(bad)?;
        Ok(conn)
    }

    /// Connects for copies of whole tables, which take as long as they take; only who does nothing for minutes is cut off. Who comes
    /// when there are many waits.
    pub(super) async fn connect_for_copies(&self, whose: Beside) -> ConnectionResult<Copies> {
        let place = self.places(whose).acquire_owned().await.map_err(bad)?;
        self.connect_in(place).await
    }

    /// The same for who can do without, and does unless another place is left for who can't.
    pub(super) async fn try_connect_for_copies(&self, whose: Beside) -> ConnectionResult<Option<Copies>> {
        let places = self.places(whose);
        match places.clone().try_acquire_owned() {
            Ok(place) if places.available_permits() > 0 => self.connect_in(place).await.map(Some),
            _ => Ok(None),
        }
    }

    fn places(&self, whose: Beside) -> Arc<Semaphore> {
        let [of_work, of_calls] = &self.places;
        match whose {
            Beside::Work => of_work.clone(),
            Beside::Call => of_calls.clone(),
        }
    }

    async fn connect_in(&self, place: OwnedSemaphorePermit) -> ConnectionResult<Copies> {
        let client = match self.config(" copies")? {
            (config, true) => {
                let (client, connection) =
                    config.connect(MakeRustlsConnect::new(self.tls().await?)).await.map_err(bad)?;
                tokio::spawn(connection);
                client
            }
            (config, false) => {
                let (client, connection) = config.connect(NoTls).await.map_err(bad)?;
                tokio::spawn(connection);
                client
            }
        };
        // What is restored is sorted first, after a glance at it; few have such a connection at the same time.
        let limits = "SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '5min'; SET timezone = 'UTC';
                      SET jit = off; SET work_mem = '64MB'; SET default_statistics_target = 10";
        client.batch_execute(limits).await.map_err(bad)?;
        Ok(Copies { client, place })
    }

    /// How to connect, and whether encrypted. In `pg_stat_activity` the connection is called `landlord` with what it is for.
    fn config(&self, purpose: &str) -> ConnectionResult<(Config, bool)> {
        let mut config = Config::from_str(self.url()).map_err(bad)?;
        let name = config.get_application_name().unwrap_or("landlord").to_owned();
        config.application_name(name + purpose);
        config.connect_timeout(config.get_connect_timeout().copied().unwrap_or(Duration::from_secs(5)));
        // A peer that is gone without a word is noticed long before the system's own two hours.
        config.keepalives_idle(Duration::from_secs(15)).tcp_user_timeout(Duration::from_secs(30));
        let encrypt = match config.get_ssl_mode() {
            SslMode::Disable => false,
            SslMode::Require => true,
            _ => self.authorities.is_some(),
        };
        if encrypt {
            config.ssl_mode(SslMode::Require);
        }
        Ok((config, encrypt))
    }

    async fn tls(&self) -> ConnectionResult<ClientConfig> {
        let mut roots = RootCertStore::empty();
        match &self.authorities {
            Some(path) => {
                let pem = tokio::fs::read(path)
                    .await
                    .map_err(|e| ConnectionError::BadConnection(format!("database.ca_file {}: {e}", path.display())))?;
                for certificate in CertificateDer::pem_slice_iter(&pem) {
                    roots.add(certificate.map_err(bad)?).map_err(bad)?;
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(bad)?;
        Ok(config.with_root_certificates(roots).with_no_client_auth())
    }
}

impl From<String> for Address {
    fn from(url: String) -> Self {
        Self::new(url.into(), None)
    }
}

/// The error with all that caused it: the driver's own text says only that there was one.
fn bad(error: impl std::error::Error) -> ConnectionError {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    ConnectionError::BadConnection(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_can_do_without_a_connection_leaves_the_last_place_to_who_can_not() {
        let nowhere = Address::from("postgresql://127.0.0.1:1/none".to_owned());
        let places = nowhere.places(Beside::Work);
        let two = places.acquire_many(2).await.unwrap();
        assert!(nowhere.try_connect_for_copies(Beside::Work).await.is_err(), "it tries, and nobody is there");
        let third = places.acquire().await.unwrap();
        assert!(matches!(nowhere.try_connect_for_copies(Beside::Work).await, Ok(None)));
        drop((two, third));
        assert_eq!(places.available_permits(), Beside::Work as usize);
    }
}
