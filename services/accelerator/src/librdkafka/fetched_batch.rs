//! Records of one partition in the order of their offsets, still in librdkafka's memory.

use std::collections::HashSet;
use std::ffi::{c_char, c_int, c_void};
use std::sync::{Arc, RwLock, RwLockReadGuard};

use pyo3::exceptions::{PyIndexError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::librdkafka::ffi::{self as rdkafka, Api, Message};
use crate::orders::json::JsonReader;
use crate::orders::order::Span;

type Headers<'py> = Vec<(String, Option<Bound<'py, PyBytes>>)>;
/// Offset, timestamp in Unix milliseconds, key, value, headers.
type Record<'py> = (i64, i64, Option<Bound<'py, PyBytes>>, Option<Bound<'py, PyBytes>>, Headers<'py>);

/// Messages that are ours until they are released, which they must be before their consumer is closed.
pub struct Messages {
    api: Arc<Api>,
    messages: RwLock<Vec<*mut Message>>,
}

// SAFETY: messages may be read and destroyed by any thread.
unsafe impl Send for Messages {}
unsafe impl Sync for Messages {}

impl Messages {
    pub fn new(api: Arc<Api>, messages: Vec<*mut Message>) -> Self {
        Self { api, messages: RwLock::new(messages) }
    }

    pub fn release(&self) {
        let mut messages = self.messages.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        for message in messages.drain(..) {
            // SAFETY: each was taken from the queue once and is destroyed once.
            unsafe { (self.api.message_destroy)(message) };
        }
    }

    fn read(&self) -> PyResult<RwLockReadGuard<'_, Vec<*mut Message>>> {
        let messages = self.messages.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        if messages.is_empty() {
            return Err(PyRuntimeError::new_err("the consumer is closed; orders can be read only while it is open"));
        }
        Ok(messages)
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        self.release();
    }
}

/// What was found out about a record when it was fetched.
pub struct RecordInfo {
    pub offset: i64,
    /// Bytes of the key and the value.
    size: u32,
    /// The order that the value is, if it is a simple one, which Python need not check again.
    order: Option<Span>,
}

impl RecordInfo {
    /// # Safety
    /// librdkafka made the message, and it has not been destroyed.
    pub unsafe fn of(message: &Message) -> Self {
        let value = unsafe { message.value() };
        let order = value.filter(|value| simdutf8::basic::from_utf8(value).is_ok()).and_then(|value| {
            let mut reader = JsonReader::new(value);
            reader.order().filter(|_| reader.at == value.len())
        });
        let size = u32::try_from(message.len + message.key_len).unwrap_or(u32::MAX);
        Self { offset: message.offset, size, order }
    }
}

/// Methods take indices from 0 to the batch's length: `start` is the first, `end` is after the last.
#[pyclass(frozen, module = "orderpipeline_accelerator")]
pub struct FetchedBatch {
    messages: Arc<Messages>,
    infos: Vec<RecordInfo>,
    #[pyo3(get)]
    partition: i32,
    /// The leader epoch in which all of them were written; None if unknown.
    #[pyo3(get)]
    leader_epoch: Option<i32>,
}

impl FetchedBatch {
    pub fn new(messages: Arc<Messages>, partition: i32, leader_epoch: i32, infos: Vec<RecordInfo>) -> Self {
        Self { messages, infos, partition, leader_epoch: (leader_epoch >= 0).then_some(leader_epoch) }
    }

    fn infos(&self, start: usize, end: usize) -> PyResult<&[RecordInfo]> {
        let outside = || PyIndexError::new_err(format!("{start} to {end} of {} records", self.infos.len()));
        self.infos.get(start..end).ok_or_else(outside)
    }

    /// The result of `make` for each record.
    fn map<T>(&self, start: usize, end: usize, mut make: impl FnMut(&RecordInfo, &Message) -> T) -> PyResult<Vec<T>> {
        let infos = self.infos(start, end)?;
        let messages = self.messages.read()?;
        // SAFETY: the lock keeps the messages alive.
        Ok(infos.iter().zip(&messages[start..end]).map(|(info, message)| make(info, unsafe { &**message })).collect())
    }
}

