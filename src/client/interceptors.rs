//! What the client adds to each call; the server's interceptors read it again.

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};

use super::{ClientError, keys};

type Value = MetadataValue<Ascii>;

/// Adds the credential.
#[derive(Clone, Debug, Default)]
pub struct Credential(Option<Value>);

/// Adds the tenant.
#[derive(Clone, Debug, Default)]
pub struct TenantContext(Option<Value>);

/// Adds whom to act for, and why.
#[derive(Clone, Debug, Default)]
pub struct Impersonation(Option<(Value, Value)>);

impl Credential {
    pub(super) fn bearer(token: &str) -> Result<Self, ClientError> {
        let mut value =
            value(keys::AUTHORIZATION, token).and_then(|_| value(keys::AUTHORIZATION, &format!("Bearer {token}")))?;
        // Keeps it out of Debug output and out of HPACK's table.
        value.set_sensitive(true);
        Ok(Self(Some(value)))
    }
}

impl TenantContext {
    pub(super) fn of(tenant: &str) -> Result<Self, ClientError> {
        value(keys::TENANT, tenant).map(|tenant| Self(Some(tenant)))
    }
}

impl Impersonation {
    pub(super) fn of(user: &str, reason: &str) -> Result<Self, ClientError> {
        Ok(Self(Some((value(keys::IMPERSONATE, user)?, value(keys::IMPERSONATE_REASON, reason)?))))
    }
}

fn value(key: &'static str, text: &str) -> Result<Value, ClientError> {
    let text = Some(text).filter(|text| !text.trim().is_empty());
    text.and_then(|text| text.parse().ok()).ok_or(ClientError::Metadata { key })
}

impl Interceptor for Credential {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert(keys::AUTHORIZATION, value.clone());
        }
        Ok(request)
    }
}

impl Interceptor for TenantContext {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert(keys::TENANT, value.clone());
        }
        Ok(request)
    }
}

impl Interceptor for Impersonation {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some((user, reason)) = &self.0 {
            request.metadata_mut().insert(keys::IMPERSONATE, user.clone());
            request.metadata_mut().insert(keys::IMPERSONATE_REASON, reason.clone());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_carries_what_the_client_was_told() {
        let mut request = Request::new(());
        request = Credential::bearer("abc").unwrap().call(request).unwrap();
        request = TenantContext::of("acme").unwrap().call(request).unwrap();
        request = Impersonation::of("superuser", "ticket 4711").unwrap().call(request).unwrap();
        let get = |key: &str| request.metadata().get(key).unwrap().to_str().unwrap().to_owned();
        assert_eq!(get(keys::AUTHORIZATION), "Bearer abc");
        assert_eq!(get(keys::TENANT), "acme");
        assert_eq!(get(keys::IMPERSONATE), "superuser");
        assert_eq!(get(keys::IMPERSONATE_REASON), "ticket 4711");
    }

    #[test]
    fn the_token_is_not_printed() {
        assert!(!format!("{:?}", Credential::bearer("abc").unwrap()).contains("abc"));
    }

    #[test]
    fn what_is_no_metadata_is_refused_by_key() {
        for refused in
            [Credential::bearer("").err(), TenantContext::of("a\nb").err(), Impersonation::of("u", " ").err()]
        {
            assert!(matches!(refused, Some(ClientError::Metadata { .. })));
        }
    }
}
