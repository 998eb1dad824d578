//! What types can't say: bounds, and options that need each other.

use super::{Config, ConfigError, Domains, Identity, Mail, Objects, S3, SmtpTls};

impl Config {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let web = ["http://", "https://"].iter().any(|scheme| self.public_url.starts_with(scheme));
        wrong_if(!web, "public_url", "must begin with http:// or https://")?;
        wrong_if(self.housekeeping_seconds == 0, "housekeeping_seconds", "must be 1 or more")?;
        wrong_if(self.database.pool_size == 0, "database.pool_size", "must be 1 or more")?;

        let tls = &self.tls;
        wrong_if(tls.cert_file.is_some() && tls.key_file.is_none(), "tls.key_file", "is required with tls.cert_file")?;
        wrong_if(tls.key_file.is_some() && tls.cert_file.is_none(), "tls.cert_file", "is required with tls.key_file")?;

        wrong_if(
            tls.client_ca_file.is_some() && tls.cert_file.is_none(),
            "tls.client_ca_file",
            "needs tls.cert_file and tls.key_file",
        )?;
        wrong_if(tls.reload_seconds == 0, "tls.reload_seconds", "must be 1 or more")?;

        validate_mail(&self.mail)?;
        validate_objects(&self.objects)?;
        validate_domains(&self.domains)?;
        validate_identity(&self.identity)?;

        let tokens = &self.tokens;
        wrong_if(tokens.issuer.is_empty(), "tokens.issuer", "must not be empty")?;
        wrong_if(tokens.audience.is_empty(), "tokens.audience", "must not be empty")?;
        let hour = 3600;
        wrong_if(!(1..=hour).contains(&tokens.access_seconds), "tokens.access_seconds", "must be from 1 to 3600")?;
        wrong_if(
            tokens.refresh_seconds <= tokens.access_seconds,
            "tokens.refresh_seconds",
            "must be more than tokens.access_seconds",
        )?;

        let operations = &self.operations;
        wrong_if(operations.heartbeat_ms == 0, "operations.heartbeat_ms", "must be 1 or more")?;
        wrong_if(
            operations.heartbeat_ms.saturating_mul(2) >= operations.lease_ms,
            "operations.heartbeat_ms",
            "must be less than half of operations.lease_ms",
        )?;
        wrong_if(operations.poll_ms == 0, "operations.poll_ms", "must be 1 or more")?;
        wrong_if(operations.max_attempts == 0, "operations.max_attempts", "must be 1 or more")?;
        wrong_if(
            operations.retry_max_ms < operations.retry_base_ms,
            "operations.retry_max_ms",
            "must not be less than operations.retry_base_ms",
        )?;

        wrong_if(self.requests.repeat_hours == 0, "requests.repeat_hours", "must be 1 or more")?;
        let part = 0.0..=1.0;
        wrong_if(!part.contains(&self.telemetry.sample_ratio), "telemetry.sample_ratio", "must be from 0 to 1")?;
        wrong_if(self.initial_operator.user_name.is_empty(), "initial_operator.user_name", "must not be empty")?;
        wrong_if(self.argon2.memory_kib < 8, "argon2.memory_kib", "must be 8 or more")?;
        wrong_if(self.argon2.iterations == 0, "argon2.iterations", "must be 1 or more")?;
        wrong_if(self.argon2.concurrency == 0, "argon2.concurrency", "must be 1 or more")
    }
}

const REQUIRED: &str = "is required and not set";

impl Config {
    /// That what a server can't do without is there. The other commands need less.
    pub fn check_serving(&self) -> Result<(), ConfigError> {
        wrong_if(self.database.url.is_empty(), "database.url", REQUIRED)?;
        self.check_objects()
    }

    /// That what nobody reads the object stores without is there.
    pub fn check_objects(&self) -> Result<(), ConfigError> {
        wrong_if(self.root_key_file.as_os_str().is_empty(), "root_key_file", REQUIRED)?;
        wrong_if(self.objects.url.is_empty(), "objects.url", REQUIRED)
    }
}

