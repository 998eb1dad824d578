//! What tonic serves: the layers that a call passes, the codec, and the one place where errors become statuses.

pub mod call;
pub mod codec;
pub mod interceptors;
pub mod layers;
pub mod status;
