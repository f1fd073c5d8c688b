//! Many orders of one body: a JSON array or lines, and the bytes that go to Kafka for each.

use std::borrow::Cow;
use std::sync::Arc;

use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PySlice, PyString};

use crate::orders::reader::{Reader, Span};

/// Ids of one block differ in their last three hexadecimal digits.
pub const BLOCK: usize = 4096;
pub const ID: usize = 36;
const BEGIN: &[u8] = b"{\"order_id\":\"";
/// What an order_id adds: `{"order_id":"…",` in the place of `{`.
pub const ID_BYTES: usize = BEGIN.len() + ID + 2 - 1;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// One order alone, on its way to Kafka.
pub struct Single<'a> {
    pub key: &'a [u8],
    pub value: Cow<'a, [u8]>,
    id: &'a [u8],
}

impl<'a> Single<'a> {
    /// The order in these bytes; `order_id` is its own when it has none.
    #[inline]
    pub fn read(body: &'a [u8], order_id: &'a str) -> Option<Self> {
        let mut reader = utf8(body)?;
        reader.blank();
        let span = reader.order()?;
        reader.blank();
        if reader.at != body.len() {
            return None;
        }
        let key = &body[span.key as usize..][..span.key_len as usize];
        if span.id_len != 0 {
            let id = &body[span.id as usize..][..span.id_len as usize];
            return Some(Self { key, value: Cow::Borrowed(body), id });
        }
        let id = order_id.as_bytes();
        let value = [BEGIN, id, b"\",", &body[span.start as usize + 1..]].concat();
        Some(Self { key, value: Cow::Owned(value), id })
    }

    /// What its client is told; the id has no characters that JSON wants escaped.
    pub fn answer(&self) -> Vec<u8> {
        [BEGIN, self.id, b"\"}"].concat()
    }
}

/// Orders in which all is well, as a sequence of (key, value, order_id); they are made only when asked for.
#[pyclass(frozen, module = "orderpipeline_accelerator")]
pub struct Orders {
    raw: Py<PyBytes>,
    spans: Arc<[Span]>,
    from: usize,
    to: usize,
    blocks: Arc<[Vec<u8>]>,
    /// How many of all the orders came without an id.
    without: usize,
}

impl Orders {
    pub fn spans(&self) -> &[Span] {
        &self.spans[self.from..self.to]
    }

    pub fn body<'a>(&'a self, py: Python<'a>) -> &'a [u8] {
        self.raw.bind(py).as_bytes()
    }

    /// Whether each order has an id, its own or a minted one.
    pub fn complete(&self) -> bool {
        self.without == 0 || self.blocks.len() * BLOCK >= self.spans.len()
    }

    /// The value of the order at a place of this sequence; `scratch` lends the memory.
    #[inline]
    pub fn value<'a>(&self, body: &'a [u8], at: usize, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        let span = &self.spans[self.from + at];
        let own = &body[span.start as usize..span.end as usize];
        if span.id_len != 0 {
            return own;
        }
        scratch.clear();
        scratch.extend_from_slice(BEGIN);
        scratch.extend_from_slice(&self.minted(at));
        scratch.extend_from_slice(b"\",");
        scratch.extend_from_slice(&own[1..]);
        scratch
    }

    fn minted(&self, at: usize) -> [u8; ID] {
        let place = self.from + at;
        minted(&self.blocks[place / BLOCK], place % BLOCK)
    }

    fn part(&self, py: Python<'_>, from: usize, to: usize) -> Self {
        Self {
            raw: self.raw.clone_ref(py),
            spans: self.spans.clone(),
            from,
            to,
            blocks: self.blocks.clone(),
            without: self.without,
        }
    }
}

#[pymethods]
impl Orders {
    fn __len__(&self) -> usize {
        self.to - self.from
    }

    /// Bytes of all values together.
    #[getter]
    fn size(&self) -> usize {
        let size = |s: &Span| (s.end - s.start) as usize + if s.id_len == 0 { ID_BYTES } else { 0 };
        self.spans().iter().map(size).sum()
    }

    /// Place in the whole of the first order of this part.
    #[getter]
    fn first(&self) -> usize {
        self.from
    }

    /// Whether some have no order_id; `minted` gives it to them.
    #[getter]
    fn without_id(&self) -> bool {
        self.without != 0
    }

    /// The order_id of each.
    fn ids<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyString>>> {
        if !self.complete() {
            return Err(PyValueError::new_err("some orders have no id yet"));
        }
        let body = self.body(py);
        let own = |s: &Span| str::from_utf8(&body[s.id as usize..][..s.id_len as usize]).unwrap_or_default();
        let id = |(at, span): (usize, &Span)| match span.id_len {
            0 => PyString::new(py, str::from_utf8(&self.minted(at)).unwrap_or_default()),
            _ => PyString::new(py, own(span)),
        };
        Ok(self.spans().iter().enumerate().map(id).collect())
    }

