//! The layers that every call passes, before tonic decodes its message.
//!
//! They see HTTP, so they can say what tonic wouldn't: which methods there are, that a header came twice, that time is up.
//! Those that only look and refuse are a [`check::Check`]; the others are a file each, with a body of their own where the
//! answer's end matters, since the status of a stream comes in its trailers.

pub mod authenticate;
mod check;
mod deadline;
mod known_method;
mod mend;
mod metadata;
mod panic;
mod trace;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use tower::ServiceBuilder;
use tower::layer::util::{Identity, Stack};

pub use self::check::{Check, CheckLayer, Checked};
pub use self::deadline::{Allowance, DeadlineLayer};
pub use self::known_method::{KnownMethods, MethodIsKnown};
pub use self::mend::MendLayer;
pub use self::metadata::StrictMetadata;
pub use self::panic::PanicLayer;
pub use self::trace::TraceLayer;

type Then<L, Above> = Stack<L, Above>;

/// The layers of [`stack`], from the outermost in.
pub type Layers = Then<
    CheckLayer<StrictMetadata>,
    Then<DeadlineLayer, Then<CheckLayer<MethodIsKnown>, Then<MendLayer, Then<PanicLayer, Then<TraceLayer, Identity>>>>>,
>;

/// The layers, in the order in which a request meets them; an answer goes back through them from the bottom up.
///
/// Authentication comes right below, then the services with their guards. `known` says which paths are ours; those of
/// health and reflection need not be in it.
///
/// Make it once telemetry is set up: the metrics go to the meter provider that is the global one now.
pub fn stack(known: KnownMethods) -> Layers {
    ServiceBuilder::new()
        // Opens the span, settles the correlation id, and measures whatever the others answer.
        .layer(TraceLayer::new(known.clone()))
        // A panic below becomes an answer that says nothing of it.
        .layer(PanicLayer)
        // Gives tonic's own answers our codes and details.
        .layer(MendLayer)
        // The first check of all: whether there is such a method.
        .layer(CheckLayer::new(MethodIsKnown::new(known)))
        // From here on the caller waits no longer than it said, or than we allow.
        .layer(DeadlineLayer::new(Allowance::of))
        // The form of the metadata; what it means is decided below.
        .layer(CheckLayer::new(StrictMetadata))
        .into_inner()
}
