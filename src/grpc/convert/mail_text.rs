//! The texts of mails that operators and tenants have written.

use std::collections::BTreeSet;

use super::fields::Fields;
use crate::domain::mail::{MailText, OwnMailText, etag};
use crate::domain::name::Locale;
use crate::domain::operation::Mail;
use crate::proto::v1;
use crate::proto::v1::mail_text::Kind;

/// The most texts that there may be.
const MOST: usize = 100;

/// A text as a message.
pub fn message(own: OwnMailText) -> v1::MailText {
    let kind = match own.mail {
        Mail::Activation => Kind::Activation,
        Mail::Reset => Kind::Reset,
    };
    v1::MailText {
        kind: kind.into(),
        language: own.language.to_string(),
        subject: own.text.subject,
        text: own.text.text,
        html: own.text.html.unwrap_or_default(),
    }
}

/// The texts that are asked for in that field; what is wrong with them is noted.
pub fn wanted(fields: &mut Fields, list: &str, sent: &[v1::MailText]) -> Option<Vec<OwnMailText>> {
    if sent.len() > MOST {
        fields.refuse(list, format!("may have at most {MOST} texts"));
        return None;
    }
    let mut there = BTreeSet::new();
    let texts = sent.iter().enumerate().map(|(number, sent)| {
        let at = |field: &str| format!("{list}[{number}].{field}");
        let mail = fields.take(at("kind"), kind(sent.kind()));
        let language = fields.take(at("language"), Locale::parse(&sent.language));
        let text = MailText {
            subject: sent.subject.clone(),
            text: sent.text.clone(),
            html: Some(sent.html.clone()).filter(|html| !html.is_empty()),
        };
        for (field, allowed) in text.faults() {
            fields.refuse(at(field), allowed);
        }
        let own = OwnMailText { mail: mail?, language: language?, text };
        if !there.insert((own.mail, own.language.as_str().to_lowercase())) {
            fields.refuse(at("language"), "must not be there twice for one kind");
        }
        Some(own)
    });
    // All of them, so that everything that is wrong is named.
    texts.collect::<Vec<_>>().into_iter().collect()
}

/// The texts of a tenant as a message.
pub fn of_tenant(tenant: &str, texts: Vec<OwnMailText>) -> v1::TenantMailTexts {
    v1::TenantMailTexts {
        name: format!("{tenant}/mailTexts"),
        etag: etag(&texts),
        mail_texts: texts.into_iter().map(message).collect(),
    }
}

fn kind(kind: Kind) -> Result<Mail, String> {
    match kind {
        Kind::Activation => Ok(Mail::Activation),
        Kind::Reset => Ok(Mail::Reset),
        Kind::Unspecified => Err("must be KIND_ACTIVATION or KIND_RESET".to_owned()),
    }
}
