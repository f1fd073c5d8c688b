use std::io;

use super::*;
use crate::kafka::fake_brokers::{sasl_handshake, sasl_outcome};
use crate::kafka::sasl::Mechanism;

/// A broker that gives these answers, whatever it is asked.
struct Broker {
    answers: io::Cursor<Vec<u8>>,
    asked: Vec<u8>,
}

impl Read for Broker {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.answers.read(buffer)
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

fn framed(answers: &[Vec<u8>]) -> Vec<u8> {
    let frame = |(answer, correlation): (&Vec<u8>, i32)| {
        [&(answer.len() as u32 + 4).to_be_bytes(), &correlation.to_be_bytes(), answer.as_slice()].concat()
    };
    answers.iter().zip(1..).flat_map(frame).collect()
}

fn outcome(mechanism: Mechanism, answers: Vec<u8>) -> (Result<Option<Duration>, String>, Vec<u8>) {
    let credentials = Credentials { mechanism, username: "me".into(), password: "secret".into() };
    let mut broker = Broker { answers: io::Cursor::new(answers), asked: Vec::new() };
    (authenticate(&mut broker, &credentials, "c", "nonce".into(), &Versions::default()), broker.asked)
}

#[test]
fn the_broker_says_for_how_long_it_believes() {
    for (ms, lifetime) in [(0, None), (-1, None), (1500, Some(Duration::from_millis(1500)))] {
        let answers = framed(&[sasl_handshake(0, &["PLAIN"]), sasl_outcome(0, "", b"", ms)]);
        let (found, asked) = outcome(Mechanism::Plain, answers);
        assert_eq!(found, Ok(lifetime));
        let first = [&[0, 0, 0, 18, 0, 17, 0, 1, 0, 0, 0, 1, 0, 1, b'c', 0, 5][..], b"PLAIN"].concat();
        let second = [&[0, 0, 0, 25, 0, 36, 0, 1, 0, 0, 0, 2, 0, 1, b'c', 0, 0, 0, 10][..], b"\0me\0secret"].concat();
        assert_eq!(asked, [first, second].concat());
    }
}

#[test]
fn a_refusal_says_why_and_never_the_password() {
    let cases: [(&str, Vec<Vec<u8>>); 5] = [
        ("but: PLAIN, OAUTHBEARER", vec![sasl_handshake(33, &["PLAIN", "OAUTHBEARER"])]),
        ("without SASL", vec![sasl_handshake(34, &[])]),
        ("Authentication failed", vec![sasl_handshake(0, &[]), sasl_outcome(58, "Authentication failed", b"", 0)]),
        ("error 58", vec![sasl_handshake(0, &[]), sasl_outcome(58, "", b"", 0)]),
        ("not SCRAM", vec![sasl_handshake(0, &[]), sasl_outcome(0, "", b"nonsense", 0)]),
    ];
    for (expected, answers) in cases {
        let why = outcome(Mechanism::ScramSha512, framed(&answers)).0.unwrap_err();
        assert!(why.contains(expected) && why.starts_with("SASL SCRAM-SHA-512 as me: "), "{why}");
        assert!(!why.contains("secret"));
    }
}

#[test]
fn an_answer_that_is_cut_or_impossible_is_an_error() {
    let whole = framed(&[sasl_handshake(0, &["PLAIN"]), sasl_outcome(0, "", b"", 7)]);
    for end in 0..whole.len() {
        assert!(outcome(Mechanism::Plain, whole[..end].to_vec()).0.is_err(), "{end} bytes");
    }
    for strange in [&b"HTTP/1.1 400 Bad Request"[..], &[0, 0, 0, 4, 0, 0, 0, 9], &[0; 4], &[0xff; 100_000]] {
        assert!(outcome(Mechanism::Plain, strange.to_vec()).0.is_err());
    }
}
