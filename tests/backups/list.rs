//! Backups are listed, searched and changed.

use landlord::proto::v1;
use tonic::Code;

use crate::support::client::assert_refused;
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn backups_are_listed_newest_first_by_pages_filtered_and_found_by_their_notes() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    for (note, components) in [("first", &[][..]), ("second", &["users"]), ("THIRD", &["databases"])] {
        let components = components.iter().map(|c: &&str| (*c).to_owned()).collect();
        let request =
            v1::CreateBackupRequest { parent: acme.clone(), note: note.into(), components, ..Default::default() };
        anna.succeed(anna.begin_backup(request).await.unwrap().operation).await;
    }
    for (filter, found) in [
        ("", &["THIRD", "second", "first"][..]),
        ("state = COMPLETE", &["THIRD", "second", "first"]),
        ("state != COMPLETE", &[]),
        ("component = users", &["second", "first"]),
        ("component = databases AND NOT component = users", &["THIRD"]),
        ("pinned = true", &[]),
        ("create_time > \"2999-01-01T00:00:00Z\"", &[]),
    ] {
        assert_eq!(anna.backups(&acme, filter).await.unwrap(), found, "{filter}");
    }
    let request = v1::ListBackupsRequest { parent: acme.clone(), page_size: 2, ..Default::default() };
    let page = anna.list_backups(request.clone()).await.unwrap();
    assert_eq!((page.backups.len(), page.total_size), (2, 3));
    let next = v1::ListBackupsRequest { page_token: page.next_page_token, ..request.clone() };
    let next = anna.list_backups(next).await.unwrap();
    assert_eq!((next.backups[0].note.as_str(), next.next_page_token.as_str()), ("first", ""));
    let oldest = v1::ListBackupsRequest { order_by: "create_time".into(), ..request.clone() };
    assert_eq!(anna.list_backups(oldest).await.unwrap().backups[0].note, "first");
    let found = v1::ListBackupsRequest { search: "third".into(), ..request.clone() };
    assert_eq!(anna.list_backups(found).await.unwrap().total_size, 1);
    let all = v1::ListBackupsRequest { parent: "tenants/-".into(), ..request };
    assert_refused(anna.list_backups(all.clone()).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    assert_eq!(server.operator().await.list_backups(all).await.unwrap().total_size, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn note_and_pin_are_changed_and_nobody_is_overwritten() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let made = anna.back_up(&acme).await;
    let wanted = v1::Backup { note: "keep".into(), pinned: true, ..made.clone() };
    let noted = anna.change_backup(wanted.clone(), &["note"]).await.unwrap();
    assert_eq!((noted.note.as_str(), noted.pinned), ("keep", false));
    assert_refused(anna.change_backup(wanted.clone(), &["pinned"]).await, Code::Aborted, "ETAG_MISMATCH");
    let pinned = anna.change_backup(v1::Backup { etag: noted.etag, ..wanted.clone() }, &["pinned"]).await.unwrap();
    assert!(pinned.pinned);
    assert_eq!(anna.backups(&acme, "pinned = true").await.unwrap(), ["keep"]);
    assert_refused(anna.change_backup(wanted, &["state"]).await, Code::InvalidArgument, "FIELDS_INVALID");
    anna.remove_backup(&made.name).await.expect("a pin keeps it from retention, not from who deletes it");
}
