//! Filters of the status log and of the audit trail, as conditions of their queries.

use diesel::dsl::not;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::schema::{audit_records as a, events as e};
use crate::domain::event::{LogCondition, LogFilter, Severity};
use crate::domain::filter::{Compare, Filter};

type Condition<T> = Box<dyn BoxableExpression<T, Pg, SqlType = Bool>>;

/// A pattern for LIKE that means the text itself.
pub(super) fn literally(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// The condition of a filter, and of each kind of condition, on the rows of one of the tables.
macro_rules! conditions {
    ($filter:ident, $condition:ident, $table:ident, $tenant:ident, $kind:expr, $severity:expr, $actor:expr) => {
        pub(super) fn $filter(filter: &LogFilter) -> Condition<$table::table> {
            let all = |parts: &[LogFilter],
                       join: fn(Condition<$table::table>, Condition<$table::table>) -> Condition<$table::table>,
                       none: bool| {
                let nothing: Condition<$table::table> = Box::new(none.into_sql::<Bool>());
                parts.iter().map($filter).reduce(join).unwrap_or(nothing)
            };
            match filter {
                Filter::Is(condition) => $condition(condition),
                Filter::Not(inner) => Box::new(not($filter(inner))),
                Filter::And(parts) => all(parts, |left, right| Box::new(left.and(right)), true),
                Filter::Or(parts) => all(parts, |left, right| Box::new(left.or(right)), false),
            }
        }

        fn $condition(condition: &LogCondition) -> Condition<$table::table> {
            match condition {
                LogCondition::Severity(some) => $severity(some),
                LogCondition::Kind(kind) => $kind(kind),
                LogCondition::Resource(name) => Box::new($table::resource.eq(name.clone())),
                LogCondition::ResourceHas(part) => Box::new($table::resource.like(format!("%{}%", literally(part)))),
                LogCondition::Tenant(_, uid) => Box::new($table::$tenant.eq_any(uid.map(|uid| uid.0))),
                LogCondition::ActorName(name) => Box::new($table::actor_name.eq(name.clone())),
                LogCondition::Actor(id) => $actor(*id),
                LogCondition::CorrelationId(id) => Box::new($table::correlation_id.eq(id.clone())),
                LogCondition::Time(compare, time) => match compare {
                    Compare::Equal | Compare::Has => Box::new($table::at.eq(*time)),
                    Compare::NotEqual => Box::new($table::at.ne(*time)),
                    Compare::Less => Box::new($table::at.lt(*time)),
                    Compare::LessOrEqual => Box::new($table::at.le(*time)),
                    Compare::Greater => Box::new($table::at.gt(*time)),
                    Compare::GreaterOrEqual => Box::new($table::at.ge(*time)),
                },
            }
        }
    };
}

conditions!(events, event, e, subject_id, event_kind, event_severity, event_actor);
conditions!(audit_records, audit_record, a, tenant_id, audit_method, audit_severity, audit_actor);

fn event_kind(kind: &str) -> Condition<e::table> {
    Box::new(e::kind.eq(kind.to_owned()))
}

fn event_severity(some: &[Severity]) -> Condition<e::table> {
    let names: Vec<_> = some.iter().map(|one| one.name()).collect();
    Box::new(e::severity.eq_any(names))
}

/// What the service does by itself is done by nobody, which is somebody else.
fn event_actor(id: uuid::Uuid) -> Condition<e::table> {
    Box::new(e::actor_id.is_not_distinct_from(Some(id)))
}

fn audit_actor(id: uuid::Uuid) -> Condition<a::table> {
    Box::new(a::actor_id.eq(id))
}

/// The whole path, or the name of the call alone.
fn audit_method(method: &str) -> Condition<a::table> {
    Box::new(a::method.eq(method.to_owned()).or(a::method.like(format!("%/{}", literally(method)))))
}

/// The audit trail has no severities, and its filter none either.
fn audit_severity(_: &[Severity]) -> Condition<a::table> {
    Box::new(false.into_sql::<Bool>())
}
