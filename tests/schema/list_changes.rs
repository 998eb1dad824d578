//! What `tenants_changed` tells those who keep the list of tenants in memory.

use serde_json::{Value, json};
use tokio_postgres::Client;

use super::world::{A, B, run_for, three_tenants};
use crate::support::database::Database;

/// A client of the platform's role.
async fn platform(database: &Database) -> Client {
    let client = database.connect("landlord_app").await;
    client.batch_execute("SET ROLE landlord_platform").await.unwrap();
    client
}

async fn changed(platform: &Client, since: Option<&Value>, most: i64) -> Value {
    let since = since.map(Value::to_string);
    let sql = "SELECT tenants_changed($1::text::jsonb, $2)::text";
    let row = platform.query_one(sql, &[&since, &most]).await.unwrap();
    serde_json::from_str(row.get(0)).unwrap()
}

fn uids(changes: &Value) -> Vec<&str> {
    changes["tenants"].as_array().unwrap().iter().map(|t| t["uid"].as_str().unwrap()).collect()
}

const RENAME: &str = "UPDATE tenants SET company_name = company_name || 'x'";

#[tokio::test]
async fn each_change_is_told_once_also_while_another_transaction_stays_open() {
    let database = three_tenants().await;
    let (reader, app, slow) =
        (platform(&database).await, database.connect("landlord_app").await, database.connect("landlord_app").await);
    let first = changed(&reader, None, 10).await;
    assert_eq!((uids(&first).len(), &first["complete"]), (0, &json!(true)), "a place to begin at");

    slow.batch_execute(&format!("BEGIN; SELECT set_config('landlord.tenant', '{B}', true); {RENAME}")).await.unwrap();
    run_for(&app, A, RENAME).await.unwrap();
    let second = changed(&reader, Some(&first["reading"]), 10).await;
    assert_eq!(uids(&second), [A]);
    let third = changed(&reader, Some(&second["reading"]), 10).await;
    assert_eq!(uids(&third), [""; 0], "it is not told again because somebody else is slow");
    let own = slow.query_one("SELECT pg_current_xact_id()::text::bigint", &[]).await.unwrap().get::<_, i64>(0);
    let position = third["reading"]["position"].as_i64().unwrap();
    assert!(position <= own, "the slow one holds the position back, as others of the cluster may: {position} {own}");

    slow.batch_execute("COMMIT").await.unwrap();
    let fourth = changed(&reader, Some(&third["reading"]), 10).await;
    assert_eq!(uids(&fourth), [B], "what began before the readings and ended after them is not lost");
}

#[tokio::test]
async fn more_than_was_asked_for_and_readings_from_elsewhere_are_not_answered_in_part() {
    let database = three_tenants().await;
    let (reader, app) = (platform(&database).await, database.connect("landlord_app").await);
    let first = changed(&reader, None, 10).await;
    for tenant in [A, B] {
        run_for(&app, tenant, RENAME).await.unwrap();
    }
    let two = changed(&reader, Some(&first["reading"]), 2).await;
    assert_eq!((uids(&two).len(), &two["complete"]), (2, &json!(true)));
    let too_many = changed(&reader, Some(&first["reading"]), 1).await;
    assert_eq!((uids(&too_many).len(), &too_many["complete"]), (0, &json!(false)));

    assert_ne!(first["reading"]["cluster"], "", "this Postgres says which one it is");
    let mut elsewhere = first["reading"].clone();
    elsewhere["cluster"] = json!("another/00000002");
    assert_eq!(changed(&reader, Some(&elsewhere), 10).await["complete"], false);
    let mut future = first["reading"].clone();
    future["position"] = json!(1_000_000_000_000_i64);
    assert_eq!(changed(&reader, Some(&future), 10).await["complete"], false);
}
