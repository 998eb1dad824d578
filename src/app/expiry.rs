//! Removes what has served its time.

use std::time::Duration;

use futures::FutureExt as _;

use super::App;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::store::expiry::{self, Expiring};
use crate::store::log_ins;

impl App {
    /// Removes old sessions and links, and the answers to request ids that are older than `repeat_window`.
    pub async fn remove_expired(&self, repeat_window: Duration) -> Result<()> {
        for what in Expiring::ALL {
            while !self.stopping.is_cancelled() && self.remove_batch(what, repeat_window).await? > 0 {}
        }
        Ok(())
    }

    /// Folds the log-ins of the past, which are a row each, into a row for each tenant and quarter of an hour.
    pub async fn fold_log_ins(&self) -> Result<()> {
        const MOST: i64 = 1000;
        let fold = || {
            let op = OpContext::system(Purpose::Expiry, None);
            self.db.platform(op, "fold-log-ins", MOST, |tx, most| log_ins::fold(tx, *most).boxed())
        };
        while !self.stopping.is_cancelled() && fold().await? > 0 {}
        Ok(())
    }

    async fn remove_batch(&self, what: Expiring, repeat_window: Duration) -> Result<usize> {
        let op = OpContext::system(Purpose::Expiry, None);
        let removed = self.db.platform(op, "remove-expired", (what, repeat_window), |tx, (what, window)| {
            expiry::remove(tx, *what, *window).boxed()
        });
        removed.await
    }
}
