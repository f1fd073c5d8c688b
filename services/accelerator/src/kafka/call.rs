//! One request and its response, on a connection that is not ready for others yet.

use std::io::{self, Read, Write};

use crate::kafka::wire::ResponseReader;

/// More bytes than any message of SASL has, or all versions of a broker.
const MAX_RESPONSE_BYTES: usize = 64 << 10;

/// Send one request. Returns the response behind its correlation id, None if
/// that can't be Kafka's.
pub fn call(io: &mut (impl Read + Write), request: &[u8], correlation: i32) -> io::Result<Option<Vec<u8>>> {
    io.write_all(request)?;
    io.flush()?;
    let mut length = [0; 4];
    io.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    let mut answer = vec![0; length.min(MAX_RESPONSE_BYTES)];
    io.read_exact(&mut answer)?;
    let mut reader = ResponseReader::new(&answer);
    let readable = length <= MAX_RESPONSE_BYTES && reader.i32() == Some(correlation);
    Ok(readable.then(|| reader.rest().to_vec()))
}
