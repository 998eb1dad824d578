//! The two participants: one in the database, where its effects pass the fence, and one outside, which remembers the newest
//! claim that it has heard of and refuses older ones (`src/ports.rs`).

use super::Leases;
use super::flaws::Flaw;
use super::world::{BUILT_IN, Claim, Ledger, OUTSIDE, Part, World};
use crate::work::Ask;

impl Ask {
    /// What the call does to a participant's part. It may come again, and finds what it has done.
    pub fn put(self, part: &mut Part) {
        match self {
            Self::Provision => part.set_up = true,
            Self::Freeze => part.frozen = true,
            Self::Thaw => part.frozen = false,
            Self::Purge => (part.set_up, part.frozen) = (false, false),
        }
    }

    /// Whether the participant need not be asked, by the ledger: `Ask::fulfilled` in `src/operations/participants.rs`.
    fn fulfilled(self, ledger: Ledger) -> bool {
        match self {
            Self::Provision => ledger.provisioned,
            Self::Freeze => ledger.frozen,
            Self::Thaw => false,
            Self::Purge => ledger.purged,
        }
    }

    /// What is written down when the participant has done its part.
    pub fn write_down(self, ledger: &mut Ledger) {
        match self {
            Self::Provision => ledger.provisioned = true,
            Self::Freeze => ledger.frozen = true,
            Self::Thaw => ledger.frozen = false,
            Self::Purge => ledger.purged = true,
        }
    }
}

impl Leases {
    /// The participants that a step has to ask, as bits.
    pub fn unasked(&self, world: &World, ask: Ask) -> u8 {
        let by_ledger = |ledger: Ledger| self.has(Flaw::ThawByTheLedger) && ask == Ask::Thaw && !ledger.frozen;
        let todo = |at: usize| !ask.fulfilled(world.ledger[at]) && !by_ledger(world.ledger[at]);
        u8::from(todo(BUILT_IN)) << BUILT_IN | u8::from(todo(OUTSIDE)) << OUTSIDE
    }

    /// The participant outside gets a call. Whether it did what it was asked for.
    pub fn arrives(&self, world: &mut World, claim: Claim, ask: Ask) -> bool {
        let part = &mut world.parts[OUTSIDE];
        let older = part.newest.is_some_and(|newest| match self.flaw {
            Some(Flaw::AnyClaimHeard) => false,
            Some(Flaw::ClaimsComparedWithinOneOperation) => {
                newest.operation == claim.operation && claim.epoch < newest.epoch
            }
            _ => claim < newest,
        });
        if !older {
            part.newest = Some(claim);
            ask.put(part);
        }
        !older
    }
}
