//! What stands in the way of a call, told before it is made.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::error::Reason;
use super::privilege::Privilege;

/// Something that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    /// The reason with which the call would be refused.
    pub reason: Reason,
    /// What is missing, and what to do.
    pub message: String,
    /// Who or what lacks it.
    pub resource: String,
    /// Privileges that are missing, by their names.
    pub privileges: Vec<String>,
    /// Whether each of them is needed, or one would do.
    pub all_needed: bool,
}

impl Obstacle {
    /// Something other than privileges.
    pub fn new(reason: Reason, resource: impl Into<String>, message: impl Into<String>) -> Self {
        let (message, resource) = (message.into(), resource.into());
        Self { reason, message, resource, privileges: Vec::new(), all_needed: false }
    }

    /// With the privileges of which one is missing.
    #[must_use]
    pub fn one_of(self, privileges: &[Privilege]) -> Self {
        Self { privileges: privileges.iter().map(|privilege| privilege.name().to_owned()).collect(), ..self }
    }

    /// With the privileges all of which are missing.
    #[must_use]
    pub fn all_of(self, privileges: &BTreeSet<Privilege>) -> Self {
        let privileges = privileges.iter().map(|privilege| privilege.name().to_owned()).collect();
        Self { privileges, all_needed: true, ..self }
    }
}
