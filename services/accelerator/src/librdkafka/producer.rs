//! A producer for one topic over librdkafka: records in, one callback per request when all its records are delivered or
//! have failed.
//!
//! librdkafka puts delivery reports into a queue that wakes the event loop through a file descriptor. `poll` takes them
//! from there and counts them by request, without a Python object or call for each record.

use std::ffi::{CString, c_char, c_int};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

use crate::callback::{Callback, report};
use crate::librdkafka::ffi::{self as rdkafka, Argument, Message};
use crate::librdkafka::handle::Handle;
use crate::orders::sequence::Orders;
use crate::producer::in_flight::{Completed, InFlightTable};

/// Record headers as Python gives them.
type Headers = Vec<(CString, Vec<u8>)>;
/// Arguments of one `rd_kafka_produceva` besides the headers.
const ARGUMENTS: usize = 6;
const MAX_HEADERS: usize = 10;

/// All methods but `leaders` belong to one event loop's thread.
#[pyclass(frozen, module = "orderpipeline_accelerator")]
pub struct LibrdkafkaProducer {
    handle: Arc<Handle>,
    in_flight: Mutex<InFlightTable<Callback>>,
    headers: Headers,
    on_event: Py<PyAny>,
    on_failed: Py<PyAny>,
    /// Whether a fatal error has been reported.
    failed: AtomicBool,
}

#[pymethods]
impl LibrdkafkaProducer {
    /// A producer for `topic` that uses the librdkafka at `library`. `headers` are on every record. During `poll`,
    /// `on_event(kind, code, name, text)` reports errors ("error", "fatal") and log lines ("log", with the level for
    /// the code), and `on_failed(on_delivery, code, value)` single records that failed. After a fatal error, which is
    /// reported once, all records in flight fail and no more are taken. Raises ValueError for a configuration that
    /// librdkafka refuses.
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
        Ok(Self { handle, in_flight: Mutex::default(), headers, on_event, on_failed, failed: AtomicBool::new(false) })
    }

    /// Readable when there is something to `poll`.
    #[getter]
    fn fd(&self) -> c_int {
        self.handle.waker.fd
    }

    /// Queue one record. Returns false when librdkafka refuses it. `on_delivery(None, None)` is called when Kafka has
    /// it.
    fn produce(&self, key: &str, value: &[u8], more: Headers, on_delivery: Py<PyAny>) -> bool {
        let id = self.in_flight().register(Callback::Record(on_delivery, None), 1);
        let accepted = self.send(key.as_bytes(), value, &more, id);
        if !accepted {
            self.in_flight().truncate(id, 0);
        }
        accepted
    }

    /// Queue a record for each of the orders until librdkafka refuses one. Returns how many it queued. Once all of
    /// these are delivered or have failed, `on_done(failed)` is called with (index, error code) of each that failed.
    fn produce_orders(&self, py: Python<'_>, orders: &Orders, more: Headers, on_done: Py<PyAny>) -> PyResult<usize> {
        orders.require_ids()?;
        let body = orders.body(py);
        let spans = orders.spans();
        let first_id = self.in_flight().register(Callback::Batch(on_done), spans.len());
        let mut scratch = Vec::with_capacity(1024);
        let mut sent = 0;
        for (index, span) in spans.iter().enumerate() {
            let value = orders.value(body, index, &mut scratch);
            if !self.send(span.key(body), value, &more, first_id + index as u64) {
                break;
            }
            sent += 1;
        }
        if sent < spans.len() {
            self.in_flight().truncate(first_id, sent);
        }
        Ok(sent)
    }

    /// Run the callbacks of all requests that have completed, and report errors and log lines. Never waits.
    fn poll(&self, py: Python<'_>) -> PyResult<()> {
        self.handle.waker.reset();
        while self.poll_once(py)? {}
        Ok(())
    }

    /// Send at once, and wait for at most `seconds` until nothing is in flight. Returns how many records still are.
    fn flush(&self, py: Python<'_>, seconds: f64) -> PyResult<usize> {
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        loop {
            self.poll(py)?;
            let remaining = self.in_flight().records();
            if remaining == 0 || Instant::now() >= end {
                return Ok(remaining);
            }
            let handle = &self.handle;
            py.detach(|| unsafe { (handle.api.flush)(handle.rk, 20) });
        }
    }

    /// The broker id of each partition's leader, -1 for none, and the topic's error code. Waits for at most `seconds`;
    /// raises OSError when no broker has answered by then. May be called from any thread.
    fn leaders(&self, py: Python<'_>, seconds: f64) -> PyResult<(Vec<i32>, c_int)> {
        let handle = self.handle.clone();
        py.detach(move || handle.leaders((seconds * 1000.0) as c_int)).map_err(PyOSError::new_err)
    }
}

