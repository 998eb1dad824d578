//! What happens in which round: drawn from the seed alone.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::crashes::life::Deed;
use crate::support::random::Random;

/// The failpoints, and the visits that a replica makes there while it does its share of a few lives.
pub const PLACES: [(&str, RangeInclusive<usize>); 13] = [
    ("call.committed", 1..=12),
    ("cancel.before", 1..=2),
    ("claim.after", 1..=5),
    ("directory.freeze", 1..=2),
    ("mail.after", 1..=2),
    ("mail.before", 1..=2),
    ("participant.after", 1..=5),
    ("participant.before", 1..=5),
    ("step.after", 1..=8),
    ("step.before", 1..=8),
    ("step.outside", 1..=8),
    // The first of them are those of the start.
    ("store.commit.after", 15..=90),
    ("store.commit.before", 15..=90),
];

/// A visit of one of two replicas at a failpoint.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    pub replica: usize,
    pub place: &'static str,
    pub count: usize,
}

/// What goes wrong in a round.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The replica is killed there.
    Killed(Visit),
    /// The replica is stopped there until others have what it had, and goes on then.
    Stopped(Visit),
    /// The replica is killed there, the other one at once as well, and both are started again.
    AllKilled(Visit),
    /// The replica is killed at any moment.
    KilledAnywhere { replica: usize, after: Duration },
    /// Postgres is stopped at once, at any moment, and started again.
    PostgresStopped { after: Duration },
    /// The same, while the replica stands there.
    PostgresStoppedAt(Visit),
}

impl Fault {
    /// Where it strikes, if that is known before.
    pub fn visit(&self) -> Option<Visit> {
        match *self {
            Self::Killed(visit) | Self::Stopped(visit) | Self::AllKilled(visit) | Self::PostgresStoppedAt(visit) => {
                Some(visit)
            }
            Self::KilledAnywhere { .. } | Self::PostgresStopped { .. } => None,
        }
    }

    /// The environment with which a replica is started for it.
    pub fn environment(&self, replica: usize) -> Option<(&'static str, String)> {
        let visit = self.visit().filter(|visit| visit.replica == replica)?;
        let variable = match self {
            Self::Killed(_) | Self::AllKilled(_) => "LANDLORD_KILL_AT",
            _ => "LANDLORD_STOP_AT",
        };
        Some((variable, format!("{}:{}", visit.place, visit.count)))
    }

    /// What is counted at the end.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Killed(_) => "killed",
            Self::Stopped(_) => "stopped past its lease",
            Self::AllKilled(_) => "killed, and the other one",
            Self::KilledAnywhere { .. } => "killed at any moment",
            Self::PostgresStopped { .. } => "Postgres stopped at any moment",
            Self::PostgresStoppedAt(_) => "Postgres stopped meanwhile",
        }
    }
}

/// A round.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    pub number: usize,
    pub fault: Fault,
    /// That of its lives.
    pub seed: u64,
}

/// Faults in a deck.
pub const DECK: usize = 50;

/// The rounds of that seed. Each [`DECK`] of them has each kind of fault as often as any other, in any order.
pub fn rounds(seed: u64, count: usize) -> Vec<Round> {
    let mut random = Random::new(seed);
    let mut rounds = Vec::new();
    while rounds.len() < count {
        for fault in deck(&mut random) {
            rounds.push(Round { number: rounds.len() + 1, fault, seed: random.number() });
        }
    }
    rounds.truncate(count);
    rounds
}

fn deck(random: &mut Random) -> Vec<Fault> {
    let mut deck = Vec::new();
    for place in 0..PLACES.len() {
        deck.push(Fault::Killed(visit(random, place)));
        deck.push(Fault::Killed(visit(random, place)));
        deck.push(Fault::Stopped(visit(random, place)));
    }
    for _ in 0..2 {
        let place = random.below(PLACES.len());
        deck.push(Fault::AllKilled(visit(random, place)));
    }
    for commit in PLACES.len() - 2..PLACES.len() {
        deck.push(Fault::PostgresStoppedAt(visit(random, commit)));
    }
    for _ in 0..3 {
        deck.push(Fault::KilledAnywhere { replica: random.below(2), after: moment(random) });
    }
    while deck.len() < DECK {
        deck.push(Fault::PostgresStopped { after: moment(random) });
    }
    random.shuffle(&mut deck);
    deck
}

fn visit(random: &mut Random, place: usize) -> Visit {
    let (place, visits) = &PLACES[place];
    let count = visits.start() + random.below(visits.end() - visits.start() + 1);
    Visit { replica: random.below(2), place, count }
}

/// While the first lives of a round are led.
fn moment(random: &mut Random) -> Duration {
    Duration::from_millis(random.number() % 1500)
}

/// A life, which passes the place.
pub fn deeds(random: &mut Random, place: Option<&str>) -> Vec<Deed> {
    let cancels = place == Some("cancel.before");
    let often = |random: &mut Random, usual, rare| if cancels { rare } else { random.one_of(&[usual, usual, rare]) };
    let mut deeds = vec![
        often(random, Deed::Create, Deed::CreateInTwoAttempts),
        often(random, Deed::Activate, Deed::ActivateInTwoAttempts),
    ];
    let mut middle = [
        Deed::Lock,
        Deed::Rename,
        Deed::Limit,
        Deed::License,
        Deed::Extension,
        Deed::Feature,
        Deed::Return,
        Deed::TurnBack,
    ];
    random.shuffle(&mut middle);
    deeds.extend(&middle[..1 + random.below(3)]);
    let ends = [Some(Deed::Delete), Some(Deed::Force), None];
    deeds.extend(random.one_of(if place == Some("directory.freeze") { &ends[..2] } else { &ends[..] }));
    deeds
}

#[test]
fn a_seed_plans_the_same_rounds_again_and_each_deck_has_every_place() {
    let text = |seed| format!("{:?}", rounds(seed, 2 * DECK));
    assert_eq!(text(7), text(7));
    assert_ne!(text(7), text(8));
    for deck in rounds(7, 2 * DECK).chunks(DECK) {
        let count = |place: &str, kind: &str| {
            let there = |round: &&Round| round.fault.visit().is_some_and(|visit| visit.place == place);
            deck.iter().filter(there).filter(|round| round.fault.kind() == kind).count()
        };
        for (place, _) in PLACES {
            assert_eq!((count(place, "killed"), count(place, "stopped past its lease")), (2, 1), "{place}");
        }
    }
}
