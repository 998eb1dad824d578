//! The list of tenants: its orders, positions in them, and what it can be filtered by.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::error::Result;
use super::filter::{Compare, Filter, Restriction, invalid};
use super::id::TenantUid;
use super::lifecycle::{LockReason, State};

/// The orders in which tenants are listed. Each ends with the uid, so that no two tenants stand in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// By name, as people sort names, without regard to case.
    DisplayName,
    /// By code.
    Code,
    /// By the state's name.
    State,
    /// By age.
    CreateTime,
}

impl Order {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::DisplayName, Self::Code, Self::State, Self::CreateTime];

    /// The field that the order is named after.
    pub const fn field(self) -> &'static str {
        match self {
            Self::DisplayName => "display_name",
            Self::Code => "code",
            Self::State => "state",
            Self::CreateTime => "create_time",
        }
    }
}

/// The end of a page: the place of its last tenant in the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// What the order compares first, in base64.
    pub key: String,
    /// The tenant.
    pub uid: TenantUid,
}

/// What a tenant of a filtered list must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantCondition {
    /// In that state.
    State(State),
    /// Locked for that reason.
    LockReason(LockReason),
    /// Placed on that server.
    Server(String),
    /// With a label of that key.
    HasLabel(String),
    /// With that label.
    Label(String, String),
    /// With that code.
    Code(String),
    /// With that name, in any case.
    DisplayName(String),
    /// With that in its name, in any case.
    DisplayNameHas(String),
    /// Protected.
    Protected,
    /// Created before, at or after that time.
    CreateTime(Compare, DateTime<Utc>),
}

/// The filter of a list of tenants.
pub type TenantFilter = Filter<TenantCondition>;

const FIELDS: &str = "state, lock_reason, server, labels, labels.KEY, code, display_name, protected and create_time";

/// Conditions on names and codes in one filter, at most. They are compared letter by letter; all others are sets.
const TEXTS: usize = 8;

/// The filter that is written as `text`; None: everything.
pub fn tenant_filter(text: &str) -> Result<Option<TenantFilter>> {
    let filter = Filter::parse(text, condition)?;
    if filter.as_ref().map_or(0, texts) > TEXTS {
        return Err(invalid(&format!("at most {TEXTS} conditions can be about code and display_name")));
    }
    Ok(filter)
}

/// How many of its conditions are compared letter by letter.
pub fn texts(filter: &TenantFilter) -> usize {
    use TenantCondition as Is;
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().map(texts).sum(),
        Filter::Not(inner) => texts(inner),
        Filter::Is(condition) => {
            usize::from(matches!(condition, Is::Code(_) | Is::DisplayName(_) | Is::DisplayNameHas(_)))
        }
    }
}

fn condition(restriction: Restriction) -> Result<TenantFilter> {
    use TenantCondition as Is;
    let is = |negated: bool, condition| Ok(Filter::Is(condition).negated_if(negated));
    if restriction.any
        && restriction.compare == Compare::Has
        && let Some(key) = restriction.field.strip_prefix("labels.")
    {
        return is(false, Is::HasLabel(key.to_owned()));
    }
    let restriction = restriction.without_star()?;
    if let Some(key) = restriction.field.strip_prefix("labels.") {
        let key = key.to_owned();
        return match restriction.compare {
            Compare::Has => is(false, Is::Label(key, restriction.value)),
            _ => is(restriction.negated()?, Is::Label(key, restriction.value)),
        };
    }
    match restriction.field.as_str() {
        "state" => is(restriction.negated()?, Is::State(restriction.one_of(State::ALL, State::name)?)),
        "lock_reason" => {
            is(restriction.negated()?, Is::LockReason(restriction.one_of(LockReason::ALL, LockReason::name)?))
        }
        "server" => {
            let id = restriction.value.strip_prefix("servers/").unwrap_or(&restriction.value).to_owned();
            is(restriction.negated()?, Is::Server(id))
        }
        "labels" if restriction.compare == Compare::Has => is(false, Is::HasLabel(restriction.value)),
        "labels" => Err(restriction.refused("takes labels:KEY; a value is compared as labels.KEY = \"…\"")),
        "code" => is(restriction.negated()?, Is::Code(restriction.value)),
        "display_name" if restriction.compare == Compare::Has => is(false, Is::DisplayNameHas(restriction.value)),
        "display_name" => is(restriction.negated()?, Is::DisplayName(restriction.value)),
        "protected" => {
            let wanted = restriction.one_of(&[true, false], |b| if b { "true" } else { "false" })?;
            is(restriction.negated()? == wanted, Is::Protected)
        }
        "create_time" if restriction.compare == Compare::Has => {
            Err(restriction.refused("is compared by =, !=, <, <=, > or >="))
        }
        "create_time" => is(false, Is::CreateTime(restriction.compare, restriction.time()?)),
        other => Err(invalid(&format!("there is no field {other:.64}; there are {FIELDS}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> TenantFilter {
        tenant_filter(text).unwrap().unwrap()
    }

    #[test]
    fn each_field_takes_its_own_values() {
        use TenantCondition as Is;
        assert_eq!(read("state = locked"), Filter::Is(Is::State(State::Locked)));
        assert_eq!(read("server = servers/north"), read("server = north"));
        assert_eq!(read("labels.a/b-c = x"), Filter::Is(Is::Label("a/b-c".into(), "x".into())));
        assert_eq!(read("labels.region:*"), read("labels:region"));
        assert_eq!(read("protected = true"), Filter::Is(Is::Protected));
        assert_eq!(read("protected != true"), read("protected = false"));
        assert_eq!(read("protected = false"), Filter::Not(Box::new(Filter::Is(Is::Protected))));
    }

    #[test]
    fn what_a_field_does_not_take_is_refused_with_what_it_does() {
        let refusal = |text: &str| tenant_filter(text).unwrap_err().to_string();
        assert!(refusal("state = ASLEEP").contains("is one of ACTIVE, LOCKED"));
        assert!(refusal("state < ACTIVE").contains("= or !="));
        assert!(refusal("create_time > yesterday").contains("2026"));
        assert!(refusal("create_time : 2026-01-01T00:00:00Z").contains("compared by"));
        assert!(refusal("labels = x").contains("labels:KEY"));
        for star in ["labels:*", "display_name:*", "code = *", "labels.region = *"] {
            assert!(refusal(star).contains("no bare *"), "{star}");
        }
        assert!(refusal("colour = red").contains("there are state, lock_reason"));
        assert!(refusal(&["code = a"; 9].join(" OR ")).contains("at most 8"));
    }
}
