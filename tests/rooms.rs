//! The house rules of `src/`: which room may name which, and who alone speaks to Postgres, tonic and the like.
//!
//! The order of the rooms is that of `src/lib.rs`: each room imports only what stands above it in that list.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// May be named from everywhere, for it does nothing in a release.
const FREE: &str = "failpoints";

/// The rooms from the bottom up.
pub fn rooms() -> Vec<String> {
    let listed = text(&root().join("src/lib.rs"));
    let mut rooms: Vec<String> =
        listed.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).map(String::from).collect();
    rooms.push("main".into());
    rooms
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn files_below(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path, ending));
        } else if path.to_str().unwrap().ends_with(ending) {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// A source file, with its comments and string literals blanked so that only code is left, line by line.
struct Source {
    /// From `src/`, such as `store/tx.rs`.
    path: String,
    code: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.into(), code: code_of(text) }
    }

    fn all() -> Vec<Self> {
        let src = root().join("src");
        let files = files_below(&src, ".rs").into_iter();
        files.map(|file| Self::new(file.strip_prefix(&src).unwrap().to_str().unwrap(), &text(&file))).collect()
    }

    /// The modules that lead to it; the first is its room.
    fn modules(&self) -> Vec<&str> {
        let mut modules: Vec<_> = self.path.trim_end_matches(".rs").split('/').collect();
        if modules.last() == Some(&"mod") {
            modules.pop();
        }
        modules
    }

    fn room(&self) -> &str {
        self.modules()[0]
    }

    fn line(&self, offset: usize) -> usize {
        self.code[..offset].matches('\n').count() + 1
    }

    /// The code that is no test.
    fn shipped(&self) -> &str {
        let test = self.path.ends_with("tests.rs") || self.path.ends_with("testing.rs");
        if test { "" } else { self.code.split("#[cfg(test)]").next().unwrap_or_default() }
    }

    /// The places where the crate's root is named, with what is named there.
    fn named(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        let from_outside = self.path == "main.rs";
        for prefix in
            [if from_outside { "landlord::" } else { "crate::" }.to_owned(), "super::".repeat(self.modules().len())]
        {
            for (at, _) in self.code.match_indices(&prefix) {
                let before = self.code[..at].chars().next_back().unwrap_or(' ');
                let inside = before.is_alphanumeric() || before == '_' || self.code[..at].ends_with("super::");
                if !inside {
                    found.extend(
                        first_names(&self.code[at + prefix.len()..]).into_iter().map(|name| (self.line(at), name)),
                    );
                }
            }
        }
        found
    }
}

/// `a` of `a::b`, or `a` and `c` of `{a::{x, y}, c}`.
fn first_names(path: &str) -> Vec<String> {
    let name =
        |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(list) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut names, mut depth, mut start) = (Vec::new(), 0, 0);
    for (i, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(name(&list[start..i]));
                start = i + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn code_of(text: &str) -> String {
    let mut code = String::new();
    for line in text.lines() {
        let mut in_string = false;
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '/' if !in_string && chars.peek() == Some(&'/') => break,
                '\\' if in_string => drop(chars.next()),
                // The character literal of a quote begins no string.
                '\'' if !in_string && chars.peek() == Some(&'"') => drop(chars.next()),
                '"' => in_string = !in_string,
                _ if in_string => {}
                c => code.push(c),
            }
        }
        code.push('\n');
    }
    code
}

/// The places where a room names one that does not stand below it.
fn upward_imports(sources: &[Source], rooms: &[String]) -> Vec<String> {
    let place = |room: &str| rooms.iter().position(|known| known == room);
    let mut wrong = Vec::new();
    for source in sources.iter().filter(|source| source.path != "lib.rs") {
        let own = source.room();
        for (line, named) in source.named() {
            // What is no room is a macro of the crate's root, or the file's own `tests` reaching out.
            let Some(there) = place(&named).filter(|_| named != own && named != FREE) else { continue };
            if place(own).is_none_or(|here| there >= here) {
                wrong.push(format!("src/{}:{line}: {own} may not import {named}, which stands above it", source.path));
            }
        }
    }
    wrong
}

/// The places outside of `allowed` where one of the words is named as a path.
fn strangers(sources: &[Source], words: &[&str], allowed: impl Fn(&Source) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| !allowed(source)) {
        for (number, line) in source.shipped().lines().enumerate() {
            let tokens: BTreeSet<_> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            found.extend(
                words
                    .iter()
                    .filter(|w| tokens.contains(**w))
                    .map(|w| format!("src/{}:{}: names {w}", source.path, number + 1)),
            );
        }
    }
    found
}

#[track_caller]
fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn each_room_imports_only_rooms_below_it() {
    assert_none(&upward_imports(&Source::all(), &rooms()));
}

#[test]
fn every_room_has_its_place() {
    let rooms = rooms();
    assert_eq!(rooms.iter().collect::<BTreeSet<_>>().len(), rooms.len());
    for source in Source::all().iter().filter(|source| source.path != "lib.rs") {
        assert!(rooms.iter().any(|room| room == source.room()), "src/{} is in no room of lib.rs", source.path);
    }
}

