//! Single orders in one call each: a segment of a connection that is a whole request becomes a record and a reply.
//!
//! HTTP is Python's alone to read. It tells of heads that it found to be those of plain orders; what is taken here
//! begins with exactly those bytes, and for anything else nothing is done.

use std::collections::HashMap;
use std::ffi::c_int;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use memchr::memmem;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::orders::sequence::{BLOCK, ID, Single, minted};
use crate::producer::in_flight::{Order, Waiter};
use crate::producer::shared::{Shared, lock, now};

/// Heads remembered at a time, and the most bytes of one with its empty line.
const REMEMBERED: usize = 512;
const MAX_HEAD: usize = 16384;
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// Belongs to the event loop's thread.
#[pyclass(frozen, module = "orderpipeline_accelerator")]
pub struct Desk {
    shared: Arc<Shared>,
    headers: Vec<u8>,
    rules: Rules,
    state: Mutex<State>,
}

/// What it is made with. Sizes are bytes; `overhead` is what an order counts beyond its key and value, `bounds` are
/// those of a histogram in seconds, `block()` begins 4096 ids.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Rules {
    wait: bool,
    order_bytes: usize,
    in_flight_bytes: usize,
    overhead: usize,
    bounds: Vec<f64>,
    block: Py<PyAny>,
    on_acked: Py<PyAny>,
    on_failed: Py<PyAny>,
}

#[derive(Default)]
struct State {
    /// Length of the body that comes after a head.
    heads: HashMap<Box<[u8]>, usize>,
    /// A reply up to its length.
    begin: Vec<u8>,
    block: Vec<u8>,
    /// When the block was begun, in Unix milliseconds, and how many of its ids are used.
    block_ms: i64,
    used: usize,
    in_flight: usize,
    taken: u64,
    counts: Vec<u64>,
    seconds: f64,
}

impl Desk {
    pub fn new(shared: Arc<Shared>, headers: Vec<u8>, rules: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let rules: Rules = rules.ok_or_else(|| PyValueError::new_err("a desk needs rules"))?.extract()?;
        let state = State { counts: vec![0; rules.bounds.len() + 1], used: BLOCK, ..State::default() };
        Ok(Self { shared, headers, rules, state: Mutex::new(state) })
    }

    /// Orders have come to their end: in Kafka, or failed with a code. Whoever waits is told.
    pub fn ended(&self, py: Python<'_>, orders: Vec<(Order, Option<c_int>)>) {
        let now = Instant::now();
        let mut replies = Vec::new();
        let mut failed = Vec::new();
        let mut acked = 0;
        let mut state = lock(&self.state);
        for (order, code) in orders {
            state.in_flight -= order.size;
            let seconds = now.duration_since(order.begun).as_secs_f64();
            if let Some(code) = code {
                failed.push((order, code, seconds));
                continue;
            }
            acked += 1;
            if let Some(on_reply) = order.on_reply {
                state.count(&self.rules.bounds, seconds);
                replies.push((on_reply, state.reply(py, &order.answer)));
            }
        }
        drop(state); // Python may come back here
        // One that raises must not keep the others from being told.
        let told = |outcome: PyResult<Py<PyAny>>| outcome.map(drop).unwrap_or_else(|e| e.write_unraisable(py, None));
        if acked > 0 {
            told(self.rules.on_acked.call1(py, (acked,)));
        }
        for (on_reply, reply) in replies {
            told(on_reply.call1(py, (reply,)));
        }
        for (order, code, seconds) in failed {
            let answer = PyBytes::new(py, &order.answer);
            told(self.rules.on_failed.call1(py, (order.on_reply, code, answer, seconds)));
        }
    }
}

