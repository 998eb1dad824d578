//! Any method, called with an encoded message, and its answer as it came over the wire.

use std::collections::BTreeMap;
use std::error::Error as _;

use bytes::{Buf as _, BufMut as _, Bytes};
use http::uri::PathAndQuery;
use prost::Message as _;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::{KeyAndValueRef, MetadataMap};
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_types::{StatusExt as _, pb};

/// Leaves messages as they are.
#[derive(Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// What came of a call.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The request, likewise.
    pub asked: String,
    /// `ok`, or the reason of the refusal.
    pub outcome: String,
    /// All of it, by [`latin`].
    pub text: String,
}

/// What an outcome begins with of which the connection broke before there was an answer.
pub const BROKEN: &str = "the connection broke";

/// Calls the method at `path`; `token` is the credential, if there is one; `acting` for superuser; `tenant` goes with it.
pub async fn call(
    channel: &Channel,
    path: &'static str,
    token: Option<&str>,
    acting: bool,
    tenant: Option<&str>,
    message: Vec<u8>,
) -> Answer {
    let asked = latin(&message) + tenant.unwrap_or_default();
    let mut request = Request::new(futures::stream::iter([Bytes::from(message)]));
    let metadata = request.metadata_mut();
    metadata.insert("x-landlord-request-id", "the-same-each-time".parse().unwrap());
    if let Some(token) = token {
        metadata.insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    if let Some(tenant) = tenant {
        metadata.insert("x-landlord-tenant", tenant.parse().unwrap());
    }
    if acting {
        metadata.insert("x-landlord-impersonate", "superuser".parse().unwrap());
        metadata.insert("x-landlord-impersonate-reason", "the matrix".parse().unwrap());
    }
    let mut bytes = Vec::new();
    match exchange(channel, path, request, &mut bytes).await {
        Ok(()) => Answer { asked, outcome: "ok".to_owned(), text: latin(&bytes) },
        Err(status) => {
            write(&mut bytes, status.metadata());
            bytes.extend_from_slice(status.message().as_bytes());
            bytes.extend_from_slice(&in_order(status.details()));
            let reason = status.get_details_error_info().map(|info| info.reason);
            // What the client itself has to say has a cause; what the server says comes without one.
            let outcome = match (reason, status.source()) {
                (Some(reason), _) => reason,
                (None, Some(cause)) => format!("{BROKEN}: {cause:?}"),
                (None, None) => format!("{:?} without a reason", status.code()),
            };
            Answer { asked, outcome, text: latin(&bytes) }
        }
    }
}

async fn exchange<S>(
    channel: &Channel,
    path: &'static str,
    request: Request<S>,
    into: &mut Vec<u8>,
) -> Result<(), Status>
where
    S: futures::Stream<Item = Bytes> + Send + 'static,
{
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    // An answer of one message is a stream, too.
    let response = grpc.streaming(request, PathAndQuery::from_static(path), Raw).await?;
    write(into, response.metadata());
    let mut messages = response.into_inner();
    while let Some(message) = messages.message().await? {
        into.extend_from_slice(&message);
    }
    Ok(())
}

/// Details whose facts stand in no order of their own, in one.
fn in_order(details: &[u8]) -> Vec<u8> {
    let mut status = pb::Status::decode(details).unwrap();
    for detail in status.details.iter_mut().filter(|detail| detail.type_url.ends_with("google.rpc.ErrorInfo")) {
        let info = pb::ErrorInfo::decode(detail.value.as_slice()).unwrap();
        let facts: BTreeMap<_, _> = info.metadata.iter().collect();
        detail.value = format!("{} {} {facts:?}", info.reason, info.domain).into_bytes();
    }
    status.encode_to_vec()
}

fn write(into: &mut Vec<u8>, metadata: &MetadataMap) {
    for entry in metadata.iter() {
        if let KeyAndValueRef::Ascii(key, value) = entry
            && key != "date"
        {
            into.extend_from_slice(format!("{key}: ").as_bytes());
            into.extend_from_slice(value.as_bytes());
        }
    }
}

/// Each byte as the character of that number.
pub fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}
