//! The handbook's page of options, made from the comments in `options.rs`.

use std::fmt::{self, Write as _};

use serde_json::Value;

use super::options::{Config, Documented, SECTIONS};
use super::sources::variable;

/// `docs/configuration.md`.
pub fn document() -> Result<String, fmt::Error> {
    let defaults = serde_json::to_value(Config::default()).unwrap_or_default();
    let mut page = String::from(
        "# Configuration\n\n\
         Options come from a TOML file, from variables of the environment, and from flags; the later wins. A wrong option is\n\
         an error that names it. `landlord config` prints what is in force, secrets hidden. This page is made from\n\
         `src/config/options.rs`.\n",
    );
    section(&mut page, "", Config::OPTIONS, &defaults)?;
    Ok(page)
}

/// The table of a section's options, then the sections in it.
fn section(page: &mut String, prefix: &str, options: &[Documented], defaults: &Value) -> fmt::Result {
    let inner = |name: &str| SECTIONS.iter().find(|(section, _)| *section == format!("{prefix}{name}"));
    let plain: Vec<_> = options.iter().filter(|(name, _)| inner(name).is_none()).copied().collect();
    table(page, prefix, &plain, defaults)?;
    for (name, lines) in options {
        let Some((path, options)) = inner(name) else { continue };
        write!(page, "\n## {path}\n\n{}\n", joined(lines))?;
        section(page, &format!("{path}."), options, &defaults[name])?;
    }
    Ok(())
}

fn table(page: &mut String, prefix: &str, options: &[Documented], defaults: &Value) -> fmt::Result {
    writeln!(page, "\n| option | variable | default | meaning |\n| --- | --- | --- | --- |")?;
    for (name, lines) in options {
        let default = match &defaults[name] {
            Value::Null => String::new(),
            Value::String(text) if text.is_empty() => String::new(),
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        };
        let option = format!("{prefix}{name}");
        writeln!(page, "| `{option}` | `{}` | {default} | {} |", variable(&option), joined(lines))?;
    }
    Ok(())
}

fn joined(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}
