//! That each transaction checks by itself what a token claims of its session: whatever was found before it.

use tokio_postgres::Client as Sql;

use crate::support::server::TestServer;

/// What a token of ben's claims.
struct Claims {
    home: String,
    user: String,
    session: String,
    user_epoch: i64,
    tenant_epoch: i64,
}

impl Claims {
    async fn of_ben(sql: &Sql) -> Self {
        let all = "SELECT u.tenant_id::text, u.id::text, s.id::text, u.epoch, t.epoch
                   FROM users u JOIN sessions s ON s.tenant_id = u.tenant_id AND s.user_id = u.id
                   JOIN tenants t ON t.tenant_id = u.tenant_id WHERE u.user_name = 'ben'";
        let row = sql.query_one(all, &[]).await.unwrap();
        let (user_epoch, tenant_epoch) = (row.get(3), row.get(4));
        Self { home: row.get(0), user: row.get(1), session: row.get(2), user_epoch, tenant_epoch }
    }

    /// What entering answers after a change, which is taken back.
    async fn after(&self, sql: &Sql, what: &str, needed: &str) -> String {
        let Self { home, user, session, user_epoch, tenant_epoch } = self;
        sql.batch_execute("BEGIN").await.unwrap();
        sql.batch_execute(what).await.unwrap();
        let enter = |for_change: bool| {
            format!(
                "SELECT enter_transaction('{home}', '{home}', '{user}', '{session}', {user_epoch}, '{home}', {tenant_epoch},
                                          '{{{needed}}}', {for_change})"
            )
        };
        let mut answers = Vec::new();
        for for_change in [false, true] {
            answers.push(sql.query_one(&enter(for_change), &[]).await.unwrap().get::<_, String>(0));
        }
        sql.batch_execute("ROLLBACK").await.unwrap();
        assert_eq!(answers[0], answers[1], "{what}");
        answers.remove(0)
    }
}

#[tokio::test]
async fn what_a_token_claims_is_checked_as_the_transaction_begins() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    anna.new_user(&acme, "ben").await.unwrap();
    server.enter("ben@acme").await;
    let sql = server.sql().await;
    let claims = Claims::of_ben(&sql).await;
    assert_eq!(claims.after(&sql, "", "").await, "OK");
    assert_eq!(claims.after(&sql, "", "user-administrator").await, "PRIVILEGE_MISSING");
    for what in [
        format!("UPDATE users SET state = 'LOCKED' WHERE id = '{}'", claims.user),
        format!("UPDATE users SET epoch = epoch + 1 WHERE id = '{}'", claims.user),
        format!("UPDATE tenants SET epoch = epoch + 1 WHERE tenant_id = '{}'", claims.home),
        // A state of a tenant comes with a transition; here it is only looked at.
        format!("UPDATE tenants SET state = 'LOCKED' WHERE tenant_id = '{}'", claims.home),
        format!("DELETE FROM memberships WHERE user_id = '{}'", claims.user),
        format!("UPDATE sessions SET ended_at = now() WHERE id = '{}'", claims.session),
        format!("UPDATE sessions SET expires_at = now() - interval '1 second' WHERE id = '{}'", claims.session),
        format!(
            "UPDATE sessions SET user_id = (SELECT id FROM users WHERE user_name = 'anna') WHERE id = '{}'",
            claims.session
        ),
        format!("DELETE FROM sessions WHERE id = '{}'", claims.session),
    ] {
        assert_eq!(claims.after(&sql, &what, "").await, "TOKEN_INVALID", "{what}");
    }
}
