use super::*;
use crate::kafka::wire::is_bounded;
use crate::producer::fake_cluster::{Received, metadata, produced};
use crate::random_numbers::Numbers;

#[test]
fn a_request_begins_with_its_length_and_header() {
    let bytes = metadata_request(7, "me", "t");
    let header = [0, 3, 0, 7, 0, 0, 0, 7, 0, 2, b'm', b'e'];
    let body = [0, 0, 0, 1, 0, 1, b't', 0];
    assert_eq!(bytes, [[0, 0, 0, 20].as_slice(), &header, &body].concat());
}

#[test]
fn a_produce_request_carries_each_batch_with_its_partition() {
    let bytes = produce_request(1, "", "t", -1, 30_000, [(4, b"batch".as_slice())].into_iter());
    let body = &bytes[14..];
    let head = [0xff, 0xff, 0xff, 0xff, 0, 0, 0x75, 0x30, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1];
    assert_eq!(body, [head.as_slice(), &[0, 0, 0, 4, 0, 0, 0, 5], b"batch"].concat());
}

#[test]
fn metadata_gives_brokers_and_leaders_by_partition() {
    let found = metadata_response(&mut ResponseReader::new(&metadata(&[9092], &[(1, -1), (0, 3)]))).unwrap();
    assert_eq!(found.brokers, [(0, "127.0.0.1".to_string(), 9092)]);
    assert_eq!((found.error, found.leaders), (0, vec![3, -1]));
}

#[test]
fn a_response_that_is_cut_or_impossible_is_none() {
    let whole = metadata(&[9092], &[(0, 3)]);
    for end in 0..whole.len() {
        assert!(metadata_response(&mut ResponseReader::new(&whole[..end])).is_none(), "{end} bytes");
    }
    assert!(metadata_response(&mut ResponseReader::new(&metadata(&[9092], &[(2, 3)]))).is_none());
}

#[test]
fn a_produce_response_gives_the_code_of_each_batch() {
    let mut out = RequestWriter::body();
    out.i32(1);
    out.string("t");
    out.i32(2);
    for (partition, code) in [(5, 0), (6, 45)] {
        out.i32(partition);
        out.i16(code);
        (0..6).for_each(|_| out.i32(0)); // base offset, append time, log start offset
        out.i32(0); // record errors
        out.null(); // message
    }
    let whole = out.into_body();
    assert_eq!(produce_response(&mut ResponseReader::new(&whole), 2).unwrap(), HashMap::from([(5, 0), (6, 45)]));
    assert!(produce_response(&mut ResponseReader::new(&whole[..20]), 2).is_none());
    assert!(produce_response(&mut ResponseReader::new(&whole), 1).is_none(), "one batch has no two results");
}

impl Numbers {
    /// Bytes that resemble a response, or do not at all.
    fn response(&mut self) -> Vec<u8> {
        let count = self.below(40);
        let mut bytes = match self.below(4) {
            0 => (0..self.below(2000)).map(|_| self.below(256) as u8).collect(),
            1 => vec![[0, 1, 0xff][self.below(3)]; self.below(3000)],
            2 => {
                let batches = (0..count as i32).map(|partition| (partition, Vec::new())).collect();
                let body = Vec::new();
                produced(&Received { broker: 0, connection: 1, api: PRODUCE.0, size: 0, body, batches }, 6)
            }
            _ => metadata(&vec![9092; self.below(40)], &(0..count as i32).map(|at| (at, at)).collect::<Vec<_>>()),
        };
        for _ in 0..self.below(4) {
            let at = self.below(bytes.len().max(1));
            let length = [0, 1, 0x7fff, 0x7fff_ffff, 0x8000_0000, 100_000, 1_500_000][self.below(7)];
            for (byte, new) in bytes.iter_mut().skip(at).zip(u32::to_be_bytes(length)) {
                *byte = new;
            }
        }
        bytes.truncate(self.below(bytes.len() * 2 + 1).max(bytes.len() / 2));
        bytes
    }
}

#[test]
fn reading_takes_linear_time_and_memory_whatever_a_broker_sends() {
    let mut numbers = Numbers::new(1);
    let mut readable = [0; 3];
    for _ in 0..20_000 {
        let response = numbers.response();
        readable[0] += usize::from(is_bounded(&response, metadata_response));
        readable[1] += usize::from(is_bounded(&response, |r| produce_response(r, 64)));
        readable[2] += usize::from(is_bounded(&response, init_producer_response));
    }
    assert!(readable.iter().all(|count| *count > 500), "{readable:?}: the readable ones are tried too");
}

#[test]
fn an_array_is_not_longer_than_can_be_meant() {
    let mut partitions: Vec<_> = (0..MAX_PARTITIONS as i32).map(|at| (at, 0)).collect();
    let whole = metadata(&[9092], &partitions);
    assert!(is_bounded(&whole, metadata_response));
    partitions.push((MAX_PARTITIONS as i32, 0));
    assert!(!is_bounded(&metadata(&[9092], &partitions), metadata_response));
    assert!(!is_bounded(&metadata(&vec![9092; MAX_BROKERS + 1], &[(0, 0)]), metadata_response));
}
