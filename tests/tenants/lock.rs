//! LockTenant and UnlockTenant.

use landlord::proto::v1::{self, tenant::LockReason, tenant::State};
use tonic::Code;

use crate::support::client::assert_refused;
use crate::support::lifecycle::{ADMIN_PASSWORD, facts};
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn lock_and_unlock_go_to_and_fro_and_refuse_every_other_state() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let refused = assert_refused(operator.unlock(&name).await, Code::FailedPrecondition, "TENANT_STATE_INVALID");
    assert_eq!((facts(&refused)["state"].as_str(), facts(&refused)["allowed_states"].as_str()), ("ACTIVE", "LOCKED"));
    let locked = operator.lock(&name).await.unwrap();
    assert_eq!((locked.state(), locked.lock_reason()), (State::Locked, LockReason::Operator));
    let refused = assert_refused(operator.lock(&name).await, Code::FailedPrecondition, "TENANT_STATE_INVALID");
    let found = (&*facts(&refused)["state"].to_owned(), &*facts(&refused)["allowed_states"].to_owned());
    assert_eq!(found, ("LOCKED (OPERATOR)", "ACTIVE"));
    let unlocked = operator.unlock(&name).await.unwrap();
    assert_eq!((unlocked.state(), unlocked.lock_reason()), (State::Active, LockReason::Unspecified));
    operator.prepare_fully(&name).await;
    assert_refused(operator.lock(&name).await, Code::FailedPrecondition, "TENANT_STATE_INVALID");
    assert_refused(operator.unlock(&name).await, Code::FailedPrecondition, "TENANT_STATE_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_being_set_up_can_be_neither_locked_nor_unlocked() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let held = server.hold("groups").await;
    let created = operator.create("Acme").await;
    let name = created.tenant.unwrap().name;
    let refused = assert_refused(operator.unlock(&name).await, Code::FailedPrecondition, "TENANT_STATE_INVALID");
    assert_eq!(facts(&refused)["state"], "LOCKED (PROVISIONING)");
    assert_refused(operator.lock(&name).await, Code::FailedPrecondition, "TENANT_STATE_INVALID");
    drop(held);
    operator.succeed(created.operation).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_etags_are_refused() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let etag = operator.tenant(&name).await.etag;
    let lock = v1::LockTenantRequest { name: name.clone(), etag: etag.clone(), ..Default::default() };
    let locked = operator.client.tenants().lock_tenant(lock).await.unwrap().into_inner().tenant.unwrap();
    let unlock = v1::UnlockTenantRequest { name: name.clone(), etag: etag.clone(), ..Default::default() };
    assert_refused(operator.client.tenants().unlock_tenant(unlock).await, Code::Aborted, "ETAG_MISMATCH");
    let unlock = v1::UnlockTenantRequest { name: name.clone(), etag: locked.etag, ..Default::default() };
    operator.client.tenants().unlock_tenant(unlock).await.unwrap();
    let lock = v1::LockTenantRequest { name: name.clone(), etag, ..Default::default() };
    assert_refused(operator.client.tenants().lock_tenant(lock).await, Code::Aborted, "ETAG_MISMATCH");
    assert_eq!(operator.tenant(&name).await.state(), State::Active);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_ends_every_session_in_the_tenant_at_once_and_for_good() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let (name, anna) = server.administrator("Acme").await;
    let anonymous = server.anonymous().await;
    let session = anonymous.session("anna@acme", ADMIN_PASSWORD).await.unwrap();
    let refresh = v1::RefreshSessionRequest { refresh_token: session.refresh_token };
    assert_eq!(anna.tenant(&name).await.state(), State::Active);

    operator.lock(&name).await.unwrap();
    assert_refused(anna.row(&name).await, Code::Unauthenticated, "TOKEN_INVALID");
    let change = v1::Tenant { name: name.clone(), display_name: "Mine".into(), ..Default::default() };
    assert_refused(anna.update(change, &["display_name"]).await, Code::Unauthenticated, "TOKEN_INVALID");
    let again = anonymous.session("anna@acme", ADMIN_PASSWORD).await;
    assert_refused(again, Code::FailedPrecondition, "TENANT_LOCKED");
    // A wrong password says nothing of the tenant's state.
    assert_refused(anonymous.session("anna@acme", "wrong").await, Code::Unauthenticated, "CREDENTIALS_INVALID");
    let refreshed = anonymous.client.sessions().refresh_session(refresh).await;
    assert_refused(refreshed, Code::FailedPrecondition, "TENANT_LOCKED");

    operator.unlock(&name).await.unwrap();
    assert_refused(anna.row(&name).await, Code::Unauthenticated, "TOKEN_INVALID");
    let anna = anonymous.log_in("anna@acme", ADMIN_PASSWORD).await;
    assert_eq!(anna.tenant(&name).await.display_name, "Acme");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_under_way_when_the_lock_commits_changes_nothing_after_it() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let (name, anna) = server.administrator("Acme").await;
    for round in 0..5 {
        let writes = (0..8).map(|i| {
            let (anna, name) = (anna.clone(), name.clone());
            tokio::spawn(async move {
                let display_name = format!("{round}-{i}");
                let tenant = v1::Tenant { name, display_name, ..Default::default() };
                anna.update(tenant, &["display_name"]).await
            })
        });
        let writes: Vec<_> = writes.collect();
        let locked = operator.lock(&name).await.unwrap();
        for write in writes {
            if let Err(status) = write.await.unwrap() {
                assert_refused::<()>(Err(status), Code::Unauthenticated, "TOKEN_INVALID");
            }
        }
        assert_eq!(operator.tenant(&name).await, locked, "nothing was written after the lock");
        operator.unlock(&name).await.unwrap();
        let anna = server.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
        assert_eq!(anna.tenant(&name).await.state(), State::Active);
    }
}
