//! Records of one partition and leader epoch, in the order of their offsets, and the orders among them.

use crate::consumer::record_batches::{Fault, RecordBatch};
use crate::orders::order::Span;
use crate::orders::shape::OrderReader;

/// The length of a key or value that is null.
const NULL: u32 = u32::MAX;
/// The most bytes that places fit into; far more than is fetched at once.
const MAX_BYTES: usize = 1 << 31;

/// What is known of a record.
struct Place {
    timestamp: i64,
    /// Where the key, the value and the headers begin.
    key_at: u32,
    value_at: u32,
    headers_at: u32,
    key_length: u32,
    value_length: u32,
}

#[derive(Clone, Copy)]
pub struct RecordInfo {
    pub offset: i64,
    /// Bytes of the key and the value.
    pub size: u32,
    /// The order that the value is, if it is a simple one, which Python need not check again.
    pub order: Option<Span>,
}

/// Owns the bytes of its records.
#[derive(Default)]
pub struct Records {
    bytes: Vec<u8>,
    places: Vec<Place>,
    pub infos: Vec<RecordInfo>,
}

/// Bytes that are held for a record in addition to its key and value: where its parts are, and about its headers.
pub const OVERHEAD: usize = size_of::<Place>() + size_of::<RecordInfo>() + 64;

impl Records {
    pub fn len(&self) -> usize {
        self.infos.len()
    }

    /// How many bytes it holds.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Append the records of a batch from an offset on.
    pub fn read(&mut self, batch: &RecordBatch<'_>, from: i64, orders: &mut OrderReader) -> Result<(), Fault> {
        if batch.count == 0 {
            return Ok(()); // compaction has left its header only
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        let start = bytes.len();
        let unpacked = batch.unpack(&mut bytes);
        self.bytes = bytes;
        unpacked?;
        self.parse(start, batch, from, orders)
    }

    /// Append records that were unpacked.
    pub fn append(&mut self, unpacked: Vec<u8>, batch: &RecordBatch<'_>, from: i64) -> Result<(), Fault> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&unpacked);
        self.parse(start, batch, from, &mut OrderReader::default())
    }

    fn parse(
        &mut self,
        start: usize,
        batch: &RecordBatch<'_>,
        from: i64,
        orders: &mut OrderReader,
    ) -> Result<(), Fault> {
        let fault =
            || Fault::Unusual(format!("the records of the batch at offset {} can't be read", batch.base_offset));
        if self.bytes.len() > MAX_BYTES {
            return Err(fault());
        }
        // No record is smaller, whatever the header claims.
        let most = (self.bytes.len() - start) / MIN_RECORD_BYTES + 1;
        let count = batch.count as usize;
        if count > most {
            return Err(fault());
        }
        self.places.reserve(count);
        self.infos.reserve(count);
        let mut reader = Reader { bytes: &self.bytes, at: start };
        for _ in 0..count {
            let record = reader.record(batch).ok_or_else(fault)?;
            let (place, offset) = record;
            if !(batch.base_offset..=batch.last_offset).contains(&offset)
                || self.infos.last().is_some_and(|last| last.offset >= offset)
            {
                return Err(fault());
            }
            if offset < from {
                continue;
            }
            let value = part(&self.bytes, place.value_at, place.value_length);
            let length = |length: u32| if length == NULL { 0 } else { length };
            let size = length(place.key_length).saturating_add(length(place.value_length));
            self.infos.push(RecordInfo { offset, size, order: value.and_then(|value| orders.read(value)) });
            self.places.push(place);
        }
        if reader.at == self.bytes.len() { Ok(()) } else { Err(fault()) }
    }

    /// None for a record without a key.
    pub fn key(&self, index: usize) -> Option<&[u8]> {
        let place = &self.places[index];
        part(&self.bytes, place.key_at, place.key_length)
    }

    /// None for a tombstone.
    pub fn value(&self, index: usize) -> Option<&[u8]> {
        let place = &self.places[index];
        part(&self.bytes, place.value_at, place.value_length)
    }

    /// In Unix milliseconds.
    pub fn timestamp(&self, index: usize) -> i64 {
        self.places[index].timestamp
    }

    /// Each header's name and value, as far as they can be read.
    pub fn headers(&self, index: usize) -> Vec<(&[u8], Option<&[u8]>)> {
        let mut reader = Reader { bytes: &self.bytes, at: self.places[index].headers_at as usize };
        let mut found = Vec::new();
        let count = reader.varint().unwrap_or(0);
        for _ in 0..count {
            let Some((name, value)) = reader.part().zip(reader.part()) else { break };
            let bytes = |(at, length)| part(&self.bytes, at, length);
            found.push((bytes(name).unwrap_or_default(), bytes(value)));
        }
        found
    }
}

/// Its length, attributes, timestamp, offset, the lengths of key and value, and the number of headers.
const MIN_RECORD_BYTES: usize = 7;

fn part(bytes: &[u8], at: u32, length: u32) -> Option<&[u8]> {
    if length == NULL { None } else { bytes.get(at as usize..)?.get(..length as usize) }
}

/// Reads what is in a record, from left to right. Methods return None where it ends too early or can't be meant.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    /// Where the parts of the next record are, and its offset.
    #[inline]
    fn record(&mut self, batch: &RecordBatch<'_>) -> Option<(Place, i64)> {
        let length = usize::try_from(self.varint()?).ok()?;
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len())?;
        self.at += 1; // attributes
        let timestamp = self.varint()?;
        let offset = batch.base_offset.checked_add(self.varint()?)?;
        let (key_at, key_length) = self.part()?;
        let (value_at, value_length) = self.part()?;
        if self.at >= end {
            return None;
        }
        let timestamp = batch.append_time.unwrap_or_else(|| batch.base_timestamp.wrapping_add(timestamp));
        let headers_at = self.at as u32;
        self.at = end;
        Some((Place { timestamp, key_at, value_at, headers_at, key_length, value_length }, offset))
    }

    /// Where bytes with their length are, and how many; NULL for none.
    #[inline(always)]
    fn part(&mut self) -> Option<(u32, u32)> {
        let length = self.varint()?;
        let start = self.at;
        if length < 0 {
            return Some((start as u32, NULL));
        }
        let length = u32::try_from(length).ok()?;
        self.at = start.checked_add(length as usize).filter(|end| *end <= self.bytes.len())?;
        Some((start as u32, length))
    }

    #[inline(always)]
    fn varint(&mut self) -> Option<i64> {
        let first = *self.bytes.get(self.at)?;
        self.at += 1;
        if first < 0x80 {
            return Some(unfold(u64::from(first)));
        }
        self.long_varint(u64::from(first & 0x7f))
    }

    fn long_varint(&mut self, mut folded: u64) -> Option<i64> {
        for shift in (7..64).step_by(7) {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            folded |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(unfold(folded));
            }
        }
        None
    }
}

/// Varints are zigzag.
#[inline(always)]
fn unfold(folded: u64) -> i64 {
    (folded >> 1) as i64 ^ -((folded & 1) as i64)
}

#[cfg(test)]
mod tests;
