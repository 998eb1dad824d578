//! Identity providers, whose tokens count besides our own, and the users whom they speak for.
//!
//! Operators say which providers there are, administrators which users their subjects are. A token is verified with what is kept in
//! memory (`trust`, `keys`), no older than a second save for keys; whose it is, and that it still counts, each transaction reads anew.

mod keys;
mod link;
mod providers;
mod recognize;
mod trust;

pub use keys::KeyRules;
pub use link::LinkIdentity;
pub use providers::CreateIdentityProvider;
pub(super) use recognize::{MOST_ACCOUNTS, nobody, only};
pub use trust::Trust;
