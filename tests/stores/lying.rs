//! A store that says what is not so: never are wrong bytes given out, and whoever looks is told what is lost.

use futures::stream;
use http::Method;
use landlord::proto::v1;
use tonic::Code;

use super::stage::{Deed, Stage};
use crate::support::assets::{header, messages, noise};
use crate::support::client::assert_refused;
use crate::support::lifecycle::facts;
use crate::support::proxy::{ALWAYS, Fault};

/// What is told of damage.
fn damaged(deed: Deed) -> Result<(), String> {
    let reason = match deed {
        Deed::Download | Deed::Copy => "CONTENT_CORRUPT",
        _ => "BACKUP_CORRUPT",
    };
    Err(reason.into())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_given_as_it_was_stored_is_refused_whole() {
    let mut stage = Stage::start().await;
    let keys = stage.service.keys().await;
    let of = |kind: &str| keys.iter().find(|key| key.contains(kind)).map(|key| format!("/landlord/{key}")).unwrap();
    let faults = [Fault::Absent, Fault::Half, Fault::Instead(of("/blobs/")), Fault::Instead(of("/users."))];
    for fault in faults {
        for kind in ["/blobs/", "/backups/"] {
            // One object is given as itself, if it is the one that is given for all others.
            let same = if let Fault::Instead(path) = &fault { path.clone() } else { String::new() };
            stage.proxy.plan(fault.clone(), ALWAYS, move |method, path| {
                *method == Method::GET && path.contains(kind) && path != same
            });
            for deed in Deed::READING {
                let content_alone = matches!(deed, Deed::Download | Deed::Copy);
                // A restore takes no content in.
                let goes = if kind == "/blobs/" { deed == Deed::Restore } else { content_alone };
                let wanted = if goes { Ok(()) } else { damaged(deed) };
                assert_eq!(stage.does(deed).await, wanted, "{fault:?} in the place of {kind}: {deed:?}");
            }
            stage.proxy.heal();
            assert_eq!(stage.does(Deed::Verify).await, Ok(()), "it is whole, and this is said of it again");
        }
    }
    stage.all_is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_key_nothing_is_given_and_nothing_is_said_to_be_damaged() {
    let mut stage = Stage::start().await;
    let keys = async |stage: &Stage| -> Vec<String> {
        stage.service.keys().await.into_iter().filter(|key| key.contains("/keys/")).collect()
    };
    let [of_acme] = &keys(&stage).await[..] else { panic!("one key") };
    assert_eq!(stage.does(Deed::Copy).await, Ok(()));
    let of_beta = keys(&stage).await.into_iter().find(|key| key != of_acme).unwrap();
    stage.taken_over(&[]).await;
    for fault in [Fault::Absent, Fault::Half, Fault::Instead(format!("/landlord/{of_beta}"))] {
        let wanted = format!("/landlord/{of_acme}");
        stage.proxy.plan(fault.clone(), ALWAYS, move |method, path| *method == Method::GET && path == wanted);
        for deed in Deed::READING {
            assert_eq!(stage.does(deed).await, Err("KEY_UNAVAILABLE".into()), "{fault:?}: {deed:?}");
        }
        stage.proxy.heal();
    }
    stage.all_is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_took_and_does_not_have_is_missed_when_it_is_read_and_named() {
    let mut stage = Stage::start().await;
    stage.proxy.plan(Fault::Dropped, ALWAYS, |method, path| *method == Method::PUT && path.contains("/blobs/"));
    let content = noise(300_000, 9);
    let lost = stage.anna.new_asset(&stage.acme, "lost", &content).await;
    stage.proxy.heal();
    assert_refused(stage.anna.download(&lost.name, 0).await, Code::DataLoss, "CONTENT_CORRUPT");
    stage.anna.remove_asset(&lost.name).await.unwrap();
    for (which, named) in [("/manifest.", "its manifest"), ("/groups.", "the rows of groups")] {
        stage.proxy.plan(Fault::Dropped, ALWAYS, move |method, path| *method == Method::PUT && path.contains(which));
        let backup = stage.anna.back_up(&stage.acme).await;
        stage.proxy.heal();
        let error = stage.anna.verify(&backup.name).await.unwrap().error.unwrap();
        assert_eq!((error.reason.as_str(), error.metadata["damaged"].as_str()), ("BACKUP_CORRUPT", named));
        let given =
            assert_refused(stage.anna.archive(&backup.name, 0, usize::MAX).await, Code::DataLoss, "BACKUP_CORRUPT");
        assert_eq!(facts(&given)["damaged"], named);
        stage.anna.remove_backup(&backup.name).await.unwrap();
    }
    stage.all_is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_lost_is_whole_again_for_all_that_have_it_once_its_content_comes_again() {
    let mut stage = Stage::start().await;
    let content = noise((8 << 20) + 300_000, 9);
    stage.proxy.plan(Fault::Dropped, ALWAYS, |method, path| *method == Method::PUT && path.ends_with("/1.2"));
    // In other pieces than those in which it comes the second time.
    let request_id = uuid::Uuid::new_v4().to_string();
    let announced = v1::UploadAssetHeader { request_id, ..header(&stage.acme, "first", &content) };
    let some = messages(announced.clone(), &content[..500_000], 0);
    assert_refused(stage.anna.send(stream::iter(some)).await, Code::Aborted, "UPLOAD_INTERRUPTED");
    let first = stage.anna.send(stream::iter(messages(announced, &content, 500_000))).await.unwrap().unwrap();
    stage.proxy.heal();
    assert_refused(stage.anna.download(&first.name, 0).await, Code::DataLoss, "CONTENT_CORRUPT");
    let backup = stage.anna.back_up(&stage.acme).await;
    assert_eq!(stage.anna.verify(&backup.name).await.unwrap().error.unwrap().reason, "BACKUP_CORRUPT");
    let used = stage.anna.limits(&stage.acme).await.unwrap().storage_bytes;
    let second = stage.anna.new_asset(&stage.acme, "second", &content).await;
    assert_eq!(stage.anna.limits(&stage.acme).await.unwrap().storage_bytes, used, "it is there once");
    for asset in [&first, &second] {
        assert!(stage.anna.download(&asset.name, 0).await.unwrap().1 == content, "{asset:?}");
    }
    assert_eq!(stage.anna.verify(&backup.name).await.unwrap().error, None);
    stage.anna.archive(&backup.name, 0, usize::MAX).await.unwrap();
    stage.all_is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_gets_no_key_that_the_store_does_not_have() {
    let mut stage = Stage::start().await;
    stage.proxy.plan(Fault::Dropped, ALWAYS, |method, path| *method == Method::PUT && path.contains("/keys/"));
    let (gamma, gert) = stage.server.another("Gamma", "gert").await;
    let content = noise(1000, 3);
    let refused = gert.upload(header(&gamma, "report", &content), &content).await;
    assert_refused(refused, Code::Unavailable, "OBJECT_STORE_UNAVAILABLE");
    stage.proxy.heal();
    let made = gert.upload(header(&gamma, "report", &content), &content).await.unwrap();
    assert_eq!(gert.download(&made.name, 0).await.unwrap().1, content);
    stage.all_is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_beginning_is_lost_begins_again() {
    let stage = Stage::start().await;
    let content = noise((8 << 20) + 300_000, 5);
    let request_id = uuid::Uuid::new_v4().to_string();
    let announced = v1::UploadAssetHeader { request_id: request_id.clone(), ..header(&stage.acme, "x", &content) };
    let upload = format!("{}/uploads/{request_id}", stage.acme);
    let used = stage.anna.limits(&stage.acme).await.unwrap().storage_bytes;
    stage.proxy.plan(Fault::Dropped, ALWAYS, |method, path| *method == Method::PUT && path.ends_with("/0.1"));
    let some = messages(announced.clone(), &content[..(8 << 20) + 100], 0);
    assert_refused(stage.anna.send(stream::iter(some)).await, Code::Aborted, "UPLOAD_INTERRUPTED");
    stage.proxy.heal();
    let rest = messages(announced.clone(), &content, 8 << 20);
    let refused = stage.anna.send(stream::iter(rest)).await;
    let refused = assert_refused(refused, Code::Aborted, "UPLOAD_INTERRUPTED");
    assert!(refused.message().contains("begin again at byte 0"), "{}", refused.message());
    assert_refused(stage.anna.get_upload(&upload).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_eq!(stage.anna.limits(&stage.acme).await.unwrap().storage_bytes, used);
    let made = stage.anna.send(stream::iter(messages(announced, &content, 0))).await.unwrap().unwrap();
    assert!(stage.anna.download(&made.name, 0).await.unwrap().1 == content);
}
