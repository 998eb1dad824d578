//! Finds out who is calling, before the message is read.
//!
//! A bad credential is refused and never taken for none, save one that a log-in mends, on a method that is open to everybody: that is
//! what such methods are good for. No credential is refused here for every method that wants one.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use secrecy::ExposeSecret as _;
use tonic::body::Body;
use tower::{Layer, Service};

use crate::app::App;
use crate::authz::decision::public;
use crate::authz::policy::{self, Access, Policy};
use crate::domain::error::{Error, Reason, Result};
use crate::grpc::call::{CallMetadata, CorrelationId};
use crate::grpc::guard::Authenticated;
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
                match caller(&app, policy, request.extensions().get::<CallMetadata>()).await {
                    Ok(Some(caller)) => drop(request.extensions_mut().insert(caller)),
                    Ok(None) => {}
                    Err(error) => return Ok(response(error, &CorrelationId::of(request.extensions()))),
                }
            }
            Ok(inner.call(request).await?.map(Body::new))
        })
    }
}

async fn caller(app: &App, policy: &'static Policy, metadata: Option<&CallMetadata>) -> Result<Option<Authenticated>> {
    let Some(metadata) = metadata else { return public(policy).map(|_| None) };
    let Some(token) = metadata.bearer.as_ref() else { return public(policy).map(|_| None) };
    let wanted = metadata.tenant.as_ref().map(ToString::to_string);
    match app.identify(token.expose_secret(), wanted.as_deref()).await {
        // What is open to everybody asks no more of a caller who could be somebody.
        Ok(_) if policy.access == Access::Public => Ok(None),
        Ok((facts, acts_for)) => Ok(Some(Authenticated { facts: Arc::new(facts), acts_for })),
        Err(error) if policy.access == Access::Public && is_mended_by_logging_in(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_mended_by_logging_in(error: &Error) -> bool {
    matches!(error.reason(), Some(Reason::TokenExpired | Reason::SessionRequired))
}
