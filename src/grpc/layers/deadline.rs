//! Every call has a deadline: the caller's, or one of ours. An upload lasts as long as its content comes; who takes that in sees to it.
//!
//! It covers the request's body too, so a slow sender costs no more than a slow handler. tonic's own time-out can't be
//! used: it answers CANCELLED. It also can't be switched off for a `grpc-timeout` that the caller sends, and stands
//! outside of all layers; but it counts from later than [`ArrivedAt`] and asks us first, so ours is always the answer.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use prost::Message as _;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::known_method::KnownMethods;
use crate::domain::error::{Error, Reason, Refusal};
use crate::grpc::call::{ArrivedAt, CorrelationId};
use crate::grpc::status;

/// For most calls.
const USUAL: Duration = Duration::from_secs(30);
/// For WaitOperation, which waits for up to a minute by itself.
const WAITING: Duration = Duration::from_secs(70);
/// What a caller may ask for at most, of a call that is answered once.
const LONGEST: Duration = Duration::from_secs(300);

const TIMEOUT: &str = "grpc-timeout";

/// How long a method may take if the caller says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// The whole call.
    Unary(Duration),
    /// Until the stream begins. Then it may last, unless the caller sent a deadline.
    Stream(Duration),
    /// It may last, unless the caller sent a deadline.
    Upload,
}

/// The paths of our methods that take or answer with a stream, with what they get, read from the protos.
static STREAMS: LazyLock<HashMap<String, Allowance>> = LazyLock::new(|| {
    let set = prost_types::FileDescriptorSet::decode(crate::proto::DESCRIPTORS).unwrap_or_default();
    let services = set.file.iter().flat_map(|file| file.service.iter().map(move |service| (file, service)));
    let methods = services.flat_map(|(file, service)| service.method.iter().map(move |method| (file, service, method)));
    let streams = methods.filter_map(|(file, service, method)| {
        let allowance = match (method.client_streaming(), method.server_streaming()) {
            (true, _) => Allowance::Upload,
            (false, true) => Allowance::Stream(USUAL),
            (false, false) => return None,
        };
        Some((format!("/{}.{}/{}", file.package(), service.name(), method.name()), allowance))
    });
    streams.collect()
});

impl Allowance {
    /// What the method at `path` gets.
    pub fn of(path: &str) -> Self {
        match path {
            "/landlord.v1.OperationService/WaitOperation" => Self::Unary(WAITING),
            "/grpc.health.v1.Health/Check" => Self::Unary(USUAL),
            _ if KnownMethods::is_standard(path) => Self::Stream(USUAL),
            _ => STREAMS.get(path).copied().unwrap_or(Self::Unary(USUAL)),
        }
    }
}

/// Sets a deadline for each call.
#[derive(Clone, Copy, Debug)]
pub struct DeadlineLayer {
    allowance: fn(&str) -> Allowance,
}

impl DeadlineLayer {
    /// A layer that asks `allowance` for each path; [`Allowance::of`] is the service's own.
    pub fn new(allowance: fn(&str) -> Allowance) -> Self {
        Self { allowance }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Deadline { allowance: self.allowance, inner }
    }
}

/// A service that answers DEADLINE_EXCEEDED where the inner one takes too long.
#[derive(Clone, Debug)]
pub struct Deadline<S> {
    allowance: fn(&str) -> Allowance,
    inner: S,
}

impl<S> Service<Request<Body>> for Deadline<S>
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
        let arrived = request.extensions().get::<ArrivedAt>().map_or_else(Instant::now, |at| at.0);
        let asked = match asked(request.headers()) {
            Ok(asked) => asked,
            Err(refusal) => return Box::pin(std::future::ready(Ok(status::response(refusal.into(), &id)))),
        };
        let (first, whole) = match (self.allowance)(request.uri().path()) {
            Allowance::Unary(usual) => (Some(asked.unwrap_or(usual).min(LONGEST)), None),
            Allowance::Stream(usual) => (Some(asked.unwrap_or(usual).min(usual)), asked),
            Allowance::Upload => (asked, None),
        };
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answered = match first {
                Some(first) => within(arrived + first, answer).await,
                None => Some(answer.await),
            };
            let Some(Ok(response)) = answered else { return Ok(status::response(passed(), &id)) };
            match whole {
                Some(whole) if !response.headers().contains_key(Status::GRPC_STATUS) => {
                    let deadline = arrived + whole;
                    let sleep = Box::pin(sleep_until(deadline));
                    Ok(response.map(|body| Body::new(Limited { body: Some(body), deadline, sleep, id })))
                }
                _ => Ok(response),
            }
        })
    }
}

