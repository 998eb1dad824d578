//! The configuration: a TOML file, then `LANDLORD_…` variables, then flags, each over the one before.
//!
//! An option that doesn't exist or can't be right is an error that names it and where it came from. Secrets can come from
//! files, and are hidden wherever the configuration is shown.

mod document;
mod options;
mod secret;
mod sources;
mod validity;

use std::path::{Path, PathBuf};

use figment::error::Kind;
use figment::providers::{Format as _, Toml};
use figment::{Figment, Metadata};

pub use self::document::document;
pub use self::options::{
    Argon2, Config, Database, Domains, Identity, InitialOperator, LogFormat, Mail, Objects, Operations, Requests, S3,
    Smtp, SmtpTls, Telemetry, Tls, Tokens,
};
pub use self::secret::Secret;
use self::sources::{Pairs, variable};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file can't be read: the configuration's own, or one that an option names.
    #[error("can't read {path}{}: {source}", .option.map(|o| format!(", which {o} names")).unwrap_or_default())]
    File {
        /// The file.
        path: PathBuf,
        /// The option that names it; none for the configuration's own.
        option: Option<&'static str>,
        /// What the system says.
        source: std::io::Error,
    },
    /// A source says something that can't be understood.
    #[error("{origin}: {option}: {problem}")]
    Option {
        /// The option, or the file where it can't be read as TOML.
        option: String,
        /// The file, the variable, or that it is a flag.
        origin: String,
        /// What is wrong, and what there is instead.
        problem: String,
    },
    /// A value is out of bounds, or missing.
    #[error("{option} {problem} (in the file, as {}, or as a flag)", variable(.option))]
    Value {
        /// The option.
        option: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// An option and its file are both given.
    #[error("{option} and {option}_file are both set; one is enough")]
    Twice {
        /// The option.
        option: &'static str,
    },
    /// It can't be shown.
    #[error("can't write the configuration as TOML: {0}")]
    Render(#[from] toml::ser::Error),
}

impl Config {
    /// Reads the file, if there is one, and the process's environment; `flags` name options as the file does.
    pub fn load(file: Option<&Path>, flags: &[(&str, String)]) -> Result<Self, ConfigError> {
        let text = |text: std::ffi::OsString| text.into_string().ok();
        let variables = std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?)));
        Self::from_sources(file, variables, flags)
    }

    /// As [`Config::load`], with an environment that is given.
    pub fn from_sources(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
        flags: &[(&str, String)],
    ) -> Result<Self, ConfigError> {
        let mut sources = Figment::new();
        if let Some(path) = file {
            // figment takes a missing file for an empty one.
            let text = read(path, None)?;
            sources = sources.merge(Named { file: path, toml: Toml::string(&text) });
        }
        sources = sources.merge(Pairs::from_environment(variables)).merge(Pairs::from_flags(flags));
        let mut config: Self = sources.extract_lossy().map_err(|error| explained(error, &sources))?;
        config.forget_empty();
        config.read_secrets()?;
        config.validate()?;
        Ok(config)
    }

    /// What is in force, as TOML; secrets are hidden.
    pub fn render(&self) -> Result<String, ConfigError> {
        Ok(toml::to_string(self)?)
    }

    /// An empty text takes back what an earlier source says.
    fn forget_empty(&mut self) {
        self.mail.folder.take_if(|folder| folder.as_os_str().is_empty());
        self.mail.smtp.host.take_if(|host| host.is_empty());
        self.objects.second.url.take_if(|url| url.is_empty());
    }

    fn read_secrets(&mut self) -> Result<(), ConfigError> {
        let database = &mut self.database;
        if let Some(path) = &database.url_file {
            let option = "database.url";
            if !database.url.is_empty() {
                return Err(ConfigError::Twice { option });
            }
            database.url = secret(path, "database.url_file")?;
        }
        if let Some(path) = &database.migration_url_file {
            if database.migration_url.is_some() {
                return Err(ConfigError::Twice { option: "database.migration_url" });
            }
            database.migration_url = Some(secret(path, "database.migration_url_file")?);
        }
        Ok(())
    }
}

fn read(path: &Path, option: Option<&'static str>) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::File { path: path.to_owned(), option, source })
}

/// Editors end files with a newline that no secret has.
fn secret(path: &Path, option: &'static str) -> Result<Secret, ConfigError> {
    Ok(read(path, Some(option))?.trim_end_matches(['\r', '\n']).to_owned().into())
}

/// figment's TOML, with the name of the file that its text came from.
struct Named<'a> {
    file: &'a Path,
    toml: figment::providers::Data<Toml>,
}

impl figment::Provider for Named<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.file.display().to_string())
    }

    fn data(&self) -> Result<figment::value::Map<figment::Profile, figment::value::Dict>, figment::Error> {
        self.toml.data()
    }
}

fn explained(error: figment::Error, sources: &Figment) -> ConfigError {
    let (mut option, problem) = (error.path.join("."), &error.kind);
    let problem = match problem {
        Kind::UnknownField(name, known) => {
            if error.path.last() != Some(name) {
                option = if option.is_empty() { name.clone() } else { format!("{option}.{name}") };
            }
            format!("there is no such option; there are {}", known.join(", "))
        }
        other => other.to_string(),
    };
    let metadata = sources.find_metadata(&option).or(error.metadata.as_ref());
    let origin = match metadata.map(|metadata| metadata.name.as_ref()) {
        Some(Pairs::ENVIRONMENT) => format!("environment variable {}", variable(&option)),
        Some(Pairs::FLAGS) => "flag".to_owned(),
        Some(file) => file.to_owned(),
        None => "configuration".to_owned(),
    };
    ConfigError::Option { option: if option.is_empty() { "TOML".to_owned() } else { option }, origin, problem }
}

#[cfg(test)]
mod tests;
