//! The parts of the service, each built from its section of the configuration.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::BootError;
use crate::app::assets::Assets;
use crate::app::content::ContentRules;
use crate::app::directory::Directory;
use crate::app::domains::DomainRules;
use crate::app::identities::{KeyRules, Trust};
use crate::app::{App, SessionRules};
use crate::authn::password::Passwords;
use crate::authn::seal::RootKey;
use crate::authn::token::{TokenRules, Tokens};
use crate::config::{self, Config, SmtpTls};
use crate::domain::error::Error;
use crate::domain::operation::RetryPolicy;
use crate::domain::tenant_domain::Patience;
use crate::grpc::tls::{Tls, TlsError, TlsFiles};
use crate::infra::documents::HttpDocuments;
use crate::infra::domain_probe::{NetworkProbe, Outlook};
use crate::infra::mail_folder::MailFolder;
use crate::infra::mail_smtp::{Encryption, MailServer, MailSmtp};
use crate::infra::objects::{self, StoreAddress};
use crate::operations::runner::RunnerConfig;
use crate::ports::{Mailer, Participant};
use crate::store::connection::Address;
use crate::store::tx::{Db, DbConfig};
use crate::vault::{Vault, VaultError};

pub(super) fn db(config: &Config, url: Address, pool_size: usize) -> Result<Db, Error> {
    Db::new(&DbConfig {
        url,
        pool_size,
        wait: Duration::from_millis(900),
        repeat_window: Duration::from_secs(config.requests.repeat_hours * 3600),
    })
}

pub(super) fn app(
    config: &Config,
    url: Address,
    (root, vault): (RootKey, Vault),
    stopping: CancellationToken,
) -> Result<App, BootError> {
    let db = db(config, url, config.database.pool_size)?;
    // In the order in which they remove their parts: assets know of users.
    let participants: Vec<Arc<dyn Participant>> =
        vec![Arc::new(Assets::new(db.clone(), vault.clone())), Arc::new(Directory::new(db.clone()))];
    Ok(App {
        db,
        root,
        tokens: Tokens::new(TokenRules {
            issuer: config.tokens.issuer.clone(),
            audience: config.tokens.audience.clone(),
            access: Duration::from_secs(config.tokens.access_seconds),
        }),
        passwords: Passwords::new(config.argon2.memory_kib, config.argon2.iterations, config.argon2.concurrency)?,
        sessions: SessionRules {
            refresh: Duration::from_secs(config.tokens.refresh_seconds),
            grace: Duration::from_secs(config.tokens.refresh_grace_seconds),
        },
        participants: participants.into(),
        domains: domains(&config.domains)?,
        vault,
        content: ContentRules {
            keep_uploads: Duration::from_secs(config.objects.upload_hours * 3600),
            keep_unused: Duration::from_secs(config.objects.keep_unused_seconds),
        },
        trust: Arc::new(trust(&config.identity)?),
        snapshot: Arc::default(),
        changed: Arc::new(watch::Sender::new(0)),
        stopping,
    })
}

/// The object stores. One that can't be reached now is asked again before anything is written to it; one that can't be relied on is
/// not used.
pub(super) async fn proven_vault(config: &config::Objects, root: RootKey) -> Result<Vault, BootError> {
    let (first, second) = addresses(config)?;
    let first = objects::open(&first)?;
    let second = second.map(|second| objects::open(&second)).transpose()?;
    let vault = Vault::new(first, second, root);
    let proven = async {
        vault.prove().await?;
        vault.second_store().await
    };
    match tokio::time::timeout(Duration::from_secs(5), proven).await {
        Ok(Ok(_)) => {}
        Ok(Err(error @ (VaultError::WritesOver { .. } | VaultError::OneStore | VaultError::Strange { .. }))) => {
            return Err(BootError::Unreliable(error));
        }
        Ok(Err(error)) => tracing::warn!(%error, "an object store can't be used yet"),
        Err(_) => tracing::warn!("an object store does not answer yet"),
    }
    Ok(vault)
}

/// What there is of the object stores, to read what they have. One of them is enough.
pub(super) fn found_vault(config: &config::Objects, root: RootKey) -> Result<Vault, BootError> {
    let (first, second) = addresses(config)?;
    let second = second.map(|second| objects::open_existing(&second)).transpose();
    let (first, second) = match (objects::open_existing(&first), second) {
        (Err(error), Ok(Some(second))) => {
            tracing::warn!(%error, "the second store is read alone");
            (second, None)
        }
        (Ok(first), Err(error)) => {
            tracing::warn!(%error, "the first store is read alone");
            (first, None)
        }
        (first, second) => (first?, second?),
    };
    Ok(Vault::new(first, second, root))
}

