//! What a caller may do: the policy of each method, the decision, and the permit that is its only result.

pub mod decision;
pub mod explain;
pub mod impersonation;
pub mod permit;
pub mod policy;
pub mod services;
