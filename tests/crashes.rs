//! kill -9 in the middle of everything: another replica goes on, and what was asked for is done once.
//!
//! A client takes a tenant through its whole life on one replica, which dies at a named place on its n-th visit there.
//! The client repeats the call that got no answer on another replica, with the same request id, and goes on. In the end
//! the books of that life must read like those of a life in which nothing happened.

mod books;
mod deeds;
mod life;
mod obstacles;
mod relay;
mod rounds;
mod stale;
mod stand;

use std::collections::BTreeSet;

use futures::StreamExt as _;

use deeds::WITH_ONE_RETURN;
use life::{Deed, Life};
use relay::Relay;
use stand::Stand;

/// Lives that are led at the same time.
const LANES: usize = 5;
/// The kinds of operations in [`WITH_ONE_RETURN`].
const KINDS: [&str; 5] = ["deliver-mail", "prepare-deletion", "provision", "purge", "thaw"];
/// The life in which a tenant is deleted in one call.
const WITH_FORCE: [Deed; 3] = [Deed::Create, Deed::Activate, Deed::Force];
/// The kinds of operations in it.
const KINDS_WITH_FORCE: [&str; 3] = ["deliver-mail", "force-deletion", "provision"];

/// Leads such a life for each place and visit, and says at which kinds of operations the replica was killed there.
async fn killed_at(deeds: &[Deed], visits: impl IntoIterator<Item = (&'static str, u32)>) -> Vec<Option<String>> {
    let queue = std::sync::Mutex::new(visits.into_iter().collect::<Vec<_>>().into_iter());
    let lanes = futures::stream::iter(0..LANES).map(|lane| {
        let queue = &queue;
        async move {
            let mut kinds = Vec::new();
            let mut stand = None;
            loop {
                let next = queue.lock().unwrap().next();
                let Some((place, visit)) = next else { return kinds };
                if stand.is_none() {
                    stand = Some(Stand::new().await);
                }
                let name = format!("Life {lane} {:02}", kinds.len());
                let at = format!("{place}:{visit}");
                println!("{name}: {at}");
                let stand = stand.as_ref().unwrap();
                let victim = stand.replica(&[("LANDLORD_KILL_AT", &at)]).await;
                let mut relay = Relay::new(stand, victim).await;
                let (code, account) = Life::new(&stand.scene, &mut relay, &name).lead(deeds).await;
                books::check(&stand.scene.database, &code, &account).await;
                kinds.push(relay.killed_at);
            }
        }
    });
    lanes.buffer_unordered(LANES).collect::<Vec<_>>().await.concat()
}

/// As [`killed_at`] for the first `most` visits of one place, each of which must come in the life of a tenant.
async fn killed_at_each_visit(deeds: &[Deed], place: &'static str, most: u32) -> BTreeSet<String> {
    let kinds = killed_at(deeds, (1..=most).map(|visit| (place, visit))).await;
    assert_eq!(kinds.len(), most as usize);
    kinds.into_iter().map(|kind| kind.unwrap_or_else(|| panic!("{place} has fewer than {most} visits"))).collect()
}

fn kinds(wanted: &[&str]) -> BTreeSet<String> {
    wanted.iter().map(|k| (*k).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_goes_on_when_its_worker_is_killed_before_a_step() {
    assert_eq!(killed_at_each_visit(&WITH_ONE_RETURN, "step.before", 11).await, kinds(&KINDS));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_goes_on_when_its_worker_is_killed_in_the_middle_of_a_step() {
    assert_eq!(killed_at_each_visit(&WITH_ONE_RETURN, "step.outside", 11).await, kinds(&KINDS));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_goes_on_when_its_worker_is_killed_after_a_step() {
    // Once more it is visited after the last step of all, when the client may have its answer already and see no more. After a
    // commit the next operation may have been claimed before the replica dies, so not every kind need be found at work.
    let found = killed_at_each_visit(&WITH_ONE_RETURN, "step.after", 9).await;
    assert!(found.is_subset(&kinds(&KINDS)) && found.len() > 2, "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_goes_on_when_its_worker_is_killed_with_a_claim_and_nothing_done() {
    // Two that are due at once are claimed together, and then chance says which of them is found at work.
    let found = killed_at_each_visit(&WITH_ONE_RETURN, "claim.after", 6).await;
    assert!(found.is_subset(&kinds(&KINDS)) && found.len() > 3, "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_participant_is_asked_again_when_the_worker_is_killed_before_or_after_asking() {
    let with_participants = kinds(&["prepare-deletion", "provision", "purge", "thaw"]);
    for place in ["participant.before", "participant.after"] {
        assert_eq!(killed_at_each_visit(&WITH_ONE_RETURN, place, 11).await, with_participants, "{place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_mail_with_a_link_that_works_is_there_when_the_worker_is_killed_around_sending() {
    for place in ["mail.before", "mail.after"] {
        assert_eq!(killed_at_each_visit(&WITH_ONE_RETURN, place, 1).await, kinds(&["deliver-mail"]), "{place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_is_answered_as_at_first_when_the_replica_is_killed_between_commit_and_answer() {
    // Four calls that change something, and each of them repeated; one of them is made twice.
    let killed = killed_at(&WITH_ONE_RETURN, (1..=10).map(|visit| ("call.committed", visit))).await;
    assert!(killed.iter().all(Option::is_some), "{killed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_a_replica_is_killed_around_any_commit() {
    let visits = (0..16).flat_map(|n| [("store.commit.before", 2 + n * 7), ("store.commit.after", 5 + n * 7)]);
    let killed = killed_at(&WITH_ONE_RETURN, visits).await;
    assert!(killed.iter().flatten().count() >= 20, "most of these commits are made in a tenant's life: {killed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forced_deletion_goes_on_when_its_worker_is_killed_anywhere_in_it() {
    for place in ["step.before", "step.outside"] {
        assert_eq!(killed_at_each_visit(&WITH_FORCE, place, 7).await, kinds(&KINDS_WITH_FORCE), "{place}");
    }
    // As in a life without force.
    let found = killed_at_each_visit(&WITH_FORCE, "step.after", 6).await;
    assert!(found.is_subset(&kinds(&KINDS_WITH_FORCE)) && found.len() > 1, "{found:?}");
    for place in ["participant.before", "participant.after"] {
        let asked = kinds(&["force-deletion", "provision"]);
        assert_eq!(killed_at_each_visit(&WITH_FORCE, place, 4).await, asked, "{place}");
    }
    let frozen = killed_at_each_visit(&WITH_FORCE, "directory.freeze", 1).await;
    assert_eq!(frozen, kinds(&["force-deletion"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_to_be_cancelled_is_cancelled_when_the_worker_is_killed_right_before() {
    let deeds = [Deed::CreateInTwoAttempts, Deed::ActivateInTwoAttempts, Deed::Force];
    assert_eq!(killed_at_each_visit(&deeds, "cancel.before", 2).await, kinds(&["deliver-mail", "provision"]));
}
