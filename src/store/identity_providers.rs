//! Identity providers, of the platform as a whole.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::error::{failed, gone_or_failed, is_duplicate};
use super::schema::{identity_providers as p, tenant_identities as ti};
use super::tx::{PlatformTx, Tx};
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::TenantUid;
use crate::domain::identity_provider::{
    IdentityProvider, IdentityProviderPatch, NewIdentityProvider, SigningAlgorithm, name,
};
use crate::domain::name::{Audience, Issuer, KeysAddress};

type Row = (
    (String, String, Option<String>, Vec<String>, Vec<String>),
    (Option<Uuid>, Option<String>),
    (DateTime<Utc>, DateTime<Utc>, i64),
);

#[diesel::dsl::auto_type(no_type_alias)]
fn columns() -> _ {
    (
        (p::id, p::issuer, p::jwks_uri, p::audiences, p::algorithms),
        (p::for_tenant, ti::code.nullable()),
        (p::created_at, p::updated_at, p::version),
    )
}

/// With the tenants, whose codes only who works across tenants may see.
#[diesel::dsl::auto_type(no_type_alias)]
fn with_tenants() -> _ {
    p::table.left_join(ti::table.on(p::for_tenant.eq(ti::uid.nullable())))
}

fn provider(row: Row) -> Result<IdentityProvider> {
    let ((id, issuer, keys, audiences, algorithms), (tenant, code), (created_at, updated_at, version)) = row;
    let algorithm =
        |name: String| SigningAlgorithm::parse(&name).ok_or_else(|| Error::internal("stored signing algorithm", name));
    Ok(IdentityProvider {
        id,
        issuer: Issuer::stored(issuer),
        keys: keys.map(KeysAddress::stored),
        tenant: tenant.map(TenantUid).zip(code),
        audiences: audiences.into_iter().map(Audience::stored).collect(),
        algorithms: algorithms.into_iter().map(algorithm).collect::<Result<_>>()?,
        created_at,
        updated_at,
        version,
    })
}

/// All of them.
pub async fn every(tx: &mut PlatformTx) -> Result<Vec<IdentityProvider>> {
    let rows: Vec<Row> = with_tenants().select(columns()).load(tx.conn()).await.map_err(failed)?;
    rows.into_iter().map(provider).collect()
}

/// One of them.
pub async fn load(tx: &mut Tx, id: &str) -> Result<Option<IdentityProvider>> {
    let row = with_tenants().filter(p::id.eq(id)).select(columns()).first::<Row>(tx.across_tenants().await?).await;
    let row = row.optional().map_err(failed)?;
    tx.within_tenant().await?;
    row.map(provider).transpose()
}

/// The same, held until the transaction ends.
pub async fn load_for_change(tx: &mut Tx, id: &str) -> Result<Option<IdentityProvider>> {
    let held = p::table.find(id).select(p::id).for_no_key_update().first::<String>(tx.conn()).await;
    match held.optional().map_err(failed)? {
        Some(id) => load(tx, &id).await,
        None => Ok(None),
    }
}

/// Those in the order of their ids, from behind the given one.
pub async fn list(tx: &mut Tx, after: &str, limit: i64) -> Result<Vec<IdentityProvider>> {
    let query = with_tenants().filter(p::id.gt(after)).order(p::id).limit(limit).select(columns());
    let rows: Vec<Row> = query.load(tx.across_tenants().await?).await.map_err(failed)?;
    tx.within_tenant().await?;
    rows.into_iter().map(provider).collect()
}

/// How many there are.
pub async fn count(tx: &mut Tx) -> Result<i64> {
    p::table.count().get_result(tx.conn()).await.map_err(failed)
}

/// For which tenant's users alone a provider speaks, if for one; None: there is no such provider.
pub async fn tenant_of(tx: &mut Tx, id: &str) -> Result<Option<Option<TenantUid>>> {
    let found = p::table.find(id).select(p::for_tenant).first::<Option<Uuid>>(tx.conn()).await;
    Ok(found.optional().map_err(failed)?.map(|tenant| tenant.map(TenantUid)))
}

/// Adds a provider, for the users of that tenant.
pub async fn insert(tx: &mut Tx, new: &NewIdentityProvider, tenant: Option<TenantUid>) -> Result<()> {
    let row = (
        p::id.eq(&new.id),
        p::issuer.eq(new.issuer.as_str()),
        p::jwks_uri.eq(new.keys.as_ref().map(KeysAddress::as_str)),
        p::for_tenant.eq(tenant.map(|tenant| tenant.0)),
        p::audiences.eq(texts(&new.audiences)),
        p::algorithms.eq(names(&new.algorithms)),
    );
    let added = diesel::insert_into(p::table).values(row).execute(tx.conn()).await;
    added.map_err(|error| {
        let exists = |text: String| Error::from(Refusal::new(Reason::ResourceExists, text).about(name(&new.id)));
        if is_duplicate(&error, "identity_providers_pkey") {
            exists(format!("there is an identity provider {} already", name(&new.id)))
        } else if is_duplicate(&error, "identity_providers_issuer_key") {
            exists(format!("there is an identity provider of the issuer {} already", new.issuer))
        } else {
            gone_or_failed(error)
        }
    })?;
    Ok(())
}

#[derive(AsChangeset)]
#[diesel(table_name = p)]
struct Change<'a> {
    audiences: Option<Vec<&'a str>>,
    algorithms: Option<Vec<&'static str>>,
}

/// Changes a provider.
pub async fn update(tx: &mut Tx, id: &str, patch: &IdentityProviderPatch) -> Result<()> {
    let change =
        Change { audiences: patch.audiences.as_deref().map(texts), algorithms: patch.algorithms.as_deref().map(names) };
    diesel::update(p::table.find(id)).set(change).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Removes a provider. What it said of users, in whatever tenant, goes with it, and the sessions that began with that.
pub async fn delete(tx: &mut Tx, id: &str) -> Result<()> {
    diesel::delete(p::table.find(id)).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

fn texts(audiences: &[Audience]) -> Vec<&str> {
    audiences.iter().map(Audience::as_str).collect()
}

fn names(algorithms: &[SigningAlgorithm]) -> Vec<&'static str> {
    algorithms.iter().map(|algorithm| algorithm.name()).collect()
}
