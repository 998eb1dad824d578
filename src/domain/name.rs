//! What names may look like. Each type is made by `parse` alone, whose error says what is allowed.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use unicode_security::MixedScript as _;

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident($rule:path);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The name, or what is allowed instead.
            pub fn parse(text: &str) -> Result<Self, String> {
                $rule(text).map(Self)
            }

            /// A name that was parsed before it was stored.
            pub fn stored(text: String) -> Self {
                Self(text)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

texts! {
    /// The code of a tenant, in resource names and at log-in: `[a-z][a-z0-9-]{1,38}[a-z0-9]`.
    TenantCode(code);
    /// A name that people see, of a tenant or a group: 1 to 200 characters.
    DisplayName(display_name);
    /// A company's name: up to 200 characters, also none.
    CompanyName(company_name);
    /// The name that a user logs in with: 1 to 64 characters of one script.
    UserName(user_name);
    /// An e-mail address.
    Email(email);
    /// A given or family name: up to 100 characters, also none.
    PersonName(person_name);
    /// A time zone by its IANA name.
    TimeZone(time_zone);
    /// What an operator has to say: up to 500 characters, also none.
    Note(note);
    /// Why somebody acts for another account: 1 to 500 characters.
    ImpersonationReason(impersonation_reason);
    /// Where a server stands: up to 63 characters, also none.
    Region(region);
    /// A language by its tag, such as `en` or `de-CH`.
    Locale(locale);
    /// The language that a user reads, by its tag with an upper-case region; also none: the tenant's.
    Language(language);
    /// What a group or a role is for: up to 500 characters, also none.
    Description(note);
    /// The name of a role: 1 to 100 characters.
    RoleName(role_name);
    /// The name of an asset: 1 to 255 characters.
    AssetName(asset_name);
    /// The name of a privilege that a tenant defines: up to 200 characters, also none.
    PrivilegeName(company_name);
    /// The domain of a tenant, in lower case and as ASCII.
    DomainName(super::tenant_domain::domain_name);
    /// The name of a tenant's product: up to 100 characters, also none.
    ProductName(person_name);
    /// Where a tenant's logo is: an address that begins with `https://`, also none.
    LogoUrl(super::branding::logo_url);
    /// A colour, `#rrggbb`, also none.
    Color(super::branding::color);
    /// Who issues tokens: an address, compared byte by byte.
    Issuer(super::identity_provider::issuer);
    /// Where an identity provider publishes its keys.
    KeysAddress(super::identity_provider::web_address);
    /// For whom tokens are: 1 to 255 characters.
    Audience(super::identity_provider::audience);
    /// Who somebody is for an identity provider: 1 to 255 characters.
    Subject(super::identity_provider::audience);
    /// The SPIFFE id of a workload.
    SpiffeId(super::service_identity::spiffe_id);
    /// The name of a kind of licences: `[a-z][a-z0-9-]{0,38}`.
    LicenseKind(license_kind);
}

/// Codes that mean something else where a code may stand.
const RESERVED: &[&str] = &["infrastructure", "system", "landlord"];

/// An id that is written like a code, such as a server's.
pub fn slug(text: &str) -> Result<String, String> {
    let bytes = text.as_bytes();
    let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
    let fits = (3..=40).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes.iter().all(inner)
        && bytes.last() != Some(&b'-');
    if !fits {
        return Err("must be 3 to 40 characters: lower-case letters, digits and hyphens, beginning with a letter and not ending with a hyphen".into());
    }
    Ok(text.to_owned())
}

fn license_kind(text: &str) -> Result<String, String> {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let fits = text.len() <= 39 && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.bytes().all(inner);
    if fits {
        return Ok(text.to_owned());
    }
    Err("must be 1 to 39 lower-case letters, digits and hyphens, beginning with a letter".into())
}

fn code(text: &str) -> Result<String, String> {
    let text = slug(text)?;
    if RESERVED.contains(&text.as_str()) { Err(format!("is reserved: {text}")) } else { Ok(text) }
}

impl TenantCode {
    /// The code of the infrastructure tenant, which nobody else can have.
    pub fn infrastructure() -> Self {
        Self("infrastructure".into())
    }

    /// A code made from a display name by transliteration, if enough of it is left.
    pub fn derive(name: &DisplayName) -> Option<Self> {
        let ascii = deunicode::deunicode(name.as_str()).to_lowercase();
        let words: Vec<String> =
            ascii.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect();
        let joined = words.join("-");
        let from_letter = joined.trim_start_matches(|c: char| !c.is_ascii_lowercase());
        let cut: String = from_letter.chars().take(40).collect();
        Self::parse(cut.trim_end_matches('-')).ok()
    }

    /// The code with a random ending, for when the plain one is taken or there is none.
    pub fn random(stem: Option<&Self>) -> Self {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let stem: String = stem.map_or("t", Self::as_str).chars().take(31).collect();
        Self(format!("{}-{}", stem.trim_end_matches('-'), &id[..8]))
    }
}

/// NFC, trimmed, within bounds, and without characters that hide or reorder text.
fn visible(text: &str, least: usize, most: usize) -> Result<String, String> {
    let text: String = text.trim().nfc().collect();
    let count = text.chars().count();
    if count < least || count > most {
        return Err(format!("must have {least} to {most} characters"));
    }
    if text.chars().any(hidden) {
        return Err("must not have control characters or characters that change the direction of text".into());
    }
    Ok(text)
}

fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

fn display_name(text: &str) -> Result<String, String> {
    visible(text, 1, 200)
}

fn asset_name(text: &str) -> Result<String, String> {
    visible(text, 1, 255)
}

fn company_name(text: &str) -> Result<String, String> {
    visible(text, 0, 200)
}

fn person_name(text: &str) -> Result<String, String> {
    visible(text, 0, 100)
}

fn note(text: &str) -> Result<String, String> {
    visible(text, 0, 500)
}

fn impersonation_reason(text: &str) -> Result<String, String> {
    visible(text.trim(), 1, 500)
}

fn region(text: &str) -> Result<String, String> {
    visible(text, 0, 63)
}

fn locale(text: &str) -> Result<String, String> {
    let part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let language = text.split('-').next().unwrap_or_default();
    let fits = (2..=35).contains(&text.len())
        && (2..=3).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_alphabetic())
        && text.split('-').all(part);
    if fits { Ok(text.to_owned()) } else { Err("must be the tag of a language, such as en or de-CH".into()) }
}