#[pymethods]
impl FetchedBatch {
    fn __len__(&self) -> usize {
        self.infos.len()
    }

    fn offset(&self, index: usize) -> PyResult<i64> {
        Ok(self.infos(index, index + 1)?[0].offset)
    }

    /// Whether all of these are simple orders, which Python need not check again. False does not mean that one is invalid.
    fn all_valid(&self, start: usize, end: usize) -> PyResult<bool> {
        Ok(self.infos(start, end)?.iter().all(|info| info.order.is_some()))
    }

    /// Whether all of these are simple orders with an order_id of their own.
    fn all_have_ids(&self, start: usize, end: usize) -> PyResult<bool> {
        Ok(self.infos(start, end)?.iter().all(|info| info.order.is_some_and(|span| span.has_id())))
    }

    /// Bytes of keys and values.
    fn size(&self, start: usize, end: usize) -> PyResult<usize> {
        Ok(self.infos(start, end)?.iter().map(|info| info.size as usize).sum())
    }

    /// The customers of these orders, each once. All must be simple.
    fn ordering_keys(&self, start: usize, end: usize) -> PyResult<HashSet<String>> {
        let keys = self.map(start, end, |info, message| {
            // SAFETY: the message is alive.
            let value = unsafe { message.value() }.unwrap_or_default();
            String::from_utf8_lossy(info.order.unwrap_or_default().key(value)).into_owned()
        })?;
        Ok(keys.into_iter().collect())
    }

    /// The values as one JSON array. All must be simple orders.
    fn json_array<'py>(&self, py: Python<'py>, start: usize, end: usize) -> PyResult<Bound<'py, PyBytes>> {
        let mut joined = Vec::with_capacity(self.size(start, end)? + 2);
        joined.push(b'[');
        self.map(start, end, |_, message| {
            if joined.len() > 1 {
                joined.push(b',');
            }
            // SAFETY: the message is alive.
            joined.extend_from_slice(unsafe { message.value() }.unwrap_or_default());
        })?;
        joined.push(b']');
        Ok(PyBytes::new(py, &joined))
    }

    /// Unix milliseconds of each record.
    fn timestamps(&self, start: usize, end: usize) -> PyResult<Vec<i64>> {
        self.map(start, end, |_, message| timestamp(&self.messages.api, message))
    }

    /// Each record in full.
    fn records<'py>(&self, py: Python<'py>, start: usize, end: usize) -> PyResult<Vec<Record<'py>>> {
        let api = &self.messages.api;
        self.map(start, end, |info, message| {
            // SAFETY: the message is alive.
            let (key, value) = unsafe { (message.key(), message.value()) };
            let [key, value] = [key, value].map(|bytes| bytes.map(|bytes| PyBytes::new(py, bytes)));
            (info.offset, timestamp(api, message), key, value, headers(py, api, message))
        })
    }
}

fn timestamp(api: &Api, message: &Message) -> i64 {
    let mut kind: c_int = 0;
    // SAFETY: the message is alive.
    unsafe { (api.message_timestamp)(message, &mut kind) }
}

fn headers<'py>(py: Python<'py>, api: &Api, message: &Message) -> Headers<'py> {
    let mut list: *mut rdkafka::rd_kafka_headers_t = std::ptr::null_mut();
    let mut found = Headers::new();
    // SAFETY: the message is alive and owns the list, which owns the names and values.
    unsafe {
        if (api.message_headers)(message, &mut list) != 0 {
            return found;
        }
        let (mut name, mut value, mut size) = (std::ptr::null::<c_char>(), std::ptr::null::<c_void>(), 0usize);
        while (api.header_get_all)(list, found.len(), &mut name, &mut value, &mut size) == 0 {
            let bytes = (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast::<u8>(), size));
            found.push((rdkafka::text(name), bytes.map(|bytes| PyBytes::new(py, bytes))));
        }
    }
    found
}
