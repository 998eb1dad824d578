//! Which rows each component of a backup has.

use itertools::Itertools as _;

use crate::domain::backup::Component;
use crate::domain::id::AssetId;

/// Rows of a table of the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    /// The table.
    pub table: &'static str,
    /// Which of its rows, as SQL.
    pub condition: String,
}

/// The tables of the directory, in an order in which their rows can be added.
const DIRECTORY: [&str; 11] = [
    "users",
    "memberships",
    "groups",
    "group_members",
    "privileges",
    "roles",
    "role_privileges",
    "user_roles",
    "group_roles",
    "user_identities",
    "user_extensions",
];

/// What these components have, in an order in which it can be added.
pub(crate) fn segments(components: &[Component]) -> Vec<Rows> {
    segments_of(components, &[])
}

/// The same with these assets alone, if any are named.
pub(crate) fn segments_of(components: &[Component], assets: &[AssetId]) -> Vec<Rows> {
    let all = |table| Rows { table, condition: "true".into() };
    let mut segments = Vec::new();
    if components.contains(&Component::Settings) {
        segments.extend(["tenants", "tenant_features", "tenant_mail_texts"].map(all));
    }
    if components.contains(&Component::Users) {
        segments.extend(DIRECTORY.map(all));
    }
    if components.contains(&Component::Licenses) {
        segments.extend(["tenant_licenses", "user_licenses"].map(all));
    }
    let kinds: Vec<_> = components.iter().filter_map(|component| component.assets()).map(|kind| kind.name()).collect();
    if !kinds.is_empty() {
        let mut kinds = format!("kind IN ('{}')", kinds.join("', '"));
        if !assets.is_empty() {
            kinds.push_str(&format!(" AND id IN ('{}')", assets.iter().join("', '")));
        }
        let of_these = format!("(SELECT blob_id FROM assets WHERE tenant_id = current_tenant() AND {kinds})");
        segments.push(Rows { table: "blobs", condition: format!("id IN {of_these}") });
        segments.push(Rows { table: "blob_parts", condition: format!("blob_id IN {of_these}") });
        segments.push(Rows { table: "assets", condition: kinds });
    }
    segments
}
