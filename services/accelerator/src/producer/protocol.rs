//! The three requests of Kafka's protocol that a producer needs, in versions that brokers support from 2.4 on.

use std::collections::HashMap;

use crate::producer::record_batch::ProducerId;

/// A request's API key and version.
#[derive(Clone, Copy)]
pub struct Api(pub i16, pub i16);

pub const PRODUCE: Api = Api(0, 8);
pub const METADATA: Api = Api(3, 7);
pub const INIT_PRODUCER_ID: Api = Api(22, 1);

/// Writes a request; `finish` puts its length in front.
pub struct RequestWriter(Vec<u8>);

impl RequestWriter {
    pub fn new(api: Api, correlation: i32, client: &str) -> Self {
        let mut request = Self(vec![0; 4]);
        request.i16(api.0);
        request.i16(api.1);
        request.i32(correlation);
        request.string(client);
        request
    }

    pub fn i8(&mut self, value: i8) {
        self.0.push(value as u8);
    }

    pub fn i16(&mut self, value: i16) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub fn i32(&mut self, value: i32) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub fn string(&mut self, value: &str) {
        self.i16(value.len() as i16);
        self.0.extend_from_slice(value.as_bytes());
    }

    pub fn null(&mut self) {
        self.i16(-1);
    }

    pub fn bytes(&mut self, value: &[u8]) {
        self.i32(value.len() as i32);
        self.0.extend_from_slice(value);
    }

    /// Writes without a header, which is how tests make responses.
    #[cfg(test)]
    pub fn body() -> Self {
        Self(Vec::new())
    }

    #[cfg(test)]
    pub fn into_body(self) -> Vec<u8> {
        self.0
    }

    pub fn finish(mut self) -> Vec<u8> {
        let length = (self.0.len() - 4) as i32;
        self.0[..4].copy_from_slice(&length.to_be_bytes());
        self.0
    }
}

/// Reads a response, whatever its bytes are: in linear time, and into no more memory than a small multiple of them.
/// Methods return None where it ends too early or can't be meant.
pub struct ResponseReader<'a> {
    rest: &'a [u8],
    /// How many values were read.
    #[cfg(test)]
    pub steps: usize,
}

impl<'a> ResponseReader<'a> {
    pub fn new(response: &'a [u8]) -> Self {
        Self {
            rest: response,
            #[cfg(test)]
            steps: 0,
        }
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn split(&mut self, length: usize) -> Option<&'a [u8]> {
        #[cfg(test)]
        {
            self.steps += 1;
        }
        let (head, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(head)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.split(N)?.try_into().ok()
    }

    pub fn i8(&mut self) -> Option<i8> {
        self.take().map(i8::from_be_bytes)
    }

    pub fn i16(&mut self) -> Option<i16> {
        self.take().map(i16::from_be_bytes)
    }

    pub fn i32(&mut self) -> Option<i32> {
        self.take().map(i32::from_be_bytes)
    }

    pub fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_be_bytes)
    }

    /// A string, empty if it is null.
    pub fn string(&mut self) -> Option<&'a str> {
        let length = self.i16()?.max(0) as usize;
        str::from_utf8(self.split(length)?).ok()
    }

    /// Bytes, none if they are null.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.count()?;
        self.split(length)
    }

    /// The elements of an array that has `most` at most, each read by `read`.
    pub fn array<T>(&mut self, most: usize, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.count()?;
        if count > most { None } else { (0..count).map(|_| read(self)).collect() }
    }

    /// Pass over an array whose elements have so many bytes each.
    fn skip_array(&mut self, size: usize) -> Option<()> {
        let count = self.count()?;
        self.split(count.checked_mul(size)?).map(drop)
    }

    /// An array's length, 0 if it is null.
    fn count(&mut self) -> Option<usize> {
        self.i32().map(|count| count.max(0) as usize)
    }
}

/// The most brokers and partitions that are read.
const MAX_BROKERS: usize = 10_000;
const MAX_PARTITIONS: usize = 100_000;

/// The brokers, and the leader of each partition of the topic.
pub struct Metadata {
    /// Id, host and port.
    pub brokers: Vec<(i32, String, u16)>,
    pub error: i16,
    /// By partition, -1 for none.
    pub leaders: Vec<i32>,
}

pub fn metadata_request(correlation: i32, client: &str, topic: &str) -> Vec<u8> {
    let mut request = RequestWriter::new(METADATA, correlation, client);
    request.i32(1);
    request.string(topic);
    request.i8(0); // the operator creates topics
    request.finish()
}

pub fn metadata_response(response: &mut ResponseReader<'_>) -> Option<Metadata> {
    response.i32()?;
    let brokers = response.array(MAX_BROKERS, |r| {
        let broker = (r.i32()?, r.string()?.to_string(), u16::try_from(r.i32()?).ok()?);
        r.string()?;
        Some(broker)
    })?;
    response.string()?;
    response.i32()?;
    let topics = response.array(1, |r| {
        let error = r.i16()?;
        r.string()?;
        r.i8()?;
        let partitions = r.array(MAX_PARTITIONS, |p| {
            p.i16()?;
            let place = (p.i32()?, p.i32()?);
            p.i32()?;
            for _ in 0..3 {
                p.skip_array(size_of::<i32>())?; // replicas
            }
            Some(place)
        })?;
        Some((error, partitions))
    })?;
    let (error, partitions) = topics.into_iter().next()?;
    let mut leaders = vec![-1; partitions.len()];
    for (partition, leader) in partitions {
        *leaders.get_mut(usize::try_from(partition).ok()?)? = leader;
    }
    Some(Metadata { brokers, error, leaders })
}

pub fn init_producer_request(correlation: i32, client: &str) -> Vec<u8> {
    let mut request = RequestWriter::new(INIT_PRODUCER_ID, correlation, client);
    request.null();
    request.i32(60_000);
    request.finish()
}

/// The error code and the producer id.
pub fn init_producer_response(response: &mut ResponseReader<'_>) -> Option<(i16, ProducerId)> {
    response.i32()?;
    Some((response.i16()?, ProducerId { id: response.i64()?, epoch: response.i16()? }))
}

/// One encoded batch for each of these partitions.
pub fn produce_request<'a>(
    correlation: i32,
    client: &str,
    topic: &str,
    acks: i16,
    wait_ms: i32,
    batches: impl ExactSizeIterator<Item = (usize, &'a [u8])>,
) -> Vec<u8> {
    let mut request = RequestWriter::new(PRODUCE, correlation, client);
    request.null();
    request.i16(acks);
    request.i32(wait_ms);
    request.i32(1);
    request.string(topic);
    request.i32(batches.len() as i32);
    for (partition, batch) in batches {
        request.i32(partition as i32);
        request.bytes(batch);
    }
    request.finish()
}

/// The error code of each batch by partition, from the response to a request with so many `batches`.
pub fn produce_response(response: &mut ResponseReader<'_>, batches: usize) -> Option<HashMap<usize, i16>> {
    let topics = response.array(1, |r| {
        r.string()?;
        r.array(batches, |p| {
            let outcome = (usize::try_from(p.i32()?).ok()?, p.i16()?);
            for _ in 0..3 {
                p.i64()?;
            }
            for _ in 0..p.count()? {
                p.i32()?; // which record
                p.string()?;
            }
            p.string()?;
            Some(outcome)
        })
    })?;
    Some(topics.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests;
