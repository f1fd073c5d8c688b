//! The client's side of SASL: PLAIN (RFC 4616), and SCRAM (RFC 5802, 7677) without channel binding. No I/O.
//!
//! As in Kafka's own clients, names and passwords are taken as UTF-8, without SASLprep.

use std::fmt;
use std::num::NonZeroU32;

use base64::prelude::{BASE64_STANDARD, Engine};
use ring::{digest, hmac, pbkdf2};

/// Fewer rounds would make passwords easy to guess for a server that only pretends to know them (RFC 7677), and Kafka
/// has no fewer. More would only keep the client busy.
const ROUNDS: std::ops::RangeInclusive<u32> = 4096..=1_000_000;
const NOT_SCRAM: &str = "the broker's challenge is not SCRAM";

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mechanism {
    Plain,
    ScramSha256,
    ScramSha512,
}

impl Mechanism {
    const ALL: [Self; 3] = [Self::Plain, Self::ScramSha256, Self::ScramSha512];

    /// From Kafka's name for it. None if it is not supported here.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|each| each.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

#[derive(Clone, PartialEq)]
pub struct Credentials {
    pub mechanism: Mechanism,
    pub username: String,
    pub password: String,
}

/// Without the password.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as {}", self.mechanism.name(), self.username)
    }
}

/// What to do after an answer of the server.
#[derive(Debug, PartialEq)]
pub enum Step {
    Send(Vec<u8>),
    /// Both sides are known to each other.
    Done,
}

/// One exchange of messages with a server.
pub struct Exchange<'a> {
    credentials: &'a Credentials,
    nonce: String,
    state: State,
}

enum State {
    Begun,
    /// PLAIN: the server only has to say that it accepts.
    PlainSent,
    /// SCRAM: the client's first message without its channel binding.
    FirstSent(String),
    /// SCRAM: the server's key, and what it has to sign with it.
    ProofSent(hmac::Key, String),
    Ended,
}

impl<'a> Exchange<'a> {
    /// `nonce` is random, of printable characters without commas.
    pub fn new(credentials: &'a Credentials, nonce: String) -> Self {
        Self { credentials, nonce, state: State::Begun }
    }

    /// Take the server's answer, empty at the beginning. The error says what is wrong with it.
    pub fn step(&mut self, answer: &[u8]) -> Result<Step, String> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Begun => Ok(Step::Send(self.first())),
            State::PlainSent => Ok(Step::Done),
            State::FirstSent(first) => self.prove(&first, answer).map(Step::Send),
            State::ProofSent(key, signed) => check_server(answer, &key, &signed).map(|()| Step::Done),
            State::Ended => Err("the SASL exchange is over".into()),
        }
    }

    fn first(&mut self) -> Vec<u8> {
        let Credentials { mechanism, username, password } = self.credentials;
        if *mechanism == Mechanism::Plain {
            self.state = State::PlainSent;
            return format!("\0{username}\0{password}").into_bytes();
        }
        let name = username.replace('=', "=3D").replace(',', "=2C");
        let bare = format!("n={name},r={}", self.nonce);
        let message = format!("n,,{bare}").into_bytes();
        self.state = State::FirstSent(bare);
        message
    }

    /// The client's second message, which proves that it knows the password.
    fn prove(&mut self, first: &str, answer: &[u8]) -> Result<Vec<u8>, String> {
        let challenge = str::from_utf8(answer).map_err(|_| NOT_SCRAM)?;
        let Challenge { nonce, salt, rounds } = Challenge::read(challenge)?;
        // Its nonce begins with ours, or this is an answer to somebody else.
        if nonce.strip_prefix(self.nonce.as_str()).is_none_or(str::is_empty) {
            return Err(NOT_SCRAM.into());
        }
        let algorithm = Algorithm::of(self.credentials.mechanism);
        let mut salted = vec![0; algorithm.digest.output_len()];
        pbkdf2::derive(algorithm.pbkdf2, rounds, &salt, self.credentials.password.as_bytes(), &mut salted);
        let sign = |key: &[u8], data: &[u8]| hmac::sign(&hmac::Key::new(algorithm.hmac, key), data);
        let client_key = sign(&salted, b"Client Key");
        let bare = format!("c=biws,r={nonce}");
        let signed = format!("{first},{challenge},{bare}");
        let signature = sign(digest::digest(algorithm.digest, client_key.as_ref()).as_ref(), signed.as_bytes());
        let proof: Vec<u8> = client_key.as_ref().iter().zip(signature.as_ref()).map(|(key, sign)| key ^ sign).collect();
        let server_key = sign(&salted, b"Server Key");
        self.state = State::ProofSent(hmac::Key::new(algorithm.hmac, server_key.as_ref()), signed);
        Ok(format!("{bare},p={}", BASE64_STANDARD.encode(proof)).into_bytes())
    }
}

/// The server's first message in SCRAM.
struct Challenge<'a> {
    nonce: &'a str,
    salt: Vec<u8>,
    rounds: NonZeroU32,
}

impl<'a> Challenge<'a> {
    /// A mandatory extension (`m=`), which nobody knows, makes it unreadable; further ones at its end are ignored.
    fn read(text: &'a str) -> Result<Self, String> {
        let mut fields = text.split(',');
        let mut field = |name| fields.next().and_then(|field| field.strip_prefix(name)).ok_or(NOT_SCRAM);
        let (nonce, salt, rounds) = (field("r=")?, field("s=")?, field("i=")?);
        let salt = BASE64_STANDARD.decode(salt).map_err(|_| NOT_SCRAM)?;
        let rounds: u32 = rounds.parse().map_err(|_| NOT_SCRAM)?;
        match NonZeroU32::new(rounds).filter(|rounds| ROUNDS.contains(&rounds.get())) {
            Some(rounds) => Ok(Self { nonce, salt, rounds }),
            None => Err(format!("the broker asks for {rounds} rounds of SCRAM; {ROUNDS:?} are allowed")),
        }
    }
}

fn check_server(answer: &[u8], key: &hmac::Key, signed: &str) -> Result<(), String> {
    let first = answer.split(|byte| *byte == b',').next().unwrap_or_default();
    if let Some(error) = first.strip_prefix(b"e=") {
        return Err(String::from_utf8_lossy(error).into_owned());
    }
    let signature = first.strip_prefix(b"v=").and_then(|text| BASE64_STANDARD.decode(text).ok());
    match signature.map(|signature| hmac::verify(key, signed.as_bytes(), &signature)) {
        Some(Ok(())) => Ok(()),
        _ => Err("the broker does not know the password: its signature is wrong".into()),
    }
}

struct Algorithm {
    digest: &'static digest::Algorithm,
    hmac: hmac::Algorithm,
    pbkdf2: pbkdf2::Algorithm,
}

impl Algorithm {
    fn of(mechanism: Mechanism) -> Self {
        match mechanism {
            Mechanism::ScramSha512 => {
                Self { digest: &digest::SHA512, hmac: hmac::HMAC_SHA512, pbkdf2: pbkdf2::PBKDF2_HMAC_SHA512 }
            }
            _ => Self { digest: &digest::SHA256, hmac: hmac::HMAC_SHA256, pbkdf2: pbkdf2::PBKDF2_HMAC_SHA256 },
        }
    }
}

#[cfg(test)]
mod tests;
