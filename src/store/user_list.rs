//! The users of a tenant as its administrators see them, guests included: one, and a list. No password is among what is read.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::error::failed;
use super::identities;
use super::log_filter::literally;
use super::schema::{directory_users as d, group_members as gm, user_licenses as ul, user_roles as ur};
use super::tx::Tx;
use super::user_filter;
use crate::domain::account::{Account, MOST_SHOWN};
use crate::domain::error::{Error, Result};
use crate::domain::id::{GroupId, RoleId, TenantUid, UserId};
use crate::domain::page::Page;
use crate::domain::user::UserState;
use crate::domain::user_list::{UserCursor, UserOrder, UserQuery};

/// Groups, roles and licences of a page's users that are read at most.
const MOST_JOINED: i64 = 100_000;

type Row = (
    (Uuid, Uuid, bool),
    (String, String, String, String, String, String),
    (Option<Uuid>, DateTime<Utc>, DateTime<Utc>, i64),
    (String, String, String),
);

#[diesel::dsl::auto_type(no_type_alias)]
fn columns() -> _ {
    (
        (d::id, d::home_tenant_id, d::member),
        (d::user_name, d::email, d::given_name, d::family_name, d::state, d::language),
        (d::default_tenant_id, d::created_at, d::updated_at, d::version),
        (d::user_name_key, d::family_key, d::email_key),
    )
}

/// A user of the transaction's tenant, or a guest of it.
pub async fn one(tx: &mut Tx, id: UserId) -> Result<Option<Account>> {
    Ok(some(tx, &[id]).await?.pop())
}

/// Those of these users that the transaction's tenant has.
pub async fn some(tx: &mut Tx, ids: &[UserId]) -> Result<Vec<Account>> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let rows = rows(tx, &ids).await?;
    accounts(tx, rows).await
}