    /// The same orders, those without an id with one: a block's 33 first characters, then their place in the block.
    fn minted_with(&self, py: Python<'_>, blocks: Vec<String>) -> PyResult<Self> {
        if blocks.iter().any(|b| b.len() != ID - 3 || !b.is_ascii()) || blocks.len() * BLOCK < self.spans.len() {
            return Err(PyValueError::new_err("a block of ids is 33 characters, and there is one for 4096 orders"));
        }
        let mut whole = self.part(py, self.from, self.to);
        whole.blocks = blocks.into_iter().map(String::into_bytes).collect();
        Ok(whole)
    }

    fn __getitem__<'py>(&self, py: Python<'py>, at: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let len = self.to - self.from;
        if let Ok(slice) = at.cast::<PySlice>() {
            let found = slice.indices(len as isize)?;
            if found.step != 1 {
                return Err(PyValueError::new_err("orders are sliced in steps of one"));
            }
            let from = self.from + found.start as usize;
            let part = self.part(py, from, from + found.slicelength);
            return Ok(Bound::new(py, part)?.into_any());
        }
        let at: isize = at.extract()?;
        let at = if at < 0 { at + len as isize } else { at };
        if at < 0 || at as usize >= len {
            return Err(PyIndexError::new_err("no such order"));
        }
        if !self.complete() {
            return Err(PyValueError::new_err("some orders have no id yet"));
        }
        let at = at as usize;
        let body = self.body(py);
        let span = self.spans()[at];
        let text = |start: u32, len: u16| str::from_utf8(&body[start as usize..][..len as usize]).unwrap_or_default();
        let minted = self.blocks.first().map(|_| self.minted(at)).unwrap_or([0; ID]);
        let id =
            if span.id_len == 0 { str::from_utf8(&minted).unwrap_or_default() } else { text(span.id, span.id_len) };
        let mut scratch = Vec::new();
        let value = PyBytes::new(py, self.value(body, at, &mut scratch));
        Ok((text(span.key, span.key_len), value, id).into_pyobject(py)?.into_any())
    }
}

/// The id at a place of a block that begins like this.
#[inline]
pub fn minted(block: &[u8], place: usize) -> [u8; ID] {
    let mut id = [0; ID];
    id[..ID - 3].copy_from_slice(block);
    for (digit, shift) in id[ID - 3..].iter_mut().zip([8, 4, 0]) {
        *digit = HEX[place >> shift & 15];
    }
    id
}

/// The orders of a JSON array of 1 to `max_orders`, each of at most `max_bytes`; None leaves it to Python.
#[pyfunction]
pub fn read_array(py: Python<'_>, raw: &Bound<'_, PyBytes>, max_orders: usize, max_bytes: usize) -> Option<Orders> {
    let spans = array(raw.as_bytes(), max_orders, max_bytes)?;
    Some(orders(py, raw, spans))
}

/// The orders of lines, one each, none blank, all with their line's end; None leaves it to Python.
#[pyfunction]
pub fn read_lines(py: Python<'_>, raw: &Bound<'_, PyBytes>, max_orders: usize, max_bytes: usize) -> Option<Orders> {
    let spans = lines(raw.as_bytes(), max_orders, max_bytes)?;
    Some(orders(py, raw, spans))
}

fn orders(_: Python<'_>, raw: &Bound<'_, PyBytes>, spans: Vec<Span>) -> Orders {
    let without = spans.iter().filter(|span| span.id_len == 0).count();
    let to = spans.len();
    Orders { raw: raw.clone().unbind(), spans: spans.into(), from: 0, to, blocks: Arc::new([]), without }
}

fn array(body: &[u8], max_orders: usize, max_bytes: usize) -> Option<Vec<Span>> {
    let mut reader = utf8(body)?;
    let mut spans = Vec::with_capacity((body.len() / 90).min(max_orders) + 1);
    reader.blank();
    reader.expect(b'[')?;
    loop {
        reader.blank();
        let span = reader.order()?;
        if spans.len() == max_orders || (span.end - span.start) as usize > max_bytes {
            return None;
        }
        spans.push(span);
        reader.blank();
        match reader.peek()? {
            b',' => reader.at += 1,
            b']' => break,
            _ => return None,
        }
    }
    reader.at += 1;
    reader.blank();
    (reader.at == body.len()).then_some(spans)
}

fn lines(body: &[u8], max_orders: usize, max_bytes: usize) -> Option<Vec<Span>> {
    let mut reader = utf8(body)?;
    let mut spans = Vec::with_capacity((body.len() / 90).min(max_orders) + 1);
    for end in memchr::memchr_iter(b'\n', body) {
        inline(&mut reader);
        let span = reader.order()?;
        inline(&mut reader);
        if spans.len() == max_orders || reader.at != end || (span.end - span.start) as usize > max_bytes {
            return None;
        }
        spans.push(span);
        reader.at = end + 1;
    }
    (!spans.is_empty() && reader.at == body.len()).then_some(spans)
}

/// Step over white space that does not end a line.
fn inline(reader: &mut Reader<'_>) {
    while let Some(b' ' | b'\t' | b'\r') = reader.peek() {
        reader.at += 1;
    }
}

fn utf8(body: &[u8]) -> Option<Reader<'_>> {
    if u32::try_from(body.len()).is_err() || simdutf8::basic::from_utf8(body).is_err() {
        return None;
    }
    Some(Reader::new(body))
}
