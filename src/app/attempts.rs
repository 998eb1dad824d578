//! Who is meant by an attempt, and the refusal of those who have to wait. What is not there is counted as what is.

use std::net::IpAddr;
use std::time::Duration;

use super::App;
use crate::authn::seal::Purpose;
use crate::context::OpContext;
use crate::domain::attempts::{Counted, Slot};
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::store::attempts;
use crate::store::tx::Tx;

impl App {
    /// Where wrong passwords for an account are counted.
    pub(super) fn password_slots(&self, call: &OpContext, account: &str) -> Result<Vec<Slot>> {
        let address = address(call);
        Ok(vec![
            self.slot(Counted::Address, &address)?,
            self.slot(Counted::Account, account)?,
            self.slot(Counted::AccountFromAddress, &format!("{address}\n{account}"))?,
        ])
    }

    /// Where requests to reset the password of an account are counted: those of the address, and those of the account.
    pub(super) fn reset_slots(&self, call: &OpContext, account: &str) -> Result<[Slot; 2]> {
        Ok([self.slot(Counted::ResetsFromAddress, &address(call))?, self.slot(Counted::ResetsOfAccount, account)?])
    }

    /// Where look-ups of an address are counted that came to nothing.
    pub(super) fn look_up_slot(&self, call: &OpContext) -> Result<Slot> {
        self.slot(Counted::LookUpsFromAddress, &address(call))
    }

    fn slot(&self, counted: Counted, of: &str) -> Result<Slot> {
        let mac = self.root.mac(Purpose::Attempts, format!("{}\n{of}", counted as i32).as_bytes())?;
        let number = mac.iter().take(3).fold(0, |number, byte| number << 8 | i32::from(*byte)) >> 4;
        Ok(Slot { counted, number })
    }
}

/// Where a call comes from: one address, or, as those of version 6 are given out, one network.
fn address(call: &OpContext) -> String {
    match call.call().and_then(|call| call.client) {
        Some(IpAddr::V6(address)) if address.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}")
        }
        Some(address) => address.to_canonical().to_string(),
        None => String::new(),
    }
}

/// Refuses an attempt that comes too early.
pub(super) async fn check_wait(tx: &mut Tx, slots: &[Slot]) -> Result<()> {
    attempts::wait(tx, slots).await?.map_or(Ok(()), |wait| Err(too_early(wait)))
}

/// The refusal of an attempt that comes too early.
fn too_early(wait: Duration) -> Error {
    let wait = Duration::from_secs(wait.as_secs() + 1);
    let text = format!("too many attempts; try again in {} s", wait.as_secs());
    Refusal::new(Reason::RateLimited, text).retry_after(wait).into()
}
