//! Licences: seats by kind, of the platform as a whole and of each tenant.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::error::{Error, Reason, Refusal, Result};
use super::limits::is_near;
use super::name::LicenseKind;
use super::privilege::Privilege;

/// The kind that is always there. It permits log-in, and opens the privileges that no other kind opens.
pub const BASE: &str = "base";

/// The resource name of the system licence.
pub const SYSTEM_LICENSE: &str = "systemLicense";

/// Kinds that there may be.
pub const MOST_KINDS: usize = 100;

/// One kind of seat of the system licence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemLicense {
    /// Its name.
    pub kind: String,
    /// Seats in all; none: without limit.
    pub quantity: Option<i64>,
    /// Seats that tenants have taken by their licences and limits.
    pub reserved: i64,
    /// Of the kind `base`: grows with each change of any kind.
    pub version: i64,
    /// Whether a seat permits log-in to tenants that are metered.
    #[serde(default)]
    pub permits_log_in: bool,
    /// The function privileges that it opens, by their names.
    #[serde(default)]
    pub privileges: Vec<String>,
}

impl SystemLicense {
    /// Refuses fewer seats than tenants have taken.
    pub fn check_quantity(&self, quantity: Option<i64>) -> Result<()> {
        if quantity.is_none_or(|quantity| quantity >= self.reserved) {
            return Ok(());
        }
        let text = format!(
            "{} seats of the kind {} are reserved by tenants; lower their licences or limits first",
            self.reserved, self.kind
        );
        let refusal = Refusal::new(Reason::LimitBelowUse, text).with("reserved", self.reserved.to_string());
        Err(refusal.about(SYSTEM_LICENSE).into())
    }

    /// Refuses to remove a kind that has to stay.
    pub fn check_removable(&self) -> Result<()> {
        if self.kind == BASE {
            return Err(Error::field("remove_kinds", format!("must not name {BASE}, which is there always")));
        }
        self.check_quantity(Some(0))
    }
}

/// What callers send back to be sure that nobody was faster.
pub fn etag(kinds: &[SystemLicense]) -> String {
    format!("\"{:x}\"", kinds.iter().map(|kind| kind.version).max().unwrap_or_default())
}

/// What to change of the system licence.
#[derive(Clone, Debug, Default)]
pub struct SystemLicensePatch {
    /// Kinds to add, or to change to this.
    pub kinds: BTreeMap<LicenseKind, NewKind>,
    /// Kinds to remove.
    pub remove: BTreeSet<LicenseKind>,
}

/// A kind as it is to be.
#[derive(Clone, Debug)]
pub struct NewKind {
    /// Seats in all; none: without limit.
    pub quantity: Option<i64>,
    /// Whether a seat permits log-in.
    pub permits_log_in: bool,
    /// The function privileges that it opens, besides those that nothing else opens.
    pub privileges: BTreeSet<Privilege>,
}

/// Seats of one kind that a tenant has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenseUse {
    /// The kind.
    pub kind: String,
    /// Seats.
    pub quantity: i64,
    /// Seats that users have.
    pub used: i64,
}

impl LicenseUse {
    /// Seats that are free.
    pub fn available(&self) -> i64 {
        self.quantity - self.used
    }

    /// Refuses fewer seats than users have.
    pub fn check_use(&self, quantity: i64) -> Result<()> {
        if quantity >= self.used {
            return Ok(());
        }
        let text = format!("users have {} seats of the kind {}; unassign some of them first", self.used, self.kind);
        let refusal = Refusal::new(Reason::LimitBelowUse, text);
        Err(refusal.with("kind", self.kind.as_str()).with("used", self.used.to_string()).into())
    }

    /// The refusal of more seats than are free.
    pub fn exhausted(&self) -> Error {
        let (kind, free) = (&self.kind, self.available());
        let text = format!(
            "of the kind {kind} {free} of {} seats are free; unassign users, or ask an operator for more",
            self.quantity
        );
        let refusal = Refusal::new(Reason::LicensesExhausted, text);
        refusal.with("kind", kind.as_str()).with("available", free.to_string()).into()
    }
}

/// A tenant's licences of one kind, with what they are for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantLicense {
    /// How many.
    pub seats: LicenseUse,
    /// Whether a seat permits log-in.
    pub permits_log_in: bool,
    /// The function privileges that it opens, by their names.
    pub privileges: Vec<String>,
}

/// The licences of a tenant; without any it is not metered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantLicenses {
    /// By kind.
    pub kinds: Vec<TenantLicense>,
    /// From which part of a kind on, in percent, people are warned.
    pub warning_percent: i32,
    /// Grows with each change of what the tenant has.
    pub version: i64,
}

impl TenantLicenses {
    /// What callers send back to be sure that nobody was faster.
    pub fn etag(&self) -> String {
        format!("\"{:x}\"", self.version)
    }

    /// The seats of one kind, if the tenant has some.
    pub fn seats(&self, kind: &str) -> Option<&LicenseUse> {
        self.kinds.iter().map(|license| &license.seats).find(|seats| seats.kind == kind)
    }

    /// The kinds that are nearly or wholly used up.
    pub fn warnings(&self) -> impl Iterator<Item = &LicenseUse> {
        let all = self.kinds.iter().map(|license| &license.seats);
        all.filter(|seats| is_near(seats.used, seats.quantity, self.warning_percent))
    }
}

/// The licences of all kinds of a tenant together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LicenseTotal {
    /// Seats that users have.
    pub used: i64,
    /// Seats.
    pub quantity: i64,
    /// Share that is in use, rounded down.
    pub percent: i32,
}

/// All kinds together; None: there is none.
pub fn total<'a>(kinds: impl Iterator<Item = &'a LicenseUse>) -> Option<LicenseTotal> {
    let (used, quantity) = kinds.fold((0, 0), |(used, quantity), kind| (used + kind.used, quantity + kind.quantity));
    let percent = i32::try_from((used * 100).checked_div(quantity)?).unwrap_or(100);
    Some(LicenseTotal { used, quantity, percent })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seats(used: i64, quantity: i64) -> LicenseUse {
        LicenseUse { kind: BASE.into(), quantity, used }
    }

    #[test]
    fn a_share_is_rounded_down_so_that_a_hundred_means_that_none_is_free() {
        assert_eq!(total([].iter()), None);
        let share = |all: &[LicenseUse]| total(all.iter()).unwrap();
        assert_eq!(share(&[seats(0, 3), seats(2, 3)]), LicenseTotal { used: 2, quantity: 6, percent: 33 });
        assert_eq!(share(&[seats(999, 1000)]).percent, 99);
        assert_eq!(share(&vec![seats(1_000_000_000, 1_000_000_000); MOST_KINDS]).percent, 100);
    }

    #[test]
    fn an_allotment_may_be_what_is_in_use_and_no_less() {
        assert!(seats(5, 9).check_use(5).is_ok());
        assert_eq!(seats(5, 9).check_use(4).unwrap_err().reason(), Some(Reason::LimitBelowUse));
    }
}
