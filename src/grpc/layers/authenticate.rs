//! Finds out who is calling, before the message is read.
//!
//! A bad credential is refused and never taken for none, save one that a log-in mends, on a method that is open to everybody: that is
//! what such methods are good for. No credential is refused here for every method that wants one.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use secrecy::{ExposeSecret as _, SecretString};
use tonic::body::Body;
use tower::{Layer, Service};

use crate::app::App;
use crate::authn::Proof;
use crate::authn::api_key::ApiKey;
use crate::authz::decision::public;
use crate::authz::policy::{self, Access, Policy};
use crate::client::keys;
use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::grpc::call::{CallMetadata, CorrelationId};
use crate::grpc::guard::Authenticated;
use crate::grpc::peer;
use crate::grpc::status::response;

/// Authenticates calls of the services with a policy; health and reflection have none.
#[derive(Clone)]
pub struct AuthenticateLayer(pub App);

impl<S> Layer<S> for AuthenticateLayer {
    type Service = Authenticate<S>;

    fn layer(&self, inner: S) -> Authenticate<S> {
        Authenticate { app: self.0.clone(), inner }
    }
}

/// See [`AuthenticateLayer`].
#[derive(Clone)]
pub struct Authenticate<S> {
    app: App,
    inner: S,
}

impl<S, B> Service<Request<Body>> for Authenticate<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<tower::BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let app = self.app.clone();
        Box::pin(async move {
            if let Some(policy) = policy::by_path(request.uri().path()) {
                match caller(&app, policy, request.extensions()).await {
                    Ok(Some(caller)) => drop(request.extensions_mut().insert(caller)),
                    Ok(None) => {}
                    Err(error) => return Ok(response(error, &CorrelationId::of(request.extensions()))),
                }
            }
            Ok(inner.call(request).await?.map(Body::new))
        })
    }
}

/// Who calls, by what it has shown: a token or a key, or else a certificate.
async fn caller(app: &App, policy: &'static Policy, extensions: &http::Extensions) -> Result<Option<Authenticated>> {
    let metadata = extensions.get::<CallMetadata>();
    let bearer = metadata.and_then(|metadata| metadata.bearer.as_ref());
    let found = match (bearer.map(SecretString::expose_secret), peer::spiffe_id(extensions)?) {
        (None, None) => return public(policy).map(|_| None),
        (Some(_), Some(_)) => return Err(two_credentials()),
        (Some(key), None) if ApiKey::is_meant(key) => by_key(app, key).await,
        (Some(token), None) => {
            let wanted = metadata.and_then(|metadata| metadata.tenant.as_ref()).map(ToString::to_string);
            app.identify(token, wanted.as_deref()).await.map(|(facts, acts_for)| {
                let facts = Arc::new(facts);
                Authenticated::User { facts, acts_for }
            })
        }
        (None, Some(id)) => app.identify_service(Proof::Certificate(id)).await.map(Authenticated::Service),
    };
    match found {
        // What is open to everybody asks no more of a caller who could be somebody.
        Ok(_) if policy.access == Access::Public => Ok(None),
        Ok(found) => Ok(Some(found)),
        Err(error) if policy.access == Access::Public && is_mended_by_logging_in(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_mended_by_logging_in(error: &Error) -> bool {
    matches!(error.reason(), Some(Reason::TokenExpired | Reason::SessionRequired))
}

async fn by_key(app: &App, key: &str) -> Result<Authenticated> {
    let key = ApiKey::decode(key).ok_or_else(|| {
        Error::from(Refusal::new(
            Reason::TokenInvalid,
            "the API key is not whole, or none of ours: send it as it was shown",
        ))
    })?;
    app.identify_service(key.proof()).await.map(Authenticated::Service)
}

/// The refusal of two callers at once. Neither is taken for the other's errand.
fn two_credentials() -> Error {
    let key = keys::AUTHORIZATION;
    let text = format!(
        "{key} came over a connection with a client certificate, which is a credential too; send one of the two"
    );
    Refusal::new(Reason::MetadataInvalid, text).with("key", key).into()
}
