//! An upload goes on after whatever broke it off.

use futures::stream;
use landlord::proto::v1;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::support::assets::{first, header, messages, noise};
use crate::support::client::{Api, assert_refused};
use crate::support::lifecycle::{ADMIN_PASSWORD, facts};
use crate::support::process::Process;
use crate::support::server::TestServer;

const PART: usize = 8 << 20;

/// A header that can be gone on with, and the name of its upload.
fn resumable(parent: &str, content: &[u8]) -> (v1::UploadAssetHeader, String) {
    let request_id = uuid::Uuid::new_v4().to_string();
    let upload = format!("{parent}/uploads/{request_id}");
    (v1::UploadAssetHeader { request_id, ..header(parent, "large", content) }, upload)
}

/// Sends what is before a byte, and then nothing more.
async fn break_off(api: &Api, header: v1::UploadAssetHeader, content: &[u8], at: usize) {
    let some = messages(header, &content[..at], 0);
    let status = assert_refused(api.send(stream::iter(some)).await, Code::Aborted, "UPLOAD_INTERRUPTED");
    assert!(status.message().starts_with(&format!("the chunks ended at byte {at} of {}", content.len())));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_from_the_byte_that_is_told_on_any_replica() {
    let first_server = TestServer::start().await;
    let (acme, anna) = first_server.administrator("Acme").await;
    let second = TestServer::on(first_server.database.clone(), &[]).await;
    let there = second.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    let content = noise(2 * PART + 1_000_000, 11);
    let (header, upload) = resumable(&acme, &content);
    assert_refused(anna.get_upload(&upload).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    break_off(&anna, header.clone(), &content, PART + 700_000).await;
    let found = there.get_upload(&upload).await.unwrap();
    assert_eq!((found.size, found.result.as_str()), (i64::try_from(content.len()).unwrap(), ""));
    assert_eq!(found.received, i64::try_from(PART + 700_000).unwrap(), "what is worth it is kept");
    let nothing_more = there.send(stream::iter([first(header.clone())])).await;
    let status = assert_refused(nothing_more, Code::Aborted, "UPLOAD_INTERRUPTED");
    assert!(status.message().contains(&format!("at byte {} of", found.received)), "{}", status.message());
    let at = usize::try_from(there.get_upload(&upload).await.unwrap().received).unwrap();
    let wrong = there.send(stream::iter(messages(header.clone(), &content, at - 1))).await;
    let status = assert_refused(wrong, Code::OutOfRange, "UPLOAD_OFFSET_MISMATCH");
    assert_eq!(facts(&status)["offset"], at.to_string());
    let made = there.send(stream::iter(messages(header.clone(), &content, at))).await.unwrap().unwrap();
    assert!(anna.download(&made.name, 0).await.unwrap().1 == content);
    assert_eq!(anna.get_upload(&upload).await.unwrap().result, made.name);
    let another = v1::UploadAssetHeader { display_name: "other".into(), ..header };
    assert_refused(anna.send(stream::iter([first(another)])).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_taken_over_adds_nothing_more() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let content = noise(2 * PART, 12);
    let (header, _) = resumable(&acme, &content);
    let begin = || {
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        let anna = anna.clone();
        (sender, tokio::spawn(async move { anna.send(ReceiverStream::new(receiver)).await }))
    };
    let mut messages = messages(header.clone(), &content, 0).into_iter();
    let (old, outcome) = begin();
    old.send(messages.next().unwrap()).await.unwrap();
    server.until("SELECT count(*) = 1 FROM uploads WHERE attempt = 1").await;
    let (new, made) = begin();
    new.send(first(header)).await.unwrap();
    server.until("SELECT count(*) = 1 FROM uploads WHERE attempt = 2").await;

    let rest: Vec<_> = messages.collect();
    for message in &rest {
        // Its end is the answer to a part that it has no right to any more, so not all of them are taken.
        if old.send(message.clone()).await.is_err() {
            break;
        }
    }
    assert_refused(outcome.await.unwrap(), Code::Aborted, "UPLOAD_INTERRUPTED");
    server.until("SELECT count(*) = 0 FROM blob_parts").await;
    for message in rest {
        new.send(message).await.unwrap();
    }
    drop(new);
    let made = made.await.unwrap().unwrap().unwrap();
    assert_eq!(anna.assets(&acme, "").await.unwrap(), ["large"]);
    assert!(anna.download(&made.name, 0).await.unwrap().1 == content);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_others_uploads_nobody_learns_anything() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, bert) = server.another("Beta", "bert").await;
    let content = noise(1_000_000, 13);
    let (header, upload) = resumable(&acme, &content);
    break_off(&anna, header.clone(), &content, 500_000).await;
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    anna.give(&anna.role_named(&acme, "Administrator").await, &[&ben]).await.unwrap();
    let ben = server.enter("ben@acme").await;
    for other in [&ben, &bert] {
        assert_refused(other.get_upload(&upload).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    }
    let own = v1::UploadAssetHeader { parent: beta.clone(), ..header.clone() };
    let made = bert.upload(own, &content).await.expect("the same id is another one for another caller");
    assert!(made.name.starts_with(&beta));
    ben.upload(header, &content).await.expect("in the same tenant, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_kills_the_replica_the_upload_goes_on_elsewhere_and_is_there_once() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let content = noise(PART + 300_000, 14);
    for place in [
        "upload.begun",
        "objects.put.before",
        "objects.put.after",
        "upload.part.written",
        "upload.received",
        "call.committed",
    ] {
        let mut victim = Process::start(&server.database, &[("LANDLORD_KILL_AT", place)]).await;
        let there = Api::connect(victim.address).await.log_in("anna@acme", ADMIN_PASSWORD).await;
        let (header, upload) = resumable(&acme, &content);
        let header = v1::UploadAssetHeader { display_name: place.into(), ..header };
        let lost = there.send(stream::iter(messages(header.clone(), &content, 0))).await;
        assert!(lost.is_err(), "{place}");
        assert_eq!(victim.ended().await, Some(9), "{place}");
        let at = match anna.get_upload(&upload).await {
            Ok(found) if !found.result.is_empty() => content.len(),
            Ok(found) => usize::try_from(found.received).unwrap(),
            Err(_) => 0,
        };
        let made = anna.send(stream::iter(messages(header, &content, at))).await.unwrap().unwrap();
        assert!(anna.download(&made.name, 0).await.unwrap().1 == content, "{place}");
        let named = anna.assets(&acme, &format!("display_name = \"{place}\"")).await.unwrap();
        assert_eq!(named, [place], "it is there once");
        anna.remove_asset(&made.name).await.unwrap();
    }
}