async fn rows(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<Row>> {
    let found = d::table.filter(d::tenant_id.eq(tx.tenant().0)).filter(d::id.eq_any(ids)).select(columns());
    found.load(tx.conn()).await.map_err(failed)
}

/// Restricts to what lies behind the last row of the page before, and orders.
macro_rules! ordered {
    ($query:ident, $key:expr, $descending:expr, $after:expr) => {{
        if let Some((at, id)) = $after {
            $query = if $descending {
                $query.filter($key.lt(at.clone()).or($key.eq(at).and(d::id.lt(id.0))))
            } else {
                $query.filter($key.gt(at.clone()).or($key.eq(at).and(d::id.gt(id.0))))
            };
        }
        if $descending { $query.order(($key.desc(), d::id.desc())) } else { $query.order(($key.asc(), d::id.asc())) }
    }};
}

/// A page of the users of the transaction's tenant, and their number, counted up to `most`.
pub async fn page(tx: &mut Tx, list: &UserQuery, most: i64) -> Result<(Page<Account, UserCursor>, i64)> {
    let tenant = tx.tenant().0;
    let mut all = d::table.filter(d::tenant_id.eq(tenant)).limit(most).select(d::id).into_boxed();
    // Which users first, and then what is to be known of them: so only these are joined with what they have.
    let mut query = d::table.filter(d::tenant_id.eq(tenant)).limit(list.size + 1).select(d::id).into_boxed();
    if !list.search.is_empty() {
        let part = format!("%{}%", literally(&list.search));
        query = query.filter(d::folded.like(part.clone()));
        all = all.filter(d::folded.like(part));
    }
    if let Some(filter) = &list.filter {
        query = query.filter(user_filter::users(tenant, filter));
        all = all.filter(user_filter::users(tenant, filter));
    }
    let (text, time) = match list.after.clone() {
        Some(UserCursor::Text(key, id)) => (Some((key, id)), None),
        Some(UserCursor::Time(key, id)) => (None, Some((key, id))),
        None => (None, None),
    };
    let query = match list.order {
        UserOrder::UserName => ordered!(query, d::user_name_key, list.descending, text),
        UserOrder::FamilyName => ordered!(query, d::family_key, list.descending, text),
        UserOrder::Email => ordered!(query, d::email_key, list.descending, text),
        UserOrder::State => ordered!(query, d::state, list.descending, text),
        UserOrder::CreateTime => ordered!(query, d::created_at, list.descending, time),
    };
    let ids = query.load::<Uuid>(tx.conn()).await.map_err(failed)?;
    let counted = all.load::<Uuid>(tx.conn()).await.map_err(failed)?.len();
    let Page { rows: ids, next } = Page::cut(ids, list.size, |_| ());
    let mut rows = rows(tx, &ids).await?;
    rows.sort_by_key(|((id, ..), ..)| ids.iter().position(|at| at == id));
    let next = next.and_then(|()| rows.last()).map(|row| cursor(row, list.order));
    Ok((Page { rows: accounts(tx, rows).await?, next }, i64::try_from(counted).unwrap_or(i64::MAX)))
}

/// The place of a row in an order.
fn cursor(row: &Row, order: UserOrder) -> UserCursor {
    let ((id, ..), (.., state, _), (_, created_at, ..), (user_name, family, email)) = row;
    let key = match order {
        UserOrder::UserName => user_name,
        UserOrder::FamilyName => family,
        UserOrder::Email => email,
        UserOrder::State => state,
        UserOrder::CreateTime => return UserCursor::Time(*created_at, UserId(*id)),
    };
    UserCursor::Text(key.clone(), UserId(*id))
}

async fn accounts(tx: &mut Tx, rows: Vec<Row>) -> Result<Vec<Account>> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = rows.iter().map(|((id, ..), ..)| *id).collect();
    let mut uids: Vec<TenantUid> = vec![tenant];
    uids.extend(
        rows.iter().flat_map(|((_, home, _), _, (default, ..), _)| [Some(*home), *default]).flatten().map(TenantUid),
    );
    let codes = identities::codes(tx, &uids).await?;
    let mut groups = of_each(
        gm::table
            .filter(gm::tenant_id.eq(tenant.0))
            .filter(gm::user_id.eq_any(&ids))
            .order((gm::user_id, gm::group_id))
            .limit(MOST_JOINED)
            .select((gm::user_id, gm::group_id))
            .load::<(Uuid, Uuid)>(tx.conn())
            .await
            .map_err(failed)?,
    );
    let mut roles = of_each(
        ur::table
            .filter(ur::tenant_id.eq(tenant.0))
            .filter(ur::user_id.eq_any(&ids))
            .order((ur::user_id, ur::role_id))
            .limit(MOST_JOINED)
            .select((ur::user_id, ur::role_id))
            .load::<(Uuid, Uuid)>(tx.conn())
            .await
            .map_err(failed)?,
    );
    let mut licenses = of_each(
        ul::table
            .filter(ul::tenant_id.eq(tenant.0))
            .filter(ul::user_id.eq_any(&ids))
            .order((ul::user_id, ul::kind))
            .limit(MOST_JOINED)
            .select((ul::user_id, ul::kind))
            .load::<(Uuid, String)>(tx.conn())
            .await
            .map_err(failed)?,
    );
    let name = |uid: Uuid| codes.get(&TenantUid(uid)).cloned().unwrap_or_else(|| uid.to_string());
    let account = |row: Row| {
        let (
            (id, home, member),
            (user_name, email, given_name, family_name, state, language),
            (default_tenant, created_at, updated_at, version),
            _,
        ) = row;
        Ok(Account {
            tenant_code: name(tenant.0),
            id: UserId(id),
            home: TenantUid(home),
            home_code: name(home),
            guest: home != tenant.0,
            member,
            user_name,
            email,
            given_name,
            family_name,
            state: UserState::parse(&state).ok_or_else(|| Error::internal("stored user state", state))?,
            language,
            default_tenant: default_tenant.map(name),
            groups: groups.remove(&id).unwrap_or_default().into_iter().map(GroupId).collect(),
            roles: roles.remove(&id).unwrap_or_default().into_iter().map(RoleId).collect(),
            licenses: licenses.remove(&id).unwrap_or_default(),
            created_at,
            updated_at,
            version,
        })
    };
    rows.into_iter().map(account).collect()
}

/// What each user has, at most [`MOST_SHOWN`].
fn of_each<T>(pairs: Vec<(Uuid, T)>) -> BTreeMap<Uuid, Vec<T>> {
    let mut found: BTreeMap<Uuid, Vec<T>> = BTreeMap::new();
    for (user, thing) in pairs {
        let things = found.entry(user).or_default();
        if things.len() < MOST_SHOWN {
            things.push(thing);
        }
    }
    found
}
