//! Which users the subjects of identity providers are.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::error::{failed, gone_or_failed, is_duplicate};
use super::schema::user_identities as i;
use super::tx::Tx;
use crate::domain::error::{Reason, Refusal, Result};
use crate::domain::id::{IdentityId, TenantUid, UserId, UserRef};
use crate::domain::identity_provider::{LinkedAccount, UserIdentity};
use crate::domain::name::Subject;

/// The accounts that a subject of a provider is, in whatever tenants, at most `limit`.
pub async fn accounts(tx: &mut Tx, provider: &str, subject: &Subject, limit: i64) -> Result<Vec<LinkedAccount>> {
    let query = i::table
        .filter(i::provider.eq(provider))
        .filter(i::subject.eq(subject.as_str()))
        .order((i::tenant_id, i::id))
        .limit(limit)
        .select((i::tenant_id, i::id, i::user_id));
    let found: Vec<(Uuid, Uuid, Uuid)> = query.load(tx.across_tenants().await?).await.map_err(failed)?;
    tx.within_tenant().await?;
    let account = |(tenant, identity, user)| LinkedAccount {
        identity: IdentityId(identity),
        user: UserRef { home: TenantUid(tenant), user: UserId(user) },
    };
    Ok(found.into_iter().map(account).collect())
}

/// What a user of the transaction's tenant is for identity providers, in the order in which that was said.
pub async fn list(tx: &mut Tx, user: UserId) -> Result<Vec<UserIdentity>> {
    let query = i::table.filter(i::tenant_id.eq(tx.tenant().0)).filter(i::user_id.eq(user.0)).order(i::id).select((
        i::provider,
        i::subject,
        i::created_at,
    ));
    let found: Vec<(String, String, DateTime<Utc>)> = query.load(tx.conn()).await.map_err(failed)?;
    let identity =
        |(provider, subject, created_at)| UserIdentity { provider, subject: Subject::stored(subject), created_at };
    Ok(found.into_iter().map(identity).collect())
}

/// Says that a subject of a provider is that user of the transaction's tenant.
pub async fn insert(tx: &mut Tx, user: UserId, provider: &str, subject: &Subject) -> Result<()> {
    let row = (
        i::tenant_id.eq(tx.tenant().0),
        i::id.eq(IdentityId::new().0),
        i::user_id.eq(user.0),
        i::provider.eq(provider),
        i::subject.eq(subject.as_str()),
    );
    diesel::insert_into(i::table).values(row).execute(tx.conn()).await.map_err(|error| {
        if !is_duplicate(&error, "user_identities_tenant_id_provider_subject_key") {
            return gone_or_failed(error);
        }
        let text = "the subject is linked to a user of the tenant already; unlink it there first";
        Refusal::new(Reason::ResourceExists, text).into()
    })?;
    Ok(())
}

/// The opposite; the sessions that began with it end. False: it was not so.
pub async fn remove(tx: &mut Tx, user: UserId, provider: &str, subject: &Subject) -> Result<bool> {
    let row = i::table
        .filter(i::tenant_id.eq(tx.tenant().0))
        .filter(i::user_id.eq(user.0))
        .filter(i::provider.eq(provider))
        .filter(i::subject.eq(subject.as_str()));
    Ok(diesel::delete(row).execute(tx.conn()).await.map_err(failed)? == 1)
}
