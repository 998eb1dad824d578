//! Lists of backups, of one tenant or of all.

use diesel::dsl::not;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::backups::{Row, backup, columns};
use super::error::failed;
use super::log_filter::literally;
use super::schema::{backups as b, tenant_identities as ti};
use super::tx::{PlatformTx, Tx};
use crate::domain::backup::{Backup, BackupState, Storage};
use crate::domain::backup_list::{BackupCondition, BackupFilter, BackupQuery};
use crate::domain::error::Result;
use crate::domain::filter::{Compare, Filter};

/// Backups, one more than a page has, and how many there are in all.
type Listed = (Vec<Backup>, i64);

/// The backups of the transaction's tenant, and their number, counted up to `most`.
pub async fn list(tx: &mut Tx, query: &BackupQuery, most: i64) -> Result<Listed> {
    let tenant = tx.tenant().0;
    list_of(tx.conn(), Some(tenant), query, most).await
}

/// The same of all tenants.
pub async fn list_all(tx: &mut PlatformTx, query: &BackupQuery, most: i64) -> Result<Listed> {
    list_of(tx.conn(), None, query, most).await
}

async fn list_of(conn: &mut AsyncPgConnection, tenant: Option<Uuid>, list: &BackupQuery, most: i64) -> Result<Listed> {
    let there = b::state.ne(BackupState::Condemned.name());
    let mut all = b::table.filter(there).limit(most).select(b::id).into_boxed();
    let mut query = b::table.filter(there).limit(list.size + 1).select(b::id).into_boxed();
    if let Some(tenant) = tenant {
        query = query.filter(b::tenant_id.eq(tenant));
        all = all.filter(b::tenant_id.eq(tenant));
    }
    if !list.search.is_empty() {
        let part = format!("%{}%", literally(&list.search));
        query = query.filter(b::note.ilike(part.clone()));
        all = all.filter(b::note.ilike(part));
    }
    if let Some(filter) = &list.filter {
        query = query.filter(backups(filter));
        all = all.filter(backups(filter));
    }
    if let Some(after) = list.after {
        query = if list.descending {
            query.filter(b::created_at.le(after.at)).filter(b::created_at.lt(after.at).or(b::id.lt(after.id.0)))
        } else {
            query.filter(b::created_at.ge(after.at)).filter(b::created_at.gt(after.at).or(b::id.gt(after.id.0)))
        };
    }
    let query = if list.descending {
        query.order((b::created_at.desc(), b::id.desc()))
    } else {
        query.order((b::created_at.asc(), b::id.asc()))
    };
    let ids = query.load::<Uuid>(conn).await.map_err(failed)?;
    let counted = all.load::<Uuid>(conn).await.map_err(failed)?.len();
    let rows = b::table.inner_join(ti::table.on(ti::uid.eq(b::tenant_id))).filter(b::id.eq_any(&ids)).select(columns());
    let mut rows = rows.load::<Row>(conn).await.map_err(failed)?;
    rows.sort_by_key(|((_, _, id, ..), ..)| ids.iter().position(|at| at == id));
    let rows = rows.into_iter().map(backup).collect::<Result<_>>()?;
    Ok((rows, i64::try_from(counted).unwrap_or(i64::MAX)))
}

type Condition = Box<dyn BoxableExpression<b::table, Pg, SqlType = Bool>>;

/// What the backups must be like.
fn backups(filter: &BackupFilter) -> Condition {
    let all = |parts: &[BackupFilter], join: fn(Condition, Condition) -> Condition, none: bool| {
        let nothing: Condition = Box::new(none.into_sql::<Bool>());
        parts.iter().map(backups).reduce(join).unwrap_or(nothing)
    };
    match filter {
        Filter::Is(condition) => is(condition),
        Filter::Not(inner) => Box::new(not(backups(inner))),
        Filter::And(parts) => all(parts, |left, right| Box::new(left.and(right)), true),
        Filter::Or(parts) => all(parts, |left, right| Box::new(left.or(right)), false),
    }
}

fn is(condition: &BackupCondition) -> Condition {
    match condition {
        BackupCondition::State(state) => Box::new(b::state.eq(state.name())),
        BackupCondition::Storage(storage) => {
            let usable = b::state.eq_any([BackupState::Complete.name(), BackupState::Partial.name()]);
            match storage {
                Storage::Snapshot => Box::new(usable.and(b::copied_to.is_null())),
                Storage::Backup => Box::new(usable.and(b::copied_to.is_not_null())),
            }
        }
        BackupCondition::Pinned => Box::new(b::pinned),
        BackupCondition::Component(component) => Box::new(b::components.contains(vec![component.name()])),
        BackupCondition::CreateTime(compare, time) => match compare {
            Compare::Equal | Compare::Has => Box::new(b::created_at.eq(*time)),
            Compare::NotEqual => Box::new(b::created_at.ne(*time)),
            Compare::Less => Box::new(b::created_at.lt(*time)),
            Compare::LessOrEqual => Box::new(b::created_at.le(*time)),
            Compare::Greater => Box::new(b::created_at.gt(*time)),
            Compare::GreaterOrEqual => Box::new(b::created_at.ge(*time)),
        },
    }
}
