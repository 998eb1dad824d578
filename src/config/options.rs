//! Every option, with its default and its meaning: the one place where they are written down.
//!
//! The comments become the handbook's table as well, so they are written for operators.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::secret::Secret;
use crate::domain::name_servers::NameServers;
use crate::domain::networks::Networks;

/// The name of an option and the lines of its comment.
pub(super) type Documented = (&'static str, &'static [&'static str]);

macro_rules! sections {
    ($($(#[doc = $about:literal])+ $name:ident {
        $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr;)+
    })+) => {$(
        $(#[doc = $about])+
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl $name {
            pub(super) const OPTIONS: &'static [Documented] = &[$((stringify!($field), &[$($doc),+]),)+];
        }
    )+};
}

/// The sections of [`Config`], by name.
pub(super) const SECTIONS: &[(&str, &[Documented])] = &[
    ("database", Database::OPTIONS),
    ("mail", Mail::OPTIONS),
    ("mail.smtp", Smtp::OPTIONS),
    ("objects", Objects::OPTIONS),
    ("objects.s3", S3::OPTIONS),
    ("objects.second", Second::OPTIONS),
    ("objects.second.s3", S3::OPTIONS),
    ("tls", Tls::OPTIONS),
    ("domains", Domains::OPTIONS),
    ("tokens", Tokens::OPTIONS),
    ("identity", Identity::OPTIONS),
    ("operations", Operations::OPTIONS),
    ("requests", Requests::OPTIONS),
    ("telemetry", Telemetry::OPTIONS),
    ("initial_operator", InitialOperator::OPTIONS),
    ("argon2", Argon2::OPTIONS),
];

sections! {
    /// The whole configuration.
    Config {
        /// Address on which gRPC is served. Port 0 picks a free one.
        listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 50051));
        /// Address on which metrics, the key set and health are served over HTTP.
        http_listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 9090));
        /// File with the root key, under which all other keys are stored. Required.
        root_key_file: PathBuf = PathBuf::new();
        /// Where users reach the platform; links in mails begin with it.
        public_url: String = "http://localhost".into();
        /// How long a stopping server waits for calls that are running, in seconds.
        drain_seconds: u64 = 10;
        /// How often a replica removes what has expired or was cleared, learns of new signing keys, and checks domains that are due,
        /// in seconds.
        housekeeping_seconds: u64 = 60;
        /// Addresses and networks of proxies in front of Landlord, separated by commas. What one of them says in
        /// `x-forwarded-for` counts as where a call comes from. Without them, all who come through a proxy are slowed down
        /// when one of them guesses passwords.
        trusted_proxies: Networks = Networks::default();
        /// Whether reflection is served, for grpcurl and its like.
        reflection: bool = true;
        /// The database.
        database: Database = Database::default();
        /// Outgoing mail.
        mail: Mail = Mail::default();
        /// The object store, which has the content of assets and backups.
        objects: Objects = Objects::default();
        /// Transport security of the gRPC listener.
        tls: Tls = Tls::default();
        /// How the domains of tenants are checked.
        domains: Domains = Domains::default();
        /// Access and refresh tokens.
        tokens: Tokens = Tokens::default();
        /// How the keys of identity providers are fetched.
        identity: Identity = Identity::default();
        /// Long work in the background.
        operations: Operations = Operations::default();
        /// Repeated requests.
        requests: Requests = Requests::default();
        /// Logs, traces and metrics.
        telemetry: Telemetry = Telemetry::default();
        /// The first operator, made when the database is empty.
        initial_operator: InitialOperator = InitialOperator::default();
        /// How passwords are hashed. Stored hashes keep the figures that they were made with.
        argon2: Argon2 = Argon2::default();
    }

    /// The database.
    Database {
        /// Where it is, for the role `landlord_app`: `postgres://landlord_app:…@host/landlord`. Required, here or by
        /// `database.url_file`.
        url: Secret = Secret::default();
        /// File to read `database.url` from.
        url_file: Option<PathBuf> = None;
        /// File with the certificates of who vouches for the database, as PEM. With it, or with `sslmode=require` in the
        /// connection string (then the system's authorities count), connections are encrypted and verified.
        ca_file: Option<PathBuf> = None;
        /// How many connections a replica has in its pool at most. Beside these it has up to three for leases and notices, four for
        /// backups and restores, and two for previews of restores.
        pool_size: usize = 16;
        /// Where it is for the role that migrates.
        migration_url: Option<Secret> = None;
        /// File to read `database.migration_url` from.
        migration_url_file: Option<PathBuf> = None;
    }

    /// Outgoing mail. Without `mail.smtp.host` and `mail.folder` mails wait as operations.
    Mail {
        /// Address that mails come from, with or without a name: `Landlord <landlord@example.com>`.
        from: String = "landlord@localhost".into();
        /// Folder to write mails to as files, for development and tests, in place of a mail server.
        folder: Option<PathBuf> = None;
        /// The server that takes mails.
        smtp: Smtp = Smtp::default();
    }

    /// The server that takes mails, by SMTP.
    Smtp {
        /// Its name or address.
        host: Option<String> = None;
        /// Its port. Without one, 587 with `starttls`, 465 with `tls`, and 25 with `none`.
        port: Option<u16> = None;
        /// How the connection is encrypted: `starttls` asks for it and goes no further without, `tls` begins with it, `none`
        /// is for a relay on the same machine.
        tls: SmtpTls = SmtpTls::StartTls;
        /// Name to log in with. Without one, nobody logs in.
        user_name: Option<String> = None;
        /// File with the password that goes with it, read anew for each mail.
        password_file: Option<PathBuf> = None;
        /// File with the certificates of who vouches for the server, as PEM. Without one, the system's authorities count.
        ca_file: Option<PathBuf> = None;
        /// How long handing over one mail may take in all, in seconds, from connecting to the last answer.
        timeout_seconds: u64 = 30;
    }

    /// The object store, which has the content of assets and backups. All of it is sealed with a key of its tenant, and these keys,
    /// which are there as well, with the root key.
    Objects {
        /// Where it is: `file:///var/lib/landlord`, a folder that all replicas share, or `s3://bucket/path`. Required. It must refuse to
        /// write over what is there when it is told to; one that does not is not used.
        url: String = String::new();
        /// How to reach S3.
        s3: S3 = S3::default();
        /// How long one request to a store may take, in seconds.
        timeout_seconds: u64 = 60;
        /// How long an upload that does not go on is kept, in hours. It takes from the tenant's quota meanwhile.
        upload_hours: u64 = 24;
        /// How long content stays that nothing has any more, in seconds, for those who still read it.
        keep_unused_seconds: u64 = 900;
        /// A second object store. Backups are copied to it, sealed as they are, with all that they refer to; without it they are
        /// snapshots, and what is lost with the first store is lost. What only that has lost is read here, and put back. Whoever takes
        /// a second store out of use empties it: else what is deleted later stays there.
        second: Second = Second::default();
    }

    /// A second object store.
    Second {
        /// Where it is: as `objects.url`, and another store than that.
        url: Option<String> = None;
        /// How to reach S3.
        s3: S3 = S3::default();
    }

    /// How to reach an S3 service, for a `url` that begins with `s3://`. What is not set here is taken from the variables
    /// that AWS has for it.
    S3 {
        /// Its address, such as `https://minio.example.com`. Without one, that of AWS in the region.
        endpoint: Option<String> = None;
        /// The region.
        region: Option<String> = None;
        /// Who asks. Without it and its secret, the identity that the machine or the pod has.
        access_key_id: Option<String> = None;
        /// File with the secret that goes with it.
        secret_access_key_file: Option<PathBuf> = None;
        /// File with the certificates of who vouches for the service, as PEM. Without one, the system's authorities count.
        ca_file: Option<PathBuf> = None;
    }

    /// Transport security of the gRPC listener. Without a certificate it speaks plain HTTP/2. The files are read anew when they change;
    /// connections that are open stay as they are, and of files that can't be used the log tells.
    Tls {
        /// File with the certificate chain, as PEM.
        cert_file: Option<PathBuf> = None;
        /// File with the certificate's private key, as PEM.
        key_file: Option<PathBuf> = None;
        /// File with the certificates of who vouches for client certificates, as PEM. With it, services may show a certificate that has
        /// their SPIFFE id, in place of an API key; who shows none calls as without it.
        client_ca_file: Option<PathBuf> = None;
        /// How often the files are looked at for changes, in seconds.
        reload_seconds: u64 = 10;
    }

    /// How the domains of tenants are checked: that their TXT record is there, and that they show a certificate that holds.
    Domains {
        /// Addresses of the name servers to ask, with ports where they are not 53, separated by commas. Without any, those of the
        /// system.
        name_servers: NameServers = NameServers::default();
        /// Port on which a domain has to show its certificate.
        tls_port: u16 = 443;
        /// File with the certificates of who vouches for domains, as PEM. Without one, the system's authorities count.
        ca_file: Option<PathBuf> = None;
        /// How long a name server, and then the domain, is given to answer, in milliseconds.
        timeout_ms: u64 = 5_000;
        /// How often a domain that works is checked again, in seconds; up to a fifth sooner, at the next housekeeping.
        check_seconds: u64 = 3_600;
        /// The same for a domain that does not work, or of which the last check told nothing since nobody answered.
        recheck_seconds: u64 = 300;
        /// How many domains a replica checks in one round of housekeeping at most.
        checks_per_round: usize = 200;
        /// A domain that works is not operational any more when so many checks in a row got no answer,
        silent_checks: i32 = 3;
        /// and this many seconds have passed since the first of them. What is found to be wrong counts at once.
        silent_seconds: u64 = 900;
    }

    /// Access and refresh tokens.
    Tokens {
        /// Who issues them (`iss`).
        issuer: String = "landlord".into();
        /// For whom they are (`aud`).
        audience: String = "landlord".into();
        /// How long an access token is valid, in seconds.
        access_seconds: u64 = 300;
        /// How long a session lasts without being refreshed, in seconds.
        refresh_seconds: u64 = 30 * 24 * 3600;
        /// How long a refresh token that was used may come again, in seconds; a lost answer must not end a session.
        refresh_grace_seconds: u64 = 10;
    }

    /// How the keys of identity providers are fetched. A token that names a key which is not known makes them be fetched, too.
    Identity {
        /// File with the certificates of who vouches for identity providers, as PEM. Without one, the system's authorities count.
        ca_file: Option<PathBuf> = None;
        /// How long a provider is given to answer, in milliseconds; twice that where the address of its keys is asked for first.
        timeout_ms: u64 = 3_000;
        /// How long keys count before they are fetched anew, in seconds. A key that its provider withdraws counts for so long.
        keys_seconds: u64 = 300;
        /// For how long keys count when a provider can't be reached, in seconds.
        keys_keep_seconds: u64 = 3_600;
        /// How much time there is between two fetches of the keys of one provider at least, in seconds, however many tokens name
        /// unknown keys.
        refetch_seconds: u64 = 10;
    }

    /// Long work in the background.
    Operations {
        /// How long a claim is good without a sign of life, in milliseconds.
        lease_ms: u64 = 10_000;
        /// How often a worker gives a sign of life, in milliseconds. Less than half of the lease.
        heartbeat_ms: u64 = 3_000;
        /// How often an idle worker looks for work, in milliseconds.
        poll_ms: u64 = 250;
        /// How many operations a replica works on at the same time. 0: it only serves, and others do the work.
        workers: usize = 4;
        /// How often a step is tried before the operation fails.
        max_attempts: u32 = 10;
        /// How long to wait before the second attempt, in milliseconds.
        retry_base_ms: u64 = 500;
        /// How long to wait between attempts at most, in milliseconds.
        retry_max_ms: u64 = 60_000;
    }

    /// Repeated requests.
    Requests {
        /// How long the result of a request id is kept, in hours.
        repeat_hours: u64 = 24;
    }

    /// Logs, traces and metrics.
    Telemetry {
        /// Where traces and metrics are sent by OTLP over gRPC, such as `http://collector:4317`. Without one, nowhere.
        otlp_endpoint: Option<String> = None;
        /// Which part of the traces that begin here is sent: 0 is none, 1 is all.
        sample_ratio: f64 = 0.01;
        /// How log lines look: `text` or `json`.
        log_format: LogFormat = LogFormat::Text;
        /// Which log lines are written, by level and module, as in `info,landlord=debug`.
        log_filter: String = "info".into();
    }

    /// The first operator, made when the database is empty.
    InitialOperator {
        /// The name to log in with.
        user_name: String = "operator".into();
        /// File with the first password.
        password_file: Option<PathBuf> = None;
    }

    /// How passwords are hashed.
    Argon2 {
        /// Memory of one hash, in KiB. Hashes that were made otherwise still fit, up to 131072 KiB and 64 passes.
        memory_kib: u32 = 19_456;
        /// Passes over that memory.
        iterations: u32 = 2;
        /// How many hashes are computed at the same time.
        concurrency: usize = 2;
    }
}

/// How the connection to the mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// Not at all.
    None,
    /// From STARTTLS on.
    StartTls,
    /// From the first byte on.
    Tls,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}
