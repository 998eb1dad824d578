//! Extensions: telephone numbers, alone or in ranges.

use std::fmt;

use itertools::Itertools as _;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::{Error, Reason, Refusal, Result};
use super::id::UserId;

/// Digits that a number has at most.
const LONGEST: usize = 18;

/// Ranges that a tenant has at most.
pub const MOST_RANGES: usize = 1000;

/// Of what a text names, it names so many.
const MOST_TOLD: usize = 20;

/// A telephone number: digits, of which leading zeros count, with or without a plus in front.
///
/// It is kept as a whole number: a 1, or a 2 for the plus, and the digits behind it. So the numbers of one form, with as many
/// digits and a plus or none, follow each other as they do for people, and no two forms have a whole number in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
struct Number(i64);

impl Number {
    fn parse(text: &str) -> Option<Self> {
        let (mark, digits) = text.strip_prefix('+').map_or(('1', text), |digits| ('2', digits));
        let fits = (1..=LONGEST).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| format!("{mark}{digits}").parse().ok().map(Self)).flatten()
    }

    /// Plus or none, and the number of digits.
    fn form(self) -> (Option<char>, usize) {
        let text = self.0.to_string();
        (text.chars().next(), text.len())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let (mark, digits) = text.split_at(1);
        write!(f, "{}{digits}", if mark == "2" { "+" } else { "" })
    }
}

/// A number, or all from one number to another of the same form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Extension {
    first: Number,
    last: Number,
}

impl Extension {
    /// The extension that is written as `text`, or what is allowed instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let allowed = || {
            format!(
                "must be a number of at most {LONGEST} digits, such as 1000, 0049 or +4930100, or a range of two with as many \
                 digits, such as 1000-1099"
            )
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = Number::parse(first).zip(Number::parse(last)).ok_or_else(allowed)?;
        if first.form() != last.form() || first > last {
            return Err(allowed());
        }
        Ok(Self { first, last })
    }

    /// One that was parsed before it was stored.
    pub fn stored(first: i64, last: i64) -> Self {
        Self { first: Number(first), last: Number(last) }
    }

    /// Its first and its last number, as they are stored.
    pub fn codes(&self) -> (i64, i64) {
        (self.first.0, self.last.0)
    }

    /// How many numbers it has.
    pub fn count(&self) -> i64 {
        self.last.0 - self.first.0 + 1
    }

    /// Whether all of another one is in it.
    fn has(&self, other: &Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    /// Whether the two are one, put together.
    fn joins(&self, next: &Self) -> bool {
        self.first.form() == next.first.form() && self.first.0 <= next.last.0 + 1 && next.first.0 <= self.last.0 + 1
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last } = self;
        if first == last { write!(f, "{first}") } else { write!(f, "{first}-{last}") }
    }
}

/// A set of numbers, as the fewest ranges that have them all, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Extensions(Vec<Extension>);

impl FromIterator<Extension> for Extensions {
    fn from_iter<I: IntoIterator<Item = Extension>>(ranges: I) -> Self {
        let joined = ranges.into_iter().sorted().coalesce(|one, next| {
            if one.joins(&next) {
                Ok(Extension { first: one.first, last: one.last.max(next.last) })
            } else {
                Err((one, next))
            }
        });
        Self(joined.collect())
    }
}

impl Extensions {
    /// Its ranges.
    pub fn ranges(&self) -> &[Extension] {
        &self.0
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many numbers it has.
    pub fn count(&self) -> i64 {
        self.0.iter().map(Extension::count).sum()
    }

    /// The range that has all of these numbers, if one has.
    pub fn range_of(&self, numbers: &Extension) -> Option<Extension> {
        self.0.iter().copied().find(|range| range.has(numbers))
    }

    /// The numbers that are not in the other.
    pub fn without(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        for range in &self.0 {
            let mut first = range.first.0;
            for gone in other.0.iter().filter(|gone| gone.first <= range.last && range.first <= gone.last) {
                if first < gone.first.0 {
                    left.push(Extension::stored(first, gone.first.0 - 1));
                }
                first = gone.last.0 + 1;
            }
            if first <= range.last.0 {
                left.push(Extension::stored(first, range.last.0));
            }
        }
        Self(left)
    }

    /// What callers send back to be sure that nobody was faster. Equal sets have equal ones.
    pub fn etag(&self) -> String {
        format!("\"{}\"", Uuid::new_v5(&Uuid::NAMESPACE_OID, self.0.iter().join(" ").as_bytes()).simple())
    }
}

impl fmt::Display for Extensions {
    /// The first ranges, and how many there are besides.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.iter().take(MOST_TOLD).join(", "))?;
        let more = self.0.len().saturating_sub(MOST_TOLD);
        if more > 0 { write!(f, " and {more} more") } else { Ok(()) }
    }
}

