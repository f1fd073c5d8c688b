//! Encodes records and record batches in Kafka's format (magic 2).

pub use crate::kafka::compression::{Compression, Compressor};

/// Bytes of a batch before its records, including its offset and length.
pub const HEADER_BYTES: usize = 61;
/// The first byte that the checksum covers.
const CHECKSUM_FROM: usize = 21;

/// A producer's id with its epoch. Each partition has an epoch of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProducerId {
    pub id: i64,
    pub epoch: i16,
}

/// The producer's id and epoch, and the sequence number of a batch's first record. All are -1 without idempotence.
#[derive(Clone, Copy)]
pub struct Sequence {
    pub producer: ProducerId,
    pub base: i32,
}

impl Sequence {
    pub const NONE: Self = Self { producer: ProducerId { id: -1, epoch: -1 }, base: -1 };
}

/// A record's headers, encoded as they stand in the record.
pub fn encode_headers<'a>(all: impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])>) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, all.len() as i64);
    for (name, value) in all {
        put_varint(&mut out, name.len() as i64);
        out.extend_from_slice(name);
        put_varint(&mut out, value.len() as i64);
        out.extend_from_slice(value);
    }
    out
}

/// Append one record. `timestamp_delta` is in milliseconds after the batch's first timestamp, `offset_delta` counts from
/// the batch's first record, `headers` are encoded already.
#[inline]
pub fn append_record(
    out: &mut Vec<u8>,
    timestamp_delta: i64,
    offset_delta: i64,
    key: &[u8],
    value: &[u8],
    headers: &[u8],
) {
    let size = 1
        + varint_len(timestamp_delta)
        + varint_len(offset_delta)
        + varint_len(key.len() as i64)
        + key.len()
        + varint_len(value.len() as i64)
        + value.len()
        + headers.len();
    out.reserve(size + 5);
    put_varint(out, size as i64);
    out.push(0);
    put_varint(out, timestamp_delta);
    put_varint(out, offset_delta);
    put_varint(out, key.len() as i64);
    out.extend_from_slice(key);
    put_varint(out, value.len() as i64);
    out.extend_from_slice(value);
    out.extend_from_slice(headers);
}

/// The most bytes that `append_record` appends.
#[inline]
pub fn max_record_size(key: &[u8], value: &[u8], headers: &[u8]) -> usize {
    key.len() + value.len() + headers.len() + 32
}

/// Append a batch as the log holds it, of `count` encoded records with timestamps from `base_ms` to `max_ms`; only its
/// header if compression does not pay, and the records are to follow it as they are.
pub fn encode_batch(
    out: &mut Vec<u8>,
    records: &[u8],
    count: i32,
    ms: (i64, i64),
    compressor: &mut Compressor,
    sequence: Sequence,
) {
    let (codec, packed) = compressor.compress(records, count == 1);
    put_header(out, codec, packed, count, ms, sequence);
    if codec != Compression::None {
        out.extend_from_slice(packed);
    }
}

/// For tests: a whole batch, compressed even if that does not pay.
#[cfg(test)]
pub fn whole_batch(records: &[u8], count: i32, ms: (i64, i64), codec: Compression, sequence: Sequence) -> Vec<u8> {
    let (mut out, packed) = (Vec::new(), Compressor::packed(codec, records));
    put_header(&mut out, codec, &packed, count, ms, sequence);
    [out, packed].concat()
}

/// Append the header of a batch that has these bytes after it.
fn put_header(
    out: &mut Vec<u8>,
    codec: Compression,
    packed: &[u8],
    count: i32,
    (base_ms, max_ms): (i64, i64),
    sequence: Sequence,
) {
    let start = out.len();
    out.extend_from_slice(&0i64.to_be_bytes()); // the broker assigns the offset
    out.extend_from_slice(&((HEADER_BYTES + packed.len() - 12) as i32).to_be_bytes());
    out.extend_from_slice(&(-1i32).to_be_bytes());
    out.push(2);
    out.extend_from_slice(&[0; 4]); // the checksum
    out.extend_from_slice(&(codec as i16).to_be_bytes());
    out.extend_from_slice(&(count - 1).to_be_bytes());
    out.extend_from_slice(&base_ms.to_be_bytes());
    out.extend_from_slice(&max_ms.to_be_bytes());
    out.extend_from_slice(&sequence.producer.id.to_be_bytes());
    out.extend_from_slice(&sequence.producer.epoch.to_be_bytes());
    out.extend_from_slice(&sequence.base.to_be_bytes());
    out.extend_from_slice(&count.to_be_bytes());
    let header = &mut out[start..];
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&header[CHECKSUM_FROM..]), packed);
    header[CHECKSUM_FROM - 4..CHECKSUM_FROM].copy_from_slice(&checksum.to_be_bytes());
}

