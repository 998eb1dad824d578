//! The keys that sign access tokens: made, sealed, rotated, and loaded by every replica.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::FutureExt as _;

use super::App;
use crate::authn::seal::{Purpose as SealPurpose, RootKey};
use crate::authn::token::SigningKey;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::store::keys::{self, SealedKey};
use crate::store::tx::PlatformTx;

/// How long a key signs.
const SIGNS: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a key verifies after it has stopped signing: longer than any access token lasts.
const OVERLAPS: Duration = Duration::from_secs(2 * 3600);

impl App {
    /// Loads the signing keys; makes one when there is none or the newest has signed long enough. To be repeated: other
    /// replicas learn of a new key this way, well before the old one is gone.
    pub async fn load_signing_keys(&self) -> Result<()> {
        let op = OpContext::system(Purpose::Keys, None);
        let keys = self.db.platform(op, "signing-keys", self.root.clone(), |tx, root| rotate(tx, root).boxed()).await?;
        let (keys, now) = keys;
        self.tokens.set_keys(&keys, now)
    }
}

async fn rotate(tx: &mut PlatformTx, root: &RootKey) -> Result<(Vec<SigningKey>, DateTime<Utc>)> {
    let (stored, now) = keys::load_for_change(tx).await?;
    let newest = stored.iter().map(|key| key.created_at).max();
    let mut known = Vec::new();
    let mut newer: Option<DateTime<Utc>> = None;
    for key in stored.into_iter().rev() {
        if newer.is_some_and(|since| now > since + OVERLAPS) {
            keys::delete(tx, &key.kid).await?;
            continue;
        }
        newer = Some(key.created_at);
        let opened = root.open(SealPurpose::SigningKey, key.kid.as_bytes(), &key.sealed);
        let pkcs8 = opened.ok_or_else(|| {
            Error::internal(
                "signing key",
                "it was sealed by another root key; start with the root key that this database knows",
            )
        })?;
        known.push(SigningKey { kid: key.kid, pkcs8, created_at: key.created_at });
    }
    if newest.is_none_or(|since| now > since + SIGNS) {
        let key = SigningKey::generate(now)?;
        let sealed = root.seal(SealPurpose::SigningKey, key.kid.as_bytes(), &key.pkcs8)?;
        keys::insert(tx, &SealedKey { kid: key.kid.clone(), sealed, created_at: now }).await?;
        known.push(key);
    }
    Ok((known, now))
}
