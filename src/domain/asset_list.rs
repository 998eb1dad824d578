//! The list of a tenant's assets: its orders, positions in them, and what it can be filtered by.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::asset::AssetKind;
use super::error::Result;
use super::filter::{Compare, Filter, Restriction, invalid};
use super::fold::fold;
use super::id::{AssetId, UserId};

/// The orders in which assets are listed. Each ends with the id, so that no two assets stand in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssetOrder {
    /// By name, without regard to case.
    DisplayName,
    /// By size.
    Size,
    /// By age.
    CreateTime,
}

impl AssetOrder {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::DisplayName, Self::Size, Self::CreateTime];

    /// The field that the order is named after.
    pub const fn field(self) -> &'static str {
        match self {
            Self::DisplayName => "display_name",
            Self::Size => "size",
            Self::CreateTime => "create_time",
        }
    }
}

/// The last row of a page, by its key in the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AssetCursor {
    /// In the order of names.
    Name(String, AssetId),
    /// In the order of sizes.
    Size(i64, AssetId),
    /// In the order of times.
    Time(DateTime<Utc>, AssetId),
}

/// What an asset of a filtered list must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssetCondition {
    /// Of that kind.
    Kind(AssetKind),
    /// With that name, in any case.
    Name(String),
    /// With that in its name, in any case.
    NameHas(String),
    /// Smaller than, as large as or larger than so many bytes.
    Size(Compare, i64),
    /// There before, at or after that time.
    CreateTime(Compare, DateTime<Utc>),
    /// Recorded at that user's extension.
    User(UserId),
    /// With that in its metadata.
    Metadata(String, String),
}

/// The filter of a list of assets.
pub type AssetFilter = Filter<AssetCondition>;

/// What to list.
#[derive(Clone, Debug)]
pub struct AssetQuery {
    /// Part of a name, folded; empty: any.
    pub search: String,
    /// What the assets must be like.
    pub filter: Option<AssetFilter>,
    /// How they are sorted.
    pub order: AssetOrder,
    /// Whether the other way round.
    pub descending: bool,
    /// Where the page before ended.
    pub after: Option<AssetCursor>,
    /// Rows at most.
    pub size: i64,
}

const FIELDS: &str = "kind, display_name, size, create_time, user and metadata.{key}";

/// The filter that is written as `text`; None: everything.
pub fn asset_filter(text: &str) -> Result<Option<AssetFilter>> {
    Filter::parse(text, condition)
}

fn condition(restriction: Restriction) -> Result<AssetFilter> {
    use AssetCondition as Is;
    let restriction = restriction.without_star()?;
    let is = |negated: bool, condition| Ok(Filter::Is(condition).negated_if(negated));
    match (restriction.field.as_str(), restriction.compare) {
        ("kind", _) => is(restriction.negated()?, Is::Kind(restriction.one_of(AssetKind::ALL, AssetKind::name)?)),
        ("display_name", Compare::Has) => is(false, Is::NameHas(fold(&restriction.value))),
        ("display_name", _) => is(restriction.negated()?, Is::Name(fold(&restriction.value))),
        ("size" | "create_time", Compare::Has) => Err(restriction.refused("is compared by =, !=, <, <=, > or >=")),
        ("size", compare) => {
            let bytes = restriction.value.parse().map_err(|_| restriction.refused("takes a number of bytes"))?;
            is(false, Is::Size(compare, bytes))
        }
        ("create_time", compare) => is(false, Is::CreateTime(compare, restriction.time()?)),
        ("user", _) => {
            let id = restriction.value.rsplit('/').next().and_then(|id| Uuid::try_parse(id).ok());
            let id = id.ok_or_else(|| restriction.refused("takes a name such as tenants/{tenant}/users/{id}"))?;
            is(restriction.negated()?, Is::User(UserId(id)))
        }
        (field, _) => match field.strip_prefix("metadata.") {
            Some(key) => is(restriction.negated()?, Is::Metadata(key.to_owned(), restriction.value.clone())),
            None => Err(invalid(&format!("there is no field {field:.64}; there are {FIELDS}"))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> AssetFilter {
        asset_filter(text).unwrap().unwrap()
    }

    #[test]
    fn each_field_takes_its_own_values() {
        use AssetCondition as Is;
        let id = Uuid::from_u128(7);
        assert_eq!(read("kind = recording"), Filter::Is(Is::Kind(AssetKind::Recording)));
        assert_eq!(read("display_name = ÄGYPTEN"), Filter::Is(Is::Name("ägypten".into())));
        assert_eq!(read("display_name:Plan"), Filter::Is(Is::NameHas("plan".into())));
        assert_eq!(read("size > 1000"), Filter::Is(Is::Size(Compare::Greater, 1000)));
        assert_eq!(read(&format!("user = tenants/acme/users/{id}")), Filter::Is(Is::User(UserId(id))));
        assert_eq!(read("metadata.source != x"), read("NOT metadata.source = x"));
    }

    #[test]
    fn what_a_field_does_not_take_is_refused_with_what_it_does() {
        let refusal = |text: &str| asset_filter(text).unwrap_err().to_string();
        assert!(refusal("kind = picture").contains("FILTER, TEMPLATE"));
        assert!(refusal("size = large").contains("a number of bytes"));
        assert!(refusal("size : 3").contains("<="));
        assert!(refusal("user = anna").contains("tenants/{tenant}/users/{id}"));
        assert!(refusal("metadata.source : x").contains("= or !="));
        assert!(refusal("owner = x").contains("there are kind, display_name"));
    }
}
