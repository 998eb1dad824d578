//! Access tokens (JWT, EdDSA, minutes).
//!
//! The algorithm is pinned here and never read from a token's header. Keys rotate: the newest signs, all that are known
//! verify, so that a token outlives the change of the key that signed it.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ActsFor, Bearer, Caller, Credential, SessionClaims};
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::{SessionId, TenantUid, UserId, UserRef};
use crate::domain::name::ImpersonationReason;

/// A key pair that signs access tokens.
#[derive(Clone)]
pub struct SigningKey {
    /// Its id, as in the header of each token.
    pub kid: String,
    /// PKCS #8, as it is sealed in the database.
    pub pkcs8: Vec<u8>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl SigningKey {
    /// A new key.
    pub fn generate(now: DateTime<Utc>) -> Result<Self> {
        let pair = Ed25519KeyPair::generate().map_err(|e| Error::internal("signing key", e))?;
        let pkcs8 = pair.to_pkcs8v1().map_err(|e| Error::internal("signing key", e))?.as_ref().to_vec();
        Ok(Self { kid: Uuid::now_v7().simple().to_string(), pkcs8, created_at: now })
    }
}

struct Loaded {
    signing: EncodingKey,
    verifying: DecodingKey,
    public: Vec<u8>,
}

#[derive(Default)]
struct Keys {
    signing: Option<String>,
    by_kid: BTreeMap<String, Loaded>,
}

/// How tokens are made and how long they last.
#[derive(Clone, Debug)]
pub struct TokenRules {
    /// `iss` of every token.
    pub issuer: String,
    /// `aud` of every token.
    pub audience: String,
    /// Life of an access token.
    pub access: Duration,
}

/// Issues and verifies access tokens.
#[derive(Clone)]
pub struct Tokens {
    rules: TokenRules,
    keys: Arc<RwLock<Keys>>,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    /// Whose rights count: the caller's, or those of the account that the caller acts for.
    sub: Uuid,
    iat: i64,
    exp: i64,
    jti: Uuid,
    /// Home tenant of that user.
    home: Uuid,
    /// Tenant in which they count.
    tenant: Uuid,
    /// Session of the caller, and epochs of the caller and of the tenant in which the session works.
    sid: Uuid,
    user_epoch: i64,
    tenant_epoch: i64,
    /// The caller, where the rights are another account's (RFC 8693).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    act: Option<Act>,
}

#[derive(Serialize, Deserialize)]
struct Act {
    sub: Uuid,
    home: Uuid,
    /// The tenant in which the caller's session works.
    tenant: Uuid,
    reason: ImpersonationReason,
}

impl Claims {
    fn bearer(self) -> Bearer {
        let (subject, tenant) = (UserId(self.sub), TenantUid(self.tenant));
        let (user, home, active, acts_for) = match self.act {
            None => (subject, TenantUid(self.home), tenant, None),
            Some(Act { sub, home, tenant: active, reason }) => {
                let acts_for = ActsFor { tenant, user: subject, reason };
                (UserId(sub), TenantUid(home), TenantUid(active), Some(acts_for))
            }
        };
        let session =
            SessionClaims { id: SessionId(self.sid), user_epoch: self.user_epoch, tenant_epoch: self.tenant_epoch };
        let caller = Caller { user: UserRef { home, user }, active, credential: Credential::Session(session) };
        Bearer { caller, acts_for }
    }
}

/// `typ` of our access tokens (RFC 9068).
const TYPE: &str = "at+jwt";
/// How long a new key is only published before it signs.
const LEAD: Duration = Duration::from_secs(600);
/// How far clocks of replicas may differ.
const LEEWAY_SECONDS: u64 = 5;

impl Tokens {
    /// No key is known yet.
    pub fn new(rules: TokenRules) -> Self {
        Self { rules, keys: Arc::default() }
    }

    /// Who issues them.
    pub fn issuer(&self) -> &str {
        &self.rules.issuer
    }

    /// Replaces the known keys. The newest that every replica has had the time to learn of signs from now on.
    pub fn set_keys(&self, keys: &[SigningKey], now: DateTime<Utc>) -> Result<()> {
        let mut known = Keys::default();
        for key in keys {
            let pair = Ed25519KeyPair::from_pkcs8(&key.pkcs8).map_err(|e| Error::internal("signing key", e))?;
            let public = pair.public_key().as_ref().to_vec();
            let loaded = Loaded {
                signing: EncodingKey::from_ed_der(&key.pkcs8),
                verifying: DecodingKey::from_ed_der(&public),
                public,
            };
            known.by_kid.insert(key.kid.clone(), loaded);
        }
        let by_age = |key: &&SigningKey| (key.created_at, key.kid.clone());
        let published = keys.iter().filter(|k| k.created_at + LEAD <= now).max_by_key(by_age);
        known.signing = published.or_else(|| keys.iter().min_by_key(by_age)).map(|k| k.kid.clone());
        *self.keys.write().unwrap_or_else(std::sync::PoisonError::into_inner) = known;
        Ok(())
    }

