//! Service identities and their keys, as operators see and change them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::clock::{clock_timestamp, from_now};
use super::error::{failed, is_duplicate};
use super::schema::{service_identities as s, service_keys as k, tenants as t};
use super::tx::Tx;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::{ServiceId, TenantUid};
use crate::domain::name::{DisplayName, SpiffeId};
use crate::domain::named::Named;
use crate::domain::service_identity::{
    GoesOn, NewServiceIdentity, Reach, ServiceIdentity, ServiceIdentityPatch, ServiceKey, ServiceRef,
};

/// Whose key, and the key.
type KeyRow = (Uuid, (bool, DateTime<Utc>, DateTime<Utc>, Option<DateTime<Utc>>));

type Row = (
    (Uuid, String, String, Vec<String>, Vec<Uuid>, bool, Option<String>),
    (Option<DateTime<Utc>>, DateTime<Utc>, DateTime<Utc>, i64),
);

#[diesel::dsl::auto_type(no_type_alias)]
fn columns() -> _ {
    (
        (s::uid, s::id, s::display_name, s::methods, s::tenants, s::all_tenants, s::spiffe_id),
        (s::used_at, s::created_at, s::updated_at, s::version),
    )
}

/// The tenants that an identity is bound to, as its row has them.
pub(super) fn reach(tenants: Vec<Uuid>, all: bool) -> Reach {
    if all { Reach::All } else { Reach::These(tenants.into_iter().map(TenantUid).collect()) }
}

/// One identity.
pub async fn load(tx: &mut Tx, id: &str) -> Result<Option<ServiceIdentity>> {
    let row = s::table.filter(s::id.eq(id)).select(columns()).first::<Row>(tx.conn()).await;
    let row = row.optional().map_err(failed)?;
    Ok(complete(tx, row.into_iter().collect()).await?.pop())
}

/// The same, held until the transaction ends.
pub async fn load_for_change(tx: &mut Tx, id: &str) -> Result<Option<ServiceIdentity>> {
    let row = s::table.filter(s::id.eq(id)).select(columns()).for_no_key_update().first::<Row>(tx.conn()).await;
    let row = row.optional().map_err(failed)?;
    Ok(complete(tx, row.into_iter().collect()).await?.pop())
}

/// Identities in the order of their ids, from behind the given one.
pub async fn list(tx: &mut Tx, after: &str, limit: i64) -> Result<Vec<ServiceIdentity>> {
    let rows = s::table.filter(s::id.gt(after)).order(s::id).limit(limit).select(columns());
    let rows = rows.load::<Row>(tx.conn()).await.map_err(failed)?;
    complete(tx, rows).await
}

/// How many there are.
pub async fn count(tx: &mut Tx) -> Result<i64> {
    s::table.count().get_result(tx.conn()).await.map_err(failed)
}

/// The identities of these rows, with their keys and the codes of their tenants.
async fn complete(tx: &mut Tx, rows: Vec<Row>) -> Result<Vec<ServiceIdentity>> {
    let uids: Vec<Uuid> = rows.iter().map(|(row, _)| row.0).collect();
    let keys = k::table.filter(k::service.eq_any(uids)).filter(k::expires_at.gt(clock_timestamp()));
    let keys: Vec<KeyRow> = keys
        .order(k::newest.desc())
        .select((k::service, (k::newest, k::created_at, k::expires_at, k::used_at)))
        .load(tx.conn())
        .await
        .map_err(failed)?;
    let tenants: BTreeSet<Uuid> = rows.iter().flat_map(|(row, _)| row.4.iter().copied()).collect();
    let codes = t::table.filter(t::tenant_id.eq_any(tenants)).select((t::tenant_id, t::code));
    let codes: Vec<(Uuid, String)> = codes.load(tx.across_tenants().await?).await.map_err(failed)?;
    tx.within_tenant().await?;
    let codes: BTreeMap<Uuid, String> = codes.into_iter().collect();
    Ok(rows.into_iter().map(|row| identity(row, &keys, &codes)).collect())
}

fn identity(row: Row, keys: &[KeyRow], codes: &BTreeMap<Uuid, String>) -> ServiceIdentity {
    let ((uid, id, display_name, methods, tenants, all, spiffe_id), (used_at, created_at, updated_at, version)) = row;
    let mut tenant_codes: Vec<_> = tenants.iter().filter_map(|tenant| codes.get(tenant).cloned()).collect();
    tenant_codes.sort();
    let own = keys.iter().filter(|(service, _)| *service == uid);
    let key = |&(_, (newest, created_at, expires_at, used_at)): &KeyRow| ServiceKey {
        newest,
        created_at,
        expires_at,
        used_at,
    };
    ServiceIdentity {
        service: ServiceRef { uid: ServiceId(uid), id },
        display_name: DisplayName::stored(display_name),
        methods: methods.into_iter().collect(),
        reach: reach(tenants, all),
        tenant_codes,
        spiffe_id: spiffe_id.map(SpiffeId::stored),
        keys: own.map(key).collect(),
        used_at,
        created_at,
        updated_at,
        version,
    }
}

fn array(names: &BTreeSet<String>) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

