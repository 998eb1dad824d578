//! In an S3 service that others wrote: the Python package moto, which tests/tools/moto.sh installs.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use futures::stream;
use landlord::proto::v1;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tonic::Code;

use super::store::s3;
use crate::support::assets::{header, messages, noise};
use crate::support::client::assert_refused;
use crate::support::server::TestServer;

/// A service that runs as long as the test, with a bucket.
pub struct Moto {
    pub address: String,
    _process: Child,
}

impl Moto {
    pub async fn start() -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/bin/moto_server");
        let mut process = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("sh tests/tools/moto.sh installs it");
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = tokio::time::timeout(Duration::from_secs(60), async {
            loop {
                let line = lines.next_line().await.unwrap().expect("it serves");
                if let Some((_, address)) = line.split_once("Running on http://") {
                    return address.trim().to_owned();
                }
            }
        });
        let address = address.await.expect("it serves within a minute");
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let moto = Self { address, _process: process };
        assert!(moto.ask("PUT", "/landlord").await.starts_with("HTTP/1.1 200"));
        moto
    }

    /// A request that is not signed.
    async fn ask(&self, method: &str, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(&self.address).await.unwrap();
        let host = &self.address;
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// The keys of all objects.
    pub async fn keys(&self) -> Vec<String> {
        let listed = self.ask("GET", "/landlord?list-type=2").await;
        listed.split("<Key>").skip(1).map(|rest| rest.split("</Key>").next().unwrap().to_owned()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto: make e2e"]
async fn e2e_content_is_kept_resumed_and_collected_in_a_real_bucket() {
    let moto = Moto::start().await;
    let mut options = s3(&format!("http://{}", moto.address));
    options.extend([("objects.timeout_seconds", "20".into()), ("objects.keep_unused_seconds", "0".into())]);
    options.push(("housekeeping_seconds", "1".into()));
    let server = TestServer::with(&options).await;
    let (acme, anna) = server.administrator("Acme").await;
    let content = noise((8 << 20) + 500_000, 1);
    let request_id = uuid::Uuid::new_v4().to_string();
    let upload = format!("{acme}/uploads/{request_id}");
    let announced = v1::UploadAssetHeader { request_id, ..header(&acme, "large", &content) };
    let some = messages(announced.clone(), &content[..(8 << 20) + 300_000], 0);
    assert_refused(anna.send(stream::iter(some)).await, Code::Aborted, "UPLOAD_INTERRUPTED");
    let at = usize::try_from(anna.get_upload(&upload).await.unwrap().received).unwrap();
    assert_eq!(at, (8 << 20) + 300_000);
    let made = anna.send(stream::iter(messages(announced, &content, at))).await.unwrap().unwrap();
    assert!(anna.download(&made.name, 0).await.unwrap().1 == content);
    let keys = moto.keys().await;
    assert_eq!(keys.iter().filter(|key| key.starts_with("some/where/blobs/")).count(), 3, "{keys:?}");
    assert_eq!(keys.len(), 3 + 1 + 1, "and a key, and the probe");
    anna.remove_asset(&made.name).await.unwrap();
    server.until("SELECT count(*) = 0 FROM blobs").await;
    assert_eq!(moto.keys().await.len(), 1 + 1);
    server.operator().await.delete_fully(&acme).await;
    assert_eq!(moto.keys().await, ["some/where/probe"]);
}
