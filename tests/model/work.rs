//! What work on a tenant consists of: the steps of each kind, as the files in `src/operations/` have them, and its undo.

use landlord::domain::lifecycle::LockReason::Provisioning;
use landlord::domain::lifecycle::Node::{Active, Failed, Gone, Locked, Prepared, PreparingDeletion};
use landlord::domain::operation::Kind;

use super::rules::Tenant;

/// What a step asks of every participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    Provision,
    Freeze,
    Thaw,
    Purge,
}

/// A step: first the participants, then what it does to the tenant. None: the tenant does not stand where it should.
pub struct Step {
    pub ask: Option<Ask>,
    pub inside: fn(Tenant) -> Option<Tenant>,
}

const fn asks(ask: Ask) -> Step {
    Step { ask: Some(ask), inside: Some }
}

const fn moves(inside: fn(Tenant) -> Option<Tenant>) -> Step {
    Step { ask: None, inside }
}

/// The steps of a kind, in order.
pub const fn steps(kind: Kind) -> &'static [Step] {
    match kind {
        Kind::Provision => const { &[asks(Ask::Provision), moves(activate)] },
        Kind::PrepareDeletion => const { &[asks(Ask::Freeze), moves(prepared)] },
        Kind::Thaw => const { &[Step { ask: Some(Ask::Thaw), inside: thawed }] },
        Kind::Purge => const { &[asks(Ask::Purge), moves(gone)] },
        Kind::ForceDeletion => const { &[asks(Ask::Freeze), moves(past_return), asks(Ask::Purge), moves(gone)] },
        // A restore does not lead a tenant anywhere else; tests/backups tries it.
        Kind::DeliverMail
        | Kind::CollectContent
        | Kind::BackUp
        | Kind::ImportBackup
        | Kind::VerifyBackup
        | Kind::CopyBackups
        | Kind::Restore
        | Kind::CopyAssets
        | Kind::RestoreAssets
        | Kind::AssignRecordings => &[],
    }
}

fn activate(now: Tenant) -> Option<Tenant> {
    (now.place == Locked(Provisioning)).then_some(now.at(Active))
}

fn prepared(now: Tenant) -> Option<Tenant> {
    (now.place == PreparingDeletion).then_some(now.at(Prepared))
}

fn past_return(now: Tenant) -> Option<Tenant> {
    prepared(now).map(|prepared| Tenant { purging: true, ..prepared })
}

fn thawed(now: Tenant) -> Option<Tenant> {
    Some(Tenant { thawing: false, ..now })
}

fn gone(now: Tenant) -> Option<Tenant> {
    matches!(now.place, Prepared | Failed).then_some(now.at(Gone))
}

/// The tenant when work of that kind has succeeded.
pub fn done(now: Tenant, kind: Kind) -> Tenant {
    let step = |tenant, step: &Step| (step.inside)(tenant).expect("the tenant stands where its work begins");
    steps(kind).iter().fold(now, step)
}

/// The tenant when work of that kind was given up or cancelled.
pub fn undone(now: Tenant, kind: Kind) -> Tenant {
    match (kind, now.place) {
        (Kind::Provision, Locked(Provisioning)) => Tenant { resting: true, ..now.at(Failed) },
        _ => now,
    }
}
