//! What keeps a restore from being done leaves everything as it was, and is said.

use landlord::proto::v1;
use tonic::Code;

use crate::assets::collect::files;
use crate::support::assets::noise;
use crate::support::backups::whole;
use crate::support::client::assert_refused;
use crate::support::extensions::have;
use crate::support::lifecycle::{ADMIN_PASSWORD, facts};
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn seats_and_numbers_come_back_as_far_as_the_tenant_has_them() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let name = anna.user_named(&acme, "anna").await;
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    let carl = anna.new_user(&acme, "carl").await.unwrap().name;
    operator.set_extensions(&acme, &["1000-1999", "3000-3999"]).await.unwrap();
    anna.allocate(&ben, "1000").await.unwrap();
    anna.allocate(&carl, "3000").await.unwrap();
    operator.allot(&acme, &[("base", 3)]).await.unwrap();
    anna.assign_license(&acme, "base", &[&name, &ben, &carl]).await.unwrap();
    let backup = anna.back_up(&acme).await;
    anna.unassign_license(&acme, "base", &[&ben, &carl]).await.unwrap();
    anna.release(&carl, "3000").await.unwrap();
    operator.allot(&acme, &[("base", 2)]).await.unwrap();
    operator.set_extensions(&acme, &["1000-1499"]).await.unwrap();
    let anna = server.restored(&anna, whole(&backup.name), "anna@acme").await;
    assert_eq!(operator.used(&acme, "base").await, 2, "one of three has none");
    let extensions = anna.extensions(&acme, "").await.unwrap();
    assert_eq!(extensions, have(&[("1000", "ben"), ("1001-1499", "")]), "the range of the other one is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_is_too_small_by_now_refuses_all_of_it() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let operator = server.operator().await;
    let asset = anna.new_asset(&acme, "large", &noise(100_000, 1)).await;
    let backup = anna.back_up(&acme).await;
    anna.remove_asset(&asset.name).await.unwrap();
    anna.new_user(&acme, "ben").await.unwrap();
    let small = v1::TenantLimits { name: acme.clone(), disk_quota_bytes: Some(50_000), ..Default::default() };
    operator.set_limits(small, &["disk_quota_bytes"]).await.unwrap();
    let now = server.picture(&acme).await;
    let begun = anna.restore(whole(&backup.name)).await.unwrap();
    let failed = operator.wait(&begun.operation.unwrap().name).await;
    assert_eq!(failed.state(), v1::operation::State::Failed);
    assert_eq!(failed.error.unwrap().reason, "DISK_QUOTA_EXCEEDED");
    assert_eq!(server.picture(&acme).await, now);
    assert_eq!(operator.tenant(&acme).await.state(), v1::tenant::State::Active);
    // With room for it, it is begun again.
    let large = v1::TenantLimits { name: acme.clone(), disk_quota_bytes: Some(200_000), ..Default::default() };
    operator.set_limits(large, &["disk_quota_bytes"]).await.unwrap();
    let again = operator.retry_operation(&failed.name).await.unwrap();
    operator.succeed(Some(again)).await;
    let anna = server.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    assert_eq!(anna.assets(&acme, "").await.unwrap(), ["large"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_without_an_administrator_is_not_restored() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let backup = anna.back_up(&acme).await;
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    let role = anna.role_named(&acme, "Administrator").await;
    anna.give(&role, &[&ben]).await.unwrap();
    let ben = server.enter("ben@acme").await;
    ben.remove_user(&anna.user_named(&acme, "anna").await).await.unwrap();
    let begun = ben.restore(whole(&backup.name)).await.unwrap();
    let failed = server.operator().await.wait(&begun.operation.unwrap().name).await;
    assert_eq!(failed.error.unwrap().reason, "LAST_ADMINISTRATOR");
    server.anonymous().await.log_in("ben@acme", ADMIN_PASSWORD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_in_any_file_of_the_rows_is_found_before_anything_changes() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let backup = anna.back_up(&acme).await;
    anna.new_user(&acme, "ben").await.unwrap();
    let (operator, now) = (server.operator().await, server.picture(&acme).await);
    let files = files(&server.database.objects().join("backups"));
    let segment = |file: &std::path::Path| file.file_stem().unwrap().to_str().unwrap().to_owned();
    let flip = |file: &std::path::Path| {
        let mut content = std::fs::read(file).unwrap();
        let at = content.len() / 2;
        content[at] ^= 1;
        std::fs::write(file, content).unwrap();
    };
    // Of these no row comes back.
    let not_read = ["blobs", "blob_parts", "tenant_features", "tenant_licenses", "tenant_mail_texts"];
    for file in files.iter().filter(|file| !not_read.contains(&segment(file).as_str())) {
        flip(file);
        let tried = assert_refused(anna.try_restore(whole(&backup.name)).await, Code::DataLoss, "BACKUP_CORRUPT");
        let named = match segment(file).as_str() {
            "manifest" => "its manifest".to_owned(),
            table => format!("the rows of {table}"),
        };
        assert_eq!(facts(&tried)["damaged"], named);
        flip(file);
    }
    let file = |table: &str| files.iter().find(|file| segment(file) == table).unwrap();
    flip(file("group_members"));
    let begun = anna.restore(whole(&backup.name)).await.unwrap();
    let failed = operator.wait(&begun.operation.unwrap().name).await;
    let error = failed.error.unwrap();
    assert_eq!(
        (error.reason.as_str(), error.metadata["damaged"].as_str()),
        ("BACKUP_CORRUPT", "the rows of group_members")
    );
    assert_eq!(server.picture(&acme).await, now);
    let anna = server.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    flip(file("manifest"));
    assert_refused(anna.restore(whole(&backup.name)).await, Code::DataLoss, "BACKUP_CORRUPT");
    assert_eq!(operator.tenant(&acme).await.state(), v1::tenant::State::Active, "it was not even begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_came_since_have_their_defaults_and_those_of_a_later_version_are_refused() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    anna.new_group(&acme, "North").await.unwrap();
    let older = anna.back_up(&acme).await;
    let sql = server.sql().await;
    sql.batch_execute("ALTER TABLE groups ADD COLUMN later text NOT NULL DEFAULT 'nothing'").await.unwrap();
    let newer = anna.back_up(&acme).await;
    sql.batch_execute("DELETE FROM groups WHERE own_name = 'North'").await.unwrap();
    let anna = server.restored(&anna, whole(&older.name), "anna@acme").await;
    let later: String = sql.query_one("SELECT later FROM groups WHERE own_name = 'North'", &[]).await.unwrap().get(0);
    assert_eq!(later, "nothing");
    sql.batch_execute("ALTER TABLE groups DROP COLUMN later").await.unwrap();
    let refused =
        assert_refused(anna.try_restore(whole(&newer.name)).await, Code::FailedPrecondition, "BACKUP_FORMAT_UNKNOWN");
    assert!(refused.message().contains("groups.later"), "{refused:?}");
}
