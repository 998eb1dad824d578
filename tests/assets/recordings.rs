//! Recordings find the tenant and the user that they belong to, once.

use futures::stream;
use landlord::proto::v1;
use tonic::{Code, Status};
use v1::asset::Kind;
use v1::operation::State;

use super::kinds::of_kind;
use crate::support::assets::{messages, noise, sha256};
use crate::support::client::{Api, assert_refused, fields};
use crate::support::lifecycle::{ADMIN_PASSWORD, facts};
use crate::support::process::Process;
use crate::support::server::TestServer;

const OPEN: &str = "tenants/-";
const WAITING: &str = "tenants/infrastructure";

/// A recording of a call with that extension.
fn recording(parent: &str, extension: &str, content: &[u8]) -> v1::UploadAssetHeader {
    let recording = of_kind(parent, Kind::Recording);
    let call = Some(v1::CallMetadata { extension: extension.into(), ..recording.call.unwrap() });
    let (size, sha256) = (i64::try_from(content.len()).unwrap(), sha256(content));
    v1::UploadAssetHeader { display_name: format!("call of {extension}"), call, size, sha256, ..recording }
}

impl Api {
    async fn record(&self, parent: &str, extension: &str) -> v1::Asset {
        let content = extension.as_bytes();
        self.upload(recording(parent, extension, content), content).await.unwrap()
    }

    async fn begin_assigning(&self, parent: &str) -> Result<v1::Operation, Status> {
        let request = v1::AssignRecordingsRequest { parent: parent.into(), ..Default::default() };
        self.client.assets().assign_recordings(request).await.map(|r| r.into_inner().operation.unwrap())
    }

    /// AssignRecordings to its end; gives how many were assigned.
    async fn assign(&self, parent: &str) -> i64 {
        let begun = self.begin_assigning(parent).await.unwrap();
        self.succeed(Some(begun)).await.progress.unwrap().done_units
    }
}

