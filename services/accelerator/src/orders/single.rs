//! One order that is a body of its own.

use std::borrow::Cow;

use crate::orders::bodies::utf8_reader;
use crate::orders::ids::ID_LEN;
use crate::orders::order::Span;

const BEFORE_ID: &[u8] = b"{\"order_id\":\"";
const AFTER_ID: &[u8] = b"\",";
/// The bytes that an order_id adds to an order: `{"order_id":"…",` in place of `{`.
pub const ID_FIELD_BYTES: usize = BEFORE_ID.len() + ID_LEN + AFTER_ID.len() - 1;

pub struct SingleOrder<'a> {
    pub key: &'a [u8],
    pub value: Cow<'a, [u8]>,
    id: &'a [u8],
}

impl<'a> SingleOrder<'a> {
    /// Read the simple order that this body is, and give it `order_id` if it has none of its own. None leaves it to
    /// Python.
    #[inline]
    pub fn read(body: &'a [u8], order_id: &'a str) -> Option<Self> {
        let span = read_span(body)?;
        if span.has_id() {
            return Some(Self { key: span.key(body), value: Cow::Borrowed(body), id: span.id(body) });
        }
        let id = order_id.as_bytes();
        let mut value = Vec::with_capacity(body.len() + ID_FIELD_BYTES);
        put_with_id(&mut value, id, &body[span.start as usize..]);
        Some(Self { key: span.key(body), value: Cow::Owned(value), id })
    }

    /// `{"order_id":"…"}`. The id has no characters that JSON would escape.
    pub fn answer(&self) -> Vec<u8> {
        [BEFORE_ID, self.id, b"\"}"].concat()
    }
}

/// The simple order that this body is. None leaves it to Python.
#[inline]
pub fn read_span(body: &[u8]) -> Option<Span> {
    let mut reader = utf8_reader(body)?;
    reader.skip_whitespace();
    let span = reader.order()?;
    reader.skip_whitespace();
    (reader.at == body.len()).then_some(span)
}

/// What is in the brackets of an array, without white space around it: its element, if that is one JSON value.
pub fn only_element(body: &[u8]) -> Option<&[u8]> {
    trim(trim(body).strip_prefix(b"[")?.strip_suffix(b"]")?).into()
}

/// Without JSON's white space at both ends.
fn trim(body: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let start = body.iter().position(|byte| !blank(byte)).unwrap_or(body.len());
    let end = body.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &body[start..end]
}

/// Append an order, which begins with `{`, with this id as its first field.
#[inline]
pub fn put_with_id(out: &mut Vec<u8>, id: &[u8], order: &[u8]) {
    out.extend_from_slice(BEFORE_ID);
    out.extend_from_slice(id);
    out.extend_from_slice(AFTER_ID);
    out.extend_from_slice(&order[1..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &str = r#""customer_id":"c","product_id":"p","quantity":1,"amount":2}"#;

    #[test]
    fn an_order_without_an_id_gets_one() {
        let body = format!(" {{{FIELDS}\n");
        let order = SingleOrder::read(body.as_bytes(), "id-1").unwrap();
        assert_eq!(order.key, b"c");
        assert_eq!(order.value, format!("{{\"order_id\":\"id-1\",{FIELDS}\n").as_bytes());
        assert_eq!(order.answer(), br#"{"order_id":"id-1"}"#);
    }

    #[test]
    fn an_order_with_an_id_keeps_it_and_its_bytes() {
        let body = format!(r#"{{"order_id":"mine",{FIELDS}"#);
        let order = SingleOrder::read(body.as_bytes(), "id-1").unwrap();
        assert!(matches!(order.value, Cow::Borrowed(value) if value == body.as_bytes()));
        assert_eq!(order.answer(), br#"{"order_id":"mine"}"#);
    }

    #[test]
    fn nothing_may_follow_the_order() {
        assert!(SingleOrder::read(format!("{{{FIELDS} x").as_bytes(), "id-1").is_none());
        assert!(SingleOrder::read(b"", "id-1").is_none());
        assert!(SingleOrder::read(b"{\"customer_id\":\"\xff\"}", "id-1").is_none());
    }

    #[test]
    fn a_batch_of_one_is_what_is_in_its_brackets() {
        let order = format!("{{{FIELDS}");
        for body in [format!("[{order}]"), format!(" [\r\n\t{order} ]\n")] {
            let found = only_element(body.as_bytes()).unwrap();
            assert_eq!(found, order.as_bytes());
            assert!(SingleOrder::read(found, "id-1").is_some());
        }
        for two in [format!("[{order},{order}]"), format!("[{order}][{order}]"), format!("[[{order}]]"), "[]".into()] {
            assert!(
                only_element(two.as_bytes()).is_some_and(|found| SingleOrder::read(found, "id-1").is_none()),
                "{two}"
            );
        }
        for other in ["", "[", "]", " ", "{}", "[{}", "{}]", "\x0c[{}]"] {
            assert!(only_element(other.as_bytes()).is_none(), "{other}");
        }
    }

    #[test]
    fn the_id_field_has_its_size() {
        let mut out = Vec::new();
        put_with_id(&mut out, &[b'i'; ID_LEN], b"{}");
        assert_eq!(out.len(), 2 + ID_FIELD_BYTES);
    }
}
