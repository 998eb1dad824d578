//! Messages that are none: whoever sends them is told so, and nobody else notices.

use tonic::transport::{Channel, Endpoint};

use crate::support::raw::{Answer, call};
use crate::support::server::{PASSWORD, TestServer};

const GET_TENANT: &str = "/landlord.v1.TenantService/GetTenant";
/// `name: "tenants/infrastructure"`.
const INFRASTRUCTURE: &[u8] = b"\x0a\x16tenants/infrastructure";
/// The begin and the end of a group, which is a field that the message does not know and may have others within.
const GROUP: [u8; 2] = [0x7b, 0x7c];

/// An operator with a server and a connection of its own.
struct Sender {
    _server: TestServer,
    channel: Channel,
    token: String,
}

impl Sender {
    async fn start() -> Self {
        let server = TestServer::start().await;
        let channel = Endpoint::new(format!("http://{}", server.address)).unwrap().connect().await.unwrap();
        let session = server.anonymous().await.session("operator@infrastructure", PASSWORD).await.unwrap();
        Self { _server: server, channel, token: session.access_token }
    }

    async fn send(&self, message: &[u8]) -> Answer {
        call(&self.channel, GET_TENANT, Some(&self.token), false, None, message.to_vec()).await
    }

    /// Wants the message to be refused, and what is said, and another one on the same connection to be answered.
    async fn is_refused(&self, message: &[u8], said: &str) {
        let answer = self.send(message).await;
        assert_eq!(answer.outcome, "FIELDS_INVALID", "{}", answer.text);
        assert!(answer.text.contains(said), "{}", answer.text);
        assert_eq!(self.send(INFRASTRUCTURE).await.outcome, "ok");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_utf_8_is_refused() {
    let sender = Sender::start().await;
    sender.is_refused(b"\x0a\x01\xff", "UTF-8").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_message_is_refused() {
    let sender = Sender::start().await;
    for length in 1..INFRASTRUCTURE.len() {
        sender.is_refused(&INFRASTRUCTURE[..length], "can't be decoded").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nesting_of_101_is_refused_and_of_100_is_not() {
    let sender = Sender::start().await;
    let nested = |depth| [INFRASTRUCTURE, &[GROUP[0]].repeat(depth), &[GROUP[1]].repeat(depth)].concat();
    assert_eq!(sender.send(&nested(100)).await.outcome, "ok");
    sender.is_refused(&nested(101), "recursion limit").await;
}
