//! The identity providers, as operators have them.

use std::collections::BTreeSet;

use futures::FutureExt as _;

use crate::app::App;
use crate::app::administrators::check_may_give;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::id::TenantUid;
use crate::domain::identity_provider::{IdentityProvider, IdentityProviderPatch, NewIdentityProvider, name};
use crate::domain::named::Named;
use crate::domain::page::Page;
use crate::domain::privilege::Privilege;
use crate::store::tx::Tx;
use crate::store::{identity_providers, memberships};

/// An identity provider to be made.
#[derive(Clone, Debug)]
pub struct CreateIdentityProvider {
    /// The provider.
    pub new: NewIdentityProvider,
    /// For whose users alone it is to speak; none: for those of every tenant but the infrastructure tenant.
    pub tenant: Option<Named<()>>,
}

impl App {
    /// Adds an identity provider.
    pub async fn create_identity_provider(
        &self,
        op: OpContext,
        input: CreateIdentityProvider,
    ) -> Result<IdentityProvider> {
        if input.new.issuer.as_str() == self.tokens.issuer() {
            return Err(Error::field("identity_provider.issuer", "must not be who issues Landlord's own tokens"));
        }
        let tenant = match &input.tenant {
            Some(named) => Some(self.resolve_tenant(&named.tenant).await?.ok_or_else(|| named.not_found())?.0),
            None => None,
        };
        let op = op.on(TenantUid::INFRASTRUCTURE);
        let made = self.db.change(op, "create-identity-provider", (input, tenant), |tx, (input, tenant)| {
            create(tx, input, *tenant).boxed()
        });
        let made = made.await?;
        self.trust.forget().await;
        Ok(made)
    }

    /// One identity provider.
    pub async fn get_identity_provider(&self, op: OpContext, id: String) -> Result<IdentityProvider> {
        let op = op.on(TenantUid::INFRASTRUCTURE);
        self.db.read(op, "get-identity-provider", id, |tx, id| found(tx, id).boxed()).await
    }

    /// A page of identity providers, in the order of their ids, and how many there are.
    pub async fn list_identity_providers(
        &self,
        op: OpContext,
        after: Option<String>,
        size: i64,
    ) -> Result<(Page<IdentityProvider, String>, i64)> {
        let op = op.on(TenantUid::INFRASTRUCTURE);
        let input = (after.unwrap_or_default(), size + 1);
        let read = self.db.read(op, "list-identity-providers", input, |tx, (after, limit)| {
            async move { Ok((identity_providers::list(tx, after, *limit).await?, identity_providers::count(tx).await?)) }
                .boxed()
        });
        let (rows, total) = read.await?;
        Ok((Page::cut(rows, size, |provider| provider.id.clone()), total))
    }

    /// Changes for whom the tokens of an identity provider are, and how they are signed.
    pub async fn update_identity_provider(
        &self,
        op: OpContext,
        id: String,
        patch: IdentityProviderPatch,
        etag: String,
    ) -> Result<IdentityProvider> {
        let op = op.on(TenantUid::INFRASTRUCTURE);
        let input = (id, patch, etag);
        let changed = self
            .db
            .change(op, "update-identity-provider", input, |tx, (id, patch, etag)| update(tx, id, patch, etag).boxed());
        let changed = changed.await?;
        self.trust.forget().await;
        Ok(changed)
    }

    /// Removes an identity provider. Its tokens count no more when this commits, and the sessions that began with them end.
    pub async fn delete_identity_provider(&self, op: OpContext, id: String, etag: String) -> Result<()> {
        let op = op.on(TenantUid::INFRASTRUCTURE);
        let deleted = self.db.change(op, "delete-identity-provider", (id, etag), |tx, (id, etag)| {
            async move {
                let provider = held(tx, id, etag).await?;
                identity_providers::delete(tx, &provider.id).await
            }
            .boxed()
        });
        deleted.await?;
        self.trust.forget().await;
        Ok(())
    }
}

async fn create(tx: &mut Tx, input: &CreateIdentityProvider, tenant: Option<TenantUid>) -> Result<IdentityProvider> {
    if identity_providers::count(tx).await? >= IdentityProvider::MOST {
        let most = IdentityProvider::MOST;
        return Err(Error::field(
            "identity_provider_id",
            format!("there are {most} identity providers, as many as may be"),
        ));
    }
    if let (Some(named), Some(tenant)) = (&input.tenant, tenant)
        && memberships::states(tx, &[tenant]).await?.is_empty()
    {
        return Err(named.not_found());
    }
    identity_providers::insert(tx, &input.new, tenant).await?;
    let made = found(tx, &input.new.id).await?;
    tell(tx, &made);
    for (field, value) in facts(&made) {
        tx.tell(field, value);
    }
    Ok(made)
}

async fn found(tx: &mut Tx, id: &str) -> Result<IdentityProvider> {
    identity_providers::load(tx, id).await?.ok_or_else(|| Error::not_found(name(id)))
}

/// The provider, held for the change, if it is as the caller has read it.
async fn held(tx: &mut Tx, id: &str, etag: &str) -> Result<IdentityProvider> {
    let provider = identity_providers::load_for_change(tx, id).await?.ok_or_else(|| Error::not_found(name(id)))?;
    provider.check_etag(etag)?;
    tell(tx, &provider);
    Ok(provider)
}

/// Whoever says whose word counts for the accounts of operators can come to act as any of them.
async fn update(tx: &mut Tx, id: &str, patch: &IdentityProviderPatch, etag: &str) -> Result<IdentityProvider> {
    let provider = held(tx, id, etag).await?;
    if provider.tenant.as_ref().is_some_and(|(tenant, _)| tenant.is_infrastructure()) {
        let about_tenants: BTreeSet<_> =
            Privilege::ALL.into_iter().filter(|privilege| privilege.is_platform()).collect();
        check_may_give(tx, about_tenants).await?;
    }
    identity_providers::update(tx, id, patch).await?;
    let changed = found(tx, id).await?;
    tx.tell_changes(facts(&provider), facts(&changed));
    Ok(changed)
}

/// Says what is changed, in the logs of the tenant whose users it is about, too.
fn tell(tx: &mut Tx, provider: &IdentityProvider) {
    tx.about(provider.name());
    tx.tell("issuer", provider.issuer.as_str());
    if let Some((tenant, _)) = provider.tenant.as_ref().filter(|(tenant, _)| !tenant.is_infrastructure()) {
        tx.tell_elsewhere(*tenant, "identity_provider", provider.name());
        tx.tell_elsewhere(*tenant, "issuer", provider.issuer.to_string());
    }
}

/// The provider by field, for people.
fn facts(provider: &IdentityProvider) -> [(&'static str, String); 4] {
    let tenant = provider.tenant.as_ref().map(|(_, code)| format!("tenants/{code}")).unwrap_or_default();
    let audiences: Vec<_> = provider.audiences.iter().map(|audience| audience.as_str()).collect();
    let algorithms: Vec<_> = provider.algorithms.iter().map(|algorithm| algorithm.name()).collect();
    [
        ("tenant", tenant),
        ("jwks_uri", provider.keys.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("audiences", audiences.join(" ")),
        ("algorithms", algorithms.join(" ")),
    ]
}
