use super::*;
use crate::consumer::samples::{batch, batch_of, checked, order};
use crate::counting_allocator::peak;
use crate::kafka::record_batch::{Compression, HEADER_BYTES};
use crate::random_numbers::Numbers;

const CODECS: [Compression; 5] =
    [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

fn read(bytes: &[u8], from: i64) -> Result<Records, Fault> {
    let mut records = Records::default();
    records.read(&RecordBatch::first(bytes)?.unwrap(), from, &mut OrderReader::default())?;
    Ok(records)
}

#[test]
fn records_are_those_of_the_batch_by_every_codec() {
    for codec in CODECS {
        let records = read(&batch(3, &[10, 11, 14], codec), 0).unwrap();
        assert_eq!(records.infos.iter().map(|info| info.offset).collect::<Vec<_>>(), [10, 11, 14]);
        for (at, offset) in [10, 11, 14].into_iter().enumerate() {
            let (key, value) = (format!("k{offset}"), order(offset));
            assert_eq!((records.key(at), records.value(at)), (Some(key.as_bytes()), Some(value.as_bytes())));
            assert_eq!(records.timestamp(at), 1000 + at as i64);
            assert_eq!(records.headers(at), [(b"h".as_slice(), Some(b"v".as_slice()))]);
            let info = &records.infos[at];
            assert_eq!(info.order.unwrap().key(value.as_bytes()), format!("c{offset}").as_bytes());
            assert_eq!(info.size as usize, key.len() + value.len());
        }
    }
}

#[test]
fn blocks_of_snappy_as_kafkas_own_client_writes_them_are_read() {
    let plain = batch(0, &[1, 2, 3], Compression::None);
    let (head, records) = plain.split_at(HEADER_BYTES);
    let mut out = [head, b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01"].concat();
    for block in records.chunks(50) {
        let packed = snap::raw::Encoder::new().compress_vec(block).unwrap();
        out.extend_from_slice(&(packed.len() as u32).to_be_bytes());
        out.extend_from_slice(&packed);
    }
    out[22] |= 2;
    let length = out.len() as u32 - 12;
    out[8..12].copy_from_slice(&length.to_be_bytes());
    assert_eq!(read(&checked(out.clone()), 0).unwrap().len(), 3);
    out.truncate(out.len() - 1);
    out[8..12].copy_from_slice(&(length - 1).to_be_bytes());
    assert!(read(&checked(out), 0).is_err());
}

#[test]
fn records_below_the_offset_that_was_asked_for_are_left_out() {
    let records = read(&batch(0, &[10, 12, 15], Compression::Snappy), 12).unwrap();
    assert_eq!(records.infos.iter().map(|info| info.offset).collect::<Vec<_>>(), [12, 15]);
    assert_eq!(records.value(0), Some(order(12).as_bytes()));
}

#[test]
fn batches_are_put_together() {
    let mut records = Records::default();
    for offsets in [[1, 2], [3, 5]] {
        let bytes = batch(0, &offsets, Compression::Zstd);
        records.read(&RecordBatch::first(&bytes).unwrap().unwrap(), 0, &mut OrderReader::default()).unwrap();
    }
    assert_eq!(records.infos.iter().map(|info| info.offset).collect::<Vec<_>>(), [1, 2, 3, 5]);
    assert_eq!(records.value(3), Some(order(5).as_bytes()));
    let before = batch(0, &[4], Compression::None);
    let before = RecordBatch::first(&before).unwrap().unwrap();
    assert!(records.read(&before, 0, &mut OrderReader::default()).is_err(), "offsets rise");
}

#[test]
fn what_is_no_simple_order_is_left_to_python() {
    let values = ["{", "", "[]", "\u{7f}", r#"{"customer_id":"c"}"#].map(|text| text.as_bytes().to_vec());
    let values: Vec<_> = (0..).zip(values.into_iter().chain([vec![0xff]])).collect();
    let records = read(&batch_of(0, &values, Compression::None), 0).unwrap();
    assert_eq!(records.len(), 6);
    assert!(records.infos.iter().all(|info| info.order.is_none()));
}

#[test]
fn nulls_and_a_time_for_all_are_told_apart() {
    // Length, attributes, timestamp, offset, no key, no value, one header without a value.
    let record = [18, 0, 10, 0, 1, 1, 2, 2, b'h', 1];
    let mut bytes = batch(0, &[7], Compression::None);
    bytes.truncate(HEADER_BYTES);
    bytes.extend_from_slice(&record);
    let length = bytes.len() as u32 - 12;
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    let records = read(&checked(bytes.clone()), 0).unwrap();
    assert_eq!((records.key(0), records.value(0), records.timestamp(0)), (None, None, 1005));
    assert_eq!(records.headers(0), [(b"h".as_slice(), None)]);
    assert_eq!((records.infos[0].size, records.infos[0].order), (0, None));
    bytes[22] |= 8;
    assert_eq!(read(&checked(bytes), 0).unwrap().timestamp(0), 2000);
}

#[test]
fn whatever_is_in_a_batch_reading_is_bounded() {
    let mut numbers = Numbers::new(3);
    let mut readable = 0;
    for round in 0..20_000 {
        let offsets: Vec<i64> = (0..1 + numbers.below(20) as i64).collect();
        let mut bytes = batch(0, &offsets, Compression::None);
        for _ in 0..numbers.below(3) {
            let at = 23 + numbers.below(bytes.len() - 23);
            bytes[at] = [0, 1, 0x7f, 0x80, 0xff][numbers.below(5)];
        }
        let size = bytes.len();
        let (found, peak) = peak(|| read(&bytes, 0));
        assert!(peak < 64 * size + 4096, "{round}: {peak} bytes for {size}");
        readable += usize::from(found.is_ok());
    }
    assert!((1000..19_999).contains(&readable), "{readable}");
}

#[test]
fn a_batch_that_unpacks_to_too_much_is_refused() {
    for codec in [Compression::Snappy, Compression::Zstd] {
        let mut bytes = batch_of(0, &[(0, vec![b'x'; 65 << 20])], codec);
        assert!(bytes.len() < 8 << 20);
        bytes = checked(bytes);
        assert!(matches!(read(&bytes, 0), Err(Fault::Unusual(why)) if why.contains("too much")));
    }
}
