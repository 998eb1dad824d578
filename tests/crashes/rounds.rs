//! Crash rounds: two replicas on one Postgres lead many tenants' lives, and in each round something goes wrong. Whatever
//! it is, nothing that was answered is lost, nothing is done twice, and nothing gets stuck.
//!
//! A seed plans the rounds: which fault strikes, where and at which visit, and what the lives are. How they interleave it
//! does not plan, so a round that failed may have to be run some times to fail again.

mod arena;
mod client;
mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use futures::{FutureExt as _, StreamExt as _};

use arena::Arena;
use plan::{DECK, PLACES};

use crate::support::random::{seed, wanted};

/// Arenas with rounds at the same time.
const ARENAS: usize = 5;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes minutes; make crash runs it"]
async fn nothing_is_lost_doubled_or_stuck_in_any_round() {
    let count = usize::try_from(wanted("ROUNDS").unwrap_or(500)).unwrap();
    let seed = seed();
    println!("ROUNDS={count} SEED={seed}");
    let since = Instant::now();
    let rounds = Mutex::new(plan::rounds(seed, count).into_iter());
    let struck = Mutex::new(BTreeMap::<(&str, &str), usize>::new());
    let arenas = futures::stream::iter(0..ARENAS).map(|_| async {
        let mut arena = Arena::new().await;
        let next = || rounds.lock().unwrap().next();
        while let Some(round) = next() {
            telling(format!("round {}: {:?}", round.number, round.fault), seed, arena.run(&round)).await;
            let place = round.fault.visit().map_or("", |visit| visit.place);
            *struck.lock().unwrap().entry((place, round.fault.kind())).or_default() += 1;
        }
        telling("after all".to_owned(), seed, arena.close()).await;
    });
    arenas.buffer_unordered(ARENAS).collect::<()>().await;
    let struck = struck.into_inner().unwrap();
    for ((place, kind), times) in &struck {
        println!("{place:20} {kind:30} {times:5}");
    }
    println!("{} rounds in {} s, SEED={seed}", struck.values().sum::<usize>(), since.elapsed().as_secs());
    if count >= DECK {
        let places: BTreeSet<_> = struck.keys().map(|(place, _)| *place).collect();
        assert!(PLACES.iter().all(|(place, _)| places.contains(place)), "SEED={seed}: a place was never struck");
    }
}

/// Does something and says how long it took, or that it failed, and of which seed it was.
async fn telling(what: String, seed: u64, done: impl Future<Output = ()>) {
    let since = Instant::now();
    let ended = AssertUnwindSafe(done).catch_unwind().await;
    let took = since.elapsed().as_millis();
    match ended {
        Ok(()) => println!("{what}: {took} ms"),
        Err(panic) => {
            println!("{what}: failed after {took} ms, SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

/// The failpoints of content, at each of which the tests of assets and backups strike.
const OF_CONTENT: [&str; 26] = [
    "backup.copied",
    "backup.part.written",
    "backup.rows.many",
    "collect.removed",
    "content.allowed",
    "contents.begun",
    "contents.written",
    "copy.backup",
    "copy.content",
    "copy.key.destroyed",
    "copy.key.looked-for",
    "copy.received",
    "import.content",
    "import.read",
    "objects.put.after",
    "objects.put.before",
    "restore-assets.brought",
    "restore-new.brought",
    "restore-new.content",
    "restore-new.filled",
    "restore.done",
    "restore.laid-out",
    "restore.put-back",
    "upload.begun",
    "upload.part.written",
    "upload.received",
];

#[test]
fn the_rounds_strike_at_every_failpoint_of_the_source() {
    let mut found = BTreeSet::new();
    failpoints(Path::new("src"), &mut found);
    let known = PLACES.iter().map(|(place, _)| *place).chain(OF_CONTENT).map(str::to_owned).collect();
    assert_eq!(found, known);
}

fn failpoints(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            failpoints(&path, found);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        found.extend(text.split("fail_point!(\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
}
