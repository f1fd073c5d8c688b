//! Orders that look alike: what stands between the values of one lets the next ones be read without looking at names.
//!
//! Whoever writes orders writes them all in one way. Where the next order differs, it is read as the first one was.

use crate::orders::json::JsonReader;
use crate::orders::order::{Field, Span};

/// The most bytes between two values, and the most values.
const MAX_BYTES: usize = 32;
const MAX_FIELDS: usize = 12;
/// After so many orders in a row that look different, another one is taken for the pattern.
const MAX_MISSES: u32 = 16;

/// Bytes that stand between two values.
struct Between {
    bytes: [u8; MAX_BYTES],
    length: usize,
    /// The same as numbers, to compare all bytes at once, with bits for those that count.
    words: [u128; 2],
    masks: [u128; 2],
}

impl Between {
    fn new(found: &[u8]) -> Option<Self> {
        let mut bytes = [0; MAX_BYTES];
        bytes.get_mut(..found.len())?.copy_from_slice(found);
        let mut counted = [0u8; MAX_BYTES];
        counted[..found.len()].fill(0xff);
        Some(Self { bytes, length: found.len(), words: words(&bytes), masks: words(&counted) })
    }

    /// Read these bytes, which must be next.
    #[inline(always)]
    fn read(&self, reader: &mut JsonReader<'_>) -> Option<()> {
        let rest = reader.body.get(reader.at..)?;
        let same = match rest.first_chunk::<MAX_BYTES>() {
            Some(chunk) => {
                let [low, high] = words(chunk);
                ((low ^ self.words[0]) & self.masks[0]) | ((high ^ self.words[1]) & self.masks[1]) == 0
            }
            None => rest.starts_with(&self.bytes[..self.length]),
        };
        reader.at += self.length;
        same.then_some(())
    }
}

#[inline(always)]
fn words(bytes: &[u8; MAX_BYTES]) -> [u128; 2] {
    let (low, high) = bytes.split_at(MAX_BYTES / 2);
    [low, high].map(|half| half.try_into().map_or(0, u128::from_le_bytes))
}

/// The pattern of an order.
struct Shape {
    /// Each field, with what stands before its value.
    fields: Vec<(Between, Field)>,
    end: Between,
}

impl Shape {
    /// That of an order, which must be one. None if it is not worth it.
    fn of(value: &[u8]) -> Option<Self> {
        let (mut at, mut fields, mut fits) = (0, Vec::new(), true);
        let mut reader = JsonReader::new(value);
        reader.order_and_fields(|field, start, end| {
            match Between::new(&value[at..start]) {
                Some(between) if fields.len() < MAX_FIELDS => fields.push((between, field)),
                _ => fits = false,
            }
            at = end;
        })?;
        let end = Between::new(&value[at..])?;
        fits.then_some(Self { fields, end })
    }

    #[inline(always)]
    fn read(&self, value: &[u8]) -> Option<Span> {
        let mut reader = JsonReader::new(value);
        let mut span = Span { end: value.len() as u32, ..Span::default() };
        for (between, field) in &self.fields {
            between.read(&mut reader)?;
            reader.field(*field, &mut span)?;
        }
        self.end.read(&mut reader)?;
        let whole = reader.at == value.len() && (!reader.non_ascii || simdutf8::basic::from_utf8(value).is_ok());
        whole.then_some(span)
    }
}

/// Reads values that are orders, one after the other.
#[derive(Default)]
pub struct OrderReader {
    shape: Option<Shape>,
    misses: u32,
}

impl OrderReader {
    /// The order that the value is, if it is a simple one and nothing else.
    #[inline]
    pub fn read(&mut self, value: &[u8]) -> Option<Span> {
        if let Some(span) = self.shape.as_ref().and_then(|shape| shape.read(value)) {
            self.misses = 0;
            return Some(span);
        }
        let span = crate::orders::order::read_value(value)?;
        self.misses += 1;
        if self.shape.is_none() || self.misses > MAX_MISSES {
            self.shape = Shape::of(value);
            self.misses = 0;
        }
        Some(span)
    }
}

#[cfg(test)]
mod tests;
