//! Content comes back as it went in, and what is not as it was announced is refused.

use futures::stream;
use landlord::proto::v1;
use tonic::{Code, Status};
use v1::upload_asset_request::Content;

use crate::support::assets::{chunk, first, header, messages, noise, sha256};
use crate::support::client::{Api, assert_refused, fields};
use crate::support::server::TestServer;

const PART: usize = 8 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn content_of_any_size_comes_back_as_it_went_in_from_any_byte_on() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    for bytes in [0, 1, 100, 300_000, PART - 1, PART, PART + 1, 2 * PART + 12_345] {
        let content = noise(bytes, 7);
        let name = format!("{bytes} bytes");
        let made = anna.new_asset(&acme, &name, &content).await;
        assert_eq!((made.size, made.sha256.as_str()), (i64::try_from(bytes).unwrap(), sha256(&content).as_str()));
        assert_eq!(made.display_name, name);
        let creator = anna.user_named(&acme, "anna").await;
        assert_eq!((made.kind(), made.creator.as_str()), (v1::asset::Kind::Other, creator.as_str()));
        let (asset, back) = anna.download(&made.name, 0).await.unwrap();
        assert_eq!(asset, made);
        assert!(back == content, "{bytes} bytes");
        for offset in [1, PART - 1, PART, PART + 1, bytes].into_iter().filter(|offset| *offset <= bytes) {
            let (_, rest) = anna.download(&made.name, i64::try_from(offset).unwrap()).await.unwrap();
            assert!(rest == content[offset..], "{bytes} bytes from {offset} on");
        }
        let beyond = anna.download(&made.name, made.size + 1).await;
        let status = assert_refused(beyond, Code::InvalidArgument, "FIELDS_INVALID");
        assert_eq!(fields(&status), [("offset".into(), format!("must be from 0 to {bytes}, the size of the content"))]);
    }
    let zeros = vec![0; 3 * PART];
    let made = anna.new_asset(&acme, "zeros", &zeros).await;
    assert!(anna.download(&made.name, 0).await.unwrap().1 == zeros, "what is packed small is whole again");
    let negative = anna.download(&made.name, -1).await;
    assert_refused(negative, Code::InvalidArgument, "FIELDS_INVALID");
}

