//! tonic's own answers, with our codes and details.
//!
//! tonic blames us for what callers send (INTERNAL for a truncated message, OUT_OF_RANGE for a large one) and gives no
//! details. A status without details can't come from `grpc/status.rs`; it is rewritten here, in headers or trailers. The
//! texts of tonic that this relies on are pinned by tests that drive a real server.

use std::convert::Infallible;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use super::known_method::{self, KnownMethods};
use crate::domain::error::{Error, FieldViolation, Reason, Refusal};
use crate::grpc::call::CorrelationId;
use crate::grpc::status;

/// Rewrites the statuses that tonic makes by itself.
#[derive(Clone, Copy, Debug)]
pub struct MendLayer;

impl<S> Layer<S> for MendLayer {
    type Service = Mend<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Mend { inner }
    }
}

/// A service whose every status is one of ours.
#[derive(Clone, Debug)]
pub struct Mend<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for Mend<S>
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
        let standard = KnownMethods::is_standard(request.uri().path());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let Ok(mut response) = answer.await;
            if response.headers().contains_key(Status::GRPC_STATUS) {
                mend(response.headers_mut(), standard, &id);
                return Ok(response);
            }
            Ok(response.map(|body| {
                Body::new(body.map_frame(move |mut frame| {
                    if let Some(trailers) = frame.trailers_mut() {
                        mend(trailers, standard, &id);
                    }
                    frame
                }))
            }))
        })
    }
}

/// Rewrites a status that did not come from `grpc/status.rs`; other headers stay.
fn mend(headers: &mut HeaderMap, standard: bool, id: &CorrelationId) {
    let Some(code) = headers.get(Status::GRPC_STATUS).map(|code| Code::from_bytes(code.as_bytes())) else { return };
    if code == Code::Ok || headers.contains_key(Status::GRPC_STATUS_DETAILS) {
        return;
    }
    let message = Status::from_header_map(headers).map(|status| status.message().to_owned()).unwrap_or_default();
    let mended = match meant(code, &message, standard) {
        Meant::Said(error) => status::status(error, id.as_str()),
        Meant::Coded(code, refusal) => status::with_code(code, refusal, id.as_str()),
    };
    headers.extend(status::headers(&mended));
}

/// What a status of tonic means in our terms.
enum Meant {
    Said(Error),
    Coded(Code, Refusal),
}

fn meant(code: Code, message: &str, standard: bool) -> Meant {
    let unreadable = |why: String| Meant::Said(fields_invalid(why));
    let refused = |reason, why: String| Meant::Said(Refusal::new(reason, why).into());
    match code {
        // Our own codec, which doesn't know the call.
        Code::InvalidArgument => unreadable(message.to_owned()),
        Code::OutOfRange | Code::ResourceExhausted => match too_large(message) {
            Some(why) => refused(Reason::MessageTooLarge, why),
            None => unexpected(code, message),
        },
        // tonic takes the side of a client even where it serves.
        Code::Internal if is_framing(message) => {
            unreadable(format!("the message can't be read: {}", message.trim_end_matches(", while sending request")))
        }
        Code::Cancelled if message == "Timeout expired" => {
            refused(Reason::DeadlineExceeded, "the deadline passed".to_owned())
        }
        Code::Unimplemented if message.is_empty() => Meant::Said(known_method::unknown()),
        // gRPC wants this code, and tonic says in a header which encodings it accepts.
        Code::Unimplemented if message.starts_with("Content is compressed with") => {
            Meant::Coded(code, Refusal::new(Reason::MetadataInvalid, message).with("key", "grpc-encoding"))
        }
        Code::NotFound if standard => refused(Reason::ResourceNotFound, message.to_owned()),
        _ => unexpected(code, message),
    }
}

/// Nobody may make such a status; what it says stays here.
fn unexpected(code: Code, message: &str) -> Meant {
    Meant::Said(Error::internal("a status that is none of ours was answered", format!("{code:?}: {message}")))
}

fn fields_invalid(why: String) -> Error {
    // The message as a whole is the field that is wrong.
    let violation = FieldViolation::new("", why.clone());
    Refusal { fields: vec![violation], ..Refusal::new(Reason::FieldsInvalid, why) }.into()
}

/// The text for a message over the limit, whether it was so as sent or once decompressed.
fn too_large(message: &str) -> Option<String> {
    let sent = message.strip_prefix("Error, decoded message length too large: ");
    let unpacked = message.strip_prefix("Error decompressing: ").filter(|rest| rest.starts_with("size limit"));
    sent.or(unpacked).map(|rest| format!("the message is too large: {rest}"))
}

