//! What to call in Python when the records of a request are delivered or have failed.

use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::producer::in_flight::Completed;

pub enum Callback {
    /// For a single record, with its value where the client does not give it back.
    Record(Py<PyAny>, Option<Vec<u8>>),
    /// For several records of one request.
    Batch(Py<PyAny>),
    /// For an order of the fast path, which calls back itself.
    Order(FastPathOrder),
}

/// A single order that the fast path accepted.
pub struct FastPathOrder {
    /// None when no reply waits for it: it was sent at once, or the wait was abandoned.
    pub on_reply: Option<Py<PyAny>>,
    /// The JSON with its order_id, which is the reply when the order is delivered, unless it is a batch of one.
    pub answer: Vec<u8>,
    /// Whether it came as a batch of one.
    pub batch: bool,
    /// Bytes that it counts for in the in-flight budget.
    pub size: usize,
    pub started: Instant,
}

/// Call back: `on_delivery(None, None)` for a record that is delivered, `on_failed(on_delivery, code, value)` for one
/// that has failed, and `on_done(failed)` for several.
pub fn report(py: Python<'_>, request: Completed<Callback>, on_failed: &Py<PyAny>) -> PyResult<()> {
    match (request.callback, request.failed.first()) {
        (Callback::Record(on_delivery, _), None) => on_delivery.call1(py, (py.None(), py.None())),
        (Callback::Record(on_delivery, kept), Some((_, code))) => {
            let value = PyBytes::new(py, kept.as_ref().unwrap_or(&request.value));
            on_failed.call1(py, (on_delivery, *code, value))
        }
        (Callback::Batch(on_done), _) => on_done.call1(py, (request.failed,)),
        (Callback::Order(_), _) => return Ok(()),
    }
    .map(drop)
}
