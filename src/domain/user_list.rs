//! The list of a tenant's users: its orders, positions in them, and what it can be filtered by.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::error::Result;
use super::filter::{Compare, Filter, Restriction, invalid};
use super::id::{GroupId, RoleId, UserId};
use super::user::UserState;

/// The orders in which users are listed. Each ends with the id, so that no two users stand in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserOrder {
    /// By user name, without regard to case.
    UserName,
    /// By family name, then given name, without regard to case.
    FamilyName,
    /// By e-mail address, without regard to case.
    Email,
    /// By the state's name.
    State,
    /// By age.
    CreateTime,
}

impl UserOrder {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::UserName, Self::FamilyName, Self::Email, Self::State, Self::CreateTime];

    /// The field that the order is named after.
    pub const fn field(self) -> &'static str {
        match self {
            Self::UserName => "user_name",
            Self::FamilyName => "family_name",
            Self::Email => "email",
            Self::State => "state",
            Self::CreateTime => "create_time",
        }
    }
}

/// The last row of a page, by its key in the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserCursor {
    /// In an order of texts.
    Text(String, UserId),
    /// In an order of times.
    Time(DateTime<Utc>, UserId),
}

/// What a user of a filtered list must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserCondition {
    /// In that state.
    State(UserState),
    /// At home in another tenant.
    Guest,
    /// At work in the tenant.
    Member,
    /// With that user name, in any case.
    UserName(String),
    /// With that in its user name, in any case.
    UserNameHas(String),
    /// With that address, in any case.
    Email(String),
    /// With that in its address, in any case.
    EmailHas(String),
    /// In that group.
    Group(GroupId),
    /// Holding that role by itself.
    Role(RoleId),
    /// There before, at or after that time.
    CreateTime(Compare, DateTime<Utc>),
}

/// The filter of a list of users.
pub type UserFilter = Filter<UserCondition>;

/// What to list.
#[derive(Clone, Debug)]
pub struct UserQuery {
    /// Part of a name or address, folded; empty: any.
    pub search: String,
    /// What the users must be like.
    pub filter: Option<UserFilter>,
    /// How they are sorted.
    pub order: UserOrder,
    /// Whether the other way round.
    pub descending: bool,
    /// Where the page before ended.
    pub after: Option<UserCursor>,
    /// Rows at most.
    pub size: i64,
}

const FIELDS: &str = "state, guest, member, user_name, email, group, role and create_time";

/// The filter that is written as `text`; None: everything.
pub fn user_filter(text: &str) -> Result<Option<UserFilter>> {
    Filter::parse(text, condition)
}

fn condition(restriction: Restriction) -> Result<UserFilter> {
    use UserCondition as Is;
    let restriction = restriction.without_star()?;
    let is = |negated: bool, condition| Ok(Filter::Is(condition).negated_if(negated));
    let flag = |condition| {
        let wanted = restriction.one_of(&[true, false], |b| if b { "true" } else { "false" })?;
        is(restriction.negated()? == wanted, condition)
    };
    let value = || restriction.value.to_lowercase();
    match (restriction.field.as_str(), restriction.compare) {
        ("state", _) => is(restriction.negated()?, Is::State(restriction.one_of(UserState::ALL, UserState::name)?)),
        ("guest", _) => flag(Is::Guest),
        ("member", _) => flag(Is::Member),
        ("user_name", Compare::Has) => is(false, Is::UserNameHas(value())),
        ("user_name", _) => is(restriction.negated()?, Is::UserName(value())),
        ("email", Compare::Has) => is(false, Is::EmailHas(value())),
        ("email", _) => is(restriction.negated()?, Is::Email(value())),
        ("group", _) => is(restriction.negated()?, Is::Group(GroupId(last(&restriction, "groups")?))),
        ("role", _) => is(restriction.negated()?, Is::Role(RoleId(last(&restriction, "roles")?))),
        ("create_time", Compare::Has) => Err(restriction.refused("is compared by =, !=, <, <=, > or >=")),
        ("create_time", compare) => is(false, Is::CreateTime(compare, restriction.time()?)),
        (other, _) => Err(invalid(&format!("there is no field {other:.64}; there are {FIELDS}"))),
    }
}

/// The id in a resource name, or alone.
fn last(restriction: &Restriction, collection: &str) -> Result<uuid::Uuid> {
    let id = restriction.value.rsplit('/').next().and_then(|id| uuid::Uuid::try_parse(id).ok());
    id.ok_or_else(|| restriction.refused(&format!("takes a name such as tenants/{{tenant}}/{collection}/{{id}}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> UserFilter {
        user_filter(text).unwrap().unwrap()
    }

    #[test]
    fn each_field_takes_its_own_values() {
        use UserCondition as Is;
        let id = uuid::Uuid::from_u128(7);
        assert_eq!(read("state = invited"), Filter::Is(Is::State(UserState::Invited)));
        assert_eq!(read("guest = true"), Filter::Is(Is::Guest));
        assert_eq!(read("member = false"), Filter::Not(Box::new(Filter::Is(Is::Member))));
        assert_eq!(read("user_name = Anna"), Filter::Is(Is::UserName("anna".into())));
        assert_eq!(read("email:@Example.com"), Filter::Is(Is::EmailHas("@example.com".into())));
        assert_eq!(read(&format!("group = tenants/acme/groups/{id}")), Filter::Is(Is::Group(GroupId(id))));
        assert_eq!(read(&format!("role != {id}")), Filter::Not(Box::new(Filter::Is(Is::Role(RoleId(id))))));
    }

    #[test]
    fn what_a_field_does_not_take_is_refused_with_what_it_does() {
        let refusal = |text: &str| user_filter(text).unwrap_err().to_string();
        assert!(refusal("state = ASLEEP").contains("is one of INVITED, ACTIVE, LOCKED"));
        assert!(refusal("group = sales").contains("tenants/{tenant}/groups/{id}"));
        assert!(refusal("guest : maybe").contains("true, false"));
        assert!(refusal("email:*").contains("no bare *"));
        assert!(refusal("password = x").contains("there are state, guest"));
    }
}
