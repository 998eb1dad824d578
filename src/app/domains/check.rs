//! Checks of domains: by VerifyTenantDomain, and of those that are due, by whichever replica comes first.
//!
//! Name servers and the domain itself are asked between two transactions. What is found counts only if the tenant still has
//! the domain with the challenge that was looked for.

use std::time::Duration;

use futures::FutureExt as _;
use futures::future::join_all;

use super::{DomainRules, load};
use crate::app::App;
use crate::app::tenants::target;
use crate::authn::seal::random;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::id::TenantUid;
use crate::domain::tenant_domain::{Found, TenantDomain};
use crate::ports::Unanswered;
use crate::store::tx::Tx;
use crate::store::{domains, events, tenants};

/// Domains that a replica takes at once.
const BATCH: usize = 10;

#[derive(Clone)]
struct Checked {
    before: TenantDomain,
    found: Found,
    rules: DomainRules,
}

impl App {
    /// Checks the domain of a tenant now. Gives the tenant's name, too.
    pub async fn verify_domain(&self, op: OpContext) -> Result<(String, TenantDomain)> {
        let before = self.db.read(op.clone(), "domain-to-verify", (), |tx, ()| {
            async move {
                target(tx).await?;
                load(tx).await
            }
            .boxed()
        });
        let checked = self.look_at(before.await?).await;
        let noted = self.db.change(op, "verify-domain", checked, |tx, checked| {
            async move {
                let name = target(tx).await?.name();
                tx.tell("domain", checked.before.name.as_str());
                let noted = note(tx, checked).await?;
                noted.map(|domain| (name.clone(), domain)).ok_or_else(|| Error::stale(format!("{name}/domain")))
            }
            .boxed()
        });
        noted.await
    }

    /// Checks domains that are due, up to the most of one round.
    pub async fn check_domains(&self) -> Result<()> {
        let mut left = self.domains.most;
        while left > 0 {
            let op = OpContext::system(Purpose::Domains, None);
            let input = (i64::try_from(left.min(BATCH)).unwrap_or(1), self.domains.lease);
            let claimed = self
                .db
                .platform(op, "claim-domains", input, |tx, (most, lease)| domains::claim(tx, *most, *lease).boxed());
            let claimed = claimed.await?;
            if claimed.is_empty() {
                return Ok(());
            }
            left -= claimed.len().min(left);
            join_all(claimed.into_iter().map(|tenant| self.check_due(tenant))).await;
        }
        Ok(())
    }

    /// One that can't be checked must not keep others from being: it is due again when its lease is over.
    async fn check_due(&self, tenant: TenantUid) {
        if let Err(error) = self.check_domain(tenant).await {
            tracing::warn!(%tenant, %error, "could not check the domain");
        }
    }

    async fn check_domain(&self, tenant: TenantUid) -> Result<()> {
        let op = OpContext::system(Purpose::Domains, Some(tenant));
        let before = self.db.read(op.clone(), "domain-to-check", (), |tx, ()| domains::load(tx).boxed()).await?;
        let Some(before) = before else { return Ok(()) };
        let checked = self.look_at(before).await;
        let noted = self.db.change(op, "note-domain", checked, |tx, checked| {
            async move {
                tenants::load_for_change(tx).await?;
                note(tx, checked).await
            }
            .boxed()
        });
        noted.await.map(|_| ())
    }

    async fn look_at(&self, before: TenantDomain) -> Checked {
        let found = self.examine(&before).await.unwrap_or_else(|Unanswered(who)| Found::Silence(who));
        Checked { before, found, rules: self.domains.clone() }
    }

    /// The domain itself is asked only once its record is there: until then it may be anybody's.
    async fn examine(&self, domain: &TenantDomain) -> Result<Found, Unanswered> {
        let probe = &self.domains.probe;
        let texts = probe.texts(&domain.record_name()).await?;
        if let Some(fault) = domain.fault_of_record(&texts) {
            return Ok(Found::NoRecord(fault));
        }
        let fault = probe.fault_of_certificate(&domain.name).await?;
        Ok(fault.map_or(Found::Right, Found::NoCertificate))
    }
}

/// Writes down what was found, and tells of it when that changes something for people. None: the domain is another one by now.
/// The tenant must be held.
async fn note(tx: &mut Tx, Checked { before, found, rules }: &Checked) -> Result<Option<TenantDomain>> {
    let current = domains::load_for_change(tx).await?;
    let same = |(current, _): &(TenantDomain, _)| current.name == before.name && current.challenge == before.challenge;
    let Some((current, now)) = current.filter(same) else { return Ok(None) };
    let worked = current.operational();
    let known = current.after(found, now, rules.patience);
    domains::note(tx, &known, rules.until_next(&known)?).await?;
    if known.operational() != worked {
        events::log_domain(tx, &known).await?;
    }
    Ok(Some(known))
}

impl DomainRules {
    /// Up to a fifth sooner than said, so that domains which were set at once are not checked at once for ever.
    fn until_next(&self, known: &TenantDomain) -> Result<Duration> {
        let settled = known.operational() && known.silence.is_none();
        let full = if settled { self.check } else { self.recheck };
        let [random] = random::<1>()?;
        Ok(full.mul_f64(1.0 - 0.2 * f64::from(random) / 255.0))
    }
}
