//! GetSystemLicense and UpdateSystemLicense.

use futures::FutureExt as _;

use crate::app::App;
use crate::context::OpContext;
use crate::domain::error::{Error, Result};
use crate::domain::id::TenantUid;
use crate::domain::license::{MOST_KINDS, SYSTEM_LICENSE, SystemLicense, SystemLicensePatch, etag};
use crate::domain::limits::limit_text;
use crate::store::licenses;
use crate::store::tx::Tx;

impl App {
    /// The system licence, by kind of seat.
    pub async fn get_system_license(&self, op: OpContext) -> Result<Vec<SystemLicense>> {
        let op = op.on(TenantUid::INFRASTRUCTURE);
        self.db.read(op, "get-system-license", (), |tx, ()| licenses::load(tx).boxed()).await
    }

    /// Adds, changes and removes kinds.
    pub async fn update_system_license(
        &self,
        op: OpContext,
        patch: SystemLicensePatch,
        etag: String,
    ) -> Result<Vec<SystemLicense>> {
        let op = op.on(TenantUid::INFRASTRUCTURE);
        let input = (patch, etag);
        self.db.change(op, "update-system-license", input, |tx, (patch, etag)| update(tx, patch, etag).boxed()).await
    }
}

async fn update(tx: &mut Tx, patch: &SystemLicensePatch, sent: &str) -> Result<Vec<SystemLicense>> {
    tx.about(SYSTEM_LICENSE.to_owned());
    let current = licenses::load_for_change(tx).await?;
    if !sent.is_empty() && sent != etag(&current) {
        return Err(Error::stale(SYSTEM_LICENSE));
    }
    for (kind, new) in &patch.kinds {
        if let Some(known) = find(&current, kind.as_str()) {
            known.check_quantity(new.quantity)?;
        }
        licenses::put(tx, kind, new).await?;
    }
    for kind in &patch.remove {
        let missing = || Error::field("remove_kinds", format!("must name kinds that there are, not {kind}"));
        find(&current, kind.as_str()).ok_or_else(missing)?.check_removable()?;
        licenses::remove(tx, kind).await?;
    }
    licenses::raise_version(tx).await?;
    let changed = licenses::load(tx).await?;
    if changed.len() > MOST_KINDS {
        return Err(Error::field("license.kinds", format!("must leave at most {MOST_KINDS} kinds")));
    }
    tell(tx, "quantity", &current, &changed, |kind| limit_text(kind.quantity));
    tell(tx, "permits_log_in", &current, &changed, |kind| kind.permits_log_in.to_string());
    tell(tx, "privileges", &current, &changed, |kind| format!("[{}]", kind.privileges.join(" ")));
    Ok(changed)
}

fn find<'a>(kinds: &'a [SystemLicense], kind: &str) -> Option<&'a SystemLicense> {
    kinds.iter().find(|known| known.kind == kind)
}

/// Tells of which kinds a fact has changed, and how.
fn tell(
    tx: &mut Tx,
    key: &'static str,
    before: &[SystemLicense],
    after: &[SystemLicense],
    fact: impl Fn(&SystemLicense) -> String,
) {
    let gone = before.iter().filter(|old| find(after, &old.kind).is_none());
    let gone = gone.map(|old| format!("{}: {} to gone", old.kind, fact(old)));
    let changed = after.iter().filter_map(|new| {
        let (old, new_fact) = (find(before, &new.kind).map_or_else(|| "new".to_owned(), &fact), fact(new));
        (old != new_fact).then(|| format!("{}: {old} to {new_fact}", new.kind))
    });
    let told: Vec<_> = changed.chain(gone).collect();
    if !told.is_empty() {
        tx.tell(key, told.join(", "));
    }
}
