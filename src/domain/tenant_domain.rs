//! The domain of a tenant: what it may be called, how a tenant shows that it is its own, and what becomes of what is found.
//!
//! It is operational once it is verified and secure. What is found to be wrong counts at once. That nobody answers says nothing
//! of the domain: one that works is left as it is until that has gone on for long.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::name::DomainName;

/// The domain of a tenant, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantDomain {
    /// The domain.
    pub name: DomainName,
    /// The value of the record by which the tenant shows that the domain is its own.
    pub challenge: String,
    /// Whether the record was there.
    pub verified: bool,
    /// Whether the domain shows a certificate that holds for it.
    pub secure: bool,
    /// What the last check misses, for people; empty: nothing.
    pub problem: String,
    /// Since when nobody answers, if the last check told nothing.
    pub silence: Option<Silence>,
    /// When it was checked last.
    pub checked_at: Option<DateTime<Utc>>,
}

/// Checks in a row in which nobody answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// How many.
    pub checks: i32,
    /// When the first of them was.
    pub since: DateTime<Utc>,
}

/// How much silence a domain that works is let through: either is not enough alone.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// So many checks in a row.
    pub checks: i32,
    /// From the first of them on.
    pub time: Duration,
}

/// What a check has found. The texts are for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// All is as it must be.
    Right,
    /// The record is not there.
    NoRecord(String),
    /// The record is there, but no certificate that holds.
    NoCertificate(String),
    /// Nobody answered.
    Silence(String),
}

impl TenantDomain {
    /// The name of the record by which the tenant shows that the domain is its own.
    pub fn record_name(&self) -> String {
        format!("_landlord-challenge.{}", self.name)
    }

    /// Whether people can log in by it.
    pub fn operational(&self) -> bool {
        self.verified && self.secure
    }

    /// What is wrong with the texts that stand at the name of the record.
    pub fn fault_of_record(&self, texts: &[String]) -> Option<String> {
        if texts.iter().any(|text| text.trim() == self.challenge) {
            return None;
        }
        let name = self.record_name();
        Some(match texts {
            [] => format!("there is no TXT record {name}"),
            _ => format!("the TXT record {name} has another value"),
        })
    }

    /// The domain after a check.
    #[must_use]
    pub fn after(self, found: &Found, now: DateTime<Utc>, patience: Patience) -> Self {
        let (verified, secure, silence, problem) = match found {
            Found::Right => (true, true, None, ""),
            Found::NoRecord(problem) => (false, false, None, problem.as_str()),
            Found::NoCertificate(problem) => (true, false, None, problem.as_str()),
            Found::Silence(problem) => {
                let before = self.silence.unwrap_or(Silence { checks: 0, since: now });
                let silence = Silence { checks: before.checks.saturating_add(1), since: before.since };
                let lasted = (now - silence.since).to_std().unwrap_or_default();
                let over = silence.checks >= patience.checks && lasted >= patience.time;
                (self.verified, self.operational() && !over, Some(silence), problem.as_str())
            }
        };
        Self { verified, secure, silence, problem: problem.to_owned(), checked_at: Some(now), ..self }
    }

    /// What is to be done for it to be operational; none: it is.
    pub fn advice(&self) -> Option<String> {
        if self.operational() {
            return None;
        }
        let what = if self.verified {
            self.problem.clone()
        } else {
            format!("create a TXT record {} with the value {}", self.record_name(), self.challenge)
        };
        Some(format!("nobody can log in by {} yet: {what}; VerifyTenantDomain checks it at once", self.name))
    }
}

