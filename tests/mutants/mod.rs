//! Leaves out one policy, check or constraint at a time and wants a test to notice: `make mutants`.
//!
//! The code is built once, in a copy in which each mutant waits for its turn; those of the database are made in the database
//! that all tests' databases are copies of.

mod tree;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;
use tokio::process::Command;

use self::tree::Tree;
use crate::support::database::Database;

/// What the list has.
#[derive(Deserialize)]
struct List {
    code: Vec<Code>,
    database: Vec<Function>,
    catalogue: Catalogue,
}

/// Something left out of the code.
#[derive(Deserialize)]
struct Code {
    name: String,
    file: String,
    after: Option<String>,
    text: String,
    instead: Option<String>,
    noticed_by: String,
}

/// Something left out of a function of the database.
#[derive(Deserialize)]
struct Function {
    name: String,
    function: String,
    text: String,
    instead: String,
    noticed_by: String,
}

/// Of which tables everything is left out that the catalogue lists.
#[derive(Deserialize)]
struct Catalogue {
    tables: Vec<String>,
    policies: String,
    constraints: String,
    triggers: String,
}

/// One of them, as it is tried.
struct Mutant {
    name: String,
    /// The variable of the environment that makes it, and its value.
    made_by: (&'static str, String),
    noticed_by: String,
}

#[test]
fn each_mutant_of_the_code_has_its_place() {
    let list: List = toml::from_str(include_str!("list.toml")).unwrap();
    tree::check(&list.code);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "each takes some seconds: `make mutants`"]
async fn each_is_noticed() {
    let list: List = toml::from_str(include_str!("list.toml")).unwrap();
    let tests = Tree::with(&list.code).build().await;
    let only = std::env::var("ONLY").unwrap_or_default();
    let mut mutants = mutants(&list).await;
    mutants.retain(|mutant| only.split('|').any(|part| mutant.name.contains(part)));
    let filters: BTreeSet<_> = mutants.iter().flat_map(|mutant| mutant.noticed_by.split(' ')).collect();
    let (passed, said) = run(&tests, &filters.into_iter().collect::<Vec<_>>(), None).await;
    assert!(passed, "without a mutant all tests pass: {said}");
    let mut unnoticed = Vec::new();
    for Mutant { name, made_by, noticed_by } in &mutants {
        let (passed, said) = run(&tests, &noticed_by.split(' ').collect::<Vec<_>>(), Some(made_by)).await;
        let by = said.lines().find_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
        println!("{name}: {}", by.unwrap_or("NOT NOTICED"));
        if passed || by.is_none() {
            unnoticed.push(name);
        }
    }
    println!("{} mutants, {} not noticed", mutants.len(), unnoticed.len());
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
}

/// Runs the tests of these names; whether all passed, and what they said.
async fn run(tests: &Path, filters: &[&str], made_by: Option<&(&'static str, String)>) -> (bool, String) {
    let mut command = Command::new(tests);
    command.args(filters).stdin(Stdio::null()).env_remove("ONLY").env("RUST_BACKTRACE", "0");
    if let Some((variable, value)) = made_by {
        command.env(variable, value);
    }
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!said.contains("running 0 tests"), "{filters:?}: there are no such tests");
    (output.status.success(), said)
}

async fn mutants(list: &List) -> Vec<Mutant> {
    let of_code = list.code.iter().enumerate().map(|(number, code)| Mutant {
        name: code.name.clone(),
        made_by: (tree::CODE, number.to_string()),
        noticed_by: code.noticed_by.clone(),
    });
    let of_functions = list.database.iter().map(|function| Mutant {
        name: function.name.clone(),
        made_by: (tree::DATABASE, left_out(function)),
        noticed_by: function.noticed_by.clone(),
    });
    of_code.chain(of_functions).chain(of_catalogue(&list.catalogue).await).collect()
}

/// SQL that leaves something out of a function.
fn left_out(Function { function, text, instead, .. }: &Function) -> String {
    format!(
        "DO $do$ DECLARE
             body text := pg_get_functiondef('{function}'::regproc);
         BEGIN
             IF strpos(body, $text${text}$text$) = 0 THEN RAISE 'the text is not there'; END IF;
             EXECUTE replace(body, $text${text}$text$, $text${instead}$text$);
         END $do$"
    )
}

/// Everything that stands in the catalogue, with the SQL that drops it. A constraint that others rest on takes them along.
async fn of_catalogue(catalogue: &Catalogue) -> Vec<Mutant> {
    const LISTED: &str = "
        SELECT 'policy', format('policy %s of %s', policyname, tablename),
               format('DROP POLICY %I ON %I', policyname, tablename)
        FROM pg_policies WHERE tablename = ANY ($1)
        UNION ALL
        SELECT 'policy', format('row-level security of %s', relname),
               format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY', relname)
        FROM pg_class WHERE relrowsecurity AND relname = ANY ($1)
        UNION ALL
        SELECT 'constraint', format('constraint %s', conname),
               format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE', conrelid::regclass, conname)
        FROM pg_constraint WHERE conrelid::regclass::text = ANY ($1)
        UNION ALL
        SELECT 'constraint', format('unique index %s', indexrelid::regclass), format('DROP INDEX %s', indexrelid::regclass)
        FROM pg_index WHERE indisunique AND indrelid::regclass::text = ANY ($1)
            AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
        UNION ALL
        SELECT 'trigger', format('trigger %s of %s', tgname, tgrelid::regclass),
               format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass)
        FROM pg_trigger WHERE NOT tgisinternal AND tgrelid::regclass::text = ANY ($1)";
    let sql = Database::create().await.connect("postgres").await;
    let rows = sql.query(LISTED, &[&catalogue.tables]).await.unwrap();
    let noticed_by = |kind: &str| match kind {
        "policy" => catalogue.policies.clone(),
        "constraint" => catalogue.constraints.clone(),
        _ => catalogue.triggers.clone(),
    };
    let mutant = |row: tokio_postgres::Row| Mutant {
        name: row.get(1),
        made_by: (tree::DATABASE, row.get(2)),
        noticed_by: noticed_by(row.get(0)),
    };
    rows.into_iter().map(mutant).collect()
}
