//! The list of a tenant's extensions: what it can be filtered by.

use uuid::Uuid;

use super::error::Result;
use super::extension::Extension;
use super::filter::{Compare, Filter, Restriction, invalid};
use super::id::UserId;

/// What an extension of a filtered list must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtensionCondition {
    /// Had by that user.
    User(UserId),
    /// Had by nobody.
    Free,
    /// With one of these numbers.
    Numbers(Extension),
}

/// The filter of a list of extensions.
pub type ExtensionFilter = Filter<ExtensionCondition>;

/// What to list.
#[derive(Clone, Debug)]
pub struct ExtensionQuery {
    /// What the extensions must be like.
    pub filter: Option<ExtensionFilter>,
    /// Whether the last number comes first.
    pub descending: bool,
    /// The first number of the last one of the page before.
    pub after: Option<i64>,
    /// Rows at most.
    pub size: i64,
}

const FIELDS: &str = "user, free and extension";

/// The filter that is written as `text`; None: everything.
pub fn extension_filter(text: &str) -> Result<Option<ExtensionFilter>> {
    Filter::parse(text, condition)
}

fn condition(restriction: Restriction) -> Result<ExtensionFilter> {
    use ExtensionCondition as Is;
    let restriction = restriction.without_star()?;
    let is = |negated: bool, condition| Ok(Filter::Is(condition).negated_if(negated));
    match (restriction.field.as_str(), restriction.compare) {
        ("user", _) => {
            let id = restriction.value.rsplit('/').next().and_then(|id| Uuid::try_parse(id).ok());
            let id = id.ok_or_else(|| restriction.refused("takes a name such as tenants/{tenant}/users/{id}"))?;
            is(restriction.negated()?, Is::User(UserId(id)))
        }
        ("free", _) => {
            let wanted = restriction.one_of(&[true, false], |b| if b { "true" } else { "false" })?;
            is(restriction.negated()? == wanted, Is::Free)
        }
        ("extension", Compare::Has) => Err(restriction.refused("is compared by = or !=")),
        ("extension", _) => {
            let numbers = Extension::parse(&restriction.value).map_err(|allowed| restriction.refused(&allowed))?;
            is(restriction.negated()?, Is::Numbers(numbers))
        }
        (other, _) => Err(invalid(&format!("there is no field {other:.64}; there are {FIELDS}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> ExtensionFilter {
        extension_filter(text).unwrap().unwrap()
    }

    #[test]
    fn each_field_takes_its_own_values() {
        use ExtensionCondition as Is;
        let id = Uuid::from_u128(7);
        let numbers = |text| Filter::Is(Is::Numbers(Extension::parse(text).unwrap()));
        assert_eq!(read(&format!("user = tenants/acme/users/{id}")), Filter::Is(Is::User(UserId(id))));
        assert_eq!(read("free = true"), Filter::Is(Is::Free));
        assert_eq!(read("free = false"), Filter::Not(Box::new(Filter::Is(Is::Free))));
        assert_eq!(read("extension = 0049"), numbers("0049"));
        assert_eq!(read("extension = \"+4930-+4939\""), numbers("+4930-+4939"));
        assert_eq!(read("extension != 1000-1099"), Filter::Not(Box::new(numbers("1000-1099"))));
    }

    #[test]
    fn what_a_field_does_not_take_is_refused_with_what_it_does() {
        let refusal = |text: &str| extension_filter(text).unwrap_err().to_string();
        assert!(refusal("user = anna").contains("tenants/{tenant}/users/{id}"));
        assert!(refusal("free = maybe").contains("true, false"));
        assert!(refusal("extension = 12a").contains("at most 18 digits"));
        assert!(refusal("extension : 12").contains("= or !="));
        assert!(refusal("extension < 12").contains("= or !="));
        assert!(refusal("group = x").contains("there are user, free"));
    }
}
