//! Who is calling. Nothing here says what a caller may do.

pub mod api_key;
pub mod password;
pub mod refresh_token;
pub mod seal;
pub mod token;

use serde::{Deserialize, Serialize};

use crate::domain::id::{ServiceId, SessionId, TenantUid, UserId, UserRef};
use crate::domain::name::{ImpersonationReason, SpiffeId};

/// What a valid access token says of its bearer. Whether it still holds is for the database to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The user and its home.
    pub user: UserRef,
    /// The session that the token belongs to.
    pub session: SessionId,
    /// The tenant in which the caller works, and whose privileges count.
    pub active: TenantUid,
    /// The user's epoch when the token was issued.
    pub user_epoch: i64,
    /// The active tenant's epoch when the token was issued.
    pub tenant_epoch: i64,
}

/// Who bears a valid access token, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// The caller.
    pub caller: Caller,
    /// The account that the caller acts for, if the token was exchanged for that.
    pub acts_for: Option<ActsFor>,
}

/// For whom the bearer of an exchanged token acts. Whether that still may be is for the database to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActsFor {
    /// The tenant of the account.
    pub tenant: TenantUid,
    /// The account.
    pub user: UserId,
    /// Why, as the caller gave it.
    pub reason: ImpersonationReason,
}

/// How a service shows who it is. Whether that still holds is for the database to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// By a key, of which this is the hash.
    Key(ServiceId, Vec<u8>),
    /// By a certificate that was verified, with this SPIFFE id and no other.
    Certificate(SpiffeId),
}
