//! The command `landlord`.

use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use futures::TryStreamExt as _;
use landlord::app::backups::recover::{self, Recovered};
use landlord::app::bootstrap::FirstOperator;
use landlord::authn::seal;
use landlord::boot::BootError;
use landlord::config::Config;
use landlord::dev::{self, Connection, DevOptions};
use landlord::domain::id::BackupId;
use landlord::domain::name::UserName;
use landlord::store::connection::Address;
use landlord::store::migrate;
use landlord::vault::Vault;
use landlord::{boot, telemetry};
use secrecy::SecretString;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn std::error::Error>;

/// The control plane of a multi-tenant platform.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs an embedded Landlord with a Postgres of its own, for development.
    Dev {
        /// Folder that keeps everything.
        #[arg(long, default_value = ".landlord")]
        data_dir: PathBuf,
        /// Address of gRPC; port 0 picks a free one.
        #[arg(long, default_value = "127.0.0.1:50051")]
        listen: SocketAddr,
        /// Address of HTTP; port 0 picks a free one.
        #[arg(long, default_value = "127.0.0.1:9090")]
        http_listen: SocketAddr,
        /// Removes what the folder keeps and begins anew.
        #[arg(long)]
        fresh: bool,
    },
    /// Serves, against a Postgres that `landlord migrate` has prepared.
    Serve(Source),
    /// Brings the schema of the database up to date, as the role in database.migration_url.
    Migrate(Source),
    /// Prints the configuration in force, secrets hidden.
    Config(Source),
    /// Reads backups from the object stores alone, where the database is lost.
    #[command(subcommand)]
    Recover(Recover),
}

#[derive(Subcommand)]
enum Recover {
    /// Lists the backups that the object stores have.
    List(Source),
    /// Writes the archive of a backup to standard output; UploadBackup takes it.
    Archive {
        /// Id of the backup.
        #[arg(value_parser = backup)]
        backup: BackupId,
        #[command(flatten)]
        source: Source,
    },
}

fn backup(text: &str) -> Result<BackupId, String> {
    BackupId::parse(text).ok_or_else(|| "must be the id of a backup, a UUID".to_owned())
}

#[derive(clap::Args)]
struct Source {
    /// Configuration file, TOML. Variables LANDLORD_… go over it.
    #[arg(long, env = "LANDLORD_CONFIG")]
    config: Option<PathBuf>,
    /// Sets one option, as in `--set listen=127.0.0.1:0`; goes over everything else.
    #[arg(long = "set", value_name = "OPTION=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(option, value)| (option.trim().to_owned(), value.to_owned()));
    pair.ok_or_else(|| "must be OPTION=VALUE".to_owned())
}

impl Source {
    fn load(&self) -> Result<Config, Failure> {
        let flags: Vec<_> = self.set.iter().map(|(option, value)| (option.as_str(), value.clone())).collect();
        Ok(Config::load(self.config.as_deref(), &flags)?)
    }
}

