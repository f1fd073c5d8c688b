//! Records and batches of records as Kafka stores them (message format 2).

use std::io::Write;

use crate::producer::murmur2::murmur2;

/// How a batch's records are packed; the number is Kafka's.
#[derive(Clone, Copy, PartialEq)]
pub enum Compression {
    None = 0,
    Snappy = 2,
    Lz4 = 3,
}

impl Compression {
    /// By the name that `compression.type` has; None for what is not offered here.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "none" => Some(Self::None),
            "snappy" => Some(Self::Snappy),
            "lz4" => Some(Self::Lz4),
            _ => None,
        }
    }
}

/// Bytes of a batch before its records, with the offset and the length.
const HEAD: usize = 61;
/// Where what the checksum covers begins.
const CHECKED: usize = 21;

/// Who sends, and the number of the first record in the partition; all -1 without idempotence.
#[derive(Clone, Copy)]
pub struct Sequence {
    pub producer: i64,
    pub epoch: i16,
    pub first: i32,
}

impl Sequence {
    pub const NONE: Self = Self { producer: -1, epoch: -1, first: -1 };
}

/// The partition that a key goes to, as Java's and librdkafka's `murmur2` partitioners have it.
#[inline]
pub fn partition(key: &[u8], partitions: usize) -> usize {
    (murmur2(key) & 0x7fff_ffff) as usize % partitions
}

/// Headers as a record has them.
pub fn headers<'a>(all: impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])>) -> Vec<u8> {
    let mut out = Vec::new();
    varint(&mut out, all.len() as i64);
    for (name, value) in all {
        varint(&mut out, name.len() as i64);
        out.extend_from_slice(name);
        varint(&mut out, value.len() as i64);
        out.extend_from_slice(value);
    }
    out
}

/// Append one record: `delta_ms` after the batch's time, `offset` records after its first.
#[inline]
pub fn record(out: &mut Vec<u8>, delta_ms: i64, offset: i64, key: &[u8], value: &[u8], headers: &[u8]) {
    let size = 1
        + width(delta_ms)
        + width(offset)
        + width(key.len() as i64)
        + key.len()
        + width(value.len() as i64)
        + value.len()
        + headers.len();
    out.reserve(size + 5);
    varint(out, size as i64);
    out.push(0);
    varint(out, delta_ms);
    varint(out, offset);
    varint(out, key.len() as i64);
    out.extend_from_slice(key);
    varint(out, value.len() as i64);
    out.extend_from_slice(value);
    out.extend_from_slice(headers);
}

/// Most bytes that `record` appends.
#[inline]
pub fn most(key: &[u8], value: &[u8], headers: &[u8]) -> usize {
    key.len() + value.len() + headers.len() + 32
}

/// A batch ready for the log: `count` records with times from `base_ms` to `max_ms`, packed.
pub fn batch(
    records: &[u8],
    count: i32,
    base_ms: i64,
    max_ms: i64,
    packing: Compression,
    sequence: Sequence,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD + records.len() / if packing == Compression::None { 1 } else { 3 } + 64);
    out.resize(HEAD, 0);
    let packing = match packing {
        Compression::None => {
            out.extend_from_slice(records);
            packing
        }
        Compression::Snappy => {
            out.resize(HEAD + snap::raw::max_compress_len(records.len()), 0);
            match snap::raw::Encoder::new().compress(records, &mut out[HEAD..]) {
                Ok(size) => {
                    out.truncate(HEAD + size);
                    packing
                }
                Err(_) => plain(&mut out, records),
            }
        }
        Compression::Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(&mut out);
            match encoder.write_all(records).and_then(|()| encoder.finish().map(drop).map_err(Into::into)) {
                Ok(()) => packing,
                Err(_) => plain(&mut out, records),
            }
        }
    };
    let length = out.len() as i32 - 12;
    let mut head = Vec::with_capacity(HEAD);
    head.extend_from_slice(&0i64.to_be_bytes()); // the broker sets the offset
    head.extend_from_slice(&length.to_be_bytes());
    head.extend_from_slice(&(-1i32).to_be_bytes());
    head.push(2);
    head.extend_from_slice(&[0; 4]);
    head.extend_from_slice(&(packing as i16).to_be_bytes());
    head.extend_from_slice(&(count - 1).to_be_bytes());
    head.extend_from_slice(&base_ms.to_be_bytes());
    head.extend_from_slice(&max_ms.to_be_bytes());
    head.extend_from_slice(&sequence.producer.to_be_bytes());
    head.extend_from_slice(&sequence.epoch.to_be_bytes());
    head.extend_from_slice(&sequence.first.to_be_bytes());
    head.extend_from_slice(&count.to_be_bytes());
    out[..HEAD].copy_from_slice(&head);
    let checksum = crc32c::crc32c(&out[CHECKED..]);
    out[CHECKED - 4..CHECKED].copy_from_slice(&checksum.to_be_bytes());
    out
}

/// Records that can't be packed go as they are.
fn plain(out: &mut Vec<u8>, records: &[u8]) -> Compression {
    out.truncate(HEAD);
    out.extend_from_slice(records);
    Compression::None
}

#[inline]
fn width(value: i64) -> usize {
    let folded = zigzag(value);
    (64 - (folded | 1).leading_zeros() as usize).div_ceil(7)
}

#[inline]
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[inline]
fn varint(out: &mut Vec<u8>, value: i64) {
    let mut left = zigzag(value);
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}
