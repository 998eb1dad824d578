//! What the database must say of a tenant's life, however often replicas were killed in it: what its client was told,
//! and once.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use super::obstacles;
use crate::support::database::Database;

/// Of a tenant that is gone, these tables keep what was done.
const KEPT: &str =
    "'audit_records', 'operation_steps', 'operations', 'participant_ledger', 'tenant_keys', 'tenant_transitions'";

/// What the client of a life was told, in order.
#[derive(Clone, Debug, Default)]
pub struct Account {
    transitions: Vec<&'static str>,
    /// Kind and end of each operation.
    operations: Vec<(String, String)>,
    calls: Vec<&'static str>,
    log_ins: usize,
    /// In the operators' log.
    events: Vec<String>,
    /// By phase: the kind of the operation in which the directory did its part.
    ledger: BTreeMap<&'static str, String>,
    /// What there is of the tenant; None: it is gone.
    pub remains: Option<String>,
}

impl Account {
    /// An operator's call was answered.
    pub fn called(&mut self, method: &'static str) {
        self.calls.push(method);
        self.events.push(method.to_owned());
    }

    /// The administrator's account was activated, which is the tenant's own affair.
    pub fn activated(&mut self) {
        self.calls.push("ActivateUser");
    }

    /// The administrator has logged in.
    pub fn logged_in(&mut self) {
        self.log_ins += 1;
    }

    /// The tenant made a transition.
    pub fn moved(&mut self, cause: &'static str) {
        self.transitions.push(cause);
    }

    /// An operation ended, `SUCCEEDED` or `CANCELLED`.
    pub fn ended(&mut self, kind: &str, state: &str) {
        self.operations.push((kind.to_owned(), state.to_owned()));
        if kind != "deliver-mail" {
            self.events.push(format!("OPERATION_{state}"));
        }
        let done = if state == "SUCCEEDED" { kind } else { "" };
        let phases: &[_] = match done {
            "provision" => &["PROVISIONED"],
            "prepare-deletion" => &["FROZEN"],
            "purge" => &["PURGED"],
            "force-deletion" => &["FROZEN", "PURGED"],
            _ => &[],
        };
        self.ledger.extend(phases.iter().map(|phase| (*phase, kind.to_owned())));
        if done == "thaw" {
            self.ledger.remove("FROZEN");
        }
    }

    /// That of a life in which a tenant was made, prepared, brought back, prepared and deleted.
    pub fn with_one_return() -> Self {
        let mut account = Self::default();
        account.called("CreateTenant");
        account.moved("CREATE");
        account.ended("provision", "SUCCEEDED");
        account.moved("PROVISIONED");
        account.ended("deliver-mail", "SUCCEEDED");
        account.prepared();
        account.called("CancelTenantDeletion");
        account.moved("UNDELETE");
        account.ended("thaw", "SUCCEEDED");
        account.prepared();
        account.called("DeleteTenant");
        account.moved("PURGE_STARTED");
        account.ended("purge", "SUCCEEDED");
        account.moved("PURGED");
        account
    }

    /// The tenant was prepared for deletion.
    pub fn prepared(&mut self) {
        self.called("PrepareTenantDeletion");
        self.moved("PREPARE");
        self.ended("prepare-deletion", "SUCCEEDED");
        self.moved("FROZEN");
    }
}

/// Wants all of the account to have been done, and once, to the tenant with that code.
pub async fn check(database: &Database, code: &str, account: &Account) {
    let db = obstacles::connect(database).await;
    let tenants = column(&db, "SELECT code FROM tenant_identities WHERE code LIKE $1 || '%'", code).await;
    assert_eq!(tenants, [code], "exactly one tenant was made");
    check_work(&db, code, account).await;

    let audit = "SELECT regexp_replace(method, '.*/', '') FROM audit_records a
                 JOIN tenant_identities i ON i.uid = a.tenant_id WHERE i.code = $1 ORDER BY at";
    // A log-in has no request id: one that got no answer was made again.
    let (log_ins, calls): (Vec<_>, Vec<_>) =
        column(&db, audit, code).await.into_iter().partition(|method| method == "CreateSession");
    assert_eq!(calls, account.calls, "{code}: each call was recorded once");
    assert!(log_ins.len() >= account.log_ins, "{code}: each log-in was recorded");

    let events = "SELECT kind FROM events e JOIN tenant_identities i ON i.uid = e.subject_id
                  WHERE i.code = $1 AND e.tenant_id = '11111111-1111-1111-1111-111111111111' ORDER BY at";
    assert_eq!(column(&db, events, code).await, account.events, "{code}: the operators were told of each once");

    match &account.remains {
        Some(remains) => assert_eq!(column(&db, REMAINS, code).await, [remains.as_str()], "{code}"),
        None => assert_eq!(left(&db, code).await, [""; 0], "{code}: the purge left nothing behind"),
    }
}

