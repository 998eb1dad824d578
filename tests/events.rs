//! The status log and the audit trail.

use landlord::proto::v1::{self, event::Severity};
use tonic::Code;

use crate::support::client::{Api, assert_refused, eventually, fields};
use crate::support::lifecycle::ADMIN_PASSWORD;
use crate::support::server::{PASSWORD, TestServer};

const OPERATORS: &str = "tenants/infrastructure";

async fn kinds(api: &Api, parent: &str, filter: &str) -> Vec<String> {
    api.events(parent, filter).await.unwrap().events.into_iter().rev().map(|e| e.kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_stands_in_the_log_of_whoever_it_concerns_and_in_the_audit_trail() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let (name, _) = server.administrator("Acme").await;
    let lock =
        v1::LockTenantRequest { name: name.clone(), reason: "invoice 4711 is open".into(), ..Default::default() };
    operator.client.tenants().lock_tenant(lock).await.unwrap();
    operator.unlock(&name).await.unwrap();
    let whole = kinds(&operator, OPERATORS, "tenant = acme AND kind != OPERATION_SUCCEEDED").await;
    assert_eq!(whole, ["CreateTenant", "LockTenant", "UnlockTenant"]);

    let locked = &operator.events(OPERATORS, "kind = LockTenant").await.unwrap().events[0];
    assert_eq!(locked.message, "LockTenant of tenants/acme by operator: reason invoice 4711 is open");
    assert_eq!((locked.severity(), locked.resource.as_str()), (Severity::Info, "tenants/acme"));
    assert_eq!((locked.actor_name.as_str(), locked.details["reason"].as_str()), ("operator", "invoice 4711 is open"));
    assert!(locked.actor.starts_with("tenants/infrastructure/users/") && !locked.correlation_id.is_empty());

    let anna = server.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    let own = kinds(&anna, &name, "").await;
    assert!(own.contains(&"ActivateUser".to_owned()) && own.contains(&"LockTenant".to_owned()), "{own:?}");
    assert!(!kinds(&operator, OPERATORS, "").await.contains(&"ActivateUser".to_owned()), "that is the tenant's affair");

    let audit = operator.audit(&name, "").await.unwrap();
    let methods: Vec<_> = audit.iter().rev().map(|r| r.method.rsplit('/').next().unwrap()).collect();
    let wanted = ["CreateTenant", "ActivateUser", "CreateSession", "LockTenant", "UnlockTenant", "CreateSession"];
    assert_eq!(methods, wanted);
    let record = &audit[2];
    assert_eq!((record.resource.as_str(), record.actor_name.as_str()), ("tenants/acme", "operator"));
    assert_eq!(
        (record.details["reason"].as_str(), &record.correlation_id),
        ("invoice 4711 is open", &locked.correlation_id)
    );
    assert_eq!(anna.audit(&name, "").await.unwrap(), audit, "its administrators see the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_by_tenant_finds_whatever_was_done_there_and_names_it_by_its_code() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let (name, anna) = server.administrator("Acme").await;
    operator.active_tenant("Beta").await;
    let uid = format!("tenants/{}", operator.tenant(&name).await.uid);
    anna.clear_events(&uid, "").await.unwrap();
    let whole = operator.audit(&name, "").await.unwrap();
    let methods: Vec<_> = whole.iter().rev().map(|r| r.method.rsplit('/').next().unwrap()).collect();
    assert_eq!(methods, ["CreateTenant", "ActivateUser", "CreateSession", "ClearEvents"]);
    assert!(whole.iter().all(|record| record.resource == name), "{whole:?}");
    for named in ["acme", &name, &uid] {
        assert_eq!(operator.audit("tenants/-", &format!("tenant = \"{named}\"")).await.unwrap(), whole, "{named}");
    }
    let others = operator.audit("tenants/-", "tenant != acme").await.unwrap();
    let all = operator.audit("tenants/-", "").await.unwrap();
    assert_eq!((others.len() + whole.len(), others.is_empty()), (all.len(), false));
    assert_eq!(operator.audit("tenants/-", "tenant != nobody").await.unwrap(), all);
    assert_eq!(operator.audit("tenants/-", "tenant = nobody").await.unwrap(), []);
    assert_eq!(
        kinds(&operator, OPERATORS, "tenant = acme").await,
        kinds(&operator, OPERATORS, "resource = tenants/acme").await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn log_ins_and_log_outs_stand_in_the_logs_of_the_home_tenant_and_what_is_wrong_leaves_no_trace() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let (name, anna) = server.administrator("Acme").await;
    let anonymous = server.anonymous().await;
    let wrong = anonymous.session("anna@acme", "not her password").await;
    assert_refused(wrong, Code::Unauthenticated, "CREDENTIALS_INVALID");
    anna.client.sessions().delete_session(v1::DeleteSessionRequest::default()).await.unwrap();
    let filter = "method = CreateSession OR method = DeleteSession";
    let audit = operator.audit(&name, filter).await.unwrap();
    let methods: Vec<_> = audit.iter().rev().map(|r| r.method.rsplit('/').next().unwrap()).collect();
    assert_eq!(methods, ["CreateSession", "DeleteSession"]);
    assert!(audit.iter().all(|r| r.resource == name && r.actor_name == "anna" && !r.correlation_id.is_empty()));
    assert_eq!(audit[0].session, audit[1].session);
    assert!(!audit[0].session.is_empty());
    let anna = anonymous.log_in("anna@acme", ADMIN_PASSWORD).await;
    let own = kinds(&anna, &name, "kind = CreateSession OR kind = DeleteSession").await;
    assert_eq!(own, ["CreateSession", "DeleteSession", "CreateSession"]);
    assert_eq!(kinds(&operator, OPERATORS, "kind = CreateSession AND tenant = acme").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_and_clearings_hold_in_another_cluster_and_hide_nothing_that_is_written_there() {
    let server = TestServer::with(&[("housekeeping_seconds", "1".into())]).await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    operator.mark_seen(OPERATORS, "").await.unwrap();
    operator.lock(&name).await.unwrap();
    // As if it came from a cluster that was far ahead of this one, where the first events had been cleared.
    let moved = "UPDATE events SET cluster = 'elsewhere', xid = (xid::text::bigint + 1000000000)::text::xid8;
        UPDATE event_marks SET cluster = 'elsewhere',
            seen = format('%s:%1$s:', pg_snapshot_xmax(seen)::text::bigint + 1000000000)::pg_snapshot;
        INSERT INTO event_clears (tenant_id, cluster, cleared)
            SELECT tenant_id, 'elsewhere', format('%s:%1$s:', xid::text::bigint + 1)::pg_snapshot FROM events
            WHERE kind = 'CreateTenant' AND tenant_id <> subject_id";
    server.sql().await.batch_execute(moved).await.unwrap();
    operator.unlock(&name).await.unwrap();
    let fresh = async || {
        let events = operator.events(OPERATORS, "").await.unwrap().events;
        events.into_iter().rev().map(|e| (e.kind, e.fresh)).collect::<Vec<_>>()
    };
    let is = |kind: &str, fresh| (kind.to_owned(), fresh);
    let wanted = [is("OPERATION_SUCCEEDED", false), is("LockTenant", true), is("UnlockTenant", true)];
    assert_eq!(fresh().await, wanted, "what was cleared and seen there still is");
    assert_eq!(operator.new_events(OPERATORS).await.0, 2);
    operator.mark_seen(OPERATORS, "").await.unwrap();
    assert_eq!(operator.new_events(OPERATORS).await.0, 0);
    operator.lock(&name).await.unwrap();
    assert_eq!(operator.new_events(OPERATORS).await.0, 1, "what is written here is new, whatever its number");
    operator.clear_events(OPERATORS, "").await.unwrap();
    assert_eq!(kinds(&operator, OPERATORS, "").await, ["ClearEvents"]);
    let sql = server.sql().await;
    eventually("a log that is swept", || async {
        let left = "SELECT count(*) FROM events WHERE kind = 'LockTenant'
            AND tenant_id = '11111111-1111-1111-1111-111111111111'";
        (sql.query_one(left, &[]).await.unwrap().get::<_, i64>(0) == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_only_checked_or_refused_or_repeated_is_logged_no_second_time() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let request_id = uuid::Uuid::new_v4().to_string();
    let lock = v1::LockTenantRequest { name: name.clone(), request_id, ..Default::default() };
    let dry = v1::LockTenantRequest { validate_only: true, ..lock.clone() };
    operator.client.tenants().lock_tenant(dry).await.unwrap();
    assert_refused(operator.unlock(&name).await, Code::FailedPrecondition, "TENANT_STATE_INVALID");
    for _ in 0..2 {
        operator.client.tenants().lock_tenant(lock.clone()).await.unwrap();
    }
    assert_eq!(kinds(&operator, OPERATORS, "kind = LockTenant OR kind = UnlockTenant").await, ["LockTenant"]);
    assert_eq!(operator.audit(&name, "method = LockTenant").await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_tell_how_they_ended() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    operator.active_tenant("Acme").await;
    server.break_provisioning().await;
    operator.failed_tenant("Broken").await;
    let done = operator.events(OPERATORS, "tenant = acme AND kind = OPERATION_SUCCEEDED").await.unwrap().events;
    assert_eq!(done[0].message, "provision of tenants/acme is done");
    let asked = operator.audit("tenants/acme", "method = CreateTenant").await.unwrap();
    assert_eq!(done[0].correlation_id, asked[0].correlation_id, "it is tied to the call that asked for it");
    let failed = operator.events(OPERATORS, "severity >= WARNING").await.unwrap().events;
    assert_eq!((failed.len(), failed[0].severity(), failed[0].kind.as_str()), (1, Severity::Error, "OPERATION_FAILED"));
    assert!(failed[0].message.starts_with("provision of tenants/broken was given up: "), "{}", failed[0].message);
    assert!(failed[0].operation.starts_with("tenants/broken/operations/"));
    assert_eq!(failed[0].actor_name, "", "the service did it, for whoever asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_person_has_new_events_until_they_are_marked_and_what_comes_later_is_new_again() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let (infos, ..) = operator.new_events(OPERATORS).await;
    assert_eq!(infos, 3, "that the operator has logged in, the creation, and that it is set up");
    let page = operator.events(OPERATORS, "").await.unwrap();
    assert!(page.events.iter().all(|e| e.fresh));
    operator.lock(&name).await.unwrap();
    operator.mark_seen(OPERATORS, &page.seen_token).await.unwrap();
    assert_eq!(operator.new_events(OPERATORS).await, (1, 0, 0), "what came after the look is new");
    let page = operator.events(OPERATORS, "").await.unwrap();
    assert_eq!(page.events.iter().map(|e| e.fresh).collect::<Vec<_>>(), [true, false, false, false]);
    let old = page.seen_token;
    operator.unlock(&name).await.unwrap();
    operator.mark_seen(OPERATORS, "").await.unwrap();
    assert_eq!(operator.new_events(OPERATORS).await, (0, 0, 0), "without a token all is seen");
    operator.mark_seen(OPERATORS, &old).await.unwrap();
    assert_eq!(operator.new_events(OPERATORS).await, (0, 0, 0), "an older look takes nothing back");

    let sql = server.sql().await;
    let colleague = "INSERT INTO users (tenant_id, id, user_name, user_name_key, state, password_hash)
            SELECT tenant_id, '00000000-0000-7000-8000-00000000000c', 'olga', 'olga', state, password_hash
            FROM users WHERE user_name = 'operator';
        INSERT INTO memberships SELECT tenant_id, '00000000-0000-7000-8000-00000000000c', tenant_id FROM users
            WHERE user_name = 'olga';
        INSERT INTO user_roles SELECT tenant_id, '00000000-0000-7000-8000-00000000000c', id FROM roles
            WHERE name = 'Administrator' AND tenant_id = '11111111-1111-1111-1111-111111111111'";
    sql.batch_execute(colleague).await.unwrap();
    let olga = server.anonymous().await.log_in("olga@infrastructure", PASSWORD).await;
    assert_eq!(olga.new_events(OPERATORS).await.0, 6, "she has seen none of them, not even that she has logged in");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_transaction_writes_that_commits_late_is_still_new_after_a_mark() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    operator.mark_seen(OPERATORS, "").await.unwrap();
    let late = server.database.connect("landlord_app").await;
    late.batch_execute(
        "BEGIN; SELECT set_config('landlord.tenant', '11111111-1111-1111-1111-111111111111', true);
         SELECT log_event(false, 'WARNING', 'LATE', '', '{}', NULL, NULL, '', NULL, NULL, '')",
    )
    .await
    .unwrap();
    // A later transaction is seen and marked first.
    operator.create("Acme").await;
    operator.mark_seen(OPERATORS, "").await.unwrap();
    late.batch_execute("COMMIT").await.unwrap();
    let (_, warnings, _) = operator.new_events(OPERATORS).await;
    assert_eq!(warnings, 1, "no number in a sequence would have told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_cleared_for_everybody_of_its_tenant_up_to_the_look_and_the_audit_trail_stays() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let (name, _) = server.administrator("Acme").await;
    let before = operator.audit("tenants/-", "").await.unwrap().len();
    let page = operator.events(OPERATORS, "").await.unwrap();
    operator.lock(&name).await.unwrap();
    operator.unlock(&name).await.unwrap();
    operator.clear_events(OPERATORS, &page.seen_token).await.unwrap();
    assert_eq!(kinds(&operator, OPERATORS, "").await, ["LockTenant", "UnlockTenant", "ClearEvents"]);
    assert_eq!(operator.events(OPERATORS, "").await.unwrap().total_size, 3);
    let anna = server.anonymous().await.log_in("anna@acme", ADMIN_PASSWORD).await;
    assert!(kinds(&anna, &name, "").await.contains(&"CreateTenant".to_owned()), "the tenant's own log is another one");
    anna.clear_events(&name, "").await.unwrap();
    assert!(!kinds(&anna, &name, "").await.contains(&"CreateTenant".to_owned()));
    assert_eq!(
        operator.audit("tenants/-", "").await.unwrap().len(),
        before + 5,
        "lock, unlock, a log-in and two clearings"
    );

    let app = server.sql().await;
    // They were hidden at once; now they are removed.
    eventually("an empty log", || async {
        let left = "SELECT count(*) FROM events WHERE kind = 'CreateTenant'";
        (app.query_one(left, &[]).await.unwrap().get::<_, i64>(0) == 0).then_some(())
    })
    .await;
    assert_eq!(kinds(&operator, OPERATORS, "").await, ["LockTenant", "UnlockTenant", "ClearEvents"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_read_by_those_who_work_in_its_tenant_and_by_nobody_else() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let (name, anna) = server.administrator("Acme").await;
    let other = operator.active_tenant("Beta").await;
    assert_refused(anna.events(&other, "").await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(anna.events(OPERATORS, "").await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(anna.audit(&other, "").await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(anna.audit("tenants/-", "").await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    assert_refused(anna.clear_events(&other, "").await, Code::NotFound, "RESOURCE_NOT_FOUND");
    assert_refused(operator.events(&name, "").await, Code::PermissionDenied, "PRIVILEGE_MISSING");
    let token = anna.events(&name, "").await.unwrap().seen_token;
    let foreign = operator.mark_seen(OPERATORS, &token).await;
    let foreign = assert_refused(foreign, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(fields(&foreign)[0].0, "seen_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_filtered_and_paged_and_wrong_filters_are_refused() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    for name in ["Acme", "Acme Two", "Beta"] {
        operator.active_tenant(name).await;
    }
    assert_eq!(operator.events(OPERATORS, "tenant = \"tenants/acme\"").await.unwrap().total_size, 2);
    assert_eq!(operator.events(OPERATORS, "resource : acme").await.unwrap().total_size, 4);
    assert_eq!(operator.events(OPERATORS, "actor = operator AND NOT tenant = beta").await.unwrap().total_size, 3);
    assert_eq!(operator.events(OPERATORS, "time > 2100-01-01T00:00:00Z").await.unwrap().total_size, 0);
    assert_eq!(
        operator.events(OPERATORS, "severity < WARNING AND time > 2020-01-01T00:00:00Z").await.unwrap().total_size,
        7
    );
    for wrong in ["colour = red", "severity", "time > soon", "(kind = x", "resource:*"] {
        assert_refused(operator.events(OPERATORS, wrong).await, Code::InvalidArgument, "FILTER_INVALID");
        assert_refused(operator.audit("tenants/-", wrong).await, Code::InvalidArgument, "FILTER_INVALID");
    }
    let whole = operator.events(OPERATORS, "").await.unwrap().events;
    let (mut paged, mut page_token) = (Vec::new(), String::new());
    loop {
        let request =
            v1::ListEventsRequest { parent: OPERATORS.into(), page_size: 2, page_token, ..Default::default() };
        let page = operator.client.events().list_events(request).await.unwrap().into_inner();
        paged.extend(page.events);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(paged, whole);
    let (mut audited, mut page_token) = (0, String::new());
    loop {
        let request =
            v1::ListAuditRecordsRequest { parent: "tenants/-".into(), page_size: 1, page_token, ..Default::default() };
        let page = operator.client.events().list_audit_records(request).await.unwrap().into_inner();
        assert_eq!((page.total_size, page.audit_records.len()), (4, 1));
        audited += 1;
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(audited, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_clears_the_audit_trail_not_even_with_sql_as_the_application() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    operator.delete_fully(&name).await;
    let app = server.database.connect("landlord_app").await;
    let uid: String = server
        .sql()
        .await
        .query_one("SELECT uid::text FROM tenant_identities WHERE code = 'acme'", &[])
        .await
        .unwrap()
        .get(0);
    for role in ["RESET ROLE", "SET ROLE landlord_platform"] {
        app.batch_execute(&format!("{role}; SELECT set_config('landlord.tenant', '{uid}', false)")).await.unwrap();
        for statement in [
            "DELETE FROM audit_records",
            "UPDATE audit_records SET method = 'nothing'",
            "TRUNCATE audit_records",
            "SELECT remove_batch('audit_records', 10)",
            "ALTER TABLE audit_records DISABLE TRIGGER ALL",
        ] {
            let error = app.batch_execute(statement).await.expect_err(statement);
            assert_eq!(error.code().unwrap().code(), "42501", "{statement}: {error:?}");
        }
    }
    let audit = operator.audit(&name, "").await.unwrap();
    assert_eq!(audit.len(), 3, "of a tenant that is gone, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_cannot_be_written_down_is_not_made() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let name = operator.active_tenant("Acme").await;
    let sql = server.sql().await;
    for table in ["audit_records", "events"] {
        let obstacle = format!("ALTER TABLE {table} ADD CONSTRAINT obstacle CHECK (false) NOT VALID");
        sql.batch_execute(&obstacle).await.unwrap();
        assert_refused(operator.lock(&name).await, Code::Internal, "INTERNAL");
        assert_eq!(operator.tenant(&name).await.state(), v1::tenant::State::Active, "{table}");
        sql.batch_execute(&format!("ALTER TABLE {table} DROP CONSTRAINT obstacle")).await.unwrap();
    }
    operator.lock(&name).await.unwrap();
    eventually("an event", || async { operator.events(OPERATORS, "kind = LockTenant").await.ok() }).await;
}
