//! What is said of an asset can be changed, its content can't, and what is deleted is gone.

use landlord::proto::v1;
use tonic::Code;

use crate::support::assets::noise;
use crate::support::client::{assert_refused, fields};
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn name_and_metadata_are_changed_by_mask_and_nobody_is_overwritten() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let made = anna.new_asset(&acme, "draft", &noise(10, 1)).await;
    let metadata = |value: &str| [("source".to_owned(), value.to_owned())].into();
    let asset = v1::Asset { display_name: "final".into(), metadata: metadata("hand"), ..made.clone() };
    let renamed = anna.change_asset(asset.clone(), &["display_name"]).await.unwrap();
    assert_eq!((renamed.display_name.as_str(), renamed.metadata.len()), ("final", 0));
    assert!(renamed.etag != made.etag && renamed.update_time != made.update_time);
    assert_refused(anna.change_asset(asset.clone(), &["metadata"]).await, Code::Aborted, "ETAG_MISMATCH");
    let marked =
        anna.change_asset(v1::Asset { etag: renamed.etag.clone(), ..asset.clone() }, &["metadata"]).await.unwrap();
    assert_eq!(marked.metadata, metadata("hand"));
    let cleared =
        anna.change_asset(v1::Asset { metadata: Default::default(), etag: String::new(), ..asset }, &["metadata"]);
    let cleared = cleared.await.unwrap();
    assert!(cleared.metadata.is_empty());
    assert_eq!(anna.asset(&made.name).await.unwrap(), cleared);
    assert_eq!((cleared.size, &cleared.sha256, cleared.create_time), (made.size, &made.sha256, made.create_time));
    for path in ["kind", "size", "sha256", "call", "*"] {
        let status =
            assert_refused(anna.change_asset(cleared.clone(), &[path]).await, Code::InvalidArgument, "FIELDS_INVALID");
        assert_eq!(fields(&status)[0].0, "update_mask", "{path}");
    }
    assert_refused(anna.change_asset(cleared.clone(), &[]).await, Code::InvalidArgument, "FIELDS_INVALID");
    let nameless = v1::Asset { display_name: String::new(), ..cleared };
    assert_refused(anna.change_asset(nameless, &["display_name"]).await, Code::InvalidArgument, "FIELDS_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_and_what_never_was_are_told_alike() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, bert) = server.another("Beta", "bert").await;
    let made = anna.new_asset(&acme, "report", &noise(10, 1)).await;
    let theirs = bert.new_asset(&beta, "theirs", &noise(10, 1)).await;
    let request = v1::DeleteAssetRequest { name: made.name.clone(), etag: "\"99\"".into(), ..Default::default() };
    assert_refused(anna.client.assets().delete_asset(request).await, Code::Aborted, "ETAG_MISMATCH");
    let tried = v1::DeleteAssetRequest { name: made.name.clone(), validate_only: true, ..Default::default() };
    anna.client.assets().delete_asset(tried).await.unwrap();
    anna.remove_asset(&made.name).await.unwrap();
    let never = format!("{acme}/assets/{}", uuid::Uuid::now_v7());
    let swapped = theirs.name.replace(&beta, &acme);
    for name in [&made.name, &never, &theirs.name, &swapped] {
        for answer in [
            anna.asset(name).await.map(|_| ()),
            anna.download(name, 0).await.map(|_| ()),
            anna.remove_asset(name).await,
            anna.change_asset(
                v1::Asset { name: name.clone(), display_name: "x".into(), ..Default::default() },
                &["display_name"],
            )
            .await
            .map(|_| ()),
        ] {
            let status = assert_refused(answer, Code::NotFound, "RESOURCE_NOT_FOUND");
            assert_eq!(status.message(), format!("there is no {name}, or you may not see it"));
        }
    }
    bert.asset(&theirs.name).await.unwrap();
}
