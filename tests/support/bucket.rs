//! A bucket of an S3 service, in memory. It is as good as object_store's own; what is here only speaks HTTP.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures::TryStreamExt as _;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions};

/// What comes before each key, in `s3` of tests/assets/store.rs.
const ROOT: &str = "/landlord/";

/// A bucket that is served as long as the test runs.
#[derive(Clone)]
pub struct Bucket {
    pub address: String,
    objects: Arc<InMemory>,
}

impl Bucket {
    pub async fn start() -> Self {
        let objects = Arc::new(InMemory::new());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = Router::new().fallback(answer).with_state(objects.clone());
        let unlimited = axum::extract::DefaultBodyLimit::disable();
        tokio::spawn(async move { axum::serve(listener, router.layer(unlimited)).await.unwrap() });
        Self { address, objects }
    }

    /// The keys of all objects.
    pub async fn keys(&self) -> Vec<String> {
        let mut keys: Vec<_> =
            self.objects.list(None).map_ok(|object| object.location.to_string()).try_collect().await.unwrap();
        keys.sort();
        keys
    }
}

async fn answer(
    State(objects): State<Arc<InMemory>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert!(headers.contains_key("authorization"));
    let key = Path::from(uri.path().strip_prefix(ROOT).unwrap_or_default());
    let query = uri.query().unwrap_or_default();
    let answered = match (method, key.as_ref()) {
        (Method::GET, "") => list(&objects, query).await,
        (Method::POST, "") if query == "delete" => delete(&objects, &String::from_utf8_lossy(&body)).await,
        (Method::PUT, _) => put(&objects, &key, headers.contains_key("if-none-match"), body).await,
        (Method::GET, _) => get(&objects, &key, headers.get("range").map(|range| range.to_str().unwrap())).await,
        (method, _) => panic!("nobody asks for {method} {uri}"),
    };
    answered.unwrap_or_else(|error| match error {
        Error::NotFound { .. } => StatusCode::NOT_FOUND.into_response(),
        Error::AlreadyExists { .. } => StatusCode::PRECONDITION_FAILED.into_response(),
        other => panic!("{other}"),
    })
}

async fn put(objects: &InMemory, key: &Path, new: bool, body: Bytes) -> Result<Response, Error> {
    let mode = if new { PutMode::Create } else { PutMode::Overwrite };
    let put = objects.put_opts(key, body.into(), PutOptions::from(mode)).await?;
    Ok([("etag", put.e_tag.unwrap())].into_response())
}

async fn get(objects: &InMemory, key: &Path, range: Option<&str>) -> Result<Response, Error> {
    let bounds = range.map(|range| range.strip_prefix("bytes=").unwrap().split_once('-').unwrap());
    let bounds = bounds.map(|(first, last)| first.parse().unwrap()..last.parse::<u64>().unwrap() + 1);
    let options = GetOptions { range: bounds.map(GetRange::Bounded), ..Default::default() };
    let found = objects.get_opts(key, options).await?;
    let (meta, part) = (found.meta.clone(), found.range.clone());
    let head = [("etag", meta.e_tag.unwrap()), ("last-modified", meta.last_modified.to_rfc2822())];
    let body = found.bytes().await?;
    if range.is_none() {
        return Ok((head, body).into_response());
    }
    let content_range = format!("bytes {}-{}/{}", part.start, part.end - 1, meta.size);
    Ok((StatusCode::PARTIAL_CONTENT, head, [("content-range", content_range)], body).into_response())
}

async fn list(objects: &InMemory, query: &str) -> Result<Response, Error> {
    let mut fields = url::form_urlencoded::parse(query.as_bytes());
    let prefix = fields.find(|(name, _)| name == "prefix").map(|(_, prefix)| Path::from(prefix.as_ref()));
    let found: Vec<_> = objects.list(prefix.as_ref()).try_collect().await?;
    let mut xml = "<ListBucketResult>".to_owned();
    for object in found {
        let (key, size, time) = (object.location, object.size, object.last_modified.to_rfc3339());
        xml += &format!(
            "<Contents><Key>{key}</Key><Size>{size}</Size><LastModified>{time}</LastModified><ETag>\"\"</ETag></Contents>"
        );
    }
    Ok((xml + "</ListBucketResult>").into_response())
}

async fn delete(objects: &InMemory, request: &str) -> Result<Response, Error> {
    let keys = request.split("<Key>").skip(1).map(|rest| rest.split("</Key>").next().unwrap());
    let mut xml = "<DeleteResult>".to_owned();
    for key in keys {
        // One that is not there is gone.
        match objects.delete(&Path::from(key)).await {
            Ok(()) | Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        xml += &format!("<Deleted><Key>{key}</Key></Deleted>");
    }
    Ok((xml + "</DeleteResult>").into_response())
}
