use super::*;
use crate::kafka::fake_brokers::metadata;
use crate::kafka::wire::is_bounded;

const ID: Uuid = [7; 16];

#[test]
fn a_request_is_laid_out_as_its_version_asks_for() {
    let cases: [(i16, Vec<u8>); 6] = [
        (4, [&[0, 0, 0, 1, 0, 1, b't', 0][..]].concat()),
        (7, [&[0, 0, 0, 1, 0, 1, b't', 0][..]].concat()),
        (8, [&[0, 0, 0, 1, 0, 1, b't', 0, 0, 0][..]].concat()),
        (9, [&[0, 2, 2, b't', 0, 0, 0, 0, 0][..]].concat()),
        (10, [&[0, 2][..], &[0; 16], &[2, b't', 0, 0, 0, 0, 0]].concat()),
        (12, [&[0, 2][..], &[0; 16], &[2, b't', 0, 0, 0, 0]].concat()),
    ];
    for (version, body) in cases {
        let head = [0, 3, 0, version as u8, 0, 0, 0, 9, 0, 1, b'c'];
        let length = (head.len() + body.len()) as u32;
        let expected = [&length.to_be_bytes()[..], &head, &body].concat();
        assert_eq!(metadata_request(Api(3, version), 9, "c", "t"), expected, "version {version}");
    }
}

#[test]
fn a_response_of_any_version_tells_brokers_and_leaders() {
    for version in METADATA.first..=METADATA.last {
        let bytes = metadata(version, &[9092], &[(1, -1, 3), (0, 0, 5)], ID);
        let found = metadata_response(version, &mut ResponseReader::new(&bytes)).unwrap();
        assert_eq!(found.brokers, [(0, "127.0.0.1".to_string(), 9092)]);
        assert_eq!((found.error, found.topic_id), (0, if version >= 10 { ID } else { NO_UUID }));
        let epochs = if version >= 7 { [3, 5] } else { [-1, -1] };
        let leaders = [(1, Leader { id: -1, epoch: epochs[0] }), (0, Leader { id: 0, epoch: epochs[1] })];
        assert_eq!(found.leaders, leaders, "version {version}");
        for end in 0..bytes.len() {
            let cut = metadata_response(version, &mut ResponseReader::new(&bytes[..end]));
            assert!(cut.is_none(), "version {version}, {end} bytes");
        }
    }
}

#[test]
fn an_array_is_not_longer_than_can_be_meant() {
    for version in [7, 12] {
        let read = |response: &mut ResponseReader<'_>| metadata_response(version, response);
        let mut partitions: Vec<_> = (0..MAX_PARTITIONS as i32).map(|at| (at, 0, 0)).collect();
        assert!(is_bounded(&metadata(version, &[9092], &partitions, ID), read));
        partitions.push((MAX_PARTITIONS as i32, 0, 0));
        assert!(!is_bounded(&metadata(version, &[9092], &partitions, ID), read));
        assert!(!is_bounded(&metadata(version, &vec![9092; MAX_BROKERS + 1], &[(0, 0, 0)], ID), read));
    }
}
