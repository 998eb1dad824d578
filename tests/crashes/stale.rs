//! Replicas that come back: stopped past their lease and continued, or killed all together and started again.

use std::time::{Duration, Instant};

use landlord::proto::v1;
use rustix::process::Signal;

use super::books::{self, Account};
use super::deeds::{code, create_request};
use super::stand::{Stand, operator};
use crate::support::client::{Api, eventually};
use crate::support::process::Process;

/// Begins a tenant on a replica that stops itself at `place`, and waits until it has.
async fn stopped_at(stand: &Stand, place: &str) -> (Process, String) {
    let stale = stand.replica(&[("LANDLORD_STOP_AT", place)]).await.unwrap();
    let api = operator(stale.address).await.unwrap();
    // The call may hang with its replica; that it was committed is seen on another one.
    let call = tokio::spawn(async move { api.client.tenants().create_tenant(create_request("Acme")).await });
    stale.stopped().await;
    call.abort();
    (stale, "tenants/acme".to_owned())
}

/// Lets a stopped replica go on and drain, which ends whatever it still tries to do.
async fn continue_and_drain(mut stale: Process) {
    stale.signal(Signal::CONT);
    stale.signal(Signal::TERM);
    assert!(stale.exit().await.success());
}

/// The operation of that kind, once it has succeeded.
async fn succeeded(api: &Api, tenant: &str, kind: &str) -> v1::Operation {
    let list = v1::ListOperationsRequest { parent: tenant.into(), ..Default::default() };
    let found = eventually("an operation", || async {
        let listed = api.client.operations().list_operations(list.clone()).await.unwrap().into_inner();
        listed.operations.into_iter().find(|o| o.kind == kind)
    });
    let found = found.await;
    api.succeed(Some(found)).await
}

