//! The named places at which tests make a step fail or the process die; nothing in a build without the feature.
//!
//! `FAILPOINTS` has what the `fail` crate does at a place. `LANDLORD_KILL_AT=name` or `name:n` kills this process, as
//! kill -9 does, when it gets to the place for the first or the n-th time.

/// Takes the places to stop at from the environment.
#[cfg(not(feature = "failpoints"))]
pub fn arm() {}

/// Takes the places to stop at from the environment.
#[cfg(feature = "failpoints")]
pub fn arm() {
    use std::sync::atomic::{AtomicU32, Ordering};

    // The scenario lasts as long as the process.
    std::mem::forget(fail::FailScenario::setup());
    let Ok(kill) = std::env::var("LANDLORD_KILL_AT") else { return };
    let (name, visit) = kill.split_once(':').unwrap_or((&kill, "1"));
    let (visit, visits) = (visit.parse::<u32>().unwrap_or(1), AtomicU32::new(0));
    let armed = fail::cfg_callback(name, move || {
        if visits.fetch_add(1, Ordering::SeqCst) + 1 == visit {
            let gone = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            tracing::error!(?gone, "could not kill the process");
        }
    });
    if let Err(error) = armed {
        tracing::error!(error, "LANDLORD_KILL_AT");
    }
}