/// The extensions of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantExtensions {
    /// The numbers that it has.
    pub numbers: Extensions,
    /// How many of them users have.
    pub allocated: i64,
}

/// Numbers that a user has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Held {
    /// Which.
    pub numbers: Extension,
    /// Who.
    pub user: UserId,
}

impl Held {
    /// What of it is among these numbers.
    pub fn part_in(&self, numbers: &Extension) -> Option<Self> {
        let first = self.numbers.first.max(numbers.first);
        let last = self.numbers.last.min(numbers.last);
        (first <= last).then_some(Self { numbers: Extension { first, last }, user: self.user })
    }
}

/// Numbers of a tenant that one user has, or nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Which.
    pub numbers: Extension,
    /// Who, with the user's name; none: they are free.
    pub user: Option<(UserId, String)>,
}

/// What is written down of whose numbers were taken: the first ones, and how many there are besides.
pub fn told(stretches: &[Stretch]) -> String {
    let one = |stretch: &Stretch| match &stretch.user {
        Some((_, user_name)) => format!("{} of {user_name}", stretch.numbers),
        None => stretch.numbers.to_string(),
    };
    let first = stretches.iter().take(MOST_TOLD).map(one).join(", ");
    let more = stretches.len().saturating_sub(MOST_TOLD);
    if more > 0 { format!("{first} and {more} more") } else { first }
}

/// What of `held` is left when a user gets these numbers, and what that user has then of them and of what joins them.
pub fn given(held: &[Held], numbers: Extension, user: UserId) -> Vec<Held> {
    let own = held.iter().filter(|held| held.user == user).map(|held| held.numbers).chain([numbers]);
    let own: Extensions = own.collect();
    let others: Vec<_> = held.iter().copied().filter(|held| held.user != user).collect();
    let own = own.0.into_iter().map(|numbers| Held { numbers, user });
    taken(&others, numbers).into_iter().chain(own).collect()
}

/// What of `held` is left when these numbers are taken away.
pub fn taken(held: &[Held], numbers: Extension) -> Vec<Held> {
    let gone = Extensions(vec![numbers]);
    let left = held.iter().flat_map(|held| {
        let left = Extensions(vec![held.numbers]).without(&gone);
        left.0.into_iter().map(|numbers| Held { numbers, user: held.user })
    });
    left.collect()
}

/// The refusal of numbers that somebody else has; who that is nobody is told.
pub fn not_free(taken: &Extensions) -> Error {
    let text = format!("not free: {taken}; another tenant has these numbers");
    Refusal::new(Reason::ResourceExists, text).with("extensions", taken.to_string()).into()
}

/// The refusal to take numbers from a tenant that its users have.
pub fn in_use(used: &Extensions, tenant: &str) -> Error {
    let text = format!("users of the tenant have {used}; its administrator releases them with ReleaseExtension first");
    Refusal::new(Reason::ExtensionInUse, text).about(tenant).with("extensions", used.to_string()).into()
}

