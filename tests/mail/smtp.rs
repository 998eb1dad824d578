//! What becomes of a mail by what the mail server answers.

use std::time::Duration;

use landlord::proto::v1::operation::State;
use tonic::Code;

use super::{delivered, delivery, follow, invite, mails};
use crate::support::client::{assert_refused, eventually};
use crate::support::mail::read;
use crate::support::server::TestServer;
use crate::support::smtp::{Answer, ScriptedMailServer, Twist};

/// A Landlord that hands its mail to that server, and waits a second for it.
async fn landlord(smtp: &ScriptedMailServer) -> TestServer {
    landlord_with(smtp, &[]).await
}

async fn landlord_with(smtp: &ScriptedMailServer, options: &[(&'static str, String)]) -> TestServer {
    let mut all = smtp.options();
    all.push(("mail.smtp.timeout_seconds", "1".into()));
    all.extend(options.iter().cloned());
    TestServer::with(&all).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_goes_once_to_one_person_and_its_link_works() {
    let smtp = ScriptedMailServer::start(&[]).await;
    let server = landlord(&smtp).await;
    let operator = server.operator().await;
    invite(&operator).await;
    assert_eq!(delivered(&operator).await.state(), State::Succeeded);
    let wanted = ["EHLO example.org", "MAIL FROM:<landlord@example.org>", "RCPT TO:<anna@example.com>", "DATA", "QUIT"];
    assert_eq!(smtp.conversations(), [wanted]);
    let mail = &smtp.mails()[0];
    let head = read(mail).head;
    assert!(head.contains("To: anna <anna@example.com>") && head.contains("Auto-Submitted: auto-generated"), "{head}");
    let id = delivery(&operator).await.name.split('/').next_back().unwrap().to_owned();
    assert!(head.contains(&format!("Message-ID: <{id}.1@example.org>")), "{head}");
    follow(&server, mail).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_refused_for_now_goes_again_and_only_the_link_that_came_last_works() {
    let smtp = ScriptedMailServer::start(&[
        Twist(".", Answer::Line("451 4.3.2 come back later")),
        // It has taken the mail, but nobody hears of that.
        Twist(".", Answer::Silence),
    ])
    .await;
    let server = landlord(&smtp).await;
    let operator = server.operator().await;
    invite(&operator).await;
    assert_eq!(delivered(&operator).await.state(), State::Succeeded);
    let mails = smtp.mails();
    assert_eq!(mails.len(), 3);
    for dead in &mails[..2] {
        assert_refused(follow(&server, dead).await, Code::InvalidArgument, "FIELDS_INVALID");
    }
    follow(&server, &mails[2]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_refused_for_good_fails_at_once_and_can_be_sent_again() {
    for at in ["MAIL", "RCPT", "DATA", "."] {
        let answer = "550 5.1.1 no such user, anna@example.com, see http://localhost/activate?code=x";
        let smtp = ScriptedMailServer::start(&[Twist(at, Answer::Line(answer))]).await;
        let server = landlord(&smtp).await;
        let operator = server.operator().await;
        invite(&operator).await;
        let failed = delivered(&operator).await;
        assert_eq!((failed.state(), smtp.conversations().len()), (State::Failed, 1), "{at}");
        let shown = format!("{failed:?}");
        assert!(shown.contains("MAIL_REFUSED") && shown.contains("550 5.1.1"), "{shown}");
        assert!(!shown.contains("anna@example.com") && !shown.contains("activate"), "the server's words: {shown}");
        let again = operator.retry_operation(&failed.name).await.unwrap();
        assert_eq!(operator.wait(&again.name).await.state(), State::Succeeded, "{at}");
        follow(&server, smtp.mails().last().unwrap()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_hanging_up_and_refusing_us_are_tried_again() {
    let troubles = [
        [Twist("connect", Answer::Silence), Twist("EHLO", Answer::Silence)],
        [Twist("RCPT", Answer::Silence), Twist("DATA", Answer::Silence)],
        [Twist("connect", Answer::End), Twist("MAIL", Answer::End)],
        // What is refused is nobody's mail, but the service.
        [Twist("connect", Answer::Line("554 5.7.1 not you")), Twist("EHLO", Answer::Line("550 nor you"))],
        [Twist("connect", Answer::Line("421 closing")), Twist("EHLO", Answer::Line("what?"))],
    ];
    for twists in troubles {
        let smtp = ScriptedMailServer::start(&twists).await;
        let server = landlord(&smtp).await;
        let operator = server.operator().await;
        invite(&operator).await;
        assert_eq!(delivered(&operator).await.state(), State::Succeeded);
        assert_eq!(smtp.conversations().len(), 3);
        follow(&server, smtp.mails().last().unwrap()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_slow_within_the_limit_is_waited_for_past_the_lease() {
    let late = Answer::Late(Duration::from_millis(1500));
    let smtp = ScriptedMailServer::start(&[Twist(".", late)]).await;
    let server = landlord_with(&smtp, &[("mail.smtp.timeout_seconds", "20".into())]).await;
    let operator = server.operator().await;
    invite(&operator).await;
    assert_eq!(delivered(&operator).await.state(), State::Succeeded);
    assert_eq!(mails(1, || smtp.mails()).await.len(), 1, "the lease of a second was prolonged");
    follow(&server, &smtp.mails()[0]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_away_fails_the_delivery_at_last_and_the_reason_is_told() {
    let smtp = ScriptedMailServer::start(&[]).await;
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let server = landlord_with(&smtp, &[("mail.smtp.port", nobody.to_string())]).await;
    let operator = server.operator().await;
    invite(&operator).await;
    let failed = delivered(&operator).await;
    assert_eq!(failed.state(), State::Failed);
    assert!(format!("{failed:?}").contains("MAIL_SERVER_UNAVAILABLE"), "{failed:?}");
    let step = &failed.progress.unwrap().steps[0];
    assert!(step.attempts > 1 && step.last_error.contains("at connecting"), "{step:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_to_a_server_that_does_not_encrypt_unless_that_is_wanted() {
    let smtp = ScriptedMailServer::start(&[]).await;
    let server = landlord_with(&smtp, &[("mail.smtp.tls", "starttls".into())]).await;
    let operator = server.operator().await;
    invite(&operator).await;
    assert_eq!(delivered(&operator).await.state(), State::Failed);
    let conversations =
        eventually("three attempts", async || Some(smtp.conversations()).filter(|c| c.len() == 3)).await;
    for commands in conversations {
        assert!(commands.iter().all(|c| c.starts_with("EHLO") || c == "QUIT"), "{commands:?}");
    }
    assert!(smtp.mails().is_empty());
}
