//! Mail as files in a folder, where there is no mail server.

use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use lettre::message::Mailbox;

use super::files::write_private;
use super::mail_message::{Texts, message, sender};
use crate::domain::error::{Error, Result};
use crate::ports::{Mailer, OutgoingMail};

/// Writes each mail to a file named after its id and attempt. A mail that is sent again replaces itself, unless a later
/// attempt has done so already: the link in the older one would no longer work. Nobody holds a lock meanwhile, since a
/// process may stop anywhere.
pub struct MailFolder {
    folder: PathBuf,
    from: Mailbox,
}

impl MailFolder {
    /// Mail from `from`, an address with or without a name, in that folder.
    pub fn new(folder: PathBuf, from: &str) -> Result<Self> {
        std::fs::create_dir_all(&folder).map_err(|e| Error::internal("mail folder", e))?;
        Ok(Self { folder, from: sender(from)? })
    }
}

#[async_trait]
impl Mailer for MailFolder {
    async fn send(&self, mail: &OutgoingMail) -> Result<()> {
        let message = message(&self.from, mail, Texts::Plain)?;
        let (folder, id, attempt) = (self.folder.clone(), mail.id.clone(), mail.attempt);
        let written = tokio::task::spawn_blocking(move || write(&folder, &id, attempt, &message.formatted())).await;
        written.map_err(|e| Error::internal("mail", e))?.map_err(|e| Error::internal("mail folder", e))
    }
}

/// Writes the mail unless there is one of a later attempt, and removes those of earlier ones.
fn write(folder: &Path, id: &str, attempt: i64, text: &[u8]) -> io::Result<()> {
    let file = |attempt: i64| folder.join(format!("{id}.{attempt}.eml"));
    let superseded = || io::Error::other("a later attempt has sent this mail already");
    if attempts(folder, id)?.into_iter().any(|other| other > attempt) {
        return Err(superseded());
    }
    write_private(&file(attempt), text)?;
    // Looked at again, since a later attempt may have been made in between.
    let attempts = attempts(folder, id)?;
    let last = attempts.iter().copied().max().unwrap_or(attempt);
    for earlier in attempts.into_iter().filter(|other| *other < last) {
        match std::fs::remove_file(file(earlier)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    if last > attempt { Err(superseded()) } else { Ok(()) }
}

/// The attempts at that mail whose files are there.
fn attempts(folder: &Path, id: &str) -> io::Result<Vec<i64>> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder)? {
        let name = file?.file_name().into_string().unwrap_or_default();
        let number = name.strip_prefix(id).and_then(|rest| rest.strip_prefix('.')?.strip_suffix(".eml"));
        found.extend(number.and_then(|number| number.parse::<i64>().ok()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_attempt_replaces_itself_and_earlier_ones_and_never_a_later_one() {
        let folder = tempfile::tempdir().unwrap();
        let mailer = MailFolder::new(folder.path().to_owned(), "landlord@localhost").unwrap();
        let mail = |attempt, text: &str| OutgoingMail {
            id: "one".into(),
            attempt,
            to: ("anna".into(), "anna@example.com".into()),
            subject: "Your account".into(),
            text: text.into(),
            html: None,
        };
        mailer.send(&mail(2, "second")).await.unwrap();
        mailer.send(&mail(10, "cut off in the middle, or not heard of")).await.unwrap();
        mailer.send(&mail(10, "tenth")).await.unwrap();
        assert!(mailer.send(&mail(9, "ninth")).await.is_err());
        let text = std::fs::read_to_string(folder.path().join("one.10.eml")).unwrap();
        assert!(text.contains("tenth") && !text.contains("ninth"), "{text}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