/// The result of `work`, or none when `deadline` passes before.
async fn within<F: Future>(deadline: Instant, work: F) -> Option<F::Output> {
    let (mut work, mut sleep) = (pin!(work), pin!(sleep_until(deadline)));
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => is_over(deadline, sleep.as_mut(), cx).map(|()| None),
    })
    .await
}

/// Looks at the clock as well as at the timer: tonic's timer may be the one that woke us.
fn is_over(deadline: Instant, sleep: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<()> {
    if Instant::now() >= deadline { Poll::Ready(()) } else { sleep.poll(cx) }
}

/// A stream that ends with DEADLINE_EXCEEDED when its time is over.
struct Limited {
    body: Option<Body>,
    deadline: Instant,
    sleep: Pin<Box<Sleep>>,
    id: CorrelationId,
}

impl http_body::Body for Limited {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        // The clock first: a stream that always has something to say must end, too.
        if is_over(this.deadline, this.sleep.as_mut(), cx).is_ready() {
            this.body = None;
            return Poll::Ready(Some(Ok(Frame::trailers(status::trailers(passed(), &this.id)))));
        }
        Pin::new(body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }
}

fn passed() -> Error {
    Refusal::new(Reason::DeadlineExceeded, "the deadline passed; whether something was changed is not known").into()
}

/// What the caller asked for: at most eight digits and a unit, as gRPC has it.
fn asked(headers: &HeaderMap) -> Result<Option<Duration>, Refusal> {
    let invalid = |why: &str| Refusal::new(Reason::MetadataInvalid, format!("{TIMEOUT} {why}")).with("key", TIMEOUT);
    let mut values = headers.get_all(TIMEOUT).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(invalid("may be sent once only"));
    }
    let parsed = value.to_str().ok().and_then(parse);
    parsed.map(Some).ok_or_else(|| invalid("must be one to eight digits and a unit of H, M, S, m, u or n"))
}

