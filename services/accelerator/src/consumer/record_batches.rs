//! Reads record batches in Kafka's format (magic 2): their headers and checksums, and which of them count.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Read};

use crate::kafka::record_batch::HEADER_BYTES;

/// Bytes of a batch before those that its length counts.
const LENGTH_END: usize = 12;
/// The first byte that the checksum covers.
const CHECKSUM_FROM: usize = 21;
const MAGIC: i8 = 2;
const COMPRESSION: i16 = 0x07;
const LOG_APPEND_TIME: i16 = 0x08;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;
/// The most bytes of a batch's records once they are unpacked; by default a producer makes no batch above 1 MB.
const MAX_UNPACKED: usize = 64 << 20;
/// What precedes the blocks of snappy as Kafka's own client writes them, with two versions of four bytes each after it.
const XERIAL: &[u8] = b"\x82SNAPPY\0";
const XERIAL_HEADER: usize = 16;

/// Why records can't be read.
#[derive(Debug, PartialEq)]
pub enum Fault {
    /// What arrived is not what the log should hold: it may be when it is fetched again.
    Damaged(String),
    /// Another client may be able to read it.
    Unusual(String),
}

/// One batch: its header, and its records as they were packed.
pub struct RecordBatch<'a> {
    pub base_offset: i64,
    pub last_offset: i64,
    pub leader_epoch: i32,
    /// Of each record's timestamp, unless the batch has one for all of them.
    pub base_timestamp: i64,
    /// The time that the broker gave to all of its records.
    pub append_time: Option<i64>,
    pub count: i32,
    attributes: i16,
    producer_id: i64,
    packed: &'a [u8],
    /// Bytes of the whole batch.
    pub size: usize,
}

impl<'a> RecordBatch<'a> {
    /// The batch at the beginning of `bytes`. None if it is cut, as the last one of an answer may be.
    pub fn first(bytes: &'a [u8]) -> Result<Option<Self>, Fault> {
        let Some(head) = bytes.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let i16_at = |at: usize| i16::from_be_bytes([head[at], head[at + 1]]);
        let i32_at = |at: usize| i32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let i64_at = |at: usize| i64::from(i32_at(at)) << 32 | i64::from(i32_at(at + 4) as u32);
        let base_offset = i64_at(0);
        let magic = head[16] as i8;
        if magic != MAGIC {
            return Err(Fault::Unusual(format!(
                "offset {base_offset} has records of format {magic}, from before Kafka 0.11"
            )));
        }
        let size = LENGTH_END.saturating_add(i32_at(8).max(0) as usize);
        let (delta, count) = (i32_at(23), i32_at(57));
        if size < HEADER_BYTES || base_offset < 0 || delta < 0 || count < 0 {
            return Err(Fault::Damaged(format!("the header of a batch at offset {base_offset} is not one")));
        }
        let Some(whole) = bytes.get(..size) else { return Ok(None) };
        let attributes = i16_at(21);
        Ok(Some(Self {
            base_offset,
            last_offset: base_offset.saturating_add(i64::from(delta)),
            leader_epoch: i32_at(12),
            base_timestamp: i64_at(27),
            append_time: (attributes & LOG_APPEND_TIME != 0).then(|| i64_at(35)),
            count,
            attributes,
            producer_id: i64_at(43),
            packed: &whole[HEADER_BYTES..],
            size,
        }))
    }

    fn is(&self, attribute: i16) -> bool {
        self.attributes & attribute != 0
    }

    /// Whether it tells of the end of a transaction instead of holding records.
    pub fn is_control(&self) -> bool {
        self.is(CONTROL)
    }

    /// Append its records to `out`, unpacked.
    pub fn unpack(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        let codec = self.attributes & COMPRESSION;
        let unpacked = match codec {
            0 => {
                out.extend_from_slice(self.packed);
                Ok(())
            }
            1 => read_all(flate2::read::MultiGzDecoder::new(self.packed), out),
            2 => unpack_snappy(self.packed, out),
            3 => read_all(lz4_flex::frame::FrameDecoder::new(self.packed), out),
            4 => zstd::stream::read::Decoder::with_buffer(self.packed).and_then(|decoder| read_all(decoder, out)),
            _ => Err(io::Error::other("no such codec is known")),
        };
        let explain =
            |error| format!("the batch at offset {}, codec {codec}, can't be unpacked: {error}", self.base_offset);
        unpacked.map_err(|error| Fault::Unusual(explain(error)))
    }
}

fn read_all(decoder: impl Read, out: &mut Vec<u8>) -> io::Result<()> {
    let before = out.len();
    decoder.take(MAX_UNPACKED as u64 + 1).read_to_end(out)?;
    check_unpacked(out.len() - before)
}

