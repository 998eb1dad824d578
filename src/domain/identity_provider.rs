//! Identity providers: whose tokens count besides our own, and whom they speak for.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::error::{Error, Result};
use super::id::{IdentityId, TenantUid, UserRef};
use super::name::{Audience, Issuer, KeysAddress, Subject};
use super::names::names;

names! {
    /// How a token may be signed. All are asymmetric: whoever verifies can't sign.
    SigningAlgorithm {
        /// RSA, PKCS #1 v1.5 with SHA-256.
        Rs256 = "RS256",
        /// RSA, PKCS #1 v1.5 with SHA-384.
        Rs384 = "RS384",
        /// RSA, PKCS #1 v1.5 with SHA-512.
        Rs512 = "RS512",
        /// RSA, PSS with SHA-256.
        Ps256 = "PS256",
        /// RSA, PSS with SHA-384.
        Ps384 = "PS384",
        /// RSA, PSS with SHA-512.
        Ps512 = "PS512",
        /// ECDSA on P-256.
        Es256 = "ES256",
        /// ECDSA on P-384.
        Es384 = "ES384",
        /// Ed25519.
        EdDsa = "EdDSA",
    }
}

/// An identity provider. Issuer, keys and tenant never change: users were linked in view of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityProvider {
    /// Its id, for ever.
    pub id: String,
    /// `iss` of its tokens.
    pub issuer: Issuer,
    /// Where its keys are; none: where its discovery document says.
    pub keys: Option<KeysAddress>,
    /// For whose users alone it speaks, with the code; none: for those of every tenant but the infrastructure tenant.
    pub tenant: Option<(TenantUid, String)>,
    /// One of them is in `aud` of its tokens.
    pub audiences: Vec<Audience>,
    /// How its tokens may be signed.
    pub algorithms: Vec<SigningAlgorithm>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
    /// Grows with each change.
    pub version: i64,
}

impl IdentityProvider {
    /// How many there may be at most: each replica keeps all in memory.
    pub const MOST: i64 = 1000;

    /// `identityProviders/{provider}`.
    pub fn name(&self) -> String {
        name(&self.id)
    }

    /// What callers send back to be sure that nobody was faster.
    pub fn etag(&self) -> String {
        format!("\"{:x}\"", self.version)
    }

    /// Refuses a change of a provider that is not as the caller has read it.
    pub fn check_etag(&self, sent: &str) -> Result<()> {
        if sent.is_empty() || sent == self.etag() { Ok(()) } else { Err(Error::stale(self.name())) }
    }
}

/// `identityProviders/{provider}`.
pub fn name(id: &str) -> String {
    format!("identityProviders/{id}")
}

/// Whether a provider for that tenant, or for none in particular, speaks for users who are at home there.
pub fn speaks_for(provider_of: Option<TenantUid>, home: TenantUid) -> bool {
    provider_of.map_or(!home.is_infrastructure(), |tenant| tenant == home)
}

/// An identity provider to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewIdentityProvider {
    /// Its id.
    pub id: String,
    /// `iss` of its tokens.
    pub issuer: Issuer,
    /// Where its keys are; none: where its discovery document says.
    pub keys: Option<KeysAddress>,
    /// `aud` of its tokens.
    pub audiences: Vec<Audience>,
    /// How its tokens may be signed.
    pub algorithms: Vec<SigningAlgorithm>,
}

/// What to change of an identity provider; what is None stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityProviderPatch {
    /// New `aud` of its tokens.
    pub audiences: Option<Vec<Audience>>,
    /// How its tokens may be signed from now on.
    pub algorithms: Option<Vec<SigningAlgorithm>>,
}

/// How many identities a user may have.
pub const MOST_OF_A_USER: usize = 20;

/// What a user is for an identity provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserIdentity {
    /// Id of the provider.
    pub provider: String,
    /// Who the user is there.
    pub subject: Subject,
    /// Since when that counts.
    pub created_at: DateTime<Utc>,
}

/// An account that a subject of an identity provider is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkedAccount {
    /// What links the two.
    pub identity: IdentityId,
    /// The account.
    pub user: UserRef,
}

/// The address of an issuer: https, or http on this machine, as it stands.
pub(super) fn issuer(text: &str) -> Result<String, String> {
    let fits = |url: &Url| url.query().is_none() && text.len() <= 255;
    if url(text).as_ref().is_some_and(fits) {
        return Ok(text.to_owned());
    }
    Err("must be an address such as https://login.example, of at most 255 characters, without query and fragment; http is \
         for loopback addresses alone"
        .to_owned())
}

/// The address of a key set: https, or http on this machine.
pub(super) fn web_address(text: &str) -> Result<String, String> {
    if text.len() <= 2000 && url(text).is_some() {
        return Ok(text.to_owned());
    }
    Err("must be an address such as https://login.example/keys, of at most 2000 characters, without fragment; http is for \
         loopback addresses alone"
        .to_owned())
}

fn url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok().filter(|_| text.bytes().all(|b| b.is_ascii_graphic()))?;
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let sheltered = match url.scheme() {
        "https" => url.has_host(),
        "http" => is_loopback(&url),
        _ => false,
    };
    (plain && sheltered).then_some(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        Some(Host::Domain(_)) | None => false,
    }
}

/// An audience or a subject: compared as it stands.
pub(super) fn audience(text: &str) -> Result<String, String> {
    let fits = (1..=255).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits {
        Ok(text.to_owned())
    } else {
        Err("must have 1 to 255 characters, none of them a control character".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_safe_addresses_and_stay_as_they_are_written() {
        for good in ["https://login.example", "https://Login.example/a/", "http://127.0.0.1:80/x", "http://[::1]:8080"]
        {
            assert_eq!(Issuer::parse(good).expect(good).as_str(), good);
        }
        let long = format!("https://login.example/{}", "x".repeat(255));
        for bad in [
            "",
            "login.example",
            "http://login.example",
            "http://localhost:8080",
            "ftp://login.example",
            "https://",
            "https://user@login.example",
            "https://login.example?a",
            "https://login.example#a",
            " https://login.example",
            "https://login\n.example",
            "https://lögin.example",
            &long,
        ] {
            assert!(Issuer::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn who_is_at_home_in_the_infrastructure_tenant_needs_a_provider_for_it() {
        let (infrastructure, acme, beta) = (TenantUid::INFRASTRUCTURE, TenantUid::new(), TenantUid::new());
        assert!(speaks_for(None, acme) && !speaks_for(None, infrastructure));
        assert!(speaks_for(Some(acme), acme) && !speaks_for(Some(acme), beta));
        assert!(speaks_for(Some(infrastructure), infrastructure) && !speaks_for(Some(acme), infrastructure));
    }

    #[test]
    fn nothing_that_whoever_verifies_could_sign_is_an_algorithm() {
        for name in ["none", "NONE", "None", "HS256", "HS384", "HS512", "rs256", ""] {
            assert_eq!(SigningAlgorithm::parse(name), None, "{name}");
        }
    }
}
