//! A real server behind the stack, on a loopback port: what tonic says there, and what becomes of it.
//!
//! The texts by which the mend layer knows tonic's answers are pinned here. The client is hyper's, since tonic's own would
//! neither send what is wrong nor wait for the server's answer after a deadline.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures::{StreamExt as _, TryStreamExt as _};
use http::{Method, Request, Response, Version};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;

use self::servers::operation_service_server::{OperationService, OperationServiceServer};
use super::testing::{self, Answer};
use super::{KnownMethods, stack};
use crate::client::keys::REQUEST_ID;
use crate::domain::error::Error;
use crate::grpc::call::CallMetadata;
use crate::grpc::status;
use crate::proto::v1;

#[allow(clippy::all, clippy::pedantic, missing_docs, dead_code, reason = "generated code")]
mod servers {
    include!(concat!(env!("OUT_DIR"), "/servers.rs"));
}

const LIMIT: usize = 64;
const GET: &str = "/landlord.v1.OperationService/GetOperation";
const LIST: &str = "/landlord.v1.OperationService/ListOperations";
const WAIT: &str = "/landlord.v1.OperationService/WaitOperation";
const WATCH: &str = "/landlord.v1.OperationService/WatchOperation";
const HEALTH: &str = "/grpc.health.v1.Health/Check";

/// A service that finds nothing, panics, hangs, and streams without end.
struct Troubled;

#[tonic::async_trait]
impl OperationService for Troubled {
    type WatchOperationStream = tonic::codegen::BoxStream<v1::WatchOperationResponse>;

    async fn get_operation(
        &self,
        request: tonic::Request<v1::GetOperationRequest>,
    ) -> Result<tonic::Response<v1::GetOperationResponse>, Status> {
        let call = request.extensions().get::<CallMetadata>().unwrap();
        Err(status::status(Error::not_found(request.get_ref().name.as_str()), call.correlation_id.as_str()))
    }

    async fn list_operations(
        &self,
        _: tonic::Request<v1::ListOperationsRequest>,
    ) -> Result<tonic::Response<v1::ListOperationsResponse>, Status> {
        panic!("the password is hunter2")
    }

    async fn cancel_operation(
        &self,
        _: tonic::Request<v1::CancelOperationRequest>,
    ) -> Result<tonic::Response<v1::CancelOperationResponse>, Status> {
        std::future::pending().await
    }

    async fn retry_operation(
        &self,
        _: tonic::Request<v1::RetryOperationRequest>,
    ) -> Result<tonic::Response<v1::RetryOperationResponse>, Status> {
        std::future::pending().await
    }

    async fn wait_operation(
        &self,
        _: tonic::Request<v1::WaitOperationRequest>,
    ) -> Result<tonic::Response<v1::WaitOperationResponse>, Status> {
        std::future::pending().await
    }

    async fn watch_operation(
        &self,
        _: tonic::Request<v1::WatchOperationRequest>,
    ) -> Result<tonic::Response<Self::WatchOperationStream>, Status> {
        Ok(tonic::Response::new(Box::pin(futures::stream::pending())))
    }
}

async fn server() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_, health) = tonic_health::server::health_reporter();
    let known = KnownMethods::new(|path| path.starts_with("/landlord.v1.OperationService/"));
    let server = tonic::transport::Server::builder()
        .layer(stack(known))
        .add_service(health)
        .add_service(OperationServiceServer::new(Troubled).max_decoding_message_size(LIMIT))
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(server);
    address
}

struct Caller(SendRequest<Body>);

