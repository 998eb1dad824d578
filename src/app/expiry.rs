//! Removes what has served its time: the answers kept for repeated requests.

use std::time::Duration;

use futures::FutureExt as _;

use super::App;
use crate::authz::permit::Purpose;
use crate::context::OpContext;
use crate::domain::error::Result;
use crate::store::requests;

impl App {
    /// Forgets the answers that are older than `window`, in batches.
    pub async fn forget_requests(&self, window: Duration) -> Result<()> {
        loop {
            let op = OpContext::system(Purpose::Expiry, None);
            let gone =
                self.db.platform(op, "forget-requests", window, |tx, window| requests::forget(tx, *window).boxed());
            if gone.await? == 0 {
                return Ok(());
            }
        }
    }
}
