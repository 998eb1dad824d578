//! A layer made of a check: the request goes on, or an error is answered.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures::future::Either;
use http::{Request, Response};
use tonic::body::Body;
use tower::{Layer, Service};

use crate::domain::error::Error;
use crate::grpc::call::CorrelationId;
use crate::grpc::status;

/// Something that a request must pass before its message is read.
pub trait Check: Clone + Send + 'static {
    /// Refuses the request, or lets it go on, with what was learned put into its extensions.
    fn check(&self, request: &mut Request<Body>) -> Result<(), Error>;
}

/// Puts a [`Check`] before a service.
#[derive(Clone, Debug)]
pub struct CheckLayer<C>(C);

impl<C: Check> CheckLayer<C> {
    /// A layer that makes this check.
    pub fn new(check: C) -> Self {
        Self(check)
    }
}

impl<C: Check, S> Layer<S> for CheckLayer<C> {
    type Service = Checked<C, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Checked { check: self.0.clone(), inner }
    }
}

/// A service that sees only requests which passed the check.
#[derive(Clone, Debug)]
pub struct Checked<C, S> {
    check: C,
    inner: S,
}

impl<C, S> Service<Request<Body>> for Checked<C, S>
where
    C: Check,
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response<Body>, Infallible>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self.check.check(&mut request) {
            Ok(()) => Either::Right(self.inner.call(request)),
            Err(error) => {
                let id = CorrelationId::of(request.extensions());
                Either::Left(ready(Ok(status::response(error, &id))))
            }
        }
    }
}
