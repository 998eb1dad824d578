//! The texts of mails that operators and tenants have written, and what a mail says of its reader.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};

use super::error::failed;
use super::schema::{mail_texts as mt, servers as s, tenant_mail_texts as tt, tenants as t, users as u};
use super::tx::Tx;
use crate::domain::error::{Error, Result};
use crate::domain::id::UserId;
use crate::domain::mail::{MailText, OwnMailText};
use crate::domain::name::Locale;
use crate::domain::operation::Mail;

/// Mail, language, subject, plain text and HTML.
type Row = (String, String, String, String, Option<String>);

/// Those of mails that only a newer version sends are left out.
fn own(rows: Vec<Row>) -> Vec<OwnMailText> {
    let text = |(mail, language, subject, text, html): Row| {
        let (mail, language) = (Mail::parse(&mail)?, Locale::stored(language));
        Some(OwnMailText { mail, language, text: MailText { subject, text, html } })
    };
    rows.into_iter().filter_map(text).collect()
}

/// The operators' texts, by mail and language.
pub async fn load(tx: &mut Tx) -> Result<Vec<OwnMailText>> {
    let rows = mt::table
        .order((mt::mail, mt::language))
        .select((mt::mail, mt::language, mt::subject, mt::body, mt::html))
        .load(tx.conn())
        .await
        .map_err(failed)?;
    Ok(own(rows))
}

/// Puts these in the place of all that operators have.
pub async fn replace(tx: &mut Tx, texts: &[OwnMailText]) -> Result<()> {
    diesel::delete(mt::table).execute(tx.conn()).await.map_err(failed)?;
    let row = |own: &OwnMailText| {
        (
            mt::mail.eq(own.mail.name()),
            mt::language.eq(own.language.to_string()),
            mt::subject.eq(own.text.subject.clone()),
            mt::body.eq(own.text.text.clone()),
            mt::html.eq(own.text.html.clone()),
        )
    };
    let rows: Vec<_> = texts.iter().map(row).collect();
    diesel::insert_into(mt::table).values(rows).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// The texts of the transaction's tenant, by mail and language.
pub async fn load_of_tenant(tx: &mut Tx) -> Result<Vec<OwnMailText>> {
    let rows = tt::table
        .filter(tt::tenant_id.eq(tx.tenant().0))
        .order((tt::mail, tt::language))
        .select((tt::mail, tt::language, tt::subject, tt::body, tt::html))
        .load(tx.conn())
        .await
        .map_err(failed)?;
    Ok(own(rows))
}

/// Puts these in the place of all that the transaction's tenant has.
pub async fn replace_of_tenant(tx: &mut Tx, texts: &[OwnMailText]) -> Result<()> {
    let tenant = tx.tenant().0;
    diesel::delete(tt::table.filter(tt::tenant_id.eq(tenant))).execute(tx.conn()).await.map_err(failed)?;
    let row = |own: &OwnMailText| {
        (
            tt::tenant_id.eq(tenant),
            tt::mail.eq(own.mail.name()),
            tt::language.eq(own.language.to_string()),
            tt::subject.eq(own.text.subject.clone()),
            tt::body.eq(own.text.text.clone()),
            tt::html.eq(own.text.html.clone()),
        )
    };
    let rows: Vec<_> = texts.iter().map(row).collect();
    diesel::insert_into(tt::table).values(rows).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// What a mail says of its reader, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reader {
    /// Given and family name; may be empty.
    pub full_name: String,
    /// The languages to write in, the most wanted first: the user's, if one is set, then that of the tenant's server.
    pub languages: Vec<String>,
}

/// The reader that a user of the transaction's tenant is.
pub async fn reader(tx: &mut Tx, user: UserId) -> Result<Reader> {
    let tenant = tx.tenant().0;
    let found: Option<(String, String, String, String)> = u::table
        .inner_join(t::table.on(t::tenant_id.eq(u::tenant_id)))
        .inner_join(s::table.on(s::id.eq(t::server)))
        .filter(u::tenant_id.eq(tenant))
        .filter(u::id.eq(user.0))
        .select((u::given_name, u::family_name, u::language, s::locale))
        .first(tx.conn())
        .await
        .optional()
        .map_err(failed)?;
    let (given, family, own, of_server) = found.ok_or_else(|| Error::internal("mail", "its reader is gone"))?;
    let languages = [own, of_server].into_iter().filter(|language| !language.is_empty()).collect();
    Ok(Reader { full_name: format!("{given} {family}").trim().to_owned(), languages })
}
