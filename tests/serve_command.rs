//! `landlord migrate`, `serve` and `config` as operators run them, against a Postgres with the three roles.

use landlord::proto::v1;
use tempfile::TempDir;
use tonic::Code;

use crate::support::client::{Api, assert_refused};
use crate::support::command::{Output, Running, folder, landlord, run};
use crate::support::database::Database;
use crate::support::server::quick_options;

/// A configuration file for that database, with `more` over it.
async fn config(database: &Database, more: &[(&str, String)]) -> (TempDir, String) {
    let folder = folder();
    let mut options = toml::Table::new();
    let quick = quick_options(folder.path(), database).await.into_iter();
    let quick = quick.filter(|(o, _)| *o != "initial_operator.password_file");
    let quick: Vec<_> = quick.chain([("database.migration_url", database.url("landlord_owner").await)]).collect();
    for (option, value) in quick.iter().map(|(o, v)| (*o, v)).chain(more.iter().map(|(o, v)| (*o, v))) {
        let mut path = option.split('.').rev();
        let (last, sections) = (path.next().unwrap(), path);
        let section = sections.fold(&mut options, |table, name| {
            let entry = table.entry(name).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            entry.as_table_mut().unwrap()
        });
        let value = value.parse::<i64>().map_or_else(|_| toml::Value::String(value.clone()), toml::Value::Integer);
        section.insert(last.to_owned(), value);
    }
    let path = folder.path().join("landlord.toml");
    std::fs::write(&path, toml::to_string(&options).unwrap()).unwrap();
    let path = path.display().to_string();
    (folder, path)
}

async fn with(command: &str, database: &Database, more: &[(&str, String)]) -> Output {
    let (_folder, path) = config(database, more).await;
    run(&[command, "--config", &path]).await
}

#[track_caller]
fn assert_says(output: &Output, what: &str) {
    assert!(!output.status.success(), "{output:?}");
    assert!(output.stderr.contains(what), "{}", output.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_migrated_by_its_owner_and_by_nobody_stronger() {
    let database = Database::empty().await;
    let superuser = ("database.migration_url", database.url("postgres").await);
    assert_says(&with("migrate", &database, &[superuser]).await, "the migration's role postgres is a superuser");
    let first = with("migrate", &database, &[]).await;
    assert!(first.status.success() && first.stdout.starts_with("migrated: "), "{first:?}");
    let again = with("migrate", &database, &[]).await;
    assert_eq!(again.stdout, "the schema is up to date\n", "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_migrations_at_once_wait_for_each_other() {
    let database = Database::empty().await;
    let both = tokio::join!(with("migrate", &database, &[]), with("migrate", &database, &[]));
    assert!(both.0.status.success() && both.1.status.success(), "{both:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_not_serve_as_a_role_that_isolation_does_not_bind() {
    let database = Database::create().await;
    for role in ["landlord_owner", "postgres"] {
        let url = ("database.url", database.url(role).await);
        assert_says(&with("serve", &database, &[url]).await, &format!("the service's role {role} is a superuser"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_not_serve_a_schema_that_is_older_or_missing() {
    let database = Database::create().await;
    let newest = "DELETE FROM __diesel_schema_migrations
                  WHERE version = (SELECT max(version) FROM __diesel_schema_migrations)";
    database.connect("postgres").await.batch_execute(newest).await.unwrap();
    assert_says(
        &with("serve", &database, &[]).await,
        "the database lacks 1 migration(s); run `landlord migrate` first",
    );
    assert_says(&with("serve", &Database::empty().await, &[]).await, "run `landlord migrate` first");
}

/// Serves on a port of the system's choice.
async fn serve(path: &str) -> (Running, Api) {
    let mut running = Running::start(&["serve", "--config", path, "--set", "telemetry.log_format=json"]);
    let address = running.serving().await;
    (running, Api::connect(address).await)
}

/// The lines on stdout that follow the announcement of the first password.
fn passwords(output: &Output) -> Vec<String> {
    let lines: Vec<_> = output.stdout.lines().collect();
    lines.windows(2).filter(|pair| pair[0].contains("Its password, shown only now")).map(|p| p[1].to_owned()).collect()
}

async fn stop(running: Running) -> Output {
    running.signal(rustix::process::Signal::TERM);
    let output = running.output().await;
    assert!(output.status.success(), "{output:?}");
    output
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_replicas_on_an_empty_database_one_makes_the_operator_and_tells_the_password() {
    let database = Database::create().await;
    let (_folder, path) = config(&database, &[]).await;
    let ((one, _), (two, _)) = tokio::join!(serve(&path), serve(&path));
    let told: Vec<_> = [stop(one).await, stop(two).await].iter().flat_map(passwords).collect();
    assert_eq!(told.len(), 1, "{told:?}");

    let (later, api) = serve(&path).await;
    let session = api.session("operator@infrastructure", &told[0]).await.unwrap();
    assert!(session.password_change_required);
    let operator = api.with_token(&session.access_token);
    let list = operator.client.tenants().list_tenants(v1::ListTenantsRequest::default()).await;
    assert_refused(list, Code::FailedPrecondition, "PASSWORD_CHANGE_REQUIRED");
    let new = "a password of the operator's own".to_owned();
    let change = v1::ChangePasswordRequest { current_password: told[0].clone(), new_password: new.clone() };
    operator.client.users().change_password(change).await.unwrap();
    api.log_in("operator@infrastructure", &new).await.active_tenant("Acme").await;
    assert_eq!(passwords(&stop(later).await), [""; 0], "it is told once");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_is_printed_without_its_secrets() {
    let database = Database::create().await;
    let secret = ("database.url", "postgres://landlord_app:hunter2@db/landlord".to_owned());
    let printed = with("config", &database, &[secret]).await;
    assert!(printed.status.success(), "{printed:?}");
    assert!(printed.stdout.contains("pool_size = 6"), "{}", printed.stdout);
    assert!(!printed.stdout.contains("hunter2"), "{}", printed.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_option_is_an_error_that_names_it() {
    let database = Database::create().await;
    let misspelt = with("serve", &database, &[("operations.worker", "4".into())]).await;
    assert_says(&misspelt, "operations.worker");
    assert_says(&misspelt, "landlord.toml");
    let (_folder, path) = config(&database, &[]).await;
    let flag = run(&["serve", "--config", &path, "--set", "database.pool_size=many"]).await;
    assert_says(&flag, "flag: database.pool_size");
    let mut command = landlord(&["serve", "--config", &path]);
    let child = command.env("LANDLORD_DATABASE__POOL", "4").spawn().unwrap();
    assert_says(&Running { child }.output().await, "LANDLORD_DATABASE__POOL");
}
