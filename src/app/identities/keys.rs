//! The keys of identity providers, fetched when they are needed.
//!
//! Keys are fetched when there are none yet, when those that are there are old, and when a token names one that is not among them:
//! one fetch of a provider at a time, and the next one not before some time has passed, however many tokens come. Whoever needs
//! what is being fetched waits for it; everybody else goes on. Where a fetch fails, the keys until then count for a while.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::authn::key_set::{KeySet, PublicKey};
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::identity_provider::{IdentityProvider, SigningAlgorithm};
use crate::domain::name::{Issuer, KeysAddress};
use crate::ports::{Documents, Unanswered};

/// How long keys are good for.
#[derive(Clone, Copy, Debug)]
pub struct KeyRules {
    /// After so long they are fetched anew.
    pub fresh: Duration,
    /// For so long they count when that fails.
    pub keep: Duration,
    /// From one fetch of a provider's keys to the next, at least.
    pub between: Duration,
}

/// The keys of all providers.
pub(super) struct Keys {
    documents: Arc<dyn Documents>,
    rules: KeyRules,
    by_provider: RwLock<BTreeMap<String, Arc<Kept>>>,
}

/// What is kept of one provider.
struct Kept {
    /// Whose and where they are: a provider may have the id of one that was there before.
    source: (Issuer, Option<KeysAddress>),
    fetched: RwLock<Option<Fetched>>,
    /// Held while a fetch is under way: when the last one began, and how it ended.
    flight: Arc<Mutex<Option<Flight>>>,
}

struct Fetched {
    keys: KeySet,
    at: Instant,
}

struct Flight {
    began: Instant,
    failed: bool,
}

impl Keys {
    pub(super) fn new(documents: Arc<dyn Documents>, rules: KeyRules) -> Self {
        Self { documents, rules, by_provider: RwLock::default() }
    }

    /// The key of that id for that algorithm; None: the provider has none.
    pub(super) async fn find(
        &self,
        provider: &IdentityProvider,
        kid: &str,
        algorithm: SigningAlgorithm,
    ) -> Result<Option<PublicKey>> {
        let kept = self.of(provider);
        if let Some(key) = kept.find(kid, algorithm, self.rules.fresh) {
            return Ok(Some(key));
        }
        let mut flight = kept.flight.clone().lock_owned().await;
        // Whoever was here before may have fetched it.
        if let Some(key) = kept.find(kid, algorithm, self.rules.fresh) {
            return Ok(Some(key));
        }
        if flight.as_ref().is_none_or(|last| last.began.elapsed() >= self.rules.between) {
            flight = self.fetch(provider.clone(), kept.clone(), flight).await?;
        }
        let failed = flight.as_ref().is_some_and(|last| last.failed);
        drop(flight);
        match kept.find(kid, algorithm, if failed { self.rules.keep } else { self.rules.fresh }) {
            None if failed => Err(unreachable(self.rules.between)),
            found => Ok(found),
        }
    }

    /// Forgets the keys of providers that are not among these any more.
    pub(super) fn retain(&self, providers: &[Arc<IdentityProvider>]) {
        let there = |id: &String, kept: &Kept| providers.iter().any(|p| p.id == *id && source(p) == kept.source);
        self.by_provider.write().unwrap_or_else(PoisonError::into_inner).retain(|id, kept| there(id, kept));
    }

    fn of(&self, provider: &IdentityProvider) -> Arc<Kept> {
        let same = |kept: &&Arc<Kept>| kept.source == source(provider);
        let known = self.by_provider.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = known.get(&provider.id).filter(same) {
            return kept.clone();
        }
        drop(known);
        let mut known = self.by_provider.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = known.get(&provider.id).filter(same) {
            return kept.clone();
        }
        let kept = Arc::new(Kept { source: source(provider), fetched: RwLock::default(), flight: Arc::default() });
        known.insert(provider.id.clone(), kept.clone());
        kept
    }