fn language(text: &str) -> Result<String, String> {
    let of = |part: &str, lengths: std::ops::RangeInclusive<usize>, fits: fn(&u8) -> bool| {
        lengths.contains(&part.len()) && part.bytes().all(|b| fits(&b))
    };
    let script = |part: &str| {
        let (first, rest) = part.split_at(part.len().min(1));
        part.len() == 4 && of(first, 1..=1, u8::is_ascii_uppercase) && of(rest, 3..=3, u8::is_ascii_lowercase)
    };
    let region = |part: &str| of(part, 2..=2, u8::is_ascii_uppercase) || of(part, 3..=3, u8::is_ascii_digit);
    let parts: Vec<_> = text.split('-').collect();
    let fits = text.is_ascii()
        && match parts.as_slice() {
            [""] => true,
            [language, rest @ ..] if of(language, 2..=3, u8::is_ascii_lowercase) => match rest {
                [] => true,
                [one] => script(one) || region(one),
                [one, two] => script(one) && region(two),
                _ => false,
            },
            _ => false,
        };
    if fits {
        Ok(text.to_owned())
    } else {
        Err("must be the tag of a language, such as en, de-CH or sr-Latn-RS".into())
    }
}

fn role_name(text: &str) -> Result<String, String> {
    visible(text, 1, 100)
}

fn user_name(text: &str) -> Result<String, String> {
    let text = visible(text, 1, 64)?;
    if text.contains(['@', '/']) || text.chars().any(char::is_whitespace) {
        return Err("must not have spaces, `@` or `/`".into());
    }
    if !text.as_str().is_single_script() {
        return Err("must not mix scripts".into());
    }
    Ok(text)
}

