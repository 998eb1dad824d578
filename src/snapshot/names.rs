//! How names are compared: for people, in any script.

use std::sync::LazyLock;

use icu_collator::options::{CollatorOptions, Strength};
use icu_collator::{Collator, CollatorBorrowed, CollatorPreferences};

use crate::domain::fold::fold;

static COLLATOR: LazyLock<Option<CollatorBorrowed<'static>>> = LazyLock::new(|| {
    let mut options = CollatorOptions::default();
    // Accents decide after letters; case does not at all.
    options.strength = Some(Strength::Secondary);
    Collator::try_new(CollatorPreferences::default(), options)
        .inspect_err(|error| tracing::error!(%error, "names are sorted by their letters' numbers"))
        .ok()
});

/// What a name is sorted by.
pub(super) fn sort_key(name: &str) -> Box<[u8]> {
    let mut key = Vec::new();
    match COLLATOR.as_ref() {
        Some(collator) => {
            let Ok(()) = collator.write_sort_key_to(name, &mut key);
        }
        None => key.extend_from_slice(fold(name).as_bytes()),
    }
    key.into()
}

/// The letters of a folded text, each alone (with a zero) and with the one after it.
pub(super) fn grams(folded: &str) -> impl Iterator<Item = (char, char)> + '_ {
    let next = folded.chars().skip(1).chain(['\0']);
    let pairs = folded.chars().zip(next).filter(|(_, second)| *second != '\0');
    folded.chars().map(|letter| (letter, '\0')).chain(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_as_people_do() {
        let mut names = ["Zeta", "zebra", "Äpfel", "Apfel", "apricot", "Борис", "ägypten", "東京"];
        names.sort_by_key(|name| sort_key(name));
        assert_eq!(names, ["ägypten", "Apfel", "Äpfel", "apricot", "zebra", "Zeta", "Борис", "東京"]);
        assert_eq!(sort_key("ACME"), sort_key("acme"));
    }

    #[test]
    fn grams_are_letters_and_pairs() {
        let grams: Vec<_> = grams("abc").collect();
        assert_eq!(grams, [('a', '\0'), ('b', '\0'), ('c', '\0'), ('a', 'b'), ('b', 'c')]);
    }
}
