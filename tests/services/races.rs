//! What is taken from a service while its call waits.

use landlord::proto::v1;
use tonic::{Code, Status};

use super::certificates::{SPIFFE_ID, Secured};
use super::{CHECK, Stage};
use crate::support::client::{Api, assert_refused, eventually};
use crate::support::database::Database;
use crate::support::services::identity;

const NAME: &str = "serviceIdentities/billing";
const LOCK: &str = "TenantService.LockTenant";

/// Lets a change wait for its service's identity, takes something away meanwhile, and gives the answer.
async fn meanwhile<T: Send + 'static>(
    database: &Database,
    call: impl Future<Output = Result<T, Status>> + Send + 'static,
    take: &str,
) -> Result<T, Status> {
    let client = hold(database).await;
    let call = tokio::spawn(call);
    wait(database).await;
    client.batch_execute(&format!("{take}; COMMIT")).await.unwrap();
    call.await.unwrap()
}

/// Holds all identities, until the connection commits.
async fn hold(database: &Database) -> tokio_postgres::Client {
    let client = database.connect("postgres").await;
    client.batch_execute("BEGIN; SELECT FROM service_identities FOR UPDATE").await.unwrap();
    client
}

/// Waits for a call that waits for what is held.
async fn wait(database: &Database) {
    let look = database.connect("postgres").await;
    eventually("a call that waits", || async {
        let waits =
            "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database() LIMIT 1";
        look.query_opt(waits, &[]).await.unwrap()
    })
    .await;
}

async fn lock(api: Api, tenant: String) -> Result<v1::Tenant, Status> {
    api.lock(&tenant).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_waited_is_held_to_what_its_service_may_by_now() {
    let stage = Stage::new().await;
    let database = &stage.server.database;
    let cases = [
        (
            "UPDATE service_identities SET methods = '{SessionService.CheckAccess}'",
            Code::PermissionDenied,
            "METHOD_NOT_GIVEN",
        ),
        ("UPDATE service_identities SET tenants = '{}'", Code::NotFound, "RESOURCE_NOT_FOUND"),
        ("UPDATE service_keys SET expires_at = clock_timestamp()", Code::Unauthenticated, "TOKEN_INVALID"),
        ("UPDATE service_keys SET hash = sha256('another')", Code::Unauthenticated, "TOKEN_INVALID"),
        ("DELETE FROM service_identities", Code::Unauthenticated, "TOKEN_INVALID"),
    ];
    for (take, code, reason) in cases {
        let billing = stage.operator.service("billing", &[CHECK, LOCK], &[&stage.acme]).await;
        let answer = meanwhile(database, lock(billing, stage.acme.clone()), take).await;
        assert_refused(answer, code, reason);
        if !take.starts_with("DELETE") {
            stage.operator.delete_service(NAME).await.unwrap();
        }
    }
    let billing = stage.operator.service("billing", &[CHECK, LOCK], &[&stage.acme]).await;
    meanwhile(database, lock(billing, stage.acme.clone()), "SELECT").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_a_tenant_that_was_locked_meanwhile_is_refused() {
    let stage = Stage::new().await;
    let billing = stage.operator.service("billing", &["UserService.CreateUser"], &[&stage.acme]).await;
    let held = hold(&stage.server.database).await;
    let acme = stage.acme.clone();
    let call = tokio::spawn(async move { billing.new_user(&acme, "ben").await });
    wait(&stage.server.database).await;
    stage.operator.lock(&stage.acme).await.unwrap();
    held.batch_execute("COMMIT").await.unwrap();
    assert_refused(call.await.unwrap(), Code::FailedPrecondition, "TENANT_LOCKED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_whose_spiffe_id_was_taken_away_meanwhile_is_nobodys() {
    let secured = Secured::start().await;
    let operator = secured.operator().await;
    let acme = operator.active_tenant("Acme").await;
    let wanted = v1::ServiceIdentity { spiffe_id: SPIFFE_ID.into(), ..identity(&[LOCK], &[&acme]) };
    operator.create_service("billing", wanted).await.unwrap();
    let billing = secured.caller(Some(secured.clients.client(&[SPIFFE_ID], false))).await;
    let database = &secured.landlord.database;
    let answer = meanwhile(database, lock(billing, acme), "UPDATE service_identities SET spiffe_id = NULL").await;
    assert_refused(answer, Code::Unauthenticated, "TOKEN_INVALID");
}
