//! A producer client for one topic: records in, one call per request out when all of them are delivered or failed.
//!
//! librdkafka keeps delivery reports in a queue that wakes an event loop by a file descriptor. `poll` takes them from
//! there and counts, per request, without an object or a call for each record.

use std::ffi::{CString, c_char, c_int};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::librdkafka::ffi::{self as rdkafka, Argument, Message};
use crate::librdkafka::handle::Handle;
use crate::orders::sequence::{Orders, Single};
use crate::producer::in_flight::{Done, Tickets, Waiter};

/// Record headers as Python gives them.
type Headers = Vec<(CString, Vec<u8>)>;
/// Arguments of one `rd_kafka_produceva` besides the headers.
const ARGUMENTS: usize = 6;
const MAX_HEADERS: usize = 10;

/// Belongs to one event loop's thread, but for `leaders`.
#[pyclass(frozen, module = "orderpipeline_accelerator")]
pub struct Client {
    handle: Arc<Handle>,
    tickets: Mutex<Tickets>,
    headers: Headers,
    on_event: Py<PyAny>,
    on_failed: Py<PyAny>,
}

#[pymethods]
impl Client {
    /// A client by the librdkafka at `library` for `topic`; `headers` are on every record. Within `poll`,
    /// `on_event(kind, code, name, text)` is told of errors ("error", "fatal") and log lines ("log", with their level),
    /// and `on_failed(on_delivery, code, value)` of single records. Raises ValueError for a wrong configuration.
    #[new]
    fn new(
        library: PathBuf,
        config: Vec<(String, String)>,
        topic: &str,
        headers: Headers,
        on_event: Py<PyAny>,
        on_failed: Py<PyAny>,
    ) -> PyResult<Self> {
        let handle = Arc::new(Handle::open(&library, &config, topic).map_err(PyValueError::new_err)?);
        Ok(Self { handle, tickets: Mutex::default(), headers, on_event, on_failed })
    }

    /// Readable when there is something to `poll`.
    #[getter]
    fn fd(&self) -> c_int {
        self.handle.wake
    }

    /// Queue one record; false when the client takes no more. `on_delivery(None, None)` is called when Kafka has it.
    fn produce(&self, key: &str, value: &[u8], more: Headers, on_delivery: Py<PyAny>) -> bool {
        let ticket = self.lock().open(Waiter::One(on_delivery, None), 1);
        let taken = self.send(key.as_bytes(), value, &more, ticket);
        if !taken {
            self.lock().shrink(ticket, 0);
        }
        taken
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
        if size as isize > room {
            return None;
        }
        let ticket = self.lock().open(Waiter::One(on_delivery, None), 1);
        if !self.send(order.key, &order.value, &[], ticket) {
            self.lock().shrink(ticket, 0);
            return None;
        }
        Some((size, PyBytes::new(py, &order.answer())))
    }

    /// Queue a record for each of the orders until the client takes no more; returns how many it took.
    /// `on_done(failed)` is called once all of those are delivered or have failed, with (place, error code) of these.
    fn produce_orders(&self, py: Python<'_>, orders: &Orders, more: Headers, on_done: Py<PyAny>) -> PyResult<usize> {
        if !orders.complete() {
            return Err(PyValueError::new_err("some orders have no id yet"));
        }
        let body = orders.body(py);
        let spans = orders.spans();
        let ticket = self.lock().open(Waiter::Many(on_done), spans.len());
        let mut scratch = Vec::with_capacity(1024);
        let mut sent = 0;
        for (at, span) in spans.iter().enumerate() {
            let key = &body[span.key as usize..][..span.key_len as usize];
            if !self.send(key, orders.value(body, at, &mut scratch), &more, ticket + at as u64) {
                break;
            }
            sent += 1;
        }
        if sent < spans.len() {
            self.lock().shrink(ticket, sent);
        }
        Ok(sent)
    }

    /// Take all that has come to an end and call who waits for it. Never waits.
    fn poll(&self, py: Python<'_>) -> PyResult<()> {
        self.handle.calm();
        while self.poll_once(py, 0)? {}
        Ok(())
    }

    /// Send at once and wait for at most `seconds` until nothing is in flight; returns how many records still are.
    fn flush(&self, py: Python<'_>, seconds: f64) -> PyResult<usize> {
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        loop {
            self.poll(py)?;
            let left = self.lock().open_records();
            if left == 0 || Instant::now() >= end {
                return Ok(left);
            }
            let handle = &self.handle;
            py.detach(|| unsafe { (handle.api.flush)(handle.rk, 20) });
        }
    }

    /// The topic's leaders, one broker id a partition, -1 for none, and the topic's error code. Raises OSError when Kafka can't be reached. For any thread.
    fn leaders(&self, py: Python<'_>, seconds: f64) -> PyResult<(Vec<i32>, c_int)> {
        let handle = self.handle.clone();
        py.detach(move || handle.leaders((seconds * 1000.0) as c_int)).map_err(PyOSError::new_err)
    }
}