impl LibrdkafkaProducer {
    fn in_flight(&self) -> MutexGuard<'_, InFlightTable<Callback>> {
        self.in_flight.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    #[inline]
    fn send(&self, key: &[u8], value: &[u8], more: &[(CString, Vec<u8>)], record_id: u64) -> bool {
        let handle = &self.handle;
        let mut arguments = [Argument::flags(rdkafka::MSG_F_COPY); ARGUMENTS + MAX_HEADERS];
        arguments[1] = Argument::topic(handle.topic);
        arguments[2] = Argument::partition(rdkafka::PARTITION_UA);
        arguments[3] = Argument::value(value);
        arguments[4] = Argument::key(key);
        arguments[5] = Argument::opaque(record_id);
        let mut count = ARGUMENTS;
        for (name, value) in self.headers.iter().chain(more) {
            if count == arguments.len() {
                return false;
            }
            arguments[count] = Argument::header(name, value);
            count += 1;
        }
        // SAFETY: everything that the arguments point to lives during the call, and the library copies it.
        unsafe {
            let error = (handle.api.produceva)(handle.rk, arguments.as_ptr(), count);
            if !error.is_null() {
                (handle.api.error_destroy)(error);
            }
            error.is_null()
        }
    }

    fn poll_once(&self, py: Python<'_>) -> PyResult<bool> {
        let api = &self.handle.api;
        // SAFETY: the queue lives as long as the handle, and an event is used before it is destroyed.
        unsafe {
            let event = (api.queue_poll)(self.handle.queue, 0);
            if event.is_null() {
                return Ok(false);
            }
            let outcome = match (api.event_type)(event) {
                rdkafka::EVENT_DR => {
                    self.handle_delivery_reports(py, event);
                    Ok(())
                }
                rdkafka::EVENT_ERROR => self.report_error(py, event),
                rdkafka::EVENT_LOG => self.report_log_line(py, event),
                _ => Ok(()),
            };
            (api.event_destroy)(event);
            outcome.map(|()| true)
        }
    }

    unsafe fn handle_delivery_reports(&self, py: Python<'_>, event: *mut rdkafka::rd_kafka_event_t) {
        let mut messages: [*const Message; 256] = [std::ptr::null(); 256];
        let mut done: Vec<Completed<Callback>> = Vec::new();
        loop {
            let count = unsafe { (self.handle.api.event_message_array)(event, messages.as_mut_ptr(), messages.len()) };
            if count == 0 {
                break;
            }
            let mut in_flight = self.in_flight();
            for message in &messages[..count] {
                let message = unsafe { &**message };
                if let Some(mut completed) = in_flight.complete(message.private as u64, message.err) {
                    if message.err != 0 {
                        completed.value = unsafe { message.value() }.unwrap_or_default().to_vec();
                    }
                    done.push(completed);
                }
            }
        }
        // A callback may produce more, so nothing is locked here. One that raises must not keep the others from being
        // called.
        for completed in done {
            if let Err(error) = report(py, completed, &self.on_failed) {
                error.write_unraisable(py, None);
            }
        }
    }

    unsafe fn report_error(&self, py: Python<'_>, event: *mut rdkafka::rd_kafka_event_t) -> PyResult<()> {
        let api = &self.handle.api;
        let (mut code, mut text) =
            unsafe { ((api.event_error)(event), rdkafka::text((api.event_error_string)(event))) };
        let mut kind = "error";
        let mut buffer = [0 as c_char; 512];
        // Of a fatal error, the event has any of its codes, so the instance is asked.
        let fatal = unsafe { (api.fatal_error)(self.handle.rk, buffer.as_mut_ptr(), buffer.len()) };
        if fatal != 0 && !self.failed.swap(true, Ordering::Relaxed) {
            (kind, code, text) = ("fatal", fatal, unsafe { rdkafka::text(buffer.as_ptr()) });
            // It sends nothing any more. What is in flight may be in the log.
            unsafe { (api.purge)(self.handle.rk, rdkafka::PURGE_ALL) };
        }
        let name = unsafe { rdkafka::text((api.err2name)(code)) };
        self.on_event.call1(py, (kind, code, name, text)).map(drop)
    }

    unsafe fn report_log_line(&self, py: Python<'_>, event: *mut rdkafka::rd_kafka_event_t) -> PyResult<()> {
        let (mut name, mut text, mut level) = (std::ptr::null(), std::ptr::null(), 0);
        unsafe {
            if (self.handle.api.event_log)(event, &mut name, &mut text, &mut level) != 0 {
                return Ok(());
            }
            self.on_event.call1(py, ("log", level, rdkafka::text(name), rdkafka::text(text))).map(drop)
        }
    }
}
