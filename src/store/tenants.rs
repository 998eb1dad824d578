//! The tenants as they are.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::clock::{LockClass, clock_timestamp, pg_advisory_xact_lock};
use super::error::{failed, is_duplicate};
use super::schema::{tenant_identities as ti, tenants as t};
use super::tx::{PlatformTx, Tx};
use crate::domain::branding::Branding;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::TenantUid;
use crate::domain::lifecycle::{LockReason, State};
use crate::domain::name::{Color, CompanyName, DisplayName, DomainName, LogoUrl, ProductName, TenantCode, TimeZone};
use crate::domain::tenant::{NewTenant, Tenant, TenantPatch};

#[diesel::dsl::auto_type(no_type_alias)]
pub(super) fn columns() -> _ {
    (
        (t::tenant_id, t::code, t::display_name, t::company_name, t::labels, t::protected, t::server, t::time_zone),
        (t::state, t::lock_reason, t::seq, t::cooldown_until, t::purge_started, t::generation, t::epoch, t::version),
        (t::email_notification, t::domain, t::created_at, t::updated_at),
        (t::product_name, t::logo_url, t::primary_color, t::accent_color),
        clock_timestamp(),
    )
}

pub(super) type Row = (
    (Uuid, String, String, String, serde_json::Value, bool, String, String),
    (String, String, i32, Option<DateTime<Utc>>, bool, i32, i64, i64),
    (bool, Option<String>, DateTime<Utc>, DateTime<Utc>),
    BrandingRow,
    DateTime<Utc>,
);

/// Product name, address of the logo, and both colours.
pub(super) type BrandingRow = (String, String, String, String);

pub(super) fn branding((product_name, logo_url, primary_color, accent_color): BrandingRow) -> Branding {
    Branding {
        product_name: ProductName::stored(product_name),
        logo_url: LogoUrl::stored(logo_url),
        primary_color: Color::stored(primary_color),
        accent_color: Color::stored(accent_color),
    }
}

pub(super) fn tenant(row: Row) -> Result<Tenant> {
    let (
        (uid, code, display_name, company_name, labels, protected, server, time_zone),
        (state, lock_reason, seq, cooldown_until, purge_started, generation, epoch, version),
        (email_notification, domain, created_at, updated_at),
        looks,
        now,
    ) = row;
    Ok(Tenant {
        uid: TenantUid(uid),
        code,
        display_name: DisplayName::stored(display_name),
        company_name: CompanyName::stored(company_name),
        labels: serde_json::from_value(labels).map_err(|e| Error::internal("stored labels", e))?,
        protected,
        server,
        time_zone: TimeZone::stored(time_zone),
        email_notification,
        domain: domain.map(DomainName::stored),
        branding: branding(looks),
        state: State::parse(&state).ok_or_else(|| Error::internal("stored state", state))?,
        lock_reason: LockReason::parse(&lock_reason),
        seq,
        cooldown_until,
        cooldown_left: cooldown_until.and_then(|until| (until - now).to_std().ok()),
        purge_started,
        generation,
        epoch,
        version,
        created_at,
        updated_at,
    })
}

/// The tenant of the transaction; None once it is gone.
pub async fn load(tx: &mut Tx) -> Result<Option<Tenant>> {
    let uid = tx.tenant().0;
    let row = t::table.find(uid).select(columns()).first::<Row>(tx.conn()).await.optional().map_err(failed)?;
    row.map(tenant).transpose()
}

/// The same, held until the transaction ends, so that what is decided on it stays so.
pub async fn load_for_change(tx: &mut Tx) -> Result<Option<Tenant>> {
    if !tx.holds_tenant() {
        let row = t::table.find(tx.tenant().0).select(t::tenant_id).for_no_key_update();
        if row.first::<Uuid>(tx.conn()).await.optional().map_err(failed)?.is_none() {
            return Ok(None);
        }
    }
    load(tx).await
}

/// Takes a code for ever. False: it is taken.
pub async fn take_identity(tx: &mut Tx, code: &TenantCode) -> Result<bool> {
    let uid = tx.tenant().0;
    let taken = diesel::insert_into(ti::table)
        .values((ti::uid.eq(uid), ti::code.eq(code.as_str())))
        .on_conflict(ti::code)
        .do_nothing()
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(taken == 1)
}

