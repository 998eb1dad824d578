//! Nothing lies in the store as it is, and without its key nobody reads it.

use tonic::Code;

use super::collect::files;
use crate::support::assets::{header, noise};
use crate::support::client::assert_refused;
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_anybody_said_stands_in_the_store_and_two_tenants_same_content_looks_different() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, bert) = server.another("Beta", "bert").await;
    let secret = b"the canary sings in the mine ".repeat(100);
    anna.upload(header(&acme, "secret name", &secret), &secret).await.unwrap();
    bert.upload(header(&beta, "secret name", &secret), &secret).await.unwrap();
    let stored = files(server.database.objects());
    assert_eq!(stored.len(), 2 + 2 + 1, "a key and a part for each tenant, and the probe");
    let bodies: Vec<_> = stored.iter().map(|file| std::fs::read(file).unwrap()).collect();
    for (file, body) in stored.iter().zip(&bodies) {
        for word in [&b"canary"[..], b"secret", b"anna"] {
            assert!(!body.windows(word.len()).any(|part| part == word), "{}", file.display());
            assert!(!file.display().to_string().contains("secret"));
        }
    }
    let sql = server.database.connect("postgres").await;
    let contents = sql.query("SELECT content FROM blobs", &[]).await.unwrap();
    let [one, two] = &contents[..] else { panic!("two blobs") };
    assert_ne!(one.get::<_, Vec<u8>>(0), two.get::<_, Vec<u8>>(0), "nobody learns what another tenant has");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_key_content_is_refused_with_what_is_missing_and_comes_back_with_it() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let made = anna.new_asset(&acme, "report", b"figures").await;
    let [key] = &files(&server.database.objects().join("keys"))[..] else { panic!("one key") };
    let body = std::fs::read(key).unwrap();
    std::fs::remove_file(key).unwrap();
    let other = TestServer::on(server.database.clone(), &[]).await;
    let there = other.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    let status = assert_refused(there.download(&made.name, 0).await, Code::FailedPrecondition, "KEY_UNAVAILABLE");
    assert!(status.message().contains("bring back the root key"), "{}", status.message());
    assert_refused(there.upload(header(&acme, "x", b"x"), b"x").await, Code::FailedPrecondition, "KEY_UNAVAILABLE");
    there.asset(&made.name).await.expect("what is known of it needs no key");
    let mut damaged = body.clone();
    damaged[20] ^= 1;
    std::fs::write(key, &damaged).unwrap();
    assert_refused(there.download(&made.name, 0).await, Code::FailedPrecondition, "KEY_UNAVAILABLE");
    std::fs::write(key, &body).unwrap();
    assert_eq!(there.download(&made.name, 0).await.unwrap().1, b"figures");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_tenant_takes_its_key_and_its_content_along() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, bert) = server.another("Beta", "bert").await;
    anna.new_asset(&acme, "report", &noise(9 << 20, 1)).await;
    anna.new_asset(&acme, "another", &noise(1000, 2)).await;
    let theirs = bert.new_asset(&beta, "theirs", b"theirs").await;
    let operator = server.operator().await;
    operator.delete_fully(&acme).await;
    let left = files(server.database.objects());
    assert_eq!(left.len(), 2 + 1, "Beta's key and part, and the probe: {left:?}");
    assert_eq!(bert.download(&theirs.name, 0).await.unwrap().1, b"theirs");
    let sql = server.database.connect("postgres").await;
    for table in ["assets", "blobs", "blob_parts", "uploads"] {
        let rows = sql.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await.unwrap();

        assert_eq!(rows.get::<_, i64>(0), 1, "Beta has one of the {table}");
    }
    let destroyed =
        sql.query_one("SELECT count(*) FROM tenant_keys WHERE destroyed_at IS NOT NULL", &[]).await.unwrap();
    assert_eq!(destroyed.get::<_, i64>(0), 1, "that there was one is known");
}
