//! A copy of the code with all mutants in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use proc_macro2::{TokenStream, TokenTree};

use super::Code;

/// Which mutant of the code is to be, by its number. What begins with LANDLORD_ is an option, and one that is unknown ends the program.
pub const CODE: &str = "MUTANT";
/// What is to be done to the database that all tests' databases are copies of.
pub const DATABASE: &str = "MUTANT_SQL";

const SWITCH: &str = "//! Which mutant is to be.

/// Whether it is that one.
pub fn on(number: usize) -> bool {
    std::env::var(\"MUTANT\").is_ok_and(|named| named == number.to_string())
}
";

/// Behind it the database is changed.
const MIGRATED: &str =
    "migrate::migrate(&url(cluster, \"template_landlord\", \"landlord_owner\").into()).await.unwrap();";

const MUTATE: &str = "
    if let Ok(sql) = std::env::var(\"MUTANT_SQL\") {
        connect(&cluster.superuser_url(\"template_landlord\")).await.batch_execute(&sql).await.unwrap();
        let left = \"SELECT FROM pg_stat_activity WHERE datname = 'template_landlord'\";
        while !admin.query(left, &[]).await.unwrap().is_empty() {}
    }";

/// Processes are the same mutant as the tests that start them.
const PASS_ON: &str = ".envs(std::env::vars().filter(|(name, _)| name == \"MUTANT\"))";

/// The copy.
pub struct Tree(PathBuf);

impl Tree {
    /// One in the target folder, with these mutants. Of the one before only what was built of the dependencies stays.
    pub fn with(mutants: &[Code]) -> Self {
        let (from, to) = (Path::new(env!("CARGO_MANIFEST_DIR")), target().join("mutants"));
        for folder in ["src", "tests", "migrations", "proto", "benches"] {
            std::fs::remove_dir_all(to.join(folder)).ok();
        }
        let listed = Command::new("git")
            .args(["ls-files", "-co", "--exclude-standard", "-z"])
            .current_dir(from)
            .output()
            .unwrap();
        for file in String::from_utf8(listed.stdout).unwrap().split_terminator('\0') {
            let Ok(content) = std::fs::read(from.join(file)) else { continue };
            let content = match file {
                "src/lib.rs" => [content, b"\n#[allow(missing_docs)]\npub mod mutants;\n".to_vec()].concat(),
                "tests/support/database.rs" => hooked(file, content, MIGRATED, MUTATE),
                "tests/support/process.rs" | "tests/support/command.rs" => {
                    hooked(file, content, ".env_clear()", PASS_ON)
                }
                _ => with_mutants(file, content, mutants),
            };
            write(&to.join(file), &content);
        }
        write(&to.join("src/mutants.rs"), SWITCH.as_bytes());
        Self(to)
    }

    /// Builds its tests; gives the program.
    pub async fn build(&self) -> PathBuf {
        let mut cargo = tokio::process::Command::new(env!("CARGO"));
        cargo.args([
            "test",
            "--locked",
            "--features",
            "failpoints",
            "--test",
            "all",
            "--no-run",
            "--message-format",
            "json",
        ]);
        cargo.current_dir(&self.0).env("CARGO_TARGET_DIR", self.0.join("target")).stderr(Stdio::inherit());
        let output = cargo.output().await.unwrap();
        assert!(output.status.success(), "the mutants don't compile: {}", String::from_utf8_lossy(&output.stdout));
        let messages = output.stdout.split(|byte| *byte == b'\n');
        let messages = messages.filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok());
        let program = messages
            .filter(|message| message["target"]["name"] == "all")
            .find_map(|message| message["executable"].as_str().map(PathBuf::from));
        program.expect("cargo says where the tests are")
    }
}

/// Each mutant of the code still has its place there.
pub fn check(mutants: &[Code]) {
    for file in mutants.iter().map(|mutant| mutant.file.as_str()).collect::<BTreeSet<_>>() {
        with_mutants(file, std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap(), mutants);
    }
}

/// Where this run's programs are.
fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(3).unwrap().to_owned()
}

fn write(file: &Path, content: &[u8]) {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, content).unwrap();
}

fn with_mutants(file: &str, content: Vec<u8>, mutants: &[Code]) -> Vec<u8> {
    let of_file: Vec<_> = mutants.iter().enumerate().filter(|(_, mutant)| mutant.file == file).collect();
    if of_file.is_empty() {
        return content;
    }
    let mut source = String::from_utf8(content).unwrap();
    let mut places: BTreeMap<(usize, usize), Place> = BTreeMap::new();
    for (number, Code { name, after, text, instead, .. }) in of_file {
        let start = after.as_ref().map_or(Some(0), |after| source.find(after.as_str()));
        let start = start.unwrap_or_else(|| panic!("{name}: {file} has no {after:?}"));
        let at = source[start..].find(text.as_str()).unwrap_or_else(|| panic!("{name}: {file} has no {text}"));
        let begin = start + at;
        let place = places.entry((begin, begin + text.len())).or_insert_with(|| Place {
            name,
            after: after.as_deref(),
            code: text.clone(),
        });
        assert_eq!(place.after, after.as_deref(), "{name}: has the place of `{}`", place.name);
        place.code = match instead {
            Some(instead) => format!("(if crate::mutants::on({number}) {{ {instead} }} else {{ {} }})", place.code),
            None => format!("if !crate::mutants::on({number}) {{ {} }}", place.code),
        };
    }
    // From the last one to the first: so each place is where it was found.
    let mut behind = source.len();
    for ((begin, end), Place { name, code, .. }) in places.into_iter().rev() {
        assert!(end <= behind, "{name}: another one begins in its place");
        source.replace_range(begin..end, &code);
        behind = begin;
        if let Err(error) = syn::parse_file(&source) {
            panic!("{name}: is no statement and no expression where it stands: {error}");
        }
        assert!(!has_switch_in_text(source.parse().unwrap()), "{name}: stands in a text, where nothing is switched");
    }
    source.into_bytes()
}

/// Where one or more mutants of the same text stand.
struct Place<'a> {
    /// The first of them.
    name: &'a str,
    after: Option<&'a str>,
    /// The text, with its switches.
    code: String,
}

fn has_switch_in_text(source: TokenStream) -> bool {
    source.into_iter().any(|token| match token {
        TokenTree::Group(group) => has_switch_in_text(group.stream()),
        TokenTree::Literal(text) => text.to_string().contains("mutants::on("),
        _ => false,
    })
}

fn hooked(file: &str, content: Vec<u8>, place: &str, hook: &str) -> Vec<u8> {
    let source = String::from_utf8(content).unwrap();
    assert!(source.contains(place), "{file} has no {place}");
    source.replace(place, &format!("{place}{hook}")).into_bytes()
}
