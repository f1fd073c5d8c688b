//! Encodes records and record batches in Kafka's format (magic 2).

use std::io::Write;

/// A batch's compression, with Kafka's number for it.
#[derive(Clone, Copy, PartialEq)]
pub enum Compression {
    None = 0,
    Gzip = 1,
    Snappy = 2,
    Lz4 = 3,
    Zstd = 4,
}

impl Compression {
    /// From the value of `compression.type`. None for a codec that is not supported here.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "none" => Some(Self::None),
            "gzip" => Some(Self::Gzip),
            "snappy" => Some(Self::Snappy),
            "lz4" => Some(Self::Lz4),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

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

/// A batch as the log holds it, of `count` encoded records with timestamps from `base_ms` to `max_ms`.
pub fn encode_batch(
    records: &[u8],
    count: i32,
    base_ms: i64,
    max_ms: i64,
    compression: Compression,
    sequence: Sequence,
) -> Vec<u8> {
    let mut out =
        Vec::with_capacity(HEADER_BYTES + records.len() / if compression == Compression::None { 1 } else { 3 } + 64);
    out.resize(HEADER_BYTES, 0);
    let codec = match compress(&mut out, records, compression) {
        Ok(()) => compression,
        Err(_) => {
            // Records that can't be compressed are sent as they are.
            out.truncate(HEADER_BYTES);
            out.extend_from_slice(records);
            Compression::None
        }
    };
    let length = out.len() as i32 - 12;
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend_from_slice(&0i64.to_be_bytes()); // the broker assigns the offset
    header.extend_from_slice(&length.to_be_bytes());
    header.extend_from_slice(&(-1i32).to_be_bytes());
    header.push(2);
    header.extend_from_slice(&[0; 4]);
    header.extend_from_slice(&(codec as i16).to_be_bytes());
    header.extend_from_slice(&(count - 1).to_be_bytes());
    header.extend_from_slice(&base_ms.to_be_bytes());
    header.extend_from_slice(&max_ms.to_be_bytes());
    header.extend_from_slice(&sequence.producer.id.to_be_bytes());
    header.extend_from_slice(&sequence.producer.epoch.to_be_bytes());
    header.extend_from_slice(&sequence.base.to_be_bytes());
    header.extend_from_slice(&count.to_be_bytes());
    out[..HEADER_BYTES].copy_from_slice(&header);
    let checksum = crc32c::crc32c(&out[CHECKSUM_FROM..]);
    out[CHECKSUM_FROM - 4..CHECKSUM_FROM].copy_from_slice(&checksum.to_be_bytes());
    out
}

/// Append the records, compressed with the level that librdkafka has by default.
fn compress(out: &mut Vec<u8>, records: &[u8], compression: Compression) -> std::io::Result<()> {
    match compression {
        Compression::None => out.extend_from_slice(records),
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::default());
            encoder.write_all(records)?;
            encoder.finish()?;
        }
        Compression::Snappy => {
            let start = out.len();
            out.resize(start + snap::raw::max_compress_len(records.len()), 0);
            let size = snap::raw::Encoder::new().compress(records, &mut out[start..])?;
            out.truncate(start + size);
        }
        Compression::Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(out);
            encoder.write_all(records)?;
            encoder.finish()?;
        }
        Compression::Zstd => zstd::stream::copy_encode(records, out, zstd::DEFAULT_COMPRESSION_LEVEL)?,
    }
    Ok(())
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
    use std::io::Read;

    use super::*;

    const SEQUENCE: Sequence = Sequence { producer: ProducerId { id: 0x0102_0304_0506_0708, epoch: 9 }, base: 10 };

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
        let batch = encode_batch(b"records", 3, 1000, 1007, Compression::None, SEQUENCE);
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
        let batch = encode_batch(b"", 1, 0, 0, Compression::None, Sequence::NONE);
        assert_eq!(batch[43..57], [0xff; 14]);
    }

    #[test]
    fn compressed_records_can_be_read_again() {
        let records = b"the same words, ".repeat(200);
        let unpack = |batch: &[u8]| {
            let (packed, mut plain) = (&batch[HEADER_BYTES..], Vec::new());
            match batch[22] {
                1 => flate2::read::GzDecoder::new(packed).read_to_end(&mut plain).map(drop).unwrap(),
                2 => plain = snap::raw::Decoder::new().decompress_vec(packed).unwrap(),
                3 => lz4_flex::frame::FrameDecoder::new(packed).read_to_end(&mut plain).map(drop).unwrap(),
                _ => zstd::stream::copy_decode(packed, &mut plain).unwrap(),
            }
            plain
        };
        let codecs = [(Compression::Gzip, 1), (Compression::Snappy, 2), (Compression::Lz4, 3), (Compression::Zstd, 4)];
        for (codec, number) in codecs {
            let batch = encode_batch(&records, 1, 0, 0, codec, SEQUENCE);
            assert_eq!((batch[22], batch.len() < 1000), (number, true));
            assert_eq!(unpack(&batch), records);
            assert_eq!(batch[8..12], (batch.len() as i32 - 12).to_be_bytes());
            assert_eq!(batch[17..21], crc32c::crc32c(&batch[21..]).to_be_bytes());
        }
    }

    #[test]
    fn only_supported_codecs_have_a_name() {
        assert!(Compression::named("none") == Some(Compression::None));
        assert!(Compression::named("snappy") == Some(Compression::Snappy));
        assert!(Compression::named("lz4") == Some(Compression::Lz4));
        assert!(Compression::named("gzip") == Some(Compression::Gzip));
        assert!(Compression::named("zstd") == Some(Compression::Zstd));
        assert!(Compression::named("brotli").is_none());
    }
}
