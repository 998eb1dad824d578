//! A restore makes a tenant's data those of a backup, and nothing else.

use landlord::proto::v1;
use tonic::Code;
use v1::backup::State;
use v1::tenant::LockReason;

use crate::oidc::record;
use crate::support::assets::noise;
use crate::support::backups::{change, whole};
use crate::support::client::{Api, assert_refused, fields};
use crate::support::lifecycle::{ADMIN_PASSWORD, facts};
use crate::support::server::TestServer;
use crate::support::sessions::Guest;

/// Gives a tenant something of everything.
async fn fill(server: &TestServer, acme: &str, anna: &Api) -> Vec<v1::Asset> {
    let operator = server.operator().await;
    let ben = anna.new_user(acme, "ben").await.unwrap().name;
    let provider = operator.create_provider("corp", record("https://id.example", &["EdDSA"])).await.unwrap();
    let carl = anna.new_user(acme, "carl").await.unwrap().name;
    anna.link(&carl, &provider.name, "carl-1").await.unwrap();
    for name in ["North", "South"] {
        let group = anna.new_group(acme, name).await.unwrap();
        anna.add(&group, &[&ben]).await.unwrap();
    }
    let role = anna.new_role(acme, "Readers", &["privileges/document-administrator"]).await.unwrap();
    anna.give(&role, &[&carl]).await.unwrap();
    let privilege = v1::Privilege { display_name: "Finance".into(), ..Default::default() };
    let request = v1::CreatePrivilegeRequest {
        parent: acme.into(),
        privilege_id: "category.finance".into(),
        privilege: Some(privilege),
        ..Default::default()
    };
    let finance = anna.create_privilege(request).await.unwrap().privilege.unwrap().name;
    anna.grant(&role, &[&finance]).await.unwrap();
    operator.set_extensions(acme, &["1000-1999"]).await.unwrap();
    anna.allocate(&ben, "1000").await.unwrap();
    operator.allot(acme, &[("base", 3)]).await.unwrap();
    anna.assign_license(acme, "base", &[&anna.user_named(acme, "anna").await, &carl]).await.unwrap();
    let report = anna.new_asset(acme, "report", &noise(9 << 20, 1)).await;
    vec![report, anna.new_asset(acme, "list", &noise(1000, 2)).await]
}