/// A domain in lower case, as ASCII and without a dot at its end, or what is allowed.
pub(super) fn domain_name(text: &str) -> Result<String, String> {
    let allowed = || "must be a domain such as acme.example, of at most 253 characters, and no address".to_owned();
    let name = text.trim().strip_suffix('.').unwrap_or(text.trim());
    // Of what is longer than that not even the form is looked at.
    if name.len() > 1024 {
        return Err(allowed());
    }
    let name = idna::domain_to_ascii_strict(name).map_err(|_| allowed())?;
    let last = name.rsplit('.').next().unwrap_or_default();
    let fits = name.len() <= 253 && name.contains('.') && !last.bytes().all(|b| b.is_ascii_digit());
    if fits { Ok(name) } else { Err(allowed()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { checks: 3, time: Duration::from_secs(600) };

    fn domain() -> TenantDomain {
        TenantDomain {
            name: DomainName::parse("acme.example").unwrap(),
            challenge: "right".into(),
            verified: false,
            secure: false,
            problem: String::new(),
            silence: None,
            checked_at: None,
        }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn silence() -> Found {
        Found::Silence("nobody answers".into())
    }

    #[test]
    fn domains_are_kept_in_one_form() {
        for (written, kept) in [
            ("acme.example", "acme.example"),
            ("Portal.ACME.Example.", "portal.acme.example"),
            ("München.example", "xn--mnchen-3ya.example"),
            ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
            ("1.2.3.example", "1.2.3.example"),
        ] {
            assert_eq!(DomainName::parse(written).unwrap().as_str(), kept);
        }
    }

    #[test]
    fn what_is_no_domain_is_refused() {
        let long = format!("{}.example", ["x"; 124].join("."));
        for wrong in [
            "",
            ".",
            "localhost",
            "acme",
            "127.0.0.1",
            "1.2.3",
            "[::1]",
            "::1",
            "a..example",
            ".acme.example",
            "a b.example",
            "-a.example",
            "a-.example",
            "a_b.example",
            "https://acme.example",
            "acme.example/",
            "acme.example:443",
            "*.acme.example",
            "acme.example..",
            "a%2eb.example",
            &format!("{}.example", "x".repeat(64)),
            &long,
            "xn--a.example",
            "a\0.example",
        ] {
            assert!(DomainName::parse(wrong).is_err(), "{wrong}");
        }
        assert!(DomainName::parse(&long[4..]).is_ok_and(|name| name.as_str().len() <= 253), "{}", long.len());
    }

    #[test]
    fn a_domain_is_operational_with_its_record_and_a_certificate() {
        let domain = domain();
        assert!(
            domain
                .advice()
                .is_some_and(|advice| advice.contains("_landlord-challenge.acme.example with the value right"))
        );
        assert_eq!(domain.fault_of_record(&["other".into(), " right".into()]), None);
        assert!(domain.fault_of_record(&[]).is_some_and(|fault| fault.contains("no TXT record")));
        assert!(domain.fault_of_record(&["wrong".into()]).is_some_and(|fault| fault.contains("another value")));
        let verified = domain.after(&Found::NoCertificate("it has expired".into()), at(0), PATIENCE);
        assert!(verified.verified && !verified.operational());
        assert!(verified.advice().is_some_and(|advice| advice.contains("it has expired")));
        let working = verified.after(&Found::Right, at(1), PATIENCE);
        assert!(working.operational() && working.advice().is_none() && working.problem.is_empty());
        assert!(!working.after(&Found::NoRecord("gone".into()), at(2), PATIENCE).operational(), "at once");
    }

    #[test]
    fn silence_takes_a_working_domain_down_after_several_checks_and_a_while() {
        let working = domain().after(&Found::Right, at(0), PATIENCE);
        let silent = |from: TenantDomain, times: &[i64]| {
            times.iter().fold(from, |domain, seconds| domain.after(&silence(), at(*seconds), PATIENCE))
        };
        assert!(silent(working.clone(), &[1, 700]).operational(), "two checks");
        assert!(silent(working.clone(), &[1, 2, 3, 4, 599]).operational(), "ten minutes are not over");
        let down = silent(working.clone(), &[1, 2, 601]);
        assert!(!down.operational() && down.verified, "what was known of the record stands");
        let noisy = silent(working, &[1, 2]).after(&Found::Right, at(3), PATIENCE);
        assert!(silent(noisy, &[4, 604]).operational(), "an answer between begins anew");
        assert!(silent(down.clone(), &[602]).silence.is_some_and(|silence| silence.checks == 4));
        assert!(!silent(down, &[602]).operational());
    }
}
