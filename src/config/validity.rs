//! What types can't say: bounds, and options that need each other.

use super::{Config, ConfigError};

impl Config {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let required = "is required and not set";
        wrong_if(self.root_key_file.as_os_str().is_empty(), "root_key_file", required)?;
        wrong_if(self.database.url.is_empty(), "database.url", required)?;
        let web = ["http://", "https://"].iter().any(|scheme| self.public_url.starts_with(scheme));
        wrong_if(!web, "public_url", "must begin with http:// or https://")?;
        wrong_if(self.database.pool_size == 0, "database.pool_size", "must be 1 or more")?;

        let tls = &self.tls;
        wrong_if(tls.cert_file.is_some() && tls.key_file.is_none(), "tls.key_file", "is required with tls.cert_file")?;
        wrong_if(tls.key_file.is_some() && tls.cert_file.is_none(), "tls.cert_file", "is required with tls.key_file")?;

        let tokens = &self.tokens;
        wrong_if(tokens.issuer.is_empty(), "tokens.issuer", "must not be empty")?;
        wrong_if(tokens.audience.is_empty(), "tokens.audience", "must not be empty")?;
        wrong_if(tokens.access_seconds == 0, "tokens.access_seconds", "must be 1 or more")?;
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

fn wrong_if(wrong: bool, option: &'static str, problem: &'static str) -> Result<(), ConfigError> {
    if wrong { Err(ConfigError::Value { option, problem }) } else { Ok(()) }
}