fn parse(text: &str) -> Option<Duration> {
    let (unit, digits) = text.as_bytes().split_last()?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = text[..digits.len()].parse().ok()?;
    match unit {
        b'H' => Some(Duration::from_secs(number * 3600)),
        b'M' => Some(Duration::from_secs(number * 60)),
        b'S' => Some(Duration::from_secs(number)),
        b'm' => Some(Duration::from_millis(number)),
        b'u' => Some(Duration::from_micros(number)),
        b'n' => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use tonic::Code;
    use tower::{ServiceExt as _, service_fn};

    use super::super::testing::{self, Answer};
    use super::*;

    const GET: &str = "/landlord.v1.TenantService/GetTenant";
    const WAIT: &str = "/landlord.v1.OperationService/WaitOperation";
    const WATCH: &str = "/landlord.v1.OperationService/WatchOperation";
    const UPLOAD: &str = "/landlord.v1.AssetService/UploadAsset";

    fn request(path: &str, timeout: &[&str]) -> Request<Body> {
        let mut request = testing::request(path);
        for timeout in timeout {
            request.headers_mut().append(TIMEOUT, timeout.parse().unwrap());
        }
        request
    }

    /// The answer of a service that never answers, and how long it took on the paused clock.
    async fn hanging(request: Request<Body>) -> (Answer, Duration) {
        let inner = service_fn(|_| std::future::pending::<Result<Response<Body>, Infallible>>());
        let started = Instant::now();
        let Ok(response) = DeadlineLayer::new(Allowance::of).layer(inner).oneshot(request).await;
        (testing::answer(response).await, started.elapsed())
    }

    #[test]
    fn timeouts_are_read_as_grpc_has_them() {
        assert_eq!(parse("3H"), Some(Duration::from_secs(10800)));
        assert_eq!(parse("99999999S"), Some(Duration::from_secs(99_999_999)));
        assert_eq!(parse("10m"), Some(Duration::from_millis(10)));
        assert_eq!(parse("0n"), Some(Duration::ZERO));
        for bad in ["", "S", "1", "1s", "+1S", "-1S", "1.5S", "123456789S", " 1S", "1 S", "1S "] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn methods_get_what_they_need() {
        assert_eq!(Allowance::of(GET), Allowance::Unary(USUAL));
        assert_eq!(Allowance::of(WAIT), Allowance::Unary(WAITING));
        assert_eq!(Allowance::of(WATCH), Allowance::Stream(USUAL));
        assert_eq!(Allowance::of(UPLOAD), Allowance::Upload);
        assert_eq!(Allowance::of("/landlord.v1.BackupService/UploadBackup"), Allowance::Upload);
        assert_eq!(Allowance::of("/grpc.health.v1.Health/Check"), Allowance::Unary(USUAL));
        assert_eq!(Allowance::of("/grpc.health.v1.Health/Watch"), Allowance::Stream(USUAL));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_ends_at_its_deadline() {
        let within = |most: u64, (answer, took): (Answer, Duration)| {
            assert_eq!((answer.code, answer.reason.as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
            let most = Duration::from_millis(most);
            assert!(took >= most && took < most + Duration::from_millis(5), "{took:?}");
        };
        within(30_000, hanging(request(GET, &[])).await);
        within(70_000, hanging(request(WAIT, &[])).await);
        within(30_000, hanging(request(WATCH, &[])).await);
        within(200, hanging(request(GET, &["200m"])).await);
        within(0, hanging(request(GET, &["0n"])).await);
        within(300_000, hanging(request(GET, &["99999999H"])).await);
        within(30_000, hanging(request(WATCH, &["1H"])).await);
        within(3_600_000, hanging(request(UPLOAD, &["1H"])).await);
        let day = Duration::from_secs(86_400);
        assert!(tokio::time::timeout(day, hanging(request(UPLOAD, &[]))).await.is_err(), "it lasts");
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "stopping the runtime is the point")]
    async fn the_clock_counts_even_where_another_timer_woke_us() {
        let work = within(Instant::now() + Duration::from_millis(5), std::future::pending::<()>());
        let mut work = pin!(work);
        assert!(futures::poll!(work.as_mut()).is_pending());
        // The runtime's timers don't run meanwhile, so ours can't have fired.
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(futures::poll!(work.as_mut()), Poll::Ready(None));
    }

    #[tokio::test]
    async fn a_malformed_or_doubled_timeout_is_refused() {
        for timeout in [&["soon"][..], &["1S", "1S"], &[""]] {
            let (answer, _) = hanging(request(GET, timeout)).await;
            assert_eq!((answer.code, answer.reason.as_str()), (Code::InvalidArgument, "METADATA_INVALID"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_body_has_to_arrive_in_time() {
        let inner = service_fn(|request: Request<Body>| async {
            let _ = request.into_body().collect().await;
            Ok::<_, Infallible>(Response::new(Body::empty()))
        });
        let slow = request(GET, &[]).map(|_| testing::endless());
        let Ok(response) = DeadlineLayer::new(Allowance::of).layer(inner).oneshot(slow).await;
        assert_eq!(testing::answer(response).await.code, Code::DeadlineExceeded);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_at_the_callers_deadline_only() {
        let stream = |timeout: &[&str]| {
            let inner = testing::answering(Response::new(testing::endless()));
            DeadlineLayer::new(Allowance::of).layer(inner).oneshot(request(WATCH, timeout))
        };
        let Ok(response) = stream(&["5S"]).await;
        let answer = testing::answer(response).await;
        assert_eq!((answer.code, answer.data.as_slice()), (Code::DeadlineExceeded, &b"first"[..]));

        let Ok(response) = stream(&[]).await;
        let day = Duration::from_secs(86_400);
        assert!(tokio::time::timeout(day, testing::answer(response)).await.is_err());
    }

    #[tokio::test]
    async fn an_answer_in_time_passes() {
        let inner = testing::answering(Response::new(testing::stream([b"one"])));
        let Ok(response) = DeadlineLayer::new(Allowance::of).layer(inner).oneshot(request(GET, &["1S"])).await;
        assert_eq!(testing::answer(response).await.code, Code::Ok);
    }
}