fn check_unpacked(size: usize) -> io::Result<()> {
    if size > MAX_UNPACKED { Err(io::Error::other("it unpacks to too much")) } else { Ok(()) }
}

/// One block, or several with their lengths, as Kafka's own client writes them.
fn unpack_snappy(packed: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let before = out.len();
    if !packed.starts_with(XERIAL) {
        return unpack_block(packed, before, out);
    }
    let mut rest = packed.get(XERIAL_HEADER..).unwrap_or_default();
    while let Some((length, blocks)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let (block, after) = blocks.split_at_checked(length).ok_or(io::ErrorKind::UnexpectedEof)?;
        unpack_block(block, before, out)?;
        rest = after;
    }
    if rest.is_empty() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn unpack_block(block: &[u8], before: usize, out: &mut Vec<u8>) -> io::Result<()> {
    let start = out.len();
    let size = snap::raw::decompress_len(block)?;
    check_unpacked(start - before + size)?;
    out.resize(start + size, 0);
    snap::raw::Decoder::new().decompress(block, &mut out[start..])?;
    Ok(())
}

/// What the batches of an answer bring: where to go on, and how many bytes of them are whole.
#[derive(Debug, PartialEq)]
pub struct Scanned {
    pub next_offset: i64,
    /// Of the last batch.
    pub leader_epoch: i32,
    /// The first offset that was written in that epoch.
    pub epoch_start: i64,
    pub bytes: usize,
}

/// Check the headers and checksums of an answer to a fetch at `offset`. None if there is no whole batch.
pub fn scan(bytes: &[u8], offset: i64) -> Result<Option<Scanned>, Fault> {
    let mut found: Option<Scanned> = None;
    let mut at = 0;
    while let Some(batch) = RecordBatch::first(&bytes[at..])? {
        let expected = found.as_ref().map_or(offset, |scanned| scanned.next_offset);
        let (whole, base) = (&bytes[at..at + batch.size], batch.base_offset);
        let checksum = whole.get(17..21).and_then(|four| four.try_into().ok()).map(u32::from_be_bytes);
        if checksum != Some(crc32c::crc32c(&whole[CHECKSUM_FROM..])) {
            return Err(Fault::Damaged(format!("the checksum of the batch at offset {base} is wrong")));
        }
        // The first one may begin before what was asked for.
        if batch.last_offset < expected || (found.is_some() && base < expected) {
            return Err(Fault::Damaged(format!("a batch at offset {base} came where {expected} was expected")));
        }
        at += batch.size;
        let same_epoch = found.as_ref().filter(|scanned| scanned.leader_epoch == batch.leader_epoch);
        found = Some(Scanned {
            next_offset: batch.last_offset + 1,
            leader_epoch: batch.leader_epoch,
            epoch_start: same_epoch.map_or(base, |scanned| scanned.epoch_start),
            bytes: at,
        });
    }
    Ok(found)
}

/// Tells the batches that count from those of aborted transactions.
#[derive(Default)]
pub struct Transactions {
    /// Those that were aborted and have not begun yet: first offset and producer id, the lowest offset first.
    aborted: VecDeque<(i64, i64)>,
    /// Producers whose present transaction was aborted.
    aborting: BTreeSet<i64>,
}

impl Transactions {
    /// With producer id and first offset of each aborted one in an answer.
    pub fn new(aborted: &[(i64, i64)]) -> Self {
        let mut sorted: Vec<_> = aborted.iter().map(|(producer, first)| (*first, *producer)).collect();
        sorted.sort_unstable();
        Self { aborted: sorted.into(), aborting: BTreeSet::new() }
    }

    /// Whether the batch, the next one of the answer, holds records that count.
    pub fn counts(&mut self, batch: &RecordBatch<'_>) -> Result<bool, Fault> {
        while self.aborted.front().is_some_and(|(first, _)| *first <= batch.last_offset) {
            self.aborting.extend(self.aborted.pop_front().map(|(_, producer)| producer));
        }
        if batch.is_control() {
            if self.aborting.contains(&batch.producer_id) && is_abort(batch)? {
                self.aborting.remove(&batch.producer_id);
            }
            return Ok(false);
        }
        Ok(!(batch.is(TRANSACTIONAL) && self.aborting.contains(&batch.producer_id)))
    }
}

/// Whether a control batch says that the transaction was aborted.
fn is_abort(batch: &RecordBatch<'_>) -> Result<bool, Fault> {
    let mut unpacked = Vec::new();
    batch.unpack(&mut unpacked)?;
    let mut records = crate::consumer::records::Records::default();
    records.append(unpacked, batch, i64::MIN)?;
    Ok(records.len() > 0 && records.key(0).is_some_and(|key| key.get(2..4) == Some(&[0, 0])))
}

#[cfg(test)]
mod tests;
