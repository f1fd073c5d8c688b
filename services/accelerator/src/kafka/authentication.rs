//! SASL over Kafka's protocol, on a connection that carries nothing else yet.

use std::io::{Read, Write};
use std::time::Duration;

use crate::kafka::sasl::{Credentials, Exchange, Step};
use crate::kafka::wire::{Api, RequestWriter, ResponseReader};

pub const SASL_HANDSHAKE: Api = Api(17, 1);
pub const SASL_AUTHENTICATE: Api = Api(36, 1);
const UNSUPPORTED_MECHANISM: i16 = 33;
/// More bytes than any message of SASL has.
const MAX_RESPONSE_BYTES: usize = 64 << 10;
const MAX_MECHANISMS: usize = 100;
const UNREADABLE: &str = "the broker's response can't be read; security.protocol may not be that of the listener";

/// Prove who we are. Returns how long the broker believes it, None for as long as the connection lasts.
pub fn authenticate(
    io: &mut (impl Read + Write),
    credentials: &Credentials,
    client: &str,
    nonce: String,
) -> Result<Option<Duration>, String> {
    let mechanism = credentials.mechanism.name();
    let explain = |why: String| format!("SASL {mechanism} as {}: {why}", credentials.username);
    let mut correlation = 1;
    let mut handshake = RequestWriter::new(SASL_HANDSHAKE, correlation, client);
    handshake.string(mechanism);
    let answer = call(io, &handshake.finish(), correlation).map_err(explain)?;
    check_handshake(&mut ResponseReader::new(&answer)).map_err(explain)?;
    let mut exchange = Exchange::new(credentials, nonce);
    let mut outcome = Outcome::default();
    while let Step::Send(message) = exchange.step(&outcome.message).map_err(explain)? {
        correlation += 1;
        let mut request = RequestWriter::new(SASL_AUTHENTICATE, correlation, client);
        request.bytes(&message);
        let answer = call(io, &request.finish(), correlation).map_err(explain)?;
        outcome = Outcome::read(&mut ResponseReader::new(&answer)).map_err(explain)?;
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
    fn read(response: &mut ResponseReader<'_>) -> Result<Self, String> {
        let (code, text) = response.i16().zip(response.string()).ok_or(UNREADABLE)?;
        match (code, text) {
            (0, _) => {}
            (_, "") => return Err(format!("the broker answers with error {code}")),
            _ => return Err(text.to_string()),
        }
        let message = response.bytes().ok_or(UNREADABLE)?.to_vec();
        let ms = response.i64().ok_or(UNREADABLE)?;
        Ok(Self { message, lifetime: u64::try_from(ms).ok().filter(|ms| *ms > 0).map(Duration::from_millis) })
    }
}

/// Send one request. Returns the response behind its correlation id.
fn call(io: &mut (impl Read + Write), request: &[u8], correlation: i32) -> Result<Vec<u8>, String> {
    let answer = (|| {
        io.write_all(request)?;
        io.flush()?;
        let mut length = [0; 4];
        io.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        let mut answer = vec![0; length.min(MAX_RESPONSE_BYTES)];
        io.read_exact(&mut answer)?;
        std::io::Result::Ok((answer, length))
    })();
    let (answer, length) = answer.map_err(|error| error.to_string())?;
    let mut reader = ResponseReader::new(&answer);
    if length > MAX_RESPONSE_BYTES || reader.i32() != Some(correlation) {
        return Err(UNREADABLE.into());
    }
    Ok(reader.rest().to_vec())
}

#[cfg(test)]
mod tests;
