//! Log lines of what a service does say which service it was, and never what its key is.

use crate::support::client::Api;
use crate::support::database::Database;
use crate::support::process::Process;
use crate::support::server::TestServer;
use crate::support::services::identity;

#[tokio::test(flavor = "multi_thread")]
async fn log_lines_name_the_service_and_no_line_has_a_key() {
    let database = Database::create().await;
    let server = TestServer::on(database.clone(), &[]).await;
    let acme = server.operator().await.active_tenant("Acme").await;
    server.stop().await.unwrap();
    let options = [("telemetry.log_filter", "info,landlord=trace".to_owned())];
    let replica = Process::with(&database, &[], &options).await.unwrap();
    let operator = replica.operator().await;
    let first =
        operator.create_service("billing", identity(&["UserService.CreateUser"], &[&acme])).await.unwrap().api_key;
    let second = operator.rotate("serviceIdentities/billing", None).await.unwrap().api_key;
    let anonymous = Api::connect(replica.address).await;
    anonymous.with_token(&second).new_user(&acme, "ben").await.unwrap();
    anonymous.with_token(&format!("{second}A")).new_user(&acme, "ben").await.unwrap_err();
    let lines = replica.log().await;
    let named = |line: &&String| line.contains("CreateUser") && line.contains("serviceIdentities/billing");
    assert!(lines.iter().any(|line| named(&line)), "{}", lines.join("\n"));
    for key in [first, second] {
        let secret = &key["landlord_key_".len() + 22..];
        assert!(!lines.iter().any(|line| line.contains(secret)));
    }
}
