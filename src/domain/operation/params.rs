//! What each kind of long work is asked for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Kind;
use crate::domain::asset::AssetKind;
use crate::domain::id::{AssetId, BackupId, TenantUid, UserId};
use crate::domain::name::{Email, PersonName, UserName};
use crate::domain::names::names;
use crate::domain::restore::{FromBackup, Restore};

/// What an operation needs to know from the start. The variant is its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Params {
    /// See [`Kind::Provision`].
    Provision {
        /// The first administrator, if one was asked for.
        admin: Option<InitialAdmin>,
        /// What it begins with, if that is not nothing.
        #[serde(default)]
        from: Option<Box<FromBackup>>,
    },
    /// See [`Kind::PrepareDeletion`].
    PrepareDeletion {},
    /// See [`Kind::Thaw`].
    Thaw {},
    /// See [`Kind::Purge`].
    Purge {},
    /// See [`Kind::ForceDeletion`].
    ForceDeletion {},
    /// See [`Kind::DeliverMail`].
    DeliverMail {
        /// Which mail.
        mail: Mail,
        /// To whom.
        user: UserId,
    },
    /// See [`Kind::CollectContent`].
    CollectContent {},
    /// See [`Kind::BackUp`].
    BackUp {
        /// Which backup is made.
        backup: BackupId,
        /// Of which assets; none: of all.
        #[serde(default)]
        assets: Vec<AssetId>,
    },
    /// See [`Kind::ImportBackup`].
    ImportBackup {
        /// Which backup it becomes.
        backup: BackupId,
    },
    /// See [`Kind::VerifyBackup`].
    VerifyBackup {
        /// Which is read.
        backup: BackupId,
        /// Whether no more than its seals is looked at.
        #[serde(default)]
        seals_only: bool,
    },
    /// See [`Kind::CopyBackups`].
    CopyBackups {},
    /// See [`Kind::Restore`].
    Restore(Restore),
    /// See [`Kind::CopyAssets`].
    CopyAssets {
        /// Which.
        assets: Vec<AssetId>,
        /// To which tenant.
        destination: TenantUid,
        /// What the ids of the copies follow from: whoever begins again finds what was copied.
        set: Uuid,
    },
    /// See [`Kind::RestoreAssets`].
    RestoreAssets {
        /// The backup that has them.
        backup: BackupId,
        /// Which; none: all of these kinds.
        assets: Vec<AssetId>,
        /// Of which kinds.
        kinds: BTreeSet<AssetKind>,
    },
    /// See [`Kind::AssignRecordings`].
    AssignRecordings {
        /// What the ids follow from that recordings have where they belong.
        set: Uuid,
    },
}

impl Params {
    /// The kind that they are for.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Provision { .. } => Kind::Provision,
            Self::PrepareDeletion {} => Kind::PrepareDeletion,
            Self::Thaw {} => Kind::Thaw,
            Self::Purge {} => Kind::Purge,
            Self::ForceDeletion {} => Kind::ForceDeletion,
            Self::DeliverMail { .. } => Kind::DeliverMail,
            Self::CollectContent {} => Kind::CollectContent,
            Self::BackUp { .. } => Kind::BackUp,
            Self::ImportBackup { .. } => Kind::ImportBackup,
            Self::VerifyBackup { .. } => Kind::VerifyBackup,
            Self::CopyBackups {} => Kind::CopyBackups,
            Self::Restore(_) => Kind::Restore,
            Self::CopyAssets { .. } => Kind::CopyAssets,
            Self::RestoreAssets { .. } => Kind::RestoreAssets,
            Self::AssignRecordings { .. } => Kind::AssignRecordings,
        }
    }
}

names! {
    /// The mails that Landlord sends. `domain/mail/` has the texts of each.
    Mail {
        /// User name, log-in address and an activation link.
        Activation = "activation",
        /// A link to set a new password.
        Reset = "reset",
    }
}

/// The first administrator of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitialAdmin {
    /// For log-in.
    pub user_name: UserName,
    /// Where the activation link goes.
    pub email: Email,
    /// Given name.
    pub given_name: PersonName,
    /// Family name.
    pub family_name: PersonName,
}
