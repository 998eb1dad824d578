//! A service with very many tenants: a release build in a process of its own, on a database that is filled from outside.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::SinkExt as _;
use landlord::client::Client;
use landlord::proto::v1;
use tempfile::TempDir;

use crate::names::{Numbers, name};
use crate::service::{Cluster, Service, log_in};

/// A service that runs until it is dropped.
pub struct Platform {
    pub tenants: usize,
    pub filled_in: Duration,
    pub first_list_after: Duration,
    anonymous: Client,
    token: tokio::sync::Mutex<(String, Instant)>,
    sql: tokio_postgres::Client,
    service: Service,
    _folder: TempDir,
}

impl Platform {
    /// One with so many tenants.
    pub async fn start(cluster: &Cluster, tenants: usize) -> Self {
        let database = cluster.database(&format!("landlord_{tenants}")).await;
        let folder = tempfile::tempdir().unwrap();
        // The first start makes the infrastructure tenant, the servers and the operator.
        Service::start(folder.path(), &database.app, &[]).await.stop().await;

        let began = Instant::now();
        let sql = cluster.connect(&database.name).await;
        fill(&sql, tenants).await;
        let filled_in = began.elapsed();

        let began = Instant::now();
        let service = Service::start(folder.path(), &database.app, &[]).await;
        let anonymous = service.anonymous().await;
        let token = tokio::sync::Mutex::new((log_in(&anonymous).await, Instant::now()));
        let mut platform = Self {
            tenants,
            filled_in,
            first_list_after: Duration::ZERO,
            anonymous,
            token,
            sql,
            service,
            _folder: folder,
        };
        let first = v1::ListTenantsRequest::default();
        platform.client().await.tenants().list_tenants(first).await.unwrap();
        platform.first_list_after = began.elapsed();
        platform
    }

    /// A client of the operator. Tokens last for five minutes.
    pub async fn client(&self) -> Client {
        let mut token = self.token.lock().await;
        if token.1.elapsed() > Duration::from_secs(120) {
            *token = (log_in(&self.anonymous).await, Instant::now());
        }
        self.anonymous.clone().with_token(&token.0).unwrap()
    }

    /// Gives so many tenants from all over the list other names.
    pub async fn rename(&self, tenants: i64) {
        let rename = "UPDATE tenants SET display_name = reverse(display_name) WHERE code = ANY (
            ARRAY(SELECT 't-' || floor(random() * $1)::bigint FROM generate_series(1, $2::bigint)))";
        self.sql.execute(rename, &[&(self.tenants as f64), &tenants]).await.unwrap();
    }

    /// The memory that the service holds.
    pub fn resident_mib(&self) -> u64 {
        self.service.memory_mib("VmRSS")
    }
}

/// Adds so many tenants with realistic names, states, labels and ages, and what else each has, past triggers and checks.
async fn fill(sql: &tokio_postgres::Client, tenants: usize) {
    sql.batch_execute(
        "SET session_replication_role = replica;
         UPDATE users SET must_change_password = false;
         INSERT INTO servers (id) VALUES ('north'), ('south');
         CREATE TEMP TABLE drawn (n bigint, name text, state text, reason text, server text, labels jsonb, protected boolean)",
    )
    .await
    .unwrap();
    let sink = sql.copy_in("COPY drawn FROM STDIN").await.unwrap();
    futures::pin_mut!(sink);
    let mut numbers = Numbers::new(4711);
    for start in (0..tenants).step_by(10_000) {
        let mut rows = String::new();
        for number in start..tenants.min(start + 10_000) {
            let name = name(&mut numbers, number);
            let (state, reason) = match numbers.below(1000) {
                0..=99 => ("LOCKED", "OPERATOR"),
                100..=101 => ("FAILED", "-"),
                102..=105 => ("PREPARED", "-"),
                _ => ("ACTIVE", "-"),
            };
            let server = numbers.one_of(&["default", "default", "north", "south"]);
            let region = numbers.one_of(&["north", "east", "south", "west"]);
            let labels = match numbers.below(1000) {
                0 => format!(r#"{{"region": "{region}", "tier": "platinum", "pilot": ""}}"#),
                1..=19 => format!(r#"{{"region": "{region}", "pilot": ""}}"#),
                20..=700 => format!(r#"{{"region": "{region}"}}"#),
                _ => "{}".to_owned(),
            };
            let protected = numbers.below(50) == 0;
            writeln!(rows, "{number}\t{name}\t{state}\t{reason}\t{server}\t{labels}\t{protected}").unwrap();
        }
        sink.send(Bytes::from(rows)).await.unwrap();
    }
    sink.finish().await.unwrap();
    // Ages are spread over the years before, the same at any size.
    let rest = format!(
        "CREATE TEMP TABLE made AS SELECT *, gen_random_uuid() AS uid, 't-' || n AS code,
             timestamptz '2020-01-01' + (n * interval '1 second' * (215000000 / {tenants})) AS at FROM drawn;
         INSERT INTO tenant_identities (uid, code, created_at) SELECT uid, code, at FROM made;
         INSERT INTO tenants (tenant_id, code, display_name, labels, protected, server, time_zone, state, lock_reason, seq,
                              created_at, updated_at)
             SELECT uid, code, name, labels, protected, server, 'UTC', state, reason, 2, at, at FROM made;
         INSERT INTO tenant_limits (tenant_id, users) SELECT uid, n % 500 FROM made;
         INSERT INTO tenant_features (tenant_id) SELECT uid FROM made;
         INSERT INTO users (tenant_id, id, user_name, user_name_key, state, impersonation_target)
             SELECT uid, gen_random_uuid(), 'superuser', 'superuser', 'ACTIVE', true FROM made;
         RESET session_replication_role;
         ANALYZE"
    );
    sql.batch_execute(&rest).await.unwrap();
}