/// A tenant with the numbers from 1000 to 1999, of which ben has 1000.
async fn acme(server: &TestServer) -> (String, Api, String) {
    let (acme, anna) = server.administrator("Acme").await;
    server.operator().await.set_extensions(&acme, &["1000-1999"]).await.unwrap();
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    anna.allocate(&ben, "1000").await.unwrap();
    (acme, anna, ben)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_comes_without_a_tenant_lands_where_the_extension_is_or_waits() {
    let server = TestServer::start().await;
    let (acme, mut anna, ben) = acme(&server).await;
    let operator = server.operator().await;
    let recorder = operator.service("recorder", &["AssetService.UploadAsset", "BackupService.GetUpload"], &["*"]).await;
    for caller in [&recorder, &operator] {
        let bens = caller.record(OPEN, "1000").await;
        assert!(bens.name.starts_with(&format!("{acme}/assets/")), "{}", bens.name);
        assert_eq!(bens.user, ben);
        assert_eq!(anna.download(&bens.name, 0).await.unwrap().1, b"1000");
        let nobodys = caller.record(OPEN, "1001").await;
        assert!(nobodys.name.starts_with(&acme), "{}", nobodys.name);
        assert_eq!(nobodys.user, "", "the tenant has the number, and none of its users");
        let waits = caller.record(OPEN, "2000").await;
        assert!(waits.name.starts_with(&format!("{WAITING}/assets/")), "{}", waits.name);
        assert_eq!(operator.download(&waits.name, 0).await.unwrap().1, b"2000");
        operator.lock(&acme).await.unwrap();
        let waits = caller.record(OPEN, "1000").await;
        assert!(waits.name.starts_with(&format!("{WAITING}/assets/")), "the tenant is not in use: {}", waits.name);
        operator.unlock(&acme).await.unwrap();
        anna = server.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    }
    assert_eq!(anna.record(&acme, "1000").await.user, ben, "one that names the tenant is of the user as well");
    assert_eq!(anna.record(&acme, "2000").await.user, "", "whatever number it says");
    let trail = anna.audit(&acme, "method = UploadAsset").await.unwrap();
    let by: Vec<_> = trail.iter().map(|record| record.actor.as_str()).collect();
    assert!(by.contains(&"serviceIdentities/recorder"), "{by:?}");
    let full = v1::TenantLimits { name: acme.clone(), disk_quota_bytes: Some(20), ..Default::default() };
    operator.set_limits(full, &["disk_quota_bytes"]).await.unwrap();
    let content = noise(100, 1);
    let too_much = recorder.upload(recording(OPEN, "1000", &content), &content).await;
    assert_refused(too_much, Code::ResourceExhausted, "DISK_QUOTA_EXCEEDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_operators_and_services_of_all_tenants_leave_the_tenant_open_and_only_of_recordings() {
    let server = TestServer::start().await;
    let (acme, anna, _) = acme(&server).await;
    let operator = server.operator().await;
    let send = |api: Api| async move { api.upload(recording(OPEN, "1000", b"x"), b"x").await };
    assert_refused(send(anna).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    let acting = operator.exchanged(&acme).await;
    assert_refused(send(acting).await, Code::PermissionDenied, "IMPERSONATION_NOT_PERMITTED");
    let bound = operator.service("bound", &["AssetService.UploadAsset"], &[&acme]).await;
    let refused = assert_refused(send(bound).await, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(fields(&refused)[0].0, "header.parent");
    let document = v1::UploadAssetHeader { parent: OPEN.into(), ..of_kind(&acme, Kind::Document) };
    let refused = assert_refused(operator.upload(document, b"content").await, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(fields(&refused)[0].0, "header.parent");
    let direct = operator.upload(recording(WAITING, "1000", b"x"), b"x").await;
    assert_refused(direct, Code::FailedPrecondition, "TENANT_READ_ONLY");
    let other = operator.upload(recording(&acme, "1000", b"x"), b"x").await;
    assert_refused(other, Code::PermissionDenied, "PRIVILEGE_MISSING");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_breaks_off_goes_on_where_it_began_whoever_has_the_extension_by_then() {
    let server = TestServer::start().await;
    let (acme, _, ben) = acme(&server).await;
    let operator = server.operator().await;
    let recorder = operator.service("recorder", &["AssetService.UploadAsset", "BackupService.GetUpload"], &["*"]).await;
    let content = noise(9 << 20, 1);
    for (extension, parent) in [("2000", WAITING), ("1000", acme.as_str())] {
        let request_id = uuid::Uuid::new_v4().to_string();
        let upload = format!("{OPEN}/uploads/{request_id}");
        let header = v1::UploadAssetHeader { request_id: request_id.clone(), ..recording(OPEN, extension, &content) };
        assert_refused(recorder.get_upload(&upload).await, Code::NotFound, "RESOURCE_NOT_FOUND");
        let some = messages(header.clone(), &content[..(8 << 20) + 300_000], 0);
        assert_refused(recorder.send(stream::iter(some)).await, Code::Aborted, "UPLOAD_INTERRUPTED");
        let found = recorder.get_upload(&upload).await.unwrap();
        assert_eq!(found.name, format!("{parent}/uploads/{request_id}"));
        operator.set_extensions(&acme, &["1000-2999"]).await.unwrap();
        let at = usize::try_from(found.received).unwrap();
        let made = recorder.send(stream::iter(messages(header.clone(), &content, at))).await.unwrap().unwrap();
        assert!(made.name.starts_with(parent), "{}", made.name);
        assert_eq!(recorder.get_upload(&upload).await.unwrap().result, made.name);
        assert_eq!(recorder.upload(header, &content).await.unwrap(), made, "the same once more is the same");
        assert_eq!(made.user, if extension == "1000" { ben.as_str() } else { "" });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_that_wait_move_to_the_tenant_that_has_the_extension_by_then_as_far_as_it_has_room() {
    let server = TestServer::start().await;
    let (acme, anna, ben) = acme(&server).await;
    let operator = server.operator().await;
    let large = noise(100_000, 1);
    operator.upload(recording(OPEN, "2000", &large), &large).await.unwrap();
    operator.record(OPEN, "2001").await;
    operator.record(OPEN, "3000").await;
    assert_eq!(operator.assign(OPEN).await, 0, "nobody has them");
    operator.set_extensions(&acme, &["1000-2999"]).await.unwrap();
    anna.allocate(&ben, "2000-2001").await.unwrap();
    let little = v1::TenantLimits { name: acme.clone(), disk_quota_bytes: Some(1000), ..Default::default() };
    operator.set_limits(little, &["disk_quota_bytes"]).await.unwrap();
    assert_eq!(operator.assign(OPEN).await, 1);
    assert_eq!(anna.assets(&acme, "").await.unwrap(), ["call of 2001"]);
    assert_eq!(operator.assets(WAITING, "").await.unwrap(), ["call of 2000", "call of 3000"]);
    let enough = v1::TenantLimits { name: acme.clone(), disk_quota_bytes: Some(200_000), ..Default::default() };
    operator.set_limits(enough, &["disk_quota_bytes"]).await.unwrap();
    assert_eq!(operator.assign(OPEN).await, 1);
    assert_eq!(operator.assets(WAITING, "").await.unwrap(), ["call of 3000"]);
    let found = anna.list_assets(v1::ListAssetsRequest { parent: acme.clone(), ..Default::default() }).await.unwrap();
    let moved = &found.assets[0];
    assert_eq!((moved.display_name.as_str(), moved.user.as_str()), ("call of 2000", ben.as_str()));
    assert!(moved.creator.starts_with("tenants/infrastructure/users/"), "whoever sent it: {}", moved.creator);
    assert!(anna.download(&moved.name, 0).await.unwrap().1 == large, "sealed with the key of its tenant");
    assert_eq!(anna.limits(&acme).await.unwrap().storage_bytes, 100_004);
    assert_refused(anna.begin_assigning(OPEN).await, Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_assigned_stays_so_whoever_has_the_extension_later() {
    let server = TestServer::start().await;
    let (acme, anna, ben) = acme(&server).await;
    let operator = server.operator().await;
    let (beta, bert) = server.another("Beta", "bert").await;
    let (bens, nobodys) = (anna.record(&acme, "1000").await, anna.record(&acme, "1001").await);
    let carl = anna.new_user(&acme, "carl").await.unwrap().name;
    anna.allocate(&carl, "1000-1001").await.unwrap();
    assert_eq!(anna.assign(&acme).await, 1);
    assert_eq!(anna.asset(&bens.name).await.unwrap().user, ben);
    assert_eq!(anna.asset(&nobodys.name).await.unwrap().user, carl);
    // Not even when its user is gone is it looked at again.
    anna.remove_user(&ben).await.unwrap();
    assert_eq!(anna.asset(&bens.name).await.unwrap().user, "");
    assert_eq!(anna.assign(&acme).await, 0);
    assert_eq!(anna.asset(&bens.name).await.unwrap().user, "");
    anna.release(&carl, "1000-1001").await.unwrap();
    operator.set_extensions(&acme, &[]).await.unwrap();
    operator.set_extensions(&beta, &["1000-1999"]).await.unwrap();
    assert_eq!(operator.assign(OPEN).await + anna.assign(&acme).await, 0);
    assert_eq!(anna.assets(&acme, "").await.unwrap().len(), 2);
    assert!(bert.assets(&beta, "").await.unwrap().is_empty());
    let role = anna.new_role(&acme, "Documents", &["privileges/document-administrator"]).await.unwrap();
    let dora = anna.new_user(&acme, "dora").await.unwrap().name;
    anna.give(&role, &[&dora]).await.unwrap();
    let refused = server.enter("dora@acme").await.begin_assigning(&acme).await;
    let refused = assert_refused(refused, Code::PermissionDenied, "PRIVILEGE_MISSING");
    assert_eq!(facts(&refused)["privilege"], "server-administrator");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_moves_is_there_once_whatever_kills_the_worker() {
    let maker = TestServer::start().await;
    let (acme, _, _) = acme(&maker).await;
    let idle = maker.without_workers().await;
    let (operator, anna) = (idle.operator().await, idle.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await);
    for (number, place) in ["upload.part.written", "copy.received", "copy.received:2", "step.after"].iter().enumerate()
    {
        operator.set_extensions(&acme, &["1000-1999"]).await.unwrap();
        let content = noise(9 << 20, number.try_into().unwrap());
        operator.upload(recording(OPEN, "2000", &content), &content).await.unwrap();
        operator.upload(recording(OPEN, "2001", &content), &content).await.unwrap();
        operator.set_extensions(&acme, &["1000-2999"]).await.unwrap();
        let operation = operator.begin_assigning(OPEN).await.unwrap().name;
        let mut victim = Process::start(&idle.database, &[("LANDLORD_KILL_AT", place)]).await;
        assert_eq!(victim.ended().await, Some(9), "{place}");
        let mut next = Process::start(&idle.database, &[]).await;
        assert_eq!(operator.wait(&operation).await.state(), State::Succeeded, "{place}");
        next.kill().await;
        assert_eq!(anna.assets(&acme, "").await.unwrap().len(), 2 * (number + 1), "{place}");
        assert!(operator.assets(WAITING, "").await.unwrap().is_empty(), "{place}");
    }
    assert_eq!(anna.limits(&acme).await.unwrap().storage_bytes, 4 * (9 << 20), "nothing is reserved any more");
}
