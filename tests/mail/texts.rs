//! What stands in mails: in the reader's language, and in the operators' words where they have some.

use landlord::domain::mail::{MailFacts, MailText};
use landlord::domain::operation::Mail;
use landlord::proto::v1;
use landlord::proto::v1::mail_text::Kind;
use landlord::proto::v1::operation::State;
use tonic::Code;

use super::{delivered, follow, invite};
use crate::support::client::{Api, assert_refused, fields};
use crate::support::golden::assert_file;
use crate::support::mail::{self, read};
use crate::support::server::TestServer;

/// The mails as people read them.
#[test]
fn the_mails_read_as_they_are_kept() {
    let facts = MailFacts {
        user_name: "anna".into(),
        display_name: "Anna O'Neill".into(),
        tenant: "Müller & Söhne".into(),
        tenant_code: "muller-sohne".into(),
        link: "https://example.org/activate?code=CODE".into(),
        log_in_address: "https://example.org".into(),
        expires: "2027-01-31 12:00 (Europe/Berlin)".into(),
    };
    for (language, mail) in ["de", "en"].into_iter().flat_map(|l| Mail::ALL.iter().map(move |mail| (l, *mail))) {
        let MailText { subject, text, html } = MailText::built_in(mail, language).unwrap().filled(&facts);
        let file = format!("tests/mail/golden/{}.{language}", mail.name());
        assert_file(&format!("{file}.txt"), &format!("Subject: {subject}\n\n{text}"));
        assert_file(&format!("{file}.html"), &html.unwrap());
    }
}

pub(super) fn own(language: &str, subject: &str, text: &str, html: &str) -> v1::MailText {
    let (language, subject) = (language.into(), subject.into());
    v1::MailText { kind: Kind::Activation.into(), language, subject, text: text.into(), html: html.into() }
}

pub(super) async fn set(operator: &Api, mail_texts: Vec<v1::MailText>) -> Result<v1::Settings, tonic::Status> {
    operator.set(v1::Settings { mail_texts, ..Default::default() }, &["mail_texts"]).await
}

/// The only mail that there is, once it was delivered.
async fn the_mail(server: &TestServer, operator: &Api) -> Vec<u8> {
    assert_eq!(delivered(operator).await.state(), State::Succeeded);
    let files: Vec<_> = std::fs::read_dir(server.mail_folder()).unwrap().flatten().collect();
    assert_eq!(files.len(), 1);
    std::fs::read(files[0].path()).unwrap()
}

pub(super) fn subject(mail: &mail::Mail) -> &str {
    mail.head.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_has_the_name_the_address_and_the_link_twice_and_no_password() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    invite(&operator).await;
    let raw = the_mail(&server, &operator).await;
    let mail = read(&raw);
    assert_eq!(subject(&mail), "Your account at Acme");
    for part in [&mail.text, mail.html.as_ref().unwrap()] {
        for wanted in ["anna", "acme", "http://localhost", "http://localhost/activate?code=", " (UTC)"] {
            assert!(part.contains(wanted), "{wanted} in {part}");
        }
        assert!(!part.contains("{{"), "{part}");
    }
    follow(&server, &raw).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_in_the_language_of_the_user_or_else_of_the_tenants_server() {
    for (of_user, of_server, wanted) in [("", "de-CH", "Ihr Konto bei Acme"), ("en", "de", "Your account at Acme")] {
        let landlord = TestServer::start().await;
        let operator = landlord.operator().await;
        let server = v1::Server { name: "servers/default".into(), locale: of_server.into(), ..Default::default() };
        operator.update_server(server, &["locale"]).await.unwrap();
        // The administrator comes with a language before there is mail.
        let language = format!("ALTER TABLE users ALTER COLUMN language SET DEFAULT '{of_user}'");
        landlord.sql().await.batch_execute(&language).await.unwrap();
        invite(&operator).await;
        assert_eq!(subject(&read(&the_mail(&landlord, &operator).await)), wanted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_words_go_out_until_they_are_taken_back() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let english = own("en", "Welcome to {{tenant}}", "Dear {{display_name}}, go to {{link}}", "");
    let italian = own("it", "Benvenuti", "{{link}}", "<a href=\"{{link}}\">{{user_name}}</a>");
    let both = vec![english, italian];
    let changed = set(&operator, both.clone()).await.unwrap();
    assert_eq!(changed.mail_texts, both);
    let asked = operator.client.admin().get_settings(v1::GetSettingsRequest {}).await.unwrap().into_inner();
    assert_eq!(asked.settings.unwrap(), changed);
    invite(&operator).await;
    let raw = the_mail(&server, &operator).await;
    let mail = read(&raw);
    assert_eq!((subject(&mail), &mail.html), ("Welcome to Acme", &None));
    assert!(mail.text.starts_with("Dear anna, go to http://localhost/activate?code="), "{}", mail.text);
    follow(&server, &raw).await.unwrap();
    assert!(set(&operator, Vec::new()).await.unwrap().mail_texts.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_would_be_of_no_use_is_refused_with_its_field() {
    let server = TestServer::start().await;
    let operator = server.operator().await;
    let nothing = v1::MailText::default();
    let texts = vec![
        own("en", "{{link}}", "no link", "{{link}} {{password}}"),
        own("English", "a\nb", "{{link}}", ""),
        own("de", "a", "{{link}}", ""),
        own("DE", "b", "{{link}}", ""),
        nothing,
    ];
    let refused = assert_refused(set(&operator, texts).await, Code::InvalidArgument, "FIELDS_INVALID");
    let named: Vec<_> = fields(&refused).into_iter().map(|(field, _)| field).collect();
    let wanted = [
        "[0].subject",
        "[0].text",
        "[0].html",
        "[1].language",
        "[1].subject",
        "[3].language",
        "[4].kind",
        "[4].language",
        "[4].subject",
        "[4].text",
    ];
    assert_eq!(named, wanted.map(|field| format!("settings.mail_texts{field}")));
    let many = vec![own("en", "a", "{{link}}", ""); 101];
    assert_refused(set(&operator, many).await, Code::InvalidArgument, "FIELDS_INVALID");
    let asked = operator.client.admin().get_settings(v1::GetSettingsRequest {}).await.unwrap().into_inner();
    assert!(asked.settings.unwrap().mail_texts.is_empty());
}
