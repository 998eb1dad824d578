//! Identifiers, one type for each noun, so that one can't be given where another is meant.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new one, ordered by time.
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The one that is written as `text`, if it is a UUID.
            pub fn parse(text: &str) -> Option<Self> {
                Uuid::try_parse(text).ok().map(Self)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    )*};
}

ids! {
    /// A tenant, for ever: it is never given to another one.
    TenantUid;
    /// A user, whatever tenants it is assigned to.
    UserId;
    /// A session, from log-in to log-out.
    SessionId;
    /// A piece of long work.
    OperationId;
    /// A group of a tenant.
    GroupId;
    /// A role of a tenant.
    RoleId;
    /// What links a user to a subject of an identity provider.
    IdentityId;
    /// An activation or reset link.
    LinkId;
    /// A service identity, for ever.
    ServiceId;
    /// A store that has copies of backups.
    StoreId;
    /// A tenant's key.
    KeyId;
    /// A blob in the object store, which is written once.
    BlobId;
    /// An asset of a tenant.
    AssetId;
    /// A backup of a tenant.
    BackupId;
    /// An upload, by the request id that began it.
    UploadId;
    /// One life of a process, from boot to exit.
    BootId;
}

impl TenantUid {
    /// The infrastructure tenant, which is there from the first start on.
    pub const INFRASTRUCTURE: Self = Self(Uuid::from_u128(0x1111_1111_1111_1111_1111_1111_1111_1111));

    /// Whether this is the infrastructure tenant.
    pub fn is_infrastructure(self) -> bool {
        self == Self::INFRASTRUCTURE
    }
}

/// A user together with the tenant that is its home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UserRef {
    /// The home tenant.
    pub home: TenantUid,
    /// The user.
    pub user: UserId,
}
