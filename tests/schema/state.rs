//! The application can change a tenant's state by adding to the log, and in no other way.

use super::world::{
    A, B, INFRASTRUCTURE, assert_state, attempt, begin_for, column, one_server, rows, run, run_for, three_tenants,
};

/// The columns of `tenants` that people change. All others follow from the log, or stay as they are.
const CHANGED_BY_PEOPLE: [&str; 11] = [
    "accent_color",
    "company_name",
    "display_name",
    "domain",
    "email_notification",
    "labels",
    "logo_url",
    "primary_color",
    "product_name",
    "protected",
    "time_zone",
];

const LOCK: &str =
    "INSERT INTO tenant_transitions (tenant_id, seq, from_state, from_reason, to_state, to_reason, cause)
                    VALUES (current_tenant(), 3, 'ACTIVE', '-', 'LOCKED', 'OPERATOR', 'LOCK')";

#[tokio::test]
async fn the_application_updates_what_people_change_and_no_other_column_of_a_tenant() {
    let app = three_tenants().await.connect("landlord_app").await;
    begin_for(&app, A).await;
    let columns = "SELECT attname FROM pg_attribute WHERE attrelid = 'tenants'::regclass AND attnum > 0 ORDER BY 1";
    let mut changed = Vec::new();
    for column in column(&app, columns).await {
        match attempt(&app, &format!("UPDATE tenants SET {column} = {column}")).await {
            Ok(rows) => changed.extend((rows == 1).then_some(column)),
            Err(refused) => assert_eq!(refused.state, "42501", "{column}: {refused:?}"),
        }
    }
    assert_eq!(changed, CHANGED_BY_PEOPLE);
}

#[tokio::test]
async fn a_tenant_is_not_born_in_a_state() {
    let app = one_server().await.connect("landlord_app").await;
    begin_for(&app, A).await;
    run(&app, &format!("INSERT INTO tenant_identities (uid, code) VALUES ('{A}', 'alpha')")).await.unwrap();
    let insert = |column, value| {
        format!(
            "INSERT INTO tenants (tenant_id, code, display_name, server, time_zone, {column})
             VALUES ('{A}', 'alpha', 'Alpha', 'main', 'UTC', {value})"
        )
    };
    for (column, value) in [("state", "'ACTIVE'"), ("seq", "2"), ("epoch", "9"), ("lock_reason", "'OPERATOR'")] {
        assert_state(attempt(&app, &insert(column, value)).await, "42501", column);
    }
    assert_eq!(attempt(&app, &insert("protected", "true")).await.unwrap(), 1);
}

#[tokio::test]
async fn a_tenant_without_a_first_transition_is_not_committed() {
    let app = one_server().await.connect("landlord_app").await;
    let insert = format!(
        "INSERT INTO tenant_identities (uid, code) VALUES ('{A}', 'alpha');
         INSERT INTO tenants (tenant_id, code, display_name, server, time_zone) VALUES ('{A}', 'alpha', 'Alpha', 'main', 'UTC')"
    );
    let message = assert_state(run_for(&app, A, &insert).await, "23503", "no transition");
    assert!(message.contains("tenants_tenant_id_seq_state_lock_reason_fkey"), "{message}");
}

#[tokio::test]
async fn what_is_written_for_ever_is_neither_changed_nor_removed() {
    let app = three_tenants().await.connect("landlord_app").await;
    begin_for(&app, A).await;
    for statement in [
        "UPDATE tenant_transitions SET note = ''",
        "DELETE FROM tenant_transitions",
        "UPDATE audit_records SET method = ''",
        "DELETE FROM audit_records",
        "UPDATE tenant_identities SET code = 'other'",
        "DELETE FROM tenant_identities",
        "DELETE FROM tenants",
        "UPDATE operations SET actor_id = NULL",
        "UPDATE operations SET kind = 'purge'",
        "DELETE FROM operations",
        "INSERT INTO tenant_edges VALUES ('ACTIVE', '-', 'GONE', '-', 'PURGED')",
        "UPDATE tenant_edges SET cause = cause",
        "DELETE FROM tenant_edges",
    ] {
        assert_state(attempt(&app, statement).await, "42501", statement);
    }
    let alter = "UPDATE operations SET params = '{\"kind\": \"purge\"}'";
    assert_state(attempt(&app, alter).await, "P0001", alter);
}

#[tokio::test]
async fn a_transition_reaches_the_tenant_even_when_a_temporary_table_has_taken_its_name() {
    let app = three_tenants().await.connect("landlord_app").await;
    begin_for(&app, A).await;
    run(&app, "CREATE TEMPORARY TABLE tenants AS SELECT * FROM public.tenants").await.unwrap();
    run(&app, "GRANT ALL ON pg_temp.tenants TO PUBLIC").await.unwrap();
    run(&app, LOCK).await.unwrap();
    assert_eq!(rows(&app, "SELECT state, lock_reason, seq FROM public.tenants").await, [["LOCKED", "OPERATOR", "3"]]);
}

#[tokio::test]
async fn a_tenant_that_leaves_active_leaves_its_sessions_behind() {
    let app = three_tenants().await.connect("landlord_app").await;
    begin_for(&app, A).await;
    let epoch = "SELECT epoch FROM tenants";
    assert_eq!(column(&app, epoch).await, ["1"], "provisioning has no sessions to end");
    run(&app, LOCK).await.unwrap();
    assert_eq!(column(&app, epoch).await, ["2"]);
}

#[tokio::test]
async fn a_transition_names_the_tenant_of_its_transaction() {
    let app = three_tenants().await.connect("landlord_app").await;
    begin_for(&app, A).await;
    let other = LOCK.replace("current_tenant()", &format!("'{B}'"));
    assert_state(attempt(&app, &other).await, "42501", "a transition of B");
}

#[tokio::test]
async fn the_root_group_is_called_what_the_tenant_is_called() {
    let app = three_tenants().await.connect("landlord_app").await;
    begin_for(&app, A).await;
    let name = "SELECT name FROM groups WHERE tenant_name IS NOT NULL";
    assert_eq!(column(&app, name).await, ["Name of alpha"]);
    run(&app, "UPDATE tenants SET display_name = 'Alpha & Sons'").await.unwrap();
    assert_eq!(column(&app, name).await, ["Alpha & Sons"]);
    assert_state(attempt(&app, "UPDATE groups SET tenant_name = 'Other'").await, "23503", "another name");
    let second = format!("INSERT INTO groups (tenant_id, id, tenant_name) VALUES ('{A}', '{B}', 'Alpha & Sons')");
    assert_state(attempt(&app, &second).await, "23505", "a second root");
}

#[tokio::test]
async fn version_and_time_follow_every_change() {
    let app = three_tenants().await.connect("landlord_app").await;
    begin_for(&app, A).await;
    let before = column(&app, "SELECT version FROM tenants").await;
    run(&app, "UPDATE tenants SET company_name = 'Alpha GmbH'").await.unwrap();
    let after = format!("SELECT version - {}, updated_at > created_at FROM tenants", before[0]);
    assert_eq!(rows(&app, &after).await, [["1", "t"]]);
}

#[tokio::test]
async fn nobody_takes_the_name_or_the_uid_of_the_infrastructure_tenant() {
    let app = one_server().await.connect("landlord_app").await;
    for (uid, code) in [(A, "infrastructure"), (INFRASTRUCTURE, "alpha")] {
        let insert = format!("INSERT INTO tenant_identities (uid, code) VALUES ('{uid}', '{code}')");
        assert_state(run_for(&app, uid, &insert).await, "23514", code);
    }
}
