//! Single assets are backed up and come back, and all others stay as they are.

use landlord::proto::v1;
use tonic::{Code, Response, Status};
use v1::asset::Kind;
use v1::operation::State;

use super::collect::options;
use super::kinds::of_kind;
use crate::support::assets::noise;
use crate::support::backups::whole;
use crate::support::client::{Api, assert_refused, fields};
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::process::Process;
use crate::support::server::TestServer;

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

impl Api {
    async fn begin_assets(&self, parent: &str, names: &[&str]) -> Result<v1::BackupAssetsResponse, Status> {
        let request = v1::BackupAssetsRequest { parent: parent.into(), names: owned(names), ..Default::default() };
        self.client.assets().backup_assets(request).await.map(Response::into_inner)
    }

    /// BackupAssets, to its end.
    async fn back_up_assets(&self, parent: &str, names: &[&str]) -> v1::Backup {
        let begun = self.begin_assets(parent, names).await.unwrap();
        self.succeed(begun.operation).await;
        self.backup(&begun.backup.unwrap().name).await.unwrap()
    }

    async fn begin_bringing(&self, backup: &str, assets: &[&str]) -> Result<v1::Operation, Status> {
        let request = v1::RestoreAssetsRequest { name: backup.into(), assets: owned(assets), ..Default::default() };
        self.client.assets().restore_assets(request).await.map(|r| r.into_inner().operation.unwrap())
    }

