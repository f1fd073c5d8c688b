//! Some records of one partition in the order of their offsets, still in librdkafka's memory.

use std::collections::HashSet;
use std::ffi::{c_char, c_int, c_void};
use std::sync::{Arc, RwLock, RwLockReadGuard};

use pyo3::exceptions::{PyIndexError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::librdkafka::ffi::{self as rdkafka, Api, Message};

type Headers<'py> = Vec<(String, Option<Bound<'py, PyBytes>>)>;
/// Offset, time in Unix milliseconds, key, value, headers.
type Record<'py> = (i64, i64, Option<Bound<'py, PyBytes>>, Option<Bound<'py, PyBytes>>, Headers<'py>);

/// Messages that are ours until they are given back; they must be before their consumer ends.
pub struct Held {
    api: Arc<Api>,
    messages: RwLock<Vec<*mut Message>>,
}

// SAFETY: messages may be read and given back by any thread.
unsafe impl Send for Held {}
unsafe impl Sync for Held {}

impl Held {
    pub fn new(api: Arc<Api>, messages: Vec<*mut Message>) -> Self {
        Self { api, messages: RwLock::new(messages) }
    }

    pub fn give_back(&self) {
        let mut messages = self.messages.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        for message in messages.drain(..) {
            // SAFETY: each was taken from the queue once and is given back once.
            unsafe { (self.api.message_destroy)(message) };
        }
    }

    fn read(&self) -> PyResult<RwLockReadGuard<'_, Vec<*mut Message>>> {
        let messages = self.messages.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        if messages.is_empty() {
            return Err(PyRuntimeError::new_err("the consumer is closed; look at orders while they are handled"));
        }
        Ok(messages)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// What is known of a record: where its customer stands in its value, and how long. `plain` orders are those that
/// need no second look by Python, `named` ones have an order_id, `size` is the bytes of key and value.
pub struct Row {
    pub offset: i64,
    pub size: u32,
    pub customer: u32,
    pub length: u16,
    pub plain: bool,
    pub named: bool,
}

/// Methods take places from 0 to the lot's length: `start` is the first, `end` is behind the last.
#[pyclass(frozen, module = "orderpipeline_accelerator")]
pub struct Lot {
    held: Arc<Held>,
    rows: Vec<Row>,
    #[pyo3(get)]
    partition: i32,
}

impl Lot {
    pub fn new(held: Arc<Held>, partition: i32, rows: Vec<Row>) -> Self {
        Self { held, rows, partition }
    }

    fn rows(&self, start: usize, end: usize) -> PyResult<&[Row]> {
        let outside = || PyIndexError::new_err(format!("{start} to {end} of {} records", self.rows.len()));
        self.rows.get(start..end).ok_or_else(outside)
    }

    /// What `look` makes of each record.
    fn each<T>(&self, start: usize, end: usize, mut look: impl FnMut(&Row, &Message) -> T) -> PyResult<Vec<T>> {
        let rows = self.rows(start, end)?;
        let messages = self.held.read()?;
        // SAFETY: the messages are there as long as the lock is held.
        Ok(rows.iter().zip(&messages[start..end]).map(|(row, message)| look(row, unsafe { &**message })).collect())
    }
}

#[pymethods]
impl Lot {
    fn __len__(&self) -> usize {
        self.rows.len()
    }

    fn offset(&self, place: usize) -> PyResult<i64> {
        Ok(self.rows(place, place + 1)?[0].offset)
    }

    /// Whether all of these are orders that Python would take just so.
    fn plain(&self, start: usize, end: usize) -> PyResult<bool> {
        Ok(self.rows(start, end)?.iter().all(|row| row.plain))
    }

    /// Whether all of these orders have an order_id.
    fn named(&self, start: usize, end: usize) -> PyResult<bool> {
        Ok(self.rows(start, end)?.iter().all(|row| row.named))
    }

    /// Bytes of keys and values.
    fn size(&self, start: usize, end: usize) -> PyResult<usize> {
        Ok(self.rows(start, end)?.iter().map(|row| row.size as usize).sum())
    }

    /// Whose orders these are, each customer once. All must be plain.
    fn customers(&self, start: usize, end: usize) -> PyResult<HashSet<String>> {
        let names = self.each(start, end, |row, message| {
            // SAFETY: the message is alive; the customer stood there when the row was made.
            let value = unsafe { message.value() }.unwrap_or_default();
            String::from_utf8_lossy(&value[row.customer as usize..][..usize::from(row.length)]).into_owned()
        })?;
        Ok(names.into_iter().collect())
    }

    /// The values as one JSON array. All must be plain.
    fn array<'py>(&self, py: Python<'py>, start: usize, end: usize) -> PyResult<Bound<'py, PyBytes>> {
        let mut joined = Vec::with_capacity(self.size(start, end)? + 2);
        joined.push(b'[');
        self.each(start, end, |_, message| {
            if joined.len() > 1 {
                joined.push(b',');
            }
            // SAFETY: the message is alive.
            joined.extend_from_slice(unsafe { message.value() }.unwrap_or_default());
        })?;
        joined.push(b']');
        Ok(PyBytes::new(py, &joined))
    }

    /// Unix milliseconds of each.
    fn timestamps(&self, start: usize, end: usize) -> PyResult<Vec<i64>> {
        self.each(start, end, |_, message| timestamp(&self.held.api, message))
    }

    /// All of each record.
    fn records<'py>(&self, py: Python<'py>, start: usize, end: usize) -> PyResult<Vec<Record<'py>>> {
        let api = &self.held.api;
        self.each(start, end, |row, message| {
            // SAFETY: the message is alive.
            let (key, value) = unsafe { (message.key(), message.value()) };
            let [key, value] = [key, value].map(|bytes| bytes.map(|bytes| PyBytes::new(py, bytes)));
            (row.offset, timestamp(api, message), key, value, headers(py, api, message))
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
    // SAFETY: the message is alive and owns the list, which owns names and values.
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
