//! The same chunks from a service that has nothing to do but to send them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt as _};
use landlord::proto::v1;
use tonic::body::Body;
use tonic::server::{NamedService, ServerStreamingService};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use v1::download_asset_response::Content;

/// Bytes of a chunk, as Landlord gives them out.
pub const CHUNK: usize = 256 * 1024;

#[derive(Clone)]
struct Raw {
    chunks: usize,
    data: Bytes,
}

impl NamedService for Raw {
    const NAME: &'static str = "raw";
}

impl ServerStreamingService<v1::DownloadAssetRequest> for Raw {
    type Response = v1::DownloadAssetResponse;
    type ResponseStream = BoxStream<'static, Result<Self::Response, Status>>;
    type Future = BoxFuture<'static, Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, _: Request<v1::DownloadAssetRequest>) -> Self::Future {
        let data = self.data.clone();
        let chunk = move |number: usize| {
            let offset = i64::try_from(number * CHUNK).unwrap();
            let chunk = v1::Chunk { offset, data: data.clone(), crc32c: Some(0) };
            Ok(v1::DownloadAssetResponse { content: Some(Content::Chunk(chunk)) })
        };
        let chunks = futures::stream::iter(0..self.chunks).map(chunk).boxed();
        Box::pin(async move { Ok(Response::new(chunks)) })
    }
}

impl tower::Service<http::Request<Body>> for Raw {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(
            async move { Ok(tonic::server::Grpc::new(ProstCodec::default()).server_streaming(service, request).await) },
        )
    }
}

/// Serves so many chunks to whoever asks, as long as the process runs.
pub async fn serve(chunks: usize) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
    let raw = Raw { chunks, data: vec![7; CHUNK].into() };
    tokio::spawn(tonic::transport::Server::builder().add_service(raw).serve_with_incoming(incoming));
    address
}

/// How long it takes to receive them.
pub async fn receive(address: SocketAddr) -> Duration {
    let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    let began = Instant::now();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let (path, codec) = ("/raw/Download".parse().unwrap(), ProstCodec::default());
    let request = Request::new(v1::DownloadAssetRequest::default());
    let answer = client.server_streaming(request, path, codec).await.unwrap();
    let mut stream: tonic::Streaming<v1::DownloadAssetResponse> = answer.into_inner();
    while stream.message().await.unwrap().is_some() {}
    began.elapsed()
}
