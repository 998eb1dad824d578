//! Which issuers there are, in memory: a token that nobody vouches for costs the database nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use tokio::sync::Mutex;

use super::keys::{KeyRules, Keys};
use crate::app::App;
use crate::authn::provider_token::{self, Proven};
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::identity_provider::IdentityProvider;
use crate::ports::Documents;
use crate::store::identity_providers;

/// How old what is known of providers may be.
const OLDEST: Duration = Duration::from_secs(1);

/// What is known of identity providers.
pub struct Trust {
    pub(super) keys: Keys,
    known: Mutex<Option<Known>>,
}

struct Known {
    since: Instant,
    /// None: it could not be read.
    providers: Option<Arc<[Arc<IdentityProvider>]>>,
}

impl Trust {
    /// Nothing is known yet.
    pub fn new(documents: Arc<dyn Documents>, rules: KeyRules) -> Self {
        Self { keys: Keys::new(documents, rules), known: Mutex::default() }
    }

    /// Looks again when somebody asks: this replica has changed something.
    pub(super) async fn forget(&self) {
        *self.known.lock().await = None;
    }
}

impl App {
    /// What a token that is none of ours proves, and which provider vouches for it; None: no provider has anything to do with it.
    pub(in crate::app) async fn prove(&self, token: &str) -> Result<Option<(Arc<IdentityProvider>, Proven)>> {
        let Some(claimed) = provider_token::read(token) else { return Ok(None) };
        let providers = self.providers().await?;
        let Some(provider) = providers.iter().find(|provider| claimed.may_be_of(provider)) else { return Ok(None) };
        let Some(key) = self.trust.keys.find(provider, &claimed.kid, claimed.algorithm).await? else { return Ok(None) };
        #[expect(clippy::disallowed_methods, reason = "tokens carry times of their own, compared with a leeway")]
        let now = chrono::Utc::now();
        let proven = provider_token::verify(token, &claimed, provider, &key, now)?;
        Ok(Some((provider.clone(), proven)))
    }

    /// All providers. Those who ask while they are being read wait for that, and share what comes of it.
    async fn providers(&self) -> Result<Arc<[Arc<IdentityProvider>]>> {
        let mut known = self.trust.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.since.elapsed() < OLDEST) {
            return known.providers.clone().ok_or_else(unknown);
        }
        let op = OpContext::system(Purpose::Authenticate, None);
        let read = self.db.platform(op, "identity-providers", (), |tx, ()| identity_providers::every(tx).boxed()).await;
        let read = read.map(|providers| providers.into_iter().map(Arc::new).collect::<Arc<[_]>>());
        if let Ok(providers) = &read {
            self.trust.keys.retain(providers);
        }
        *known = Some(Known { since: Instant::now(), providers: read.as_ref().ok().cloned() });
        read
    }
}

fn unknown() -> Error {
    let text = "the database can't be reached, so nobody knows whose tokens count; try again";
    Refusal::new(Reason::StoreUnavailable, text).retry_after(OLDEST).into()
}
