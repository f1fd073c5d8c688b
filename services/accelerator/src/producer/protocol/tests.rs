use super::*;
use crate::kafka::wire::is_bounded;
use crate::producer::fake_cluster::{metadata, produced_in};
use crate::producer::sender::tests::config;
use crate::random_numbers::Numbers;

#[test]
fn a_produce_request_carries_each_batch_with_its_partition() {
    let request = |version: i16| {
        let batches = [(4, [b"bat".as_slice(), b"ch"])].into_iter();
        produce_request(Api(0, version), 1, "", "t", -1, 30_000, batches)[14..].to_vec()
    };
    let head = [0xff, 0xff, 0xff, 0xff, 0, 0, 0x75, 0x30, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1];
    let expected = [head.as_slice(), &[0, 0, 0, 4, 0, 0, 0, 5], b"batch"].concat();
    assert!((3..9).all(|version| request(version) == expected));
    let head = [0, 0, 0xff, 0xff, 0, 0, 0x75, 0x30, 2, 2, b't', 2, 0, 0, 0, 4, 6];
    let expected = [head.as_slice(), b"batch", &[0, 0, 0]].concat();
    assert!((9..=12).all(|version| request(version) == expected));
}

#[test]
fn a_producer_id_is_asked_for_in_the_layout_of_the_version() {
    for (version, body) in [
        (0, [&[0xff, 0xff, 0, 0, 0xea, 0x60][..]].concat()),
        (1, [&[0xff, 0xff, 0, 0, 0xea, 0x60][..]].concat()),
        (2, [&[0, 0, 0, 0, 0xea, 0x60, 0][..]].concat()),
        (4, [&[0, 0, 0, 0, 0xea, 0x60][..], &[0xff; 10], &[0]].concat()),
    ] {
        assert_eq!(init_producer_request(Api(22, version), 1, "")[14..], body, "version {version}");
    }
    let (id, epoch): (i64, i16) = (7, 3);
    let answer = [&[0; 4][..], &[0, 0], &id.to_be_bytes(), &epoch.to_be_bytes()].concat();
    let compact = [&[0][..], &answer, &[0]].concat();
    for (version, bytes) in [(0, &answer), (1, &answer), (2, &compact), (4, &compact)] {
        let found = init_producer_response(version, &mut ResponseReader::new(bytes)).unwrap();
        assert_eq!((found.0, found.1.id, found.1.epoch), (0, 7, 3), "version {version}");
        assert!(init_producer_response(version, &mut ResponseReader::new(&bytes[..bytes.len() - 1])).is_none());
    }
}

#[test]
fn what_a_broker_must_have_depends_on_the_configuration() {
    let names = |config: &ProducerConfig| spoken(config).iter().map(|each| (each.name, each.first)).collect::<Vec<_>>();
    let config = config();
    let all = [("Metadata", 4), ("Produce", 3), ("InitProducerId", 0)];
    assert_eq!(names(&config), all);
    assert_eq!(names(&ProducerConfig { idempotent: false, ..config.clone() }), all[..2]);
    assert_eq!(names(&ProducerConfig { compression: Compression::Zstd, ..config })[1], ("Produce", 7));
}

#[test]
fn metadata_gives_brokers_and_leaders_by_partition() {
    let found = metadata_response(7, &mut ResponseReader::new(&metadata(&[9092], &[(1, -1), (0, 3)]))).unwrap();
    assert_eq!(found.brokers, [(0, "127.0.0.1".to_string(), 9092)]);
    assert_eq!((found.error, found.leaders), (0, vec![3, -1]));
}

#[test]
fn a_response_that_is_cut_or_impossible_is_none() {
    let whole = metadata(&[9092], &[(0, 3)]);
    for end in 0..whole.len() {
        assert!(metadata_response(7, &mut ResponseReader::new(&whole[..end])).is_none(), "{end} bytes");
    }
    assert!(metadata_response(7, &mut ResponseReader::new(&metadata(&[9092], &[(2, 3)]))).is_none());
}

#[test]
fn a_produce_response_gives_the_code_of_each_batch() {
    for version in PRODUCE.first..=PRODUCE.last {
        let whole = produced_in(version, &[(5, 0), (6, 45)]);
        let found = produce_response(version, &mut ResponseReader::new(&whole), 2).unwrap();
        assert_eq!(found, HashMap::from([(5, 0), (6, 45)]), "version {version}");
        assert!(produce_response(version, &mut ResponseReader::new(&whole[..20]), 2).is_none());
        assert!(produce_response(version, &mut ResponseReader::new(&whole), 1).is_none(), "one batch, two results");
    }
}

impl Numbers {
    /// Bytes that resemble a response, or do not at all.
    fn response(&mut self) -> Vec<u8> {
        let count = self.below(40);
        let mut bytes = match self.below(4) {
            0 => (0..self.below(2000)).map(|_| self.below(256) as u8).collect(),
            1 => vec![[0, 1, 0xff][self.below(3)]; self.below(3000)],
            2 => {
                let codes = (0..count as i32).map(|partition| (partition, 6)).collect::<Vec<_>>();
                produced_in([8, 12][self.below(2)], &codes)
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
    let mut readable = [0; 4];
    for _ in 0..20_000 {
        let response = numbers.response();
        readable[0] += usize::from(is_bounded(&response, |r| metadata_response(7, r)));
        readable[1] += usize::from(is_bounded(&response, |r| produce_response(8, r, 64)));
        readable[2] += usize::from(is_bounded(&response, |r| init_producer_response(1, r)));
        readable[3] += usize::from(is_bounded(&response, |r| produce_response(12, r, 64)));
    }
    assert!(readable.iter().all(|count| *count > 500), "{readable:?}: the readable ones are tried too");
}