/// Ends the tenant's life, so that its books can be checked.
async fn delete(api: &Api, tenant: &str) {
    let prepare = v1::PrepareTenantDeletionRequest { name: tenant.into(), ..Default::default() };
    let cancel = v1::CancelTenantDeletionRequest { name: tenant.into(), ..Default::default() };
    let delete = v1::DeleteTenantRequest { name: tenant.into(), confirm_name: "Acme".into(), ..Default::default() };
    let mut tenants = api.client.tenants();
    api.succeed(tenants.prepare_tenant_deletion(prepare.clone()).await.unwrap().into_inner().operation).await;
    api.succeed(tenants.cancel_tenant_deletion(cancel).await.unwrap().into_inner().operation).await;
    api.succeed(tenants.prepare_tenant_deletion(prepare).await.unwrap().into_inner().operation).await;
    api.succeed(tenants.delete_tenant(delete).await.unwrap().into_inner().operation).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_stopped_past_its_lease_changes_nothing_any_more() {
    for place in
        ["claim.after", "step.before:2", "step.outside", "participant.before", "participant.after", "step.after"]
    {
        println!("{place}");
        let stand = Stand::new().await;
        let (stale, tenant) = stopped_at(&stand, place).await;
        let survivor = stand.survivor().await;
        let api = survivor.operator().await;
        succeeded(&api, &tenant, "provision").await;
        succeeded(&api, &tenant, "deliver-mail").await;
        continue_and_drain(stale).await;
        delete(&api, &tenant).await;
        books::check(&stand.scene.database, "acme", &Account::with_one_return()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mail_of_a_worker_that_was_stopped_past_its_lease_does_not_replace_the_one_that_works() {
    for place in ["mail.before", "mail.after"] {
        let stand = Stand::new().await;
        let (stale, tenant) = stopped_at(&stand, place).await;
        let survivor = stand.survivor().await;
        let api = survivor.operator().await;
        let mail = succeeded(&api, &tenant, "deliver-mail").await;
        continue_and_drain(stale).await;
        assert_eq!(books::active_links(&stand.scene.database, "acme").await, 1, "{place}");
        let code = code(&stand.scene.mail, &mail.name);
        let activate = v1::ActivateUserRequest { code, password: "a password of her own".into() };
        api.client.users().activate_user(activate).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_replica_takes_over_within_two_seconds_of_the_end_of_the_lease() {
    let stand = Stand::new().await;
    let other = stand.usual_replica(&[]).await;
    let api = other.operator().await;
    // It must not be the first to take the operation.
    other.signal(Signal::STOP);
    let (mut dead, tenant) = stopped_at(&stand, "step.outside").await;
    other.signal(Signal::CONT);
    let since = Instant::now();
    dead.kill().await;
    succeeded(&api, &tenant, "provision").await;
    assert!(since.elapsed() < Duration::from_secs(3), "the lease is one second: {:?}", since.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_replicas_were_killed_the_next_one_goes_on() {
    let stand = Stand::new().await;
    let mut idle = stand.replica(&[]).await.unwrap();
    let (mut working, tenant) = stopped_at(&stand, "participant.after").await;
    idle.kill().await;
    working.kill().await;
    let next = stand.usual_replica(&[]).await;
    let api = next.operator().await;
    succeeded(&api, &tenant, "provision").await;
    succeeded(&api, &tenant, "deliver-mail").await;
    delete(&api, &tenant).await;
    books::check(&stand.scene.database, "acme", &Account::with_one_return()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_participant_that_froze_unheard_is_thawed_when_the_deletion_is_cancelled() {
    let stand = Stand::new().await;
    // The first two visits are the provisioning; at the fourth the directory has frozen, and its answer is not written down.
    let stale = stand.replica(&[("LANDLORD_STOP_AT", "participant.after:4")]).await.unwrap();
    let api = operator(stale.address).await.unwrap();
    let tenant = api.active_tenant("Acme").await;
    let prepare = v1::PrepareTenantDeletionRequest { name: tenant.clone(), ..Default::default() };
    let call = tokio::spawn(async move { api.client.tenants().prepare_tenant_deletion(prepare).await });
    stale.stopped().await;
    call.abort();

    let survivor = stand.survivor().await;
    let api = survivor.operator().await;
    let cancel = v1::CancelTenantDeletionRequest { name: tenant.clone(), ..Default::default() };
    let back = api.client.tenants().cancel_tenant_deletion(cancel).await.unwrap().into_inner();
    let thaw = api.succeed(back.operation).await;
    let thawed: Vec<_> = thaw.progress.unwrap().steps.into_iter().map(|s| (s.step, s.participant, s.done)).collect();
    assert!(thawed.contains(&("thaw".into(), "directory".into(), true)), "{thawed:?}");
    continue_and_drain(stale).await;
    assert_eq!(api.tenant(&tenant).await.lock_reason(), v1::tenant::LockReason::Undeleted);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stopped_replica_holds_in_the_database_is_soon_given_to_others() {
    for visit in [13, 16, 19] {
        let stand = Stand::new().await;
        let at = format!("store.commit.before:{visit}");
        let stale = stand.replica(&[("LANDLORD_STOP_AT", &at)]).await.unwrap();
        let address = stale.address;
        let request = create_request("Acme");
        let first = request.clone();
        let call = tokio::spawn(async move {
            let api = operator(address).await.unwrap();
            let created = api.client.tenants().create_tenant(first).await?.into_inner();
            let wait = v1::WaitOperationRequest { name: created.operation.unwrap().name, timeout: None };
            api.client.operations().wait_operation(wait).await
        });
        stale.stopped().await;
        call.abort();

        let survivor = stand.survivor().await;
        let api = survivor.operator().await;
        // While the other one holds the request, it is not known what became of it.
        let created =
            eventually("an answer", || async { api.client.tenants().create_tenant(request.clone()).await.ok() });
        api.succeed(created.await.into_inner().operation).await;
        succeeded(&api, "tenants/acme", "deliver-mail").await;
        continue_and_drain(stale).await;
        delete(&api, "tenants/acme").await;
        books::check(&stand.scene.database, "acme", &Account::with_one_return()).await;
    }
}
