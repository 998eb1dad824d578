//! That each transaction checks by itself what a token of a provider claims, and holds it for a change: whatever was found before it.

use tokio_postgres::Client as Sql;
use tonic::Code;

use super::{BEN, CORP, Stage};
use crate::support::client::{assert_refused, eventually};

/// What ben's token claims.
struct Claims {
    home: String,
    user: String,
    identity: String,
    issued: i64,
}

impl Stage {
    async fn claims(&self) -> Claims {
        let all = "SELECT tenant_id::text, user_id::text, id::text FROM user_identities WHERE subject = $1";
        let row = self.server.sql().await.query_one(all, &[&BEN]).await.unwrap();
        let issued = i64::try_from(jsonwebtoken::get_current_timestamp()).unwrap();
        Claims { home: row.get(0), user: row.get(1), identity: row.get(2), issued }
    }
}

impl Claims {
    /// Begins a transaction as the service does, in that tenant, if one of the privileges is held.
    async fn enter(&self, app: &Sql, active: &str, needed: &str) -> String {
        let Self { home, user, identity, issued } = self;
        app.batch_execute("BEGIN").await.unwrap();
        let enter = format!(
            "SELECT enter_with_identity('{active}', '{home}', '{user}', '{identity}', {issued}, '{active}', '{{{needed}}}', true)"
        );
        app.query_one(&enter, &[]).await.unwrap().get(0)
    }

    /// The same at home, and ends it.
    async fn tried(&self, app: &Sql) -> String {
        let entered = self.enter(app, &self.home, "").await;
        app.batch_execute("ROLLBACK").await.unwrap();
        entered
    }
}

#[tokio::test]
async fn what_a_token_claims_is_checked_as_the_transaction_begins() {
    let stage = Stage::set(&[]).await;
    let (app, sql) = (stage.server.database.connect("landlord_app").await, stage.server.sql().await);
    let claims = stage.claims().await;
    assert_eq!(claims.tried(&app).await, "OK");
    let home = &claims.home;
    let (lock_user, lock_tenant, epochs) = (
        format!("UPDATE users SET state = 'LOCKED' WHERE id = '{}'", claims.user),
        format!("UPDATE tenants SET state = 'LOCKED' WHERE tenant_id = '{home}'"),
        |table: &str| {
            format!("UPDATE {table} SET epoch_at = to_timestamp({}) WHERE tenant_id = '{home}'", claims.issued)
        },
    );
    for what in [
        lock_user,
        epochs("users"),
        epochs("tenants"),
        format!(
            "UPDATE user_identities SET user_id = (SELECT id FROM users WHERE user_name = 'anna')
                 WHERE id = '{}'",
            claims.identity
        ),
        format!("DELETE FROM user_identities WHERE id = '{}'", claims.identity),
        // Another identity of ben is not this one.
        format!("UPDATE user_identities SET id = gen_random_uuid() WHERE id = '{}'", claims.identity),
        format!("DELETE FROM memberships WHERE user_id = '{}'", claims.user),
        "DELETE FROM identity_providers".to_owned(),
    ] {
        // As the database would be after it.
        let entered = after(&sql, &what, &claims).await;
        assert_eq!(entered, "TOKEN_INVALID", "{what}");
    }
    // A state of a tenant comes with a transition; here it is only looked at.
    let entered = after(&sql, &lock_tenant, &claims).await;
    assert_eq!(entered, "TOKEN_INVALID");
    let entered = claims.enter(&app, home, "user-administrator").await;
    app.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(entered, "PRIVILEGE_MISSING");
    let beta = stage.operator.active_tenant("Beta").await;
    let beta = stage.operator.tenant(&beta).await.uid;
    let entered = claims.enter(&app, &beta, "").await;
    app.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(entered, "TOKEN_INVALID");
}

/// What entering answers after a change, which is taken back.
async fn after(sql: &Sql, what: &str, Claims { home, user, identity, issued }: &Claims) -> String {
    sql.batch_execute("BEGIN").await.unwrap();
    sql.batch_execute(what).await.unwrap();
    let enter = format!(
        "SELECT enter_with_identity('{home}', '{home}', '{user}', '{identity}', {issued}, '{home}', '{{}}', false)"
    );
    let entered = sql.query_one(&enter, &[]).await.unwrap().get(0);
    sql.batch_execute("ROLLBACK").await.unwrap();
    entered
}

/// Waits until somebody waits for a lock.
async fn somebody_waits(stage: &Stage) {
    let sql = stage.server.sql().await;
    eventually("somebody waits", || async {
        let waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
        (!sql.query(waiting, &[]).await.unwrap().is_empty()).then_some(())
    })
    .await;
}

/// That `what` waits for a change that has begun with ben's token, and that none begins after it.
async fn waits<F: Future<Output = ()> + Send + 'static>(what: impl FnOnce(&Stage) -> F) {
    let stage = Stage::set(&[]).await;
    let (app, claims) = (stage.server.database.connect("landlord_app").await, stage.claims().await);
    assert_eq!(claims.enter(&app, &claims.home, "").await, "OK");
    let begun = tokio::spawn(what(&stage));
    somebody_waits(&stage).await;
    assert!(!begun.is_finished(), "a change has begun before it");
    app.batch_execute("COMMIT").await.unwrap();
    begun.await.unwrap();
    assert_eq!(claims.tried(&app).await, "TOKEN_INVALID");
    assert_refused(stage.ben().await.who().await, Code::Unauthenticated, "TOKEN_INVALID");
}

#[tokio::test]
async fn a_lock_of_the_tenant_waits_for_a_change_that_has_begun() {
    waits(|stage| {
        let (operator, acme) = (stage.operator.clone(), stage.acme.clone());
        async move { drop(operator.lock(&acme).await.unwrap()) }
    })
    .await;
}

#[tokio::test]
async fn a_lock_of_the_user_waits_for_a_change_that_has_begun() {
    waits(|stage| {
        let (sql, user) = (stage.server.database.clone(), stage.ben.rsplit('/').next().unwrap().to_owned());
        // Of the user's row alone: the call would wait for the tenant's before.
        async move {
            let lock = format!("UPDATE users SET state = 'LOCKED' WHERE id = '{user}'");
            sql.connect("postgres").await.batch_execute(&lock).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn the_end_of_a_provider_waits_for_a_change_that_has_begun() {
    waits(|stage| {
        let operator = stage.operator.clone();
        async move { operator.delete_provider(CORP).await.unwrap() }
    })
    .await;
}
