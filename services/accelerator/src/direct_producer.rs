//! A producer for one topic that speaks Kafka's protocol itself, over connections of its own.
//!
//! It does what a client library does (idempotence, order within a partition, retries, leaders that move), but a record
//! costs no more than copying its bytes: orders are encoded into Kafka's batches as they arrive, and one request carries
//! the batches of all partitions of a leader.

use std::ffi::c_int;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::callback::{Callback, report};
use crate::fast_path::FastPath;
use crate::kafka::access::Access;
use crate::kafka::record_batch::encode_headers;
use crate::kafka::target::target;
use crate::lock::lock;
use crate::orders::sequence::Orders;
use crate::producer::config::producer_config;
use crate::producer::sender::Sender;
use crate::producer::shared::{Shared, now};

/// Record headers as Python gives them.
type Headers = Vec<(String, Vec<u8>)>;

/// librdkafka's code for a broker that can't be reached.
const TRANSPORT: c_int = -195;
/// librdkafka's code for a broker that lacks something.
const UNSUPPORTED_FEATURE: c_int = -165;
/// librdkafka's code for a failure without one of its own.
const FAIL: c_int = -196;

/// All methods but `leaders` belong to one event loop's thread.
#[pyclass(frozen, module = "orderpipeline_accelerator")]
pub struct DirectProducer {
    shared: Arc<Shared<Callback>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    headers: Headers,
    encoded_headers: Vec<u8>,
    on_event: Py<PyAny>,
    on_failed: Py<PyAny>,
    fast_path: OnceLock<Py<FastPath>>,
}

