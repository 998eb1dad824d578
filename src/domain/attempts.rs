//! How those are slowed down who guess passwords or flood mailboxes: the more attempts, the longer until the next one.
//!
//! Nobody is locked out: no wait is long, and who guesses from one address makes others wait least.

use std::time::Duration;

/// After so long without an attempt those before are forgotten.
pub const FORGOTTEN: Duration = Duration::from_secs(3600);

/// What attempts are counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counted {
    /// Wrong passwords from an address, whichever account they are for.
    Address = 1,
    /// Wrong passwords for an account, wherever they come from.
    Account = 2,
    /// Wrong passwords for an account from one address.
    AccountFromAddress = 3,
    /// Requests from an address to reset passwords.
    ResetsFromAddress = 4,
    /// Requests to reset the password of an account.
    ResetsOfAccount = 5,
    /// Tenants that were asked for from an address before log-in, and could not be shown.
    LookUpsFromAddress = 6,
}

/// How long the next attempt has to wait.
struct Rule {
    /// Attempts that cost nothing.
    free: u32,
    /// The wait after the first one beyond; it doubles with each.
    first: Duration,
    /// No wait is longer.
    most: Duration,
}

impl Counted {
    const fn rule(self) -> Rule {
        let (free, first, most) = match self {
            Self::Address => (50, 1, 30),
            Self::Account => (20, 1, 15),
            Self::AccountFromAddress => (5, 1, 60),
            Self::ResetsFromAddress => (20, 10, 600),
            Self::ResetsOfAccount => (2, 60, 1800),
            Self::LookUpsFromAddress => (50, 1, 60),
        };
        Rule { free, first: Duration::from_secs(first), most: Duration::from_secs(most) }
    }

    /// How long to wait yet, after that many attempts, the last of them so long ago.
    pub fn wait(self, count: u32, ago: Duration) -> Option<Duration> {
        let Rule { free, first, most } = self.rule();
        let beyond = count.checked_sub(free).filter(|beyond| *beyond > 0)?;
        let doubled = 1_u32.checked_shl(beyond - 1).and_then(|times| first.checked_mul(times));
        doubled.unwrap_or(most).min(most).checked_sub(ago).filter(|left| !left.is_zero())
    }
}

/// Where attempts of a kind are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// The kind.
    pub counted: Counted,
    /// One of a million; see the table `attempts`.
    pub number: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_begin_after_the_free_attempts_double_and_stay_short() {
        let wait = |count, ago| Counted::AccountFromAddress.wait(count, Duration::from_secs(ago)).map(|w| w.as_secs());
        assert_eq!(wait(5, 0), None);
        assert_eq!((wait(6, 0), wait(7, 0), wait(8, 0), wait(11, 0)), (Some(1), Some(2), Some(4), Some(32)));
        assert_eq!((wait(12, 0), wait(1000, 0), wait(u32::MAX, 0)), (Some(60), Some(60), Some(60)));
        assert_eq!((wait(8, 1), wait(8, 4), wait(1000, 60)), (Some(3), None, None));
    }

    #[test]
    fn who_guesses_from_one_address_waits_longer_than_others_for_the_same_account() {
        let longest = |counted: Counted| counted.wait(u32::MAX, Duration::ZERO);
        assert!(longest(Counted::Account) < longest(Counted::AccountFromAddress));
        assert!(longest(Counted::ResetsOfAccount) < Some(FORGOTTEN));
    }
}
