//! SetImpersonationTarget and ListImpersonationTargets.
//!
//! Nobody changes the list while acting for an account: the policy of the call does not let it be made so.

use futures::FutureExt as _;

use crate::app::App;
use crate::app::users::held;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::id::UserId;
use crate::domain::impersonation::Target;
use crate::domain::page::{EXACT_TOTAL, Page};
use crate::store::impersonation_targets as targets;
use crate::store::tx::Tx;

/// An account that is to be a target, or none any more.
#[derive(Clone, Copy, Debug)]
pub struct SetTarget {
    /// Which account.
    pub user: UserId,
    /// Whether it is to be one.
    pub marked: bool,
}

impl App {
    /// Marks one of a tenant's own accounts as a target, or takes the mark away.
    pub async fn set_impersonation_target(&self, op: OpContext, input: SetTarget) -> Result<Target> {
        self.db.change(op, "set-impersonation-target", input, |tx, input| set(tx, *input).boxed()).await
    }

    /// A page of a tenant's targets by their user names, and how many there are, counted up to one more than [`EXACT_TOTAL`].
    pub async fn list_impersonation_targets(
        &self,
        op: OpContext,
        after: Option<String>,
        size: i64,
    ) -> Result<(Page<Target, String>, i64)> {
        let input = (after.unwrap_or_default(), size + 1);
        let read = self.db.read(op, "list-impersonation-targets", input, |tx, (after, limit)| {
            targets::page(tx, after, *limit, EXACT_TOTAL + 1).boxed()
        });
        let (rows, total) = read.await?;
        Ok((Page::cut(rows, size, |target| target.key.clone()), total))
    }
}

async fn set(tx: &mut Tx, input: SetTarget) -> Result<Target> {
    let account = held(tx, input.user).await?;
    account.check_at_home()?;
    tx.tell("marked", input.marked.to_string());
    targets::mark(tx, account.id, input.marked).await?;
    let marked = targets::one(tx, account.id).await?;
    marked.ok_or_else(|| Error::internal("user", "it went away in its own transaction"))
}
