//! Identity providers as messages, and the requests that make and change them.

use super::fields::{Fields, timestamp};
use super::names;
use crate::app::identities::CreateIdentityProvider;
use crate::domain::error::Result;
use crate::domain::identity_provider::{
    IdentityProvider, IdentityProviderPatch, NewIdentityProvider, SigningAlgorithm,
};
use crate::domain::name::{Audience, Issuer, KeysAddress, slug};
use crate::proto::v1;

/// An identity provider as a message.
pub fn identity_provider(provider: IdentityProvider) -> v1::IdentityProvider {
    v1::IdentityProvider {
        name: provider.name(),
        etag: provider.etag(),
        issuer: provider.issuer.to_string(),
        audiences: provider.audiences.iter().map(ToString::to_string).collect(),
        algorithms: provider.algorithms.iter().map(|algorithm| algorithm.name().to_owned()).collect(),
        jwks_uri: provider.keys.as_ref().map(ToString::to_string).unwrap_or_default(),
        tenant: provider.tenant.as_ref().map(|(_, code)| format!("tenants/{code}")).unwrap_or_default(),
        create_time: Some(timestamp(provider.created_at)),
        update_time: Some(timestamp(provider.updated_at)),
    }
}

/// What CreateIdentityProvider asks for.
pub fn create(request: v1::CreateIdentityProviderRequest) -> Result<CreateIdentityProvider> {
    let mut fields = Fields::default();
    let sent = request.identity_provider.unwrap_or_default();
    let tenant = Some(&sent.tenant).filter(|tenant| !tenant.is_empty());
    let tenant = tenant.map(|tenant| names::tenant("identity_provider.tenant", tenant)).transpose()?;
    let keys = Some(&sent.jwks_uri).filter(|keys| !keys.is_empty()).map(|keys| KeysAddress::parse(keys)).transpose();
    let id = fields.take("identity_provider_id", slug(&request.identity_provider_id));
    let issuer = fields.take("identity_provider.issuer", Issuer::parse(&sent.issuer));
    let keys = fields.take("identity_provider.jwks_uri", keys);
    let audiences = fields.take("identity_provider.audiences", audiences(&sent.audiences));
    let algorithms = fields.take("identity_provider.algorithms", algorithms(&sent.algorithms));
    let new = || {
        let new = NewIdentityProvider {
            id: id?,
            issuer: issuer?,
            keys: keys?,
            audiences: audiences?,
            algorithms: algorithms?,
        };
        Some(CreateIdentityProvider { new, tenant })
    };
    let new = new();
    fields.finish(new)
}

/// What UpdateIdentityProvider asks for: which provider, what to change, and the etag.
pub fn update(request: v1::UpdateIdentityProviderRequest) -> Result<(String, IdentityProviderPatch, String)> {
    let sent = request.identity_provider.unwrap_or_default();
    let id = provider_id("identity_provider.name", &sent.name)?;
    let mut fields = Fields::default();
    let changeable = [("audiences", !sent.audiences.is_empty()), ("algorithms", !sent.algorithms.is_empty())];
    let [for_whom, by_what] = fields.masked(request.update_mask, changeable);
    let mut patch = IdentityProviderPatch::default();
    if for_whom {
        patch.audiences = fields.take("identity_provider.audiences", audiences(&sent.audiences));
    }
    if by_what {
        patch.algorithms = fields.take("identity_provider.algorithms", algorithms(&sent.algorithms));
    }
    fields.finish(Some((id, patch, sent.etag)))
}

/// The id in `identityProviders/{provider}`.
pub fn provider_id(field: &str, name: &str) -> Result<String> {
    names::of_platform("identityProviders/{provider}", field, name)
}

fn audiences(sent: &[String]) -> Result<Vec<Audience>, String> {
    if !(1..=20).contains(&sent.len()) {
        return Err("must be 1 to 20".to_owned());
    }
    sent.iter().map(|audience| Audience::parse(audience)).collect()
}

fn algorithms(sent: &[String]) -> Result<Vec<SigningAlgorithm>, String> {
    let known: Vec<_> = SigningAlgorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
    let mut algorithms = sent.iter().map(|name| SigningAlgorithm::parse(name)).collect::<Option<Vec<_>>>();
    if let Some(algorithms) = &mut algorithms {
        algorithms.sort_unstable();
        algorithms.dedup();
    }
    let some = algorithms.filter(|algorithms| !algorithms.is_empty());
    some.ok_or_else(|| format!("must be at least one of {}", known.join(", ")))
}
