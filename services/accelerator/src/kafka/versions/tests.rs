use std::collections::VecDeque;
use std::io;

use super::*;
use crate::kafka::failure::Cause;
use crate::kafka::fake_brokers::versions;
use crate::kafka::wire::is_bounded;
use crate::random_numbers::Numbers;

const SPOKEN: [Spoken; 2] = [Spoken::new(0, "Produce", 3, 12), Spoken::new(3, "Metadata", 4, 12)];

/// A broker that gives this answer, and closes the connection after it.
struct Broker {
    answer: VecDeque<u8>,
    asked: Vec<u8>,
}

impl Read for Broker {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.answer.read(buffer)
    }
}

impl Write for Broker {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.asked.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn agreed(body: &[u8]) -> Result<Versions, Failure> {
    let answer = [&(body.len() as u32 + 4).to_be_bytes(), &[0; 4], body].concat();
    let mut broker = Broker { answer: answer.into(), asked: Vec::new() };
    let outcome = agree(&mut broker, "c", &SPOKEN);
    assert_eq!(broker.asked, [0, 0, 0, 11, 0, 18, 0, 0, 0, 0, 0, 0, 0, 1, b'c']);
    outcome
}

#[test]
fn the_newest_version_that_both_have_is_used() {
    for (produce, metadata, used) in [
        ((0, 8), (0, 7), [8, 7]),
        ((3, 3), (4, 4), [3, 4]),
        ((12, 20), (12, 20), [12, 12]),
        ((0, 100), (5, 5), [12, 5]),
    ] {
        let offered = versions(&[(18, 0, 4), (0, produce.0, produce.1), (3, metadata.0, metadata.1)]);
        let versions = agreed(&offered).map_err(|failure| failure.why).unwrap();
        assert_eq!(SPOKEN.map(|each| versions.of(&each)), [Api(0, used[0]), Api(3, used[1])]);
    }
}

#[test]
fn a_request_without_a_common_version_is_named_with_both_ranges() {
    let cases: [(&[(i16, i16, i16)], &str); 4] = [
        (&[(0, 0, 8), (3, 0, 3)], "the broker offers versions 0 to 3 of Metadata, this client speaks versions 4 to 12"),
        (&[(0, 13, 14), (3, 0, 9)], "offers versions 13 to 14 of Produce, this client speaks versions 3 to 12"),
        (&[(0, 2, 2), (3, 0, 9)], "offers version 2 of Produce"),
        (&[(0, 0, 8)], "does not offer Metadata, of which this client speaks versions 4 to 12"),
    ];
    for (offered, why) in cases {
        let failure = agreed(&versions(offered)).err().unwrap();
        assert!(failure.why.contains(why), "{}", failure.why);
        assert_eq!(failure.cause, Cause::Unsupported);
    }
}

#[test]
fn another_answer_may_be_a_moments() {
    let mut refused = versions(&[]);
    refused[1] = 35;
    for (body, why) in [(&refused[..], "error 35"), (&[0, 0, 0][..], "can't be read"), (&[], "can't be read")] {
        let failure = agreed(body).err().unwrap();
        assert!(failure.why.contains(why), "{}", failure.why);
        assert_eq!(failure.cause, Cause::Disagreement);
    }
    let mut closed = Broker { answer: VecDeque::new(), asked: Vec::new() };
    assert_eq!(agree(&mut closed, "c", &SPOKEN).err().unwrap().cause, Cause::Passing);
}

#[test]
fn reading_takes_linear_time_and_memory_whatever_a_broker_sends() {
    let mut numbers = Numbers::new(7);
    let mut readable = 0;
    for _ in 0..5_000 {
        let mut body = versions(&vec![(0, 1, 2); numbers.below(1200)]);
        body.truncate(body.len() - numbers.below(2));
        if numbers.below(2) == 0 {
            body[2 + numbers.below(4)] = numbers.below(256) as u8;
        }
        readable += usize::from(is_bounded(&body, read));
    }
    assert!((500..4_500).contains(&readable), "{readable}: both kinds are tried");
}
