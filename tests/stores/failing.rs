//! A store that is away, slow, or breaks connections off: what it does not do is said and leaves nothing, and is done once it works.

use futures::stream;
use http::Method;
use landlord::proto::v1;
use tonic::Code;

use super::stage::{Deed, Stage};
use crate::assets::collect::options;
use crate::support::assets::{header, messages, noise};
use crate::support::client::assert_refused;
use crate::support::proxy::{ALWAYS, Fault, ONCE};

/// Tells requests by their method, and by their path or what they remove.
type Which = fn(&Method, &str) -> bool;

/// All but what backups are opened by: so a restore has begun when it fails.
fn no_manifest(path: &str) -> bool {
    !path.contains("/manifest.")
}

/// All but the rows of most tables, which are many and all alike.
fn not_each_table(path: &str) -> bool {
    !path.contains("/backups/") || path.contains("/users.") || path.contains("/manifest.")
}

#[tokio::test(flavor = "multi_thread")]
async fn of_what_goes_wrong_once_nobody_notices_anything() {
    let mut stage = Stage::start().await;
    for (fault, times) in
        [(Fault::Unavailable, ONCE), (Fault::Lost, ONCE), (Fault::CutOff, ONCE), (Fault::Twice, ALWAYS)]
    {
        stage.proxy.plan(fault.clone(), times, |_, path| not_each_table(path));
        for deed in Deed::ALL {
            assert_eq!(stage.does(deed).await, Ok(()), "{fault:?}: {deed:?}");
        }
        assert!(stage.proxy.struck() > 10, "{fault:?}");
        stage.proxy.heal();
    }
    stage.all_is_well().await;
}

