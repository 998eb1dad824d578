//! Hashing of passwords with argon2id: memory-hard, so it runs off the async threads and only a few at a time.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use crate::domain::error::{Error, Result};

/// Makes and checks hashes of passwords.
#[derive(Clone)]
pub struct Passwords {
    argon2: Argon2<'static>,
    /// What an unknown user's password is compared with, so that the answer takes as long as a known one's.
    decoy: Arc<str>,
    slots: Arc<Semaphore>,
}

impl Passwords {
    /// Hashes with `memory_kib` KiB of memory and `iterations` passes, at most `slots` at a time.
    pub fn new(memory_kib: u32, iterations: u32, slots: usize) -> Result<Self> {
        let params =
            Params::new(memory_kib, iterations, 1, None).map_err(|e| Error::internal("argon2 parameters", e))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let decoy = argon2.hash_password(b"nobody has this password").map_err(|e| Error::internal("argon2", e))?;
        Ok(Self { argon2, decoy: decoy.to_string().into(), slots: Arc::new(Semaphore::new(slots.max(1))) })
    }

    /// The hash to store, in PHC form.
    pub async fn hash(&self, password: SecretString) -> Result<String> {
        let argon2 = self.argon2.clone();
        self.off_thread(move || {
            let hash = argon2.hash_password(password.expose_secret().as_bytes());
            hash.map(|h| h.to_string()).map_err(|e| Error::internal("argon2", e))
        })
        .await?
    }

    /// Whether the password is the one that the hash was made of. Without a hash it never is, and that takes as long.
    pub async fn verify(&self, password: SecretString, hash: Option<String>) -> Result<bool> {
        let argon2 = self.argon2.clone();
        let known = hash.is_some();
        let hash: Arc<str> = hash.map_or_else(|| self.decoy.clone(), Into::into);
        self.off_thread(move || {
            let parsed = PasswordHash::new(&hash).map_err(|e| Error::internal("stored password hash", e))?;
            Ok(argon2.verify_password(password.expose_secret().as_bytes(), &parsed).is_ok() && known)
        })
        .await?
    }

    /// Does work that takes a while and much memory, in turn with all other of its kind.
    pub async fn off_thread<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let slots = self.slots.clone();
        let permit = slots.acquire_owned().await.map_err(|e| Error::internal("password slots", e))?;
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        })
        .await
        .map_err(|e| Error::internal("password thread", e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_fits_and_no_hash_fits_none() {
        let passwords = Passwords::new(64, 1, 2).expect("parameters");
        let hash = passwords.hash("several unrelated words".into()).await.expect("hash");
        assert!(hash.starts_with("$argon2id$"));
        assert!(passwords.verify("several unrelated words".into(), Some(hash.clone())).await.expect("verify"));
        assert!(!passwords.verify("several unrelated word".into(), Some(hash)).await.expect("verify"));
        assert!(!passwords.verify("nobody has this password".into(), None).await.expect("verify"));
    }
}
