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
    let is_section = |(name, _): &&Documented| SECTIONS.iter().any(|(section, _)| section == name);
    let plain: Vec<_> = Config::OPTIONS.iter().filter(|option| !is_section(option)).copied().collect();
    table(&mut page, "", &plain, &defaults)?;
    for (name, lines) in Config::OPTIONS.iter().filter(is_section) {
        let options = SECTIONS.iter().find(|(section, _)| section == name).map_or(&[][..], |(_, options)| options);
        write!(page, "\n## {name}\n\n{}\n", joined(lines))?;
        table(&mut page, &format!("{name}."), options, &defaults[name])?;
    }
    Ok(page)
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
