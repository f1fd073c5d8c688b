//! The four requests of Kafka's protocol that producing takes, in versions that brokers from 2.4 on speak.

/// A request's number and version.
#[derive(Clone, Copy)]
pub struct Call(pub i16, pub i16);

pub const PRODUCE: Call = Call(0, 8);
pub const METADATA: Call = Call(3, 7);
pub const INIT_PRODUCER_ID: Call = Call(22, 1);

/// Builds a request; its length is put before it by `finish`.
pub struct Request(Vec<u8>);

impl Request {
    pub fn new(call: Call, correlation: i32, client: &str) -> Self {
        let mut request = Self(vec![0; 4]);
        request.i16(call.0);
        request.i16(call.1);
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

/// Reads a reply; None where it ends too early.
pub struct Reply<'a>(pub &'a [u8]);

impl<'a> Reply<'a> {
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

    /// A string, empty for null.
    pub fn string(&mut self) -> Option<&'a str> {
        let length = self.i16()?.max(0) as usize;
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        str::from_utf8(head).ok()
    }

    /// Each element of an array by `read`.
    pub fn array<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.i32()?.max(0);
        (0..count).map(|_| read(self)).collect()
    }
}

/// Where the brokers are, and the leader of each partition of the topic.
pub struct Metadata {
    pub brokers: Vec<(i32, String, u16)>,
    pub error: i16,
    /// By partition; -1 for none.
    pub leaders: Vec<i32>,
}

pub fn metadata_request(correlation: i32, client: &str, topic: &str) -> Vec<u8> {
    let mut request = Request::new(METADATA, correlation, client);
    request.i32(1);
    request.string(topic);
    request.i8(0); // topics are made by those whose work it is
    request.finish()
}

pub fn metadata_reply(reply: &mut Reply<'_>) -> Option<Metadata> {
    reply.i32()?;
    let brokers = reply.array(|r| {
        let broker = (r.i32()?, r.string()?.to_string(), r.i32()? as u16);
        r.string()?;
        Some(broker)
    })?;
    reply.string()?;
    reply.i32()?;
    let topics = reply.array(|r| {
        let error = r.i16()?;
        r.string()?;
        r.i8()?;
        let partitions = r.array(|p| {
            p.i16()?;
            let place = (p.i32()?, p.i32()?);
            p.i32()?;
            for _ in 0..3 {
                p.array(Reply::i32)?;
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
    let mut request = Request::new(INIT_PRODUCER_ID, correlation, client);
    request.null();
    request.i32(60_000);
    request.finish()
}

/// Error code, producer id and epoch.
pub fn init_producer_reply(reply: &mut Reply<'_>) -> Option<(i16, i64, i16)> {
    reply.i32()?;
    Some((reply.i16()?, reply.i64()?, reply.i16()?))
}

/// A batch for each of these partitions.
pub fn produce_request<'a>(
    correlation: i32,
    client: &str,
    topic: &str,
    acks: i16,
    wait_ms: i32,
    batches: impl ExactSizeIterator<Item = (usize, &'a [u8])>,
) -> Vec<u8> {
    let mut request = Request::new(PRODUCE, correlation, client);
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

/// Partition and error code of each batch.
pub fn produce_reply(reply: &mut Reply<'_>) -> Option<Vec<(usize, i16)>> {
    let topics = reply.array(|r| {
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
