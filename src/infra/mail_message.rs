//! A mail as it travels, whatever takes it.

use lettre::Message;
use lettre::message::header::{ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};

use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::ports::OutgoingMail;

/// Whom mails come from: `mail.from`, an address with or without a name.
pub fn sender(from: &str) -> Result<Mailbox> {
    from.parse().map_err(|e| Error::internal("mail.from", e))
}

/// How the texts of a mail are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texts {
    /// As every mail server takes them.
    Encoded,
    /// As they are, for who looks at the file.
    Plain,
}

/// The mail with its head. The library encodes what is not ASCII there, so no text can begin a header of its own.
pub fn message(from: &Mailbox, mail: &OutgoingMail, texts: Texts) -> Result<Message> {
    let (name, address) = &mail.to;
    let address = address.parse().map_err(|_| {
        Refusal::new(Reason::MailRefused, "nothing can be sent to the user's address; give the user another one")
    })?;
    let head = Message::builder()
        .message_id(Some(format!("<{}.{}@{}>", mail.id, mail.attempt, from.email.domain())))
        .from(from.clone())
        .to(Mailbox::new(Some(line(name)), address))
        .subject(line(&mail.subject))
        .header(AutoSubmitted);
    let part = |kind, text: &String| {
        let part = SinglePart::builder().header(kind);
        let part = if texts == Texts::Plain { part.header(ContentTransferEncoding::Binary) } else { part };
        part.body(text.clone())
    };
    let text = part(ContentType::TEXT_PLAIN, &mail.text);
    let whole = match &mail.html {
        Some(html) => {
            let html = part(ContentType::TEXT_HTML, html);
            head.multipart(MultiPart::alternative().singlepart(text).singlepart(html))
        }
        None => head.singlepart(text),
    };
    whole.map_err(|e| Error::internal("mail", e))
}

/// The library panics at a name with a line break; nobody has one, but this is not the place to find out.
fn line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// Says that no person has sent it, so that no program answers it.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, subject: &str, html: Option<&str>) -> String {
        let mail = OutgoingMail {
            id: "one".into(),
            attempt: 7,
            to: (name.into(), "anna@example.com".into()),
            subject: subject.into(),
            text: "Grüße\n".into(),
            html: html.map(str::to_owned),
        };
        let from = sender("Landlord <landlord@example.org>").unwrap();
        String::from_utf8(message(&from, &mail, Texts::Encoded).unwrap().formatted()).unwrap()
    }

    #[test]
    fn the_head_names_the_attempt_and_says_that_no_person_wrote() {
        let text = written("anna", "Your account", Some("<p>Grüße</p>"));
        let head = text.split("\r\n\r\n").next().unwrap();
        for line in [
            "Message-ID: <one.7@example.org>",
            "Auto-Submitted: auto-generated",
            "From: Landlord <landlord@example.org>",
            "To: anna <anna@example.com>",
            "Subject: Your account",
        ] {
            assert!(head.lines().any(|l| l == line), "{line} in\n{head}");
        }
        assert!(head.contains("multipart/alternative"), "{head}");
        assert!(text.contains("text/plain; charset=utf-8") && text.contains("text/html; charset=utf-8"), "{text}");
        assert!(!written("anna", "x", None).contains("multipart"));
    }

    #[test]
    fn no_name_and_no_subject_begins_a_header_of_its_own() {
        for hostile in
            ["a\r\nBcc: eve@example.com", "a\nBcc: eve@example.com", "\"<eve@example.com>, a", "Ängström é 李"]
        {
            let text = written(hostile, hostile, None);
            let head = text.split("\r\n\r\n").next().unwrap();
            assert!(text.is_ascii(), "{text}");
            assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
            let lines = head.lines().filter(|line| !line.starts_with([' ', '\t']));
            let names: Vec<_> = lines.map(|line| line.split(':').next().unwrap()).collect();
            let wanted = ["Message-ID", "From", "To", "Subject", "Auto-Submitted", "MIME-Version", "Date"];
            assert!(wanted.iter().all(|name| names.iter().filter(|n| *n == name).count() == 1), "{head}");
            let to = head.split("\r\nTo: ").nth(1).unwrap().split("\r\nSubject: ").next().unwrap();
            assert!(to.ends_with("<anna@example.com>"), "{to}");
        }
    }
}