/// Changes, removes and adds something of everything; names change hands.
async fn damage(server: &TestServer, acme: &str, anna: &Api, assets: &[v1::Asset]) {
    let damage = "
        UPDATE users SET user_name = 'x', user_name_key = 'x' WHERE user_name = 'ben';
        UPDATE users SET user_name = 'ben', user_name_key = 'ben', state = 'LOCKED' WHERE user_name = 'carl';
        UPDATE users SET user_name = 'carl', user_name_key = 'carl', email = 'x@example.com' WHERE user_name = 'x';
        UPDATE groups SET own_name = 'x' WHERE own_name = 'North';
        UPDATE groups SET own_name = 'North', description = 'the other' WHERE own_name = 'South';
        UPDATE groups SET own_name = 'South' WHERE own_name = 'x';
        UPDATE roles SET name = 'Writers' WHERE name = 'Readers';
        DELETE FROM privileges;
        DELETE FROM user_identities;
        DELETE FROM user_extensions;
        DELETE FROM user_licenses WHERE user_id = (SELECT id FROM users WHERE user_name = 'ben');
        UPDATE tenants SET display_name = 'Ruined', company_name = 'x', primary_color = '#ff0000' WHERE code = 'acme'";
    server.sql().await.batch_execute(damage).await.unwrap();
    let dora = anna.new_user(acme, "dora").await.unwrap().name;
    anna.allocate(&dora, "1000").await.unwrap();
    anna.new_group(acme, "West").await.unwrap();
    anna.remove_asset(&assets[0].name).await.unwrap();
    let renamed = v1::Asset { display_name: "ruined".into(), ..assets[1].clone() };
    anna.change_asset(v1::Asset { etag: String::new(), ..renamed }, &["display_name"]).await.unwrap();
    anna.new_asset(acme, "later", &noise(500, 3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_as_it_was_whatever_was_done_since() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let assets = fill(&server, &acme, &anna).await;
    server.enter("ben@acme").await;
    let (before, usage) = (server.picture(&acme).await, server.operator().await.limits(&acme).await.unwrap());
    let backup = anna.back_up(&acme).await;
    damage(&server, &acme, &anna, &assets).await;
    let damaged = server.picture(&acme).await;
    let preview = anna.try_restore(whole(&backup.name)).await.unwrap();
    assert_eq!((&preview.components, &preview.missing_components), (&backup.components, &vec![]));
    assert_eq!(change(&preview, "users"), [vec![], vec!["dora".to_owned()], vec![]]);
    assert_eq!(change(&preview, "groups"), [vec![], vec!["West".to_owned()], vec![]]);
    assert_eq!(change(&preview, "assets"), [vec!["report".to_owned()], vec!["later".to_owned()], vec![]]);
    assert_eq!(server.picture(&acme).await, damaged, "it was only tried");

    let begun = anna.restore(whole(&backup.name)).await.unwrap();
    let operator = server.operator().await;
    let done = operator.succeed(begun.operation).await;
    assert_eq!((done.kind.as_str(), &done.results), ("restore", &vec![acme.clone()]));
    assert_eq!(server.picture(&acme).await, before);
    assert_eq!(operator.tenant(&acme).await.state(), v1::tenant::State::Active);
    let used = operator.limits(&acme).await.unwrap();
    assert_eq!((used.users, used.storage_bytes), (usage.users, usage.storage_bytes));
    assert_eq!(operator.used(&acme, "base").await, 3, "who logs in takes a seat");
    assert_refused(anna.user(&format!("{acme}/users/x")).await, Code::Unauthenticated, "TOKEN_INVALID");
    let anna = server.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    assert_eq!(anna.download(&assets[0].name, 0).await.unwrap().1, noise(9 << 20, 1));
    let trail = anna.audit(&acme, "method = RestoreBackup").await.unwrap();
    assert_eq!(
        (trail.len(), trail[0].resource.as_str()),
        (1, backup.name.as_str()),
        "the one that was only tried is not there"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_users_had_begun_is_over_elsewhere_as_well() {
    let server = TestServer::start().await;
    let Guest { acme, anna, beta, .. } = server.guest().await;
    let cleo = anna.new_user(&acme, "cleo").await.unwrap().name;
    let backup = anna.back_up(&acme).await;
    let sql = server.sql().await;
    sql.batch_execute("DELETE FROM users WHERE user_name = 'cleo'").await.unwrap();
    let there = server.anonymous().await.session_in("ben@acme", "beta").await.unwrap();
    let ben = server.anonymous().await.with_token(&there.access_token);
    assert_eq!(ben.who().await.unwrap().tenant, beta);
    let epochs =
        "SELECT epoch, epoch_at > '-infinity' FROM users WHERE user_name IN ('ben', 'cleo') ORDER BY user_name";
    let epoch: i64 = sql.query_one(epochs, &[]).await.unwrap().get(0);
    let anna = server.restored(&anna, whole(&backup.name), "anna@acme").await;
    assert_refused(ben.who().await, Code::Unauthenticated, "TOKEN_INVALID");
    let refreshed = server.anonymous().await.refresh(&there.refresh_token).await;
    assert_refused(refreshed, Code::Unauthenticated, "TOKEN_INVALID");
    // Whoever verifies tokens without asking goes by this. Cleo had the first epoch.
    let raised = sql.query(epochs, &[]).await.unwrap();
    let raised: Vec<(i64, bool)> = raised.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(raised, [(epoch + 1, true), (2, true)]);
    assert_eq!(anna.user(&cleo).await.unwrap().user_name, "cleo");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_was_deleted_comes_back_only_if_that_is_asked_for() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    let group = anna.new_group(&acme, "North").await.unwrap();
    anna.add(&group, &[&ben]).await.unwrap();
    server.enter("ben@acme").await;
    let backup = anna.back_up(&acme).await;
    anna.remove_user(&ben).await.unwrap();
    let preview = anna.try_restore(whole(&backup.name)).await.unwrap();
    assert_eq!(change(&preview, "users"), [vec![], vec![], vec!["ben".to_owned()]]);
    let anna = server.restored(&anna, whole(&backup.name), "anna@acme").await;
    assert_refused(anna.user(&ben).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_eq!(anna.group(&group).await.unwrap().name, group);

    let revive = v1::RestoreBackupRequest { revive_deleted_users: true, ..whole(&backup.name) };
    let preview = anna.try_restore(revive.clone()).await.unwrap();
    assert_eq!(change(&preview, "users"), [vec!["ben".to_owned()], vec![], vec![]]);
    let anna = server.restored(&anna, revive, "anna@acme").await;
    assert_eq!(anna.user(&ben).await.unwrap().user_name, "ben");
    let back = server.anonymous().await.log_in("ben@acme", ADMIN_PASSWORD).await;
    assert_eq!(back.who().await.unwrap().tenant, acme, "with the password of then");
    let again = anna.try_restore(whole(&backup.name)).await.unwrap();
    let nobody: [Vec<String>; 3] = Default::default();
    assert_eq!(change(&again, "users"), nobody, "who is back is not among the deleted any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_who_came_since_go_and_those_who_left_stay_away() {
    let server = TestServer::start().await;
    let stage = server.guest().await;
    let operator = server.operator().await;
    let carl = stage.anna.new_user(&stage.acme, "carl").await.unwrap().name;
    let group = stage.bert.new_group(&stage.beta, "Visitors").await.unwrap();
    let ben_as_guest = stage.bert.user_named(&stage.beta, "ben").await;
    stage.bert.add(&group, &[&ben_as_guest]).await.unwrap();
    let at_acme = stage.anna.back_up(&stage.acme).await;
    let at_beta = stage.bert.back_up(&stage.beta).await;
    operator.assign_users(&stage.beta, &[&carl]).await.unwrap();
    stage.bert.remove(&group, &[&ben_as_guest]).await.unwrap();
    let preview = stage.bert.try_restore(whole(&at_beta.name)).await.unwrap();
    assert_eq!(change(&preview, "guests"), [vec![], vec!["carl".to_owned()], vec![]], "who came since goes");
    let bert = server.restored(&stage.bert, whole(&at_beta.name), "bert@beta").await;
    assert_eq!(bert.group(&group).await.unwrap().member_count, 1);
    assert_eq!(stage.anna.tenants_of(&stage.ben).await.unwrap(), [stage.acme.clone(), stage.beta.clone()]);

    // A restore at home takes nobody's work elsewhere away.
    let anna = server.restored(&stage.anna, whole(&at_acme.name), "anna@acme").await;
    assert_eq!(anna.tenants_of(&stage.ben).await.unwrap(), [stage.acme.clone(), stage.beta.clone()]);
    // Who left does not come back unasked.
    anna.unassign_tenants(&stage.ben, &[&stage.beta]).await.unwrap();
    let preview = bert.try_restore(whole(&at_beta.name)).await.unwrap();
    let [_, _, left_out] = change(&preview, "guests");
    assert!(left_out.len() == 1 && left_out[0].ends_with(stage.ben.rsplit('/').next().unwrap()), "{left_out:?}");
    server.restored(&bert, whole(&at_beta.name), "bert@beta").await;
    assert_eq!(anna.tenants_of(&stage.ben).await.unwrap(), std::slice::from_ref(&stage.acme));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_caller_has_a_privilege_for_is_restored() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let role = anna.new_role(&acme, "Documents", &["privileges/document-administrator"]).await.unwrap();
    let ben = anna.new_user(&acme, "ben").await.unwrap().name;
    anna.give(&role, &[&ben]).await.unwrap();
    let document = |name: &str, content: &[u8]| {
        let kind = v1::asset::Kind::Document.into();
        v1::UploadAssetHeader { kind, ..crate::support::assets::header(&acme, name, content) }
    };
    anna.upload(document("contract", &noise(100, 1)), &noise(100, 1)).await.unwrap();
    anna.new_asset(&acme, "other", &noise(100, 2)).await;
    let backup = anna.back_up(&acme).await;
    let documents = anna.begin(&acme, &["documents"]).await.unwrap();
    anna.succeed(documents.operation).await;
    for asset in
        anna.list_assets(v1::ListAssetsRequest { parent: acme.clone(), ..Default::default() }).await.unwrap().assets
    {
        anna.remove_asset(&asset.name).await.unwrap();
    }
    anna.new_user(&acme, "carl").await.unwrap();
    let ben = server.enter("ben@acme").await;
    let named =
        v1::RestoreBackupRequest { components: vec!["users".into(), "documents".into()], ..whole(&backup.name) };
    let refused = assert_refused(ben.restore(named).await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    assert_eq!(facts(&refused)["privilege"], "user-administrator");
    let of_documents = documents.backup.unwrap().name;
    let absent = v1::RestoreBackupRequest { components: vec!["users".into()], ..whole(&of_documents) };
    let refused = assert_refused(anna.restore(absent).await, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(fields(&refused)[0].0, "components");
    let preview = ben.try_restore(whole(&backup.name)).await.unwrap();
    assert_eq!(preview.components, ["documents"]);
    assert!(preview.missing_components.iter().any(|m| m.component == "users"), "{preview:?}");
    let anna = {
        server.restored(&ben, whole(&backup.name), "ben@acme").await;
        server.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await
    };
    assert_eq!(anna.assets(&acme, "").await.unwrap(), ["contract"]);
    anna.user(&anna.user_named(&acme, "carl").await).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tenant_is_locked_meanwhile_and_then_as_it_was_or_locked_if_that_is_asked_for() {
    let worker = TestServer::start().await;
    let (acme, anna) = worker.administrator("Acme").await;
    let backup = anna.back_up(&acme).await;
    let idle = worker.without_workers().await;
    let operator = idle.operator().await;
    let anna = idle.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    let kept = v1::RestoreBackupRequest { stay_locked: true, ..whole(&backup.name) };
    let refused = assert_refused(anna.restore(kept.clone()).await, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(fields(&refused)[0].0, "stay_locked", "she could not undo it");
    let acting = operator.exchanged(&acme).await;
    let begun = acting.restore(kept).await.unwrap().operation.unwrap();
    let restoring = operator.tenant(&acme).await;
    assert_eq!((restoring.state(), restoring.lock_reason()), (v1::tenant::State::Locked, LockReason::Restoring));
    assert_refused(operator.unlock(&acme).await, Code::FailedPrecondition, "TENANT_STATE_INVALID");
    assert_refused(operator.prepare(&acme).await, Code::Aborted, "OPERATION_IN_PROGRESS");
    assert_refused(acting.restore(whole(&backup.name)).await, Code::Aborted, "OPERATION_IN_PROGRESS");
    let refused = assert_refused(acting.remove_backup(&backup.name).await, Code::Aborted, "OPERATION_IN_PROGRESS");
    assert_eq!(facts(&refused)["operation"], begun.name);
    let _worker = TestServer::on(idle.database.clone(), &[]).await;
    operator.succeed(Some(begun)).await;
    let landed = operator.tenant(&acme).await;
    assert_eq!((landed.state(), landed.lock_reason()), (v1::tenant::State::Locked, LockReason::Operator));

    // An operator's lock outlives a restore.
    let begun = acting.restore(whole(&backup.name)).await.unwrap();
    operator.succeed(begun.operation).await;
    assert_eq!(operator.tenant(&acme).await.lock_reason(), LockReason::Operator);
    acting.remove_backup(&backup.name).await.unwrap();
    operator.unlock(&acme).await.unwrap();
    assert_refused(anna.restore(whole(&backup.name)).await, Code::Unauthenticated, "TOKEN_INVALID");
    let anna = idle.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    assert_refused(anna.restore(whole(&backup.name)).await, Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_acts_for_an_account_does_not_change_what_it_may_do_by_a_restore() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let backup = anna.back_up(&acme).await;
    let less = "DELETE FROM role_privileges WHERE privilege = 'license-administrator' AND tenant_id =
                (SELECT tenant_id FROM tenants WHERE code = 'acme')";
    server.sql().await.batch_execute(less).await.unwrap();
    let (operator, now) = (server.operator().await, server.picture(&acme).await);
    let begun = operator.exchanged(&acme).await.restore(whole(&backup.name)).await.unwrap().operation.unwrap();
    let failed = operator.wait(&begun.name).await;
    assert_eq!(failed.error.unwrap().reason, "RESOURCE_PROTECTED");
    assert_eq!(server.picture(&acme).await, now);
    server
        .restored(&server.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await, whole(&backup.name), "anna@acme")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_safety_backup_is_made_first_and_leads_back() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let backup = anna.back_up(&acme).await;
    anna.new_user(&acme, "ben").await.unwrap();
    let now = server.picture(&acme).await;
    let safe = v1::RestoreBackupRequest { safety_backup: true, ..whole(&backup.name) };
    let begun = anna.restore(safe).await.unwrap();
    let operator = server.operator().await;
    let done = operator.succeed(begun.operation).await;
    assert_eq!((done.results.len(), &done.results[0]), (2, &acme));
    let anna = server.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    let safety = anna.backup(&done.results[1]).await.unwrap();
    assert_eq!((safety.state(), safety.operation.as_str()), (State::Complete, done.name.as_str()));
    assert!(safety.note.starts_with("before the restore of "), "{}", safety.note);
    server.restored(&anna, whole(&safety.name), "anna@acme").await;
    assert_eq!(server.picture(&acme).await, now);
}
