//! The fast path for single orders, by themselves or as batches of one: one call turns a segment of a connection that is
//! a whole request into a record and a reply.
//!
//! Only Python parses HTTP. It registers heads that it has found to allow the fast path; a request is accepted here if
//! it begins with exactly the same bytes, and anything else is left to Python. The Authorization header is part of the
//! head, so the same bytes are the same client, until Python has the heads forgotten because its keys have changed.

use std::collections::HashMap;
use std::ffi::c_int;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use memchr::memmem;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::callback::{Callback, FastPathOrder};
use crate::in_flight_bytes::InFlightBytes;
use crate::lock::lock;
use crate::orders::ids::{BLOCK_SIZE, PREFIX_LEN, id_at};
use crate::orders::single::{SingleOrder, only_element};
use crate::producer::in_flight::Finder;
use crate::producer::shared::{Shared, now};
use crate::token_bucket::TokenBucket;

/// How many heads are kept, and the most bytes of one with its empty line.
const MAX_HEADS: usize = 512;
const MAX_HEAD_BYTES: usize = 16384;
const END_OF_HEAD: &[u8] = b"\r\n\r\n";
/// The answer to a batch of one order.
const ACCEPTED_ONE: &[u8] = b"{\"accepted\":1}";

/// All methods belong to the event loop's thread.
#[pyclass(frozen, module = "orderpipeline_accelerator")]
pub struct FastPath {
    shared: Arc<Shared<Callback>>,
    encoded_headers: Vec<u8>,
    settings: Settings,
    state: Mutex<State>,
}

/// Sizes are in bytes.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Settings {
    /// Whether the reply waits for Kafka.
    wait: bool,
    /// The most that one order may have.
    order_bytes: usize,
    /// The most that all orders in flight may have.
    in_flight_bytes: usize,
    /// Counts all orders in flight, however they were accepted.
    in_flight: Py<InFlightBytes>,
    /// What an order counts for besides its key and value.
    overhead: usize,
    /// The histogram's bounds, in seconds.
    bounds: Vec<f64>,
    /// Called without arguments for the prefix of 4096 order ids.
    new_id_prefix: Py<PyAny>,
    on_acked: Py<PyAny>,
    on_failed: Py<PyAny>,
}

#[derive(Default)]
struct State {
    heads: HashMap<Box<[u8]>, AllowedHead>,
    /// A reply up to the number in its Content-Length.
    reply_prefix: Vec<u8>,
    id_prefix: Vec<u8>,
    /// When the prefix was made, in Unix milliseconds, and how many of its ids are in use.
    id_prefix_ms: i64,
    ids_used: usize,
    accepted: u64,
    /// Replies to orders, and to batches of one.
    replies: [Replies; 2],
    waiting: Finder,
}

/// Counted replies.
#[derive(Clone, Default)]
struct Replies {
    /// By the histogram's buckets.
    counts: Vec<u64>,
    /// Their total.
    seconds: f64,
}

struct AllowedHead {
    /// Bytes of the body that follows.
    length: usize,
    /// The quota of its client, if there is one.
    bucket: Option<Py<TokenBucket>>,
    /// Whether the body is a batch of one.
    batch: bool,
}

impl FastPath {
    pub fn new(
        shared: Arc<Shared<Callback>>,
        encoded_headers: Vec<u8>,
        settings: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let settings = settings.ok_or_else(|| PyValueError::new_err("the fast path needs settings"))?;
        let settings: Settings = settings.extract()?;
        let replies = Replies { counts: vec![0; settings.bounds.len() + 1], seconds: 0.0 };
        let state = State { replies: [replies.clone(), replies], ids_used: BLOCK_SIZE, ..State::default() };
        Ok(Self { shared, encoded_headers, settings, state: Mutex::new(state) })
    }

