//! Texts in which case makes no difference, in any script.

use icu_casemap::{CaseMapper, CaseMapperBorrowed};
use unicode_normalization::UnicodeNormalization as _;

const CASES: CaseMapperBorrowed<'static> = CaseMapper::new();

/// A text in which two that differ in case or in the way that they are encoded are the same.
pub fn fold(text: &str) -> String {
    let composed: String = text.nfkc().collect();
    CASES.fold_string(&composed).nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_encoding_make_no_difference() {
        assert_eq!(fold("MÜLLER"), fold("mu\u{308}ller"));
        assert_eq!(fold("Straße"), "strasse");
        assert_eq!(fold("ΣΊΣΥΦΟΣ"), fold("σίσυφος"), "also at the end of a word");
        assert_eq!(fold("ＡＢＣ"), "abc");
        assert_eq!(fold("МОСКВА"), "москва");
    }
}
