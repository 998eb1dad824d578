//! What could be wrong with the design. Each flaw makes another model, in which the checker must find a broken law.

/// One thing done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Effects do not pass the fence.
    NoFence,
    /// The lease is looked at first, and the effect written afterwards.
    LookThenWrite,
    /// The end of an operation is committed before its undo.
    UndoAfterEnd,
    /// A claim does not raise the epoch.
    EpochStays,
    /// A worker that died is no failed attempt.
    DeathsDoNotCount,
    /// RetryOperation reads, and then writes without comparing.
    RetryWithoutCompare,
    /// A repeated request is carried out again.
    RepeatsForgotten,
    /// The deletion is cancelled, and what works on it goes on.
    CancelledWithoutFencing,
    /// The deletion can be cancelled when the purge has begun.
    CancelledPastNoReturn,
    /// A tenant is unlocked while it is thawed.
    UnlockedWhileThawed,
    /// A tenant is unlocked although its thaw was given up.
    UnlockedUnthawed,
    /// Thawing leaves alone who has not frozen by the ledger.
    ThawByTheLedger,
    /// A cancelled deletion leaves it in the ledger who has frozen, until he is thawed.
    FrozenByAnOldLedger,
    /// What a dead worker had is not taken over.
    NobodyTakesOver,
    /// The participant outside takes any call.
    AnyClaimHeard,
    /// The participant outside compares the epochs of one operation, and not those of different ones.
    ClaimsComparedWithinOneOperation,
}
