//! Where options come from besides the file: the environment, and flags.

use figment::value::{Dict, Map, Value};
use figment::{Error, Metadata, Profile, Provider};

/// What every variable begins with.
pub(super) const PREFIX: &str = "LANDLORD_";

/// Names the file itself, so it can't be an option in it; and where tests make the process die or stop.
const NO_OPTIONS: [&str; 3] = ["LANDLORD_CONFIG", "LANDLORD_KILL_AT", "LANDLORD_STOP_AT"];

/// Options as pairs of a path and a text; [`figment`] makes numbers and switches of texts where such are wanted.
pub(super) struct Pairs {
    origin: &'static str,
    pairs: Vec<(Vec<String>, String)>,
}

impl Pairs {
    /// What figment calls those from the environment.
    pub(super) const ENVIRONMENT: &'static str = "environment";
    /// What figment calls those from flags.
    pub(super) const FLAGS: &'static str = "flags";

    /// `LANDLORD_DATABASE__POOL_SIZE` is `database.pool_size`.
    pub(super) fn from_environment(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let option = |(name, value): (String, String)| {
            let ours = !NO_OPTIONS.contains(&name.as_str()) && !is_service_link(&name);
            let path = name.strip_prefix(PREFIX).filter(|_| ours)?;
            Some((path.to_lowercase().split("__").map(str::to_owned).collect(), value))
        };
        Self { origin: Self::ENVIRONMENT, pairs: variables.into_iter().filter_map(option).collect() }
    }

    /// Flags name options as the file does: `database.pool_size`.
    pub(super) fn from_flags(flags: &[(&str, String)]) -> Self {
        let option = |(key, value): &(&str, String)| (key.split('.').map(str::to_owned).collect(), value.clone());
        Self { origin: Self::FLAGS, pairs: flags.iter().map(option).collect() }
    }
}

/// The variable that sets an option.
pub(super) fn variable(option: &str) -> String {
    format!("{PREFIX}{}", option.replace('.', "__").to_uppercase())
}

/// Kubernetes gives every pod variables such as `LANDLORD_PORT_50051_TCP` for a service that is called `landlord`.
fn is_service_link(name: &str) -> bool {
    let numbered = name.split_once("_PORT_").is_some_and(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()));
    // An option of that name stands in a section.
    let port = name.ends_with("_PORT") && !name.ends_with("__PORT");
    numbered || port || name.contains("_SERVICE_HOST") || name.contains("_SERVICE_PORT")
}

impl Provider for Pairs {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let mut options = Dict::new();
        for (path, value) in &self.pairs {
            insert(&mut options, path, value);
        }
        Ok(Profile::Default.collect(options))
    }
}

fn insert(options: &mut Dict, path: &[String], value: &str) {
    match path {
        [] => {}
        [last] => {
            options.insert(last.clone(), Value::from(value));
        }
        [first, rest @ ..] => {
            let section = options.entry(first.clone()).or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, section) = section {
                insert(section, rest, value);
            }
        }
    }
}
