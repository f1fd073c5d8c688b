//! SASL over Kafka's protocol, on a connection that carries nothing else yet.

use std::io::{Read, Write};
use std::time::Duration;

use crate::kafka::call::call;
use crate::kafka::failure::explain;
use crate::kafka::sasl::{Credentials, Exchange, Step};
use crate::kafka::versions::{Spoken, Versions};
use crate::kafka::wire::{RequestWriter, ResponseReader};

pub const SASL_HANDSHAKE: Spoken = Spoken::new(17, "SaslHandshake", 1, 1);
/// From version 1 on, the broker tells how long it believes us.
pub const SASL_AUTHENTICATE: Spoken = Spoken::new(36, "SaslAuthenticate", 0, 1);
const UNSUPPORTED_MECHANISM: i16 = 33;
const MAX_MECHANISMS: usize = 100;
const UNREADABLE: &str = "the broker's response can't be read; security.protocol may not be that of the listener";

/// Prove who we are, in these versions. Returns how long the broker believes it, None for as long as the connection lasts.
pub fn authenticate(
    io: &mut (impl Read + Write),
    credentials: &Credentials,
    client: &str,
    nonce: String,
    versions: &Versions,
) -> Result<Option<Duration>, String> {
    let mechanism = credentials.mechanism.name();
    let told = |why: String| format!("SASL {mechanism} as {}: {why}", credentials.username);
    let mut correlation = 1;
    let mut handshake = RequestWriter::new(versions.of(&SASL_HANDSHAKE), correlation, client);
    handshake.string(mechanism);
    let answer = ask(io, &handshake.finish(), correlation).map_err(told)?;
    check_handshake(&mut ResponseReader::new(&answer)).map_err(told)?;
    let mut exchange = Exchange::new(credentials, nonce);
    let mut outcome = Outcome::default();
    while let Step::Send(message) = exchange.step(&outcome.message).map_err(told)? {
        correlation += 1;
        let api = versions.of(&SASL_AUTHENTICATE);
        let mut request = RequestWriter::new(api, correlation, client);
        request.bytes(&message);
        let answer = ask(io, &request.finish(), correlation).map_err(told)?;
        outcome = Outcome::read(api.1, &mut ResponseReader::new(&answer)).map_err(told)?;
    }
    Ok(outcome.lifetime)
}

fn check_handshake(response: &mut ResponseReader<'_>) -> Result<(), String> {
    match response.i16().ok_or(UNREADABLE)? {
        0 => Ok(()),
        UNSUPPORTED_MECHANISM => {
            let names = response.array(MAX_MECHANISMS, |name| name.string().map(str::to_string)).ok_or(UNREADABLE)?;
            Err(format!("the broker's listener does not have this sasl.mechanism, but: {}", names.join(", ")))
        }
        code => Err(format!("the broker answers with error {code}; its listener may be one without SASL")),
    }
}

/// What the broker says to one message.
#[derive(Default)]
struct Outcome {
    message: Vec<u8>,
    lifetime: Option<Duration>,
}

impl Outcome {
    fn read(version: i16, response: &mut ResponseReader<'_>) -> Result<Self, String> {
        let (code, text) = response.i16().zip(response.string()).ok_or(UNREADABLE)?;
        match (code, text) {
            (0, _) => {}
            (_, "") => return Err(format!("the broker answers with error {code}")),
            _ => return Err(text.to_string()),
        }
        let message = response.bytes().ok_or(UNREADABLE)?.to_vec();
        let ms = if version >= 1 { response.i64().ok_or(UNREADABLE)? } else { 0 };
        Ok(Self { message, lifetime: u64::try_from(ms).ok().filter(|ms| *ms > 0).map(Duration::from_millis) })
    }
}

fn ask(io: &mut (impl Read + Write), request: &[u8], correlation: i32) -> Result<Vec<u8>, String> {
    call(io, request, correlation).map_err(|error| explain(&error))?.ok_or_else(|| UNREADABLE.into())
}

#[cfg(test)]
mod tests;