    /// Handle orders that are delivered (None) or have failed with an error code, and call back.
    pub fn complete(&self, py: Python<'_>, orders: Vec<(FastPathOrder, Option<c_int>)>) {
        let now = Instant::now();
        let mut replies = Vec::new();
        let mut failed = Vec::new();
        let mut acked = 0;
        let mut state = lock(&self.state);
        for (order, code) in orders {
            self.settings.in_flight.get().subtract(order.size);
            let seconds = now.duration_since(order.started).as_secs_f64();
            if let Some(code) = code {
                failed.push((order, code, seconds));
                continue;
            }
            acked += 1;
            if let Some(on_reply) = order.on_reply {
                state.observe(order.batch, &self.settings.bounds, seconds);
                replies.push((on_reply, state.reply(py, if order.batch { ACCEPTED_ONE } else { &order.answer })));
            }
        }
        drop(state); // a callback may use the fast path
        // A callback that raises must not keep the others from being called.
        let check = |result: PyResult<Py<PyAny>>| result.map(drop).unwrap_or_else(|e| e.write_unraisable(py, None));
        if acked > 0 {
            check(self.settings.on_acked.call1(py, (acked,)));
        }
        for (on_reply, reply) in replies {
            check(on_reply.call1(py, (reply,)));
        }
        for (order, code, seconds) in failed {
            let answer = PyBytes::new(py, &order.answer);
            check(self.settings.on_failed.call1(py, (order.on_reply, code, answer, seconds, order.batch)));
        }
    }
}

