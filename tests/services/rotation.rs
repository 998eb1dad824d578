//! New keys, while the service goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tonic::Code;

use super::{CHECK, Stage};
use crate::support::client::{assert_refused, eventually};
use crate::support::services::identity;

const NAME: &str = "serviceIdentities/billing";

#[tokio::test(flavor = "multi_thread")]
async fn no_call_is_refused_while_keys_are_rotated() {
    let stage = Stage::new().await;
    let made = stage.operator.create_service("billing", identity(&[CHECK], &[&stage.acme])).await.unwrap();
    // The service asks on and on, with the key that it was told last.
    let key = Arc::new(std::sync::Mutex::new(made.api_key));
    let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (told, ended, counted) = (key.clone(), stop.clone(), calls.clone());
    let (api, acme) = (stage.operator.clone(), stage.acme.clone());
    let service = tokio::spawn(async move {
        while !ended.load(Ordering::SeqCst) {
            let key = told.lock().unwrap().clone();
            assert!(api.with_token(&key).usable(&acme).await.unwrap());
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    for _ in 0..4 {
        let rotated = stage.operator.rotate(NAME, None).await.unwrap();
        assert_eq!(rotated.service_identity.unwrap().keys.len(), 2);
        let before = calls.load(Ordering::SeqCst);
        let went_on = || async { (calls.load(Ordering::SeqCst) > before + 2).then_some(()) };
        eventually("calls with the old key", went_on).await;
        *key.lock().unwrap() = rotated.api_key;
        let before = calls.load(Ordering::SeqCst);
        let went_on = || async { (calls.load(Ordering::SeqCst) > before + 2).then_some(()) };
        eventually("calls with the new key", went_on).await;
    }
    stop.store(true, Ordering::SeqCst);
    service.await.expect("none was refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_key_ends_with_the_overlap() {
    let stage = Stage::new().await;
    let old = stage.operator.service("billing", &[CHECK], &[&stage.acme]).await;
    assert!(old.usable(&stage.acme).await.unwrap());
    let rotated = stage.operator.rotate(NAME, Some(3600)).await.unwrap();
    let (new, keys) = (stage.operator.with_token(&rotated.api_key), rotated.service_identity.unwrap().keys);
    let seconds = |time: &Option<prost_types::Timestamp>| time.as_ref().unwrap().seconds;
    let left = seconds(&keys[1].expire_time) - seconds(&keys[0].create_time);
    assert!((3590..=3610).contains(&left), "{left}");
    assert!(old.usable(&stage.acme).await.unwrap() && new.usable(&stage.acme).await.unwrap());
    stage.sql("UPDATE service_keys SET expires_at = clock_timestamp() WHERE NOT newest").await;
    assert_refused(old.usable(&stage.acme).await, Code::Unauthenticated, "TOKEN_EXPIRED");
    assert!(new.usable(&stage.acme).await.unwrap());

    let rotated = stage.operator.rotate(NAME, Some(0)).await.unwrap();
    assert_eq!(rotated.service_identity.unwrap().keys.len(), 1, "no overlap");
    assert_refused(new.usable(&stage.acme).await, Code::Unauthenticated, "TOKEN_INVALID");
    assert!(stage.operator.with_token(&rotated.api_key).usable(&stage.acme).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_nobody_has_ever_used_gives_way_to_the_next_one() {
    let stage = Stage::new().await;
    let deployed = stage.operator.service("billing", &[CHECK], &[&stage.acme]).await;
    assert!(deployed.usable(&stage.acme).await.unwrap());
    let lost = stage.operator.rotate(NAME, None).await.unwrap().api_key;
    let next = stage.operator.rotate(NAME, None).await.unwrap().api_key;
    assert!(deployed.usable(&stage.acme).await.unwrap(), "the answer that got lost costs the service nothing");
    assert_refused(stage.operator.with_token(&lost).usable(&stage.acme).await, Code::Unauthenticated, "TOKEN_INVALID");
    let next = stage.operator.with_token(&next);
    assert!(next.usable(&stage.acme).await.unwrap());
    let third = stage.operator.rotate(NAME, None).await.unwrap();
    assert_eq!(third.service_identity.unwrap().keys.len(), 2, "never more than two");
    assert!(next.usable(&stage.acme).await.unwrap(), "it was used, and goes on");
    assert_refused(deployed.usable(&stage.acme).await, Code::Unauthenticated, "TOKEN_INVALID");
}
