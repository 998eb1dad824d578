//! The form of a call's metadata: known keys, once each, within bounds. The result is a [`CallMetadata`].
//!
//! tonic would take the first of two credentials; here two are a mistake, as is a key of ours that we don't know, since
//! a misspelt `x-landlord-tenant` must not mean "no tenant".

use http::header::AUTHORIZATION;
use http::{HeaderMap, Request};
use secrecy::SecretString;
use tonic::body::Body;

use super::check::Check;
use crate::client::keys;
use crate::domain::error::{Error, Reason, Refusal};
use crate::grpc::call::{self, CallMetadata, CorrelationId, TenantHint};

/// Bytes of all names and values together. hyper gives up at about twice that, and then without a status.
const MOST_BYTES: usize = 8 * 1024;
/// Bytes of one value of ours.
const LONGEST: usize = 1024;
/// Bytes of a credential; tokens of a foreign issuer can be long.
const LONGEST_CREDENTIAL: usize = 6 * 1024;

/// The check of a call's metadata. It moves the credential out of the headers, so that nothing below can print it.
#[derive(Clone, Copy, Debug)]
pub struct StrictMetadata;

impl Check for StrictMetadata {
    fn check(&self, request: &mut Request<Body>) -> Result<(), Error> {
        let correlation_id = CorrelationId::of(request.extensions());
        let metadata = read(request.headers(), correlation_id)?;
        request.headers_mut().remove(AUTHORIZATION);
        request.extensions_mut().insert(metadata);
        Ok(())
    }
}

fn read(headers: &HeaderMap, correlation_id: CorrelationId) -> Result<CallMetadata, Refusal> {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > MOST_BYTES {
        let message = format!("the metadata has {bytes} bytes; at most {MOST_BYTES} are allowed");
        return Err(Refusal::new(Reason::MetadataInvalid, message));
    }
    let ours = headers.keys().map(http::HeaderName::as_str).filter(|name| name.starts_with(keys::PREFIX));
    if let Some(unknown) = ours.into_iter().find(|name| !keys::ALL.contains(name)) {
        let message = format!("there is no metadata key {unknown:.64}; there are {}", keys::ALL.join(", "));
        return Err(Refusal::new(Reason::MetadataInvalid, message));
    }
    if let Some(id) = single(headers, keys::REQUEST_ID, LONGEST)? {
        CorrelationId::parse(id).ok_or_else(|| {
            invalid(keys::REQUEST_ID, "must be 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'")
        })?;
    }
    let tenant = single(headers, keys::TENANT, LONGEST)?;
    let target = single(headers, keys::IMPERSONATE, LONGEST)?;
    let reason = single(headers, keys::IMPERSONATE_REASON, LONGEST)?;
    Ok(CallMetadata {
        correlation_id,
        bearer: bearer(headers)?,
        tenant: tenant.map(TenantHint::parse).transpose().map_err(|allowed| invalid(keys::TENANT, &allowed))?,
        impersonation: call::impersonation(target, reason).map_err(|(key, allowed)| invalid(key, &allowed))?,
    })
}

/// The credential; an empty one counts as absent.
fn bearer(headers: &HeaderMap) -> Result<Option<SecretString>, Refusal> {
    let Some(value) = single(headers, keys::AUTHORIZATION, LONGEST_CREDENTIAL)? else { return Ok(None) };
    let value = value.trim();
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    let token = token.trim();
    if value.is_empty() {
        return Ok(None);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(invalid(keys::AUTHORIZATION, "must be `Bearer` and a token"));
    }
    // Proxies join doubled headers by commas, which no token has.
    if token.contains([' ', ',', '\t']) {
        return Err(invalid(keys::AUTHORIZATION, "must have one token"));
    }
    Ok(Some(token).filter(|token| !token.is_empty()).map(SecretString::from))
}

fn single<'a>(headers: &'a HeaderMap, key: &'static str, longest: usize) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(key).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(invalid(key, "may be sent once only"));
    }
    if value.len() > longest {
        return Err(invalid(key, &format!("may have {longest} bytes at most")));
    }
    value.to_str().map(Some).map_err(|_| invalid(key, "must be printable ASCII"))
}