impl UserName {
    /// The form in which two names that look alike but for their case are the same.
    pub fn key(&self) -> String {
        self.0.to_lowercase().nfc().collect()
    }
}

fn email(text: &str) -> Result<String, String> {
    let allowed = || String::from("must be an e-mail address such as name@example.com, at most 254 characters");
    let text = visible(text, 3, 254).map_err(|_| allowed())?;
    let (local, host) = text.rsplit_once('@').ok_or_else(allowed)?;
    let host_fits = host.contains('.')
        && host.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        });
    let local_fits = !local.is_empty()
        && local.len() <= 64
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c));
    if local_fits && host_fits { Ok(text) } else { Err(allowed()) }
}

impl TimeZone {
    /// Its clocks.
    pub fn clocks(&self) -> chrono_tz::Tz {
        self.as_str().parse().unwrap_or(chrono_tz::Tz::UTC)
    }
}

fn time_zone(text: &str) -> Result<String, String> {
    match text.parse::<chrono_tz::Tz>() {
        Ok(zone) => Ok(zone.name().to_owned()),
        Err(_) => Err("must be an IANA time zone such as Europe/Berlin".into()),
    }
}

/// Labels: what operators hang on a resource.
pub type Labels = std::collections::BTreeMap<String, String>;

/// The labels, or what is allowed instead.
pub fn labels(labels: Labels) -> Result<Labels, String> {
    if labels.len() > 64 {
        return Err("must be at most 64 labels".into());
    }
    for (key, value) in &labels {
        let mut bytes = key.bytes();
        let first = bytes.next().is_some_and(|b| b.is_ascii_lowercase());
        let rest = bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_./-".contains(&b));
        if !first || !rest || key.len() > 63 {
            return Err("keys must match [a-z][a-z0-9_./-]{0,62}".into());
        }
        if value.chars().count() > 63 || value.chars().any(hidden) {
            return Err("values must have at most 63 characters and no control characters".into());
        }
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_derived_by_transliteration() {
        let derived =
            |name: &str| TenantCode::derive(&DisplayName::parse(name).expect("a name")).map(|c| c.as_str().to_owned());
        assert_eq!(derived("Acme Ltd.").as_deref(), Some("acme-ltd"));
        assert_eq!(derived("Müller & Söhne").as_deref(), Some("muller-sohne"));
        assert_eq!(derived("Москва").as_deref(), Some("moskva"));
        assert_eq!(derived("42"), None);
        assert_eq!(derived("!!"), None);
    }

    #[test]
    fn every_derived_or_random_code_is_a_code() {
        proptest::proptest!(|(name in "\\PC{1,200}")| {
            if let Ok(name) = DisplayName::parse(&name) {
                let derived = TenantCode::derive(&name);
                if let Some(code) = &derived {
                    assert!(TenantCode::parse(code.as_str()).is_ok(), "{code}");
                }
                let random = TenantCode::random(derived.as_ref());
                assert!(TenantCode::parse(random.as_str()).is_ok(), "{random}");
            }
        });
    }

    #[test]
    fn languages_are_tags_with_script_and_region_as_they_are_written() {
        for good in ["", "en", "gsw", "de-CH", "sr-Latn", "sr-Latn-RS", "es-419"] {
            assert!(Language::parse(good).is_ok(), "{good}");
        }
        for bad in ["e", "EN", "en-", "en-us", "english", "sr-latn", "de-CH-1996", "en_US", "-", "é", "en-é"] {
            assert!(Language::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn user_names_of_one_script_pass_and_mixed_ones_do_not() {
        assert!(UserName::parse("a").is_ok());
        assert!(UserName::parse("ольга").is_ok());
        assert!(UserName::parse("p\u{430}ypal").is_err(), "a Cyrillic letter among Latin ones");
        assert!(UserName::parse("a\u{202E}b").is_err(), "a change of direction");
        assert!(UserName::parse("").is_err());
        assert!(UserName::parse(&"x".repeat(65)).is_err());
    }
}
