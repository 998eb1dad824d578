//! Mail as files in a folder, where there is no mail server.

use std::path::PathBuf;

use async_trait::async_trait;
use lettre::Message;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;

use super::files::write_private;
use crate::domain::error::{Error, Result};
use crate::ports::{Mailer, OutgoingMail};

/// Writes each mail to a file named after its id: a mail that is sent again replaces itself.
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
            .body(mail.text.clone())
            .map_err(|e| Error::internal("mail", e))?;
        let path = self.folder.join(format!("{}.eml", mail.id));
        let written = tokio::task::spawn_blocking(move || write_private(&path, &message.formatted())).await;
        written.map_err(|e| Error::internal("mail", e))?.map_err(|e| Error::internal("mail folder", e))
    }
}