fn invalid(key: &'static str, allowed: &str) -> Refusal {
    Refusal::new(Reason::MetadataInvalid, format!("{key} {allowed}")).with("key", key)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use secrecy::ExposeSecret as _;

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        };
        let mut headers = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            headers.append(name, value);
        }
        headers
    }

    fn metadata(pairs: &[(&str, &str)]) -> Result<CallMetadata, Refusal> {
        read(&headers(pairs), CorrelationId::parse("id-1").unwrap())
    }

    fn token(value: &str) -> Option<String> {
        let bearer = metadata(&[("authorization", value)]).unwrap().bearer;
        bearer.map(|token| token.expose_secret().to_owned())
    }

    #[test]
    fn a_bearer_token_is_taken_and_an_empty_one_is_none() {
        assert_eq!(token("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(token("bearer  abc ").as_deref(), Some("abc"));
        for empty in ["", "  ", "Bearer", "Bearer "] {
            assert_eq!(token(empty), None, "{empty:?}");
        }
    }

    #[test]
    fn other_metadata_is_nobodys_business() {
        assert!(metadata(&[("user-agent", "ä"), ("x-forwarded-for", "a"), ("x-forwarded-for", "b")]).is_ok());
    }

    #[test]
    fn everything_is_typed() {
        let sent = [
            ("x-landlord-tenant", "acme"),
            ("x-landlord-impersonate", "superuser"),
            ("x-landlord-impersonate-reason", "ticket 4711"),
            ("x-landlord-request-id", "id-1"),
        ];
        let metadata = metadata(&sent).unwrap();
        assert!(matches!(metadata.tenant, Some(TenantHint::Code(code)) if code.as_str() == "acme"));
        assert_eq!(metadata.impersonation.unwrap().reason.as_str(), "ticket 4711");
    }

    #[test]
    fn a_wrong_form_is_refused_with_the_key() {
        let long = "x".repeat(2000);
        let refused: &[(&str, &[(&str, &str)])] = &[
            ("authorization", &[("authorization", "Bearer a"), ("authorization", "Bearer b")]),
            ("authorization", &[("authorization", "Bearer a, Bearer b")]),
            ("authorization", &[("authorization", "Basic abc")]),
            ("authorization", &[("authorization", "Bearer ä")]),
            ("x-landlord-tenant", &[("x-landlord-tenant", "acme"), ("x-landlord-tenant", "acme")]),
            ("x-landlord-tenant", &[("x-landlord-tenant", "Acme GmbH")]),
            ("x-landlord-tenant", &[("x-landlord-tenant", "")]),
            ("x-landlord-tenant", &[("x-landlord-tenant", &long)]),
            ("x-landlord-request-id", &[("x-landlord-request-id", "a b")]),
            ("x-landlord-request-id", &[("x-landlord-request-id", "")]),
            ("x-landlord-impersonate-reason", &[("x-landlord-impersonate", "superuser")]),
            ("x-landlord-impersonate", &[("x-landlord-impersonate-reason", "why")]),
            ("x-landlord-tennant", &[("x-landlord-tennant", "acme")]),
            ("x-landlord-min-revision", &[("x-landlord-min-revision", "4")]),
        ];
        for (key, pairs) in refused {
            let refusal = metadata(pairs).unwrap_err();
            assert_eq!(refusal.reason, Reason::MetadataInvalid);
            assert!(refusal.message.contains(key), "{}", refusal.message);
        }
    }

    #[test]
    fn an_unknown_key_is_told_with_the_known_ones() {
        let refusal = metadata(&[("x-landlord-tennant", "acme")]).unwrap_err();
        assert!(keys::ALL.iter().all(|key| refusal.message.contains(key)), "{}", refusal.message);
    }

    #[test]
    fn metadata_as_a_whole_is_bounded() {
        let value = "x".repeat(1000);
        let many: Vec<_> = (0..20).map(|i| (format!("x-other-{i}"), value.clone())).collect();
        let many: Vec<_> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(metadata(&many).unwrap_err().reason, Reason::MetadataInvalid);
    }

    #[test]
    fn the_credential_leaves_the_headers() {
        let mut request = Request::new(Body::empty());
        *request.headers_mut() = headers(&[("authorization", "Bearer hunter2")]);
        StrictMetadata.check(&mut request).unwrap();
        assert!(!request.headers().contains_key("authorization"));
        let metadata = request.extensions().get::<CallMetadata>().unwrap();
        assert!(metadata.bearer.is_some() && !format!("{metadata:?}").contains("hunter2"));
    }
}
