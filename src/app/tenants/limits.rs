//! GetTenantLimits, UpdateTenantLimits, and the features of tenants.

use futures::FutureExt as _;

use super::target;
use crate::app::App;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::TenantUid;
use crate::domain::limits::{Features, FeaturesPatch, Limits, LimitsPatch, limit_text};
use crate::store::tx::Tx;
use crate::store::{limits, tenants};

impl App {
    /// The limits of a tenant, with what is in use.
    pub async fn get_limits(&self, op: OpContext) -> Result<(String, Limits)> {
        let absent = op.not_found();
        let found = self.db.read(op, "get-limits", (), |tx, ()| {
            async move {
                let Some(tenant) = tenants::load(tx).await? else { return Ok(None) };
                Ok(limits::load(tx).await?.map(|limits| (tenant.name(), limits)))
            }
            .boxed()
        });
        found.await?.ok_or(absent)
    }

    /// Changes limits of a tenant. What a maximum of users takes from the system licence is reserved with it.
    pub async fn update_limits(&self, op: OpContext, patch: LimitsPatch, etag: String) -> Result<(String, Limits)> {
        let input = (patch, etag);
        self.db.change(op, "update-limits", input, |tx, (patch, etag)| update_limits(tx, patch, etag).boxed()).await
    }

    /// The features of a tenant.
    pub async fn get_features(&self, op: OpContext) -> Result<(String, Features)> {
        let absent = op.not_found();
        let found = self.db.read(op, "get-features", (), |tx, ()| {
            async move {
                let Some(tenant) = tenants::load(tx).await? else { return Ok(None) };
                Ok(limits::load_features(tx).await?.map(|features| (tenant.name(), features)))
            }
            .boxed()
        });
        found.await?.ok_or(absent)
    }

    /// Turns features of a tenant on and off.
    pub async fn update_features(
        &self,
        op: OpContext,
        patch: FeaturesPatch,
        etag: String,
    ) -> Result<(String, Features)> {
        let input = (patch, etag);
        self.db.change(op, "update-features", input, |tx, (patch, etag)| update_features(tx, patch, etag).boxed()).await
    }

    /// The features that a tenant gets which is made without others.
    pub async fn get_default_features(&self, op: OpContext) -> Result<Features> {
        let op = op.on(TenantUid::INFRASTRUCTURE);
        self.db.read(op, "get-default-features", (), |tx, ()| limits::default_features(tx).boxed()).await
    }

    /// Changes them. Tenants that are there keep theirs.
    pub async fn update_default_features(&self, op: OpContext, patch: FeaturesPatch, etag: String) -> Result<Features> {
        let input = (patch, etag);
        let op = op.on(TenantUid::INFRASTRUCTURE);
        self.db
            .change(op, "update-default-features", input, |tx, (patch, etag)| update_defaults(tx, patch, etag).boxed())
            .await
    }
}

async fn update_limits(tx: &mut Tx, patch: &LimitsPatch, etag: &str) -> Result<(String, Limits)> {
    let name = target(tx).await?.name();
    let current = limits_of(tx).await?;
    check_etag(etag, &current.etag(), &name)?;
    current.check_use(patch)?;
    limits::update(tx, patch).await?;
    let changed = limits_of(tx).await?;
    tx.tell_changes(facts(&current), facts(&changed));
    Ok((name, changed))
}

/// The limits by field, for people.
fn facts(limits: &Limits) -> [(&'static str, String); 2] {
    [("max_users", limit_text(limits.max_users)), ("disk_quota_bytes", limit_text(limits.disk_quota))]
}

async fn limits_of(tx: &mut Tx) -> Result<Limits> {
    limits::load(tx).await?.ok_or_else(|| Error::internal("limits", "a tenant without limits"))
}

async fn update_features(tx: &mut Tx, patch: &FeaturesPatch, etag: &str) -> Result<(String, Features)> {
    let name = target(tx).await?.name();
    let current = features_of(tx).await?;
    check_etag(etag, &current.etag(), &name)?;
    tell(tx, patch);
    limits::set_features(tx, &current.after(patch)?).await?;
    Ok((name, features_of(tx).await?))
}

async fn features_of(tx: &mut Tx) -> Result<Features> {
    limits::load_features(tx).await?.ok_or_else(|| Error::internal("features", "a tenant without features"))
}

async fn update_defaults(tx: &mut Tx, patch: &FeaturesPatch, etag: &str) -> Result<Features> {
    const NAME: &str = "defaultFeatures";
    tx.about(NAME.to_owned());
    let current = limits::default_features_for_change(tx).await?;
    check_etag(etag, &current.etag(), NAME)?;
    tell(tx, patch);
    limits::set_default_features(tx, &current.after(patch)?).await?;
    limits::default_features(tx).await
}

fn tell(tx: &mut Tx, patch: &FeaturesPatch) {
    for (key, names) in [("enabled", &patch.enable), ("disabled", &patch.disable)] {
        if !names.is_empty() {
            tx.tell(key, names.iter().map(String::as_str).collect::<Vec<_>>().join(" "));
        }
    }
}

fn check_etag(sent: &str, current: &str, name: &str) -> Result<()> {
    if sent.is_empty() || sent == current {
        return Ok(());
    }
    let text = format!("it has changed since it was read; read {name} again");
    Err(Refusal::new(Reason::EtagMismatch, text).about(name).into())
}
