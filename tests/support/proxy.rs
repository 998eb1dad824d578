//! Stands in front of an S3 service and does to it what networks, full discs and bad services do.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::header::{CONTENT_LENGTH, IF_NONE_MATCH};
use http::{Method, Request, Response, StatusCode, request};
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// What is done to a request, or to its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers 503 and does nothing.
    Unavailable,
    /// Does it, and the answer does not come while anybody waits for it.
    Late,
    /// Does it, and the connection is closed in place of an answer.
    Lost,
    /// Does it twice, and answers what came of the second time.
    Twice,
    /// Closes the connection in the middle of the body: of the request, if that has one, else of the answer.
    CutOff,
    /// Gives half of the body, and nothing more for ever.
    Stalled,
    /// Gives half of the body as if that were all.
    Half,
    /// Says 404.
    Absent,
    /// Gives the object with this path.
    Instead(String),
    /// Says 200 and does nothing.
    Dropped,
    /// Takes an object even where there is one.
    WrittenOver,
}

/// How often in a row it happens to the same request.
pub const ONCE: usize = 1;
pub const ALWAYS: usize = usize::MAX;

type Which = Box<dyn Fn(&Method, &str) -> bool + Send>;

/// Why a connection is closed.
#[derive(Debug, thiserror::Error)]
#[error("the connection breaks")]
struct Broken;

struct Plan {
    fault: Fault,
    times: usize,
    which: Which,
    struck: HashMap<(Method, String), usize>,
}

/// A proxy that is served as long as the test runs.
#[derive(Clone)]
pub struct Proxy {
    pub endpoint: String,
    upstream: Arc<str>,
    plan: Arc<Mutex<Option<Plan>>>,
    struck: Arc<AtomicUsize>,
}

impl Proxy {
    /// One in front of the service at that address.
    pub async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let proxy = Self { endpoint, upstream: upstream.into(), plan: Arc::default(), struck: Arc::default() };
        let serving = proxy.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let proxy = serving.clone();
                let answer = service_fn(move |request| {
                    let proxy = proxy.clone();
                    async move { proxy.answer(request).await }
                });
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
                // That it breaks is what this is for.
                tokio::spawn(async move { connection.await.ok() });
            }
        });
        proxy
    }

    /// From now on, and instead of what was planned before, that happens to these requests, so often in a row to each. They are told
    /// by their method and path; a POST, which removes objects, by the body that names these.
    pub fn plan(&self, fault: Fault, times: usize, which: impl Fn(&Method, &str) -> bool + Send + 'static) {
        let plan = Plan { fault, times, which: Box::new(which), struck: HashMap::new() };
        *self.plan.lock().unwrap() = Some(plan);
        self.struck.store(0, Ordering::Relaxed);
    }

    /// From now on nothing happens; something must have.
    #[track_caller]
    pub fn heal(&self) {
        let plan = self.plan.lock().unwrap().take();
        let fault = plan.map(|plan| plan.fault);
        assert!(self.struck.load(Ordering::Relaxed) > 0, "{fault:?} did not happen");
    }

    /// How often something happened since it was planned.
    pub fn struck(&self) -> usize {
        self.struck.load(Ordering::Relaxed)
    }

    fn fault(&self, method: &Method, what: &str) -> Option<Fault> {
        let mut plan = self.plan.lock().unwrap();
        let plan = plan.as_mut().filter(|plan| (plan.which)(method, what))?;
        let struck = plan.struck.entry((method.clone(), what.to_owned())).or_default();
        if *struck >= plan.times {
            return None;
        }
        *struck += 1;
        self.struck.fetch_add(1, Ordering::Relaxed);
        Some(plan.fault.clone())
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, Broken> {
        let (mut head, body) = request.into_parts();
        let (what, mut body) = if head.method == Method::POST {
            let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
            (String::from_utf8_lossy(&body).into_owned(), Either::Left(Full::new(body)))
        } else {
            (head.uri.path().to_owned(), Either::Right(body))
        };
        let fault = self.fault(&head.method, &what);
        if fault == Some(Fault::CutOff) && matches!(head.method, Method::PUT | Method::POST) {
            body.frame().await;
            return Err(Broken);
        }
        let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
        let answer = match &fault {
            Some(Fault::Unavailable) => status(StatusCode::SERVICE_UNAVAILABLE),
            Some(Fault::Absent) => status(StatusCode::NOT_FOUND),
            Some(Fault::Dropped) if head.method == Method::POST => {
                Response::new(Bytes::from_static(b"<DeleteResult><Deleted><Key>all</Key></Deleted></DeleteResult>"))
            }
            Some(Fault::Dropped) => Response::builder().header("etag", "\"1\"").body(Bytes::new()).unwrap(),
            Some(Fault::Instead(path)) => {
                head.uri = path.parse().unwrap();
                self.ask(&head, body).await
            }
            Some(Fault::WrittenOver) => {
                head.headers.remove(IF_NONE_MATCH);
                self.ask(&head, body).await
            }
            Some(Fault::Twice) => {
                self.ask(&head, body.clone()).await;
                self.ask(&head, body).await
            }
            _ => self.ask(&head, body).await,
        };
        let (mut head, whole) = answer.into_parts();
        let half = whole.slice(..whole.len() / 2);
        let half_and = stream::iter([Ok(half.clone())]);
        let body = match fault {
            Some(Fault::Late) => std::future::pending().await,
            Some(Fault::Lost) => return Err(Broken),
            Some(Fault::CutOff) => Body::from_stream(half_and.chain(stream::iter([Err(Broken)]))),
            Some(Fault::Stalled) => Body::from_stream(half_and.chain(stream::pending())),
            Some(Fault::Half) => {
                head.headers.insert(CONTENT_LENGTH, half.len().into());
                half.into()
            }
            _ => whole.into(),
        };
        Ok(Response::from_parts(head, body))
    }

    /// What the service says.
    async fn ask(&self, head: &request::Parts, body: Bytes) -> Response<Bytes> {
        let stream = TcpStream::connect(&*self.upstream).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::from_parts(head.clone(), Full::new(body));
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        Response::from_parts(head, body.collect().await.unwrap().to_bytes())
    }
}

fn status(status: StatusCode) -> Response<Bytes> {
    Response::builder().status(status).body(Bytes::new()).unwrap()
}