    /// RestoreAssets, to its end: the names of those that came.
    async fn bring_back(&self, backup: &str, assets: &[&str]) -> Vec<String> {
        let begun = self.begin_bringing(backup, assets).await.unwrap();
        self.succeed(Some(begun)).await.results
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_that_are_named_come_back_with_their_ids_and_nothing_else_changes() {
    let server = TestServer::with(&options()).await;
    let (acme, anna) = server.administrator("Acme").await;
    let contents = [noise(9 << 20, 1), noise(700, 2), noise(800, 3)];
    let mut made = Vec::new();
    for (name, content) in ["one", "two", "three"].iter().zip(&contents) {
        made.push(anna.new_asset(&acme, name, content).await);
    }
    let backup = anna.back_up_assets(&acme, &[&made[0].name, &made[1].name, &made[0].name]).await;
    assert_eq!((backup.objects, backup.content_bytes, backup.selected_assets), (2, (9 << 20) + 700, true));
    assert_eq!(backup.components, ["others"]);
    let never = server.operator().await.overview(&acme).await.last_backup.unwrap();
    assert_eq!(never.status(), v1::last_backup::Status::Never, "the tenant is not backed up by that");
    let refused = anna.restore(whole(&backup.name)).await;
    assert_refused(refused, Code::FailedPrecondition, "BACKUP_STATE_INVALID");

    let whole_backup = anna.back_up(&acme).await;
    for asset in &made {
        anna.remove_asset(&asset.name).await.unwrap();
    }
    let later = anna.new_asset(&acme, "later", b"later").await;
    let users = server.picture(&acme).await.into_iter().filter(|(table, _)| table != "assets").collect::<Vec<_>>();
    assert_eq!(anna.bring_back(&backup.name, &[&made[0].name]).await, [made[0].name.as_str()]);
    assert_eq!(anna.assets(&acme, "").await.unwrap(), ["later", "one"]);
    assert!(anna.download(&made[0].name, 0).await.unwrap().1 == contents[0]);
    assert_eq!(anna.limits(&acme).await.unwrap().storage_bytes, (9 << 20) + 5);
    let renamed = v1::Asset { display_name: "renamed".into(), ..later.clone() };
    anna.change_asset(v1::Asset { etag: String::new(), ..renamed }, &["display_name"]).await.unwrap();
    let renamed = v1::Asset { display_name: "renamed too".into(), ..made[0].clone() };
    anna.change_asset(v1::Asset { etag: String::new(), ..renamed }, &["display_name"]).await.unwrap();
    let mut all = anna.bring_back(&whole_backup.name, &[]).await;
    all.sort();
    let mut wanted: Vec<_> = made.iter().map(|asset| asset.name.clone()).collect();
    wanted.sort();
    assert_eq!(all, wanted);
    assert_eq!(anna.assets(&acme, "").await.unwrap(), ["one", "renamed", "three", "two"]);
    let now = server.picture(&acme).await.into_iter().filter(|(table, _)| table != "assets").collect::<Vec<_>>();
    assert_eq!(now, users, "who came since is still there");
    assert_eq!(anna.verify(&backup.name).await.unwrap().error, None);
    let (_, archive) = anna.archive(&backup.name, 0, usize::MAX).await.unwrap();
    let (read, uploaded) = anna.upload_archive(&acme, &archive).await;
    assert_eq!((read.error, uploaded.selected_assets, uploaded.objects), (None, true, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_takes_the_privilege_of_each_kind_and_names_what_is_not_there() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let role = anna.new_role(&acme, "Documents", &["privileges/document-administrator"]).await.unwrap();
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    anna.give(&role, &[&ben]).await.unwrap();
    let ben = server.enter("ben@acme").await;
    let document = anna.upload(of_kind(&acme, Kind::Document), b"content").await.unwrap();
    let portal = anna.upload(of_kind(&acme, Kind::Portal), b"content").await.unwrap();
    let refused = ben.begin_assets(&acme, &[&document.name, &portal.name]).await;
    assert_refused(refused, Code::PermissionDenied, "PRIVILEGE_MISSING");
    let gone = document.name.replace(document.name.rsplit('/').next().unwrap(), &uuid::Uuid::new_v4().to_string());
    assert_refused(anna.begin_assets(&acme, &[&gone]).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    let both = anna.back_up_assets(&acme, &[&document.name, &portal.name]).await;
    let refused = ben.begin_bringing(&both.name, &[&portal.name]).await;
    assert_refused(refused, Code::PermissionDenied, "PRIVILEGE_MISSING");
    let refused =
        assert_refused(anna.begin_bringing(&both.name, &[&gone]).await, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(fields(&refused)[0].0, "assets");
    anna.remove_asset(&document.name).await.unwrap();
    anna.remove_asset(&portal.name).await.unwrap();
    assert_eq!(ben.bring_back(&both.name, &[]).await, [document.name.as_str()], "what ben may have to do with");
    let little = v1::TenantLimits { name: acme.clone(), disk_quota_bytes: Some(7), ..Default::default() };
    server.operator().await.set_limits(little, &["disk_quota_bytes"]).await.unwrap();
    anna.remove_asset(&document.name).await.unwrap();
    anna.new_asset(&acme, "other", b"x").await;
    let begun = anna.begin_bringing(&both.name, &[&portal.name]).await.unwrap();
    let failed = anna.wait(&begun.name).await;
    assert_eq!(failed.error.unwrap().reason, "DISK_QUOTA_EXCEEDED");
    assert_eq!(anna.assets(&acme, "").await.unwrap(), ["other"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_worker_goes_on_when_the_first_one_is_killed_anywhere() {
    let maker = TestServer::start().await;
    let (acme, anna) = maker.administrator("Acme").await;
    let asset = anna.new_asset(&acme, "report", &noise(1000, 1)).await.name;
    let backup = anna.back_up_assets(&acme, &[&asset]).await.name;
    let idle = maker.without_workers().await;
    let anna = idle.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    for place in ["step.before", "restore-assets.brought", "step.outside", "step.after"] {
        anna.remove_asset(&asset).await.unwrap();
        let operation = anna.begin_bringing(&backup, &[&asset]).await.unwrap().name;
        let mut victim = Process::start(&idle.database, &[("LANDLORD_KILL_AT", place)]).await;
        assert_eq!(victim.ended().await, Some(9), "{place}");
        let mut next = Process::start(&idle.database, &[]).await;
        let ended = anna.wait(&operation).await;
        assert_eq!((ended.state(), ended.results), (State::Succeeded, vec![asset.clone()]), "{place}");
        next.kill().await;
        assert!(anna.download(&asset, 0).await.unwrap().1 == noise(1000, 1), "{place}");
        assert_eq!(anna.limits(&acme).await.unwrap().storage_bytes, 1000, "{place}");
    }
}
