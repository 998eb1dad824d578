//! A Postgres that goes away, hangs, and comes back.

use landlord::dev::postgres::{Cluster, ClusterOptions};
use landlord::store::migrate;
use rustix::process::{Pid, Signal, kill_process};

use super::database::{Database, connect};
use super::reaper::Reaper;

/// A durable cluster of this test alone, which can be stopped at once and started again.
pub struct Outage {
    cluster: Option<Cluster>,
    reaper: Reaper,
    pub database: Database,
}

const DURABLE: ClusterOptions = ClusterOptions { durable: true, max_connections: 60 };

impl Outage {
    /// One with a migrated database.
    pub async fn new() -> Self {
        let reaper = Reaper::new();
        let cluster = Cluster::start(reaper.folder(), DURABLE).await.unwrap();
        let admin = connect(&cluster.superuser_url("postgres")).await;
        admin.batch_execute("CREATE ROLE landlord_owner LOGIN CREATEROLE").await.unwrap();
        admin.batch_execute("CREATE DATABASE landlord OWNER landlord_owner").await.unwrap();
        let database = Database::at(&cluster.superuser_url("landlord"));
        migrate::migrate(&database.url("landlord_owner").await.into()).await.unwrap();
        Self { cluster: Some(cluster), reaper, database }
    }

    /// Stops Postgres as `pg_ctl stop -m immediate` does: no transaction is finished, nothing is written any more.
    pub async fn begin(&mut self) {
        let cluster = self.cluster.take().unwrap();
        let pid = Pid::from_raw(i32::try_from(cluster.pid()).unwrap()).unwrap();
        kill_process(pid, Signal::QUIT).unwrap();
        cluster.stop().await.unwrap();
    }

    /// Starts it again.
    pub async fn end(&mut self) {
        self.cluster = Some(Cluster::start(self.reaper.folder(), DURABLE).await.unwrap());
    }

    /// Stops all its processes where they are: whoever asks gets no answer, and no error either.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let Some(cluster) = &self.cluster else { return };
        let postmaster = cluster.pid();
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let pids = processes.filter_map(|p| p.file_name().to_str()?.parse::<u32>().ok());
        let of_it = |pid: &u32| *pid == postmaster || parent(*pid) == Some(postmaster);
        // The postmaster first, so that it makes no more of them.
        for pid in std::iter::once(postmaster).chain(pids.filter(of_it)) {
            // It may have ended just now.
            let _ = kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal);
        }
    }
}

impl Drop for Outage {
    fn drop(&mut self) {
        self.thaw();
    }
}

fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}
