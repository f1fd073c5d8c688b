//! Compresses the records of batches.

use std::io::{self, Write};

/// A batch's compression, with Kafka's number for it.
#[derive(Clone, Copy, PartialEq)]
pub enum Compression {
    None = 0,
    Gzip = 1,
    Snappy = 2,
    Lz4 = 3,
    Zstd = 4,
}

impl Compression {
    /// From the value of `compression.type`. None for a codec that is not supported here.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "none" => Some(Self::None),
            "gzip" => Some(Self::Gzip),
            "snappy" => Some(Self::Snappy),
            "lz4" => Some(Self::Lz4),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Records that compression makes smaller by less than this part are sent as they are: to take less room they would cost
/// more time, here, at the broker and at every consumer.
const LEAST_SAVED: usize = 8;
/// Of records with so many bytes or more, a part is tried first.
const TRIED_FROM: usize = 128 << 10;
const TRIED_BYTES: usize = 16 << 10;

/// Compresses with one codec. It keeps its memory.
pub struct Compressor {
    codec: Compression,
    snappy: snap::raw::Encoder,
    packed: Vec<u8>,
}

impl Compressor {
    pub fn new(codec: Compression) -> Self {
        Self { codec, snappy: snap::raw::Encoder::new(), packed: Vec::new() }
    }

    /// The records compressed, with the codec for it; or as they are, where compression does not pay. A `single` record
    /// may be close to what its topic takes, so anything that makes it smaller pays.
    pub fn compress<'a>(&'a mut self, records: &'a [u8], single: bool) -> (Compression, &'a [u8]) {
        let least_saved = |bytes: usize| if single { 1 } else { bytes / LEAST_SAVED };
        let middle = records.len() / 2;
        let tried = single
            || records.len() < TRIED_FROM
            || self.saves(&records[middle..middle + TRIED_BYTES], least_saved(TRIED_BYTES)).is_some();
        match if tried { self.saves(records, least_saved(records.len())) } else { None } {
            Some(size) => (self.codec, &self.packed[..size]),
            None => (Compression::None, records),
        }
    }

    /// For tests: compressed even if that does not pay.
    #[cfg(test)]
    pub fn packed(codec: Compression, records: &[u8]) -> Vec<u8> {
        let mut compressor = Self::new(codec);
        match compressor.pack(records) {
            Ok(size) => compressor.packed[..size].to_vec(),
            Err(_) => records.to_vec(),
        }
    }

    /// Compress into `packed`. Returns how many bytes that takes, None if it saves less or is not possible.
    fn saves(&mut self, records: &[u8], least: usize) -> Option<usize> {
        self.pack(records).ok().filter(|size| size + least <= records.len())
    }

    /// With the level that librdkafka has by default.
    fn pack(&mut self, records: &[u8]) -> io::Result<usize> {
        if self.codec != Compression::Snappy {
            self.packed.clear();
        }
        let out = &mut self.packed;
        match self.codec {
            Compression::None => return Err(io::ErrorKind::Unsupported.into()),
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::default());
                encoder.write_all(records)?;
                encoder.finish()?;
            }
            Compression::Snappy => {
                let most = snap::raw::max_compress_len(records.len());
                if out.len() < most {
                    out.resize(most, 0);
                }
                return Ok(self.snappy.compress(records, out)?);
            }
            Compression::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(out);
                encoder.write_all(records)?;
                encoder.finish()?;
            }
            Compression::Zstd => zstd::stream::copy_encode(records, out, zstd::DEFAULT_COMPRESSION_LEVEL)?,
        }
        Ok(self.packed.len())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::random_numbers::Numbers;

    const CODECS: [(Compression, i16); 4] =
        [(Compression::Gzip, 1), (Compression::Snappy, 2), (Compression::Lz4, 3), (Compression::Zstd, 4)];

    fn unpack(codec: Compression, packed: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        match codec {
            Compression::None => plain.extend_from_slice(packed),
            Compression::Gzip => flate2::read::GzDecoder::new(packed).read_to_end(&mut plain).map(drop).unwrap(),
            Compression::Snappy => plain = snap::raw::Decoder::new().decompress_vec(packed).unwrap(),
            Compression::Lz4 => lz4_flex::frame::FrameDecoder::new(packed).read_to_end(&mut plain).map(drop).unwrap(),
            Compression::Zstd => zstd::stream::copy_decode(packed, &mut plain).unwrap(),
        }
        plain
    }

    #[test]
    fn compressed_records_can_be_read_again() {
        for (codec, number) in CODECS {
            let mut compressor = Compressor::new(codec);
            for count in [20_000, 200] {
                let records = b"the same words, ".repeat(count);
                let (used, packed) = compressor.compress(&records, false);
                assert_eq!(used as i16, number);
                assert!(packed.len() < records.len() / 8);
                assert_eq!(unpack(used, packed), records);
            }
        }
    }

    fn noise(bytes: usize) -> Vec<u8> {
        let mut numbers = Numbers::new(7);
        (0..bytes).map(|_| numbers.below(256) as u8).collect()
    }

    #[test]
    fn records_that_do_not_get_much_smaller_are_sent_as_they_are() {
        let noise = noise(300_000);
        for (codec, _) in CODECS {
            let mut compressor = Compressor::new(codec);
            for records in [&noise[..], &noise[..1000], &[]] {
                let (used, packed) = compressor.compress(records, false);
                assert!(used == Compression::None && packed == records);
            }
        }
    }

    #[test]
    fn of_many_records_a_part_tells() {
        let mut records = b"the same words, ".repeat(20_000);
        let middle = records.len() / 2;
        records[middle..middle + TRIED_BYTES].copy_from_slice(&noise(TRIED_BYTES));
        let mut compressor = Compressor::new(Compression::Snappy);
        assert!(compressor.compress(&records, false).0 == Compression::None);
        assert!(compressor.compress(&records, true).0 == Compression::Snappy);
    }

    #[test]
    fn a_single_record_only_has_to_get_smaller() {
        let records = [vec![b' '; 100], noise(1000)].concat();
        let mut compressor = Compressor::new(Compression::Snappy);
        assert!(compressor.compress(&records, false).0 == Compression::None);
        let (used, packed) = compressor.compress(&records, true);
        assert!(used == Compression::Snappy && packed.len() < records.len());
        assert_eq!(unpack(used, packed), records);
    }

    #[test]
    fn only_supported_codecs_have_a_name() {
        assert!(Compression::named("none") == Some(Compression::None));
        assert!(Compression::named("snappy") == Some(Compression::Snappy));
        assert!(Compression::named("lz4") == Some(Compression::Lz4));
        assert!(Compression::named("gzip") == Some(Compression::Gzip));
        assert!(Compression::named("zstd") == Some(Compression::Zstd));
        assert!(Compression::named("brotli").is_none());
    }
}
