//! Mail as files in a folder, where there is no mail server.

use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use lettre::Message;
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};

use super::files::write_private;
use crate::domain::error::{Error, Result};
use crate::ports::{Mailer, OutgoingMail};

/// The header that says which attempt has written the file.
const ATTEMPT: &str = "X-Landlord-Attempt";

/// Writes each mail to a file named after its id: a mail that is sent again replaces itself, unless a later attempt has
/// done so already. The link in the older one would no longer work.
pub struct MailFolder {
    folder: PathBuf,
    from: Mailbox,
}

impl MailFolder {
    /// Mail from `from`, an address with or without a name, in that folder.
    pub fn new(folder: PathBuf, from: &str) -> Result<Self> {
        std::fs::create_dir_all(&folder).map_err(|e| Error::internal("mail folder", e))?;
        let from = from.parse().map_err(|e| Error::internal("mail.from", e))?;
        Ok(Self { folder, from })
    }
}

#[async_trait]
impl Mailer for MailFolder {
    async fn send(&self, mail: &OutgoingMail) -> Result<()> {
        let (name, address) = &mail.to;
        let address = address.parse().map_err(|e| Error::internal("mail address", e))?;
        let message = Message::builder()
            .message_id(Some(format!("<{}@landlord>", mail.id)))
            .from(self.from.clone())
            .to(Mailbox::new(Some(name.clone()), address))
            .subject(&mail.subject)
            .header(ContentType::TEXT_PLAIN)
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(ATTEMPT), mail.attempt.to_string()))
            .body(mail.text.clone())
            .map_err(|e| Error::internal("mail", e))?;
        let (folder, name, attempt) = (self.folder.clone(), format!("{}.eml", mail.id), mail.attempt);
        let written = tokio::task::spawn_blocking(move || write(&folder, &name, attempt, &message.formatted())).await;
        written.map_err(|e| Error::internal("mail", e))?.map_err(|e| Error::internal("mail folder", e))
    }
}

/// Writes the mail unless a later attempt was faster, in whichever process; they take turns by the folder's lock.
fn write(folder: &Path, name: &str, attempt: i64, text: &[u8]) -> io::Result<()> {
    let turn = std::fs::File::open(folder)?;
    turn.lock()?;
    let path = folder.join(name);
    if last_attempt(&path)? > Some(attempt) {
        return Err(io::Error::other("a later attempt has sent this mail already"));
    }
    write_private(&path, text)
}

/// The attempt that has written the file, if it is there.
fn last_attempt(path: &Path) -> io::Result<Option<i64>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let header = text.lines().find_map(|line| line.strip_prefix(ATTEMPT)?.strip_prefix(": "));
    Ok(header.and_then(|number| number.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_attempt_replaces_an_earlier_one_and_never_a_later_one() {
        let folder = tempfile::tempdir().unwrap();
        let mailer = MailFolder::new(folder.path().to_owned(), "landlord@localhost").unwrap();
        let mail = |attempt, text: &str| OutgoingMail {
            id: "one".into(),
            attempt,
            to: ("anna".into(), "anna@example.com".into()),
            subject: "Your account".into(),
            text: text.into(),
        };
        mailer.send(&mail(2, "second")).await.unwrap();
        mailer.send(&mail(10, "tenth")).await.unwrap();
        assert!(mailer.send(&mail(9, "ninth")).await.is_err());
        let text = std::fs::read_to_string(folder.path().join("one.eml")).unwrap();
        assert!(text.contains("tenth") && !text.contains("ninth"), "{text}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
