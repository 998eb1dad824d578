//! Calls at random across tenants: any method, by anybody, with names of anything anywhere. Nobody is told a word of a tenant
//! that is not theirs to see.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use landlord::authz::policy::Access;
use tonic::transport::Channel;

use super::canaries::Canaries;
use super::requests::{Row, rows};
use super::world::{Credential, World, altered};
use crate::support::random::{Random, seed, wanted};
use crate::support::raw::{BROKEN, call};

/// Calls that are made at the same time.
const LANES: usize = 8;
/// Calls of a lane with the same tokens; each is valid for longer than that takes.
const TURN: usize = 5_000;

/// How often which answer came.
type Tally = BTreeMap<String, usize>;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes minutes; make across runs it"]
async fn no_canary_is_told_in_any_call_across_tenants() {
    let count = usize::try_from(wanted("CALLS").unwrap_or(1_000_000)).unwrap();
    let seed = seed();
    println!("CALLS={count} SEED={seed}");
    let options = [("domains.name_servers", "127.0.0.1:9".into()), ("domains.timeout_ms", "200".into())];
    let world = World::new(&options).await;
    let channel = world.channel().await;
    let canaries = Canaries::of(&world);
    // What ends a session that others call with, or is open to everybody and slowed down, is called in the matrix alone.
    let rows: Vec<_> = rows().into_iter().filter(|row| !row.changes() && row.policy.access != Access::Public).collect();
    let lanes = futures::stream::iter(0..LANES).map(|lane| {
        let random = Random::new(seed ^ u64::try_from(lane).unwrap());
        call_at_random(&world, &channel, &canaries, &rows, random, count.div_ceil(LANES))
    });
    let tallies: Vec<Tally> = lanes.buffer_unordered(LANES).collect().await;
    let mut tally = Tally::new();
    for (outcome, times) in tallies.into_iter().flatten() {
        *tally.entry(outcome).or_default() += times;
    }
    for (outcome, times) in &tally {
        println!("{times:8} {outcome}");
    }
    let often = |outcome| tally.get(outcome).is_some_and(|times| times * 20 > count);
    assert!(often("ok") && often("RESOURCE_NOT_FOUND"), "SEED={seed}: these calls say little");
    let cut_off: usize = tally.iter().filter(|(outcome, _)| outcome.starts_with(BROKEN)).map(|(_, times)| times).sum();
    assert!(cut_off * 10_000 <= count, "SEED={seed}: {cut_off} calls were cut off");
    let broken = |outcome: &&String| *outcome == "INTERNAL" || outcome.contains("without a reason");
    assert_eq!(tally.keys().find(broken), None, "SEED={seed}");
}

async fn call_at_random(
    world: &World,
    channel: &Channel,
    canaries: &Canaries,
    rows: &[Row],
    mut random: Random,
    count: usize,
) -> Tally {
    let (mut tally, mut tokens) = (Tally::new(), Vec::new());
    for number in 0..count {
        if number % TURN == 0 {
            tokens.clear();
            for caller in 0..world.callers.len() {
                tokens.push(world.log_in(caller).await);
            }
        }
        let row = &rows[random.below(rows.len())];
        let index = random.below(world.callers.len());
        let caller = &world.callers[index];
        let tenant = (random.below(4) == 0).then(|| any_name(world, &mut random, "code"));
        let message = row.with(|name| any_name(world, &mut random, name));
        let acting = matches!(caller.credential, Credential::Acting);
        let token = tokens[index].as_deref();
        let answer = call(channel, row.policy.path, token, acting, tenant.as_deref(), message).await;
        canaries.search_answer(row, caller, caller.own, &answer);
        *tally.entry(answer.outcome).or_default() += 1;
    }
    tally
}

/// What that is called in any tenant; sometimes one that is nowhere, or the name of something else.
fn any_name(world: &World, random: &mut Random, name: &str) -> String {
    let names = &world.places[random.below(world.places.len())].names;
    match random.below(16) {
        0 => altered(&names[name]),
        1 => names.values().nth(random.below(names.len())).unwrap().clone(),
        _ => names[name].clone(),
    }
}