/// Where the object stores are.
fn addresses(config: &config::Objects) -> Result<(StoreAddress, Option<StoreAddress>), BootError> {
    let (time, second) = (Duration::from_secs(config.timeout_seconds), &config.second);
    let first = address(config.url.clone(), &config.s3, time)?;
    let second = second.url.clone().map(|url| address(url, &second.s3, time)).transpose()?;
    Ok((first, second))
}

/// The root key.
pub(super) fn root_key(config: &Config) -> Result<RootKey, BootError> {
    RootKey::parse(&read(&config.root_key_file)?).ok_or(BootError::RootKey)
}

fn address(url: String, s3: &config::S3, time: Duration) -> Result<StoreAddress, BootError> {
    let secret = s3.secret_access_key_file.as_deref().map(read).transpose()?.map(|secret| secret.trim().to_owned());
    Ok(StoreAddress {
        url,
        endpoint: s3.endpoint.clone(),
        region: s3.region.clone(),
        access_key: s3.access_key_id.clone().zip(secret),
        authorities: s3.ca_file.as_deref().map(read).transpose()?,
        time,
    })
}

fn domains(config: &config::Domains) -> Result<DomainRules, BootError> {
    let time = Duration::from_millis(config.timeout_ms);
    let outlook = Outlook {
        name_servers: config.name_servers.0.clone(),
        port: config.tls_port,
        authorities: config.ca_file.as_deref().map(read).transpose()?.map(String::into_bytes),
        time,
    };
    Ok(DomainRules {
        probe: Arc::new(NetworkProbe::new(&outlook)?),
        check: Duration::from_secs(config.check_seconds),
        recheck: Duration::from_secs(config.recheck_seconds),
        // A check takes twice that time at most, and a transaction before and after it.
        lease: time * 2 + Duration::from_secs(60),
        most: config.checks_per_round,
        patience: Patience { checks: config.silent_checks, time: Duration::from_secs(config.silent_seconds) },
    })
}

fn trust(config: &config::Identity) -> Result<Trust, BootError> {
    let authorities = config.ca_file.as_deref().map(read).transpose()?;
    let authorities = authorities.as_ref().map(String::as_bytes);
    let documents = HttpDocuments::new(authorities, Duration::from_millis(config.timeout_ms))?;
    let rules = KeyRules {
        fresh: Duration::from_secs(config.keys_seconds),
        keep: Duration::from_secs(config.keys_keep_seconds),
        between: Duration::from_secs(config.refetch_seconds),
    };
    Ok(Trust::new(Arc::new(documents), rules))
}

pub(super) fn mailer(config: &config::Mail) -> Result<Option<Arc<dyn Mailer>>, BootError> {
    if let Some(folder) = &config.folder {
        return Ok(Some(Arc::new(MailFolder::new(folder.clone(), &config.from)?)));
    }
    let smtp = &config.smtp;
    let Some(host) = smtp.host.clone() else { return Ok(None) };
    let (encryption, port) = match smtp.tls {
        SmtpTls::None => (Encryption::None, 25),
        SmtpTls::StartTls => (Encryption::StartTls, 587),
        SmtpTls::Tls => (Encryption::Tls, 465),
    };
    let log_in = smtp.user_name.clone().zip(smtp.password_file.clone());
    if let Some((_, file)) = &log_in {
        // It is read for each mail; that it can't be is better known at once.
        read(file)?;
    }
    let server = MailServer {
        host,
        port: smtp.port.unwrap_or(port),
        encryption,
        authorities: smtp.ca_file.as_deref().map(read).transpose()?.map(String::into_bytes),
        log_in,
        time: Duration::from_secs(smtp.timeout_seconds),
    };
    Ok(Some(Arc::new(MailSmtp::new(server, &config.from)?)))
}

pub(super) fn tls(config: &config::Tls) -> Result<Option<Tls>, TlsError> {
    let (Some(chain), Some(key)) = (config.cert_file.clone(), config.key_file.clone()) else { return Ok(None) };
    Tls::load(TlsFiles { chain, key, client_authorities: config.client_ca_file.clone() }).map(Some)
}

pub(super) fn runner(config: &Config) -> RunnerConfig {
    let operations = &config.operations;
    RunnerConfig {
        lease: Duration::from_millis(operations.lease_ms),
        heartbeat: Duration::from_millis(operations.heartbeat_ms),
        poll: Duration::from_millis(operations.poll_ms),
        workers: operations.workers,
        retry: RetryPolicy {
            max_attempts: operations.max_attempts,
            base: Duration::from_millis(operations.retry_base_ms),
            most: Duration::from_millis(operations.retry_max_ms),
        },
        drain: Duration::from_secs(config.drain_seconds),
        public_url: config.public_url.clone(),
    }
}

fn read(path: &Path) -> Result<String, BootError> {
    std::fs::read_to_string(path).map_err(|source| BootError::File { path: path.to_owned(), source })
}
