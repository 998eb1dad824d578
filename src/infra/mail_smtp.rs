//! Mail by SMTP: a conversation with the mail server for each mail, bounded in time from its beginning to its end.
//!
//! Whether a mail was taken is known by the answer to its last line alone. If that is lost, the mail is sent again with
//! another link, and the link in the one before is dead.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use lettre::Message;
use lettre::message::Mailbox;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use tokio::time::timeout;

use super::mail_message::{Texts, message, sender};
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::ports::{Mailer, OutgoingMail};

/// How long a server that has taken the mail is given to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// Where the mail server is, and how it is spoken to.
#[derive(Clone, Debug)]
pub struct MailServer {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How the connection is encrypted.
    pub encryption: Encryption,
    /// Who vouches for the server, as PEM; none: the system's authorities.
    pub authorities: Option<Vec<u8>>,
    /// Name to log in with, and the file with the password.
    pub log_in: Option<(String, PathBuf)>,
    /// How long a mail may take in all.
    pub time: Duration,
}

/// How the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Not at all.
    None,
    /// From STARTTLS on.
    StartTls,
    /// From the first byte on.
    Tls,
}

/// Hands mails to a mail server.
pub struct MailSmtp {
    server: MailServer,
    tls: Option<TlsParameters>,
    from: Mailbox,
    hello: ClientId,
}

/// How far a conversation is. From MAIL on, what the server refuses is this mail, and not us.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Connect,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    Content,
}

impl Stage {
    /// For people.
    const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connecting",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Content => "the content",
        }
    }
}

impl MailSmtp {
    /// Mail from `from`, an address with or without a name, through that server.
    pub fn new(server: MailServer, from: &str) -> Result<Self> {
        let from = sender(from)?;
        let hello = ClientId::Domain(from.email.domain().to_owned());
        let tls = match server.encryption {
            Encryption::None => None,
            Encryption::StartTls | Encryption::Tls => Some(trusted(&server)?),
        };
        Ok(Self { server, tls, from, hello })
    }

    /// The conversation. `stage` tells how far it is, also when it is cut off.
    async fn hand_over(&self, mail: &Message, stage: &mut Stage) -> Result<(), Trouble> {
        let (server, envelope) = (&self.server, mail.envelope());
        let wrapped = self.tls.clone().filter(|_| server.encryption == Encryption::Tls);
        let address = (server.host.as_str(), server.port);
        let mut talk =
            AsyncSmtpConnection::connect_tokio1(address, Some(server.time / 3), &self.hello, wrapped, None).await?;
        if let Some(tls) = self.tls.clone().filter(|_| server.encryption == Encryption::StartTls) {
            *stage = Stage::StartTls;
            talk.starttls(tls, &self.hello).await?;
        }
        if let Some((name, file)) = &server.log_in {
            *stage = Stage::Auth;
            let password = tokio::fs::read_to_string(file).await.map_err(Trouble::Password)?;
            let credentials = Credentials::new(name.clone(), password.trim_end_matches(['\r', '\n']).to_owned());
            talk.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await?;
        }
        *stage = Stage::Mail;
        let content = mail.formatted();
        let mut parameters = Vec::new();
        // Texts are encoded; only an address can be what ASCII does not have.
        if !content.is_ascii() {
            if !talk.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(Trouble::Address);
            }
            parameters = vec![MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)];
        }
        talk.command(Mail::new(envelope.from().cloned(), parameters)).await?;
        *stage = Stage::Rcpt;
        for recipient in envelope.to() {
            talk.command(Rcpt::new(recipient.clone(), Vec::new())).await?;
        }
        *stage = Stage::Data;
        talk.command(Data).await?;
        *stage = Stage::Content;
        talk.message(&content).await?;
        // It was taken; whether the goodbye is heard makes no difference.
        let _unheard = timeout(GOODBYE, talk.abort()).await;
        Ok(())
    }
}

#[async_trait]
impl Mailer for MailSmtp {
    async fn send(&self, mail: &OutgoingMail) -> Result<()> {
        let message = message(&self.from, mail, Texts::Encoded)?;
        let mut stage = Stage::Connect;
        let handed = timeout(self.server.time, self.hand_over(&message, &mut stage)).await;
        match handed.unwrap_or(Err(Trouble::Silence(self.server.time))) {
            Ok(()) => Ok(()),
            Err(trouble) => Err(refusal(&trouble, stage)),
        }
    }
}

fn trusted(server: &MailServer) -> Result<TlsParameters> {
    let failed = |e| Error::internal("mail.smtp.ca_file", e);
    let mut tls = TlsParameters::builder(server.host.clone());
    if let Some(pem) = &server.authorities {
        tls = tls.certificate_store(CertificateStore::None);
        tls = tls.add_root_certificate(Certificate::from_pem(pem).map_err(failed)?);
    }
    tls.build_rustls().map_err(failed)
}

/// Why a mail was not handed over.
enum Trouble {
    Smtp(smtp::Error),
    Silence(Duration),
    Password(std::io::Error),
    Address,
}

impl From<smtp::Error> for Trouble {
    fn from(error: smtp::Error) -> Self {
        Self::Smtp(error)
    }
}

/// What readers of the operation are told: the stage and the server's code. Its words may repeat the mail, with the link in
/// it; they go nowhere.
fn refusal(trouble: &Trouble, stage: Stage) -> Error {
    let mut final_word = false;
    let mut code = None;
    let what = match trouble {
        Trouble::Smtp(error) => match error.status() {
            Some(status) => {
                final_word = error.is_permanent() && stage >= Stage::Mail;
                let said = [Some(status.to_string()), enhanced_code(error)];
                let said = said.into_iter().flatten().collect::<Vec<_>>().join(" ");
                let what = format!("it answered {said}");
                code = Some(said);
                what
            }
            None if error.is_response() => "it answered with something that is not SMTP".to_owned(),
            None => {
                // Of the connection and of TLS, so the server's words are not in it.
                tracing::warn!(stage = stage.name(), %error, "the mail server could not be spoken to");
                "the connection failed, and the log says how".to_owned()
            }
        },
        Trouble::Silence(time) => format!("it was not done within {} s", time.as_secs()),
        Trouble::Password(error) => {
            tracing::warn!(%error, "mail.smtp.password_file can't be read");
            "the password can't be read, and the log says why".to_owned()
        }
        Trouble::Address => {
            final_word = true;
            "it takes only addresses in ASCII".to_owned()
        }
    };
    let (reason, advice) = if final_word {
        (Reason::MailRefused, "the mail server refused the mail")
    } else {
        (Reason::MailServerUnavailable, "the mail server did not take the mail for now")
    };
    let refusal = Refusal::new(reason, format!("{advice}: at {}, {what}", stage.name())).with("stage", stage.name());
    match code {
        Some(code) => refusal.with("smtp_code", code).into(),
        None => refusal.into(),
    }
}

/// The code that says more than the first three digits, such as 5.1.1, if the answer begins with one.
fn enhanced_code(error: &smtp::Error) -> Option<String> {
    let words = std::error::Error::source(error)?.to_string();
    let first = words.split_whitespace().next()?;
    let number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let fits = first.split('.').count() == 3 && first.split('.').all(number);
    fits.then(|| first.to_owned())
}
