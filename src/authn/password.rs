//! Hashing of passwords with argon2id: memory-hard, so it runs off the async threads and only a few at a time.

use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use super::seal::random;
use crate::domain::error::{Error, Result};

/// Makes and checks hashes of passwords.
#[derive(Clone)]
pub struct Passwords {
    params: Params,
    /// What an unknown user's password is compared with, so that the answer takes as long as a known one's.
    decoy: Arc<str>,
    slots: Arc<Semaphore>,
    memory: Memory,
}

/// Memory of hashes that are done, for those to come: if so much of it came and went each time, what comes between would tear it apart.
type Memory = Arc<Mutex<Vec<Vec<Block>>>>;

/// KiB and passes of a stored hash that is still tried, at most, unless new ones take more. It may have come with a backup.
const MOST: (u32, u32) = (128 << 10, 64);

impl Passwords {
    /// Hashes with `memory_kib` KiB of memory and `iterations` passes, at most `slots` at a time.
    pub fn new(memory_kib: u32, iterations: u32, slots: usize) -> Result<Self> {
        let params = Params::new(memory_kib, iterations, 1, None);
        let params = params.map_err(|e| Error::internal("argon2 parameters", e))?;
        // Its memory is not kept: nobody may ever log in here.
        let decoy = hash(&params, &Memory::default(), b"nobody has this password")?;
        let (slots, memory) = (Arc::new(Semaphore::new(slots.max(1))), Memory::default());
        Ok(Self { params, decoy: decoy.into(), slots, memory })
    }

    /// The hash to store, in PHC form.
    pub async fn hash(&self, password: SecretString) -> Result<String> {
        let (params, memory) = (self.params.clone(), self.memory.clone());
        self.off_thread(move || hash(&params, &memory, password.expose_secret().as_bytes())).await?
    }

    /// Whether the password is the one that the hash was made of. Without a hash it never is, and that takes as long.
    pub async fn verify(&self, password: SecretString, hash: Option<String>) -> Result<bool> {
        let known = hash.is_some();
        let hash: Arc<str> = hash.map_or_else(|| self.decoy.clone(), Into::into);
        let (params, memory) = (self.params.clone(), self.memory.clone());
        let fits = move || fits(&params, &memory, &hash, password.expose_secret().as_bytes());
        Ok(self.off_thread(fits).await?? && known)
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

fn hash(params: &Params, memory: &Memory, password: &[u8]) -> Result<String> {
    let salt = Salt::new(&random::<16>()?).map_err(|e| Error::internal("salt", e))?;
    let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
    let argon2 = Argon2::new(algorithm, version, params.clone());
    let hash = compute(&argon2, memory, password, &salt, Params::DEFAULT_OUTPUT_LEN)?;
    let params = ParamsString::try_from(params).map_err(|e| Error::internal("argon2 parameters", e))?;
    let version = Some(version.into());
    Ok(PasswordHash { algorithm: algorithm.ident(), version, params, salt: Some(salt), hash: Some(hash) }.to_string())
}

fn fits(new: &Params, memory: &Memory, stored: &str, password: &[u8]) -> Result<bool> {
    let strange = |e: &dyn std::fmt::Display| Error::internal("stored password hash", e.to_string());
    let stored = PasswordHash::new(stored).map_err(|e| strange(&e))?;
    let algorithm = Algorithm::try_from(stored.algorithm.as_str()).map_err(|e| strange(&e))?;
    let version = stored.version.map_or(Ok(Version::V0x13), Version::try_from).map_err(|e| strange(&e))?;
    let params = Params::try_from(&stored).map_err(|e| strange(&e))?;
    let (Some(salt), Some(wanted)) = (stored.salt, stored.hash) else { return Err(strange(&"it is cut off")) };
    if params.m_cost() > new.m_cost().max(MOST.0) || params.t_cost() > new.t_cost().max(MOST.1) {
        tracing::warn!(
            kib = params.m_cost(),
            passes = params.t_cost(),
            "a stored password hash takes too much: it fits none"
        );
        return Ok(false);
    }
    // What takes more than new ones do is rare, and its memory is not kept.
    let large = Memory::default();
    let memory = if params.block_count() > new.block_count() { &large } else { memory };
    // Compared in the same time whatever it is.
    Ok(compute(&Argon2::new(algorithm, version, params), memory, password, &salt, wanted.len())? == wanted)
}

fn compute(argon2: &Argon2<'_>, memory: &Memory, password: &[u8], salt: &[u8], bytes: usize) -> Result<Output> {
    let free = || memory.lock().unwrap_or_else(PoisonError::into_inner);
    let mut blocks = free().pop().unwrap_or_default();
    blocks.resize(argon2.params().block_count(), Block::default());
    let mut hash = vec![0; bytes];
    let hashed = argon2.hash_password_into_with_memory(password, salt, &mut hash, &mut blocks);
    free().push(blocks);
    hashed.map_err(|e| Error::internal("argon2", e))?;
    Output::new(&hash).map_err(|e| Error::internal("argon2", e))
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

    #[tokio::test]
    async fn hashes_that_were_made_otherwise_still_fit_unless_they_take_too_much() {
        let (old, new) = (Passwords::new(128, 2, 1).unwrap(), Passwords::new(64, 1, 1).unwrap());
        let hash = old.hash("several unrelated words".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=128,t=2,p=1$"), "{hash}");
        assert!(new.verify("several unrelated words".into(), Some(hash.clone())).await.unwrap());
        assert!(!new.verify("several unrelated word".into(), Some(hash.clone())).await.unwrap());
        for costs in ["m=4194304,t=1,p=1", "m=64,t=4000000,p=1"] {
            let hash = hash.replace("m=128,t=2,p=1", costs);
            assert!(!new.verify("several unrelated words".into(), Some(hash)).await.unwrap(), "{costs}");
        }
        // Made by another program.
        let known = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        assert!(new.verify("password".into(), Some(known.into())).await.unwrap());
        let kept = || new.memory.lock().unwrap().iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(kept(), [0; 0], "what they took is not kept");
        assert!(!new.verify("password".into(), None).await.unwrap());
        new.hash("password".into()).await.unwrap();
        assert_eq!(kept(), [64], "one at a time takes the same memory again");
    }
}