fn main() -> ExitCode {
    landlord::failpoints::arm();
    // The default hook prints the panic's message, which may hold what nobody should read.
    std::panic::set_hook(Box::new(|panic| tracing::error!(at = panic.location().map(ToString::to_string), "panic")));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    match runtime.block_on(run(Cli::parse().command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

#[expect(clippy::print_stderr, reason = "why the command failed belongs on the terminal")]
fn failed(error: &Failure) -> ExitCode {
    eprintln!("landlord: {error}");
    ExitCode::FAILURE
}

async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Dev { data_dir, listen, http_listen, fresh } => {
            run_dev(DevOptions { data_dir, listen, http_listen, fresh }).await
        }
        Command::Serve(source) => serve(&source.load()?).await,
        Command::Migrate(source) => migrate(&source.load()?).await,
        Command::Config(source) => Ok(print(&source.load()?.render()?)?),
        Command::Recover(Recover::List(source)) => {
            let backups = recover::list(&object_stores(&source)?).await?;
            let lines = backups.iter().map(|backup| format!("{backup}\n"));
            Ok(print(&std::iter::once(format!("{}\n", recover::HEADING)).chain(lines).collect::<String>())?)
        }
        Command::Recover(Recover::Archive { backup, source }) => write_archive(backup, &source).await,
    }
}

async fn run_dev(options: DevOptions) -> Result<(), Failure> {
    let telemetry = telemetry::init(&landlord::config::Telemetry { log_filter: "warn".into(), ..Default::default() })?;
    let stop = stop_on_signals()?;
    let dev = dev::start(&options, telemetry.registry(), stop).await?;
    print(&what_to_type(&dev.connection, &options))?;
    let stopped = dev.stopped().await;
    tokio::task::spawn_blocking(move || telemetry.shutdown()).await?;
    Ok(stopped?)
}

async fn serve(config: &Config) -> Result<(), Failure> {
    config.check_serving()?;
    let telemetry = telemetry::init(&config.telemetry)?;
    let stop = stop_on_signals()?;
    let user_name = UserName::parse(&config.initial_operator.user_name)
        .map_err(|allowed| format!("initial_operator.user_name {allowed}"))?;
    let password = match &config.initial_operator.password_file {
        Some(path) => std::fs::read_to_string(path)?.trim_end().to_owned(),
        None => seal::link_code()?.0,
    };
    let shown = config.initial_operator.password_file.is_none();
    let text = format!(
        "The first operator is {user_name}@infrastructure. Its password, shown only now and to be changed at the first log-in:\n{password}\n"
    );
    let announce = Arc::new(move || {
        if shown && let Err(error) = print(&text) {
            tracing::error!(%error, "the first operator's password could not be shown");
        }
    });
    let first = FirstOperator { user_name, password: SecretString::from(password), must_change: true, announce };
    let running = match boot::start(config, first, telemetry.registry(), stop).await {
        Err(BootError::Stopped) => return Ok(()),
        started => started?,
    };
    tracing::info!(grpc = %running.address, http = %running.http_address, "serving");
    let stopped = running.stopped().await;
    tokio::task::spawn_blocking(move || telemetry.shutdown()).await?;
    Ok(stopped?)
}

async fn migrate(config: &Config) -> Result<(), Failure> {
    let url = config.database.migration_url.as_ref();
    let url = url.ok_or("database.migration_url must be set: the role that owns the database")?;
    let run = migrate::migrate(&Address::new(url.expose().to_owned().into(), config.database.ca_file.clone())).await?;
    Ok(print(&match run.len() {
        0 => "the schema is up to date\n".to_owned(),
        _ => format!("migrated: {}\n", run.join(", ")),
    })?)
}

/// What is wrong with the stores and in them is logged.
fn object_stores(source: &Source) -> Result<Vault, Failure> {
    let config = source.load()?;
    config.check_objects()?;
    telemetry::log(&config.telemetry)?;
    Ok(boot::object_stores(&config)?)
}

async fn write_archive(backup: BackupId, source: &Source) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    if out.is_terminal() {
        return Err("an archive is nothing to look at: send standard output to a file".into());
    }
    let Recovered { bytes, mut pieces } = recover::archive(&object_stores(source)?, backup).await?;
    let mut written = 0;
    while let Some(piece) = pieces.try_next().await? {
        out.write_all(&piece)?;
        written += i64::try_from(piece.len())?;
    }
    out.flush()?;
    if written == bytes { Ok(()) } else { Err("the archive ended before it was whole".into()) }
}

/// A token that SIGTERM and SIGINT cancel; PID 1 of a container gets no other treatment.
fn stop_on_signals() -> Result<CancellationToken, Failure> {
    let stop = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        token.cancel();
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // Who asks twice does not want to wait for the drain.
        #[expect(clippy::exit, clippy::disallowed_methods, reason = "the second signal is to end the process at once")]
        std::process::exit(130);
    });
    Ok(stop)
}

/// Whoever reads may have read enough.
fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn what_to_type(connection: &Connection, options: &DevOptions) -> String {
    let Connection { address, http_address, user_name, password, tenant, .. } = connection;
    let dir = options.data_dir.display();
    format!(
        "Landlord serves gRPC on {address} and HTTP on {http_address}. Ctrl-C stops it; {dir} keeps its data.\n\
         {dir}/connection.json has what scripts need, and mail lands in {dir}/mail.\n\n\
         Log in as the operator and keep the token:\n\n\
         \x20 TOKEN=$(grpcurl -plaintext -d '{{\"user_name\": \"{user_name}@{tenant}\", \"password\": \"{password}\"}}' \\\n\
         \x20   {address} landlord.v1.SessionService/CreateSession | sed -n 's/.*\"accessToken\": \"\\(.*\\)\".*/\\1/p')\n\n\
         Make a tenant, and look at all of them:\n\n\
         \x20 grpcurl -plaintext -H \"authorization: Bearer $TOKEN\" -d '{{\"tenant\": {{\"display_name\": \"Acme\"}}}}' \\\n\
         \x20   {address} landlord.v1.TenantService/CreateTenant\n\
         \x20 grpcurl -plaintext -H \"authorization: Bearer $TOKEN\" {address} landlord.v1.TenantService/ListTenants\n\n\
         Everything else there is:\n\n\
         \x20 grpcurl -plaintext {address} describe landlord.v1.TenantService\n"
    )
}
