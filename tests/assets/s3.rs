//! In S3 services that others wrote: the Python package moto and the crate s3s-fs, which `make e2e` installs.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use futures::stream;
use landlord::proto::v1;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tonic::Code;

use super::store::{ACCESS_KEY, SECRET_KEY, s3};
use crate::support::assets::{header, messages, noise};
use crate::support::client::assert_refused;
use crate::support::server::TestServer;

/// A service that runs as long as the test, with a bucket.
pub struct Service {
    pub address: String,
    _process: Child,
    _folder: TempDir,
}

impl Service {
    /// The Python package moto, which takes any key.
    pub async fn moto() -> Self {
        let moto = Self::start("moto_server", &["-H", "127.0.0.1", "-p", "0"], "Running on http://").await;
        assert!(moto.ask("PUT", "/landlord").await.starts_with("HTTP/1.1 200"));
        moto
    }

    /// The crate s3s-fs, which checks signatures.
    pub async fn s3s() -> Self {
        let listen = ["--host", "127.0.0.1", "--port", "0", "--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY];
        Self::start("s3s-fs", &[&listen[..], &["."]].concat(), "running at http://").await
    }

    /// Starts a program in a folder of its own, which has one for the bucket, and waits until it says where it serves.
    async fn start(program: &str, arguments: &[&str], serves: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("landlord")).unwrap();
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/bin").join(program);
        let mut process = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 2>&1"])
            .arg(program)
            .args(arguments)
            .current_dir(folder.path())
            .env("RUST_LOG", "s3s_fs=info")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = tokio::time::timeout(Duration::from_secs(60), async {
            loop {
                let line = lines.next_line().await.unwrap().expect("make e2e installs it");
                if let Some((_, address)) = line.split_once(serves) {
                    return address.trim().to_owned();
                }
            }
        });
        let address = address.await.expect("it serves within a minute");
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { address, _process: process, _folder: folder }
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
    let moto = Service::moto().await;
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