/// What stands in the books of a tenant that is there, as text.
const REMAINS: &str = "
    SELECT concat_ws(', ', t.state, t.display_name, l.max_users, f.features::text,
        (SELECT string_agg(concat_ws(' ', kind, used, (SELECT count(*) FROM user_licenses s
                WHERE (s.tenant_id, s.kind) = (a.tenant_id, a.kind)), 'of', quantity), ', ' ORDER BY kind)
         FROM tenant_licenses a WHERE a.tenant_id = t.tenant_id),
        (SELECT string_agg(substr(first::text, 2), ' ' ORDER BY first) FROM tenant_extensions e
         WHERE e.tenant_id = t.tenant_id),
        (SELECT string_agg(user_name || ' ' || u.state, ' ' ORDER BY user_name) FROM users u
         WHERE u.tenant_id = t.tenant_id),
        (SELECT count(used_at) || ' of ' || count(*) || ' links used' FROM links k WHERE k.tenant_id = t.tenant_id))
    FROM tenants t JOIN tenant_limits l USING (tenant_id) JOIN tenant_features f USING (tenant_id) WHERE code = $1";

async fn check_work(db: &Client, code: &str, account: &Account) {
    let transitions = "SELECT cause FROM tenant_transitions t JOIN tenant_identities i ON i.uid = t.tenant_id
                       WHERE i.code = $1 ORDER BY seq";
    assert_eq!(column(db, transitions, code).await, account.transitions, "{code}: each transition was made once");

    let operations = "SELECT concat_ws(' ', kind, state, owner, lease_until, error_code, error_reason, waiting_for)
                      FROM operations o JOIN tenant_identities i ON i.uid = o.tenant_id WHERE i.code = $1
                      ORDER BY o.created_at";
    let operations: Vec<_> = column(db, operations, code).await.iter().map(|o| o.trim_end().to_owned()).collect();
    let wanted: Vec<_> = account.operations.iter().map(|(kind, state)| format!("{kind} {state}")).collect();
    assert_eq!(operations, wanted, "{code}: each operation ended once");

    let undone = "SELECT o.kind || ' ' || s.step || ' ' || participant FROM operation_steps s JOIN operations o
                  ON (o.tenant_id, o.id) = (s.tenant_id, s.operation_id) JOIN tenant_identities i ON i.uid = o.tenant_id
                  WHERE i.code = $1 AND NOT done AND state = 'SUCCEEDED'";
    assert_eq!(column(db, undone, code).await, [""; 0], "{code}: no step is left undone");

    let ledger = "SELECT participant || ' ' || phase || ' ' || o.kind FROM participant_ledger l
                  JOIN tenant_identities i ON i.uid = l.tenant_id
                  JOIN operations o ON (o.tenant_id, o.id) = (l.tenant_id, l.operation_id)
                  WHERE i.code = $1 ORDER BY phase, participant";
    let each =
        |(phase, kind): (&&'static str, &String)| ["assets", "directory"].map(|who| format!("{who} {phase} {kind}"));
    let wanted: Vec<_> = account.ledger.iter().flat_map(each).collect();
    assert_eq!(column(db, ledger, code).await, wanted, "{code}: the ledger has each participant's part");
}

/// The tables that still have rows of a tenant, besides those that keep what was done.
async fn left(db: &Client, code: &str) -> Vec<String> {
    let tables = format!(
        "SELECT relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND attname = 'tenant_id'
         WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname NOT IN ({KEPT})"
    );
    let of_tenant = |row: tokio_postgres::Row| {
        let table: String = row.get(0);
        format!("SELECT '{table}' FROM {table} x JOIN tenant_identities i ON i.uid = x.tenant_id WHERE i.code = $1")
    };
    let parts: Vec<_> = db.query(&tables, &[]).await.unwrap().into_iter().map(of_tenant).collect();
    let params = "SELECT 'parameters' FROM operations o JOIN tenant_identities i ON i.uid = o.tenant_id
                  WHERE i.code = $1 AND params - 'kind' <> '{}'";
    column(db, &format!("{params} UNION ALL {}", parts.join(" UNION ALL ")), code).await
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
