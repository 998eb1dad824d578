//! The schema: migrating it, and refusing to serve where it or the role is not as it must be.

use diesel::QueryableByName;
use diesel::sql_types::{Bool, Text};
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};

use super::connection::Address;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// Why the schema is not as it must be.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database can't be reached.
    #[error("can't connect to the database: {0}")]
    Connect(#[from] diesel::ConnectionError),
    /// A query failed.
    #[error("the database refused: {0}")]
    Query(#[from] diesel::result::Error),
    /// A migration failed.
    #[error("migration failed: {0}")]
    Migration(Box<dyn std::error::Error + Send + Sync>),
    /// Migrating as a superuser would leave tables that row-level security does not bind.
    #[error(
        "the migration's role {0} is a superuser or bypasses row-level security; use one that owns the database and is neither"
    )]
    OwnerTooStrong(String),
    /// Serving as such a role would switch isolation off.
    #[error("the service's role {0} is a superuser, bypasses row-level security or owns tables; use landlord_app")]
    AppTooStrong(String),
    /// The platform's policies would bind every transaction.
    #[error("the service's role {0} inherits the rights of landlord_platform; run: ALTER ROLE {0} NOINHERIT")]
    AppInherits(String),
    /// The schema is older than the service.
    #[error("the database lacks {0} migration(s); run `landlord migrate` first")]
    Pending(usize),
}

#[derive(QueryableByName)]
struct Role {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Bool)]
    strong: bool,
    #[diesel(sql_type = Bool)]
    owner: bool,
    #[diesel(sql_type = Bool)]
    inherits: bool,
    #[diesel(sql_type = Text)]
    messages: String,
}

const ROLE: &str = "
    SELECT rolname::text AS name, rolsuper OR rolbypassrls AS strong,
           EXISTS (SELECT FROM pg_class WHERE relowner = r.oid AND relkind IN ('r', 'p')
                   AND relnamespace = 'public'::regnamespace) AS owner,
           EXISTS (SELECT FROM pg_roles p WHERE p.rolname = 'landlord_platform' AND p.oid <> r.oid
                   AND pg_has_role(r.oid, p.oid, 'USAGE')) AS inherits,
           current_setting('lc_messages') AS messages
    FROM pg_roles r WHERE rolname = current_user";

async fn role(conn: &mut AsyncPgConnection) -> Result<Role, MigrateError> {
    Ok(diesel::sql_query(ROLE).get_result(conn).await?)
}

/// Runs the migrations that the database lacks, as the owner. Replicas that start together wait for one another.
pub async fn migrate(owner_url: &Address) -> Result<Vec<String>, MigrateError> {
    let mut conn = owner_url.connect().await?;
    let role = role(&mut conn).await?;
    if role.strong {
        return Err(MigrateError::OwnerTooStrong(role.name));
    }
    diesel::sql_query("SELECT pg_advisory_lock(7813586347)").execute(&mut conn).await?;
    let run = tokio::task::spawn_blocking(move || {
        let mut harness = AsyncMigrationHarness::new(conn);
        let run = harness.run_pending_migrations(MIGRATIONS).map_err(MigrateError::Migration)?;
        Ok(run.iter().map(ToString::to_string).collect())
    });
    run.await.map_err(|e| MigrateError::Migration(e.into()))?
}

/// Checks that the service's role can't get around row-level security, and that the schema is current.
pub async fn check(app_url: &Address) -> Result<(), MigrateError> {
    let mut conn = app_url.connect().await?;
    let role = role(&mut conn).await?;
    if role.strong || role.owner {
        return Err(MigrateError::AppTooStrong(role.name));
    }
    if role.inherits {
        return Err(MigrateError::AppInherits(role.name));
    }
    let english = ["C", "POSIX", "en"].iter().any(|locale| role.messages.starts_with(locale));
    if !english && !role.messages.is_empty() {
        tracing::warn!(
            lc_messages = role.messages,
            "set lc_messages = 'C' for the database: outages and deadlocks are told by their English messages"
        );
    }
    let begun: Begun = diesel::sql_query(BEGUN).get_result(&mut conn).await?;
    let known: Vec<Version> = if begun.begun { diesel::sql_query(VERSIONS).load(&mut conn).await? } else { Vec::new() };
    let ours = newest_first();
    let pending = ours.iter().filter(|v| !known.iter().any(|k| k.version == **v)).count();
    if pending > 0 { Err(MigrateError::Pending(pending)) } else { Ok(()) }
}

const BEGUN: &str = "SELECT to_regclass('public.__diesel_schema_migrations') IS NOT NULL AS begun";

/// Whether anything was ever migrated.
#[derive(QueryableByName)]
struct Begun {
    #[diesel(sql_type = Bool)]
    begun: bool,
}

const VERSIONS: &str = "SELECT version::text AS version FROM __diesel_schema_migrations ORDER BY version DESC";

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

fn newest_first() -> Vec<String> {
    use diesel::migration::MigrationSource as _;
    let source: Result<Vec<Box<dyn diesel::migration::Migration<diesel::pg::Pg>>>, _> = MIGRATIONS.migrations();
    let mut versions: Vec<_> = source.unwrap_or_default().iter().map(|m| m.name().version().to_string()).collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions
}

/// The newest migration that this build knows.
pub fn newest() -> String {
    newest_first().into_iter().next().unwrap_or_default()
}
