//! Bodies of many orders: a JSON array, or one order per line.

use crate::orders::json::JsonReader;
use crate::orders::order::Span;

/// About as many bytes as an order has, to reserve memory.
const TYPICAL_ORDER_BYTES: usize = 90;

/// The orders of a JSON array, 1 to `max_orders` of at most `max_bytes` each. None leaves the body to Python.
pub fn read_array(body: &[u8], max_orders: usize, max_bytes: usize) -> Option<Vec<Span>> {
    array(&mut utf8_reader(body)?, max_orders, max_bytes)
}

fn array(reader: &mut JsonReader<'_>, max_orders: usize, max_bytes: usize) -> Option<Vec<Span>> {
    let mut spans = Vec::with_capacity((reader.body.len() / TYPICAL_ORDER_BYTES).min(max_orders) + 1);
    reader.skip_whitespace();
    reader.expect(b'[')?;
    loop {
        reader.skip_whitespace();
        let span = reader.order()?;
        if spans.len() == max_orders || span.size() > max_bytes {
            return None;
        }
        spans.push(span);
        reader.skip_whitespace();
        match reader.peek()? {
            b',' => reader.at += 1,
            b']' => break,
            _ => return None,
        }
    }
    reader.at += 1;
    reader.skip_whitespace();
    (reader.at == reader.body.len()).then_some(spans)
}

/// The orders of lines, 1 to `max_orders` of at most `max_bytes` each. No line may be blank, and each must end with a
/// line feed. None leaves the body to Python.
pub fn read_lines(body: &[u8], max_orders: usize, max_bytes: usize) -> Option<Vec<Span>> {
    lines(&mut utf8_reader(body)?, max_orders, max_bytes)
}

fn lines(reader: &mut JsonReader<'_>, max_orders: usize, max_bytes: usize) -> Option<Vec<Span>> {
    let mut spans = Vec::with_capacity((reader.body.len() / TYPICAL_ORDER_BYTES).min(max_orders) + 1);
    for end in memchr::memchr_iter(b'\n', reader.body) {
        reader.skip_whitespace_in_line();
        let span = reader.order()?;
        reader.skip_whitespace_in_line();
        if spans.len() == max_orders || reader.at != end || span.size() > max_bytes {
            return None;
        }
        spans.push(span);
        reader.at = end + 1;
    }
    (!spans.is_empty() && reader.at == reader.body.len()).then_some(spans)
}

/// A reader of a body that is valid UTF-8 of less than 4 GiB, else None.
#[inline]
pub fn utf8_reader(body: &[u8]) -> Option<JsonReader<'_>> {
    if u32::try_from(body.len()).is_err() || simdutf8::basic::from_utf8(body).is_err() {
        return None;
    }
    Some(JsonReader::new(body))
}

#[cfg(test)]
mod tests;
