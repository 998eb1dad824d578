//! The lifecycle as the database keeps it: every step from everywhere, tried by the application's role.

use std::collections::BTreeSet;

use landlord::domain::lifecycle::{Cause, EDGES, Edge, LockReason, Node};
use tokio_postgres::Client;

use super::world::{A, INFRASTRUCTURE, assert_state, attempt, begin_for, one_server, rows, run};

fn nodes() -> Vec<Node> {
    let mut nodes = vec![Node::None, Node::Active, Node::Failed, Node::PreparingDeletion, Node::Prepared, Node::Gone];
    nodes.extend(LockReason::ALL.iter().map(|reason| Node::Locked(*reason)));
    nodes
}

/// Where a log leads, and what else of it decides what may follow: whether the purge has begun, and for a restore where it
/// began.
fn standing(log: &[Edge]) -> (Node, bool, Option<Node>) {
    let Some((before, node, cause)) = log.last().copied() else { return (Node::None, false, None) };
    (node, cause == Cause::PurgeStarted, (node == Node::Locked(LockReason::Restoring)).then_some(before))
}

/// The legal steps of an ordinary tenant with that log. Once the purge has begun, its end is the only one; a restore leads
/// back.
fn legal(log: &[Edge]) -> Vec<Edge> {
    let (node, purging, before) = standing(log);
    let ordinary = EDGES.iter().filter(|(from, _, cause)| *from == node && *cause != Cause::Infrastructure);
    let allowed = ordinary.filter(|(_, _, cause)| purging == (*cause == Cause::Purged));
    allowed.filter(|(_, to, cause)| *cause != Cause::Restored || before == Some(*to)).copied().collect()
}

/// For every standing that legal steps lead to, a log that leads there.
fn logs() -> Vec<Vec<Edge>> {
    let mut found: Vec<Vec<Edge>> = vec![Vec::new()];
    let mut next = 0;
    while let Some(log) = found.get(next).cloned() {
        for edge in legal(&log) {
            let longer: Vec<_> = log.iter().copied().chain([edge]).collect();
            if !found.iter().any(|known| standing(known) == standing(&longer)) {
                found.push(longer);
            }
        }
        next += 1;
    }
    found
}

fn insert(tenant: &str, seq: usize, (from, to, cause): Edge) -> String {
    let cooldown = if cause == Cause::ProvisioningFailed { "0" } else { "NULL" };
    format!(
        "INSERT INTO tenant_transitions (tenant_id, seq, from_state, from_reason, to_state, to_reason, cause, cooldown)
         VALUES ('{tenant}', {seq}, '{}', '{}', '{}', '{}', '{}', {cooldown})",
        from.state_name(),
        from.reason_name(),
        to.state_name(),
        to.reason_name(),
        cause.name()
    )
}

/// Begins a transaction in which that tenant has taken those steps.
async fn stand(app: &Client, tenant: &str, path: &[Edge]) {
    begin_for(app, tenant).await;
    let code = if tenant == INFRASTRUCTURE { "infrastructure" } else { "alpha" };
    let row = format!(
        "INSERT INTO tenant_identities (uid, code) VALUES ('{tenant}', '{code}');
         INSERT INTO tenants (tenant_id, code, display_name, server, time_zone) VALUES ('{tenant}', '{code}', 'A', 'main', 'UTC')"
    );
    run(app, &row).await.unwrap();
    for (i, edge) in path.iter().enumerate() {
        run(app, &insert(tenant, i + 1, *edge)).await.unwrap_or_else(|refused| panic!("{edge:?}: {refused:?}"));
    }
}

/// A log that leads to that node.
fn log_to(node: Node) -> Vec<Edge> {
    logs().into_iter().find(|log| standing(log).0 == node).expect("it can be reached")
}

/// Tries a step and keeps nothing of it: 'taken', or what refused it.
const TRY: &str = "
    CREATE FUNCTION pg_temp.try(tenant uuid, seq int, from_state text, from_reason text, to_state text, to_reason text, cause text)
    RETURNS text LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO tenant_transitions (tenant_id, seq, from_state, from_reason, to_state, to_reason, cause, cooldown)
        VALUES (tenant, seq, from_state, from_reason, to_state, to_reason, cause,
                CASE cause WHEN 'PROVISIONING_FAILED' THEN 0 END);
        SET CONSTRAINTS ALL IMMEDIATE;
        RAISE EXCEPTION 'taken';
    EXCEPTION WHEN OTHERS THEN
        RETURN CASE WHEN SQLERRM = 'taken' THEN SQLERRM ELSE SQLSTATE || ' ' || SQLERRM END;
    END $$";