impl Caller {
    async fn new() -> Self {
        let stream = tokio::net::TcpStream::connect(server().await).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    async fn send(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: Body) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .version(Version::HTTP_2)
            .uri(format!("http://localhost{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response: Response<_> = self.0.send_request(request.body(body).unwrap()).await.unwrap();
        let answer = testing::answer(response.map(Body::new)).await;
        let echoed = answer.headers[REQUEST_ID].to_str().unwrap();
        if answer.code != Code::Ok {
            assert_eq!(answer.correlation_id, echoed, "{answer:?}");
        }
        answer
    }

    async fn call(&mut self, path: &str, headers: &[(&str, &str)], message: &[u8]) -> Answer {
        self.send(Method::POST, path, headers, frame(0, message.len(), message)).await
    }
}

fn frame(flag: u8, length: usize, message: &[u8]) -> Body {
    let mut bytes = BytesMut::new();
    bytes.put_u8(flag);
    bytes.put_u32(u32::try_from(length).unwrap());
    bytes.put_slice(message);
    Body::new(Full::<Bytes>::new(bytes.freeze()))
}

fn assert_is(answer: &Answer, code: Code, reason: &str) {
    assert_eq!((answer.code, answer.reason.as_str()), (code, reason), "{answer:?}");
}

#[tokio::test]
async fn health_is_served_and_its_errors_have_details() {
    let mut caller = Caller::new().await;
    let answer = caller.call(HEALTH, &[(REQUEST_ID, "mine-1")], &[]).await;
    assert_is(&answer, Code::Ok, "");
    assert_eq!(answer.headers[REQUEST_ID], "mine-1");

    let unknown = HealthCheckRequest { service: "none".into() }.encode_to_vec();
    assert_is(&caller.call(HEALTH, &[], &unknown).await, Code::NotFound, "RESOURCE_NOT_FOUND");
}

#[tokio::test]
async fn only_known_methods_are_served_and_only_by_post() {
    let mut caller = Caller::new().await;
    for path in
        ["/landlord.v1.TenantService/GetTenant", "/landlord.v1.OperationService/Nothing", "/", &format!("{GET}?x=1")]
    {
        assert_is(&caller.call(path, &[], &[]).await, Code::Unimplemented, "METHOD_UNKNOWN");
    }
    assert_is(&caller.send(Method::GET, GET, &[], Body::empty()).await, Code::Unimplemented, "METHOD_UNKNOWN");
    // An unknown method comes before metadata of a wrong form, which comes before a message of a wrong form.
    let doubled = [("authorization", "Bearer a"), ("authorization", "Bearer b"), ("grpc-timeout", "soon")];
    assert_is(&caller.call("/a/B", &doubled, &[]).await, Code::Unimplemented, "METHOD_UNKNOWN");
    assert_is(&caller.call(GET, &doubled[..2], &[0xff]).await, Code::InvalidArgument, "METADATA_INVALID");
    assert_is(&caller.call(GET, &doubled[2..], &[0xff]).await, Code::InvalidArgument, "METADATA_INVALID");
}

#[tokio::test]
async fn a_message_that_can_not_be_read_is_the_callers_fault() {
    let mut caller = Caller::new().await;
    let post = Method::POST;
    let invalid_utf8 = [0x0a, 1, 0xff];
    let answers = [
        caller.call(GET, &[], &invalid_utf8).await,
        caller.send(post.clone(), GET, &[], frame(0, 9, b"short")).await,
        caller.send(post.clone(), GET, &[], Body::empty()).await,
        caller.send(post.clone(), GET, &[], frame(1, 0, b"")).await,
        caller.send(post.clone(), GET, &[], frame(7, 0, b"")).await,
    ];
    for answer in answers {
        assert_is(&answer, Code::InvalidArgument, "FIELDS_INVALID");
    }
    let compressed = caller.send(post.clone(), GET, &[("grpc-encoding", "gzip")], frame(1, 0, b"")).await;
    assert_is(&compressed, Code::Unimplemented, "METADATA_INVALID");
}

#[tokio::test]
async fn one_byte_over_the_limit_is_too_large() {
    let mut caller = Caller::new().await;
    let named = |length: usize| v1::GetOperationRequest { name: "x".repeat(length) }.encode_to_vec();
    let (fits, over) = (named(LIMIT - 2), named(LIMIT - 1));
    assert_eq!((fits.len(), over.len()), (LIMIT, LIMIT + 1));
    assert_is(&caller.call(GET, &[], &fits).await, Code::NotFound, "RESOURCE_NOT_FOUND");
    let answer = caller.call(GET, &[], &over).await;
    assert_is(&answer, Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
    assert!(answer.message.contains("65") && answer.message.contains("64"), "{}", answer.message);
}

#[tokio::test]
async fn a_panic_does_not_show() {
    let answer = Caller::new().await.call(LIST, &[], &[]).await;
    assert_is(&answer, Code::Internal, "INTERNAL");
    assert!(!answer.message.contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_is_ours_and_never_tonics() {
    let mut caller = Caller::new().await;
    // tonic's timer runs for the same time; whichever fires first, the answer must be ours.
    for timeout in ["0n", "1n", "999u", "1m", "2m", "7m", "20m"].repeat(20) {
        let answer = caller.call(WAIT, &[("grpc-timeout", timeout)], &[]).await;
        assert_is(&answer, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    }
    let stream = caller.call(WATCH, &[("grpc-timeout", "50m")], &[]).await;
    assert_is(&stream, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    // The head of a frame, and then nothing.
    let begun = frame(0, 9, b"").into_data_stream().chain(futures::stream::pending());
    let slow = Body::new(StreamBody::new(begun.map_ok(Frame::data)));
    let slow = caller.send(Method::POST, GET, &[("grpc-timeout", "100m")], slow);
    let slow = tokio::time::timeout(Duration::from_secs(5), slow);
    assert_is(&slow.await.unwrap(), Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
}

#[tokio::test]
async fn the_rust_client_reaches_it() {
    let client = crate::client::Client::connect(format!("http://{}", server().await)).await.unwrap();
    let client = client.with_token("abc").unwrap().in_tenant("acme").unwrap();
    let request = v1::GetOperationRequest { name: "operations/1".into() };
    let refused = client.operations().get_operation(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);

    let misspelt = client.in_tenant("Not A Code").unwrap();
    let refused = misspelt.operations().get_operation(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("x-landlord-tenant"), "{}", refused.message());
}
