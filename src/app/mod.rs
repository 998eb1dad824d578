//! The use cases, by noun. Each owns its transaction; none knows of gRPC.

mod administrators;
pub mod assets;
mod attempts;
pub mod backups;
pub mod bootstrap;
pub mod caller;
pub mod content;
pub mod directory;
pub mod domains;
pub mod events;
pub mod expiry;
pub mod extensions;
pub mod groups;
pub mod home;
pub mod identities;
pub mod impersonation;
pub mod licenses;
pub mod memberships;
pub mod operations;
pub mod passwords;
pub mod privileges;
pub mod roles;
pub mod servers;
pub mod service_callers;
pub mod service_identities;
pub mod sessions;
pub mod settings;
pub mod signing;
pub mod tenants;
pub mod users;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::authn::password::Passwords;
use crate::authn::seal::RootKey;
use crate::authn::token::Tokens;
use crate::ports::Participant;
use crate::snapshot::Snapshot;
use crate::store::tx::Db;
use crate::vault::Vault;

/// What the use cases work with. Clones share everything.
#[derive(Clone)]
pub struct App {
    /// The database.
    pub db: Db,
    /// Access tokens.
    pub tokens: Tokens,
    /// The root key.
    pub root: RootKey,
    /// Password hashes.
    pub passwords: Passwords,
    /// How long sessions last.
    pub sessions: SessionRules,
    /// Who keeps a part of each tenant.
    pub participants: Arc<[Arc<dyn Participant>]>,
    /// How the domains of tenants are looked at.
    pub domains: domains::DomainRules,
    /// The object store.
    pub vault: Vault,
    /// How content is kept there.
    pub content: content::ContentRules,
    /// What is known of identity providers.
    pub trust: Arc<identities::Trust>,
    /// The list of tenants, in memory.
    pub snapshot: Arc<Snapshot>,
    /// Tells workers and waiters of this process that something has changed. Others find out by polling.
    pub changed: Arc<watch::Sender<u64>>,
    /// Set when the process goes down, for those who wait in it.
    pub stopping: CancellationToken,
}

/// How long sessions last.
#[derive(Clone, Copy, Debug)]
pub struct SessionRules {
    /// From one refresh to the next, at most.
    pub refresh: Duration,
    /// How long after a refresh the token before it still works, for an answer that got lost.
    pub grace: Duration,
}

impl App {
    /// Wakes the workers and waiters of this process.
    pub fn notify(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }
}
