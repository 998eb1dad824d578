//! The extensions of a tenant in their order: what each user has, and what is free.

use std::collections::BTreeMap;

use diesel::dsl::not;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::error::failed;
use super::schema::{directory_users as d, extension_stretches as s};
use super::tx::Tx;
use crate::domain::error::Result;
use crate::domain::extension::{Extension, Held, Stretch};
use crate::domain::extension_list::{ExtensionCondition, ExtensionFilter, ExtensionQuery};
use crate::domain::id::UserId;

type Condition = Box<dyn BoxableExpression<s::table, Pg, SqlType = Bool>>;

/// A row more than a page of the extensions of the transaction's tenant, and their number, counted up to `most`.
pub async fn page(tx: &mut Tx, list: &ExtensionQuery, most: i64) -> Result<(Vec<Stretch>, i64)> {
    let tenant = tx.tenant().0;
    let mut all = s::table.filter(s::tenant_id.eq(tenant)).limit(most).select(s::first).into_boxed();
    let mut query = s::table
        .filter(s::tenant_id.eq(tenant))
        .limit(list.size + 1)
        .select((s::first, s::last, s::user_id))
        .into_boxed();
    if let Some(filter) = &list.filter {
        query = query.filter(like(filter));
        all = all.filter(like(filter));
    }
    if let Some(after) = list.after {
        query = if list.descending { query.filter(s::first.lt(after)) } else { query.filter(s::first.gt(after)) };
    }
    let query = if list.descending { query.order(s::first.desc()) } else { query.order(s::first.asc()) };
    let rows: Vec<(i64, i64, Option<Uuid>)> = query.load(tx.conn()).await.map_err(failed)?;
    let counted = all.load::<i64>(tx.conn()).await.map_err(failed)?.len();
    let names = user_names(tx, rows.iter().filter_map(|row| row.2).collect()).await?;
    let stretch = |(first, last, user): (i64, i64, Option<Uuid>)| Stretch {
        numbers: Extension::stored(first, last),
        user: user.map(|user| (UserId(user), names.get(&user).cloned().unwrap_or_default())),
    };
    Ok((rows.into_iter().map(stretch).collect(), i64::try_from(counted).unwrap_or(i64::MAX)))
}

/// Numbers of users of the transaction's tenant, with the users' names.
pub async fn with_names(tx: &mut Tx, held: Vec<Held>) -> Result<Vec<Stretch>> {
    let names = user_names(tx, held.iter().map(|held| held.user.0).collect()).await?;
    let stretch = |Held { numbers, user }: Held| Stretch {
        numbers,
        user: Some((user, names.get(&user.0).cloned().unwrap_or_default())),
    };
    Ok(held.into_iter().map(stretch).collect())
}

async fn user_names(tx: &mut Tx, users: Vec<Uuid>) -> Result<BTreeMap<Uuid, String>> {
    let names =
        d::table.filter(d::tenant_id.eq(tx.tenant().0)).filter(d::id.eq_any(users)).select((d::id, d::user_name));
    let names: Vec<(Uuid, String)> = names.load(tx.conn()).await.map_err(failed)?;
    Ok(names.into_iter().collect())
}

/// What the extensions must be like.
fn like(filter: &ExtensionFilter) -> Condition {
    use crate::domain::filter::Filter;
    let all = |parts: &[ExtensionFilter], join: fn(Condition, Condition) -> Condition, none: bool| {
        let nothing: Condition = Box::new(none.into_sql::<Bool>());
        parts.iter().map(like).reduce(join).unwrap_or(nothing)
    };
    match filter {
        Filter::Is(condition) => is(condition),
        Filter::Not(inner) => Box::new(not(like(inner))),
        Filter::And(parts) => all(parts, |left, right| Box::new(left.and(right)), true),
        Filter::Or(parts) => all(parts, |left, right| Box::new(left.or(right)), false),
    }
}

fn is(condition: &ExtensionCondition) -> Condition {
    match condition {
        // What is free is nobody's, which is no answer of unknown.
        ExtensionCondition::User(user) => Box::new(s::user_id.is_not_distinct_from(user.0)),
        ExtensionCondition::Free => Box::new(s::user_id.is_null()),
        ExtensionCondition::Numbers(numbers) => {
            let (first, last) = numbers.codes();
            Box::new(s::first.le(last).and(s::last.ge(first)))
        }
    }
}