/// UploadAsset of these messages.
async fn send(api: &Api, messages: Vec<v1::UploadAssetRequest>) -> Result<Option<v1::Asset>, Status> {
    api.send(stream::iter(messages)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_header_says_wrong_is_named_all_at_once() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let wrong = v1::UploadAssetHeader {
        parent: acme.clone(),
        kind: 99,
        display_name: String::new(),
        size: -1,
        sha256: "12".into(),
        metadata: [("Not a key".to_owned(), String::new())].into(),
        ..Default::default()
    };
    let status = assert_refused(send(&anna, vec![first(wrong)]).await, Code::InvalidArgument, "FIELDS_INVALID");
    let named: Vec<_> = fields(&status).into_iter().map(|(field, _)| field).collect();
    assert_eq!(named, ["header.kind", "header.display_name", "header.metadata", "header.size", "header.sha256"]);

    let call = v1::CallMetadata {
        start_time: None,
        duration: Some(prost_types::Duration { seconds: -1, nanos: 0 }),
        caller: "x".repeat(101),
        called: "a\nb".into(),
        extension: "10-20".into(),
    };
    let recording = v1::UploadAssetHeader { kind: v1::asset::Kind::Recording.into(), ..header(&acme, "call", b"") };
    let with_call = v1::UploadAssetHeader { call: Some(call), ..recording.clone() };
    let status = assert_refused(send(&anna, vec![first(with_call)]).await, Code::InvalidArgument, "FIELDS_INVALID");
    let named: Vec<_> = fields(&status).into_iter().map(|(field, _)| field).collect();
    let all = ["start_time", "duration", "caller", "called", "extension"].map(|field| format!("header.call.{field}"));
    assert_eq!(named, all);
    let without = send(&anna, vec![first(recording)]).await;
    assert_eq!(
        fields(&assert_refused(without, Code::InvalidArgument, "FIELDS_INVALID"))[0].1,
        "is required for a recording"
    );

    let nothing = send(&anna, vec![]).await;
    assert_eq!(nothing.unwrap_err().code(), Code::InvalidArgument);
    let headless = send(&anna, vec![chunk(0, b"a")]).await;
    assert_eq!(headless.unwrap_err().code(), Code::InvalidArgument);
    assert!(anna.assets(&acme, "").await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_that_are_not_the_next_bytes_of_what_was_announced_are_refused() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let content = noise(10, 1);
    let announced = first(header(&acme, "ten bytes", &content));
    let gap = send(&anna, vec![announced.clone(), chunk(0, &content[..4]), chunk(5, &content[5..])]).await;
    let status = assert_refused(gap, Code::OutOfRange, "UPLOAD_OFFSET_MISMATCH");
    assert_eq!(status.message(), "the next byte is 4, not 5; go on with chunks from there");
    let again = send(&anna, vec![announced.clone(), chunk(0, &content), chunk(0, &content)]).await;
    assert_refused(again, Code::OutOfRange, "UPLOAD_OFFSET_MISMATCH");

    let mut damaged = chunk(0, &content);
    if let Some(Content::Chunk(chunk)) = &mut damaged.content {
        let mut data = chunk.data.to_vec();
        data[3] ^= 1;
        chunk.data = data.into();
    }
    let status =
        assert_refused(send(&anna, vec![announced.clone(), damaged]).await, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(fields(&status)[0].0, "chunk.crc32c");

    let more = send(&anna, vec![announced.clone(), chunk(0, &[&content[..], b"x"].concat())]).await;
    let status = assert_refused(more, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(fields(&status)[0].1, "goes beyond the 10 bytes that header.size announces");
    let more = send(&anna, vec![announced.clone(), chunk(0, &content), chunk(10, b"x")]).await;
    assert_refused(more, Code::InvalidArgument, "FIELDS_INVALID");
    let large = send(&anna, vec![announced.clone(), chunk(0, &noise((1 << 20) + 1, 1))]).await;
    assert_eq!(fields(&assert_refused(large, Code::InvalidArgument, "FIELDS_INVALID"))[0].0, "chunk.data");
    let twice = send(&anna, vec![announced.clone(), announced.clone()]).await;
    assert_eq!(fields(&assert_refused(twice, Code::InvalidArgument, "FIELDS_INVALID"))[0].0, "header");

    let less = send(&anna, vec![announced.clone(), chunk(0, &content[..9])]).await;
    let status = assert_refused(less, Code::Aborted, "UPLOAD_INTERRUPTED");
    assert!(status.message().starts_with("the chunks ended at byte 9 of 10;"), "{}", status.message());
    let other = v1::UploadAssetHeader { sha256: sha256(b"something else"), ..header(&acme, "ten bytes", &content) };
    let status = assert_refused(anna.upload(other, &content).await, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(fields(&status)[0].0, "header.sha256");
    assert!(anna.assets(&acme, "").await.unwrap().is_empty(), "nothing of all that is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_tried_takes_nothing_in_and_what_is_repeated_answers_as_before() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let content = noise(100_000, 3);
    let request_id = uuid::Uuid::new_v4().to_string();
    let once = v1::UploadAssetHeader { request_id: request_id.clone(), ..header(&acme, "once", &content) };
    let tried = v1::UploadAssetHeader { validate_only: true, ..once.clone() };
    assert_eq!(send(&anna, vec![first(tried)]).await.unwrap(), None);
    assert!(anna.assets(&acme, "").await.unwrap().is_empty());

    let made = anna.upload(once.clone(), &content).await.unwrap();
    assert_eq!(anna.upload(once.clone(), &content).await.unwrap(), made);
    assert_eq!(
        send(&anna, vec![first(once.clone())]).await.unwrap(),
        Some(made.clone()),
        "not even the content is needed"
    );
    let other = v1::UploadAssetHeader { display_name: "twice".into(), ..once };
    assert_refused(anna.upload(other, &content).await, Code::InvalidArgument, "REQUEST_ID_REUSED");
    assert_eq!(anna.assets(&acme, "").await.unwrap(), ["once"]);
    let upload = anna.get_upload(&format!("{acme}/uploads/{request_id}")).await.unwrap();
    assert_eq!((upload.size, upload.received, upload.result), (100_000, 100_000, made.name));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_says_who_took_in_what_and_who_acted_for_whom() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let content = noise(1000, 4);
    let refused = operator.upload(header(&acme, "report", &content), &content).await;
    assert_refused(refused, Code::PermissionDenied, "PRIVILEGE_MISSING");
    let acting = operator.exchanged(&acme).await;
    let made = acting.upload(header(&acme, "report", &content), &content).await.unwrap();
    let records = anna.audit(&acme, "").await.unwrap();
    let record = records.iter().find(|record| record.method.ends_with("/UploadAsset")).unwrap();
    assert_eq!(record.resource, made.name);
    assert_eq!((record.details["display_name"].as_str(), record.details["size"].as_str()), ("report", "1000"));
    assert!(!record.acted_for.is_empty() && made.creator.starts_with("tenants/infrastructure/users/"));
    assert_eq!(records.iter().filter(|record| record.method.ends_with("/UploadAsset")).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_ends_an_upload_and_a_download_that_are_under_way() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let content = noise(4 * PART, 5);
    let made = anna.new_asset(&acme, "large", &content).await;
    let mut download = {
        let request = v1::DownloadAssetRequest { name: made.name.clone(), offset: 0 };
        anna.client.assets().download_asset(request).await.unwrap().into_inner()
    };
    download.message().await.unwrap().unwrap();
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    let announced = header(&acme, "another", &noise(2 * PART, 6));
    let parts = messages(announced, &noise(2 * PART, 6), 0);
    let uploading = {
        let (anna, stream) = (anna.clone(), tokio_stream::wrappers::ReceiverStream::new(receiver));
        tokio::spawn(async move { anna.send(stream).await })
    };
    let (before, after) = parts.split_at(3);
    for message in before {
        sender.send(message.clone()).await.unwrap();
    }
    operator.lock(&acme).await.unwrap();
    for message in after {
        // The call may have been refused by now.
        let _ = sender.send(message.clone()).await;
    }
    drop(sender);
    assert_refused(uploading.await.unwrap(), Code::Unauthenticated, "TOKEN_INVALID");
    let ended = loop {
        match download.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it was given whole"),
            Err(status) => break status,
        }
    };
    assert_refused::<()>(Err(ended), Code::Unauthenticated, "TOKEN_INVALID");
}
