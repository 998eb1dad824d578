//! Operators who act for an account of a tenant: what they may, how they are refused, and what is written down of it.

mod explain;
mod logs;
mod operations;
mod refusals;
mod rights;
mod status;
mod superuser;
mod targets;
mod tokens;

use crate::support::client::Api;
use crate::support::server::TestServer;

/// The tenant Acme, its administrator anna, and an operator.
pub struct Stage {
    pub server: TestServer,
    pub acme: String,
    pub anna: Api,
    pub operator: Api,
}

impl Stage {
    async fn new() -> Self {
        Self::on(TestServer::start().await).await
    }

    async fn on(server: TestServer) -> Self {
        let (acme, anna) = server.administrator("Acme").await;
        let operator = server.operator().await;
        Self { server, acme, anna, operator }
    }

    /// The resource name of Acme's superuser.
    async fn superuser(&self) -> String {
        self.anna.user_named(&self.acme, "superuser").await
    }

    /// A further user of the infrastructure tenant, with these privileges there; and the role that gives them.
    async fn colleague(&self, user_name: &str, privileges: &[&str]) -> (Api, String) {
        let infrastructure = "tenants/infrastructure";
        let user = self.operator.new_user(infrastructure, user_name).await.unwrap().name;
        let privileges: Vec<_> = privileges.iter().map(|name| format!("privileges/{name}")).collect();
        let privileges: Vec<_> = privileges.iter().map(String::as_str).collect();
        let role = self.operator.new_role(infrastructure, user_name, &privileges).await.unwrap();
        self.operator.give(&role, &[&user]).await.unwrap();
        (self.server.enter(&format!("{user_name}@infrastructure")).await, role)
    }
}