impl Client {
    fn lock(&self) -> std::sync::MutexGuard<'_, Tickets> {
        // A panic while it was held would have to come from the slab itself, which stays whole.
        self.tickets.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    #[inline]
    fn send(&self, key: &[u8], value: &[u8], more: &[(CString, Vec<u8>)], opaque: u64) -> bool {
        let handle = &self.handle;
        let mut arguments = [Argument::flags(rdkafka::MSG_F_COPY); ARGUMENTS + MAX_HEADERS];
        arguments[1] = Argument::topic(handle.topic);
        arguments[2] = Argument::partition(rdkafka::PARTITION_UA);
        arguments[3] = Argument::value(value);
        arguments[4] = Argument::key(key);
        arguments[5] = Argument::opaque(opaque);
        let mut count = ARGUMENTS;
        for (name, value) in self.headers.iter().chain(more) {
            if count == arguments.len() {
                return false;
            }
            arguments[count] = Argument::header(name, value);
            count += 1;
        }
        // SAFETY: all that the arguments point at lives during the call, and the library copies it.
        unsafe {
            let error = (handle.api.produceva)(handle.rk, arguments.as_ptr(), count);
            if !error.is_null() {
                (handle.api.error_destroy)(error);
            }
            error.is_null()
        }
    }

    fn poll_once(&self, py: Python<'_>, wait_ms: c_int) -> PyResult<bool> {
        let api = &self.handle.api;
        // SAFETY: the queue lives as long as the handle; an event is used before it is destroyed.
        unsafe {
            let event = (api.queue_poll)(self.handle.queue, wait_ms);
            if event.is_null() {
                return Ok(false);
            }
            let outcome = match (api.event_type)(event) {
                rdkafka::EVENT_DR => self.delivered(py, event),
                rdkafka::EVENT_ERROR => self.trouble(py, event),
                rdkafka::EVENT_LOG => self.log(py, event),
                _ => Ok(()),
            };
            (api.event_destroy)(event);
            outcome.map(|()| true)
        }
    }

    unsafe fn delivered(&self, py: Python<'_>, event: *mut rdkafka::rd_kafka_event_t) -> PyResult<()> {
        let mut messages: [*const Message; 256] = [std::ptr::null(); 256];
        let mut done: Vec<Done> = Vec::new();
        loop {
            let count = unsafe { (self.handle.api.event_message_array)(event, messages.as_mut_ptr(), messages.len()) };
            if count == 0 {
                break;
            }
            let mut tickets = self.lock();
            for message in &messages[..count] {
                let message = unsafe { &**message };
                if let Some(mut ended) = tickets.settle(message.private as u64, message.err) {
                    if message.err != 0 {
                        ended.value = unsafe { message.value() }.unwrap_or_default().to_vec();
                    }
                    done.push(ended);
                }
            }
        }
        // Those who are told may at once produce more, so nothing is locked here. One that raises must not keep the
        // others from being told.
        for ended in done {
            if let Err(error) = self.tell(py, ended) {
                error.write_unraisable(py, None);
            }
        }
        Ok(())
    }

    fn tell(&self, py: Python<'_>, ended: Done) -> PyResult<()> {
        let told = match (ended.waiter, ended.failed.first()) {
            (Waiter::One(on_delivery, _), None) => on_delivery.call1(py, (py.None(), py.None())),
            (Waiter::One(on_delivery, _), Some((_, code))) => {
                self.on_failed.call1(py, (on_delivery, *code, PyBytes::new(py, &ended.value)))
            }
            (Waiter::Many(on_done), _) => on_done.call1(py, (ended.failed,)),
            (Waiter::Order(_), _) => return Ok(()), // this client has no desk
        };
        told.map(drop)
    }

    unsafe fn trouble(&self, py: Python<'_>, event: *mut rdkafka::rd_kafka_event_t) -> PyResult<()> {
        let api = &self.handle.api;
        let (mut code, mut words) =
            unsafe { ((api.event_error)(event), rdkafka::text((api.event_error_string)(event))) };
        let mut kind = "error";
        if code == rdkafka::ERR_FATAL {
            let mut buffer = [0 as c_char; 512];
            code = unsafe { (api.fatal_error)(self.handle.rk, buffer.as_mut_ptr(), buffer.len()) };
            words = unsafe { rdkafka::text(buffer.as_ptr()) };
            kind = "fatal";
        }
        let name = unsafe { rdkafka::text((api.err2name)(code)) };
        self.on_event.call1(py, (kind, code, name, words)).map(drop)
    }

    unsafe fn log(&self, py: Python<'_>, event: *mut rdkafka::rd_kafka_event_t) -> PyResult<()> {
        let (mut name, mut words, mut level) = (std::ptr::null(), std::ptr::null(), 0);
        unsafe {
            if (self.handle.api.event_log)(event, &mut name, &mut words, &mut level) != 0 {
                return Ok(());
            }
            self.on_event.call1(py, ("log", level, rdkafka::text(name), rdkafka::text(words))).map(drop)
        }
    }
}

/// The version of the librdkafka at a path, as text. Raises RuntimeError when it can't be used.
#[pyfunction]
pub fn library_version(library: PathBuf) -> PyResult<String> {
    let api = rdkafka::Api::open(&library).map_err(PyRuntimeError::new_err)?;
    // SAFETY: the text is static.
    Ok(unsafe { rdkafka::text((api.version_str)()) })
}
