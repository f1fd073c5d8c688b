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

use crate::handle::Handle;
use crate::orders::Orders;
use crate::rdkafka::{self, Argument, Message};
use crate::tickets::{Done, Tickets};

/// Record headers as Python gives them.
type Headers = Vec<(CString, Vec<u8>)>;

/// Belongs to one event loop's thread, but for `leaders`.
#[pyclass(frozen, module = "orderpipeline_accelerator")]
pub struct Client {
    handle: Arc<Handle>,
    tickets: Mutex<Tickets>,
    on_event: Py<PyAny>,
}

#[pymethods]
impl Client {
    /// A client by the librdkafka at `library` for `topic`. `on_event(kind, level, name, text)` is told of errors
    /// ("error", "fatal") and log lines ("log"), from within `poll`. Raises ValueError for a wrong configuration.
    #[new]
    fn new(library: PathBuf, config: Vec<(String, String)>, topic: &str, on_event: Py<PyAny>) -> PyResult<Self> {
        let handle = Handle::open(&library, &config, topic).map_err(PyValueError::new_err)?;
        Ok(Self { handle: Arc::new(handle), tickets: Mutex::default(), on_event })
    }

    /// Readable when there is something to `poll`.
    #[getter]
    fn fd(&self) -> c_int {
        self.handle.wake
    }

    /// Queue one record; false when the client takes no more. `on_done(failed)` is called once, with None when it is
    /// delivered, else with a list of one (0, error code).
    fn produce(&self, key: &str, value: &[u8], headers: Headers, on_done: Py<PyAny>) -> bool {
        let ticket = self.lock().open(1, on_done);
        let taken = self.send(key.as_bytes(), value, &headers, ticket) == 0;
        if !taken {
            drop(self.lock().shrink(ticket, 0));
        }
        taken
    }

    /// Queue a record for each of the orders until the client takes no more; returns how many it took.
    /// `on_done(failed)` is called once when all of those are delivered (None) or some have failed: (place, code).
    fn produce_orders(&self, py: Python<'_>, orders: &Orders, headers: Headers, on_done: Py<PyAny>) -> PyResult<usize> {
        if !orders.complete() {
            return Err(PyValueError::new_err("some orders have no id yet"));
        }
        let body = orders.body(py);
        let spans = orders.spans();
        let ticket = self.lock().open(spans.len(), on_done);
        let mut scratch = Vec::with_capacity(1024);
        let mut sent = 0;
        for (at, span) in spans.iter().enumerate() {
            let key = &body[span.key as usize..][..span.key_len as usize];
            let value = orders.value(body, at, &mut scratch);
            if self.send(key, value, &headers, ticket + at as u64) != 0 {
                break;
            }
            sent += 1;
        }
        if sent < spans.len() {
            drop(self.lock().shrink(ticket, sent));
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

    /// The topic's leaders, one broker id a partition, -1 for none; or the error's name and text. For any thread.
    fn leaders(&self, py: Python<'_>, seconds: f64) -> Result<Vec<i32>, PyErr> {
        let handle = self.handle.clone();
        let found = py.detach(move || handle.leaders((seconds * 1000.0) as c_int));
        found.map_err(PyOSError::new_err)
    }
}

impl Client {
    fn lock(&self) -> std::sync::MutexGuard<'_, Tickets> {
        // A panic while it was held would have to come from the slab itself, which stays whole.
        self.tickets.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    #[inline]
    fn send(&self, key: &[u8], value: &[u8], headers: &Headers, opaque: u64) -> c_int {
        let handle = &self.handle;
        let mut arguments = [Argument::flags(rdkafka::MSG_F_COPY); 16];
        arguments[1] = Argument::topic(handle.topic);
        arguments[2] = Argument::partition(rdkafka::PARTITION_UA);
        arguments[3] = Argument::value(value);
        arguments[4] = Argument::key(key);
        arguments[5] = Argument::opaque(opaque);
        let mut count = 6;
        for (name, value) in headers {
            if count == arguments.len() {
                return -1;
            }
            arguments[count] = Argument::header(name, value);
            count += 1;
        }
        // SAFETY: all that the arguments point at lives during the call, and the library copies it.
        unsafe {
            let error = (handle.api.produceva)(handle.rk, arguments.as_ptr(), count);
            if error.is_null() {
                return 0;
            }
            let code = (handle.api.error_code)(error);
            (handle.api.error_destroy)(error);
            code
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
                done.extend(tickets.settle(message.private as u64, message.err));
            }
        }
        // Those who are told may at once produce more, so nothing is locked here. One that fails must not keep the
        // others from being told.
        for each in done {
            let failed = (!each.failed.is_empty()).then_some(each.failed);
            if let Err(error) = each.on_done.call1(py, (failed,)) {
                error.write_unraisable(py, None);
            }
        }
        Ok(())
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
