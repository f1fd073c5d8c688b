//! Takes a batch apart that is too large for its topic. By halves again and again, each record ends up in a batch that
//! is accepted, or alone.

use crate::kafka::record_batch::{put_varint, varint_len};
use crate::producer::batch::Batch;

impl Batch {
    /// The first half of its records and the second, under the sequence numbers that they have. It has at least two.
    pub fn split(mut self) -> (Self, Self) {
        let count = self.count() / 2;
        let mut second = Self::new(self.created, self.base_ms);
        (second.sequence, second.outcome_unknown, second.attempts) =
            (self.sequence, self.outcome_unknown, self.attempts);
        if self.sequence.base >= 0 {
            second.sequence.base = self.sequence.base.wrapping_add(count as i32) & i32::MAX;
        }
        second.positions = self.positions.split_off(count);
        second.runs = split_runs(&mut self.runs, count as u32);
        let mut records = Records { bytes: &self.records, at: 0 };
        self.max_ms = self.base_ms + records.by_ref().take(count).map(|record| record.timestamp).max().unwrap_or(0);
        let end = records.at;
        for (offset, record) in records.enumerate() {
            record.put(&mut second.records, offset as i64);
            second.max_ms = second.max_ms.max(self.base_ms + record.timestamp);
        }
        self.records.truncate(end);
        self.discard_encoding();
        (self, second)
    }
}

/// Leave the runs of the first `count` records, and return those of the others.
fn split_runs(runs: &mut Vec<(u32, u32)>, count: u32) -> Vec<(u32, u32)> {
    let mut left = count;
    let mut at = 0;
    while at < runs.len() && runs[at].1 <= left {
        left -= runs[at].1;
        at += 1;
    }
    let mut others = runs.split_off(at);
    if left > 0 {
        runs.push((others[0].0, left));
        others[0].1 -= left;
    }
    others
}

/// The records of a batch, as `append_record` has encoded them.
struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// One record: its timestamp in milliseconds after the batch's first, and what follows its offset.
struct Record<'a> {
    timestamp: i64,
    rest: &'a [u8],
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let size = self.varint()? as usize;
        let end = self.at + size;
        self.at += 1; // attributes
        let timestamp = self.varint()?;
        self.varint()?; // offset
        let rest = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(Record { timestamp, rest })
    }
}

impl Records<'_> {
    fn varint(&mut self) -> Option<i64> {
        let mut folded = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            folded |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some((folded >> 1) as i64 ^ -((folded & 1) as i64));
            }
        }
        None
    }
}

impl Record<'_> {
    /// Append it with another offset after its batch's first record.
    fn put(&self, out: &mut Vec<u8>, offset: i64) {
        let size = 1 + varint_len(self.timestamp) + varint_len(offset) + self.rest.len();
        put_varint(out, size as i64);
        out.push(0);
        put_varint(out, self.timestamp);
        put_varint(out, offset);
        out.extend_from_slice(self.rest);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::kafka::record_batch::{Compression, Compressor, ProducerId, Sequence};

    /// A batch with the records of requests in these slots, one letter each; each is a millisecond after the one before.
    fn batch(created: Instant, records: &[(u32, u32, u8)], first: usize) -> Batch {
        let mut batch = Batch::new(created, 1000);
        for (at, (slot, position, letter)) in records.iter().enumerate() {
            let id = u64::from(*slot) << 32 | u64::from(*position);
            batch.append(id, b"key", &[*letter; 40], b"\0", 1000 + (first + at) as i64);
        }
        batch
    }

    #[test]
    fn the_halves_are_as_if_they_had_been_filled_so() {
        let created = Instant::now();
        for count in 2..150u32 {
            let records: Vec<_> = (0..count).map(|at| (at / 3, at % 3, b'a' + (at % 26) as u8)).collect();
            let middle = count as usize / 2;
            let mut whole = batch(created, &records, 0);
            whole.sequence = Sequence { producer: ProducerId { id: 7, epoch: 1 }, base: i32::MAX - 1 };
            (whole.outcome_unknown, whole.attempts) = (true, 3);
            whole.encode(&mut Compressor::new(Compression::None));
            let (first, second) = whole.split();
            for (half, expected) in
                [(&first, batch(created, &records[..middle], 0)), (&second, batch(created, &records[middle..], middle))]
            {
                assert_eq!(half.records, expected.records);
                assert_eq!((&half.runs, &half.positions), (&expected.runs, &expected.positions));
                assert_eq!((half.base_ms, half.max_ms), (expected.base_ms, expected.max_ms));
                assert!(!half.is_encoded() && half.outcome_unknown && half.attempts == 3);
            }
            assert_eq!(first.sequence.base, i32::MAX - 1);
            assert_eq!(second.sequence.base, ((i64::from(i32::MAX) - 1 + middle as i64) & 0x7fff_ffff) as i32);
        }
    }

    #[test]
    fn without_idempotence_they_have_no_sequence_numbers() {
        let (first, second) = batch(Instant::now(), &[(0, 0, b'a'), (0, 1, b'b')], 0).split();
        assert_eq!((first.sequence.base, second.sequence.base), (-1, -1));
    }
}
