//! What keeps one tenant's work from going on until it is taken away, without a call knowing of it.

use tokio_postgres::Client;

use crate::support::client::eventually;
use crate::support::database::Database;

/// Where an obstacle stands.
#[derive(Clone, Copy, Debug)]
pub enum Obstacle {
    /// The tenant's directory can't be set up.
    Directory,
    /// No link can be made for a mail.
    Mail,
}

impl Obstacle {
    fn table(self) -> &'static str {
        match self {
            Self::Directory => "groups",
            Self::Mail => "links",
        }
    }

    /// Puts it in the way of the tenant that has, or will have, that display name.
    pub async fn put(self, database: &Database, tenant: &str) {
        let put = format!("INSERT INTO obstacles VALUES ('{tenant}', '{}') ON CONFLICT DO NOTHING", self.table());
        patiently(database, &put).await;
    }

    /// Takes it away.
    pub async fn remove(self, database: &Database, tenant: &str) {
        let remove = format!("DELETE FROM obstacles WHERE tenant = '{tenant}' AND relation = '{}'", self.table());
        patiently(database, &remove).await;
    }
}

/// Prepares a database for obstacles.
pub async fn allow(database: &Database) {
    let allow = "CREATE TABLE obstacles (tenant text, relation text, PRIMARY KEY (tenant, relation));
        GRANT SELECT ON obstacles TO PUBLIC;
        CREATE FUNCTION obstacle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            PERFORM FROM obstacles o JOIN tenants t ON t.display_name = o.tenant
            WHERE t.tenant_id = NEW.tenant_id AND o.relation = TG_TABLE_NAME;
            IF FOUND THEN RAISE 'in the way'; END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER obstacle BEFORE INSERT ON groups FOR EACH ROW EXECUTE FUNCTION obstacle();
        CREATE TRIGGER obstacle BEFORE INSERT ON links FOR EACH ROW EXECUTE FUNCTION obstacle()";
    connect(database).await.batch_execute(allow).await.unwrap();
}

/// A connection with all rights, once the database lets one in.
pub async fn connect(database: &Database) -> Client {
    let url = database.url("postgres").await;
    eventually("a connection", || async {
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.ok()?;
        tokio::spawn(connection);
        Some(client)
    })
    .await
}

/// Runs a statement that bears repetition until it has gone through.
async fn patiently(database: &Database, statement: &str) {
    eventually("a database", || async { connect(database).await.batch_execute(statement).await.ok() }).await;
}
