//! Requests, inner services and answers for the tests of the layers.

use std::convert::Infallible;

use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::Service;

use crate::grpc::call::CorrelationId;

/// The correlation id of the requests made here.
pub const ID: &str = "id-of-a-test";

/// A request as it comes from the trace layer.
pub fn request(path: &str) -> Request<Body> {
    let mut request = Request::post(path).body(Body::empty()).unwrap();
    request.extensions_mut().insert(CorrelationId::parse(ID).unwrap());
    request
}

/// A service that answers once, with this.
pub fn answering(
    response: Response<Body>,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send + 'static> {
    let mut response = Some(response);
    tower::service_fn(move |_| std::future::ready(Ok(response.take().expect("one call only"))))
}

/// A stream of messages that ends well.
pub fn stream<const N: usize>(messages: [&'static [u8]; N]) -> Body {
    ending(messages, Status::ok("").into_http::<()>().headers().clone())
}

/// A stream of messages that ends with these trailers.
pub fn ending<const N: usize>(messages: [&'static [u8]; N], trailers: HeaderMap) -> Body {
    let frames = messages.into_iter().map(|message| Frame::data(Bytes::from_static(message)));
    let frames = frames.chain([Frame::trailers(trailers)]).map(Ok::<_, Infallible>);
    Body::new(StreamBody::new(futures::stream::iter(frames)))
}

/// A stream that never ends.
pub fn endless() -> Body {
    let first = futures::stream::iter([Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"first")))]);
    Body::new(StreamBody::new(first.chain(futures::stream::pending())))
}

/// What came back, wherever its status stood.
#[derive(Debug)]
pub struct Answer {
    pub headers: HeaderMap,
    pub data: Vec<u8>,
    pub code: Code,
    pub message: String,
    /// Of the ErrorInfo; empty without one.
    pub reason: String,
    /// Of the ErrorInfo; empty without one.
    pub correlation_id: String,
}

/// Reads an answer to its end.
pub async fn answer(response: Response<Body>) -> Answer {
    let headers = response.headers().clone();
    let body = response.into_body().collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or_default();
    let status = Status::from_header_map(&headers).or_else(|| Status::from_header_map(&trailers));
    let status = status.expect("a status in headers or trailers");
    let details = status.get_error_details();
    let info = details.error_info();
    Answer {
        headers,
        data: body.to_bytes().to_vec(),
        code: status.code(),
        message: status.message().to_owned(),
        reason: info.map(|info| info.reason.clone()).unwrap_or_default(),
        correlation_id: info.and_then(|info| info.metadata.get("correlation_id").cloned()).unwrap_or_default(),
    }
}