#[inline]
pub(crate) fn varint_len(value: i64) -> usize {
    let folded = zigzag(value);
    (64 - (folded | 1).leading_zeros() as usize).div_ceil(7)
}

#[inline]
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[inline]
pub(crate) fn put_varint(out: &mut Vec<u8>, value: i64) {
    let mut left = zigzag(value);
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEQUENCE: Sequence = Sequence { producer: ProducerId { id: 0x0102_0304_0506_0708, epoch: 9 }, base: 10 };

    fn encoded(records: &[u8], count: i32, ms: (i64, i64), codec: Compression, sequence: Sequence) -> Vec<u8> {
        let mut out = b"before".to_vec();
        encode_batch(&mut out, records, count, ms, &mut Compressor::new(codec), sequence);
        if out.len() == 6 + HEADER_BYTES {
            out.extend_from_slice(records);
        }
        out.split_off(6)
    }

    fn varint(value: i64) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, value);
        assert_eq!(out.len(), varint_len(value), "{value}");
        out
    }

    #[test]
    fn varints_are_zigzag() {
        assert_eq!(varint(0), [0]);
        assert_eq!(varint(-1), [1]);
        assert_eq!(varint(1), [2]);
        assert_eq!(varint(63), [126]);
        assert_eq!(varint(-64), [127]);
        assert_eq!(varint(64), [0x80, 1]);
        assert_eq!(varint(300), [0xd8, 4]);
        assert_eq!(varint(i64::from(i32::MAX)), [0xfe, 0xff, 0xff, 0xff, 0x0f]);
        assert_eq!(varint(i64::MIN).len(), 10);
    }

    #[test]
    fn a_record_is_laid_out_as_kafka_stores_it() {
        let headers = encode_headers([(b"h".as_slice(), b"v!".as_slice())].into_iter());
        assert_eq!(headers, [2, 2, b'h', 4, b'v', b'!']);
        let mut out = Vec::new();
        append_record(&mut out, 5, 1, b"key", b"value", &headers);
        let body = [&[0, 10, 2, 6], b"key".as_slice(), &[10], b"value", &headers].concat();
        assert_eq!(out, [varint(body.len() as i64), body].concat());
    }

    #[test]
    fn no_record_is_larger_than_the_maximum() {
        let value = vec![b'x'; 100_000];
        let mut out = Vec::new();
        append_record(&mut out, i64::MIN, i64::MAX, b"key", &value, b"headers");
        assert!(out.len() <= max_record_size(b"key", &value, b"headers"));
    }

    #[test]
    fn a_batch_begins_with_its_header() {
        let batch = encoded(b"records", 3, (1000, 1007), Compression::None, SEQUENCE);
        assert_eq!(batch[..8], [0; 8]);
        assert_eq!(batch[8..12], (batch.len() as i32 - 12).to_be_bytes());
        assert_eq!(batch[12..17], [0xff, 0xff, 0xff, 0xff, 2]);
        assert_eq!(batch[17..21], crc32c::crc32c(&batch[21..]).to_be_bytes());
        assert_eq!(batch[21..23], [0, 0]);
        assert_eq!(batch[23..27], 2i32.to_be_bytes());
        assert_eq!(batch[27..35], 1000i64.to_be_bytes());
        assert_eq!(batch[35..43], 1007i64.to_be_bytes());
        assert_eq!(batch[43..57], [1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 0, 0, 0, 10]);
        assert_eq!(batch[57..61], 3i32.to_be_bytes());
        assert_eq!(&batch[61..], b"records");
    }

    #[test]
    fn a_batch_without_idempotence_has_no_producer() {
        let batch = encoded(b"", 1, (0, 0), Compression::None, Sequence::NONE);
        assert_eq!(batch[43..57], [0xff; 14]);
    }

    #[test]
    fn a_batch_names_its_codec() {
        let records = b"the same words, ".repeat(200);
        let batch = encoded(&records, 2, (0, 0), Compression::Snappy, SEQUENCE);
        assert_eq!((batch[22], batch.len() < 1000), (2, true));
        assert_eq!(batch[8..12], (batch.len() as i32 - 12).to_be_bytes());
        assert_eq!(batch[17..21], crc32c::crc32c(&batch[21..]).to_be_bytes());
        assert_eq!(snap::raw::Decoder::new().decompress_vec(&batch[HEADER_BYTES..]).unwrap(), records);
    }
}