fn validate_mail(mail: &Mail) -> Result<(), ConfigError> {
    let smtp = &mail.smtp;
    if smtp.host.is_none() {
        let needs_host = "needs mail.smtp.host";
        wrong_if(smtp.port.is_some(), "mail.smtp.port", needs_host)?;
        wrong_if(smtp.user_name.is_some(), "mail.smtp.user_name", needs_host)?;
        wrong_if(smtp.password_file.is_some(), "mail.smtp.password_file", needs_host)?;
        wrong_if(smtp.ca_file.is_some(), "mail.smtp.ca_file", needs_host)?;
    }
    wrong_if(
        smtp.host.is_some() && mail.folder.is_some(),
        "mail.folder",
        "must not be set together with mail.smtp.host",
    )?;
    let (named, secret) = (smtp.user_name.is_some(), smtp.password_file.is_some());
    wrong_if(named && !secret, "mail.smtp.password_file", "is required with mail.smtp.user_name")?;
    wrong_if(secret && !named, "mail.smtp.user_name", "is required with mail.smtp.password_file")?;
    let plain = smtp.tls == SmtpTls::None;
    wrong_if(
        plain && named,
        "mail.smtp.tls",
        "must not be none with mail.smtp.user_name: anybody could read the password",
    )?;
    wrong_if(plain && smtp.ca_file.is_some(), "mail.smtp.tls", "must not be none with mail.smtp.ca_file")?;
    wrong_if(smtp.port == Some(0), "mail.smtp.port", "must be 1 or more")?;
    wrong_if(!(1..=600).contains(&smtp.timeout_seconds), "mail.smtp.timeout_seconds", "must be from 1 to 600")
}

fn validate_objects(objects: &Objects) -> Result<(), ConfigError> {
    let known = |url: &str| url.is_empty() || url.starts_with("file:///") || url.starts_with("s3://");
    let (no_store, another) = ("must begin with file:/// or s3://", "must be another store than objects.url");
    wrong_if(!known(&objects.url), "objects.url", no_store)?;
    validate_s3(&objects.s3, ["objects.s3.access_key_id", "objects.s3.secret_access_key_file"])?;
    wrong_if(!(1..=600).contains(&objects.timeout_seconds), "objects.timeout_seconds", "must be from 1 to 600")?;
    wrong_if(objects.upload_hours == 0, "objects.upload_hours", "must be 1 or more")?;
    let (second, s3) = (&objects.second.url, &objects.second.s3);
    wrong_if(!second.as_deref().is_none_or(known), "objects.second.url", no_store)?;
    let same = second.as_ref() == Some(&objects.url) && s3.endpoint == objects.s3.endpoint;
    wrong_if(same, "objects.second.url", another)?;
    validate_s3(s3, ["objects.second.s3.access_key_id", "objects.second.s3.secret_access_key_file"])
}

fn validate_s3(s3: &S3, [id, secret_file]: [&'static str; 2]) -> Result<(), ConfigError> {
    let (named, secret) = (s3.access_key_id.is_some(), s3.secret_access_key_file.is_some());
    wrong_if(named && !secret, secret_file, "is required with the access_key_id")?;
    wrong_if(secret && !named, id, "is required with the secret_access_key_file")
}

fn validate_domains(domains: &Domains) -> Result<(), ConfigError> {
    let positive = "must be 1 or more";
    wrong_if(domains.tls_port == 0, "domains.tls_port", positive)?;
    wrong_if(!(1..=60_000).contains(&domains.timeout_ms), "domains.timeout_ms", "must be from 1 to 60000")?;
    wrong_if(domains.check_seconds == 0, "domains.check_seconds", positive)?;
    wrong_if(domains.recheck_seconds == 0, "domains.recheck_seconds", positive)?;
    wrong_if(domains.checks_per_round == 0, "domains.checks_per_round", positive)?;
    wrong_if(domains.silent_checks < 1, "domains.silent_checks", positive)
}

fn validate_identity(identity: &Identity) -> Result<(), ConfigError> {
    let Identity { timeout_ms, keys_seconds, keys_keep_seconds, refetch_seconds, .. } = identity;
    wrong_if(!(1..=60_000).contains(timeout_ms), "identity.timeout_ms", "must be from 1 to 60000")?;
    wrong_if(*refetch_seconds == 0, "identity.refetch_seconds", "must be 1 or more")?;
    wrong_if(
        keys_seconds < refetch_seconds,
        "identity.keys_seconds",
        "must not be less than identity.refetch_seconds",
    )?;
    wrong_if(
        keys_keep_seconds < keys_seconds,
        "identity.keys_keep_seconds",
        "must not be less than identity.keys_seconds",
    )
}

fn wrong_if(wrong: bool, option: &'static str, problem: &'static str) -> Result<(), ConfigError> {
    if wrong { Err(ConfigError::Value { option, problem }) } else { Ok(()) }
}
