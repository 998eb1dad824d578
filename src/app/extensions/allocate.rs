//! AllocateExtension and ReleaseExtension.

use futures::FutureExt as _;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::app::users::held;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::domain::extension::{Extension, Held, Stretch, given, not_the_tenants, taken, told};
use crate::domain::id::UserId;
use crate::store::tx::Tx;
use crate::store::{extension_list, extensions};

/// Numbers that a user is to have, or to have no longer.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Who.
    pub user: UserId,
    /// Which.
    pub numbers: Extension,
}

/// Whose numbers were taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Taken {
    /// Code of the tenant.
    pub tenant_code: String,
    /// Which, and who had them: others before a user got them, or the user who was to have them no longer.
    pub from: Vec<Stretch>,
}

impl App {
    /// Gives numbers of the tenant to a user of it. Those that others have move.
    pub async fn allocate_extension(&self, op: OpContext, wanted: Wanted) -> Result<Taken> {
        self.db.change(op, "allocate-extension", wanted, |tx, wanted| allocate(tx, *wanted).boxed()).await
    }

    /// Takes numbers from a user, as far as the user has them.
    pub async fn release_extension(&self, op: OpContext, wanted: Wanted) -> Result<Taken> {
        self.db.change(op, "release-extension", wanted, |tx, wanted| release(tx, *wanted).boxed()).await
    }
}

async fn allocate(tx: &mut Tx, Wanted { user, numbers }: Wanted) -> Result<Taken> {
    let account = held(tx, user).await?;
    account.check_ordinary()?;
    account.check_member()?;
    let ranges = extensions::load(tx).await?.numbers;
    ranges.range_of(&numbers).ok_or_else(|| not_the_tenants(&ranges))?;
    tx.tell("extension", numbers.to_string());
    let before = extensions::held_about(tx, numbers).await?;
    extensions::hand_over(tx, &before, &given(&before, numbers, user), &ranges).await?;
    let others: Vec<_> = before.into_iter().filter(|held| held.user != user).collect();
    from(tx, account.tenant_code, numbers, &others).await
}

async fn release(tx: &mut Tx, Wanted { user, numbers }: Wanted) -> Result<Taken> {
    let account = held(tx, user).await?;
    tx.tell("extension", numbers.to_string());
    let ranges = extensions::load(tx).await?.numbers;
    let mut before = extensions::held_about(tx, numbers).await?;
    before.retain(|held| held.user == user);
    extensions::hand_over(tx, &before, &taken(&before, numbers), &ranges).await?;
    from(tx, account.tenant_code, numbers, &before).await
}

/// Tells who had which of the numbers.
async fn from(tx: &mut Tx, tenant_code: String, numbers: Extension, before: &[Held]) -> Result<Taken> {
    let parts = before.iter().filter_map(|held| held.part_in(&numbers)).collect();
    let from = extension_list::with_names(tx, parts).await?;
    if !from.is_empty() {
        tx.tell("taken", told(&from));
    }
    Ok(Taken { tenant_code, from })
}