#[pymethods]
impl DirectProducer {
    /// A producer for `topic`. `config` has librdkafka's property names, and `headers` are on every record. During
    /// `poll`, `on_event(kind, code, name, text)` reports problems ("error"), that a broker lacks what this client needs
    /// ("unsupported"), or that nothing is sent any more ("ended"), and `on_failed(on_delivery, code, value)` single records that failed. Raises ValueError for a property that is
    /// missing or not supported.
    #[new]
    fn new(
        config: Vec<(String, String)>,
        topic: &str,
        headers: Headers,
        on_event: Py<PyAny>,
        on_failed: Py<PyAny>,
    ) -> PyResult<Self> {
        let properties = config.into_iter().collect();
        let config = producer_config(&properties).map_err(PyValueError::new_err)?;
        let target = target(&properties, topic).map_err(PyValueError::new_err)?;
        let access = Access::new(&properties).map_err(PyValueError::new_err)?;
        let shared = Arc::new(Shared::new(config, access)?);
        let sender = Sender::new(shared.clone(), target);
        let thread = std::thread::Builder::new().name("orders-sender".into()).spawn(|| sender.run())?;
        let encoded_headers = encode(&headers, &[]);
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
            headers,
            encoded_headers,
            on_event,
            on_failed,
            fast_path: OnceLock::new(),
        })
    }

    /// Readable when there is something to `poll`.
    #[getter]
    fn fd(&self) -> c_int {
        self.shared.event_loop_waker.fd
    }

    /// Queue one record. Returns false when there is no room for it. `on_delivery(None, None)` is called when Kafka has
    /// it.
    fn produce(&self, key: &str, value: &[u8], more: Headers, on_delivery: Py<PyAny>) -> bool {
        let extended = (!more.is_empty()).then(|| encode(&self.headers, &more));
        let headers = extended.as_deref().unwrap_or(&self.encoded_headers);
        let callback = Callback::Record(on_delivery, Some(value.to_vec()));
        self.shared.enqueue(key.as_bytes(), value, headers, callback, now())
    }

    /// Use the certificates and credentials of this configuration from now on. Open connections are replaced by new
    /// ones. Raises ValueError, and changes nothing, if they can't be used.
    fn set_access(&self, config: Vec<(String, String)>) -> PyResult<()> {
        let access = Access::new(&config.into_iter().collect()).map_err(PyValueError::new_err)?;
        self.shared.set_access(access);
        Ok(())
    }

    /// The fast path for single orders, with these settings. A producer has at most one.
    #[pyo3(signature = (**settings))]
    fn fast_path(&self, py: Python<'_>, settings: Option<&Bound<'_, PyDict>>) -> PyResult<Py<FastPath>> {
        let made = Py::new(py, FastPath::new(self.shared.clone(), self.encoded_headers.clone(), settings)?)?;
        let first = self.fast_path.set(made.clone_ref(py));
        first.map_err(|_| PyValueError::new_err("the producer has a fast path already"))?;
        Ok(made)
    }

    /// Queue a record for each of the orders until there is no room for more. Returns how many it queued. Once all of
    /// these are delivered or have failed, `on_done(failed)` is called with (index, error code) of each that failed.
    fn produce_orders(&self, py: Python<'_>, orders: &Orders, more: Headers, on_done: Py<PyAny>) -> PyResult<usize> {
        orders.require_ids()?;
        let extended = (!more.is_empty()).then(|| encode(&self.headers, &more));
        let headers = extended.as_deref().unwrap_or(&self.encoded_headers);
        let body = orders.body(py);
        let spans = orders.spans();
        let now = now();
        let mut scratch = Vec::with_capacity(1024);
        let mut sent = 0;
        let mut accumulator = self.shared.accumulator();
        let first_id = accumulator.in_flight.register(Callback::Batch(on_done), spans.len());
        for (index, span) in spans.iter().enumerate() {
            let value = orders.value(body, index, &mut scratch);
            if !accumulator.append(first_id + index as u64, span.key(body), value, headers, now) {
                break;
            }
            sent += 1;
        }
        if sent < spans.len() {
            accumulator.in_flight.truncate(first_id, sent);
        }
        self.shared.wake_sender(accumulator);
        Ok(sent)
    }

    /// Run the callbacks of all requests that have completed, and report problems. Never waits.
    fn poll(&self, py: Python<'_>) -> PyResult<()> {
        self.shared.event_loop_waker.reset();
        let completed = std::mem::take(&mut self.shared.accumulator().completed);
        let problems = std::mem::take(&mut *lock(&self.shared.problems));
        let mut orders = Vec::new();
        // A callback that raises must not keep the others from being called.
        for request in completed {
            if let Callback::Order(order) = request.callback {
                orders.push((order, request.failed.first().map(|(_, code)| *code)));
            } else if let Err(error) = report(py, request, &self.on_failed) {
                error.write_unraisable(py, None);
            }
        }
        if let Some(fast_path) = self.fast_path.get().filter(|_| !orders.is_empty()) {
            fast_path.get().complete(py, orders);
        }
        for text in problems {
            self.on_event.call1(py, ("error", TRANSPORT, "_TRANSPORT", text))?;
        }
        let unsupported = lock(&self.shared.unsupported).take();
        if let Some(text) = unsupported {
            self.on_event.call1(py, ("unsupported", UNSUPPORTED_FEATURE, "_UNSUPPORTED_FEATURE", text))?;
        }
        if let Some(text) = lock(&self.shared.fault).take() {
            self.on_event.call1(py, ("ended", FAIL, "_FAIL", text))?;
        }
        Ok(())
    }

    /// Accept no records any more, unless some are in flight. Returns whether none are. Its fast path leaves all orders to
    /// Python then.
    fn close_if_idle(&self) -> bool {
        let mut accumulator = self.shared.accumulator();
        accumulator.closed |= accumulator.in_flight.records() == 0;
        accumulator.closed
    }

    /// Send without lingering, and wait for at most `seconds` until nothing is in flight. Returns how many records
    /// still are.
    fn flush(&self, py: Python<'_>, seconds: f64) -> PyResult<usize> {
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        self.shared.accumulator().flushing = true;
        loop {
            self.shared.sender_waker.wake();
            self.poll(py)?;
            let remaining = self.shared.accumulator().in_flight.records();
            if remaining == 0 || Instant::now() >= end {
                self.shared.accumulator().flushing = false;
                return Ok(remaining);
            }
            py.detach(|| std::thread::sleep(Duration::from_millis(2)));
        }
    }

    /// The broker id of each partition's leader, -1 for none, and the topic's error code. Waits for at most `seconds`;
    /// raises OSError when no broker has answered by then, and RuntimeError when the sender has not even seen the
    /// question. May be called from any thread.
    fn leaders(&self, py: Python<'_>, seconds: f64) -> PyResult<(Vec<i32>, i16)> {
        let shared = self.shared.clone();
        let (seen, no_answer, answer) = py.detach(move || {
            let mut topic = lock(&shared.topic);
            topic.asked += 1;
            let wanted = topic.asked;
            shared.sender_waker.wake();
            let wait = Duration::from_secs_f64(seconds);
            let (topic, _) = shared
                .topic_answered
                .wait_timeout_while(topic, wait, |topic| topic.answered < wanted)
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            let answer = (topic.answered >= wanted).then(|| (topic.leaders.clone(), topic.error));
            (topic.seen >= wanted, topic.no_answer.clone(), answer)
        });
        match answer {
            Some(found) => Ok(found),
            None if seen && no_answer.is_empty() => Err(PyOSError::new_err("no broker answers")),
            None if seen => Err(PyOSError::new_err(format!("no broker answers; {no_answer}"))),
            None => Err(PyRuntimeError::new_err("the sender makes no turns")),
        }
    }
}

impl Drop for DirectProducer {
    fn drop(&mut self) {
        lock(&self.shared.topic).stop = true;
        self.shared.sender_waker.wake();
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join(); // a thread that has panicked has nothing left to do
        }
    }
}

fn encode(headers: &[(String, Vec<u8>)], more: &[(String, Vec<u8>)]) -> Vec<u8> {
    let pairs: Vec<_> = headers.iter().chain(more).map(|(name, value)| (name.as_bytes(), value.as_slice())).collect();
    encode_headers(pairs.into_iter())
}
