//! With a provider that others wrote: the npm package oidc-provider, which tests/tools/oidc-provider.sh installs.

use std::path::Path;
use std::process::Stdio;

use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use landlord::proto::v1;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tonic::Code;

use super::issuer::AUDIENCE;
use super::record;
use crate::support::client::{assert_refused, eventually};
use crate::support::server::TestServer;

/// The provider, as long as the test runs.
struct RealProvider {
    /// `iss` of its tokens, and where it is.
    url: String,
    _process: Child,
}

impl RealProvider {
    /// One that signs with a key of its own for each of these algorithms.
    async fn start() -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/bin/oidc-provider");
        let mut process = Command::new(program)
            .arg(AUDIENCE)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("sh tests/tools/oidc-provider.sh installs it");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let url = loop {
            let line = lines.next_line().await.unwrap().expect("its address");
            if line.starts_with("http://") {
                break line;
            }
        };
        Self { url, _process: process }
    }

    /// An access token by client credentials, signed by that algorithm.
    async fn token(&self, algorithm: &str) -> String {
        let authority = self.url.strip_prefix("http://").unwrap();
        let stream = TcpStream::connect(authority).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let resource = format!("urn:landlord:{algorithm}");
        let form =
            format!("grant_type=client_credentials&client_id=robot&client_secret=hunter2-and-more&resource={resource}");
        let request = http::Request::post("/token")
            .header("host", authority)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::<bytes::Bytes>::from(form))
            .unwrap();
        let answer = sender.send_request(request).await.unwrap();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        connection.abort();
        let answer: serde_json::Value = serde_json::from_slice(&body).unwrap();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

#[tokio::test]
#[ignore = "needs another program: `make e2e`"]
async fn e2e_tokens_of_a_real_provider_count_by_each_algorithm() {
    let provider = RealProvider::start().await;
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let algorithms = ["RS256", "PS256", "ES256", "EdDSA"];
    operator.create_provider("real", record(&provider.url, &algorithms)).await.unwrap();
    let robot = anna.new_user(&acme, "robot").await.unwrap().name;
    anna.link(&robot, "identityProviders/real", "robot").await.unwrap();
    for algorithm in algorithms {
        let token = provider.token(algorithm).await;
        let header = jsonwebtoken::decode_header(&token).unwrap();
        assert_eq!(format!("{:?}", header.alg), algorithm, "the provider signs as it is asked to");
        // A token of the second in which the tenant was unlocked for the first time is too old.
        let bearer = eventually("a token of it counts", || async {
            let bearer = server.anonymous().await.with_token(&provider.token(algorithm).await);
            bearer.who().await.ok().map(|_| bearer)
        })
        .await;
        assert_eq!(bearer.who().await.unwrap().user, robot, "{algorithm}");
        let session = server.anonymous().await.session_by(&token).await.unwrap();
        assert_eq!(session.user, robot);
    }
    // What the record does not have does not count, whatever the provider says.
    let fewer = v1::IdentityProvider { name: "identityProviders/real".into(), ..record("", &["EdDSA"]) };
    operator.update_provider(fewer).await.unwrap();
    let refused = server.anonymous().await.with_token(&provider.token("RS256").await).who().await;
    assert_refused(refused, Code::Unauthenticated, "TOKEN_INVALID");
    server.anonymous().await.with_token(&provider.token("EdDSA").await).who().await.unwrap();
    operator.delete_provider("identityProviders/real").await.unwrap();
    let gone = server.anonymous().await.with_token(&provider.token("EdDSA").await).who().await;
    assert_refused(gone, Code::Unauthenticated, "TOKEN_INVALID");
}
