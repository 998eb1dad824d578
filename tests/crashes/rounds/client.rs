//! A client that turns to the other replica when one gives no answer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use landlord::client::Client;
use tonic::Status;
use tonic::transport::Endpoint;

use crate::crashes::life::Replicas;
use crate::support::client::{Api, eventually, refusal};
use crate::support::server::PASSWORD;

/// How long a call may take before the other replica is asked.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where the two replicas listen, as far as that is known.
#[derive(Clone, Default)]
pub struct Addresses(Arc<Mutex<[Option<SocketAddr>; 2]>>);

impl Addresses {
    /// The replica listens there from now on; None: it is gone.
    pub fn set(&self, replica: usize, address: Option<SocketAddr>) {
        self.0.lock().unwrap()[replica] = address;
    }

    fn get(&self, replica: usize) -> Option<SocketAddr> {
        self.0.lock().unwrap()[replica]
    }
}

/// The client of one life.
pub struct Turning {
    addresses: Addresses,
    replica: usize,
    connected: Option<(SocketAddr, Client)>,
    token: Option<String>,
}

impl Turning {
    /// One that begins with that replica.
    pub fn new(addresses: Addresses, replica: usize) -> Self {
        Self { addresses, replica, connected: None, token: None }
    }

    fn turn(&mut self) {
        self.replica = 1 - self.replica;
        self.connected = None;
    }

    async fn try_operator(&mut self) -> Option<Api> {
        let address = self.addresses.get(self.replica)?;
        let client = match &self.connected {
            Some((connected, client)) if *connected == address => client.clone(),
            _ => {
                let endpoint = Endpoint::new(format!("http://{address}")).unwrap();
                let client = Client::connect(endpoint.connect_timeout(PATIENCE).timeout(PATIENCE)).await.ok()?;
                self.connected = Some((address, client.clone()));
                client
            }
        };
        let api = Api { client };
        if self.token.is_none() {
            let session = api.session("operator@infrastructure", PASSWORD).await;
            let session = session.map_err(|status| assert_no_answer(&status)).ok()?;
            self.token = Some(session.access_token);
        }
        Some(api.with_token(self.token.as_ref()?))
    }
}

impl Replicas for Turning {
    async fn operator(&mut self) -> Api {
        let turning = tokio::sync::Mutex::new(self);
        eventually("a replica that serves", || async {
            let mut turning = turning.lock().await;
            let api = turning.try_operator().await;
            if api.is_none() {
                turning.turn();
            }
            api
        })
        .await
    }

    async fn no_answer(&mut self, status: &Status) {
        assert_no_answer(status);
        self.turn();
    }
}

/// Wants it to be the connection that failed, or the database that was away, and no refusal.
fn assert_no_answer(status: &Status) {
    let (_, reason) = refusal(status);
    assert!(["", "STORE_UNAVAILABLE", "SHUTTING_DOWN"].contains(&reason.as_str()), "an answer: {status:?}");
}
