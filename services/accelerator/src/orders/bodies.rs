//! Bodies of many orders: a JSON array, or one order per line.

use crate::orders::json::JsonReader;
use crate::orders::order::Span;

/// About as many bytes as an order has, to reserve memory.
const TYPICAL_ORDER_BYTES: usize = 90;

/// The orders of a JSON array, 1 to `max_orders` of at most `max_bytes` each. None leaves the body to Python.
pub fn read_array(body: &[u8], max_orders: usize, max_bytes: usize) -> Option<Vec<Span>> {
    let mut reader = utf8_reader(body)?;
    let mut spans = Vec::with_capacity((body.len() / TYPICAL_ORDER_BYTES).min(max_orders) + 1);
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
    (reader.at == body.len()).then_some(spans)
}

/// The orders of lines, 1 to `max_orders` of at most `max_bytes` each. No line may be blank, and each must end with a
/// line feed. None leaves the body to Python.
pub fn read_lines(body: &[u8], max_orders: usize, max_bytes: usize) -> Option<Vec<Span>> {
    let mut reader = utf8_reader(body)?;
    let mut spans = Vec::with_capacity((body.len() / TYPICAL_ORDER_BYTES).min(max_orders) + 1);
    for end in memchr::memchr_iter(b'\n', body) {
        reader.skip_whitespace_in_line();
        let span = reader.order()?;
        reader.skip_whitespace_in_line();
        if spans.len() == max_orders || reader.at != end || span.size() > max_bytes {
            return None;
        }
        spans.push(span);
        reader.at = end + 1;
    }
    (!spans.is_empty() && reader.at == body.len()).then_some(spans)
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
mod tests {
    use super::*;

    const ORDER: &str = r#"{"customer_id":"c","product_id":"p","quantity":1,"amount":2}"#;

    /// The orders' bytes.
    fn texts(body: &str, spans: Option<Vec<Span>>) -> Option<Vec<String>> {
        spans.map(|all| all.iter().map(|span| body[span.start as usize..span.end as usize].to_string()).collect())
    }

    fn array(body: &str, max_orders: usize) -> Option<Vec<String>> {
        texts(body, read_array(body.as_bytes(), max_orders, ORDER.len()))
    }

    fn lines(body: &str, max_orders: usize) -> Option<Vec<String>> {
        texts(body, read_lines(body.as_bytes(), max_orders, ORDER.len()))
    }

    #[test]
    fn arrays_may_have_white_space_anywhere() {
        let two = Some(vec![ORDER.to_string(); 2]);
        assert_eq!(array(&format!("[{ORDER},{ORDER}]"), 2), two);
        assert_eq!(array(&format!(" [\n{ORDER} ,\r\n\t{ORDER} ] \n"), 2), two);
    }

    #[test]
    fn lines_may_have_white_space_around_their_order() {
        let two = Some(vec![ORDER.to_string(); 2]);
        assert_eq!(lines(&format!("{ORDER}\n{ORDER}\n"), 2), two);
        assert_eq!(lines(&format!("\t{ORDER} \r\n {ORDER}\n"), 2), two);
    }

    #[test]
    fn other_bodies_are_left_to_python() {
        let long = ORDER.replace(":2", ":22");
        for body in
            ["".into(), "[]".into(), format!("[{ORDER}"), format!("[{ORDER},]"), format!("[{ORDER}] x"), long.clone()]
        {
            assert_eq!(array(&body, 2), None, "{body}");
        }
        assert_eq!(array(&format!("[{ORDER},{ORDER}]"), 1), None, "too many");
        assert_eq!(array(&format!("[{long}]"), 1), None, "too long");
        for body in ["".into(), ORDER.into(), format!("{ORDER}\n\n"), format!("{ORDER}{ORDER}\n"), format!("{long}\n")]
        {
            assert_eq!(lines(&body, 2), None, "{body}");
        }
        assert_eq!(lines(&format!("{ORDER}\n{ORDER}\n"), 1), None, "too many");
        assert_eq!(lines(&ORDER.replace(',', ",\n"), 1), None, "an order on several lines");
    }
}
