//! Service identities as messages, and the requests that make and change them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::fields::{Fields, timestamp, whole_seconds};
use super::names;
use crate::app::service_identities::{
    CreateServiceIdentity, Issued, RotateServiceIdentity, Tenants, UpdateServiceIdentity,
};
use crate::authz::services::can_be_given;
use crate::domain::error::Result;
use crate::domain::name::{DisplayName, SpiffeId, slug};
use crate::domain::service_identity::{
    LONGEST_KEY, LONGEST_OVERLAP, MOST_TENANTS, OVERLAP, Reach, ServiceIdentity, ServiceIdentityPatch,
};
use crate::proto::v1;

/// A service identity as a message.
pub fn service_identity(identity: ServiceIdentity) -> v1::ServiceIdentity {
    v1::ServiceIdentity {
        name: identity.service.name(),
        etag: identity.etag(),
        display_name: identity.display_name.to_string(),
        methods: identity.methods.into_iter().collect(),
        tenants: identity.tenant_codes.iter().map(|code| format!("tenants/{code}")).collect(),
        all_tenants: identity.reach == Reach::All,
        spiffe_id: identity.spiffe_id.map(|id| id.to_string()).unwrap_or_default(),
        keys: identity
            .keys
            .into_iter()
            .map(|key| v1::ServiceKey {
                create_time: Some(timestamp(key.created_at)),
                expire_time: Some(timestamp(key.expires_at)),
                last_used_time: key.used_at.map(timestamp),
            })
            .collect(),
        last_used_time: identity.used_at.map(timestamp),
        create_time: Some(timestamp(identity.created_at)),
        update_time: Some(timestamp(identity.updated_at)),
    }
}

/// What CreateServiceIdentity answers.
pub fn created(Issued { identity, api_key }: Issued) -> v1::CreateServiceIdentityResponse {
    let service_identity = Some(service_identity(identity));
    v1::CreateServiceIdentityResponse { service_identity, api_key: api_key.unwrap_or_default() }
}

/// What RotateServiceIdentity answers.
pub fn rotated(Issued { identity, api_key }: Issued) -> v1::RotateServiceIdentityResponse {
    let service_identity = Some(service_identity(identity));
    v1::RotateServiceIdentityResponse { service_identity, api_key: api_key.unwrap_or_default() }
}

/// What CreateServiceIdentity asks for.
pub fn create(request: v1::CreateServiceIdentityRequest) -> Result<CreateServiceIdentity> {
    let mut fields = Fields::default();
    let sent = request.service_identity.unwrap_or_default();
    let id = fields.take("service_identity_id", slug(&request.service_identity_id));
    let display_name = if sent.display_name.is_empty() { &request.service_identity_id } else { &sent.display_name };
    let display_name = fields.take("service_identity.display_name", DisplayName::parse(display_name));
    let methods = fields.take("service_identity.methods", methods(&sent.methods));
    let tenants = tenants(&mut fields, &sent);
    let spiffe_id = Some(&sent.spiffe_id).filter(|id| !id.is_empty());
    let spiffe_id = spiffe_id.map(|id| fields.take("service_identity.spiffe_id", SpiffeId::parse(id)));
    let key_lifetime = request.key_lifetime.map(|lifetime| fields.take("key_lifetime", key_life(lifetime)));
    if key_lifetime.is_none() && spiffe_id.is_none() {
        fields
            .refuse("key_lifetime", "is required, unless service_identity.spiffe_id is given: else nobody could call");
    }
    let create = || {
        Some(CreateServiceIdentity {
            id: id?,
            display_name: display_name?,
            methods: methods?,
            tenants: tenants?,
            spiffe_id: spiffe_id.flatten(),
            key_lifetime: key_lifetime.flatten(),
        })
    };
    let create = create();
    fields.finish(create)
}

/// The methods of these names, as they are given to services.
fn methods(names: &[String]) -> Result<BTreeSet<String>, String> {
    names.iter().map(|name| can_be_given(name).map(crate::authz::policy::Policy::short)).collect()
}

fn tenants(fields: &mut Fields, sent: &v1::ServiceIdentity) -> Option<Tenants> {
    let field = "service_identity.tenants";
    if sent.all_tenants {
        if !sent.tenants.is_empty() {
            fields.refuse(field, "must be empty with all_tenants");
        }
        return Some(Tenants::All);
    }
    if sent.tenants.len() > MOST_TENANTS {
        fields.refuse(field, format!("must name at most {MOST_TENANTS}"));
        return None;
    }
    let named = sent.tenants.iter().map(|tenant| names::tenant(field, tenant)).collect::<Result<_>>();
    fields.take(field, named.map_err(|_| "must be `tenants/{code}` or `tenants/{uid}`".to_owned())).map(Tenants::Named)
}

/// What UpdateServiceIdentity asks for.
pub fn update(request: v1::UpdateServiceIdentityRequest) -> Result<UpdateServiceIdentity> {
    let sent = request.service_identity.unwrap_or_default();
    let id = service_identity_id("service_identity.name", &sent.name)?;
    let mut fields = Fields::default();
    let changeable = [
        ("display_name", !sent.display_name.is_empty()),
        ("methods", !sent.methods.is_empty()),
        ("tenants", !sent.tenants.is_empty()),
        ("all_tenants", sent.all_tenants),
        ("spiffe_id", !sent.spiffe_id.is_empty()),
    ];
    let [display_name, given, some, all, spiffe_id] = fields.masked(request.update_mask, changeable);
    let mut patch = ServiceIdentityPatch::default();
    if display_name {
        patch.display_name = fields.take("service_identity.display_name", DisplayName::parse(&sent.display_name));
    }
    if given {
        patch.methods = fields.take("service_identity.methods", methods(&sent.methods));
    }
    let wanted = if some || all { tenants(&mut fields, &sent) } else { None };
    if spiffe_id {
        let id = Some(&sent.spiffe_id).filter(|id| !id.is_empty()).map(|id| SpiffeId::parse(id)).transpose();
        patch.spiffe_id = fields.take("service_identity.spiffe_id", id);
    }
    fields.finish(Some(UpdateServiceIdentity { id, patch, tenants: wanted, etag: sent.etag }))
}

/// What RotateServiceIdentity asks for.
pub fn rotate(request: v1::RotateServiceIdentityRequest) -> Result<RotateServiceIdentity> {
    let id = service_identity_id("name", &request.name)?;
    let mut fields = Fields::default();
    let lifetime = request.key_lifetime.ok_or_else(|| "is required: how long the new key is good".to_owned());
    let key_lifetime = fields.take("key_lifetime", lifetime.and_then(key_life));
    let overlap = request.overlap.map_or(Ok(OVERLAP), |overlap| whole_seconds(overlap, LONGEST_OVERLAP));
    let overlap = fields.take("overlap", overlap);
    let etag = request.etag;
    let rotate = || Some(RotateServiceIdentity { id, key_lifetime: key_lifetime?, overlap: overlap?, etag });
    let rotate = rotate();
    fields.finish(rotate)
}

/// How long a key is good, or what is allowed.
fn key_life(lifetime: prost_types::Duration) -> Result<Duration, String> {
    let lifetime = whole_seconds(lifetime, LONGEST_KEY)?;
    if lifetime.is_zero() { Err("must be 1 s or more".to_owned()) } else { Ok(lifetime) }
}

/// The id in `serviceIdentities/{service_identity}`.
pub fn service_identity_id(field: &str, name: &str) -> Result<String> {
    names::of_platform("serviceIdentities/{service_identity}", field, name)
}
