//! Licences as messages, and the requests that change them.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::Fields;
use super::names;
use crate::app::licenses::SeatHolders;
use crate::domain::error::{Error, Result};
use crate::domain::license::{
    self, BASE, LicenseUse, NewKind, SystemLicense, SystemLicensePatch, TenantLicense, TenantLicenses,
};
use crate::domain::name::LicenseKind;
use crate::domain::privilege::Privilege;
use crate::proto::v1;

/// The most seats of a kind.
const MOST_SEATS: i64 = 1_000_000_000;

/// The system licence as a message.
pub fn system_license(kinds: Vec<SystemLicense>) -> v1::SystemLicense {
    let etag = license::etag(&kinds);
    let kind = |kind: SystemLicense| v1::SystemLicenseKind {
        kind: kind.kind,
        quantity: kind.quantity,
        reserved: kind.reserved,
        permits_log_in: kind.permits_log_in,
        privileges: kind.privileges,
    };
    v1::SystemLicense { kinds: kinds.into_iter().map(kind).collect(), etag }
}

/// What UpdateSystemLicense asks for, with the etag.
pub fn update_system(request: v1::UpdateSystemLicenseRequest) -> Result<(SystemLicensePatch, String)> {
    let sent = request.license.unwrap_or_default();
    let mut fields = Fields::default();
    let mut patch = SystemLicensePatch::default();
    for kind in sent.kinds {
        let name = fields.take("license.kinds.kind", LicenseKind::parse(&kind.kind));
        let new = new_kind(&mut fields, kind);
        if let Some((name, new)) = name.zip(new)
            && patch.kinds.insert(name.clone(), new).is_some()
        {
            fields.refuse("license.kinds", format!("must name {name} once only"));
        }
    }
    for name in &request.remove_kinds {
        patch.remove.extend(fields.take("remove_kinds", LicenseKind::parse(name)));
    }
    if let Some(both) = patch.remove.iter().find(|name| patch.kinds.contains_key(*name)) {
        fields.refuse("remove_kinds", format!("must not name {both}, which license.kinds names, too"));
    }
    if patch.kinds.is_empty() && patch.remove.is_empty() {
        fields.refuse("license.kinds", "must have the kinds to change, such as base");
    }
    fields.finish(Some((patch, sent.etag)))
}

/// What `base` permits and opens follows from the other kinds.
fn new_kind(fields: &mut Fields, sent: v1::SystemLicenseKind) -> Option<NewKind> {
    let quantity = sent.quantity.map(seats).transpose();
    let quantity = fields.take("license.kinds.quantity", quantity)?;
    if sent.kind == BASE {
        return Some(NewKind { quantity, permits_log_in: true, privileges: BTreeSet::new() });
    }
    let privileges = sent.privileges.iter().map(|name| privilege(name)).collect();
    let privileges = fields.take("license.kinds.privileges", privileges)?;
    Some(NewKind { quantity, permits_log_in: sent.permits_log_in, privileges })
}

/// A function privilege that can be held in tenants, or what is allowed.
fn privilege(name: &str) -> Result<Privilege, String> {
    let known = Privilege::parse(name).filter(|privilege| !privilege.is_platform());
    known.ok_or_else(|| {
        let all = Privilege::ALL.into_iter().filter(|privilege| !privilege.is_platform()).map(Privilege::name);
        format!("must be some of {}; not {name:.64}", all.collect::<Vec<_>>().join(", "))
    })
}

/// A number of seats, or what is allowed.
fn seats(sent: i64) -> Result<i64, String> {
    if (0..=MOST_SEATS).contains(&sent) { Ok(sent) } else { Err(format!("must be 0 to {MOST_SEATS}")) }
}

/// What is in use of a kind, as a message.
pub fn license_use(seats: LicenseUse) -> v1::LicenseUse {
    let available = seats.available();
    v1::LicenseUse { kind: seats.kind, quantity: seats.quantity, used: seats.used, available }
}

/// All kinds together as a message; None: there is none.
pub fn total<'a>(kinds: impl Iterator<Item = &'a LicenseUse>) -> Option<v1::LicenseTotal> {
    let total = license::total(kinds)?;
    Some(v1::LicenseTotal { used: total.used, quantity: total.quantity, percent: total.percent })
}

/// The licences of a tenant as a message.
pub fn tenant_licenses(tenant: &str, licenses: TenantLicenses) -> v1::TenantLicenses {
    let warning = |seats: &LicenseUse| v1::LicenseWarning {
        kind: seats.kind.clone(),
        used: seats.used,
        quantity: seats.quantity,
    };
    v1::TenantLicenses {
        name: format!("{tenant}/licenses"),
        total: total(licenses.kinds.iter().map(|license| &license.seats)),
        warnings: licenses.warnings().map(warning).collect(),
        etag: licenses.etag(),
        licenses: licenses.kinds.into_iter().map(tenant_license).collect(),
    }
}

fn tenant_license(license: TenantLicense) -> v1::TenantLicense {
    v1::TenantLicense {
        available: license.seats.available(),
        kind: license.seats.kind,
        quantity: license.seats.quantity,
        used: license.seats.used,
        permits_log_in: license.permits_log_in,
        privileges: license.privileges,
    }
}

/// What UpdateTenantLicenses asks for, with the etag.
pub fn update_tenant(request: v1::UpdateTenantLicensesRequest) -> Result<(BTreeMap<LicenseKind, i64>, String)> {
    let sent = request.licenses.unwrap_or_default();
    let mut fields = Fields::default();
    let mut wanted = BTreeMap::new();
    for license in &sent.licenses {
        let kind = fields.take("licenses.licenses.kind", LicenseKind::parse(&license.kind));
        let quantity = fields.take("licenses.licenses.quantity", seats(license.quantity));
        if let Some((kind, quantity)) = kind.zip(quantity)
            && wanted.insert(kind.clone(), quantity).is_some()
        {
            fields.refuse("licenses.licenses", format!("must name {kind} once only"));
        }
    }
    if sent.licenses.is_empty() {
        fields.refuse("licenses.licenses", "must have the kinds to change, such as base");
    }
    fields.finish(Some((wanted, sent.etag)))
}

/// Who is to have a seat, or to have none.
pub fn holders(tenant: &str, kind: &str, users: &[String]) -> Result<SeatHolders> {
    names::tenant("tenant", tenant)?;
    let kind = LicenseKind::parse(kind).map_err(|allowed| Error::field("kind", allowed))?;
    Ok(SeatHolders { kind, users: names::all("users", users, 1)? })
}
