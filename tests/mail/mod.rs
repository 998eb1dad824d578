//! Mail: what becomes of one by what the mail server answers, and what stands in it.

mod real;
mod smtp;
mod tenants;
mod texts;

use landlord::proto::v1;
use tonic::Status;

use crate::support::client::{Api, eventually};
use crate::support::mail::link_code;
use crate::support::server::TestServer;

/// A password for whoever a mail has invited.
const PASSWORD: &str = "mail brings unrelated words";

/// Makes the tenant `acme` with `anna` as its administrator, who gets mail.
async fn invite(operator: &Api) {
    let tenant = Some(v1::Tenant { display_name: "Acme".into(), ..Default::default() });
    let email = "anna@example.com".into();
    let initial_admin = Some(v1::InitialAdmin { user_name: "anna".into(), email, ..Default::default() });
    let request = v1::CreateTenantRequest { tenant, initial_admin, ..Default::default() };
    let made = operator.client.tenants().create_tenant(request).await.unwrap().into_inner();
    operator.succeed(made.operation).await;
}

/// The newest delivery of a mail to somebody of `acme`.
async fn delivery(operator: &Api) -> v1::Operation {
    let all = operator.operations_of("tenants/acme").await;
    all.into_iter().find(|operation| operation.kind == "deliver-mail").unwrap()
}

/// The same, once it has ended.
async fn delivered(operator: &Api) -> v1::Operation {
    operator.wait(&delivery(operator).await.name).await
}

/// Follows the link in a mail.
async fn follow(server: &TestServer, mail: &[u8]) -> Result<(), Status> {
    let request = v1::ActivateUserRequest { code: link_code(mail).unwrap(), password: PASSWORD.into() };
    server.anonymous().await.client.users().activate_user(request).await.map(|_| ())
}

/// Waits until there are so many mails.
async fn mails(count: usize, of: impl Fn() -> Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    eventually("mails", async || Some(of()).filter(|mails| mails.len() >= count)).await
}
