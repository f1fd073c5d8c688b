use super::*;
use crate::consumer::fake_cluster::answers;
use crate::consumer::fetch::{FetchLimits, FetchPartition, FetchRequest, fetch_request, fetch_response};
use crate::kafka::fake_brokers::metadata;
use crate::kafka::metadata::metadata_response;
use crate::kafka::wire::{Uuid, is_bounded};
use crate::random_numbers::Numbers;

const ID: Uuid = [7; 16];

fn limits() -> FetchLimits {
    FetchLimits {
        wait_ms: 100,
        min_bytes: 1,
        max_bytes: 1000,
        partition_bytes: 500,
        read_committed: true,
        rack: "r".into(),
    }
}

fn request() -> FetchRequest {
    let partition = FetchPartition { partition: 3, leader_epoch: 4, offset: 5, last_epoch: 2 };
    FetchRequest { session: (6, 7), partitions: vec![partition], forgotten: vec![8] }
}

#[test]
fn a_fetch_request_is_laid_out_as_kafka_reads_it() {
    let head = |version: u8, size: u8| {
        [
            &[0, 0, 0, size, 0, 1, 0, version, 0, 0, 0, 9, 0, 1, b'c', 0, 0xff, 0xff, 0xff, 0xff][..],
            &[0, 0, 0, 100, 0, 0, 0, 1, 0, 0, 3, 0xe8, 1, 0, 0, 0, 6, 0, 0, 0, 7, 2],
        ]
        .concat()
    };
    let partitions =
        [&[2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 2][..], &[0xff; 8], &[0, 0, 1, 0xf4, 0, 0, 2]]
            .concat();
    let tail = [2, 0, 0, 0, 8, 0, 2, b'r', 0];
    let by_name = [head(12, 87), vec![2, b't'], partitions.clone(), vec![2, b't'], tail.to_vec()].concat();
    assert_eq!(fetch_request(9, "c", ("t", None), &limits(), &request()), by_name);
    let by_id = [head(13, 115), ID.to_vec(), partitions, ID.to_vec(), tail.to_vec()].concat();
    assert_eq!(fetch_request(9, "c", ("t", Some(ID)), &limits(), &request()), by_id);
}

#[test]
fn a_request_without_partitions_names_no_topic() {
    let nothing = FetchRequest { session: (6, 7), partitions: Vec::new(), forgotten: Vec::new() };
    let bytes = fetch_request(9, "c", ("t", None), &limits(), &nothing);
    assert_eq!(bytes[41..], [1, 1, 2, b'r', 0]);
}

#[test]
fn a_fetch_response_is_read_as_kafka_writes_it() {
    for id in [None, Some(ID)] {
        let topic = ("t", id);
        let bytes = answers(topic);
        let found = fetch_response(&mut ResponseReader::new(&bytes), topic, true).unwrap();
        assert_eq!((found.throttle_ms, found.error, found.session, found.partitions.len()), (5, 0, 77, 1));
        let one = &found.partitions[0];
        assert_eq!((one.partition, one.error, one.end, one.preferred_replica), (3, 6, 18, 2));
        assert_eq!((&one.aborted[..], one.records, one.diverging), (&[(9, 10)][..], &b"records"[..], Some((4, 11))));
        let found = fetch_response(&mut ResponseReader::new(&bytes), topic, false).unwrap();
        assert_eq!(found.partitions[0].end, 20);
        for end in 0..bytes.len() {
            assert!(fetch_response(&mut ResponseReader::new(&bytes[..end]), topic, true).is_none(), "{end} bytes");
        }
        let other = ("u", id.map(|_| [8; 16]));
        assert!(fetch_response(&mut ResponseReader::new(&bytes), other, true).unwrap().partitions.is_empty());
    }
}

#[test]
fn offsets_are_asked_for_and_read() {
    let ends = epoch_end_request(9, "c", "t", &[(3, 4, 2)]);
    let expected = [
        &[0, 0, 0, 38, 0, 23, 0, 3, 0, 0, 0, 9, 0, 1, b'c', 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 1, b't'][..],
        &[0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 2],
    ];
    assert_eq!(ends, expected.concat());
    let begins = earliest_request(9, "c", "t", &[(3, 4)]);
    let expected = [
        &[0, 0, 0, 43, 0, 2, 0, 4, 0, 0, 0, 9, 0, 1, b'c', 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 1, 0, 1, b't'][..],
        &[0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe],
    ];
    assert_eq!(begins, expected.concat());
    let mut out = RequestWriter::body();
    out.i32(0);
    out.i32(1);
    out.string("t");
    out.i32(1);
    out.i16(6);
    out.i32(3);
    out.i32(4);
    out.i64(50);
    let bytes = out.into_body();
    let expected = OffsetAnswer { partition: 3, error: 6, epoch: 4, offset: 50 };
    assert_eq!(epoch_end_response(&mut ResponseReader::new(&bytes)), Some(vec![expected]));
    assert_eq!(epoch_end_response(&mut ResponseReader::new(&bytes[..20])), None);
}

#[test]
fn reading_takes_linear_time_and_memory_whatever_a_broker_sends() {
    let mut numbers = Numbers::new(5);
    let mut readable = [0; 4];
    for _ in 0..20_000 {
        let mut bytes = match numbers.below(4) {
            0 => vec![[0, 1, 2, 0xff][numbers.below(4)]; numbers.below(3000)],
            1 => answers(("t", None)),
            2 => (0..numbers.below(2000)).map(|_| numbers.below(256) as u8).collect(),
            _ => metadata(10, &vec![1; numbers.below(40)], &vec![(0, 1, 2); numbers.below(40)], ID),
        };
        for _ in 0..numbers.below(4) {
            let at = numbers.below(bytes.len().max(1));
            if let Some(byte) = bytes.get_mut(at) {
                *byte = [0, 1, 0x7f, 0x80, 0xff][numbers.below(5)];
            }
        }
        readable[0] += usize::from(is_bounded(&bytes, |r| fetch_response(r, ("t", None), true).map(drop)));
        readable[1] += usize::from(is_bounded(&bytes, |r| metadata_response(10, r)));
        readable[2] += usize::from(is_bounded(&bytes, epoch_end_response));
        readable[3] += usize::from(is_bounded(&bytes, earliest_response));
    }
    assert!(readable.iter().all(|count| *count > 500), "{readable:?}: the readable ones are tried too");
}
