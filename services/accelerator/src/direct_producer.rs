//! A producer client for one topic on plain connections: orders become Kafka's own batches where they arrive.
//!
//! It has what a client library has (idempotence, order within a partition, retries, leaders that move), but no cost
//! for each record beyond its bytes: a thread packs whole batches and sends those of all partitions in one request.

use std::ffi::c_int;
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::fast_path::Desk;
use crate::orders::sequence::{Orders, Single};
use crate::producer::accumulator::Log;
use crate::producer::config::{Headers, names, rules};
use crate::producer::in_flight::{Done, Waiter};
use crate::producer::record_batch as record;
use crate::producer::sender::Sender;
use crate::producer::shared::{Shared, Topic, lock, now};
use crate::producer::waker::Bell;

/// librdkafka's number for a broker that can't be reached.
const TRANSPORT: c_int = -195;

/// Belongs to one event loop's thread, but for `leaders`.
#[pyclass(frozen, module = "orderpipeline_accelerator")]
pub struct Appender {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    headers: Headers,
    plain: Vec<u8>,
    on_event: Py<PyAny>,
    on_failed: Py<PyAny>,
    desk: OnceLock<Py<Desk>>,
}

#[pymethods]
impl Appender {
    /// A client for `topic`; `config` is by librdkafka's names, `headers` are on every record. Within `poll`,
    /// `on_event("error", code, name, text)` is told of troubles, and `on_failed(on_delivery, code, value)` of single records that failed.
    /// Raises ValueError for a configuration that it can't carry out.
    #[new]
    fn new(
        config: Vec<(String, String)>,
        topic: &str,
        headers: Headers,
        on_event: Py<PyAny>,
        on_failed: Py<PyAny>,
    ) -> PyResult<Self> {
        let config = config.into_iter().collect();
        let rules = rules(&config).map_err(PyValueError::new_err)?;
        let names = names(&config, topic).map_err(PyValueError::new_err)?;
        let shared = Arc::new(Shared {
            log: Mutex::new(Log::new(rules)),
            topic: Mutex::new(Topic::default()),
            told: Condvar::new(),
            sender: Bell::new()?,
            waiter: Bell::new()?,
            events: Mutex::default(),
        });
        let sender = Sender::new(shared.clone(), names);
        let thread = std::thread::Builder::new().name("orders-sender".into()).spawn(|| sender.run())?;
        let plain = encoded(&headers, &[]);
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
            headers,
            plain,
            on_event,
            on_failed,
            desk: OnceLock::new(),
        })
    }

    /// Readable when there is something to `poll`.
    #[getter]
    fn fd(&self) -> c_int {
        self.shared.waiter.fd
    }

    /// Queue one record; false when the client takes no more. `on_delivery(None, None)` is called when Kafka has it.
    fn produce(&self, key: &str, value: &[u8], more: Headers, on_delivery: Py<PyAny>) -> bool {
        let extended = (!more.is_empty()).then(|| encoded(&self.headers, &more));
        let waiter = Waiter::One(on_delivery, Some(value.to_vec()));
        self.shared.queue(key.as_bytes(), value, extended.as_deref().unwrap_or(&self.plain), waiter, now())
    }

    /// Read one plain order and queue it: with `order_id` when it has none of its own, and only when its key and value
    /// have at most `room` bytes. None when nothing was done, else (those bytes, `{"order_id":"…"}`).
    fn take<'py>(
        &self,
        py: Python<'py>,
        body: &[u8],
        room: isize,
        order_id: &str,
        on_delivery: Py<PyAny>,
    ) -> Option<(usize, Bound<'py, PyBytes>)> {
        let order = Single::read(body, order_id)?;
        let size = order.key.len() + order.value.len();
        let waiter = Waiter::One(on_delivery, None);
        if size as isize > room || !self.shared.queue(order.key, &order.value, &self.plain, waiter, now()) {
            return None;
        }
        Some((size, PyBytes::new(py, &order.answer())))
    }

    /// What takes single orders in one call each, with these rules; the only one of this client.
    #[pyo3(signature = (**rules))]
    fn desk(&self, py: Python<'_>, rules: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Desk>> {
        let desk = Py::new(py, Desk::new(self.shared.clone(), self.plain.clone(), rules)?)?;
        self.desk.set(desk.clone_ref(py)).map_err(|_| PyValueError::new_err("the client has a desk already"))?;
        Ok(desk)
    }

    /// Queue a record for each of the orders until the client takes no more; returns how many it took.
    /// `on_done(failed)` is called once all of those are delivered or have failed, with (place, error code) of these.
    fn produce_orders(&self, py: Python<'_>, orders: &Orders, more: Headers, on_done: Py<PyAny>) -> PyResult<usize> {
        if !orders.complete() {
            return Err(PyValueError::new_err("some orders have no id yet"));
        }
        let extended = (!more.is_empty()).then(|| encoded(&self.headers, &more));
        let headers = extended.as_deref().unwrap_or(&self.plain);
        let body = orders.body(py);
        let spans = orders.spans();
        let now = now();
        let mut scratch = Vec::with_capacity(1024);
        let mut sent = 0;
        let mut log = self.shared.log();
        let ticket = log.tickets.open(Waiter::Many(on_done), spans.len());
        for (at, span) in spans.iter().enumerate() {
            let key = &body[span.key as usize..][..span.key_len as usize];
            if !log.append(ticket + at as u64, key, orders.value(body, at, &mut scratch), headers, now) {
                break;
            }
            sent += 1;
        }
        if sent < spans.len() {
            log.tickets.shrink(ticket, sent);
        }
        self.shared.ring(log);
        Ok(sent)
    }

    /// Take all that has come to an end and call who waits for it. Never waits.
    fn poll(&self, py: Python<'_>) -> PyResult<()> {
        self.shared.waiter.calm();
        let done = std::mem::take(&mut self.shared.log().done);
        let events = std::mem::take(&mut *lock(&self.shared.events));
        let mut orders = Vec::new();
        // One that raises must not keep the others from being told.
        for ended in done {
            if let Waiter::Order(order) = ended.waiter {
                orders.push((order, ended.failed.first().map(|(_, code)| *code)));
            } else if let Err(error) = self.tell(py, ended) {
                error.write_unraisable(py, None);
            }
        }
        if let Some(desk) = self.desk.get().filter(|_| !orders.is_empty()) {
            desk.get().ended(py, orders);
        }
        for text in events {
            self.on_event.call1(py, ("error", TRANSPORT, "_TRANSPORT", text))?;
        }
        Ok(())
    }

    /// Send at once and wait for at most `seconds` until nothing is in flight; returns how many records still are.
    fn flush(&self, py: Python<'_>, seconds: f64) -> PyResult<usize> {
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        self.shared.log().flushing = true;
        loop {
            self.shared.sender.ring();
            self.poll(py)?;
            let left = self.shared.log().tickets.open_records();
            if left == 0 || Instant::now() >= end {
                self.shared.log().flushing = false;
                return Ok(left);
            }
            py.detach(|| std::thread::sleep(Duration::from_millis(2)));
        }
    }

    /// The topic's leaders, one broker id a partition, -1 for none, and the topic's error code.
    /// Raises OSError when Kafka can't be reached. For any thread.
    fn leaders(&self, py: Python<'_>, seconds: f64) -> PyResult<(Vec<i32>, i16)> {
        let shared = self.shared.clone();
        py.detach(move || {
            let mut topic = lock(&shared.topic);
            topic.asked += 1;
            let wanted = topic.asked;
            shared.sender.ring();
            let wait = Duration::from_secs_f64(seconds);
            let (topic, _) = shared
                .told
                .wait_timeout_while(topic, wait, |topic| topic.answered < wanted)
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            (topic.answered >= wanted).then(|| (topic.leaders.clone(), topic.error))
        })
        .ok_or_else(|| PyOSError::new_err("no broker answers"))
    }
}

impl Appender {
    fn tell(&self, py: Python<'_>, ended: Done) -> PyResult<()> {
        let told = match (ended.waiter, ended.failed.first()) {
            (Waiter::One(on_delivery, _), None) => on_delivery.call1(py, (py.None(), py.None())),
            (Waiter::One(on_delivery, value), Some((_, code))) => {
                self.on_failed.call1(py, (on_delivery, *code, PyBytes::new(py, &value.unwrap_or_default())))
            }
            (Waiter::Many(on_done), _) => on_done.call1(py, (ended.failed,)),
            (Waiter::Order(_), _) => return Ok(()), // those are the desk's
        };
        told.map(drop)
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        lock(&self.shared.topic).stop = true;
        self.shared.sender.ring();
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join(); // one that has failed has nothing left to say
        }
    }
}

fn encoded(all: &[(String, Vec<u8>)], more: &[(String, Vec<u8>)]) -> Vec<u8> {
    let pairs: Vec<_> = all.iter().chain(more).map(|(name, value)| (name.as_bytes(), value.as_slice())).collect();
    record::headers(pairs.into_iter())
}
