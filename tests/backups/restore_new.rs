//! A backup becomes a new tenant, beside the one that it is of or at another Landlord.

use landlord::proto::v1;
use tonic::{Code, Status};
use v1::operation::State;

use crate::assets::collect::{files, options};
use crate::support::assets::noise;
use crate::support::backups::{change, whole};
use crate::support::client::{Api, assert_refused, fields};
use crate::support::lifecycle::{ADMIN_PASSWORD, facts};
use crate::support::process::Process;
use crate::support::server::TestServer;

/// Asks for a new tenant with that name from all that a backup has.
pub(super) fn to_new(backup: &str, display_name: &str) -> v1::RestoreBackupRequest {
    let tenant = Some(v1::Tenant { display_name: display_name.into(), ..Default::default() });
    let new_tenant = Some(v1::NewTenant { tenant, ..Default::default() });
    v1::RestoreBackupRequest { new_tenant, ..whole(backup) }
}

impl TestServer {
    /// Restores to a new tenant, to its end; gives its name.
    async fn restored_to_new(&self, request: v1::RestoreBackupRequest, caller: &Api) -> String {
        let begun = caller.restore(request).await.unwrap();
        let done = self.operator().await.succeed(begun.operation).await;
        let tenant = begun.tenant.unwrap().name;
        assert_eq!((done.kind.as_str(), &done.results), ("provision", &vec![tenant.clone()]));
        tenant
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_has_the_users_and_the_assets_and_both_go_their_own_ways() {
    let server = TestServer::with(&options()).await;
    let (acme, anna) = server.administrator("Acme").await;
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    let gone = anna.new_user(&acme, "gone").await.unwrap().name;
    let group = anna.new_group(&acme, "North").await.unwrap();
    anna.add(&group, &[&ben]).await.unwrap();
    server.enter("ben@acme").await;
    let contents = [noise(9 << 20, 1), noise(700, 2), Vec::new()];
    for (name, content) in ["large", "small", "empty"].iter().zip(&contents) {
        anna.new_asset(&acme, name, content).await;
    }
    anna.new_asset(&acme, "small again", &contents[1]).await;
    let backup = anna.back_up(&acme).await;
    anna.remove_user(&gone).await.unwrap();
    let before = server.picture(&acme).await;
    let operator = server.operator().await;

    let tried = v1::RestoreBackupRequest { validate_only: true, ..to_new(&backup.name, "Acme North") };
    let tried = operator.acting_as("superuser").restore(tried).await.unwrap();
    assert_eq!((tried.operation, tried.tenant.unwrap().code.as_str()), (None, "acme-north"));
    let preview = tried.preview.unwrap();
    let users = ["anna", "ben", "superuser"].map(str::to_owned).to_vec();
    assert_eq!(change(&preview, "users"), [users, vec![], vec![]]);
    assert_refused(operator.row("tenants/acme-north").await, Code::NotFound, "RESOURCE_NOT_FOUND");

    let north = server.restored_to_new(to_new(&backup.name, "Acme North"), &operator.acting_as("superuser")).await;
    assert_eq!(north, "tenants/acme-north");
    let made = operator.tenant(&north).await;
    assert_eq!((made.state(), made.display_name.as_str()), (v1::tenant::State::Active, "Acme North"));
    let there = server.anonymous().await.log_in("anna@acme-north", ADMIN_PASSWORD).await;
    let of = |user: &str, tenant: &str| user.replace(&acme, tenant);
    assert_eq!(there.user(&of(&ben, &north)).await.unwrap().user_name, "ben", "users keep their ids");
    assert_refused(there.user(&of(&gone, &north)).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_eq!(there.group(&of(&group, &north)).await.unwrap().member_count, 1);
    let listed =
        there.list_assets(v1::ListAssetsRequest { parent: north.clone(), ..Default::default() }).await.unwrap();
    assert_eq!(listed.assets.len(), 4);
    for asset in &listed.assets {
        let at = ["large", "small", "empty"].iter().position(|name| asset.display_name.starts_with(name)).unwrap();
        assert!(there.download(&asset.name, 0).await.unwrap().1 == contents[at], "{}", asset.display_name);
    }
    assert_eq!(there.limits(&north).await.unwrap().storage_bytes, (9 << 20) + 700, "nothing is reserved any more");
    operator.acting_as("superuser").user(&of(&ben, &north)).await.unwrap();

    // Of the two of one id neither is taken for the other one.
    let twins = operator.assign_users(&north, &[&ben]).await;
    assert_refused(twins, Code::AlreadyExists, "RESOURCE_EXISTS");
    let twins = operator.assign_tenants(&ben, &[&north]).await;
    assert_refused(twins, Code::AlreadyExists, "RESOURCE_EXISTS");
    let into_acme = there.copy(&north, &[&listed.assets[0].name], &acme).await;
    assert_refused(into_acme, Code::NotFound, "RESOURCE_NOT_FOUND");
    // What one of them does is nothing to the other one.
    assert_eq!(server.picture(&acme).await, before);
    server.operator().await.delete_fully(&acme).await;
    let large = listed.assets.iter().find(|asset| asset.display_name == "large").unwrap();
    assert!(there.download(&large.name, 0).await.unwrap().1 == contents[0]);
    let again = there.back_up(&north).await;
    assert_eq!(there.verify(&again.name).await.unwrap().error, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_takes_the_right_to_make_tenants_and_that_to_the_data() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let backup = anna.back_up(&acme).await;
    let documents = anna.begin(&acme, &["documents"]).await.unwrap();
    let documents = anna.succeed(documents.operation).await.results.remove(0);
    let refused =
        assert_refused(anna.restore(to_new(&backup.name, "Mine")).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    assert!(facts(&refused)["privilege"].contains("tenant-administrator"), "{refused:?}");
    let operator = server.operator().await;
    let direct = operator.restore(to_new(&backup.name, "Mine")).await;
    assert_refused(direct, Code::PermissionDenied, "PRIVILEGE_MISSING");
    let service = operator.service("mover", &["BackupService.RestoreBackup"], &["*"]).await;
    assert_refused(service.restore(to_new(&backup.name, "Mine")).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    let own = operator.back_up("tenants/infrastructure").await;
    let second = operator.restore(to_new(&own.name, "Mine")).await;
    assert_refused(second, Code::FailedPrecondition, "RESOURCE_PROTECTED");
    let acting = operator.acting_as("superuser");
    let refused =
        assert_refused(acting.restore(to_new(&documents, "Mine")).await, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(fields(&refused)[0].0, "components");
    let refused =
        assert_refused(acting.restore(to_new(&backup.name, "")).await, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(fields(&refused)[0].0, "new_tenant.tenant.display_name");
    let safe = v1::RestoreBackupRequest { safety_backup: true, stay_locked: true, ..to_new(&backup.name, "Mine") };
    let refused = assert_refused(acting.restore(safe).await, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(
        fields(&refused).iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(),
        ["safety_backup", "stay_locked"]
    );
    let taken = v1::NewTenant { tenant_id: "acme".into(), ..to_new(&backup.name, "Mine").new_tenant.unwrap() };
    let taken = v1::RestoreBackupRequest { new_tenant: Some(taken), ..whole(&backup.name) };
    assert_refused(acting.restore(taken).await, Code::AlreadyExists, "RESOURCE_EXISTS");
    let once =
        v1::RestoreBackupRequest { request_id: uuid::Uuid::new_v4().to_string(), ..to_new(&backup.name, "Mine") };
    let begun = acting.restore(once.clone()).await.unwrap();
    operator.succeed(begun.operation.clone()).await;
    assert_eq!(acting.restore(once).await.unwrap(), begun, "the same request is one tenant");
    let mine = begun.tenant.unwrap().name;
    let trail = operator.audit(&mine, "method = RestoreBackup").await.unwrap();
    assert_eq!((trail.len(), trail[0].details["backup"].as_str()), (1, backup.name.as_str()));
    let told = anna.events(&acme, "kind = RestoreBackup").await.unwrap().events;
    assert_eq!((told.len(), told[0].details["restored_to"].as_str()), (1, mine.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_becomes_a_tenant_of_another_landlord() -> Result<(), Status> {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let provider =
        server.operator().await.create_provider("corp", crate::oidc::record("https://id.example", &["EdDSA"])).await?;
    let carl = anna.new_user(&acme, "carl").await?.name;
    anna.link(&carl, &provider.name, "carl-1").await?;
    anna.new_asset(&acme, "report", &noise(100_000, 1)).await;
    let backup = anna.back_up(&acme).await;
    let (_, archive) = anna.archive(&backup.name, 0, usize::MAX).await?;

    let other = TestServer::start().await;
    let operator = other.operator().await;
    let (read, uploaded) = operator.upload_archive("tenants/infrastructure", &archive).await;
    assert_eq!((read.error, uploaded.source_tenant.as_str()), (None, acme.as_str()));
    let in_place = operator.restore(whole(&uploaded.name)).await;
    assert_refused(in_place, Code::FailedPrecondition, "BACKUP_OF_ANOTHER_TENANT");
    let moved = other.restored_to_new(to_new(&uploaded.name, "Acme"), &operator).await;
    assert_eq!(moved, acme);
    let anna = other.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    assert!(anna.identities(&carl).await?.is_empty(), "nobody there speaks for carl");
    let list = v1::ListAssetsRequest { parent: moved.clone(), ..Default::default() };
    let report = anna.list_assets(list).await?.assets.remove(0);
    assert!(anna.download(&report.name, 0).await?.1 == noise(100_000, 1));
    operator.remove_backup(&uploaded.name).await?;
    assert!(anna.download(&report.name, 0).await?.1 == noise(100_000, 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_worker_goes_on_when_the_first_one_is_killed_anywhere() {
    let maker = TestServer::start().await;
    let (acme, anna) = maker.administrator("Acme").await;
    let contents = [("1", noise(9 << 20, 1)), ("2", noise(9 << 20, 2)), ("3", noise(5000, 3)), ("4", Vec::new())];
    for (name, content) in &contents {
        anna.new_asset(&acme, name, content).await;
    }
    let backup = anna.back_up(&acme).await.name;
    let idle = maker.without_workers().await;
    let operator = idle.operator().await;
    let acting = operator.acting_as("superuser");
    let places = [
        "contents.begun",
        "contents.written",
        "upload.part.written:2",
        "restore-new.brought:3",
        "restore-new.content",
        "restore-new.filled",
        "step.after:2",
    ];
    for (number, place) in places.into_iter().enumerate() {
        let begun = acting.restore(to_new(&backup, &format!("New {number}"))).await.unwrap();
        let (operation, tenant) = (begun.operation.unwrap().name, begun.tenant.unwrap());
        let mut victim = Process::with(&idle.database, &[("LANDLORD_KILL_AT", place)], &options()).await.unwrap();
        assert_eq!(victim.ended().await, Some(9), "{place}");
        let mut next = Process::with(&idle.database, &[], &options()).await.unwrap();
        assert_eq!(operator.wait(&operation).await.state(), State::Succeeded, "{place}");
        next.kill().await;
        let anna = idle.anonymous().await.log_in(&format!("anna@{}", tenant.code), ADMIN_PASSWORD).await;
        let list = v1::ListAssetsRequest { parent: tenant.name.clone(), ..Default::default() };
        for (asset, (_, content)) in anna.list_assets(list).await.unwrap().assets.iter().zip(&contents) {
            assert!(anna.download(&asset.name, 0).await.unwrap().1 == *content, "{place}");
        }
        assert_eq!(anna.limits(&tenant.name).await.unwrap().storage_bytes, (18 << 20) + 5000, "{place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_can_not_be_done_is_a_failed_tenant_that_can_be_tried_again() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let asset = anna.new_asset(&acme, "report", &noise(100_000, 1)).await;
    let backup = anna.back_up(&acme).await;
    let operator = server.operator().await;
    let limits = Some(v1::TenantLimits { disk_quota_bytes: Some(1000), ..Default::default() });
    let small = v1::NewTenant { limits, ..to_new(&backup.name, "Small").new_tenant.unwrap() };
    let small = v1::RestoreBackupRequest { new_tenant: Some(small), ..whole(&backup.name) };
    let begun = operator.acting_as("superuser").restore(small).await.unwrap();
    let failed = operator.wait(&begun.operation.unwrap().name).await;
    assert_eq!(failed.error.unwrap().reason, "DISK_QUOTA_EXCEEDED");
    let tenant = begun.tenant.unwrap().name;
    assert_eq!(operator.tenant(&tenant).await.state(), v1::tenant::State::Failed);
    let blob = files(&server.database.objects().join("blobs")).remove(0);
    let (whole_blob, mut damaged) = (std::fs::read(&blob).unwrap(), std::fs::read(&blob).unwrap());
    damaged[1000] ^= 1;
    std::fs::write(&blob, damaged).unwrap();
    let begun = operator.acting_as("superuser").restore(to_new(&backup.name, "Mended")).await.unwrap();
    let failed = operator.wait(&begun.operation.unwrap().name).await;
    assert_eq!(failed.error.unwrap().reason, "BACKUP_CORRUPT");
    std::fs::write(&blob, whole_blob).unwrap();
    let tenant = begun.tenant.unwrap().name;
    let request = v1::RetryTenantProvisioningRequest { name: tenant.clone(), ..Default::default() };
    let again = operator.client.tenants().retry_tenant_provisioning(request).await.unwrap().into_inner();
    operator.succeed(again.operation).await;
    let there = server.anonymous().await.log_in("anna@mended", ADMIN_PASSWORD).await;
    let name = asset.name.replace(&acme, &tenant);
    assert!(there.download(&name, 0).await.unwrap().1 == noise(100_000, 1));
}