/// Every step that can be said, from every node that it can claim to come from, with the database's answer.
async fn try_all(app: &Client, tenant: &str, seq: usize) -> Vec<(Edge, String)> {
    let said = |node: &Node| format!("('{}', '{}')", node.state_name(), node.reason_name());
    let all = nodes().iter().map(said).collect::<Vec<_>>().join(", ");
    let causes = Cause::ALL.iter().map(|cause| format!("('{}')", cause.name())).collect::<Vec<_>>().join(", ");
    let ask = format!(
        "SELECT f.s, f.r, t.s, t.r, c.c, pg_temp.try('{tenant}', {seq}, f.s, f.r, t.s, t.r, c.c)
         FROM (VALUES {all}) AS f (s, r), (VALUES {all}) AS t (s, r), (VALUES {causes}) AS c (c)"
    );
    let node = |state: &str, reason: &str| {
        nodes().into_iter().find(|n| n.state_name() == state && n.reason_name() == reason).unwrap()
    };
    let answers = rows(app, &ask).await.into_iter();
    answers.map(|a| ((node(&a[0], &a[1]), node(&a[2], &a[3]), Cause::parse(&a[4]).unwrap()), a[5].clone())).collect()
}

/// Wants exactly those steps to be taken, and all others to be refused by a key, a check or the projection.
fn assert_taken(answers: &[(Edge, String)], wanted: &[Edge], place: &str) {
    assert_eq!(answers.len(), nodes().len() * nodes().len() * Cause::ALL.len());
    let taken: BTreeSet<_> = answers.iter().filter(|(_, answer)| answer == "taken").map(|(edge, _)| *edge).collect();
    assert_eq!(taken, wanted.iter().copied().collect(), "from {place}");
    for (edge, answer) in answers.iter().filter(|(_, answer)| answer != "taken") {
        let by_rule = ["23503 ", "23505 ", "23514 ", "P0001 landlord:"].iter().any(|rule| answer.starts_with(rule));
        assert!(by_rule, "{edge:?} from {place} was refused by accident: {answer}");
    }
}

#[tokio::test]
async fn the_edges_in_the_code_and_in_the_database_are_the_same() {
    let app = one_server().await.connect("landlord_app").await;
    let stored = rows(&app, "SELECT from_state, from_reason, to_state, to_reason, cause FROM tenant_edges").await;
    let named = EDGES.iter().map(|(from, to, cause)| {
        [from.state_name(), from.reason_name(), to.state_name(), to.reason_name(), cause.name()]
            .map(String::from)
            .to_vec()
    });
    assert_eq!(stored.into_iter().collect::<BTreeSet<_>>(), named.collect());
}

#[tokio::test]
async fn from_every_standing_exactly_the_legal_steps_are_taken() {
    let app = one_server().await.connect("landlord_app").await;
    app.batch_execute(TRY).await.unwrap();
    let logs = logs();
    let reached: BTreeSet<_> = logs.iter().map(|log| standing(log).0).collect();
    assert_eq!(reached, nodes().into_iter().collect(), "legal steps lead everywhere");
    for path in logs {
        stand(&app, A, &path).await;
        let answers = try_all(&app, A, path.len() + 1).await;
        assert_taken(&answers, &legal(&path), &format!("{:?}", standing(&path)));
        app.batch_execute("ROLLBACK").await.unwrap();
    }
}

#[tokio::test]
async fn the_infrastructure_tenant_is_born_once_and_takes_no_other_step() {
    let app = one_server().await.connect("landlord_app").await;
    app.batch_execute(TRY).await.unwrap();
    let birth = (Node::None, Node::Active, Cause::Infrastructure);
    stand(&app, INFRASTRUCTURE, &[]).await;
    assert_taken(&try_all(&app, INFRASTRUCTURE, 1).await, &[birth], "nothing");
    run(&app, &insert(INFRASTRUCTURE, 1, birth)).await.unwrap();
    assert_taken(&try_all(&app, INFRASTRUCTURE, 2).await, &[], "its birth");
}

#[tokio::test]
async fn the_infrastructure_tenant_stays_as_it_is() {
    let database = one_server().await;
    let app = database.connect("landlord_app").await;
    stand(&app, INFRASTRUCTURE, &[(Node::None, Node::Active, Cause::Infrastructure)]).await;
    app.batch_execute("COMMIT").await.unwrap();
    let owner = database.connect("landlord_owner").await;
    begin_for(&owner, INFRASTRUCTURE).await;
    owner.batch_execute("INSERT INTO servers (id) VALUES ('other')").await.unwrap();
    for change in ["company_name = 'ACME'", "protected = true", "time_zone = 'Europe/Berlin'", "server = 'other'"] {
        let message = assert_state(attempt(&owner, &format!("UPDATE tenants SET {change}")).await, "P0001", change);
        assert_eq!(message, "landlord:TENANT_READ_ONLY");
    }
    assert_eq!(attempt(&owner, "UPDATE tenants SET display_name = 'The house'").await.unwrap(), 1);
    begin_for(&app, INFRASTRUCTURE).await;
    assert_state(attempt(&app, "DELETE FROM tenants").await, "42501", "delete");
}

