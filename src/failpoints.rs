//! The named places at which tests make a step fail or the process die; nothing in a build without the feature.
//!
//! `FAILPOINTS` has what the `fail` crate does at a place. `LANDLORD_KILL_AT=name` or `name:n` kills this process, as
//! kill -9 does, when it gets to the place for the first or the n-th time; `LANDLORD_STOP_AT` stops it there, as
//! kill -STOP does, until somebody continues it.

/// Takes the places to stop at from the environment.
#[cfg(not(feature = "failpoints"))]
pub fn arm() {}

/// Takes the places to stop at from the environment.
#[cfg(feature = "failpoints")]
pub fn arm() {
    use rustix::process::Signal;

    // The scenario lasts as long as the process.
    std::mem::forget(fail::FailScenario::setup());
    for (variable, signal) in [("LANDLORD_KILL_AT", Signal::KILL), ("LANDLORD_STOP_AT", Signal::STOP)] {
        if let Ok(place) = std::env::var(variable) {
            signal_at(&place, signal);
        }
    }
}

/// Sends this process the signal at the n-th visit of the place `name:n`.
#[cfg(feature = "failpoints")]
fn signal_at(place: &str, signal: rustix::process::Signal) {
    use std::sync::atomic::{AtomicU32, Ordering};

    let (name, visit) = place.split_once(':').unwrap_or((place, "1"));
    let (visit, visits) = (visit.parse::<u32>().unwrap_or(1), AtomicU32::new(0));
    let armed = fail::cfg_callback(name, move || {
        if visits.fetch_add(1, Ordering::SeqCst) + 1 == visit {
            if let Err(error) = rustix::process::kill_process(rustix::process::getpid(), signal) {
                tracing::error!(%error, "could not signal the process");
            }
            // Another thread may take the signal first; this one must not get further meanwhile.
            #[expect(clippy::disallowed_methods, reason = "the thread is to stand still")]
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    });
    if let Err(error) = armed {
        tracing::error!(error, place, "no such place");
    }
}
