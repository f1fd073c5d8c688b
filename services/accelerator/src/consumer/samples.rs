//! For tests: record batches as a log has them.

use crate::kafka::record_batch::{Compression, Sequence, append_record, encode_headers, whole_batch};

pub const TRANSACTIONAL: i16 = 0x10;
pub const CONTROL: i16 = 0x20;

/// The customer of an order is `c` and its offset.
pub fn order(offset: i64) -> String {
    format!(r#"{{"customer_id":"c{offset}","product_id":"p","quantity":1,"amount":2.5}}"#)
}

/// A batch of orders at these offsets, written in a leader epoch.
pub fn batch(epoch: i32, offsets: &[i64], codec: Compression) -> Vec<u8> {
    let values: Vec<_> = offsets.iter().map(|offset| (*offset, order(*offset).into_bytes())).collect();
    batch_of(epoch, &values, codec)
}

/// A batch of values with their offsets. Its records were placed at 1000, 1001, …
pub fn batch_of(epoch: i32, values: &[(i64, Vec<u8>)], codec: Compression) -> Vec<u8> {
    let (first, last) = (values[0].0, values[values.len() - 1].0);
    let headers = encode_headers([(b"h".as_slice(), b"v".as_slice())].into_iter());
    let mut records = Vec::new();
    for (at, (offset, value)) in (0..).zip(values) {
        append_record(&mut records, at, offset - first, format!("k{offset}").as_bytes(), value, &headers);
    }
    let mut out = whole_batch(&records, values.len() as i32, (1000, 2000), codec, Sequence::NONE);
    out[..8].copy_from_slice(&first.to_be_bytes());
    out[12..16].copy_from_slice(&epoch.to_be_bytes());
    out[23..27].copy_from_slice(&((last - first) as i32).to_be_bytes());
    checked(out)
}

/// With these attributes besides its codec, by a producer.
pub fn with(mut batch: Vec<u8>, attributes: i16, producer: i64) -> Vec<u8> {
    batch[22] |= attributes as u8;
    batch[43..51].copy_from_slice(&producer.to_be_bytes());
    checked(batch)
}

/// The end of a producer's transaction.
pub fn marker(epoch: i32, offset: i64, producer: i64, committed: bool) -> Vec<u8> {
    let mut records = Vec::new();
    append_record(&mut records, 0, 0, &[0, 0, 0, u8::from(committed)], &[0; 6], &[0]);
    let mut out = whole_batch(&records, 1, (1000, 1000), Compression::None, Sequence::NONE);
    out[..8].copy_from_slice(&offset.to_be_bytes());
    out[12..16].copy_from_slice(&epoch.to_be_bytes());
    with(out, TRANSACTIONAL | CONTROL, producer)
}

/// With the checksum that it should have.
pub fn checked(mut batch: Vec<u8>) -> Vec<u8> {
    let checksum = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&checksum.to_be_bytes());
    batch
}
