//! Only methods that exist, by POST and without a query.
//!
//! tonic serves GET and ignores a query, and routes by the service's name alone; a path that no policy knows must not
//! come as far as a router.

use std::fmt;
use std::sync::Arc;

use http::{Method, Request};
use tonic::body::Body;

use super::check::Check;
use crate::domain::error::{Error, Reason, Refusal};

/// The services that every gRPC server has, without a policy of ours.
const STANDARD: &[&str] = &[
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// The paths that are served.
#[derive(Clone)]
pub struct KnownMethods(Arc<dyn Fn(&str) -> bool + Send + Sync>);

impl KnownMethods {
    /// The paths of which `ours` is true, besides those of health and reflection.
    pub fn new(ours: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(ours))
    }

    /// Whether `path` is served.
    pub fn contains(&self, path: &str) -> bool {
        Self::is_standard(path) || (self.0)(path)
    }

    /// Whether `path` is health's or reflection's.
    pub(super) fn is_standard(path: &str) -> bool {
        STANDARD.contains(&path)
    }
}

impl fmt::Debug for KnownMethods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnownMethods")
    }
}

/// The check that a request calls a known method the way gRPC calls it.
#[derive(Clone, Debug)]
pub struct MethodIsKnown(KnownMethods);

impl MethodIsKnown {
    /// Lets these methods pass.
    pub fn new(known: KnownMethods) -> Self {
        Self(known)
    }
}

impl Check for MethodIsKnown {
    fn check(&self, request: &mut Request<Body>) -> Result<(), Error> {
        let uri = request.uri();
        if request.method() == Method::POST && uri.query().is_none() && self.0.contains(uri.path()) {
            return Ok(());
        }
        Err(unknown())
    }
}

/// The refusal of a method that is not there. It doesn't repeat what was asked for.
pub(super) fn unknown() -> Error {
    Refusal::new(Reason::MethodUnknown, "there is no such method; reflection lists those that there are").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(method: Method, uri: &str) -> bool {
        let check = MethodIsKnown::new(KnownMethods::new(|path| path == "/landlord.v1.TenantService/GetTenant"));
        let mut request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
        match check.check(&mut request) {
            Ok(()) => false,
            Err(error) => {
                assert_eq!(error.reason(), Some(Reason::MethodUnknown));
                true
            }
        }
    }

    #[test]
    fn known_methods_pass_by_post() {
        assert!(!refused(Method::POST, "/landlord.v1.TenantService/GetTenant"));
        assert!(!refused(Method::POST, "http://localhost:50051/landlord.v1.TenantService/GetTenant"));
        for path in STANDARD {
            assert!(!refused(Method::POST, path));
        }
    }

    #[test]
    fn anything_else_is_unknown() {
        assert!(refused(Method::GET, "/landlord.v1.TenantService/GetTenant"));
        assert!(refused(Method::POST, "/landlord.v1.TenantService/GetTenant?x=1"));
        assert!(refused(Method::POST, "/landlord.v1.TenantService/GetTenant?"));
        assert!(refused(Method::POST, "/landlord.v1.TenantService/gettenant"));
        assert!(refused(Method::POST, "/landlord.v1.TenantService/GetTenant/"));
        assert!(refused(Method::POST, "/landlord.v1.TenantService/%47etTenant"));
        assert!(refused(Method::POST, "/"));
    }
}
