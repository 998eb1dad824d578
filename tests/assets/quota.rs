//! The quota of a tenant's disk: reserved before a byte is stored, settled when it is.

use futures::stream;
use landlord::proto::v1;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::support::assets::{first, header, messages, noise};
use crate::support::client::{Api, assert_refused};
use crate::support::lifecycle::facts;
use crate::support::server::TestServer;

async fn set_quota(operator: &Api, tenant: &str, bytes: Option<i64>) {
    let limits = v1::TenantLimits { name: format!("{tenant}/limits"), disk_quota_bytes: bytes, ..Default::default() };
    operator.set_limits(limits, &["disk_quota_bytes"]).await.unwrap();
}

async fn used(operator: &Api, tenant: &str) -> i64 {
    operator.limits(&format!("{tenant}/limits")).await.unwrap().storage_bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_announced_is_reserved_and_what_is_stored_counts_once_for_each_content() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    set_quota(&operator, &acme, Some(1000)).await;
    let (large, small) = (noise(700, 1), noise(300, 2));
    let one = anna.new_asset(&acme, "one", &large).await;
    assert_eq!(used(&operator, &acme).await, 700);
    let again = anna.new_asset(&acme, "small", &small).await;
    assert_eq!(used(&operator, &acme).await, 1000, "to the last byte");
    let status = assert_refused(
        anna.upload(header(&acme, "x", b"x"), b"x").await,
        Code::ResourceExhausted,
        "DISK_QUOTA_EXCEEDED",
    );
    assert_eq!((facts(&status)["left"].as_str(), facts(&status)["limit"].as_str()), ("0", "1000"));
    anna.new_asset(&acme, "nothing", b"").await;

    set_quota(&operator, &acme, Some(1700)).await;
    let two = anna.new_asset(&acme, "two", &large).await;
    assert_eq!(used(&operator, &acme).await, 1000, "the same content takes no more room");
    anna.remove_asset(&one.name).await.unwrap();
    assert_eq!(used(&operator, &acme).await, 1000, "another asset has it");
    anna.remove_asset(&two.name).await.unwrap();
    assert_eq!(used(&operator, &acme).await, 300);
    anna.remove_asset(&again.name).await.unwrap();
    assert_eq!(used(&operator, &acme).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_are_under_way_have_their_room_and_of_two_for_the_last_room_one_gets_it() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    set_quota(&operator, &acme, Some(1000)).await;
    let content = noise(600, 1);
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let slow = {
        let anna = anna.clone();
        tokio::spawn(async move { anna.send(ReceiverStream::new(receiver)).await })
    };
    sender.send(first(header(&acme, "slow", &content))).await.unwrap();
    server.until_there_is("uploads").await;
    assert_eq!(used(&operator, &acme).await, 600, "before a byte of it has come");
    let other = noise(401, 2);
    let refused = anna.upload(header(&acme, "other", &other), &other).await;
    assert_refused(refused, Code::ResourceExhausted, "DISK_QUOTA_EXCEEDED");
    anna.upload(header(&acme, "fits", &other[..400]), &other[..400]).await.unwrap();
    for message in messages(header(&acme, "slow", &content), &content, 0).split_off(1) {
        sender.send(message).await.unwrap();
    }
    drop(sender);
    slow.await.unwrap().unwrap();
    assert_eq!(used(&operator, &acme).await, 1000);

    for name in
        anna.list_assets(v1::ListAssetsRequest { parent: acme.clone(), ..Default::default() }).await.unwrap().assets
    {
        anna.remove_asset(&name.name).await.unwrap();
    }
    let contents: Vec<_> = (0..8).map(|seed| noise(600, 10 + seed)).collect();
    let answers =
        futures::future::join_all(contents.iter().map(|content| anna.upload(header(&acme, "raced", content), content)));
    let (got, refused): (Vec<_>, Vec<_>) = answers.await.into_iter().partition(Result::is_ok);
    assert_eq!(got.len(), 1);
    for answer in refused {
        assert_refused(answer, Code::ResourceExhausted, "DISK_QUOTA_EXCEEDED");
    }
    assert_eq!(used(&operator, &acme).await, 600);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_room_of_an_upload_that_fails_or_is_given_up_is_free_again() {
    let options = [("objects.upload_hours", "1".into()), ("housekeeping_seconds", "1".into())];
    let server = TestServer::with(&options).await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let content = noise(600, 1);
    let wrong = v1::UploadAssetHeader { sha256: "0".repeat(64), ..header(&acme, "wrong", &content) };
    assert_refused(anna.upload(wrong, &content).await, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(used(&operator, &acme).await, 0);

    let cut = anna.send(stream::iter([first(header(&acme, "cut off", &content))])).await;
    assert_refused(cut, Code::Aborted, "UPLOAD_INTERRUPTED");
    assert_eq!(used(&operator, &acme).await, 0, "nobody can name it, so nobody goes on with it");
    let request_id = uuid::Uuid::new_v4().to_string();
    let named = v1::UploadAssetHeader { request_id, ..header(&acme, "cut off", &content) };
    assert_refused(anna.send(stream::iter([first(named)])).await, Code::Aborted, "UPLOAD_INTERRUPTED");
    assert_eq!(used(&operator, &acme).await, 600, "it may go on");
    let sql = server.database.connect("postgres").await;
    sql.batch_execute("UPDATE uploads SET expires_at = now() - interval '1 second'").await.unwrap();
    server.until("SELECT count(*) = 0 FROM uploads").await;
    assert_eq!(used(&operator, &acme).await, 0);
}
