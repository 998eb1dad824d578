//! The checker goes through the model, and finds each flaw.

use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model as _};

use super::Leases;
use super::flaws::Flaw;
use super::laws;

/// One whose states are counted in seconds.
const SMALL: Leases = Leases { workers: 2, calls: 3, faults: 1, attempts: 2, in_use: false, flaw: None };

/// One with more than five million.
const LARGE: Leases = Leases { calls: 5, faults: 2, ..SMALL };

/// Goes through all states, and gives their number.
fn goes_through(model: Leases) -> usize {
    let began = Instant::now();
    let checked = model.checker().threads(2).spawn_bfs().join();
    let (unique, depth) = (checked.unique_state_count(), checked.max_depth());
    println!("{model:?}: {unique} unique states, depth {depth}, {:?}", began.elapsed());
    checked.assert_properties();
    unique
}

#[test]
fn no_state_breaks_a_law() {
    goes_through(SMALL);
}

#[test]
#[ignore = "it takes a minute or two; `make model` runs it"]
fn none_of_five_million_states_breaks_a_law() {
    assert!(goes_through(LARGE) >= 5_000_000);
}

/// The law that the model breaks first.
fn broken_law(model: Leases) -> Option<&'static str> {
    let checked = model.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let found = checked.discoveries();
    laws::names().find(|law| found.contains_key(law))
}

#[test]
fn each_flaw_of_the_design_breaks_a_law() {
    use Flaw::{
        AnyClaimHeard, CancelledPastNoReturn, CancelledWithoutFencing, ClaimsComparedWithinOneOperation,
        DeathsDoNotCount, EpochStays, FrozenByAnOldLedger, LookThenWrite, NoFence, NobodyTakesOver, RepeatsForgotten,
        RetryWithoutCompare, ThawByTheLedger, UndoAfterEnd, UnlockedUnthawed, UnlockedWhileThawed,
    };
    let once = Leases { attempts: 1, ..SMALL };
    let in_use = Leases { in_use: true, ..once };
    for (flaw, model) in [
        (NoFence, SMALL),
        (LookThenWrite, SMALL),
        (UndoAfterEnd, once),
        (EpochStays, SMALL),
        (DeathsDoNotCount, once),
        (RetryWithoutCompare, once),
        (RepeatsForgotten, SMALL),
        (CancelledWithoutFencing, in_use),
        (CancelledPastNoReturn, in_use),
        (UnlockedWhileThawed, in_use),
        (UnlockedUnthawed, in_use),
        (ThawByTheLedger, in_use),
        (FrozenByAnOldLedger, in_use),
        (NobodyTakesOver, SMALL),
        (AnyClaimHeard, SMALL),
        (ClaimsComparedWithinOneOperation, SMALL),
    ] {
        let broken = broken_law(Leases { flaw: Some(flaw), ..model });
        println!("{flaw:?}: {broken:?}");
        assert!(broken.is_some(), "{flaw:?} is not noticed");
    }
}