    /// Fetches the keys, in a task of its own: a caller who hangs up must not leave the others without an answer.
    async fn fetch(
        &self,
        provider: IdentityProvider,
        kept: Arc<Kept>,
        mut flight: OwnedMutexGuard<Option<Flight>>,
    ) -> Result<OwnedMutexGuard<Option<Flight>>> {
        let documents = self.documents.clone();
        let task = tokio::spawn(async move {
            let began = Instant::now();
            let fetched = key_set(documents.as_ref(), &provider).await;
            *flight = Some(Flight { began, failed: fetched.is_err() });
            match fetched {
                Ok(keys) => {
                    let fetched = Some(Fetched { keys, at: Instant::now() });
                    *kept.fetched.write().unwrap_or_else(PoisonError::into_inner) = fetched;
                }
                Err(Unanswered(why)) => {
                    tracing::warn!(provider = %provider.name(), why, "the keys of an identity provider can't be fetched");
                }
            }
            flight
        });
        task.await.map_err(|e| Error::internal("fetching keys", e))
    }
}

impl Kept {
    fn find(&self, kid: &str, algorithm: SigningAlgorithm, good_for: Duration) -> Option<PublicKey> {
        let fetched = self.fetched.read().unwrap_or_else(PoisonError::into_inner);
        let fetched = fetched.as_ref().filter(|fetched| fetched.at.elapsed() < good_for)?;
        fetched.keys.find(kid, algorithm).cloned()
    }
}

fn source(provider: &IdentityProvider) -> (Issuer, Option<KeysAddress>) {
    (provider.issuer.clone(), provider.keys.clone())
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

async fn key_set(documents: &dyn Documents, provider: &IdentityProvider) -> Result<KeySet, Unanswered> {
    let address = match &provider.keys {
        Some(address) => address.clone(),
        None => discover(documents, provider).await?,
    };
    let document = documents.fetch(address.as_str()).await?;
    KeySet::parse(&document).ok_or_else(|| Unanswered(format!("{address} has no key set")))
}

/// Where the keys are, as the discovery document says (OpenID Connect Discovery 1.0). One that is about another issuer says nothing.
async fn discover(documents: &dyn Documents, provider: &IdentityProvider) -> Result<KeysAddress, Unanswered> {
    let issuer = provider.issuer.as_str();
    let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let document = documents.fetch(&address).await?;
    let wrong = |what: &str| Unanswered(format!("{address} {what}"));
    let found: Discovery = serde_json::from_slice(&document).map_err(|_| wrong("is no discovery document"))?;
    if found.issuer != issuer {
        return Err(wrong("is about another issuer"));
    }
    let keys = KeysAddress::parse(&found.jwks_uri).ok();
    // A provider elsewhere has nothing to say about what listens on this machine.
    let keys = keys.filter(|keys| issuer.starts_with("http://") || keys.as_str().starts_with("https://"));
    keys.ok_or_else(|| wrong("names no address of keys that is safe to ask"))
}

fn unreachable(wait: Duration) -> Error {
    let text =
        "the identity provider that issued the token does not tell its keys; try again, or log in with a password";
    Refusal::new(Reason::IdentityProviderUnreachable, text).retry_after(wait).into()
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::domain::name::Audience;

    struct Script(&'static str);

    #[async_trait]
    impl Documents for Script {
        async fn fetch(&self, address: &str) -> Result<Vec<u8>, Unanswered> {
            assert_eq!(address, "https://login.example/a/.well-known/openid-configuration");
            Ok(self.0.as_bytes().to_vec())
        }
    }

    async fn discovered(document: &'static str) -> Option<String> {
        #[expect(clippy::disallowed_methods, reason = "no time matters here")]
        let now = chrono::Utc::now();
        let provider = IdentityProvider {
            id: "corp".into(),
            issuer: Issuer::parse("https://login.example/a/").expect("an issuer"),
            keys: None,
            tenant: None,
            audiences: vec![Audience::parse("us").expect("an audience")],
            algorithms: vec![SigningAlgorithm::EdDsa],
            created_at: now,
            updated_at: now,
            version: 1,
        };
        discover(&Script(document), &provider).await.ok().map(|address| address.to_string())
    }

    #[tokio::test]
    async fn a_provider_elsewhere_does_not_send_us_to_this_machine() {
        let fine = r#"{"issuer": "https://login.example/a/", "jwks_uri": "https://keys.example/", "more": 1}"#;
        assert_eq!(discovered(fine).await.as_deref(), Some("https://keys.example/"));
        assert_eq!(
            discovered(r#"{"issuer": "https://login.example/a/", "jwks_uri": "http://127.0.0.1/"}"#).await,
            None
        );
        assert_eq!(
            discovered(r#"{"issuer": "https://login.example/a", "jwks_uri": "https://keys.example/"}"#).await,
            None
        );
    }
}
