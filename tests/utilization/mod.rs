//! Utilization: log-ins in a day of the current week against the licences of a tenant.

mod counted;
mod kept;
mod levels;

use landlord::proto::v1;
use tonic::Status;

use crate::support::client::Api;
use crate::support::server::TestServer;

impl Api {
    /// GetTenantUtilization.
    pub async fn utilization(&self, name: &str) -> Result<v1::TenantUtilization, Status> {
        let request = v1::GetTenantUtilizationRequest { name: name.into() };
        self.client.tenants().get_tenant_utilization(request).await.map(|r| r.into_inner().utilization.unwrap())
    }

    /// Log-ins to a tenant in this week.
    pub async fn log_ins(&self, name: &str) -> i64 {
        self.utilization(name).await.unwrap().log_ins.unwrap()
    }
}

impl TestServer {
    /// The time of the database, in seconds.
    pub async fn now(&self) -> i64 {
        let sql = "SELECT extract(epoch FROM clock_timestamp())::bigint";
        self.sql().await.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Writes down log-ins to a tenant in a quarter of an hour of the past: the one that begins with this SQL expression, in
    /// which `monday` is when the week began in that zone, as Postgres knows the zones.
    pub async fn had_log_ins(&self, tenant: &str, count: i64, zone: &str, at: &str) {
        let sql = format!(
            "INSERT INTO log_ins (tenant_id, at, count, folded)
             SELECT tenant_id, {at}, $1, true FROM tenants,
                 (SELECT date_trunc('week', clock_timestamp() AT TIME ZONE $2) AT TIME ZONE $2 AS monday) week
             WHERE 'tenants/' || code = $3"
        );
        assert_eq!(self.sql().await.execute(&sql, &[&count, &zone, &tenant]).await.unwrap(), 1);
    }
}
