//! Frames of zstd, as archives consist of them: those that are stored, and such as are not compressed, whose bytes no version of a
//! compressor changes. RFC 8878 has their form.

use bytes::{BufMut as _, Bytes, BytesMut};

const MAGIC: u32 = 0xFD2F_B528;
/// The frame is one segment, and says how many bytes it has in four.
const DESCRIPTOR: u8 = 0b1010_0000;
/// Bytes of a block at most.
const BLOCK: usize = 128 * 1024;
/// Bytes before the first block.
const HEADER: usize = 9;

/// Bytes of a frame at most that is not compressed.
pub const FRAME_BYTES: usize = 1 << 20;

/// How long the frames are that hold so many bytes uncompressed.
pub fn framed_len(plain: usize) -> usize {
    let frames = plain.div_ceil(FRAME_BYTES);
    let blocks = plain / FRAME_BYTES * (FRAME_BYTES / BLOCK) + (plain % FRAME_BYTES).div_ceil(BLOCK);
    frames * HEADER + blocks * 3 + plain
}

/// Frames that hold these bytes uncompressed; nothing needs none.
pub fn frame(plain: &[u8]) -> Bytes {
    let mut frames = BytesMut::with_capacity(framed_len(plain.len()));
    for content in plain.chunks(FRAME_BYTES) {
        frames.put_u32_le(MAGIC);
        frames.put_u8(DESCRIPTOR);
        frames.put_u32_le(u32::try_from(content.len()).unwrap_or(u32::MAX));
        let last = content.len().div_ceil(BLOCK) - 1;
        for (number, block) in content.chunks(BLOCK).enumerate() {
            let size = u32::try_from(block.len()).unwrap_or(u32::MAX);
            let header = size << 3 | u32::from(number == last);
            frames.put_slice(&header.to_le_bytes()[..3]);
            frames.put_slice(block);
        }
    }
    frames.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_framed_is_what_zstd_reads() {
        for bytes in
            [1, 512, 65_535, BLOCK, BLOCK + 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES + 7]
        {
            let plain: Vec<u8> = (0..bytes).map(|i| u8::try_from(i % 251).unwrap()).collect();
            let framed = frame(&plain);
            assert_eq!(framed.len(), framed_len(bytes), "{bytes}");
            assert_eq!(zstd::stream::decode_all(&framed[..]).unwrap(), plain, "{bytes}");
        }
        assert!(frame(&[]).is_empty());
    }

    #[test]
    fn the_bytes_of_a_frame_are_the_same_for_ever() {
        assert_eq!(frame(b"abc")[..], *b"\x28\xB5\x2F\xFD\xA0\x03\0\0\0\x19\0\0abc");
    }
}
