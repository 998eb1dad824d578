//! Other services: how they show who they are, and what they may do.

mod certificates;
mod check;
mod identities;
mod keys;
mod logs;
mod races;
mod reload;
mod rights;
mod rotation;

use crate::support::client::Api;
use crate::support::server::TestServer;

const CHECK: &str = "SessionService.CheckAccess";
const GET_TENANT: &str = "TenantService.GetTenant";

/// The tenants Acme and Beta, Acme's administrator anna, and an operator.
struct Stage {
    server: TestServer,
    operator: Api,
    anna: Api,
    acme: String,
    beta: String,
}

impl Stage {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let (acme, anna) = server.administrator("Acme").await;
        let operator = server.operator().await;
        let beta = operator.active_tenant("Beta").await;
        Self { server, operator, anna, acme, beta }
    }

    /// Runs SQL as whoever may do anything.
    async fn sql(&self, statement: &str) {
        self.server.database.connect("postgres").await.batch_execute(statement).await.unwrap();
    }
}
