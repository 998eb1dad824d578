//! One replica until it is killed, then another.

use tonic::Status;

use super::books;
use super::life::Replicas;
use super::stand::{Stand, operator};
use crate::support::client::Api;
use crate::support::process::Process;
use crate::support::server::TestServer;

/// The replica that is to be killed, and what comes after it.
pub struct Relay<'a> {
    stand: &'a Stand,
    api: Option<Api>,
    victim: Option<Process>,
    survivor: Option<TestServer>,
    /// The kind of operation at which the replica was killed, if it was.
    pub killed_at: Option<String>,
}

impl<'a> Relay<'a> {
    /// Begins with `victim`. None: it was killed before it served.
    pub async fn new(stand: &'a Stand, victim: Option<Process>) -> Self {
        let api = match &victim {
            Some(victim) => operator(victim.address).await,
            None => None,
        };
        let mut relay = Self { stand, api, victim, survivor: None, killed_at: None };
        if relay.api.is_none() {
            relay.go_on("log-in").await;
        }
        relay
    }

    /// Finds that the replica was killed, and goes on with another.
    async fn go_on(&mut self, failure: &str) {
        println!("no answer: {failure}");
        if let Some(mut victim) = self.victim.take() {
            assert_eq!(victim.ended().await, Some(9), "{failure}");
        }
        assert!(self.survivor.is_none(), "nothing happens to the survivor: {failure}");
        self.killed_at = Some(books::worked_on(&self.stand.scene.database).await);
        let survivor = self.stand.survivor().await;
        self.api = Some(survivor.operator().await);
        self.survivor = Some(survivor);
    }
}

impl Replicas for Relay<'_> {
    async fn operator(&mut self) -> Api {
        self.api.clone().unwrap()
    }

    async fn no_answer(&mut self, status: &Status) {
        self.go_on(&format!("{status:?}")).await;
    }
}
