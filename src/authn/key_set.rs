//! The public keys of an identity provider, from a JSON Web Key Set (RFC 7517).
//!
//! What can't verify a signature that is allowed here is left out: secrets that are shared, keys for encryption, unknown curves.

use jsonwebtoken::DecodingKey;
use serde::Deserialize;

use crate::domain::identity_provider::SigningAlgorithm;

/// The keys.
#[derive(Clone, Debug, Default)]
pub struct KeySet(Vec<PublicKey>);

/// One of them.
#[derive(Clone, Debug)]
pub struct PublicKey {
    kid: String,
    algorithms: Vec<SigningAlgorithm>,
    pub(super) key: DecodingKey,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// The keys of a document that is usable here; None: it is no key set.
    pub fn parse(document: &[u8]) -> Option<Self> {
        let document: Document = serde_json::from_slice(document).ok()?;
        let keys = document.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok().and_then(PublicKey::of));
        Some(Self(keys.collect()))
    }

    /// The key of that id, for a signature by that algorithm.
    pub fn find(&self, kid: &str, algorithm: SigningAlgorithm) -> Option<&PublicKey> {
        self.0.iter().find(|key| key.kid == kid && key.algorithms.contains(&algorithm))
    }
}

impl PublicKey {
    fn of(jwk: Jwk) -> Option<Self> {
        use SigningAlgorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        let verifies = jwk.purpose.is_none_or(|purpose| purpose == "sig")
            && jwk.key_ops.is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        let (mut algorithms, key) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => {
                let key = DecodingKey::from_rsa_components(jwk.n.as_deref()?, jwk.e.as_deref()?);
                (vec![Rs256, Rs384, Rs512, Ps256, Ps384, Ps512], key)
            }
            ("EC", Some(curve @ ("P-256" | "P-384"))) => {
                let key = DecodingKey::from_ec_components(jwk.x.as_deref()?, jwk.y.as_deref()?);
                (vec![if curve == "P-256" { Es256 } else { Es384 }], key)
            }
            ("OKP", Some("Ed25519")) => (vec![EdDsa], DecodingKey::from_ed_components(jwk.x.as_deref()?)),
            _ => return None,
        };
        if let Some(alg) = &jwk.alg {
            algorithms.retain(|algorithm| algorithm.name() == alg || (alg == "Ed25519" && *algorithm == EdDsa));
        }
        verifies.then_some(Self { kid: jwk.kid, algorithms, key: key.ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::SigningAlgorithm::{EdDsa, Es256, Es384, Ps256, Rs256};
    use super::*;

    fn set(keys: serde_json::Value) -> KeySet {
        KeySet::parse(serde_json::json!({ "keys": keys }).to_string().as_bytes()).expect("a key set")
    }

    #[test]
    fn a_key_verifies_what_its_type_and_its_own_word_allow() {
        let keys = set(serde_json::json!([
            { "kty": "RSA", "kid": "any", "n": "AQAB", "e": "AQAB" },
            { "kty": "RSA", "kid": "one", "n": "AQAB", "e": "AQAB", "alg": "RS256", "use": "sig" },
            { "kty": "EC", "kid": "small", "crv": "P-256", "x": "AQAB", "y": "AQAB", "key_ops": ["verify"] },
            { "kty": "EC", "kid": "large", "crv": "P-384", "x": "AQAB", "y": "AQAB" },
            { "kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": "AQAB" },
        ]));
        let fits = |kid: &str| {
            let of = SigningAlgorithm::ALL.iter().copied().filter(|algorithm| keys.find(kid, *algorithm).is_some());
            of.collect::<Vec<_>>()
        };
        assert_eq!(fits("any").len(), 6);
        assert!(fits("any").contains(&Ps256));
        assert_eq!(fits("one"), [Rs256]);
        assert_eq!(fits("small"), [Es256]);
        assert_eq!(fits("large"), [Es384]);
        assert_eq!(fits("ed"), [EdDsa]);
    }

    #[test]
    fn what_verifies_nothing_is_left_out_and_spoils_nothing() {
        let keys = set(serde_json::json!([
            { "kty": "oct", "kid": "a", "k": "c2VjcmV0" },
            { "kty": "RSA", "kid": "b", "n": "AQAB", "e": "AQAB", "use": "enc" },
            { "kty": "RSA", "kid": "c", "n": "AQAB", "e": "AQAB", "key_ops": ["encrypt"] },
            { "kty": "RSA", "kid": "d", "n": "AQAB", "e": "AQAB", "alg": "HS256" },
            { "kty": "RSA", "n": "AQAB", "e": "AQAB" },
            { "kty": "RSA", "kid": "f", "e": "AQAB" },
            { "kty": "EC", "kid": "g", "crv": "secp256k1", "x": "AQAB", "y": "AQAB" },
            { "kty": "OKP", "kid": "h", "crv": "X25519", "x": "AQAB" },
            { "kty": 1 },
            "what",
            { "kty": "OKP", "kid": "good", "crv": "Ed25519", "x": "AQAB", "future": {} },
        ]));
        let found = |kid: &str| SigningAlgorithm::ALL.iter().any(|algorithm| keys.find(kid, *algorithm).is_some());
        assert!(["a", "b", "c", "d", "f", "g", "h"].iter().all(|kid| !found(kid)) && found("good"));
    }

    #[test]
    fn what_is_no_key_set_is_told_from_one_without_keys() {
        assert!(set(serde_json::json!([])).find("a", Rs256).is_none());
        for other in ["", "{}", "[]", r#"{"keys": {}}"#, "<html>", "\u{0}"] {
            assert!(KeySet::parse(other.as_bytes()).is_none(), "{other}");
        }
    }
}