async fn each_is_refused(fault: Fault, deeds: &[Deed], waits: &str) {
    let mut stage = Stage::start().await;
    stage.taken_over(&[("objects.timeout_seconds", waits.into()), ("operations.max_attempts", "1".into())]).await;
    stage.proxy.plan(fault, ALWAYS, |_, path| no_manifest(path));
    for deed in deeds {
        let began = std::time::Instant::now();
        assert_eq!(stage.does(*deed).await, Err("OBJECT_STORE_UNAVAILABLE".into()), "{deed:?}");
        assert!(began.elapsed().as_secs() < 20, "{deed:?}");
    }
    stage.proxy.heal();
    stage.taken_over(&[]).await;
    stage.all_is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_store_each_call_says_so_and_leaves_nothing_behind() {
    each_is_refused(Fault::Unavailable, &Deed::ALL, "20").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_answer_comes_each_call_says_so_and_leaves_nothing_behind() {
    each_is_refused(Fault::Lost, &Deed::ALL, "20").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_every_connection_breaks_each_call_says_so_and_leaves_nothing_behind() {
    each_is_refused(Fault::CutOff, &Deed::ALL, "20").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_answers_too_late_is_not_waited_for() {
    each_is_refused(Fault::Late, &Deed::ALL, "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_comes_too_slowly_is_not_waited_for() {
    each_is_refused(Fault::Stalled, &Deed::READING, "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_not_even_the_manifest_can_be_read_a_restore_is_not_begun() {
    let mut stage = Stage::start().await;
    stage.proxy.plan(Fault::Unavailable, ALWAYS, |_, path| path.contains("/manifest."));
    for deed in [Deed::Restore, Deed::Archive, Deed::Verify, Deed::BackUp] {
        assert_eq!(stage.does(deed).await, Err("OBJECT_STORE_UNAVAILABLE".into()), "{deed:?}");
    }
    stage.proxy.heal();
    let restores = stage.anna.operations_of(&stage.acme).await;
    assert!(restores.iter().all(|operation| operation.kind != "restore"));
    stage.all_is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_where_the_store_failed_and_keeps_its_room_until_then() {
    let stage = Stage::start().await;
    let content = noise((16 << 20) + 300_000, 7);
    let size = i64::try_from(content.len()).unwrap();
    let request_id = uuid::Uuid::new_v4().to_string();
    let upload = format!("{}/uploads/{request_id}", stage.acme);
    let announced = v1::UploadAssetHeader { request_id, ..header(&stage.acme, "larger", &content) };
    let used = stage.anna.limits(&stage.acme).await.unwrap().storage_bytes;
    stage.proxy.plan(Fault::Lost, ALWAYS, |method, path| method == Method::PUT && path.ends_with("/1.1"));
    let failed = stage.anna.send(stream::iter(messages(announced.clone(), &content, 0))).await;
    assert_refused(failed, Code::Unavailable, "OBJECT_STORE_UNAVAILABLE");
    let at = stage.anna.get_upload(&upload).await.unwrap().received;
    assert_eq!(at, 8 << 20, "what was stored before");
    assert_eq!(stage.anna.limits(&stage.acme).await.unwrap().storage_bytes, used + size);
    stage.proxy.heal();
    let rest = messages(announced, &content, usize::try_from(at).unwrap());
    let made = stage.anna.send(stream::iter(rest)).await.unwrap().unwrap();
    assert!(stage.anna.download(&made.name, 0).await.unwrap().1 == content);
    assert_eq!(stage.anna.limits(&stage.acme).await.unwrap().storage_bytes, used + size);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_removed_is_removed_later_and_a_tenant_is_not_gone_before_its_keys() {
    let stage = Stage::start().await;
    let operator = stage.server.operator().await;
    let keys = async |of: &str| {
        let all = stage.service.keys().await;
        all.into_iter().filter(|key| key.contains(of)).count()
    };
    let tenants = keys("/keys/").await;
    operator.prepare_fully(&stage.acme).await;
    let display_name = operator.tenant(&stage.acme).await.display_name;
    let mut failed: Option<v1::Operation> = None;
    let faults: [(Fault, Which, usize); 4] = [
        (Fault::Unavailable, |method, _| *method == Method::POST, tenants),
        // A store that does not find its bucket has not said that nothing is in it.
        (Fault::Absent, |method, path| *method == Method::GET && path == "/landlord", tenants),
        (Fault::Dropped, |method, keys| *method == Method::POST && keys.contains("/keys/"), tenants),
        (Fault::Dropped, |method, keys| *method == Method::POST && keys.contains("/blobs/"), tenants - 1),
    ];
    for (fault, which, left) in faults {
        stage.proxy.plan(fault.clone(), ALWAYS, which);
        let begun = match &failed {
            None => operator.delete(&stage.acme, &display_name).await.unwrap().operation.unwrap(),
            Some(failed) => operator.retry_operation(&failed.name).await.unwrap(),
        };
        let ended = operator.wait(&begun.name).await;
        assert_eq!(ended.error.clone().unwrap().reason, "OBJECT_STORE_UNAVAILABLE", "{fault:?}");
        assert_eq!(keys("/keys/").await, left, "{fault:?}");
        failed = Some(ended);
        stage.proxy.heal();
    }
    let again = operator.retry_operation(&failed.unwrap().name).await.unwrap();
    operator.succeed(Some(again)).await;
    assert_eq!(keys("/keys/").await, tenants - 1);
    assert_eq!((keys("/blobs/").await, keys("/backups/").await), (0, 0));
}

const FAILED: &str = "SELECT count(*) FROM operations
    WHERE kind = 'collect-content' AND state = 'FAILED' AND error_reason = 'OBJECT_STORE_UNAVAILABLE'";

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_collected_is_collected_later() {
    let mut stage = Stage::start().await;
    stage.taken_over(&options()).await;
    // Else all content is kept for it.
    stage.anna.remove_backup(&stage.backup.name).await.unwrap();
    stage.server.until("SELECT count(*) = 0 FROM backups").await;
    let (before, sql) = (stage.service.keys().await, stage.server.sql().await);
    let faults: [(Fault, Which); 2] = [
        (Fault::Unavailable, |method, _| *method == Method::POST),
        (Fault::Absent, |method, path| *method == Method::GET && path == "/landlord"),
    ];
    for (number, (fault, which)) in (5..).zip(faults) {
        let made = stage.anna.new_asset(&stage.acme, "another", &noise(1000, number)).await;
        let so_far: i64 = sql.query_one(FAILED, &[]).await.unwrap().get(0);
        let with = stage.service.keys().await;
        stage.proxy.plan(fault, ALWAYS, which);
        stage.anna.remove_asset(&made.name).await.unwrap();
        stage.server.until("SELECT count(*) = 1 FROM blobs WHERE state = 'CONDEMNED'").await;
        stage.server.until(&FAILED.replace("count(*)", &format!("count(*) > {so_far}"))).await;
        assert_eq!(stage.service.keys().await, with);
        stage.proxy.heal();
        stage.server.until("SELECT count(*) = 1 FROM blobs").await;
        assert_eq!(stage.service.keys().await, before);
    }
}
