//! Who is calling. Nothing here says what a caller may do.

pub mod api_key;
pub mod key_set;
pub mod password;
pub mod provider_token;
pub mod refresh_token;
pub mod seal;
pub mod token;

use serde::{Deserialize, Serialize};

use crate::domain::error::{Reason, Refusal, Result};
use crate::domain::id::{IdentityId, ServiceId, SessionId, TenantUid, UserId, UserRef};
use crate::domain::name::{ImpersonationReason, SpiffeId};

/// What a valid token says of its bearer. Whether it still holds is for the database to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The user and its home.
    pub user: UserRef,
    /// The tenant in which the caller works, and whose privileges count.
    pub active: TenantUid,
    /// What the token rests on.
    pub credential: Credential,
}

/// What a token rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Credential {
    /// A session: the token is ours.
    Session(SessionClaims),
    /// The word of an identity provider: the token is theirs.
    Identity(IdentityClaims),
}

/// What a token of ours says besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionClaims {
    /// The session that the token belongs to.
    pub id: SessionId,
    /// The user's epoch when the token was issued.
    pub user_epoch: i64,
    /// The active tenant's epoch when the token was issued.
    pub tenant_epoch: i64,
}

/// What a token of an identity provider says besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityClaims {
    /// What links its subject to the user.
    pub id: IdentityId,
    /// When it was issued, in seconds.
    pub issued_at: i64,
}

impl Caller {
    /// Somebody in some session.
    #[cfg(test)]
    pub fn in_session(user: UserRef, active: TenantUid) -> Self {
        let session = SessionClaims { id: SessionId::new(), user_epoch: 1, tenant_epoch: 1 };
        Self { user, active, credential: Credential::Session(session) }
    }

    /// The session, if the caller has one.
    pub fn session_id(&self) -> Option<SessionId> {
        match &self.credential {
            Credential::Session(session) => Some(session.id),
            Credential::Identity(_) => None,
        }
    }

    /// The session, for a call that is about it.
    pub fn session(&self) -> Result<&SessionClaims> {
        match &self.credential {
            Credential::Session(session) => Ok(session),
            Credential::Identity(_) => {
                let text = "the call is about the caller's session, and a token of an identity provider has none; begin one \
                            with CreateSession and id_token";
                Err(Refusal::new(Reason::SessionRequired, text).into())
            }
        }
    }
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
