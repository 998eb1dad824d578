//! What the database must say at the end of a tenant's life, however often replicas were killed in it.

use tokio_postgres::Client;

use crate::support::database::Database;

/// Wants everything to have been done, and once, in the life of the tenant with that code.
pub async fn check(database: &Database, code: &str) {
    let db = database.connect("postgres").await;
    let tenants = column(&db, "SELECT code FROM tenant_identities WHERE code LIKE $1 || '%'", code).await;
    assert_eq!(tenants, [code], "exactly one tenant was made");

    let transitions = "SELECT cause FROM tenant_transitions t JOIN tenant_identities i ON i.uid = t.tenant_id
                       WHERE i.code = $1 ORDER BY seq";
    let transitions = column(&db, transitions, code).await;
    let wanted =
        ["CREATE", "PROVISIONED", "PREPARE", "FROZEN", "UNDELETE", "PREPARE", "FROZEN", "PURGE_STARTED", "PURGED"];
    assert_eq!(transitions, wanted, "each transition was made once");

    let operations = "SELECT concat_ws(' ', kind, state, owner, lease_until, error_code, waiting_for)
                      FROM operations o JOIN tenant_identities i ON i.uid = o.tenant_id WHERE i.code = $1
                      ORDER BY o.created_at";
    let operations: Vec<_> = column(&db, operations, code).await.iter().map(|o| o.trim_end().to_owned()).collect();
    let kinds = ["provision", "deliver-mail", "prepare-deletion", "thaw", "prepare-deletion", "purge"];
    assert_eq!(operations, kinds.map(|kind| format!("{kind} SUCCEEDED")), "each operation succeeded once");

    let undone = "SELECT o.kind || ' ' || s.step || ' ' || participant FROM operation_steps s JOIN operations o
                  ON (o.tenant_id, o.id) = (s.tenant_id, s.operation_id) JOIN tenant_identities i ON i.uid = o.tenant_id
                  WHERE i.code = $1 AND NOT done";
    assert_eq!(column(&db, undone, code).await, [""; 0], "no step is left undone");

    let ledger = "SELECT participant || ' ' || phase || ' ' || o.kind FROM participant_ledger l
                  JOIN tenant_identities i ON i.uid = l.tenant_id
                  JOIN operations o ON (o.tenant_id, o.id) = (l.tenant_id, l.operation_id)
                  WHERE i.code = $1 ORDER BY phase";
    let wanted = ["directory FROZEN prepare-deletion", "directory PROVISIONED provision", "directory PURGED purge"];
    assert_eq!(column(&db, ledger, code).await, wanted, "the ledger has each participant's part");

    let audit = "SELECT method FROM audit_records a JOIN tenant_identities i ON i.uid = a.tenant_id
                 WHERE i.code = $1 ORDER BY at";
    let audit: Vec<_> =
        column(&db, audit, code).await.iter().map(|m| m.rsplit('/').next().unwrap().to_owned()).collect();
    let (activations, calls): (Vec<_>, Vec<_>) = audit.into_iter().partition(|method| method == "ActivateUser");
    assert!(activations.len() <= 1, "whoever uses the link does so once");
    let wanted =
        ["CreateTenant", "PrepareTenantDeletion", "CancelTenantDeletion", "PrepareTenantDeletion", "DeleteTenant"];
    assert_eq!(calls, wanted, "each call was recorded once");

    let left = "SELECT 'tenant' FROM tenants WHERE code = $1
                UNION ALL SELECT 'user' FROM users u JOIN tenant_identities i ON i.uid = u.tenant_id WHERE i.code = $1
                UNION ALL SELECT 'link' FROM links l JOIN tenant_identities i ON i.uid = l.tenant_id WHERE i.code = $1";
    assert_eq!(column(&db, left, code).await, [""; 0], "the purge left nothing behind");
}

/// The links with which an account of the tenant can be activated.
pub async fn active_links(database: &Database, code: &str) -> usize {
    let db = database.connect("postgres").await;
    let links = "SELECT l.id::text FROM links l JOIN tenants t USING (tenant_id)
                 WHERE t.code = $1 AND used_at IS NULL AND expires_at > now()";
    column(&db, links, code).await.len()
}

/// The kind of the operation that somebody works on, else of the one that ended last.
pub async fn worked_on(database: &Database) -> String {
    let db = database.connect("postgres").await;
    let kind = "SELECT kind FROM operations ORDER BY owner IS NULL, ended_at DESC NULLS LAST LIMIT 1";
    db.query_opt(kind, &[]).await.unwrap().map(|row| row.get(0)).unwrap_or_default()
}

async fn column(db: &Client, sql: &str, code: &str) -> Vec<String> {
    db.query(sql, &[&code]).await.unwrap().iter().map(|row| row.get(0)).collect()
}
