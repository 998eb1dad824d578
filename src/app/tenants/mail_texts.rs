//! The texts of mails that a tenant's users get in the place of everybody's.

use futures::FutureExt as _;

use super::target;
use crate::app::App;
use crate::app::settings::listed;
use crate::context::OpContext;
use crate::domain::error::{Reason, Refusal, Result};
use crate::domain::mail::{OwnMailText, etag};
use crate::store::tx::Tx;
use crate::store::{mail_texts, tenants};

impl App {
    /// The texts of a tenant, with its name.
    pub async fn get_mail_texts(&self, op: OpContext) -> Result<(String, Vec<OwnMailText>)> {
        let absent = op.not_found();
        let found = self.db.read(op, "get-mail-texts", (), |tx, ()| {
            async move {
                let Some(tenant) = tenants::load(tx).await? else { return Ok(None) };
                Ok(Some((tenant.name(), mail_texts::load_of_tenant(tx).await?)))
            }
            .boxed()
        });
        found.await?.ok_or(absent)
    }

    /// Puts these in the place of all that the tenant has, if they are as the caller has read them.
    pub async fn update_mail_texts(
        &self,
        op: OpContext,
        texts: Vec<OwnMailText>,
        etag: String,
    ) -> Result<(String, Vec<OwnMailText>)> {
        let input = (texts, etag);
        self.db.change(op, "update-mail-texts", input, |tx, (texts, etag)| update(tx, texts, etag).boxed()).await
    }
}

async fn update(tx: &mut Tx, texts: &[OwnMailText], sent: &str) -> Result<(String, Vec<OwnMailText>)> {
    let name = target(tx).await?.name();
    let current = mail_texts::load_of_tenant(tx).await?;
    if !sent.is_empty() && sent != etag(&current) {
        let text = format!("the texts have changed since they were read; read {name}/mailTexts again");
        return Err(Refusal::new(Reason::EtagMismatch, text).about(name).into());
    }
    mail_texts::replace_of_tenant(tx, texts).await?;
    tx.tell("mail_texts", listed(texts));
    Ok((name, mail_texts::load_of_tenant(tx).await?))
}