#[pymethods]
impl Desk {
    /// Take a segment that is exactly one plain order with a head that is known, while the orders in flight, with
    /// `others` more bytes, leave room. Gives the reply, or True when `on_reply` will be called with it, or None:
    /// nothing was done.
    fn request<'py>(
        &self,
        py: Python<'py>,
        data: &[u8],
        others: usize,
        on_reply: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(end) = memmem::find(&data[..data.len().min(MAX_HEAD)], END_OF_HEAD) else { return Ok(None) };
        let body = &data[end + END_OF_HEAD.len()..];
        let now = now();
        let mut state = lock(&self.state);
        if body.len() > self.rules.order_bytes || state.heads.get(&data[..end]) != Some(&body.len()) {
            return Ok(None);
        }
        if state.used == BLOCK || state.block_ms != now.1 {
            drop(state);
            let block: String = self.rules.block.call0(py)?.extract(py)?;
            if block.len() != ID - 3 {
                return Err(PyValueError::new_err("a block of ids is 33 characters"));
            }
            state = lock(&self.state);
            (state.block, state.block_ms, state.used) = (block.into_bytes(), now.1, 0);
        }
        let id = minted(&state.block, state.used);
        let Some(order) = str::from_utf8(&id).ok().and_then(|id| Single::read(body, id)) else { return Ok(None) };
        let size = order.key.len() + order.value.len() + self.rules.overhead;
        let held = state.in_flight + others;
        if held > 0 && held + size > self.rules.in_flight_bytes {
            return Ok(None);
        }
        let answer = order.answer();
        let (on_reply, waits) =
            if self.rules.wait { (Some(on_reply.clone().unbind()), answer.clone()) } else { (None, Vec::new()) };
        let waiter = Waiter::Order(Order { on_reply, answer: waits, size, begun: now.0 });
        if !self.shared.queue(order.key, &order.value, &self.headers, waiter, now) {
            return Ok(None);
        }
        state.used += 1;
        state.in_flight += size;
        state.taken += 1;
        if self.rules.wait {
            return Ok(Some(true.into_pyobject(py)?.to_owned().into_any()));
        }
        state.count(&self.rules.bounds, now.0.elapsed().as_secs_f64());
        Ok(Some(state.reply(py, &answer).into_any()))
    }

    /// Bodies of this length after this head, its empty line left out, are plain orders on connections that stay open.
    fn remember(&self, head: &[u8], length: usize) {
        let mut state = lock(&self.state);
        if state.heads.len() == REMEMBERED {
            state.heads.clear(); // those that are common come back at once
        }
        state.heads.insert(head.into(), length);
    }

    /// Replies are to begin with these bytes, and go on with their length.
    fn begin(&self, reply: &[u8]) {
        lock(&self.state).begin = reply.to_vec();
    }

    /// Bytes of all orders that were taken here and have not ended.
    fn in_flight(&self) -> usize {
        lock(&self.state).in_flight
    }

    /// Since it was last asked: orders taken, replies by seconds, and their seconds together.
    fn counted(&self) -> (u64, Vec<u64>, f64) {
        let mut state = lock(&self.state);
        let counts = vec![0; state.counts.len()];
        (
            std::mem::take(&mut state.taken),
            std::mem::replace(&mut state.counts, counts),
            std::mem::take(&mut state.seconds),
        )
    }

    /// Never call `on_reply`: what it waited for, `{"order_id":"…"}`, and the seconds since; None when it waits for nothing.
    fn give_up<'py>(&self, py: Python<'py>, on_reply: &Bound<'py, PyAny>) -> Option<(Bound<'py, PyBytes>, f64)> {
        let mut log = self.shared.log();
        let log = &mut *log;
        for waiter in log.tickets.waiters().chain(log.done.iter_mut().map(|ended| &mut ended.waiter)) {
            if let Waiter::Order(order) = waiter
                && order.on_reply.as_ref().is_some_and(|other| other.is(on_reply))
            {
                order.on_reply = None;
                return Some((PyBytes::new(py, &order.answer), order.begun.elapsed().as_secs_f64()));
            }
        }
        None
    }
}

impl State {
    fn count(&mut self, bounds: &[f64], seconds: f64) {
        self.counts[bounds.partition_point(|bound| *bound < seconds)] += 1;
        self.seconds += seconds;
    }

    fn reply<'py>(&self, py: Python<'py>, answer: &[u8]) -> Bound<'py, PyBytes> {
        let length = answer.len().to_string();
        PyBytes::new(py, &[&self.begin, length.as_bytes(), END_OF_HEAD, answer].concat())
    }
}
