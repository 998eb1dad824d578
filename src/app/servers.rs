//! The servers that tenants are placed on.

use futures::FutureExt as _;

use super::App;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::TenantUid;
use crate::domain::page::Page;
use crate::domain::server::{DEFAULT_SERVER, NewServer, Server, ServerPatch};
use crate::store::servers;
use crate::store::tx::Tx;

impl App {
    /// Adds a server.
    pub async fn create_server(&self, op: OpContext, new: NewServer) -> Result<Server> {
        let op = op.on(TenantUid::INFRASTRUCTURE);
        let made = self.db.change(op, "create-server", new, |tx, new| {
            async move {
                tx.about(format!("servers/{}", new.id));
                servers::insert(tx, new).await?;
                let made = found(tx, &new.id).await?;
                for (field, value) in facts(&made) {
                    tx.tell(field, value);
                }
                Ok(made)
            }
            .boxed()
        });
        made.await
    }

    /// One server.
    pub async fn get_server(&self, op: OpContext, id: String) -> Result<Server> {
        let op = op.on(TenantUid::INFRASTRUCTURE);
        self.db.read(op, "get-server", id, |tx, id| found(tx, id).boxed()).await
    }

    /// A page of servers, in the order of their ids, and how many there are.
    pub async fn list_servers(
        &self,
        op: OpContext,
        after: Option<String>,
        size: i64,
    ) -> Result<(Page<Server, String>, i64)> {
        let op = op.on(TenantUid::INFRASTRUCTURE);
        let input = (after.unwrap_or_default(), size + 1);
        let read = self.db.read(op, "list-servers", input, |tx, (after, limit)| {
            async move { Ok((servers::list(tx, after, *limit).await?, servers::count(tx).await?)) }.boxed()
        });
        let (rows, total) = read.await?;
        Ok((Page::cut(rows, size, |server| server.id.clone()), total))
    }

    /// Changes a server.
    pub async fn update_server(&self, op: OpContext, id: String, patch: ServerPatch, etag: String) -> Result<Server> {
        let op = op.on(TenantUid::INFRASTRUCTURE);
        let input = (id, patch, etag);
        self.db.change(op, "update-server", input, |tx, (id, patch, etag)| update(tx, id, patch, etag).boxed()).await
    }

    /// Removes a server on which no tenant is placed.
    pub async fn delete_server(&self, op: OpContext, id: String, etag: String) -> Result<()> {
        let op = op.on(TenantUid::INFRASTRUCTURE);
        self.db.change(op, "delete-server", (id, etag), |tx, (id, etag)| delete(tx, id, etag).boxed()).await
    }
}

async fn found(tx: &mut Tx, id: &str) -> Result<Server> {
    servers::load(tx, id).await?.ok_or_else(|| Error::not_found(format!("servers/{id}")))
}

/// The server, held for the change, if it is as the caller has read it.
async fn held(tx: &mut Tx, id: &str, etag: &str) -> Result<Server> {
    let name = format!("servers/{id}");
    tx.about(name.clone());
    let server = servers::load_for_change(tx, id).await?.ok_or_else(|| Error::not_found(name.as_str()))?;
    if etag.is_empty() || etag == server.etag() {
        return Ok(server);
    }
    let text = format!("{name} has changed since it was read; read it again");
    Err(Refusal::new(Reason::EtagMismatch, text).about(name).into())
}

async fn update(tx: &mut Tx, id: &str, patch: &ServerPatch, etag: &str) -> Result<Server> {
    let server = held(tx, id, etag).await?;
    servers::update(tx, id, patch).await?;
    let changed = found(tx, id).await?;
    tx.tell_changes(facts(&server), facts(&changed));
    Ok(changed)
}

/// The server by field, for people.
fn facts(server: &Server) -> [(&'static str, String); 4] {
    [
        ("region", server.region.to_string()),
        ("time_zone", server.time_zone.to_string()),
        ("locale", server.locale.to_string()),
        ("reachable", server.unreachable_since.is_none().to_string()),
    ]
}

async fn delete(tx: &mut Tx, id: &str, etag: &str) -> Result<()> {
    let server = held(tx, id, etag).await?;
    let in_use = |text: &str| Error::from(Refusal::new(Reason::ServerInUse, text).about(server.name()));
    if id == DEFAULT_SERVER {
        return Err(in_use("the default server is where tenants are placed that name none; it can't be deleted"));
    }
    if servers::delete(tx, id).await? {
        return Ok(());
    }
    Err(in_use("tenants are placed on the server; list them with the filter server = \"…\""))
}
