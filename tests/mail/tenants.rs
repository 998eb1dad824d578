//! What each tenant decides of its mails: whether new users are written to, and in which words.

use landlord::proto::v1;
use tonic::Code;

use super::mails;
use super::texts::{own, set, subject};
use crate::support::client::{Api, assert_refused, fields};
use crate::support::mail::read;
use crate::support::server::TestServer;

/// The mails of the folder, in the order in which they went out.
fn folder(server: &TestServer) -> Vec<Vec<u8>> {
    let mut files: Vec<_> = std::fs::read_dir(server.mail_folder()).into_iter().flatten().flatten().collect();
    files.sort_by_key(|file| file.metadata().unwrap().modified().unwrap());
    files.iter().map(|file| std::fs::read(file.path()).unwrap()).collect()
}

async fn create(operator: &Api, code: &str, email_notification: Option<bool>) -> String {
    let tenant = v1::Tenant { display_name: code.to_uppercase(), email_notification, ..Default::default() };
    let initial_admin =
        v1::InitialAdmin { user_name: "anna".into(), email: format!("anna@{code}.example"), ..Default::default() };
    let request = v1::CreateTenantRequest {
        tenant_id: code.into(),
        tenant: Some(tenant),
        initial_admin: Some(initial_admin),
        ..Default::default()
    };
    let made = operator.client.tenants().create_tenant(request).await.unwrap().into_inner();
    operator.succeed(made.operation).await;
    format!("tenants/{code}")
}

async fn new_user(api: &Api, tenant: &str, user_name: &str) -> v1::User {
    let user =
        v1::User { user_name: user_name.into(), email: format!("{user_name}@example.com"), ..Default::default() };
    let request = v1::CreateUserRequest { tenant: tenant.into(), user: Some(user), ..Default::default() };
    api.create_user(request).await.unwrap().user.unwrap()
}

fn switched(name: &str, on: bool) -> v1::Tenant {
    v1::Tenant { name: name.into(), email_notification: Some(on), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_is_off_new_users_hear_nothing_until_somebody_sends_them_a_link() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let so_far = folder(&server).len();
    assert_eq!(server.operator().await.tenant(&acme).await.email_notification, Some(true), "it is on unless changed");
    let off = anna.update(switched(&acme, false), &["email_notification"]).await.unwrap();
    assert_eq!(off.email_notification, Some(false), "a tenant's administrator turns it off");
    let ben = new_user(&anna, &acme, "ben").await;
    assert_eq!(ben.state(), v1::user::State::Invited);
    assert!(
        server.operator().await.operations_of(&acme).await.iter().filter(|o| o.kind == "deliver-mail").count() == 1
    );
    anna.send_activation_link(&ben.name).await.unwrap();
    let mail = mails(so_far + 1, || folder(&server)).await.pop().unwrap();
    assert!(read(&mail).head.contains("ben@example.com"));
    anna.update(switched(&acme, true), &["email_notification"]).await.unwrap();
    new_user(&anna, &acme, "carl").await;
    let mail = mails(so_far + 2, || folder(&server)).await.pop().unwrap();
    assert!(read(&mail).head.contains("carl@example.com"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_starts_with_it_off_has_an_administrator_who_was_not_written_to() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let quiet = create(&operator, "quiet", Some(false)).await;
    assert_eq!(operator.tenant(&quiet).await.email_notification, Some(false));
    assert!(operator.operations_of(&quiet).await.iter().all(|operation| operation.kind == "provision"));
    let loud = create(&operator, "loud", None).await;
    assert_eq!(operator.operations_of(&loud).await.iter().filter(|o| o.kind == "deliver-mail").count(), 1);
    let unsaid = v1::Tenant { name: quiet, ..Default::default() };
    let refused = operator.update(unsaid, &["email_notification"]).await;
    let refused = assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(fields(&refused)[0].0, "tenant.email_notification");
    let infrastructure = switched("tenants/infrastructure", false);
    let refused = operator.update(infrastructure, &["email_notification"]).await;
    assert_refused(refused, Code::FailedPrecondition, "TENANT_READ_ONLY");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_words_are_replaced_as_a_whole_by_operators_and_no_other_tenant_gets_them() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    set(&operator, vec![own("en", "Of all", "{{link}}", ""), own("fr", "De tous", "{{link}}", "")]).await.unwrap();
    let beta = create(&operator, "beta", Some(false)).await;
    let of_beta = v1::TenantMailTexts {
        name: format!("{beta}/mailTexts"),
        mail_texts: vec![own("en", "Of {{tenant}}", "{{user_name}}: {{link}}", "<p>{{link}}</p>")],
        ..Default::default()
    };
    let changed = operator.set_mail_texts(of_beta.clone()).await.unwrap();
    assert_eq!((&changed.name, &changed.mail_texts), (&of_beta.name, &of_beta.mail_texts));
    assert_eq!(operator.mail_texts(&beta).await.unwrap(), changed);
    let seen = operator.audit(&beta, "method = UpdateTenantMailTexts").await.unwrap();
    assert_eq!(seen[0].details["mail_texts"], "activation en");

    create(&operator, "gamma", None).await;
    let mail = mails(1, || folder(&server)).await.pop().unwrap();
    assert_eq!(subject(&read(&mail)), "Of all", "another tenant's users get the operators'");
    let stale = v1::TenantMailTexts { etag: "\"0\"".into(), mail_texts: Vec::new(), ..of_beta.clone() };
    assert_refused(operator.set_mail_texts(stale).await, Code::Aborted, "ETAG_MISMATCH");
    let none = v1::TenantMailTexts { etag: changed.etag, mail_texts: Vec::new(), ..of_beta };
    assert!(operator.set_mail_texts(none).await.unwrap().mail_texts.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_in_the_tenants_words_where_it_has_some_and_its_administrators_only_read_them() {
    let server = TestServer::start().await;
    let (acme, anna) = server.administrator("Acme").await;
    let (beta, bert) = server.another("Beta", "bert").await;
    let operator = server.operator().await;
    for operation in operator.operations_of(&beta).await {
        operator.wait(&operation.name).await;
    }
    let words = |text| v1::TenantMailTexts { name: acme.clone(), mail_texts: vec![text], ..Default::default() };
    operator.set_mail_texts(words(own("en", "Welcome to {{tenant}}", "{{link}}", ""))).await.unwrap();
    for (api, tenant, user, wanted) in
        [(&anna, &acme, "ben", "Welcome to Acme"), (&bert, &beta, "carl", "Your account at Beta")]
    {
        let so_far = folder(&server).len();
        new_user(api, tenant, user).await;
        assert_eq!(subject(&read(mails(so_far + 1, || folder(&server)).await.last().unwrap())), wanted);
    }
    assert_eq!(anna.mail_texts(&acme).await.unwrap().mail_texts[0].subject, "Welcome to {{tenant}}");
    let refused = anna.set_mail_texts(words(own("en", "Buy now", "{{link}}", ""))).await;
    assert_refused(refused, Code::PermissionDenied, "PRIVILEGE_MISSING");
    assert_refused(bert.mail_texts(&acme).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    let refused = operator.set_mail_texts(words(own("en", "x", "no link", ""))).await;
    let refused = assert_refused(refused, Code::InvalidArgument, "FIELDS_INVALID");
    assert_eq!(fields(&refused)[0].0, "mail_texts.mail_texts[0].text");
    let infrastructure = v1::TenantMailTexts { name: "tenants/infrastructure".into(), ..Default::default() };
    assert_refused(operator.set_mail_texts(infrastructure).await, Code::FailedPrecondition, "TENANT_READ_ONLY");
}