#[test]
fn an_upward_import_is_found_however_it_is_written() {
    let rooms = rooms();
    for (path, line) in [
        ("domain/user.rs", "use crate::store::users;"),
        ("store/users.rs", "use crate::{domain::{id, user}, app::App};"),
        ("app/tenants/mod.rs", "let kept = crate::grpc::status::kept();"),
        ("ports.rs", "use super::app::App;"),
        ("app/tenants/list.rs", "use super::super::super::boot;"),
        ("domain/name.rs", "pub(in crate::domain) fn f() { $crate::authz::policy::ALL }"),
    ] {
        let text = format!("//! About crate::boot.\n\n// crate::boot\n{line}\n");
        let found = upward_imports(&[Source::new(path, &text)], &rooms);
        assert_eq!(found.len(), 1, "{path}: {line}: {found:?}");
        assert!(found[0].starts_with(&format!("src/{path}:4: ")), "{found:?}");
    }
}

#[test]
fn downward_imports_comments_and_texts_are_let_through() {
    let fine = "//! Not crate::boot.\nuse crate::domain::{id, name};\nuse super::tx::Tx;\nlet s = \"crate::boot\"; // crate::boot\n";
    assert_none(&upward_imports(&[Source::new("store/users.rs", fine)], &rooms()));
}

#[test]
fn only_the_store_speaks_to_postgres() {
    let words = ["diesel", "diesel_async", "diesel_migrations", "deadpool"];
    assert_none(&strangers(&Source::all(), &words, |source| source.room() == "store"));
    // The embedded default makes roles and a database as a superuser, before there is a schema.
    assert_none(&strangers(&Source::all(), &["tokio_postgres"], |source| ["dev", "store"].contains(&source.room())));
}

#[test]
fn the_domain_names_no_machinery() {
    let words = ["tokio", "tonic", "tonic_types", "diesel", "diesel_async", "prost", "prost_types", "async_trait"];
    assert_none(&strangers(&Source::all(), &words, |source| source.room() != "domain"));
}

#[test]
fn only_what_is_served_or_called_over_the_wire_names_tonic_and_prost() {
    let wire = ["grpc", "client", "proto", "telemetry", "boot", "cli", "infra"];
    let words = ["tonic", "tonic_types", "prost", "prost_types"];
    assert_none(&strangers(&Source::all(), &words, |source| wire.contains(&source.room())));
}

#[test]
fn adapters_options_services_and_workers_are_named_only_where_the_house_is_put_together() {
    for (room, readers) in [
        ("infra", &["boot", "dev", "main"][..]),
        ("config", &["boot", "dev", "main", "telemetry"]),
        ("grpc", &["boot"]),
        ("operations", &["boot"]),
        ("proto", &["grpc", "client"]),
    ] {
        for source in Source::all().iter().filter(|source| source.room() != room && !readers.contains(&source.room())) {
            let named = source.named().into_iter().find(|(_, named)| named == room);
            assert!(named.is_none(), "src/{}:{}: only {readers:?} may name {room}", source.path, named.unwrap().0);
        }
    }
}

#[test]
fn the_client_stands_on_the_protos_alone() {
    let sources = Source::all();
    let named: BTreeSet<_> =
        sources.iter().filter(|source| source.room() == "client").flat_map(|source| source.named()).collect();
    let others: Vec<_> = named.iter().filter(|(_, name)| !["proto", "client"].contains(&name.as_str())).collect();
    assert!(others.is_empty() && !named.is_empty(), "{others:?}");
}

/// The places where a status is made, by a constructor of tonic's.
fn statuses_made(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in source.shipped().lines().enumerate() {
        for (at, _) in line.match_indices("Status::") {
            let called: String =
                line[at + "Status::".len()..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            // Variants and constants begin with a capital; from_header_map reads what somebody else made.
            if called.starts_with(|c: char| c.is_lowercase()) && called != "from_header_map" {
                found.push(format!("src/{}:{}: Status::{called}", source.path, number + 1));
            }
        }
    }
    found
}

#[test]
fn only_one_file_makes_statuses() {
    let sources = Source::all();
    let elsewhere: Vec<_> = sources
        .iter()
        .filter(|source| source.path != "grpc/status.rs" && source.room() != "client")
        .flat_map(statuses_made)
        .collect();
    assert_none(&elsewhere);
    let there = sources.iter().find(|source| source.path == "grpc/status.rs").map(statuses_made);
    assert!(there.is_some_and(|made| !made.is_empty()), "grpc/status.rs makes them");
}

#[test]
fn no_file_is_longer_than_one_idea() {
    let mut long = Vec::new();
    for file in ["src", "tests", "build.rs"].map(|name| root().join(name)) {
        let files = if file.is_dir() { files_below(&file, ".rs") } else { vec![file] };
        for file in files {
            // A build script is one file; a third of it is the adapter to tonic's generator.
            let most = if file.ends_with("build.rs") { 470 } else { 400 };
            let lines = text(&file).lines().count();
            if lines > most {
                long.push(format!("{}: {lines} lines, at most {most}", file.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert_none(&long);
}