    /// An access token for the caller, and when it expires.
    pub fn issue(&self, caller: &Caller, now: DateTime<Utc>) -> Result<(String, DateTime<Utc>)> {
        self.sign(self.claims(caller, now, self.rules.access)?, now + self.rules.access)
    }

    /// An access token for the caller to act for an account, and when it expires.
    pub fn issue_acting(
        &self,
        caller: &Caller,
        acts_for: ActsFor,
        now: DateTime<Utc>,
        life: Duration,
    ) -> Result<(String, DateTime<Utc>)> {
        let ActsFor { tenant, user, reason } = acts_for;
        let claims = self.claims(caller, now, life)?;
        let act = Act { sub: claims.sub, home: claims.home, tenant: claims.tenant, reason };
        let (sub, home, tenant) = (user.0, tenant.0, tenant.0);
        self.sign(Claims { sub, home, tenant, act: Some(act), ..claims }, now + life)
    }

    fn claims(&self, caller: &Caller, now: DateTime<Utc>, life: Duration) -> Result<Claims> {
        let session = caller.session()?;
        Ok(Claims {
            iss: self.rules.issuer.clone(),
            aud: self.rules.audience.clone(),
            sub: caller.user.user.0,
            iat: now.timestamp(),
            exp: (now + life).timestamp(),
            jti: Uuid::new_v4(),
            home: caller.user.home.0,
            tenant: caller.active.0,
            sid: session.id.0,
            user_epoch: session.user_epoch,
            tenant_epoch: session.tenant_epoch,
            act: None,
        })
    }

    fn sign(&self, claims: Claims, expires: DateTime<Utc>) -> Result<(String, DateTime<Utc>)> {
        let keys = self.keys.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let signing = keys.signing.as_ref().and_then(|kid| Some((kid, keys.by_kid.get(kid)?)));
        let (kid, key) = signing.ok_or_else(|| Error::internal("signing key", "none is loaded"))?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(kid.clone());
        header.typ = Some(TYPE.into());
        let token = jsonwebtoken::encode(&header, &claims, &key.signing).map_err(|e| Error::internal("token", e))?;
        Ok((token, expires))
    }

    /// Who bears this token, if one of our keys signed it for us and its time is not over.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Bearer> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| invalid())?;
        if header.typ.as_deref() != Some(TYPE) || header.alg != Algorithm::EdDSA {
            return Err(invalid());
        }
        let keys = self.keys.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let key = header.kid.and_then(|kid| keys.by_kid.get(&kid)).ok_or_else(invalid)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&self.rules.issuer]);
        validation.set_audience(&[&self.rules.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.leeway = LEEWAY_SECONDS;
        let decoded = jsonwebtoken::decode::<Claims>(token, &key.verifying, &validation);
        let claims = decoded
            .map_err(|e| match e.kind() {
                jsonwebtoken::errors::ErrorKind::ExpiredSignature => expired(),
                _ => invalid(),
            })?
            .claims;
        if claims.iat > now.timestamp() + LEEWAY_SECONDS as i64 || claims.exp <= claims.iat {
            return Err(invalid());
        }
        Ok(claims.bearer())
    }

    /// The public keys as a JSON Web Key Set (RFC 7517, RFC 8037).
    pub fn key_set(&self) -> serde_json::Value {
        let keys = self.keys.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let keys: Vec<_> = keys
            .by_kid
            .iter()
            .map(|(kid, key)| {
                serde_json::json!({
                    "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid,
                    "x": URL_SAFE_NO_PAD.encode(&key.public),
                })
            })
            .collect();
        serde_json::json!({ "keys": keys })
    }
}

/// The refusal of what nobody who issues tokens has signed.
pub(super) fn invalid() -> Error {
    Refusal::new(Reason::TokenInvalid, "the access token is not valid; log in again").into()
}

