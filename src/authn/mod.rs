//! Who is calling. Nothing here says what a caller may do.

pub mod password;
pub mod seal;
pub mod token;

use serde::{Deserialize, Serialize};

use crate::domain::id::{SessionId, TenantUid, UserRef};

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