fn stored(reach: &Reach) -> (Vec<Uuid>, bool) {
    match reach {
        Reach::All => (Vec::new(), true),
        Reach::These(tenants) => (tenants.iter().map(|tenant| tenant.0).collect(), false),
    }
}

/// The tenants that these are, or the refusal of the first that is not there.
pub async fn tenants(tx: &mut Tx, named: &[Named<()>]) -> Result<BTreeSet<TenantUid>> {
    let uids: Vec<_> = named.iter().filter_map(|named| TenantUid::parse(&named.tenant)).map(|uid| uid.0).collect();
    let codes: Vec<_> = named.iter().map(|named| named.tenant.as_str()).collect();
    let query = t::table.filter(t::tenant_id.eq_any(uids).or(t::code.eq_any(codes))).select((t::tenant_id, t::code));
    let found: Vec<(Uuid, String)> = query.load(tx.across_tenants().await?).await.map_err(failed)?;
    tx.within_tenant().await?;
    let find = |named: &Named<()>| {
        let uid = TenantUid::parse(&named.tenant).map(|uid| uid.0);
        found
            .iter()
            .find(|(tenant, code)| Some(*tenant) == uid || *code == named.tenant)
            .map(|(uid, _)| TenantUid(*uid))
    };
    named.iter().map(|named| find(named).ok_or_else(|| named.not_found())).collect()
}

/// Adds an identity, without a key.
pub async fn insert(tx: &mut Tx, new: &NewServiceIdentity) -> Result<()> {
    let (tenants, all) = stored(&new.reach);
    let row = (
        s::uid.eq(new.service.uid.0),
        s::id.eq(&new.service.id),
        s::display_name.eq(new.display_name.as_str()),
        s::methods.eq(array(&new.methods)),
        s::tenants.eq(tenants),
        s::all_tenants.eq(all),
        s::spiffe_id.eq(new.spiffe_id.as_ref().map(SpiffeId::as_str)),
    );
    diesel::insert_into(s::table).values(row).execute(tx.conn()).await.map_err(|error| {
        if !is_duplicate(&error, "service_identities_id_key") {
            return taken_or_failed(error);
        }
        let name = new.service.name();
        Refusal::new(Reason::ResourceExists, format!("there is a service identity {name} already")).about(name).into()
    })?;
    Ok(())
}

fn taken_or_failed(error: diesel::result::Error) -> Error {
    if !is_duplicate(&error, "service_identities_spiffe_id_key") {
        return failed(error);
    }
    Refusal::new(Reason::ResourceExists, "another service identity has that spiffe_id").into()
}

#[derive(AsChangeset)]
#[diesel(table_name = s, treat_none_as_null = false)]
struct Change<'a> {
    display_name: Option<&'a str>,
    methods: Option<Vec<&'a str>>,
    tenants: Option<Vec<Uuid>>,
    all_tenants: Option<bool>,
    spiffe_id: Option<Option<&'a str>>,
}

/// Changes an identity.
pub async fn update(tx: &mut Tx, service: &ServiceRef, patch: &ServiceIdentityPatch) -> Result<()> {
    let (tenants, all_tenants) = patch.reach.as_ref().map(stored).unzip();
    let change = Change {
        display_name: patch.display_name.as_ref().map(DisplayName::as_str),
        methods: patch.methods.as_ref().map(array),
        tenants,
        all_tenants,
        spiffe_id: patch.spiffe_id.as_ref().map(|id| id.as_ref().map(SpiffeId::as_str)),
    };
    diesel::update(s::table.find(service.uid.0))
        .set((change, s::version.eq(s::version + 1), s::updated_at.eq(clock_timestamp())))
        .execute(tx.conn())
        .await
        .map_err(taken_or_failed)?;
    Ok(())
}

/// Removes an identity, with its keys.
pub async fn delete(tx: &mut Tx, service: &ServiceRef) -> Result<()> {
    diesel::delete(s::table.find(service.uid.0)).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Gives an identity whose newest key has made room another one, of which this is the hash.
pub async fn add_key(tx: &mut Tx, service: ServiceId, hash: &[u8], lifetime: Duration) -> Result<()> {
    let end = from_now(lifetime);
    let row = (k::service.eq(service.0), k::newest.eq(true), k::hash.eq(hash), k::expires_at.eq(end));
    diesel::insert_into(k::table).values(row).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

/// Makes room for a new key: of those that there are one goes on at most, for the overlap.
pub async fn retire_keys(tx: &mut Tx, service: ServiceId, goes_on: GoesOn, overlap: Duration) -> Result<()> {
    let own = || k::table.filter(k::service.eq(service.0));
    let newest_goes_on = goes_on == GoesOn::Newest;
    diesel::delete(own().filter(k::newest.ne(newest_goes_on))).execute(tx.conn()).await.map_err(failed)?;
    diesel::update(own())
        .set((k::newest.eq(false), k::expires_at.eq(least(k::expires_at, from_now(overlap)))))
        .execute(tx.conn())
        .await
        .map_err(failed)?;
    diesel::delete(own().filter(k::expires_at.le(clock_timestamp()))).execute(tx.conn()).await.map_err(failed)?;
    Ok(())
}

diesel::define_sql_function! {
    /// The earlier one.
    fn least(one: Timestamptz, other: Timestamptz) -> Timestamptz;
}
