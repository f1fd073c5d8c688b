use super::*;
use crate::consumer::samples::{TRANSACTIONAL, batch, checked, marker, with};
use crate::kafka::record_batch::Compression;

const PLAIN: Compression = Compression::None;

fn scanned(next_offset: i64, leader_epoch: i32, epoch_start: i64, bytes: usize) -> Scanned {
    Scanned { next_offset, leader_epoch, epoch_start, bytes }
}

#[test]
fn a_scan_finds_where_to_go_on() {
    let first = batch(1, &[10, 11, 19], PLAIN);
    let second = batch(2, &[20, 21], Compression::Lz4);
    let third = batch(2, &[30], PLAIN);
    let all = [first.clone(), second.clone(), third].concat();
    assert_eq!(scan(&[], 10), Ok(None));
    assert_eq!(scan(&first, 10), Ok(Some(scanned(20, 1, 10, first.len()))));
    assert_eq!(scan(&first, 15), Ok(Some(scanned(20, 1, 10, first.len()))), "it begins before what was asked for");
    assert_eq!(scan(&all, 10), Ok(Some(scanned(31, 2, 20, all.len()))));
    for end in first.len()..first.len() + second.len() {
        assert_eq!(scan(&all[..end], 10), Ok(Some(scanned(20, 1, 10, first.len()))), "the second is cut");
    }
    for end in 0..first.len() {
        assert_eq!(scan(&first[..end], 10), Ok(None), "the first is cut");
    }
}

#[test]
fn damage_is_noticed_wherever_the_checksum_covers_it() {
    let whole = batch(1, &[10, 11], PLAIN);
    for at in CHECKSUM_FROM - 4..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        assert!(matches!(scan(&bytes, 10), Err(Fault::Damaged(_))), "byte {at}");
    }
}

#[test]
fn batches_that_are_not_where_they_should_be_are_damage() {
    let one = |offsets: &[i64]| batch(1, offsets, PLAIN);
    for (bytes, offset) in [
        (one(&[10, 11]), 12),
        ([one(&[10, 11]), one(&[11, 12])].concat(), 10),
        ([one(&[10, 11]), one(&[5])].concat(), 10),
    ] {
        assert!(matches!(scan(&bytes, offset), Err(Fault::Damaged(_))));
    }
    let mut impossible = one(&[10]);
    impossible[8..12].copy_from_slice(&7u32.to_be_bytes());
    assert!(matches!(scan(&impossible, 10), Err(Fault::Damaged(_))));
}

#[test]
fn formats_from_before_are_left_to_another_client() {
    for magic in [0, 1, 3] {
        let mut bytes = batch(1, &[10], PLAIN);
        bytes[16] = magic;
        assert!(matches!(scan(&bytes, 10), Err(Fault::Unusual(_))));
    }
    let mut codec = batch(1, &[10], PLAIN);
    codec[22] |= 7;
    let codec = checked(codec);
    assert!(matches!(RecordBatch::first(&codec).unwrap().unwrap().unpack(&mut Vec::new()), Err(Fault::Unusual(_))));
}

/// The first offsets of the batches that count.
fn counting(aborted: &[(i64, i64)], log: &[Vec<u8>]) -> Vec<i64> {
    let mut transactions = Transactions::new(aborted);
    let batches = log.iter().map(|bytes| RecordBatch::first(bytes).unwrap().unwrap());
    let mut found = Vec::new();
    for batch in batches {
        if transactions.counts(&batch).unwrap() {
            found.push(batch.base_offset);
        }
    }
    found
}

#[test]
fn aborted_transactions_and_markers_do_not_count() {
    let of = |producer: i64, offsets: &[i64]| with(batch(1, offsets, PLAIN), TRANSACTIONAL, producer);
    let log = [
        batch(1, &[0], PLAIN),
        of(7, &[1, 2]),
        of(8, &[3]),
        batch(1, &[4], PLAIN),
        marker(1, 5, 7, false),
        of(7, &[6]),
        marker(1, 7, 8, true),
        marker(1, 8, 7, true),
        of(8, &[9]),
        of(7, &[10]),
        marker(1, 11, 8, false),
        of(8, &[12]),
        marker(1, 13, 7, true),
    ];
    assert_eq!(counting(&[(8, 9), (7, 1)], &log), [0, 3, 4, 6, 10, 12]);
    assert_eq!(counting(&[], &log), [0, 1, 3, 4, 6, 9, 10, 12]);
    // An answer that begins within an aborted transaction names it by its first offset.
    assert_eq!(counting(&[(7, 1)], &log[2..]), [3, 4, 6, 9, 10, 12]);
    // A producer without transactions is not concerned, whatever its id.
    assert_eq!(counting(&[(-1, 0)], &log[..1]), [0]);
}