/// Writes the profile of a new tenant. Its first transition must follow in the same transaction.
pub async fn insert(tx: &mut Tx, code: &TenantCode, new: &NewTenant, server: &str, time_zone: &TimeZone) -> Result<()> {
    let labels = serde_json::to_value(&new.labels).map_err(|e| Error::internal("labels", e))?;
    let uid = tx.tenant().0;
    diesel::insert_into(t::table)
        .values((
            t::tenant_id.eq(uid),
            t::code.eq(code.as_str()),
            t::display_name.eq(new.display_name.as_str()),
            t::company_name.eq(new.company_name.as_str()),
            t::labels.eq(labels),
            t::protected.eq(new.protected),
            t::server.eq(server),
            t::time_zone.eq(time_zone.as_str()),
            t::email_notification.eq(new.email_notification),
            t::product_name.eq(new.branding.product_name.as_str()),
            t::logo_url.eq(new.branding.logo_url.as_str()),
            t::primary_color.eq(new.branding.primary_color.as_str()),
            t::accent_color.eq(new.branding.accent_color.as_str()),
        ))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    Ok(())
}

#[derive(AsChangeset)]
#[diesel(table_name = super::schema::tenants)]
struct Change<'a> {
    display_name: Option<&'a str>,
    company_name: Option<&'a str>,
    labels: Option<serde_json::Value>,
    protected: Option<bool>,
    time_zone: Option<&'a str>,
    email_notification: Option<bool>,
    product_name: Option<&'a str>,
    logo_url: Option<&'a str>,
    primary_color: Option<&'a str>,
    accent_color: Option<&'a str>,
}

/// Changes the profile of the transaction's tenant. The root group takes the new display name by itself.
pub async fn update(tx: &mut Tx, patch: &TenantPatch) -> Result<()> {
    if *patch == TenantPatch::default() {
        return Ok(());
    }
    let labels = patch.labels.as_ref().map(serde_json::to_value).transpose();
    let branding = patch.branding.as_ref();
    let change = Change {
        display_name: patch.display_name.as_ref().map(DisplayName::as_str),
        company_name: patch.company_name.as_ref().map(CompanyName::as_str),
        labels: labels.map_err(|e| Error::internal("labels", e))?,
        protected: patch.protected,
        time_zone: patch.time_zone.as_ref().map(TimeZone::as_str),
        email_notification: patch.email_notification,
        product_name: branding.map(|branding| branding.product_name.as_str()),
        logo_url: branding.map(|branding| branding.logo_url.as_str()),
        primary_color: branding.map(|branding| branding.primary_color.as_str()),
        accent_color: branding.map(|branding| branding.accent_color.as_str()),
    };
    let uid = tx.tenant().0;
    diesel::update(t::table.find(uid)).set(change).execute(tx.conn()).await.map_err(|error| {
        if is_duplicate(&error, "groups_tenant_id_name_key") { group_has_name() } else { failed(error) }
    })?;
    Ok(())
}

fn group_has_name() -> Error {
    let text = "a group of the tenant has this name already, and the root group takes the tenant's name";
    Refusal::new(Reason::ResourceExists, text).into()
}

/// Whether there is a tenant besides the infrastructure tenant, for a transaction that makes one: who asks at the same time
/// waits until this one has made up its mind.
pub async fn is_there_another(tx: &mut Tx) -> Result<bool> {
    let alone = pg_advisory_xact_lock(LockClass::OnlyTenant as i32, 0);
    diesel::select(alone).execute(tx.conn()).await.map_err(failed)?;
    let others = t::table.filter(t::tenant_id.ne(TenantUid::INFRASTRUCTURE.0));
    let conn = tx.across_tenants().await?;
    let there = diesel::select(diesel::dsl::exists(others)).get_result(conn).await.map_err(failed)?;
    tx.within_tenant().await?;
    Ok(there)
}

/// The tenants besides the infrastructure tenant, at most two of them.
pub async fn operational(tx: &mut PlatformTx) -> Result<Vec<(TenantUid, String)>> {
    let found: Vec<(Uuid, String)> = t::table
        .filter(t::tenant_id.ne(TenantUid::INFRASTRUCTURE.0))
        .select((t::tenant_id, t::code))
        .limit(2)
        .load(tx.conn())
        .await
        .map_err(failed)?;
    Ok(found.into_iter().map(|(uid, code)| (TenantUid(uid), code)).collect())
}