#[tokio::test]
async fn the_log_has_no_gap_and_no_entry_twice() {
    let app = one_server().await.connect("landlord_app").await;
    for path in logs() {
        stand(&app, A, &path).await;
        for edge in legal(&path) {
            for seq in [path.len(), path.len() + 2] {
                let refused = attempt(&app, &insert(A, seq, edge)).await.expect_err("a wrong number");
                let known = ["23505", "23503", "23514"].contains(&refused.state.as_str());
                assert!(known || refused.message == "landlord:ETAG_MISMATCH", "{edge:?} as {seq}: {refused:?}");
            }
            assert_eq!(attempt(&app, &insert(A, path.len() + 1, edge)).await.unwrap(), 1, "{edge:?}");
        }
        app.batch_execute("ROLLBACK").await.unwrap();
    }
}

#[tokio::test]
async fn entries_that_come_in_one_statement_out_of_order_are_refused() {
    let app = one_server().await.connect("landlord_app").await;
    let path = log_to(Node::Active);
    stand(&app, A, &path).await;
    let locked = Node::Locked(LockReason::Operator);
    let lock = insert(A, path.len() + 1, (Node::Active, locked, Cause::Lock));
    let unlock = insert(A, path.len() + 2, (locked, Node::Active, Cause::Unlock));
    let values = |insert: &str| insert.split_once("VALUES").unwrap().1.to_owned();
    assert_eq!(attempt(&app, &format!("{lock}, {}", values(&unlock))).await.unwrap(), 2);
    let message = assert_state(attempt(&app, &format!("{unlock}, {}", values(&lock))).await, "P0001", "backwards");
    assert_eq!(
        message, "landlord:ETAG_MISMATCH",
        "every key holds, but the tenant would stand at the entry before the last"
    );
}

#[tokio::test]
async fn of_two_that_act_at_the_same_time_one_is_refused() {
    let database = one_server().await;
    let (first, second) = (database.connect("landlord_app").await, database.connect("landlord_app").await);
    let path = log_to(Node::Active);
    stand(&first, A, &path).await;
    first.batch_execute("COMMIT").await.unwrap();
    begin_for(&first, A).await;
    begin_for(&second, A).await;
    let [lock, prepare] = [Cause::Lock, Cause::Prepare].map(|cause| {
        let edge = legal(&path).into_iter().find(|(_, _, c)| *c == cause).unwrap();
        insert(A, path.len() + 1, edge)
    });
    run(&first, &lock).await.unwrap();
    let (late, committed) = tokio::join!(run(&second, &prepare), first.batch_execute("COMMIT"));
    committed.unwrap();
    assert_state(late, "23505", "the later one");
}

#[tokio::test]
async fn a_failed_tenant_is_purged_only_after_its_cool_down_but_may_be_retried_before() {
    let app = one_server().await.connect("landlord_app").await;
    let path = log_to(Node::Failed);
    let (last, before) = path.split_last().unwrap();
    stand(&app, A, before).await;
    run(&app, &insert(A, path.len(), *last).replace(", 0)", ", 3600)")).await.unwrap();
    for edge in legal(&path) {
        let answer = attempt(&app, &insert(A, path.len() + 1, edge)).await;
        if edge.2 == Cause::PurgeStarted {
            assert_eq!(assert_state(answer, "P0001", "purge"), "landlord:TENANT_COOLING_DOWN");
        } else {
            assert_eq!(answer.unwrap(), 1, "{edge:?}");
        }
    }
    run(&app, &insert(A, path.len() + 1, (Node::Failed, Node::Locked(LockReason::Provisioning), Cause::Retry)))
        .await
        .unwrap();
    assert_eq!(rows(&app, "SELECT cooldown_until IS NULL FROM tenants").await, [["t"]], "it has no cool-down any more");
}

#[tokio::test]
async fn only_a_failure_has_a_cool_down_and_every_failure_has_one() {
    let app = one_server().await.connect("landlord_app").await;
    for (node, cause, wrong) in [
        (Node::Locked(LockReason::Provisioning), Cause::ProvisioningFailed, (", 0)", ", NULL)")),
        (Node::Active, Cause::Lock, (", NULL)", ", 0)")),
    ] {
        let path = log_to(node);
        stand(&app, A, &path).await;
        let edge = legal(&path).into_iter().find(|(_, _, c)| *c == cause).unwrap();
        let step = insert(A, path.len() + 1, edge).replace(wrong.0, wrong.1);
        assert_state(attempt(&app, &step).await, "23514", cause.name());
        app.batch_execute("ROLLBACK").await.unwrap();
    }
}

#[tokio::test]
async fn a_protected_tenant_is_neither_prepared_for_deletion_nor_purged() {
    let app = one_server().await.connect("landlord_app").await;
    let mut refused = BTreeSet::new();
    for path in logs().into_iter().filter(|log| standing(log).0 != Node::Gone) {
        stand(&app, A, &path).await;
        run(&app, "UPDATE tenants SET protected = true").await.unwrap();
        for edge in legal(&path) {
            if let Err(why) = attempt(&app, &insert(A, path.len() + 1, edge)).await {
                assert_eq!(why.message, "landlord:TENANT_PROTECTED", "{edge:?}");
                refused.insert(edge.2);
            }
        }
        app.batch_execute("ROLLBACK").await.unwrap();
    }
    assert_eq!(refused, BTreeSet::from([Cause::Prepare, Cause::PurgeStarted]));
}
