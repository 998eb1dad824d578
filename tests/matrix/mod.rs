//! Every method, called by every kind of caller, on what is in its own tenant, in another, and nowhere.
//!
//! `outcomes.txt` is what comes of it, to be read by people: a changed line is a changed right. `requests.json` has a request
//! for each method; one that is missing fails.

mod across;
mod canaries;
mod collector;
mod requests;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use landlord::authz::policy::Access;
use tonic::transport::Channel;

use self::canaries::Canaries;
use self::collector::Collector;
use self::requests::{Row, rows};
use self::world::{ACME, Caller, Credential, Names, World};
use crate::support::golden::assert_file;
use crate::support::raw::{Answer, call};

#[tokio::test(flavor = "multi_thread")]
async fn every_caller_gets_what_is_written_and_nobody_sees_what_is_not_theirs() {
    let collector = Collector::start().await;
    let options = [
        ("telemetry.otlp_endpoint", collector.address.clone()),
        ("telemetry.sample_ratio", "1".into()),
        ("telemetry.log_filter", "info,landlord=trace".into()),
        // Nobody answers there, and that at once.
        ("domains.name_servers", "127.0.0.1:9".into()),
        ("domains.timeout_ms", "200".into()),
    ];
    let mut world = World::new(&options).await;
    let channel = world.channel().await;
    let canaries = Canaries::of(&world);
    let mut outcomes = String::new();
    for row in rows() {
        let mut by_outcome: Vec<(String, Vec<&str>)> = Vec::new();
        for caller in 0..world.callers.len() {
            let outcome = outcome(&mut world, &channel, &canaries, &row, caller).await;
            let name = world.callers[caller].name;
            match by_outcome.iter_mut().find(|(there, _)| *there == outcome) {
                Some((_, callers)) => callers.push(name),
                None => by_outcome.push((outcome, vec![name])),
            }
        }
        writeln!(outcomes, "{}", row.name).unwrap();
        for (outcome, callers) in by_outcome {
            writeln!(outcomes, "    {}: {}", callers.join(", "), outcome).unwrap();
        }
    }
    canaries.search_what_was_kept(world, collector).await;
    assert_file("tests/matrix/outcomes.txt", &outcomes);
}

/// What comes of a row for a caller, in words.
async fn outcome(world: &mut World, channel: &Channel, canaries: &Canaries, row: &Row, caller: usize) -> String {
    if !row.depends_on_column() {
        let names = world.names(ACME, row).await;
        let answer = ask(world, channel, row, caller, &names).await;
        canaries.search_answer(row, &world.callers[caller], ACME, &answer);
        return answer.outcome;
    }
    let (mut own, mut foreign, mut nowhere) = (String::new(), BTreeMap::new(), BTreeSet::new());
    for index in 0..world.places.len() {
        let names = world.names(index, row).await;
        let twins = names.iter().map(|(key, name)| (*key, world.places[index].twin_of(name))).collect();
        let answer = ask(world, channel, row, caller, &names).await;
        let absent = ask(world, channel, row, caller, &twins).await;
        let (caller, place) = (&world.callers[caller], &world.places[index]);
        canaries.search_answer(row, caller, index, &answer);
        canaries.search_answer(row, caller, index, &absent);
        if is_foreign(row, caller, index, &answer) {
            let twin = without_tokens(&place.twin_of(&answer.text));
            let absent = without_tokens(&absent.text);
            assert_eq!(twin, absent, "{} by {} on {} is told from nowhere", row.name, caller.name, place.code);
        }
        nowhere.insert(absent.outcome);
        match index == caller.own {
            true => own = answer.outcome,
            false => foreign.entry(answer.outcome).or_insert_with(Vec::new).push(place.code),
        }
    }
    let nowhere: Vec<_> = nowhere.into_iter().collect();
    let nowhere = nowhere.join(" or ");
    if foreign.len() > 1 {
        let foreign: Vec<_> =
            foreign.iter().map(|(outcome, codes)| format!("{} {outcome}", codes.join(" and "))).collect();
        return format!("own {own}, {}, nowhere {nowhere}", foreign.join(", "));
    }
    let foreign = foreign.into_keys().next().unwrap();
    match (own == foreign, foreign == nowhere) {
        (true, true) => own,
        (false, true) => format!("own {own}, elsewhere {nowhere}"),
        (true, false) => format!("anywhere {own}, nowhere {nowhere}"),
        (false, false) => format!("own {own}, foreign {foreign}, nowhere {nowhere}"),
    }
}

async fn ask(world: &mut World, channel: &Channel, row: &Row, caller: usize, names: &Names) -> Answer {
    let own = world.callers[caller].own;
    let own = world.places[own].names.clone();
    let token = world.token(caller, row).await;
    if row.policy.access == Access::Public {
        world.forget_attempts().await;
    }
    let acting = matches!(world.callers[caller].credential, Credential::Acting);
    call(channel, row.policy.path, token.as_deref(), acting, None, row.filled(&own, names)).await
}

/// Whether the caller has nothing to do with the place, so that it must look as if it were not there. Operators know all
/// tenants; of what is in them they see no more than others.
fn is_foreign(row: &Row, caller: &Caller, index: usize, answer: &Answer) -> bool {
    if let Some(place) = row.logs_in(caller.own, index) {
        return place != index;
    }
    if row.is_for_everybody() {
        return answer.outcome != "ok";
    }
    answer.outcome == "RESOURCE_NOT_FOUND" || !caller.outsider.contains(&index)
}

/// Sealed tokens are never the same twice. Nor are they of the same length, which stands before them in a message, for what other
/// tests do at the same time is a part of some.
fn without_tokens(text: &str) -> String {
    let mut left = String::new();
    for part in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_') {
        if part.len() > 100 {
            left.truncate(left.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).len());
            left.push_str(" a token");
        } else {
            left.push_str(part);
        }
    }
    left
}
