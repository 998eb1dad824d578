//! A panic below becomes an answer.
//!
//! tonic would close the stream, and the caller could not tell it from a lost connection. The text of a panic can hold
//! anything, so it goes to the log alone, with the correlation id that the caller is told.

use std::any::Any;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body::Frame;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use crate::domain::error::Error;
use crate::grpc::call::CorrelationId;
use crate::grpc::status;

/// Catches panics of the service and of the bodies that it answers with.
#[derive(Clone, Copy, Debug)]
pub struct PanicLayer;

impl<S> Layer<S> for PanicLayer {
    type Service = CatchPanic<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CatchPanic { inner }
    }
}

/// A service that answers INTERNAL where the inner one panics.
#[derive(Clone, Debug)]
pub struct CatchPanic<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for CatchPanic<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let id = CorrelationId::of(request.extensions());
        // Nothing of the request is looked at again after a panic, hence the assertions.
        let started = catch_unwind(AssertUnwindSafe(|| self.inner.call(request)));
        Box::pin(async move {
            let answered = match started {
                Ok(answer) => AssertUnwindSafe(answer).catch_unwind().await,
                Err(panic) => Err(panic),
            };
            Ok(match answered {
                Ok(Ok(response)) if response.headers().contains_key(Status::GRPC_STATUS) => response,
                Ok(Ok(response)) => response.map(|body| Body::new(Caught { body: Some(body), id })),
                Err(panic) => status::response(failure(panic), &id),
            })
        })
    }
}

/// A body that ends with INTERNAL where the inner one panics.
struct Caught {
    body: Option<Body>,
    id: CorrelationId,
}

impl http_body::Body for Caught {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        match catch_unwind(AssertUnwindSafe(|| Pin::new(body).poll_frame(cx))) {
            Ok(polled) => Poll::Ready(ready!(polled)),
            Err(panic) => {
                self.body = None;
                Poll::Ready(Some(Ok(Frame::trailers(status::trailers(failure(panic), &self.id)))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }
}

fn failure(panic: Box<dyn Any + Send>) -> Error {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    Error::internal("a handler panicked", text.unwrap_or_else(|| "without a text".to_owned()))
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use tonic::Code;
    use tower::{ServiceExt as _, service_fn};

    use super::super::testing;
    use super::*;

    fn panics<T>() -> T {
        panic!("the password is hunter2")
    }

    #[tokio::test]
    async fn a_panic_is_answered_without_its_text() {
        let early = service_fn(|_: Request<Body>| panics::<std::future::Ready<Result<Response<Body>, Infallible>>>());
        let late = service_fn(|_: Request<Body>| async { panics::<Result<Response<Body>, Infallible>>() });
        let in_stream = service_fn(|_: Request<Body>| async {
            let body =
                testing::stream([b"first"]).map_frame(|frame| if frame.is_trailers() { panics() } else { frame });
            Ok::<_, Infallible>(Response::new(Body::new(body)))
        });
        let answers = [
            PanicLayer.layer(early).oneshot(testing::request("/a/B")).await,
            PanicLayer.layer(late).oneshot(testing::request("/a/B")).await,
            PanicLayer.layer(in_stream).oneshot(testing::request("/a/B")).await,
        ];
        for answer in answers {
            let Ok(answer) = answer;
            let answer = testing::answer(answer).await;
            assert_eq!((answer.code, answer.reason.as_str()), (Code::Internal, "INTERNAL"));
            assert!(answer.message.contains(testing::ID) && !answer.message.contains("hunter2"));
        }
    }

    #[tokio::test]
    async fn other_answers_pass() {
        let inner = service_fn(|_| async { Ok::<_, Infallible>(Response::new(testing::stream([b"one", b"two"]))) });
        let Ok(answer) = PanicLayer.layer(inner).oneshot(testing::request("/a/B")).await;
        let answer = testing::answer(answer).await;
        assert_eq!((answer.code, answer.data.as_slice()), (Code::Ok, &b"onetwo"[..]));
    }
}
