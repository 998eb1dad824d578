//! Where rounds take place: a durable Postgres, and two replicas at once on it.

use std::os::unix::process::ExitStatusExt as _;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use rustix::process::Signal;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::client::{Addresses, Turning};
use super::plan::{self, Fault, Round};
use crate::crashes::books::{self, Account};
use crate::crashes::life::Life;
use crate::crashes::obstacles;
use crate::crashes::stand::Scene;
use crate::support::client::eventually;
use crate::support::outage::Outage;
use crate::support::process::Process;
use crate::support::random::Random;

/// Lives that are led at the same time.
const LIVES: u64 = 2;
/// Lives one after the other until the fault has struck, at most.
const MOST: usize = 40;

/// Rounds take place here, one after the other.
pub struct Arena {
    replicas: [Option<Process>; 2],
    addresses: Addresses,
    outage: Outage,
    scene: Arc<Scene>,
    _mail: TempDir,
    /// The tenants of lives that ended without a deletion.
    kept: Vec<(String, Account)>,
}

impl Arena {
    /// A new one.
    pub async fn new() -> Self {
        let (outage, mail) = (Outage::new().await, tempfile::tempdir().unwrap());
        let scene = Scene::new(outage.database.clone(), mail.path().to_owned()).await;
        let (replicas, addresses) = ([None, None], Addresses::default());
        Self { replicas, addresses, outage, scene: Arc::new(scene), _mail: mail, kept: Vec::new() }
    }

    /// Leads lives until the round's fault has struck and is over, and those that were begun by then to their ends. Then
    /// the books must be right.
    pub async fn run(&mut self, round: &Round) {
        self.prepare(&round.fault).await;
        let over = CancellationToken::new();
        let lives = lead_lives(self.scene.clone(), self.addresses.clone(), round, over.clone());
        let strike = async {
            self.strike(&round.fault).await;
            over.cancel();
        };
        let (accounts, ()) = futures::join!(lives, strike);
        if let Fault::Stopped(visit) = round.fault {
            self.drain(visit.replica).await;
        }
        for (code, account) in accounts {
            books::check(&self.scene.database, &code, &account).await;
            if account.remains.is_some() {
                self.kept.push((code, account));
            }
        }
    }

    /// Wants every tenant that should be there after all rounds to be as it was at the end of its own.
    pub async fn close(self) {
        for (code, account) in &self.kept {
            books::check(&self.scene.database, code, account).await;
        }
    }

    /// Sees to it that both replicas run, and that the one where the fault strikes knows of it.
    async fn prepare(&mut self, fault: &Fault) {
        for replica in 0..self.replicas.len() {
            let environment = fault.environment(replica);
            if environment.is_some() {
                self.kill(replica).await;
            }
            if self.replicas[replica].is_none() {
                self.start(replica, environment).await;
            }
        }
    }

    async fn start(&mut self, replica: usize, environment: Option<(&'static str, String)>) {
        let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut options = self.scene.options();
        // What one replica does not do at once, the other one finds soon enough.
        options.push(("operations.poll_ms", "200".into()));
        let process = Process::with(&self.scene.database, &environment, &options).await;
        self.addresses.set(replica, process.as_ref().map(|process| process.address));
        self.replicas[replica] = process;
    }

    async fn kill(&mut self, replica: usize) {
        if let Some(mut process) = self.replicas[replica].take() {
            process.kill().await;
        }
        self.addresses.set(replica, None);
    }

    async fn strike(&mut self, fault: &Fault) {
        match *fault {
            Fault::Killed(visit) => self.killed(visit.replica).await,
            Fault::AllKilled(visit) => {
                self.killed(visit.replica).await;
                self.kill(1 - visit.replica).await;
                self.start(visit.replica, None).await;
                self.start(1 - visit.replica, None).await;
            }
            Fault::KilledAnywhere { replica, after } => {
                // A moment and no condition: what is not thought of has no name.
                tokio::time::sleep(after).await;
                self.kill(replica).await;
            }
            Fault::Stopped(visit) => {
                let process = self.stopped(visit.replica).await;
                others_have_all(&self.scene).await;
                process.signal(Signal::CONT);
            }
            Fault::PostgresStopped { after } => {
                tokio::time::sleep(after).await;
                self.outage.begin().await;
                self.outage.end().await;
            }
            Fault::PostgresStoppedAt(visit) => {
                self.stopped(visit.replica).await;
                self.outage.begin().await;
                self.outage.end().await;
                self.replicas[visit.replica].as_ref().unwrap().signal(Signal::CONT);
            }
        }
    }

    /// Waits until the replica has killed itself, for as many lives as that takes; it may have done so before it served.
    async fn killed(&mut self, replica: usize) {
        if let Some(mut process) = self.replicas[replica].take() {
            assert_eq!(process.end().await.signal(), Some(Signal::KILL.as_raw()));
        }
        self.addresses.set(replica, None);
    }

    /// Waits until the replica has stopped itself.
    async fn stopped(&self, replica: usize) -> &Process {
        let process = self.replicas[replica].as_ref().unwrap();
        while !process.is_stopped() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        process
    }

    /// Takes the replica down in order, which ends whatever it still tries to do.
    async fn drain(&mut self, replica: usize) {
        self.addresses.set(replica, None);
        let mut process = self.replicas[replica].take().unwrap();
        process.signal(Signal::TERM);
        assert!(process.exit().await.success());
    }
}

/// Leads lives, several at a time, until it is over; gives their tenants and what their clients were told.
async fn lead_lives(
    scene: Arc<Scene>,
    addresses: Addresses,
    round: &Round,
    over: CancellationToken,
) -> Vec<(String, Account)> {
    let place = round.fault.visit().map(|visit| visit.place);
    let lives = (0..LIVES).map(|lane| {
        let (scene, addresses, over) = (&scene, &addresses, &over);
        async move {
            let mut random = Random::new(round.seed ^ lane);
            let mut accounts = Vec::new();
            while accounts.is_empty() || !over.is_cancelled() {
                assert!(accounts.len() < MOST, "it never struck");
                let name = format!("Life {:05} {lane} {:02}", round.number, accounts.len());
                let deeds = plan::deeds(&mut random, place);
                let mut client = Turning::new(addresses.clone(), random.below(2));
                accounts.push(Life::new(scene, &mut client, &name).lead(&deeds).await);
            }
            accounts
        }
    });
    join_all(lives).await.concat()
}

/// Waits until whatever is worked on now has ended or is in other hands, and any lease of now is over.
async fn others_have_all(scene: &Scene) {
    let db = obstacles::connect(&scene.database).await;
    let claims = "SELECT clock_timestamp()::text, coalesce(array_agg(id || ' ' || epoch), '{}') FROM operations
                  WHERE owner IS NOT NULL";
    let row = db.query_one(claims, &[]).await.unwrap();
    let (now, claims): (String, Vec<String>) = (row.get(0), row.get(1));
    let over = "SELECT clock_timestamp() > $1::text::timestamptz + interval '1 second' AND NOT EXISTS (
                    SELECT FROM operations WHERE ended_at IS NULL AND id || ' ' || epoch = ANY ($2))";
    eventually("other hands", || async {
        let over: bool = db.query_one(over, &[&now, &claims]).await.unwrap().get(0);
        over.then_some(())
    })
    .await;
}
