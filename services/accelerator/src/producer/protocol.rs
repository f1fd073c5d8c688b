//! The three requests of Kafka's protocol that a producer needs, in versions that brokers support from 2.4 on.

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

    pub fn finish(mut self) -> Vec<u8> {
        let length = (self.0.len() - 4) as i32;
        self.0[..4].copy_from_slice(&length.to_be_bytes());
        self.0
    }
}

/// Reads a response. Methods return None where it ends too early.
pub struct ResponseReader<'a>(pub &'a [u8]);

impl<'a> ResponseReader<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
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
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        str::from_utf8(head).ok()
    }

    /// The elements of an array, each read by `read`.
    pub fn array<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.i32()?.max(0);
        (0..count).map(|_| read(self)).collect()
    }
}

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
    let brokers = response.array(|r| {
        let broker = (r.i32()?, r.string()?.to_string(), r.i32()? as u16);
        r.string()?;
        Some(broker)
    })?;
    response.string()?;
    response.i32()?;
    let topics = response.array(|r| {
        let error = r.i16()?;
        r.string()?;
        r.i8()?;
        let partitions = r.array(|p| {
            p.i16()?;
            let place = (p.i32()?, p.i32()?);
            p.i32()?;
            for _ in 0..3 {
                p.array(ResponseReader::i32)?;
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

/// The error code, producer id and epoch.
pub fn init_producer_response(response: &mut ResponseReader<'_>) -> Option<(i16, i64, i16)> {
    response.i32()?;
    Some((response.i16()?, response.i64()?, response.i16()?))
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

/// The partition and error code of each batch.
pub fn produce_response(response: &mut ResponseReader<'_>) -> Option<Vec<(usize, i16)>> {
    let topics = response.array(|r| {
        r.string()?;
        r.array(|p| {
            let outcome = (p.i32()? as usize, p.i16()?);
            for _ in 0..3 {
                p.i64()?;
            }
            p.array(|e| {
                e.i32()?;
                e.string().map(drop)
            })?;
            p.string()?;
            Some(outcome)
        })
    })?;
    Some(topics.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn metadata(partitions: &[(i32, i32)]) -> Vec<u8> {
        let mut out = RequestWriter(Vec::new());
        out.i32(0); // throttle time
        out.i32(1); // brokers
        out.i32(3);
        out.string("kafka-3");
        out.i32(9092);
        out.null(); // rack
        out.null(); // cluster id
        out.i32(3); // controller
        out.i32(1); // topics
        out.i16(0);
        out.string("t");
        out.i8(0);
        out.i32(partitions.len() as i32);
        for (partition, leader) in partitions {
            out.i16(0);
            out.i32(*partition);
            out.i32(*leader);
            out.i32(0); // leader epoch
            for _ in 0..3 {
                out.i32(1);
                out.i32(3);
            }
        }
        out.0
    }

    #[test]
    fn metadata_gives_brokers_and_leaders_by_partition() {
        let found = metadata_response(&mut ResponseReader(&metadata(&[(1, -1), (0, 3)]))).unwrap();
        assert_eq!(found.brokers, [(3, "kafka-3".to_string(), 9092)]);
        assert_eq!((found.error, found.leaders), (0, vec![3, -1]));
    }

    #[test]
    fn a_response_that_is_cut_or_impossible_is_none() {
        let whole = metadata(&[(0, 3)]);
        for end in 0..whole.len() {
            assert!(metadata_response(&mut ResponseReader(&whole[..end])).is_none(), "{end} bytes");
        }
        assert!(metadata_response(&mut ResponseReader(&metadata(&[(2, 3)]))).is_none());
    }

    #[test]
    fn a_produce_response_gives_the_code_of_each_batch() {
        let mut out = RequestWriter(Vec::new());
        out.i32(1);
        out.string("t");
        out.i32(2);
        for (partition, code) in [(5, 0), (6, 45)] {
            out.i32(partition);
            out.i16(code);
            out.0.extend_from_slice(&[0; 24]); // base offset, append time, log start offset
            out.i32(0); // record errors
            out.null(); // message
        }
        assert_eq!(produce_response(&mut ResponseReader(&out.0)).unwrap(), [(5, 0), (6, 45)]);
        assert!(produce_response(&mut ResponseReader(&out.0[..20])).is_none());
    }
}
