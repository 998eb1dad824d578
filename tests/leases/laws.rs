//! What must hold in every state.

use landlord::domain::lifecycle::LockReason::Provisioning;
use landlord::domain::lifecycle::Node::{self, Active, Failed, Gone, Locked, Prepared, PreparingDeletion};
use landlord::domain::operation::{Kind, State};
use stateright::{Expectation, Property};

use super::Leases;
use super::world::{Asked, Law, Lease, OUTSIDE, World};
use crate::rules::Call;

/// Actions that a tenant's way to its end takes at most.
const LONGEST_WAY: usize = 200;

/// The laws, and what must be possible, so that they say something.
pub fn all() -> Vec<Property<Leases>> {
    let (always, sometimes) = (Property::<Leases>::always, Property::<Leases>::sometimes);
    vec![
        always("each step of an operation counts once", |_, w| w.keeps(Law::EachStepCountsOnce)),
        always("a stale worker changes nothing", |_, w| w.keeps(Law::StaleWorkersChangeNothing)),
        always("a tenant goes along the edges of the lifecycle", |_, w| w.keeps(Law::TheLifecycleIsFollowed)),
        always("no operation ends twice", |_, w| w.keeps(Law::NothingEndsTwice)),
        always("what kills its workers is given up", |_, w| w.keeps(Law::WhatKillsIsGivenUp)),
        always("a repeated request changes nothing", |_, w| w.keeps(Law::RepeatsChangeNothing)),
        always("only a tenant that is being made is set up", |_, w| w.keeps(Law::OnlyTheNewAreSetUp)),
        always("one exclusive operation works on a tenant", |_, w| {
            w.operations.iter().filter(|(_, operation)| operation.in_the_way()).count() <= 1
        }),
        always("a tenant is being set up while an operation does it", |_, w| {
            (w.tenant.place == Locked(Provisioning)) == works(w, &[Kind::Provision])
        }),
        always("there is no way back from a purge", |_, w| {
            let on_its_way = matches!(w.tenant.place, Prepared | Failed | Gone);
            !w.tenant.purging || on_its_way && !works(w, &[Kind::Provision, Kind::PrepareDeletion, Kind::Thaw])
        }),
        always("all participants work for a tenant that is in use", |_, w| {
            w.tenant.place != Active || w.parts.iter().all(|part| part.set_up && !part.frozen)
        }),
        always("a prepared tenant is frozen", |_, w| {
            w.tenant.place != Prepared || w.tenant.purging || w.parts[OUTSIDE].frozen
        }),
        always("nothing is left of a tenant that is gone", |_, w| {
            w.tenant.place != Gone || w.parts.iter().all(|part| !part.set_up)
        }),
        always("a healthy worker and an operator lead every tenant to its end", |model, w| model.is_led_to_its_end(w)),
        sometimes("a tenant is gone", |_, w| w.tenant.place == Gone),
        sometimes("an operation is taken over", |_, w| w.operations.iter().any(|(_, o)| o.deaths > 0)),
        sometimes("an operation is cancelled by its worker", |_, w| {
            w.operations.iter().any(|(_, o)| o.kind.cancellable() && o.state == State::Cancelled)
        }),
    ]
}

/// The names of those that must always hold.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().into_iter().filter(|law| law.expectation == Expectation::Always).map(|law| law.name)
}

fn works(world: &World, kinds: &[Kind]) -> bool {
    world.operations.iter().any(|(_, operation)| operation.in_the_way() && kinds.contains(&operation.kind))
}

impl Leases {
    /// From here on no fault happens, one worker works, and an operator does what there is to do. Does the tenant come to
    /// its end?
    fn is_led_to_its_end(&self, from: &World) -> bool {
        let mut world = *from;
        (world.calls, world.workers, world.late) = (u8::MAX, Default::default(), None);
        for _ in 0..LONGEST_WAY {
            let next = match (world.workers[0], world.operations.exclusive()) {
                (Some(_), _) => self.go(&world, 0),
                (None, Some(number)) => {
                    let operation = world.operations.get_mut(number);
                    if operation.lease == Lease::Held {
                        operation.lease = Lease::RunOut;
                    }
                    self.claim(&world, 0, number).filter(|_| self.is_due(world.operations.get(number)))
                }
                (None, None) if matches!(world.tenant.place, Node::None | Gone) => return true,
                (None, None) => {
                    world.tenant.resting = false;
                    self.ask(&world, way_out(&world))
                }
            };
            let Some(next) = next else { return false };
            world = next;
        }
        false
    }
}

/// What leads a tenant on that nothing works on.
fn way_out(world: &World) -> Asked {
    Asked::Tenant(match world.tenant.place {
        Prepared | Failed => Call::Delete { confirmed: true, force: false },
        PreparingDeletion => Call::CancelDeletion,
        _ => Call::Prepare,
    })
}