fn expired() -> Error {
    Refusal::new(Reason::TokenExpired, "the access token has expired; refresh it with RefreshSession").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "the library compares with the real time")]
    fn now() -> DateTime<Utc> {
        Utc::now()
    }

    fn tokens() -> (Tokens, SigningKey) {
        let rules =
            TokenRules { issuer: "landlord".into(), audience: "landlord".into(), access: Duration::from_secs(300) };
        let (tokens, key) = (Tokens::new(rules), SigningKey::generate(now()).expect("key"));
        tokens.set_keys(std::slice::from_ref(&key), key.created_at).expect("keys");
        (tokens, key)
    }

    fn caller() -> Caller {
        let session = SessionClaims { id: SessionId::new(), user_epoch: 3, tenant_epoch: 4 };
        Caller {
            user: UserRef { home: TenantUid::new(), user: UserId::new() },
            active: TenantUid::new(),
            credential: Credential::Session(session),
        }
    }

    #[test]
    fn a_token_names_its_caller_until_it_expires() {
        let (tokens, _) = tokens();
        let (caller, now) = (caller(), now());
        let (token, expires) = tokens.issue(&caller, now).expect("token");
        assert_eq!(expires - now, chrono::TimeDelta::seconds(300));
        assert_eq!(tokens.verify(&token, now).expect("valid").caller, caller);
        let (old, _) = tokens.issue(&caller, now - Duration::from_secs(400)).expect("token");
        assert_eq!(tokens.verify(&old, now).expect_err("old").reason(), Some(Reason::TokenExpired));
        let (early, _) = tokens.issue(&caller, now + Duration::from_secs(60)).expect("token");
        assert_eq!(tokens.verify(&early, now).expect_err("of the future").reason(), Some(Reason::TokenInvalid));
    }

    #[test]
    fn an_exchanged_token_says_who_acts_for_whom_and_why() {
        let (tokens, _) = tokens();
        let (caller, now) = (caller(), now());
        let reason = ImpersonationReason::parse("ticket 4711").expect("a reason");
        let acts_for = ActsFor { tenant: TenantUid::new(), user: UserId::new(), reason };
        let (token, expires) =
            tokens.issue_acting(&caller, acts_for.clone(), now, Duration::from_secs(60)).expect("token");
        assert_eq!(expires - now, chrono::TimeDelta::seconds(60));
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("claims")).expect("claims");
        let claims: serde_json::Value = serde_json::from_slice(&claims).expect("claims");
        assert_eq!(claims["sub"], acts_for.user.to_string(), "the rights are the account's");
        assert_eq!(claims["act"]["sub"], caller.user.user.to_string());
        let bearer = Bearer { caller, acts_for: Some(acts_for) };
        assert_eq!(tokens.verify(&token, now).expect("valid"), bearer);
    }

    #[test]
    fn tokens_of_other_makers_are_refused() {
        let (tokens, key) = tokens();
        let now = now();
        let (token, _) = tokens.issue(&caller(), now).expect("token");
        let parts: Vec<_> = token.split('.').collect();
        let header = |json: &str| URL_SAFE_NO_PAD.encode(json);
        let none = header(&format!(r#"{{"alg":"none","typ":"at+jwt","kid":"{}"}}"#, key.kid));
        let public = tokens.key_set()["keys"][0]["x"].as_str().map(|x| URL_SAFE_NO_PAD.decode(x).expect("key"));
        let mut hs = Header::new(Algorithm::HS256);
        (hs.kid, hs.typ) = (Some(key.kid.clone()), Some(TYPE.into()));
        let claims: serde_json::Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).expect("claims")).expect("claims");
        let confused = jsonwebtoken::encode(&hs, &claims, &EncodingKey::from_secret(&public.expect("a key")));
        let retired = Tokens::new(tokens.rules.clone());
        retired.set_keys(&[SigningKey::generate(now).expect("key")], now).expect("keys");
        let (foreign, _) = retired.issue(&caller(), now).expect("token");
        for bad in [
            format!("{none}.{}.", parts[1]),
            format!("{none}.{}.{}", parts[1], parts[2]),
            confused.expect("token"),
            foreign,
            format!("{}.{}", parts[0], parts[1]),
            String::new(),
            token.replace('.', ".."),
        ] {
            assert_eq!(tokens.verify(&bad, now).expect_err("refused").reason(), Some(Reason::TokenInvalid), "{bad}");
        }
    }

    #[test]
    fn a_new_key_signs_and_the_old_one_still_verifies() {
        let (tokens, old) = tokens();
        let (caller, now) = (caller(), now());
        let (token, _) = tokens.issue(&caller, now).expect("token");
        let new = SigningKey::generate(now + Duration::from_secs(1)).expect("key");
        let kid = |token: &str| jsonwebtoken::decode_header(token).expect("header").kid;
        tokens.set_keys(&[old.clone(), new.clone()], now).expect("keys");
        let (early, _) = tokens.issue(&caller, now).expect("token");
        assert_eq!(kid(&early), Some(old.kid.clone()), "other replicas do not know the new key yet");
        tokens.set_keys(&[old.clone(), new.clone()], now + LEAD + Duration::from_secs(1)).expect("keys");
        assert_eq!(tokens.verify(&token, now).expect("valid").caller, caller);
        let (second, _) = tokens.issue(&caller, now).expect("token");
        assert_eq!(kid(&second), Some(new.kid.clone()));
        tokens.set_keys(&[new], now).expect("keys");
        assert_eq!(tokens.verify(&second, now).expect("valid").caller, caller);
        assert_eq!(tokens.verify(&token, now).expect_err("retired").reason(), Some(Reason::TokenInvalid));
    }
}
