//! The list of backups: what it can be filtered by, and positions in it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::backup::{BackupState, Component, Storage};
use super::error::Result;
use super::filter::{Compare, Filter, Restriction, invalid};
use super::id::BackupId;

/// The last row of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupCursor {
    /// When it was asked for.
    pub at: DateTime<Utc>,
    /// Which.
    pub id: BackupId,
}

/// What a backup of a filtered list must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupCondition {
    /// In that state.
    State(BackupState),
    /// Pinned.
    Pinned,
    /// Kept that way.
    Storage(Storage),
    /// With that component.
    Component(Component),
    /// Asked for before, at or after that time.
    CreateTime(Compare, DateTime<Utc>),
}

/// The filter of a list of backups.
pub type BackupFilter = Filter<BackupCondition>;

/// What to list.
#[derive(Clone, Debug)]
pub struct BackupQuery {
    /// Part of the note, in lower case; empty: any.
    pub search: String,
    /// What the backups must be like.
    pub filter: Option<BackupFilter>,
    /// Whether the newest comes first.
    pub descending: bool,
    /// Where the page before ended.
    pub after: Option<BackupCursor>,
    /// Rows at most.
    pub size: i64,
}

const FIELDS: &str = "state, pinned, storage, component and create_time";

/// The states that callers may name.
const STATES: [BackupState; 4] =
    [BackupState::Running, BackupState::Complete, BackupState::Partial, BackupState::Failed];

/// The filter that is written as `text`; None: everything.
pub fn backup_filter(text: &str) -> Result<Option<BackupFilter>> {
    Filter::parse(text, condition)
}

fn condition(restriction: Restriction) -> Result<BackupFilter> {
    use BackupCondition as Is;
    let restriction = restriction.without_star()?;
    let is = |negated: bool, condition| Ok(Filter::Is(condition).negated_if(negated));
    match (restriction.field.as_str(), restriction.compare) {
        ("state", _) => is(restriction.negated()?, Is::State(restriction.one_of(&STATES, BackupState::name)?)),
        ("pinned", _) => {
            let wanted = restriction.one_of(&[true, false], |b| if b { "true" } else { "false" })?;
            is(restriction.negated()? == wanted, Is::Pinned)
        }
        ("storage", _) => is(restriction.negated()?, Is::Storage(restriction.one_of(Storage::ALL, Storage::name)?)),
        ("component", Compare::Has) => is(false, Is::Component(restriction.one_of(Component::ALL, Component::name)?)),
        ("component", _) => {
            is(restriction.negated()?, Is::Component(restriction.one_of(Component::ALL, Component::name)?))
        }
        ("create_time", Compare::Has) => Err(restriction.refused("is compared by =, !=, <, <=, > or >=")),
        ("create_time", compare) => is(false, Is::CreateTime(compare, restriction.time()?)),
        (other, _) => Err(invalid(&format!("there is no field {other:.64}; there are {FIELDS}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> BackupFilter {
        backup_filter(text).unwrap().unwrap()
    }

    #[test]
    fn each_field_takes_its_own_values() {
        use BackupCondition as Is;
        assert_eq!(read("state = complete"), Filter::Is(Is::State(BackupState::Complete)));
        assert_eq!(read("pinned = false"), Filter::Not(Box::new(Filter::Is(Is::Pinned))));
        assert_eq!(read("storage = backup"), Filter::Is(Is::Storage(Storage::Backup)));
        assert_eq!(read("component:report-scripts"), Filter::Is(Is::Component(Component::ReportScripts)));
        assert_eq!(read("NOT component = users"), read("component != users"));
    }

    #[test]
    fn what_a_field_does_not_take_is_refused_with_what_it_does() {
        let refusal = |text: &str| backup_filter(text).unwrap_err().to_string();
        assert!(refusal("state = CONDEMNED").contains("RUNNING, COMPLETE, PARTIAL, FAILED"));
        assert!(refusal("component = people").contains("users, settings"));
        assert!(refusal("pinned = maybe").contains("true, false"));
        assert!(refusal("size > 3").contains("there are state, pinned"));
    }
}