#[pymethods]
impl FastPath {
    /// Accept a segment that is exactly one simple order after a known head, if the orders in flight leave room for it.
    /// Returns the reply, which is empty if `on_reply` will be called with it, or None if nothing was done.
    fn try_now<'py>(
        &self,
        py: Python<'py>,
        segment: &[u8],
        on_reply: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let settings = &self.settings;
        let head_part = &segment[..segment.len().min(MAX_HEAD_BYTES)];
        let Some(end) = memmem::find(head_part, END_OF_HEAD) else { return Ok(None) };
        let body = &segment[end + END_OF_HEAD.len()..];
        let now = now();
        let mut state = lock(&self.state);
        // A key can't be guessed by timing this: what is compared depends on a hash with a secret.
        let Some(head) = state.heads.get(&segment[..end]) else { return Ok(None) };
        if body.len() > settings.order_bytes || head.length != body.len() {
            return Ok(None);
        }
        let batch = head.batch;
        let Some(body) = (if batch { only_element(body) } else { Some(body) }) else { return Ok(None) };
        let bucket = head.bucket.as_ref().map(|bucket| bucket.clone_ref(py));
        if bucket.as_ref().is_some_and(|bucket| bucket.get().wait_at(now.0) > 0.0) {
            return Ok(None);
        }
        if state.ids_used == BLOCK_SIZE || state.id_prefix_ms != now.1 {
            drop(state);
            let prefix: String = settings.new_id_prefix.call0(py)?.extract(py)?;
            if prefix.len() != PREFIX_LEN {
                return Err(PyValueError::new_err("the prefix of order ids must have 33 characters"));
            }
            state = lock(&self.state);
            (state.id_prefix, state.id_prefix_ms, state.ids_used) = (prefix.into_bytes(), now.1, 0);
        }
        let id = id_at(&state.id_prefix, state.ids_used);
        let Some(order) = str::from_utf8(&id).ok().and_then(|id| SingleOrder::read(body, id)) else {
            return Ok(None);
        };
        let size = order.key.len() + order.value.len() + settings.overhead;
        let in_flight = settings.in_flight.get().value();
        if in_flight > 0 && in_flight + size > settings.in_flight_bytes {
            return Ok(None);
        }
        let answer = order.answer();
        let (on_reply, kept) =
            if settings.wait { (Some(on_reply.clone().unbind()), answer.clone()) } else { (None, Vec::new()) };
        let callback = Callback::Order(FastPathOrder { on_reply, answer: kept, batch, size, started: now.0 });
        if !self.shared.enqueue(order.key, &order.value, &self.encoded_headers, callback, now) {
            return Ok(None);
        }
        if let Some(bucket) = bucket {
            bucket.get().charge_at(1, now.0);
        }
        state.ids_used += 1;
        settings.in_flight.get().add(size);
        state.accepted += 1;
        if settings.wait {
            return Ok(Some(PyBytes::new(py, b"")));
        }
        state.observe(batch, &settings.bounds, now.0.elapsed().as_secs_f64());
        Ok(Some(state.reply(py, if batch { ACCEPTED_ONE } else { &answer })))
    }

    /// Allow the fast path for bodies of this length after this head, which is given without its empty line, as long as
    /// the quota of its client allows it: an order, or a batch of one.
    #[pyo3(signature = (head, length, bucket=None, batch=false))]
    fn allow_head(&self, head: &[u8], length: usize, bucket: Option<Py<TokenBucket>>, batch: bool) {
        let mut state = lock(&self.state);
        if state.heads.len() == MAX_HEADS {
            state.heads.clear(); // heads in use are allowed again soon
        }
        state.heads.insert(head.into(), AllowedHead { length, bucket, batch });
    }

    /// Allow no head until each is allowed again.
    fn forget_heads(&self) {
        lock(&self.state).heads.clear();
    }

    /// Set what replies begin with; the number of the Content-Length follows it.
    fn set_reply_prefix(&self, prefix: &[u8]) {
        lock(&self.state).reply_prefix = prefix.to_vec();
    }

    /// What has been counted since the previous call: accepted orders, and of orders and of batches of one the replies
    /// by the histogram's buckets and their total seconds.
    fn drain_counts(&self) -> (u64, Vec<(Vec<u64>, f64)>) {
        let mut state = lock(&self.state);
        let drain = |replies: &mut Replies| {
            let counts = vec![0; replies.counts.len()];
            (std::mem::replace(&mut replies.counts, counts), std::mem::take(&mut replies.seconds))
        };
        (std::mem::take(&mut state.accepted), state.replies.iter_mut().map(drain).collect())
    }

    /// Stop waiting: `on_reply` will not be called. Returns `{"order_id":"…"}`, the seconds since the request, and
    /// whether it is a batch, or None if it is not waiting.
    fn give_up<'py>(&self, py: Python<'py>, on_reply: &Bound<'py, PyAny>) -> Option<(Bound<'py, PyBytes>, f64, bool)> {
        let id = |callback: &Callback| match callback {
            Callback::Order(order) => order.on_reply.as_ref().map(|each| each.as_ptr() as usize),
            _ => None,
        };
        let wanted = on_reply.as_ptr() as usize;
        let mut state = lock(&self.state);
        let mut accumulator = self.shared.accumulator();
        let accumulator = &mut *accumulator;
        let completed = accumulator.completed.iter().position(|request| id(&request.callback) == Some(wanted));
        let callback = match completed {
            Some(at) => &mut accumulator.completed[at].callback,
            None => {
                let slot = state.waiting.find(&accumulator.in_flight, wanted, id)?;
                accumulator.in_flight.callback_mut(slot)?
            }
        };
        let Callback::Order(order) = callback else { return None };
        order.on_reply = None;
        Some((PyBytes::new(py, &order.answer), order.started.elapsed().as_secs_f64(), order.batch))
    }
}

impl State {
    fn observe(&mut self, batch: bool, bounds: &[f64], seconds: f64) {
        let replies = &mut self.replies[usize::from(batch)];
        replies.counts[bounds.partition_point(|bound| *bound < seconds)] += 1;
        replies.seconds += seconds;
    }

    fn reply<'py>(&self, py: Python<'py>, answer: &[u8]) -> Bound<'py, PyBytes> {
        let length = answer.len().to_string();
        PyBytes::new(py, &[&self.reply_prefix, length.as_bytes(), END_OF_HEAD, answer].concat())
    }
}
