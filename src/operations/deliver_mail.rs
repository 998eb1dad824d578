//! Deliver mail: each attempt makes a fresh link, so that only the mail that was sent last works.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::FutureExt as _;
use serde::{Deserialize, Serialize};

use super::{Job, Next, Outside, Work, steps, tenant_of};
use crate::app::App;
use crate::authn::seal;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::id::UserId;
use crate::domain::mail::{MailFacts, MailText, OwnMailText};
use crate::domain::names::names;
use crate::domain::operation::{Mail, Units};
use crate::domain::tenant::Tenant;
use crate::domain::user::{User, UserState};
use crate::ports::{Mailer, OutgoingMail};
use crate::store::links::{self, LinkPurpose};
use crate::store::mail_texts::{self, Reader};
use crate::store::tx::Tx;
use crate::store::{claims, users};

impl Mail {
    /// What its link is for, how long it works, and how far its reader must be.
    const fn link(self) -> (LinkPurpose, Duration, UserState) {
        match self {
            Self::Activation => (LinkPurpose::Activation, Duration::from_secs(24 * 3600), UserState::Invited),
            Self::Reset => (LinkPurpose::Reset, Duration::from_secs(30 * 60), UserState::Active),
        }
    }
}

/// How often is looked whether mail is set up by now.
const NO_MAILER: Duration = Duration::from_secs(60);

/// What it needs.
pub(super) struct DeliverMail {
    pub app: App,
    /// None: mail waits until there is one.
    pub mailer: Option<std::sync::Arc<dyn Mailer>>,
    /// Where links lead.
    pub public_url: String,
    pub mail: Mail,
    pub user: UserId,
}

names! {
    /// Its steps.
    MailStep {
        /// The mail goes out.
        Send = "send",
    }
}
steps!(MailStep);

#[async_trait]
impl Work for DeliverMail {
    type Step = MailStep;

    async fn outside(&self, job: &Job, _: MailStep, _: Units) -> Result<Outside> {
        let (code, hash) = seal::link_code()?;
        let op = OpContext::system(Purpose::Worker, Some(job.claimed.claim.tenant));
        let input = (job.claimed.claim, self.user, self.mail, hash);
        let letter = self.app.db.change(op, "mint-link", input, |tx, (claim, user, mail, hash)| {
            async move {
                claims::fence(tx, claim).await?;
                let (purpose, life, state) = mail.link();
                let user = users::load(tx, *user).await?;
                let Some(user) = user.filter(|u| u.state == state && !u.email.is_empty()) else {
                    return Ok(None);
                };
                let expires = links::insert(tx, user.id, purpose, hash, life).await?;
                let reader = mail_texts::reader(tx, user.id).await?;
                // The tenant's words come before the operators'.
                let own = [mail_texts::load_of_tenant(tx).await?, mail_texts::load(tx).await?].concat();
                Ok(Some(Letter { user, tenant: tenant_of(tx).await?, expires, reader, own }))
            }
            .boxed()
        });
        // Who has gone, or is further by now, needs no mail.
        let Some(letter) = letter.await? else { return Ok(Outside::Done) };
        let Some(mailer) = &self.mailer else {
            let reason = "mail is not set up: see the options mail.*".to_owned();
            return Ok(Outside::Wait { reason, again_in: NO_MAILER });
        };
        fail::fail_point!("mail.before");
        mailer.send(&self.written(job, letter, &code)?).await?;
        fail::fail_point!("mail.after");
        Ok(Outside::Done)
    }

    async fn inside(&self, _: &mut Tx, _: &Job, _: MailStep) -> Result<Next<MailStep>> {
        Ok(Next::Done(Vec::new()))
    }
}

/// What a mail is made of.
#[derive(Serialize, Deserialize)]
struct Letter {
    user: User,
    tenant: Tenant,
    /// Until when its link works.
    expires: DateTime<Utc>,
    reader: Reader,
    own: Vec<OwnMailText>,
}

impl DeliverMail {
    fn written(&self, job: &Job, letter: Letter, code: &str) -> Result<OutgoingMail> {
        let Letter { user, tenant, expires, reader, own } = letter;
        let languages: Vec<_> = reader.languages.iter().map(String::as_str).collect();
        let text = MailText::choose(self.mail, &languages, &own);
        let text = text.ok_or_else(|| Error::internal("mail", "there is no text for it"))?;
        let log_in_address = self.public_url.trim_end_matches('/').to_owned();
        let page = match self.mail {
            Mail::Activation => "activate",
            Mail::Reset => "reset",
        };
        let MailText { subject, text, html } = text.filled(&MailFacts {
            display_name: if reader.full_name.is_empty() { user.user_name.clone() } else { reader.full_name },
            user_name: user.user_name.clone(),
            tenant: tenant.display_name.to_string(),
            tenant_code: tenant.code,
            link: format!("{log_in_address}/{page}?code={code}"),
            log_in_address,
            expires: MailFacts::moment(expires, &tenant.time_zone),
        });
        Ok(OutgoingMail {
            id: job.claimed.claim.id.to_string(),
            attempt: job.claimed.claim.epoch,
            to: (user.user_name, user.email),
            subject,
            text,
            html,
        })
    }
}