/// The refusal of numbers that the tenant does not have.
pub fn not_the_tenants(tenants: &Extensions) -> Error {
    let allowed = match tenants.is_empty() {
        true => {
            "must be one of the tenant's, which has none; an operator gives it some with SetTenantExtensions".to_owned()
        }
        false => format!("must be within one range of the tenant's: {tenants}"),
    };
    Error::field("extension", allowed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn extension(text: &str) -> Extension {
        Extension::parse(text).unwrap()
    }

    fn numbers(extensions: &Extensions) -> BTreeSet<i64> {
        extensions.0.iter().flat_map(|range| range.first.0..=range.last.0).collect()
    }

    #[test]
    fn numbers_are_digits_of_which_leading_zeros_and_a_plus_count() {
        for text in ["0", "7", "007", "+1", "+0049", "1000-1099", "+4930100-+4930199", "999999999999999999"] {
            assert_eq!(extension(text).to_string(), text);
        }
        assert_eq!(extension("5-5").to_string(), "5");
        assert_ne!(extension("07"), extension("7"));
        assert_ne!(extension("+7"), extension("7"));
        for text in ["", "+", "1-", "20-10", "9-10", "1-+2", "1234567890123456789", "١", "1 ", "--", "+-+"] {
            assert!(Extension::parse(text).unwrap_err().contains("at most 18 digits"), "{text}");
        }
    }

    #[test]
    fn ranges_of_one_form_that_overlap_or_adjoin_are_one() {
        let set = |ranges: &[&str]| ranges.iter().map(|text| extension(text)).collect::<Extensions>().to_string();
        assert_eq!(set(&["20-29", "10-19", "25-35", "37"]), "10-35, 37");
        assert_eq!(set(&["+00", "99", "9", "00"]), "9, 00, 99, +00", "these are next to each other as they are kept");
        assert_eq!(set(&["100-999", "200-300"]), "100-999");
        let many: Extensions = (0..30).map(|i| extension(&format!("{}", 100 + 2 * i))).collect();
        assert!(many.to_string().ends_with("138 and 10 more"), "{many}");
    }

    fn ranges() -> impl Strategy<Value = Vec<Extension>> {
        // Around the end of one form and the beginning of the next.
        let range = (180..220_i64, 0..12_i64).prop_map(|(first, length)| {
            let last = if first < 200 { (first + length).min(199) } else { first + length };
            Extension::stored(first, last)
        });
        proptest::collection::vec(range, 0..8)
    }

    proptest! {
        #[test]
        fn sets_are_those_of_their_numbers(one in ranges(), two in ranges()) {
            let (first, second): (Extensions, Extensions) = (one.iter().copied().collect(), two.iter().copied().collect());
            let all: BTreeSet<_> = one.iter().flat_map(|range| range.first.0..=range.last.0).collect();
            prop_assert_eq!(numbers(&first), all.clone());
            prop_assert_eq!(first.count(), i64::try_from(all.len()).unwrap());
            let without = first.without(&second);
            prop_assert_eq!(numbers(&without), &all - &numbers(&second));
            prop_assert_eq!(without.0.iter().copied().collect::<Extensions>(), without, "in the fewest ranges");
            prop_assert_eq!(first.etag() == second.etag(), first == second);
            for range in &one {
                prop_assert!(first.range_of(range).is_some());
            }
        }

        #[test]
        fn what_is_given_to_a_user_is_taken_from_the_others_and_nothing_else_changes(
            steps in proptest::collection::vec((180..220_i64, 0..6_i64, 0..3_u128, any::<bool>()), 1..20),
        ) {
            let mut map = std::collections::BTreeMap::new();
            let mut held: Vec<Held> = Vec::new();
            for (first, length, user, gives) in steps {
                let last = if first < 200 { (first + length).min(199) } else { first + length };
                let (range, user) = (Extension::stored(first, last), UserId(Uuid::from_u128(user)));
                held = if gives { given(&held, range, user) } else { taken(&held, range) };
                for number in first..=last {
                    if gives { map.insert(number, user); } else { map.remove(&number); }
                }
                let found: Vec<_> = held.iter().flat_map(|held| {
                    (held.numbers.first.0..=held.numbers.last.0).map(|number| (number, held.user))
                }).sorted().collect();
                prop_assert_eq!(found, map.iter().map(|(number, user)| (*number, *user)).collect::<Vec<_>>());
            }
        }
    }
}
