//! Whatever is damaged in the store is found, and named.

use tonic::Code;

use crate::assets::collect::files;
use crate::support::assets::noise;
use crate::support::client::assert_refused;
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn a_bit_that_flips_in_any_file_of_a_backup_is_found_and_named() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    anna.new_asset(&acme, "report", &noise(1000, 1)).await;
    anna.new_asset(&acme, "large", &noise(9 << 20, 2)).await;
    let backup = anna.back_up(&acme).await;
    assert!(backup.verify_time.is_none());
    assert_eq!(anna.verify(&backup.name).await.unwrap().error, None);
    let verified = anna.backup(&backup.name).await.unwrap();
    assert!(verified.verify_time.is_some());
    let all =
        [files(&server.database.objects().join("blobs")), files(&server.database.objects().join("backups"))].concat();
    assert!(all.len() > 10, "{all:?}");
    for file in &all {
        let whole = std::fs::read(file).unwrap();
        let mut flipped = whole.clone();
        let at = whole.len() * 2 / 3;
        flipped[at] ^= 16;
        std::fs::write(file, &flipped).unwrap();
        let error = anna.verify(&backup.name).await.unwrap().error.unwrap_or_else(|| panic!("{}", file.display()));
        std::fs::write(file, &whole).unwrap();
        assert_eq!((error.code.as_str(), error.reason.as_str()), ("DATA_LOSS", "BACKUP_CORRUPT"), "{}", file.display());
        let name = file.file_name().unwrap().to_str().unwrap();
        let damaged = &error.metadata["damaged"];
        let named = match name.split('.').next().unwrap() {
            "manifest" => "its manifest".to_owned(),
            part if part.chars().all(|c| c.is_ascii_digit()) => {
                let blob = file.parent().unwrap().file_name().unwrap().to_str().unwrap();
                format!("the content {blob}")
            }
            table => format!("the rows of {table}"),
        };
        assert_eq!(*damaged, named);
        let noted = anna.backup(&backup.name).await.unwrap();
        assert_eq!(noted.reason, "BACKUP_CORRUPT");
    }
    assert_eq!(anna.verify(&backup.name).await.unwrap().error, None);
    assert!(anna.backup(&backup.name).await.unwrap().reason.is_empty(), "it is whole again");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_backup_is_not_there() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, bert) = server.another("Beta", "bert").await;
    let backup = anna.back_up(&acme).await;
    let swapped = backup.name.replace(&acme, &beta);
    for name in [&backup.name, &swapped] {
        assert_refused(bert.backup(name).await, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_refused(bert.remove_backup(name).await, Code::NotFound, "RESOURCE_NOT_FOUND");
        assert_refused(bert.verify(name).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    }
    let operator = server.operator().await;
    assert_eq!(operator.backup(&backup.name).await.unwrap().name, backup.name, "operators see that there is one");
    assert_refused(operator.remove_backup(&backup.name).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    anna.backup(&backup.name).await.unwrap();
}
