//! The licence of the platform as a whole.

use std::collections::BTreeMap;

use futures::FutureExt as _;

use super::App;
use crate::context::OpContext;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::id::TenantUid;
use crate::domain::license::{SystemLicense, etag};
use crate::domain::limits::limit_text;
use crate::store::licenses;
use crate::store::tx::Tx;

/// New quantities by kind; none: without limit.
pub type Quantities = BTreeMap<String, Option<i64>>;

const NAME: &str = "systemLicense";

impl App {
    /// The system licence, by kind of seat.
    pub async fn get_system_license(&self, op: OpContext) -> Result<Vec<SystemLicense>> {
        let op = op.on(TenantUid::INFRASTRUCTURE);
        self.db.read(op, "get-system-license", (), |tx, ()| licenses::load(tx).boxed()).await
    }

    /// Sets how many seats it has of some kinds.
    pub async fn update_system_license(
        &self,
        op: OpContext,
        quantities: Quantities,
        etag: String,
    ) -> Result<Vec<SystemLicense>> {
        let op = op.on(TenantUid::INFRASTRUCTURE);
        let input = (quantities, etag);
        self.db.change(op, "update-system-license", input, |tx, (wanted, etag)| update(tx, wanted, etag).boxed()).await
    }
}

async fn update(tx: &mut Tx, quantities: &Quantities, sent: &str) -> Result<Vec<SystemLicense>> {
    tx.about(NAME.to_owned());
    let current = licenses::load_for_change(tx).await?;
    if !sent.is_empty() && sent != etag(&current) {
        let text = "the system licence has changed since it was read; read it again";
        return Err(Refusal::new(Reason::EtagMismatch, text).about(NAME).into());
    }
    let mut told = Vec::new();
    for (kind, quantity) in quantities {
        let Some(known) = current.iter().find(|one| one.kind == *kind) else {
            let kinds: Vec<_> = current.iter().map(|one| one.kind.as_str()).collect();
            return Err(Error::field(
                "license.kinds",
                format!("may have the kinds {} only, not {kind:.64}", kinds.join(", ")),
            ));
        };
        if quantity.is_some_and(|quantity| quantity < known.reserved) {
            let text = format!(
                "{} seats of the kind {kind} are reserved by tenants' limits; lower those first",
                known.reserved
            );
            let refusal = Refusal::new(Reason::LimitBelowUse, text).with("reserved", known.reserved.to_string());
            return Err(refusal.about(NAME).into());
        }
        licenses::set_quantity(tx, kind, *quantity).await?;
        told.push(format!("{kind}: {} to {}", limit_text(known.quantity), limit_text(*quantity)));
    }
    tx.tell("quantity", told.join(", "));
    licenses::load(tx).await
}
