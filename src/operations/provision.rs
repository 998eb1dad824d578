//! Provision: every participant sets its part up, then the tenant becomes active and its administrator gets mail.
//!
//! Given up, the tenant is FAILED and rests for the cool-down.

use async_trait::async_trait;

use super::participants::{Ask, ask_each};
use super::{Job, Next, Outside, Work, because, steps, tenant_of};
use crate::app::App;
use crate::domain::error::{Error, Result};
use crate::domain::lifecycle::Standing;
use crate::domain::names::names;
use crate::domain::operation::{Failure, InitialAdmin, Mail, Params, Units};
use crate::domain::restore::FromBackup;
use crate::store::transitions::{self, Because};
use crate::store::tx::Tx;
use crate::store::{directory, operations, settings};

/// What it needs.
pub(super) struct Provision {
    pub app: App,
    pub admin: Option<InitialAdmin>,
    /// What the tenant begins with.
    pub from: Option<Box<FromBackup>>,
}

names! {
    /// Its steps.
    ProvisionStep {
        /// Every participant sets its part up.
        Participants = "participants",
        /// Its data become those of a backup, if that was asked for.
        Data = "data",
        /// The tenant becomes active.
        Activate = "activate",
    }
}
steps!(ProvisionStep);

#[async_trait]
impl Work for Provision {
    type Step = ProvisionStep;

    async fn outside(&self, job: &Job, step: ProvisionStep, so_far: Units) -> Result<Outside> {
        match step {
            ProvisionStep::Participants => {
                ask_each(&self.app, job, step.name(), Ask::Provision(self.admin.clone()), so_far).await
            }
            ProvisionStep::Data => {
                if let Some(from) = &self.from {
                    self.app.fill_from_backup(job.claimed.claim, from).await?;
                }
                Ok(Outside::Done)
            }
            ProvisionStep::Activate => Ok(Outside::Done),
        }
    }

    async fn inside(&self, tx: &mut Tx, job: &Job, step: ProvisionStep) -> Result<Next<ProvisionStep>> {
        match step {
            ProvisionStep::Participants if self.from.is_some() => Ok(Next::Step(ProvisionStep::Data)),
            ProvisionStep::Participants => Ok(Next::Step(ProvisionStep::Activate)),
            ProvisionStep::Data => Ok(Next::Step(ProvisionStep::Activate)),
            ProvisionStep::Activate => {
                let tenant = tenant_of(tx).await?;
                let Standing::Provisioning(standing) = tenant.standing() else { return Err(unexpected()) };
                transitions::append(tx, standing.provisioned(), &because(job)).await?;
                if let Some(admin) = self.admin.as_ref().filter(|_| tenant.email_notification) {
                    let user = directory::find_user(tx, &admin.user_name.key()).await?;
                    let user = user.ok_or_else(|| Error::internal("provision", "the administrator is missing"))?;
                    let mail = Params::DeliverMail { mail: Mail::Activation, user };
                    operations::enqueue(tx, &mail, &job.claimed.actor).await?;
                }
                Ok(Next::Done(vec![tenant.name()]))
            }
        }
    }

    async fn undo(&self, tx: &mut Tx, job: &Job, why: &Failure) -> Result<()> {
        let tenant = tenant_of(tx).await?;
        let Standing::Provisioning(standing) = tenant.standing() else { return Ok(()) };
        let cooldown = settings::load(tx).await?.failed_tenant_cooldown;
        let because = Because { note: why.message.chars().take(500).collect(), ..because(job) };
        transitions::append(tx, standing.fail(cooldown), &because).await
    }
}

fn unexpected() -> Error {
    Error::internal("provision", "the tenant is not being provisioned")
}
