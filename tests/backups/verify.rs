//! Backups are known, verified and removed where they are at home, and nowhere else.

use tonic::Code;

use crate::support::client::assert_refused;
use crate::support::server::TestServer;

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
