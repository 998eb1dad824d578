//! Deliver mail: each attempt makes a fresh link, so that only the mail that was sent last works.

use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;

use super::{Job, Next, Outside, Work, steps, tenant_of};
use crate::app::App;
use crate::authn::seal;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::domain::id::UserId;
use crate::domain::names::names;
use crate::domain::operation::{Mail, Units};
use crate::domain::tenant::Tenant;
use crate::domain::user::{User, UserState};
use crate::ports::{Mailer, OutgoingMail};
use crate::store::links::{self, LinkPurpose};
use crate::store::tx::Tx;
use crate::store::{claims, users};

/// How long an activation link works.
const ACTIVATION: Duration = Duration::from_secs(24 * 3600);

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
        let Mail::Activation = self.mail;
        let (code, hash) = seal::link_code()?;
        let op = OpContext::system(Purpose::Worker, Some(job.claimed.claim.tenant));
        let input = (job.claimed.claim, self.user, hash);
        let addressee = self.app.db.change(op, "mint-link", input, |tx, (claim, user, hash)| {
            async move {
                claims::fence(tx, claim).await?;
                let user = users::load(tx, *user).await?;
                let Some(user) = user.filter(|u| u.state == UserState::Invited && !u.email.is_empty()) else {
                    return Ok(None);
                };
                links::insert(tx, user.id, LinkPurpose::Activation, hash, ACTIVATION).await?;
                Ok(Some((user, tenant_of(tx).await?)))
            }
            .boxed()
        });
        // Who has gone, or is active by now, needs no mail.
        let Some((user, tenant)) = addressee.await? else { return Ok(Outside::Done) };
        let Some(mailer) = &self.mailer else {
            let reason = "mail is not set up: see the options mail.*".to_owned();
            return Ok(Outside::Wait { reason, again_in: NO_MAILER });
        };
        fail::fail_point!("mail.before");
        mailer.send(&self.activation(job, &user, &tenant, &code)).await?;
        fail::fail_point!("mail.after");
        Ok(Outside::Done)
    }

    async fn inside(&self, _: &mut Tx, _: &Job, _: MailStep) -> Result<Next<MailStep>> {
        Ok(Next::Done(Vec::new()))
    }
}

impl DeliverMail {
    fn activation(&self, job: &Job, user: &User, tenant: &Tenant, code: &str) -> OutgoingMail {
        let url = self.public_url.trim_end_matches('/');
        let (name, tenant_name, tenant_code) = (&user.user_name, &tenant.display_name, &tenant.code);
        OutgoingMail {
            id: job.claimed.claim.id.to_string(),
            attempt: job.claimed.claim.epoch,
            to: (name.clone(), user.email.clone()),
            subject: format!("Your account at {tenant_name}"),
            text: format!(
                "An account was made for you at {tenant_name}.\n\n\
                 User name:    {name}\n\
                 Company code: {tenant_code}\n\
                 Log in at:    {url}\n\n\
                 Set your password within 24 hours with this link, which works once:\n\n\
                 {url}/activate?code={code}\n"
            ),
            html: None,
        }
    }
}
