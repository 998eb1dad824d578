//! Tokens of identity providers (JWT).
//!
//! What a token says of itself is only used to find the provider and the key that it must be verified with. How it may be signed is
//! the provider's record to say, never the token's.

use chrono::{DateTime, Utc};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::key_set::PublicKey;
use super::token::invalid;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::identity_provider::{IdentityProvider, SigningAlgorithm};
use crate::domain::name::Subject;

/// How far the clocks of providers may differ from ours.
const LEEWAY_SECONDS: u64 = 5;

/// The types of tokens that speak for somebody (RFC 7519, RFC 9068). Others, such as those that say that somebody has logged out,
/// are signed with the same keys.
const TYPES: &[&str] = &["jwt", "at+jwt", "application/at+jwt"];

/// What a token says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Who issued it.
    pub issuer: String,
    /// Which key signed it.
    pub kid: String,
    /// How.
    pub algorithm: SigningAlgorithm,
}

/// What a token proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// Who bears it.
    pub subject: Subject,
    /// When it was issued, in seconds.
    pub issued_at: i64,
}

impl Claimed {
    /// Whether that provider could have issued it: the issuer is the same, and its tokens may be signed in this way.
    pub fn may_be_of(&self, provider: &IdentityProvider) -> bool {
        provider.issuer.as_str() == self.issuer && provider.algorithms.contains(&self.algorithm)
    }
}

#[derive(Deserialize)]
struct Issuer {
    iss: String,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    iat: i64,
    exp: i64,
    #[serde(rename = "nbf")]
    _nbf: Option<i64>,
    /// A key that whoever sends the token has to show (RFC 7800), which no call does.
    cnf: Option<IgnoredAny>,
}

/// What a token says of itself; None: nothing that any provider's tokens could say.
pub fn read(token: &str) -> Option<Claimed> {
    let header = decode_header(token).ok()?;
    let speaks = header.typ.is_none_or(|typ| TYPES.iter().any(|known| typ.eq_ignore_ascii_case(known)));
    // What is critical is not understood here.
    if !speaks || header.crit.is_some() {
        return None;
    }
    let algorithm = SigningAlgorithm::ALL.iter().copied().find(|algorithm| library(*algorithm) == header.alg)?;
    let Issuer { iss } = jsonwebtoken::dangerous::insecure_decode_claims(token).ok()?;
    Some(Claimed { issuer: iss, kid: header.kid?, algorithm })
}

/// What a token proves that may be of that provider, if that key of it has signed it, for us, and its time has come and is not over.
pub fn verify(
    token: &str,
    claimed: &Claimed,
    provider: &IdentityProvider,
    key: &PublicKey,
    now: DateTime<Utc>,
) -> Result<Proven> {
    let audiences: Vec<_> = provider.audiences.iter().map(ToString::to_string).collect();
    let mut validation = Validation::new(library(claimed.algorithm));
    validation.set_issuer(&[provider.issuer.as_str()]);
    validation.set_audience(&audiences);
    validation.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
    validation.validate_nbf = true;
    validation.leeway = LEEWAY_SECONDS;
    let Claims { sub, iat, exp, cnf, .. } =
        decode(token, &key.key, &validation).map_err(|error| refused(error.kind()))?.claims;
    if cnf.is_some() {
        return Err(unusable("it is bound to a key of whoever may send it, which calls do not show"));
    }
    if iat < 0 || iat > now.timestamp() + LEEWAY_SECONDS as i64 || exp <= iat {
        return Err(unusable("it was issued in the future, or was never good"));
    }
    let subject = Subject::parse(&sub).map_err(|allowed| unusable(&format!("its subject {allowed}")))?;
    Ok(Proven { subject, issued_at: iat })
}

fn library(algorithm: SigningAlgorithm) -> Algorithm {
    match algorithm {
        SigningAlgorithm::Rs256 => Algorithm::RS256,
        SigningAlgorithm::Rs384 => Algorithm::RS384,
        SigningAlgorithm::Rs512 => Algorithm::RS512,
        SigningAlgorithm::Ps256 => Algorithm::PS256,
        SigningAlgorithm::Ps384 => Algorithm::PS384,
        SigningAlgorithm::Ps512 => Algorithm::PS512,
        SigningAlgorithm::Es256 => Algorithm::ES256,
        SigningAlgorithm::Es384 => Algorithm::ES384,
        SigningAlgorithm::EdDsa => Algorithm::EdDSA,
    }
}

/// Only who holds a token that the provider has signed is told what is wrong with it.
fn refused(kind: &ErrorKind) -> Error {
    match kind {
        ErrorKind::ExpiredSignature => {
            let text = "the token has expired; get a new one from its issuer";
            Refusal::new(Reason::TokenExpired, text).into()
        }
        ErrorKind::ImmatureSignature => unusable("its time has not come yet"),
        ErrorKind::InvalidAudience => {
            unusable("it is for somebody else: none of its audiences is one of the provider's")
        }
        ErrorKind::MissingRequiredClaim(claim) => unusable(&format!("it lacks {claim}")),
        _ => invalid(),
    }
}

fn unusable(why: &str) -> Error {
    Refusal::new(Reason::TokenInvalid, format!("the token can't be used: {why}")).into()
}
