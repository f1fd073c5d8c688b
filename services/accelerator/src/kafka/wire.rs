//! Kafka's protocol: how requests are written and responses read.

mod either;

/// A request's API key and version.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Api(pub i16, pub i16);

pub type Uuid = [u8; 16];

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

    /// Of a version whose fields are compact and may be followed by tagged ones (KIP-482).
    pub fn flexible(api: Api, correlation: i32, client: &str) -> Self {
        let mut request = Self::new(api, correlation, client);
        request.no_tags();
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

    pub fn i64(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub fn uuid(&mut self, value: &Uuid) {
        self.0.extend_from_slice(value);
    }

    fn unsigned_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// The length of a compact array.
    pub fn compact_count(&mut self, count: usize) {
        self.unsigned_varint(count as u32 + 1);
    }

    pub fn compact_string(&mut self, value: &str) {
        self.compact_bytes(value.as_bytes());
    }

    pub fn compact_bytes(&mut self, value: &[u8]) {
        self.compact_joined([value]);
    }

    /// Bytes that come in parts.
    pub fn compact_joined<const N: usize>(&mut self, parts: [&[u8]; N]) {
        self.compact_count(parts.iter().map(|part| part.len()).sum());
        parts.iter().for_each(|part| self.0.extend_from_slice(part));
    }

    /// Null instead of a compact string, array or bytes.
    pub fn compact_null(&mut self) {
        self.0.push(0);
    }

    /// That no tagged fields follow.
    pub fn no_tags(&mut self) {
        self.0.push(0);
    }

    pub fn string(&mut self, value: &str) {
        self.i16(value.len() as i16);
        self.0.extend_from_slice(value.as_bytes());
    }

    pub fn null(&mut self) {
        self.i16(-1);
    }

    pub fn bytes(&mut self, value: &[u8]) {
        self.joined([value]);
    }

    /// Bytes that come in parts.
    pub fn joined<const N: usize>(&mut self, parts: [&[u8]; N]) {
        self.i32(parts.iter().map(|part| part.len()).sum::<usize>() as i32);
        parts.iter().for_each(|part| self.0.extend_from_slice(part));
    }

    /// Make room for so many more bytes.
    pub fn reserve(&mut self, bytes: usize) {
        self.0.reserve(bytes);
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

    pub fn uuid(&mut self) -> Option<Uuid> {
        self.take()
    }

    fn unsigned_varint(&mut self) -> Option<u32> {
        let mut value = 0u64;
        for shift in (0..35).step_by(7) {
            let [byte] = self.take()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value).ok();
            }
        }
        None
    }

    /// The length of a compact array, string or bytes, 0 if it is null.
    fn compact_count(&mut self) -> Option<usize> {
        self.unsigned_varint().map(|count| count.saturating_sub(1) as usize)
    }

    /// Compact bytes, none if they are null.
    pub fn compact_bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.compact_count()?;
        self.split(length)
    }

    /// A compact string, empty if it is null.
    pub fn compact_string(&mut self) -> Option<&'a str> {
        str::from_utf8(self.compact_bytes()?).ok()
    }

    /// The elements of a compact array that has `most` at most, each read by `read`.
    pub fn compact_array<T>(&mut self, most: usize, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.compact_count()?;
        if count > most { None } else { (0..count).map(|_| read(self)).collect() }
    }

    /// Pass over a compact array whose elements have so many bytes each.
    pub fn skip_compact_array(&mut self, size: usize) -> Option<()> {
        let count = self.compact_count()?;
        self.split(count.checked_mul(size)?).map(drop)
    }

    /// Read the tagged fields: each by `read`, which gets its number and its content.
    pub fn tags(&mut self, mut read: impl FnMut(u32, ResponseReader<'a>) -> Option<()>) -> Option<()> {
        for _ in 0..self.unsigned_varint()? {
            let tag = self.unsigned_varint()?;
            let length = self.unsigned_varint()? as usize;
            read(tag, ResponseReader::new(self.split(length)?))?;
        }
        Some(())
    }

    pub fn skip_tags(&mut self) -> Option<()> {
        self.tags(|_, _| Some(()))
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
    pub fn skip_array(&mut self, size: usize) -> Option<()> {
        let count = self.count()?;
        self.split(count.checked_mul(size)?).map(drop)
    }

    /// An array's length, 0 if it is null.
    pub fn count(&mut self) -> Option<usize> {
        self.i32().map(|count| count.max(0) as usize)
    }
}

/// For tests: whether `read` can read a response. Steps and memory grow with the response's bytes only, whatever it claims
/// to contain.
#[cfg(test)]
pub fn is_bounded<T>(response: &[u8], read: impl FnOnce(&mut ResponseReader<'_>) -> Option<T>) -> bool {
    let mut reader = ResponseReader::new(response);
    let (found, peak) = crate::counting_allocator::peak(|| read(&mut reader));
    assert!(reader.steps <= 2 * response.len() + 16, "{} steps for {} bytes", reader.steps, response.len());
    assert!(peak <= 16 * response.len() + 4096, "{peak} bytes of memory for {} bytes", response.len());
    found.is_some()
}