fn is_framing(message: &str) -> bool {
    let of_requests = ["protocol error: received message with", "Error decompressing: ", "h2 protocol error: "];
    matches!(message, "Unexpected EOF decoding stream." | "Missing request message.")
        || of_requests.iter().any(|start| message.starts_with(start))
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt as _;

    use super::super::testing::{self, Answer};
    use super::*;

    const GET: &str = "/landlord.v1.TenantService/GetTenant";
    const HEALTH: &str = "/grpc.health.v1.Health/Check";

    /// The answer to a call of `path`, with the status in the headers and with the status in the trailers.
    async fn mended(path: &str, status: Status) -> [Answer; 2] {
        let headers = status::headers(&status);
        let mut at_once = Response::new(Body::empty());
        at_once.headers_mut().extend(headers.clone());
        let at_the_end = Response::new(testing::ending([b"one"], headers));
        let mut answers = Vec::new();
        for response in [at_once, at_the_end] {
            let Ok(response) = MendLayer.layer(testing::answering(response)).oneshot(testing::request(path)).await;
            answers.push(testing::answer(response).await);
        }
        answers.try_into().unwrap()
    }

    #[tokio::test]
    async fn tonics_own_answers_become_ours() {
        let too_large = "Error, decoded message length too large: found 9 bytes, the limit is: 4 bytes";
        let bomb = "Error decompressing: size limit, of 4 bytes, exceeded while decompressing message";
        let cases = [
            (Status::out_of_range(too_large), Code::ResourceExhausted, "MESSAGE_TOO_LARGE"),
            (Status::resource_exhausted(bomb), Code::ResourceExhausted, "MESSAGE_TOO_LARGE"),
            (Status::internal("Unexpected EOF decoding stream."), Code::InvalidArgument, "FIELDS_INVALID"),
            (Status::internal("Missing request message."), Code::InvalidArgument, "FIELDS_INVALID"),
            (Status::invalid_argument("the message can't be decoded"), Code::InvalidArgument, "FIELDS_INVALID"),
            (Status::cancelled("Timeout expired"), Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
            (Status::unimplemented(""), Code::Unimplemented, "METHOD_UNKNOWN"),
            (
                Status::unimplemented("Content is compressed with `gzip` which isn't supported"),
                Code::Unimplemented,
                "METADATA_INVALID",
            ),
        ];
        for (status, code, reason) in cases {
            for answer in mended(GET, status.clone()).await {
                assert_eq!((answer.code, answer.reason.as_str()), (code, reason), "{status:?}");
                assert_eq!(answer.correlation_id, testing::ID);
            }
        }
    }

    #[tokio::test]
    async fn what_nobody_may_say_is_internal_and_tells_nothing() {
        let unexpected = [
            Status::internal("relation tenants does not exist"),
            Status::unknown("relation tenants does not exist"),
            Status::not_found("relation tenants does not exist"),
            Status::out_of_range("Error, encoded message length too large: relation tenants"),
        ];
        for status in unexpected {
            for answer in mended(GET, status).await {
                assert_eq!((answer.code, answer.reason.as_str()), (Code::Internal, "INTERNAL"));
                assert!(!answer.message.contains("relation"));
            }
        }
    }

    #[tokio::test]
    async fn health_keeps_its_code_and_gets_details() {
        for answer in mended(HEALTH, Status::not_found("service not registered")).await {
            assert_eq!((answer.code, answer.reason.as_str()), (Code::NotFound, "RESOURCE_NOT_FOUND"));
            assert_eq!(answer.message, "service not registered");
        }
    }

    #[tokio::test]
    async fn our_own_statuses_and_ok_pass_as_they_are() {
        let ours = status::status(Error::not_found("tenants/acme"), "another-id");
        for answer in mended(GET, ours).await {
            assert_eq!((answer.code, answer.correlation_id.as_str()), (Code::NotFound, "another-id"));
        }
        for answer in mended(GET, Status::ok("")).await {
            assert_eq!((answer.code, answer.reason.as_str()), (Code::Ok, ""));
        }
    }

    #[tokio::test]
    async fn other_headers_stay() {
        let mut status = Status::unimplemented("Content is compressed with `gzip` which isn't supported");
        status.metadata_mut().insert("grpc-accept-encoding", "identity".parse().unwrap());
        let [answer, _] = mended(GET, status).await;
        assert_eq!(answer.headers["grpc-accept-encoding"], "identity");
    }
}
