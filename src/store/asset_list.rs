//! The list of a tenant's assets, as far as the caller may see them.

use diesel::dsl::{not, sql};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Jsonb};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::assets::{Row, asset, columns, tenant_code};
use super::error::failed;
use super::log_filter::literally;
use super::schema::{assets as a, blobs as b};
use super::tx::Tx;
use crate::domain::asset::{Asset, AssetKind};
use crate::domain::asset_list::{AssetCondition, AssetCursor, AssetFilter, AssetOrder, AssetQuery};
use crate::domain::error::Result;
use crate::domain::filter::{Compare, Filter};
use crate::domain::id::AssetId;
use crate::domain::page::Page;

/// Restricts to what lies behind the last row of the page before, and orders.
macro_rules! ordered {
    ($query:ident, $key:expr, $descending:expr, $after:expr) => {{
        if let Some((at, id)) = $after {
            $query = if $descending {
                $query.filter($key.lt(at.clone()).or($key.eq(at).and(a::id.lt(id.0))))
            } else {
                $query.filter($key.gt(at.clone()).or($key.eq(at).and(a::id.gt(id.0))))
            };
        }
        if $descending { $query.order(($key.desc(), a::id.desc())) } else { $query.order(($key.asc(), a::id.asc())) }
    }};
}

/// A page of the assets of these kinds of the transaction's tenant, and their number, counted up to `most`.
pub async fn page(
    tx: &mut Tx,
    list: &AssetQuery,
    kinds: &[AssetKind],
    most: i64,
) -> Result<(Page<Asset, AssetCursor>, i64)> {
    let (tenant, code) = (tx.tenant().0, tenant_code(tx).await?);
    let kinds: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
    let mut all = a::table.filter(a::tenant_id.eq(tenant)).limit(most).select(a::id).into_boxed();
    let mut query = a::table.filter(a::tenant_id.eq(tenant)).limit(list.size + 1).select(a::id).into_boxed();
    if kinds.len() < AssetKind::ALL.len() {
        query = query.filter(a::kind.eq_any(kinds.clone()));
        all = all.filter(a::kind.eq_any(kinds));
    }
    if !list.search.is_empty() {
        let part = format!("%{}%", literally(&list.search));
        query = query.filter(a::folded.like(part.clone()));
        all = all.filter(a::folded.like(part));
    }
    if let Some(filter) = &list.filter {
        query = query.filter(assets(filter));
        all = all.filter(assets(filter));
    }
    let (name, size, time) = match list.after.clone() {
        Some(AssetCursor::Name(key, id)) => (Some((key, id)), None, None),
        Some(AssetCursor::Size(key, id)) => (None, Some((key, id)), None),
        Some(AssetCursor::Time(key, id)) => (None, None, Some((key, id))),
        None => (None, None, None),
    };
    let query = match list.order {
        AssetOrder::DisplayName => ordered!(query, a::folded, list.descending, name),
        AssetOrder::Size => ordered!(query, a::bytes, list.descending, size),
        AssetOrder::CreateTime => ordered!(query, a::created_at, list.descending, time),
    };
    let ids = query.load::<Uuid>(tx.conn()).await.map_err(failed)?;
    let counted = all.load::<Uuid>(tx.conn()).await.map_err(failed)?.len();
    let Page { rows: ids, next } = Page::cut(ids, list.size, |_| ());
    let mut rows: Vec<Row> = a::table
        .inner_join(b::table.on(b::tenant_id.eq(a::tenant_id).and(b::id.eq(a::blob_id))))
        .filter(a::tenant_id.eq(tenant))
        .filter(a::id.eq_any(&ids))
        .select(columns())
        .load(tx.conn())
        .await
        .map_err(failed)?;
    rows.sort_by_key(|((id, ..), ..)| ids.iter().position(|at| at == id));
    let next = next.and_then(|()| rows.last()).map(|row| cursor(row, list.order));
    let rows = rows.into_iter().map(|row| asset(&code, row)).collect::<Result<_>>()?;
    Ok((Page { rows, next }, i64::try_from(counted).unwrap_or(i64::MAX)))
}

/// The place of a row in an order.
fn cursor(row: &Row, order: AssetOrder) -> AssetCursor {
    let ((id, .., bytes, _), (_, created_at, .., folded), _) = row;
    let id = AssetId(*id);
    match order {
        AssetOrder::DisplayName => AssetCursor::Name(folded.clone(), id),
        AssetOrder::Size => AssetCursor::Size(*bytes, id),
        AssetOrder::CreateTime => AssetCursor::Time(*created_at, id),
    }
}

type Condition = Box<dyn BoxableExpression<a::table, Pg, SqlType = Bool>>;

/// What the assets must be like.
fn assets(filter: &AssetFilter) -> Condition {
    let all = |parts: &[AssetFilter], join: fn(Condition, Condition) -> Condition, none: bool| {
        let nothing: Condition = Box::new(none.into_sql::<Bool>());
        parts.iter().map(assets).reduce(join).unwrap_or(nothing)
    };
    match filter {
        Filter::Is(condition) => is(condition),
        Filter::Not(inner) => Box::new(not(assets(inner))),
        Filter::And(parts) => all(parts, |left, right| Box::new(left.and(right)), true),
        Filter::Or(parts) => all(parts, |left, right| Box::new(left.or(right)), false),
    }
}

macro_rules! compared {
    ($column:expr, $compare:expr, $value:expr) => {
        match $compare {
            Compare::Equal | Compare::Has => Box::new($column.eq($value)),
            Compare::NotEqual => Box::new($column.ne($value)),
            Compare::Less => Box::new($column.lt($value)),
            Compare::LessOrEqual => Box::new($column.le($value)),
            Compare::Greater => Box::new($column.gt($value)),
            Compare::GreaterOrEqual => Box::new($column.ge($value)),
        }
    };
}

fn is(condition: &AssetCondition) -> Condition {
    match condition {
        AssetCondition::Kind(kind) => Box::new(a::kind.eq(kind.name())),
        AssetCondition::Name(name) => Box::new(a::folded.eq(name.clone())),
        AssetCondition::NameHas(part) => Box::new(a::folded.like(format!("%{}%", literally(part)))),
        AssetCondition::Size(compare, bytes) => compared!(a::bytes, compare, *bytes),
        AssetCondition::CreateTime(compare, time) => compared!(a::created_at, compare, *time),
        // What is nobody's is no answer of unknown.
        AssetCondition::User(user) => Box::new(a::user_id.is_not_distinct_from(user.0)),
        AssetCondition::Metadata(key, value) => {
            let wanted = serde_json::json!({ key: value });
            Box::new(sql::<Bool>("metadata @> ").bind::<Jsonb, _>(wanted))
        }
    }
}
