//! The tables as diesel sees them are tables that there are: each column with its type, in its place in the key.

use std::collections::BTreeMap;

use super::world::rows;
use crate::support::database::Database;

/// Table and key, and the columns with their types.
type Tables = BTreeMap<String, (Vec<String>, BTreeMap<String, String>)>;

fn words(text: &str) -> Vec<String> {
    text.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
}

fn declared() -> Tables {
    let schema = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/schema");
    let parts = std::fs::read_dir(&schema).unwrap().map(|entry| entry.unwrap().path());
    let files = parts.chain([schema.with_extension("rs")]).map(|file| std::fs::read_to_string(file).unwrap());
    let file: String = files.collect();
    let mut tables = Tables::new();
    for declaration in file.split("diesel::table! {").skip(1) {
        let (name, rest) = declaration.split_once('(').unwrap();
        let (key, rest) = rest.split_once(')').unwrap();
        let (_, rest) = rest.split_once('{').unwrap();
        let (columns, _) = rest.split_once('}').unwrap();
        let columns = words(columns).into_iter().map(|column| {
            let (name, kind) = column.split_once(" -> ").unwrap();
            (name.to_owned(), kind.to_owned())
        });
        tables.insert(name.trim().to_owned(), (words(key), columns.collect()));
    }
    tables
}

const COLUMNS: &str = "
    SELECT relname, attname, attnotnull, typname, coalesce(array_position(conkey, attnum), 0)
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_type t ON t.oid = atttypid
    LEFT JOIN pg_constraint ON conrelid = c.oid AND contype = 'p'
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') AND attnum > 0 AND NOT attisdropped
    ORDER BY 1, 5";

fn diesels(kind: &str, not_null: bool) -> String {
    let name = match kind {
        "uuid" => "Uuid",
        "text" => "Text",
        "bool" => "Bool",
        "int4" => "Int4",
        "int8" => "Int8",
        "bytea" => "Bytea",
        "jsonb" => "Jsonb",
        "timestamptz" => "Timestamptz",
        "_text" => "Array<Text>",
        "_uuid" => "Array<Uuid>",
        "xid8" => "crate::store::snapshots::Xid8",
        "pg_snapshot" => "crate::store::snapshots::PgSnapshot",
        other => other,
    };
    if not_null { name.into() } else { format!("Nullable<{name}>") }
}

#[tokio::test]
async fn what_diesel_is_told_of_the_tables_is_so() {
    let client = Database::create().await.connect("postgres").await;
    let mut found = Tables::new();
    for column in rows(&client, COLUMNS).await {
        let [table, name, not_null, kind, place] = &column[..] else { panic!("{column:?}") };
        let (key, columns) = found.entry(table.clone()).or_default();
        columns.insert(name.clone(), diesels(kind, not_null == "t"));
        if place != "0" {
            key.push(name.clone());
        }
    }
    let declared = declared();
    assert!(declared.len() > 10);
    for (table, (key, columns)) in declared {
        let (real_key, real_columns) = found.get(&table).unwrap_or_else(|| panic!("there is no {table}"));
        // A view has no key, and what it shows may be null for all that Postgres knows.
        if !real_key.is_empty() {
            assert_eq!(&key, real_key, "{table}");
        }
        for (column, kind) in columns {
            let real = real_columns.get(&column).unwrap_or_else(|| panic!("there is no {table}.{column}"));
            let plain = |kind: &str| kind.trim_start_matches("Nullable<").trim_end_matches('>').to_owned();
            let (kind, real) = if real_key.is_empty() { (plain(&kind), plain(real)) } else { (kind, real.clone()) };
            assert_eq!(kind, real, "{table}.{column}");
        }
    }
}
