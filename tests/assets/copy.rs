//! Assets are copied within a tenant and to another one, each whole or not at all.

use landlord::proto::v1;
use tonic::{Code, Status};
use v1::operation::State;

use super::collect::files;
use crate::support::assets::{header, noise};
use crate::support::client::{Api, assert_refused};
use crate::support::lifecycle::{ADMIN_PASSWORD, facts};
use crate::support::process::Process;
use crate::support::server::TestServer;

impl Api {
    /// CopyAssets.
    pub async fn copy(&self, parent: &str, names: &[&str], destination: &str) -> Result<v1::Operation, Status> {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let (parent, destination) = (parent.into(), destination.into());
        let request = v1::CopyAssetsRequest { parent, names, destination, ..Default::default() };
        self.client.assets().copy_assets(request).await.map(|r| r.into_inner().operation.unwrap())
    }
}

/// Acme with its administrator, and Beta, in which she works as an administrator, too.
pub async fn two_tenants(server: &TestServer) -> (String, Api, String, Api) {
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, bert) = server.another("Beta", "bert").await;
    let name = anna.user_named(&acme, "anna").await;
    server.operator().await.assign_users(&beta, &[&name]).await.unwrap();
    let guest = bert.user_named(&beta, "anna").await;
    bert.give(&bert.role_named(&beta, "Administrator").await, &[&guest]).await.unwrap();
    (acme, anna, beta, bert)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_within_a_tenant_is_an_asset_of_its_own_that_takes_no_room() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let metadata = [("source".to_owned(), "scan".to_owned())].into();
    let content = noise(9 << 20, 1);
    let asset = anna.upload(v1::UploadAssetHeader { metadata, ..header(&acme, "report", &content) }, &content).await;
    let asset = asset.unwrap();
    let used = anna.limits(&acme).await.unwrap().storage_bytes;
    let begun = anna.copy(&acme, &[&asset.name, &asset.name], "").await.unwrap();
    let done = anna.succeed(Some(begun)).await;
    let [copy] = &*done.results else { panic!("{:?}", done.results) };
    let (copied, there) = anna.download(copy, 0).await.unwrap();
    assert_ne!(copied.name, asset.name);
    assert!(there == content);
    let all = |a: &v1::Asset| (a.display_name.clone(), a.kind, a.sha256.clone(), a.metadata.clone(), a.creator.clone());
    assert_eq!(all(&copied), all(&asset));
    assert_eq!(anna.limits(&acme).await.unwrap().storage_bytes, used);
    anna.remove_asset(&asset.name).await.unwrap();
    assert!(anna.download(copy, 0).await.unwrap().1 == content);
    assert_eq!(anna.limits(&acme).await.unwrap().storage_bytes, used);
    let renamed = v1::Asset { name: copy.clone(), display_name: "mine".into(), ..Default::default() };
    anna.change_asset(renamed, &["display_name"]).await.unwrap();
    assert_eq!(anna.assets(&acme, "").await.unwrap(), ["mine"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_to_another_tenant_is_sealed_with_the_key_of_that_and_outlives_the_first_one() {
    let server = TestServer::start().await;
    let (acme, anna, beta, bert) = two_tenants(&server).await;
    let large = anna.new_asset(&acme, "large", &noise(17 << 20, 1)).await;
    let empty = anna.new_asset(&acme, "empty", &[]).await;
    let begun = anna.copy(&acme, &[&large.name, &empty.name], &beta).await.unwrap();
    let done = anna.succeed(Some(begun)).await;
    assert_eq!(done.results.len(), 2);
    assert!(done.results.iter().all(|name| name.starts_with(&format!("{beta}/assets/"))), "{:?}", done.results);
    assert_eq!(bert.assets(&beta, "").await.unwrap(), ["empty", "large"]);
    assert_eq!(bert.limits(&beta).await.unwrap().storage_bytes, 17 << 20);
    let copy = &done.results[usize::from(large.name > empty.name)];
    server.operator().await.delete_fully(&acme).await;
    server.until("SELECT count(*) = 0 FROM blobs WHERE tenant_id NOT IN (SELECT tenant_id FROM tenants)").await;
    assert!(bert.download(copy, 0).await.unwrap().1 == noise(17 << 20, 1));
    let trail = server.operator().await.audit("tenants/-", "method = CopyAssets").await.unwrap();
    assert_eq!((trail.len(), trail[0].details.contains_key("destination")), (1, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_have_such_assets_there_copies_none_and_learns_nothing_of_other_tenants() {
    let server = TestServer::start().await;
    let (acme, anna, beta, bert) = two_tenants(&server).await;
    let (gamma, _) = server.another("Gamma", "gert").await;
    let asset = anna.new_asset(&acme, "report", &noise(1000, 1)).await;
    let absent = anna.copy(&acme, &[&asset.name], "tenants/nowhere").await.unwrap_err();
    let foreign = anna.copy(&acme, &[&asset.name], &gamma).await.unwrap_err();
    let foreign = assert_refused(Err::<(), _>(foreign), Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_eq!(absent.message().replace("tenants/nowhere", &gamma), foreign.message());
    let theirs = bert.new_asset(&beta, "theirs", &noise(10, 2)).await;
    let of_another = anna.copy(&acme, &[&asset.name, &theirs.name], "").await;
    assert_refused(of_another, Code::NotFound, "RESOURCE_NOT_FOUND");

    let guest = bert.user_named(&beta, "anna").await;
    bert.take(&bert.role_named(&beta, "Administrator").await, &[&guest]).await.unwrap();
    let denied =
        assert_refused(anna.copy(&acme, &[&asset.name], &beta).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    assert_eq!(facts(&denied)["privilege"], "server-administrator");
    let acting = server.operator().await.exchanged(&acme).await;
    let denied = acting.copy(&acme, &[&asset.name], &beta).await;
    assert_refused(denied, Code::PermissionDenied, "IMPERSONATION_NOT_PERMITTED");
    acting.copy(&acme, &[&asset.name], "").await.unwrap();
    let documents = anna.new_role(&acme, "Documents", &["privileges/document-administrator"]).await.unwrap();
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    anna.give(&documents, &[&ben]).await.unwrap();
    let denied = server.enter("ben@acme").await.copy(&acme, &[&asset.name], "").await;
    assert_refused(denied, Code::PermissionDenied, "PRIVILEGE_MISSING");
    assert_eq!(bert.assets(&beta, "").await.unwrap(), ["theirs"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_and_a_tenant_on_its_way_out_take_no_copy() {
    let server = TestServer::start().await;
    let (acme, anna, beta, bert) = two_tenants(&server).await;
    let operator = server.operator().await;
    let asset = anna.new_asset(&acme, "report", &noise(1000, 1)).await;
    let small = v1::TenantLimits { name: beta.clone(), disk_quota_bytes: Some(999), ..Default::default() };
    operator.set_limits(small, &["disk_quota_bytes"]).await.unwrap();
    let full = anna.copy(&acme, &[&asset.name], &beta).await;
    assert_refused(full, Code::ResourceExhausted, "DISK_QUOTA_EXCEEDED");
    let none = v1::TenantLimits { name: beta.clone(), ..Default::default() };
    operator.set_limits(none, &["disk_quota_bytes"]).await.unwrap();
    operator.prepare_fully(&beta).await;
    let leaving = anna.copy(&acme, &[&asset.name], &beta).await;
    assert_refused(leaving, Code::FailedPrecondition, "TENANT_STATE_INVALID");
    drop(bert);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_copied_is_copied_when_it_is_begun_again_and_the_rest_is_not_there_twice() {
    let server = TestServer::start().await;
    let (acme, anna, beta, bert) = two_tenants(&server).await;
    let assets =
        [anna.new_asset(&acme, "one", &noise(1000, 1)).await, anna.new_asset(&acme, "two", &noise(1000, 2)).await];
    let mut names = assets.map(|asset| asset.name);
    names.sort();
    let parts = files(&server.database.objects().join("blobs"));
    assert_eq!(parts.len(), 2);
    let second = server.sql().await;
    let second = second.query_one("SELECT blob_id::text FROM assets ORDER BY id DESC LIMIT 1", &[]).await.unwrap();
    let second: String = second.get(0);
    let part = parts.iter().find(|file| file.display().to_string().contains(&second)).unwrap();
    let whole = std::fs::read(part).unwrap();
    std::fs::remove_file(part).unwrap();
    let begun = anna.copy(&acme, &[&names[0], &names[1]], &beta).await.unwrap();
    let failed = anna.wait(&begun.name).await;
    assert_eq!((failed.state(), failed.error.unwrap().reason.as_str()), (State::Failed, "CONTENT_CORRUPT"));
    assert_eq!(bert.limits(&beta).await.unwrap().storage_bytes, 1000, "nothing is reserved for the other one");
    std::fs::write(part, whole).unwrap();
    let again = server.operator().await.retry_operation(&begun.name).await.unwrap();
    let done = anna.succeed(Some(again)).await;
    assert_eq!(done.results.len(), 2);
    assert_eq!(bert.assets(&beta, "").await.unwrap().len(), 2);
    assert_eq!(bert.limits(&beta).await.unwrap().storage_bytes, 2000);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_worker_goes_on_when_the_first_one_is_killed_anywhere_and_nothing_is_there_twice() {
    let maker = TestServer::start().await;
    let (acme, _, beta, _) = two_tenants(&maker).await;
    let idle = maker.without_workers().await;
    let anna = idle.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    let bert = idle.anonymous().await.log_in("bert@beta", ADMIN_PASSWORD).await;
    let one = anna.new_asset(&acme, "one", &noise(9 << 20, 1)).await.name;
    let two = anna.new_asset(&acme, "two", &noise(100, 2)).await.name;
    for (number, place) in
        ["upload.part.written", "upload.part.written:2", "copy.received", "copy.received:2", "step.after"]
            .iter()
            .enumerate()
    {
        let operation = anna.copy(&acme, &[&one, &two], &beta).await.unwrap().name;
        let mut victim = Process::start(&idle.database, &[("LANDLORD_KILL_AT", place)]).await;
        assert_eq!(victim.ended().await, Some(9), "{place}");
        let mut next = Process::start(&idle.database, &[]).await;
        let ended = anna.wait(&operation).await;
        assert_eq!((ended.state(), ended.results.len()), (State::Succeeded, 2), "{place}");
        next.kill().await;
        assert_eq!(bert.assets(&beta, "").await.unwrap().len(), 2 * (number + 1), "{place}");
        for name in &ended.results {
            let (asset, content) = bert.download(name, 0).await.unwrap();
            assert!(content == if asset.display_name == "one" { noise(9 << 20, 1) } else { noise(100, 2) }, "{place}");
        }
    }
    assert_eq!(
        bert.limits(&beta).await.unwrap().storage_bytes,
        (9 << 20) + 100,
        "the same content once, and nothing is reserved any more"
    );
}
