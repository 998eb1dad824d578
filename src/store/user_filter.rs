//! Filters of the list of users, as conditions of its query.

use diesel::dsl::not;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use uuid::Uuid;

use super::log_filter::literally;
use super::schema::{directory_users as d, group_members as gm, user_roles as ur};
use crate::domain::filter::{Compare, Filter};
use crate::domain::user_list::{UserCondition, UserFilter};

type Condition = Box<dyn BoxableExpression<d::table, Pg, SqlType = Bool>>;

/// What the users of that tenant must be like.
pub(super) fn users(tenant: Uuid, filter: &UserFilter) -> Condition {
    let all = |parts: &[UserFilter], join: fn(Condition, Condition) -> Condition, none: bool| {
        let nothing: Condition = Box::new(none.into_sql::<Bool>());
        parts.iter().map(|part| users(tenant, part)).reduce(join).unwrap_or(nothing)
    };
    match filter {
        Filter::Is(condition) => user(tenant, condition),
        Filter::Not(inner) => Box::new(not(users(tenant, inner))),
        Filter::And(parts) => all(parts, |left, right| Box::new(left.and(right)), true),
        Filter::Or(parts) => all(parts, |left, right| Box::new(left.or(right)), false),
    }
}

fn user(tenant: Uuid, condition: &UserCondition) -> Condition {
    let part = |text: &str| format!("%{}%", literally(text));
    match condition {
        UserCondition::State(state) => Box::new(d::state.eq(state.name())),
        UserCondition::Guest => Box::new(d::home_tenant_id.ne(tenant)),
        UserCondition::Member => Box::new(d::member),
        UserCondition::UserName(name) => Box::new(d::user_name_key.eq(name.clone())),
        UserCondition::UserNameHas(name) => Box::new(d::user_name_key.like(part(name))),
        UserCondition::Email(email) => Box::new(d::email_key.eq(email.clone())),
        UserCondition::EmailHas(email) => Box::new(d::email_key.like(part(email))),
        UserCondition::Group(group) => {
            let members = gm::table.filter(gm::tenant_id.eq(tenant)).filter(gm::group_id.eq(group.0));
            Box::new(d::id.eq_any(members.select(gm::user_id)))
        }
        UserCondition::Role(role) => {
            let holders = ur::table.filter(ur::tenant_id.eq(tenant)).filter(ur::role_id.eq(role.0));
            Box::new(d::id.eq_any(holders.select(ur::user_id)))
        }
        UserCondition::CreateTime(compare, time) => match compare {
            Compare::Equal | Compare::Has => Box::new(d::created_at.eq(*time)),
            Compare::NotEqual => Box::new(d::created_at.ne(*time)),
            Compare::Less => Box::new(d::created_at.lt(*time)),
            Compare::LessOrEqual => Box::new(d::created_at.le(*time)),
            Compare::Greater => Box::new(d::created_at.gt(*time)),
            Compare::GreaterOrEqual => Box::new(d::created_at.ge(*time)),
        },
    }
}
