//! The codec of our servers: prost's, except that a message which can't be read is its sender's fault.
//!
//! tonic's own codec answers INTERNAL there, which pages an operator for what any caller can send. Messages nested more
//! than 100 deep are refused by prost and end here as well.

use std::marker::PhantomData;

use prost::Message;
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic_prost::ProstEncoder;

use super::status;

/// Encodes `T` and decodes `U`.
#[derive(Debug, Clone)]
pub struct StrictCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for StrictCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for StrictCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = StrictDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(BufferSettings::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        StrictDecoder(PhantomData)
    }
}

/// Decodes `U`, or says that the caller sent something else.
#[derive(Debug, Clone)]
pub struct StrictDecoder<U>(PhantomData<U>);

impl<U: Message + Default> Decoder for StrictDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        U::decode(buf).map(Some).map_err(|error| status::undecodable(&error))
    }
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut as _, Bytes, BytesMut};
    use http_body_util::Full;
    use prost_types::DescriptorProto;
    use tonic::{Code, Streaming};

    use super::*;

    async fn decoded(message: &[u8]) -> Result<Option<DescriptorProto>, Status> {
        let mut frame = BytesMut::new();
        frame.put_u8(0);
        frame.put_u32(u32::try_from(message.len()).unwrap());
        frame.put_slice(message);
        let decoder = StrictCodec::<DescriptorProto, DescriptorProto>::default().decoder();
        Streaming::new_request(decoder, Full::<Bytes>::new(frame.freeze()), None, None).message().await
    }

    fn nested(depth: usize) -> Vec<u8> {
        let mut message = DescriptorProto::default();
        for _ in 0..depth {
            message = DescriptorProto { nested_type: vec![message], ..Default::default() };
        }
        message.encode_to_vec()
    }

    #[tokio::test]
    async fn a_message_comes_through() {
        let message = DescriptorProto { name: Some("a".into()), ..Default::default() };
        assert_eq!(decoded(&message.encode_to_vec()).await.unwrap(), Some(message));
    }

    #[tokio::test]
    async fn what_is_no_message_is_the_callers_fault() {
        let invalid_utf8: &[u8] = &[0x0a, 1, 0xff];
        let truncated: &[u8] = &[0x0a, 9, b'a'];
        let trailing: &[u8] = &[0x0a, 1, b'a', 0xff];
        let wrong_type: &[u8] = &[0x08, 1];
        for bytes in [invalid_utf8, truncated, trailing, wrong_type] {
            let status = decoded(bytes).await.unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument, "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn nesting_ends_at_a_hundred() {
        assert!(decoded(&nested(100)).await.is_ok());
        let status = decoded(&nested(101)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains("recursion limit"), "{}", status.message());
    }
}
