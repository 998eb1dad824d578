//! The metadata keys of a call, for both ends.

/// The credential: `Bearer …`.
pub const AUTHORIZATION: &str = "authorization";
/// The code or uid of the tenant that is selected.
pub const TENANT: &str = "x-landlord-tenant";
/// The user name of the account to act for.
pub const IMPERSONATE: &str = "x-landlord-impersonate";
/// Why somebody acts for another account; required then.
pub const IMPERSONATE_REASON: &str = "x-landlord-impersonate-reason";
/// The correlation id, echoed on the answer.
pub const REQUEST_ID: &str = "x-landlord-request-id";

/// What every key of ours begins with.
pub const PREFIX: &str = "x-landlord-";
/// All keys of ours; any other with the prefix is a mistake.
pub const ALL: [&str; 4] = [TENANT, IMPERSONATE, IMPERSONATE_REASON, REQUEST_ID];
