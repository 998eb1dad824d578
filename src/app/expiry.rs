//! Removes what has served its time.

use std::time::Duration;

use futures::FutureExt as _;

use super::App;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::store::expiry::{self, Expiring};

impl App {
    /// Removes old sessions and links, and the answers to request ids that are older than `repeat_window`.
    pub async fn remove_expired(&self, repeat_window: Duration) -> Result<()> {
        for what in Expiring::ALL {
            while self.remove_batch(what, repeat_window).await? > 0 {}
        }
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
