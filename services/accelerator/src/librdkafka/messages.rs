//! Messages in librdkafka's memory.

use std::ffi::{c_char, c_int, c_void};
use std::sync::{Arc, RwLock, RwLockReadGuard};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::consumer::records::RecordInfo;
use crate::librdkafka::ffi::{self as rdkafka, Api, Message};
use crate::orders::order::read_value;

/// Bytes that librdkafka holds for a message in addition to its key and value.
pub const OVERHEAD: usize = 512;

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

    /// Nothing is released meanwhile.
    pub fn read(&self) -> PyResult<Readable<'_>> {
        let messages = self.messages.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        if messages.is_empty() {
            return Err(PyRuntimeError::new_err("the consumer is closed; orders can be read only while it is open"));
        }
        Ok(Readable { api: &self.api, messages })
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        self.release();
    }
}

/// Messages that are alive as long as this is.
pub struct Readable<'a> {
    api: &'a Api,
    messages: RwLockReadGuard<'a, Vec<*mut Message>>,
}

impl Readable<'_> {
    pub fn key(&self, index: usize) -> Option<&[u8]> {
        // SAFETY: the message is alive.
        unsafe { (*self.messages[index]).key() }
    }

    pub fn value(&self, index: usize) -> Option<&[u8]> {
        // SAFETY: the message is alive.
        unsafe { (*self.messages[index]).value() }
    }

    pub fn timestamp(&self, index: usize) -> i64 {
        let mut kind: c_int = 0;
        // SAFETY: the message is alive.
        unsafe { (self.api.message_timestamp)(self.messages[index], &mut kind) }
    }

    pub fn headers(&self, index: usize) -> Vec<(String, Option<&[u8]>)> {
        let mut list: *mut rdkafka::rd_kafka_headers_t = std::ptr::null_mut();
        let mut found = Vec::new();
        // SAFETY: the message is alive and owns the list, which owns the names and values.
        unsafe {
            if (self.api.message_headers)(self.messages[index], &mut list) != 0 {
                return found;
            }
            let (mut name, mut value, mut size) = (std::ptr::null::<c_char>(), std::ptr::null::<c_void>(), 0usize);
            while (self.api.header_get_all)(list, found.len(), &mut name, &mut value, &mut size) == 0 {
                let bytes = (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast::<u8>(), size));
                found.push((rdkafka::text(name), bytes));
            }
        }
        found
    }
}

impl RecordInfo {
    /// # Safety
    /// librdkafka made the message, and it has not been destroyed.
    pub unsafe fn of(message: &Message) -> Self {
        let order = unsafe { message.value() }.and_then(read_value);
        let size = u32::try_from(message.len + message.key_len).unwrap_or(u32::MAX);
        Self { offset: message.offset, size, order }
    }
}
