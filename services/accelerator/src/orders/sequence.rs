//! The orders of one body as a sequence for Python, and the bytes that go to Kafka for each.

use std::sync::Arc;

use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PySlice, PyString};

use crate::orders::bodies;
use crate::orders::ids::{BLOCK_SIZE, ID_LEN, PREFIX_LEN, id_at};
use crate::orders::order::Span;
use crate::orders::single::{ID_FIELD_BYTES, put_with_id, read_span};

/// A sequence of (key, value, order_id), which are made only when asked for.
#[pyclass(frozen, module = "orderpipeline_accelerator")]
pub struct Orders {
    raw: Py<PyBytes>,
    /// All orders of the body, of which this sequence has those from `start` up to `end`.
    spans: Arc<[Span]>,
    start: usize,
    end: usize,
    id_prefixes: Arc<[Vec<u8>]>,
    /// How many orders of the body have no id of their own.
    without_id: usize,
}

impl Orders {
    fn new(raw: &Bound<'_, PyBytes>, spans: Vec<Span>) -> Self {
        let without_id = spans.iter().filter(|span| !span.has_id()).count();
        let (start, end) = (0, spans.len());
        Self { raw: raw.clone().unbind(), spans: spans.into(), start, end, id_prefixes: Arc::new([]), without_id }
    }

    pub fn spans(&self) -> &[Span] {
        &self.spans[self.start..self.end]
    }

    pub fn body<'a>(&'a self, py: Python<'a>) -> &'a [u8] {
        self.raw.bind(py).as_bytes()
    }

    /// An error unless each order has an id, its own or an assigned one.
    pub fn require_ids(&self) -> PyResult<()> {
        if self.without_id == 0 || self.id_prefixes.len() * BLOCK_SIZE >= self.spans.len() {
            return Ok(());
        }
        Err(PyValueError::new_err("some orders have no id yet"))
    }

    /// The value of the order at an index of this sequence; `scratch` lends memory.
    #[inline]
    pub fn value<'a>(&self, body: &'a [u8], index: usize, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        let span = &self.spans[self.start + index];
        let own = &body[span.start as usize..span.end as usize];
        if span.has_id() {
            return own;
        }
        scratch.clear();
        put_with_id(scratch, &self.assigned_id(index), own);
        scratch
    }

    fn assigned_id(&self, index: usize) -> [u8; ID_LEN] {
        let place = self.start + index;
        id_at(&self.id_prefixes[place / BLOCK_SIZE], place % BLOCK_SIZE)
    }

    fn slice(&self, py: Python<'_>, start: usize, end: usize) -> Self {
        Self {
            raw: self.raw.clone_ref(py),
            spans: self.spans.clone(),
            start,
            end,
            id_prefixes: self.id_prefixes.clone(),
            without_id: self.without_id,
        }
    }
}

#[pymethods]
impl Orders {
    fn __len__(&self) -> usize {
        self.end - self.start
    }

    /// Bytes of all values.
    #[getter]
    fn size(&self) -> usize {
        self.spans().iter().map(|span| span.size() + if span.has_id() { 0 } else { ID_FIELD_BYTES }).sum()
    }

    /// The index within the body of this slice's first order.
    #[getter]
    fn first_index(&self) -> usize {
        self.start
    }

    /// Whether some orders of the body have no order_id; `with_ids` assigns them.
    #[getter]
    fn missing_ids(&self) -> bool {
        self.without_id != 0
    }

    /// The order_id of each.
    fn ids<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyString>>> {
        self.require_ids()?;
        let body = self.body(py);
        let id = |(index, span): (usize, &Span)| match span.has_id() {
            true => PyString::new(py, str::from_utf8(span.id(body)).unwrap_or_default()),
            false => PyString::new(py, str::from_utf8(&self.assigned_id(index)).unwrap_or_default()),
        };
        Ok(self.spans().iter().enumerate().map(id).collect())
    }

    /// The same orders, with ids for those that have none: the 33 characters of a block's prefix, then the order's
    /// position in the block. Takes one prefix for every 4096 orders of the body.
    fn with_ids(&self, py: Python<'_>, prefixes: Vec<String>) -> PyResult<Self> {
        let malformed = prefixes.iter().any(|prefix| prefix.len() != PREFIX_LEN || !prefix.is_ascii());
        if malformed || prefixes.len() * BLOCK_SIZE < self.spans.len() {
            return Err(PyValueError::new_err("an id prefix has 33 characters, and there must be one for 4096 orders"));
        }
        let mut orders = self.slice(py, self.start, self.end);
        orders.id_prefixes = prefixes.into_iter().map(String::into_bytes).collect();
        Ok(orders)
    }

    fn __getitem__<'py>(&self, py: Python<'py>, at: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let len = self.__len__();
        if let Ok(slice) = at.cast::<PySlice>() {
            let found = slice.indices(len as isize)?;
            if found.step != 1 {
                return Err(PyValueError::new_err("orders are sliced in steps of 1"));
            }
            let start = self.start + found.start as usize;
            return Ok(Bound::new(py, self.slice(py, start, start + found.slicelength))?.into_any());
        }
        let at: isize = at.extract()?;
        let index = if at < 0 { at + len as isize } else { at };
        if index < 0 || index as usize >= len {
            return Err(PyIndexError::new_err("no such order"));
        }
        self.require_ids()?;
        self.tuple(py, index as usize)
    }
}

impl Orders {
    fn tuple<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyAny>> {
        let body = self.body(py);
        let span = self.spans()[index];
        let assigned = if span.has_id() { [0; ID_LEN] } else { self.assigned_id(index) };
        let id = if span.has_id() { span.id(body) } else { &assigned };
        let mut scratch = Vec::new();
        let value = PyBytes::new(py, self.value(body, index, &mut scratch));
        let text = |bytes| str::from_utf8(bytes).unwrap_or_default();
        Ok((text(span.key(body)), value, text(id)).into_pyobject(py)?.into_any())
    }
}

/// The customer_id and the order_id, which is empty if there is none, of one order. None leaves the body to Python.
#[pyfunction]
pub fn read_order<'py>(raw: &'py Bound<'_, PyBytes>) -> Option<(&'py str, &'py str)> {
    let body = raw.as_bytes();
    let span = read_span(body)?;
    Some((str::from_utf8(span.key(body)).ok()?, str::from_utf8(span.id(body)).ok()?))
}

/// The orders of a JSON array, 1 to `max_orders` of at most `max_bytes` each. None leaves the body to Python.
#[pyfunction]
pub fn read_array(raw: &Bound<'_, PyBytes>, max_orders: usize, max_bytes: usize) -> Option<Orders> {
    bodies::read_array(raw.as_bytes(), max_orders, max_bytes).map(|spans| Orders::new(raw, spans))
}

/// The orders of lines, one each, none blank, each with its line feed. None leaves the body to Python.
#[pyfunction]
pub fn read_lines(raw: &Bound<'_, PyBytes>, max_orders: usize, max_bytes: usize) -> Option<Orders> {
    bodies::read_lines(raw.as_bytes(), max_orders, max_bytes).map(|spans| Orders::new(raw, spans))
}
