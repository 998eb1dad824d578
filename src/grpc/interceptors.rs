//! Tenant context and impersonation enter a call here, as tonic interceptors; whether they are allowed is decided later.
//!
//! They read the metadata by themselves, so that a service which is mounted without the layers is no less strict.

use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

use super::call::{self, CorrelationId, ImpersonationContext, TenantContext, TenantHint};
use super::status;
use crate::client::keys;
use crate::domain::error::{Error, Reason, Refusal};

/// Reads `x-landlord-tenant` into a [`TenantContext`].
#[allow(clippy::result_large_err, reason = "the signature is tonic's")]
pub fn tenant_context(mut request: Request<()>) -> Result<Request<()>, Status> {
    let hint = single(request.metadata(), keys::TENANT)
        .and_then(|text| text.map(TenantHint::parse).transpose().map_err(|allowed| invalid(keys::TENANT, &allowed)));
    let hint = hint.map_err(|refusal| refused(&request, refusal))?;
    request.extensions_mut().insert(TenantContext(hint));
    Ok(request)
}

/// Reads `x-landlord-impersonate` and its reason into an [`ImpersonationContext`].
#[allow(clippy::result_large_err, reason = "the signature is tonic's")]
pub fn impersonation(mut request: Request<()>) -> Result<Request<()>, Status> {
    let read = |metadata: &MetadataMap| {
        let target = single(metadata, keys::IMPERSONATE)?;
        let reason = single(metadata, keys::IMPERSONATE_REASON)?;
        call::impersonation(target, reason).map_err(|(key, allowed)| invalid(key, &allowed))
    };
    let hint = read(request.metadata()).map_err(|refusal| refused(&request, refusal))?;
    request.extensions_mut().insert(ImpersonationContext(hint));
    Ok(request)
}

fn single<'a>(metadata: &'a MetadataMap, key: &'static str) -> Result<Option<&'a str>, Refusal> {
    let mut values = metadata.get_all(key).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(invalid(key, "may be sent once only"));
    }
    first.map(|value| value.to_str().map_err(|_| invalid(key, "must be printable ASCII"))).transpose()
}

fn invalid(key: &'static str, allowed: &str) -> Refusal {
    Refusal::new(Reason::MetadataInvalid, format!("{key} {allowed}")).with("key", key)
}

fn refused(request: &Request<()>, refusal: Refusal) -> Status {
    let id = request.extensions().get::<CorrelationId>().cloned().unwrap_or_else(CorrelationId::fresh);
    status::status(Error::from(refusal), id.as_str())
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn request(pairs: &[(&'static str, &str)]) -> Request<()> {
        let mut request = Request::new(());
        for (key, value) in pairs {
            request.metadata_mut().append(*key, value.parse().unwrap());
        }
        request
    }

    #[test]
    fn the_tenant_becomes_typed() {
        let passed = tenant_context(request(&[(keys::TENANT, "acme")])).unwrap();
        let context = passed.extensions().get::<TenantContext>().unwrap();
        assert!(matches!(&context.0, Some(TenantHint::Code(code)) if code.as_str() == "acme"));

        let passed = tenant_context(request(&[])).unwrap();
        assert_eq!(passed.extensions().get::<TenantContext>(), Some(&TenantContext(None)));
    }

    #[test]
    fn a_doubled_or_malformed_tenant_is_refused() {
        for pairs in [&[(keys::TENANT, "acme"), (keys::TENANT, "beta")][..], &[(keys::TENANT, "A")][..]] {
            assert_eq!(tenant_context(request(pairs)).unwrap_err().code(), Code::InvalidArgument);
        }
    }

    #[test]
    fn impersonation_becomes_typed() {
        let sent = [(keys::IMPERSONATE, "superuser"), (keys::IMPERSONATE_REASON, "ticket 4711")];
        let passed = impersonation(request(&sent)).unwrap();
        let context = passed.extensions().get::<ImpersonationContext>().unwrap();
        assert_eq!(context.0.as_ref().unwrap().reason.as_str(), "ticket 4711");
        assert_eq!(impersonation(request(&sent[..1])).unwrap_err().code(), Code::InvalidArgument);
    }
}
