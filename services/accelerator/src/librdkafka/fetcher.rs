//! Orders from Kafka, read and checked without a Python object for each.
//!
//! The consumer itself is confluent-kafka's: it is the group's member, answers rebalances, pauses and commits. Only its
//! partitions' messages are led to a queue of ours, from which they are taken many at a time.

use std::ffi::{CString, c_int};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

use crate::librdkafka::fetched_batch::{Held, Lot, Row};
use crate::librdkafka::ffi::{self as rdkafka, Api, Message};
use crate::orders::reader::Reader;

/// What a fetch brings: lots of messages, partitions whose end was reached with that end, and errors with their texts.
type Fetched = (Vec<Lot>, Vec<(i32, i64)>, Vec<(c_int, String)>);

/// The messages of a consumer's partitions. Belongs to the thread that polls the consumer.
#[pyclass(frozen, module = "orderpipeline_accelerator")]
pub struct Fetcher {
    api: Arc<Api>,
    rk: *mut rdkafka::rd_kafka_t,
    topic: CString,
    queue: Mutex<Queue>,
}

/// Our queue, null when it is closed, and the messages from it that are not given back yet.
struct Queue {
    queue: *mut rdkafka::rd_kafka_queue_t,
    held: Vec<Weak<Held>>,
}

// SAFETY: librdkafka's functions may be called by any thread on instances and queues.
unsafe impl Send for Fetcher {}
unsafe impl Sync for Fetcher {}
unsafe impl Send for Queue {}

/// Messages of one partition on the way into a lot.
struct Growing {
    partition: i32,
    messages: Vec<*mut Message>,
    rows: Vec<Row>,
}

struct Taken {
    lots: Vec<Growing>,
    ends: Vec<(i32, i64)>,
    errors: Vec<(c_int, String)>,
}

// SAFETY: messages may be used and given back by any thread.
unsafe impl Send for Taken {}

#[pymethods]
impl Fetcher {
    /// For the consumer whose `rd_kafka_t` is at `consumer`, of the librdkafka at `library`. Raises ValueError when
    /// there is no consumer of that name.
    #[new]
    fn new(library: PathBuf, consumer: usize, name: &str, topic: &str) -> PyResult<Self> {
        let api = Arc::new(Api::open(&library).map_err(PyOSError::new_err)?);
        let topic = CString::new(topic).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let rk = consumer as *mut rdkafka::rd_kafka_t;
        // SAFETY: the caller knows the version of who made the consumer; a consumer of another name is no such thing.
        let queue = unsafe {
            if rk.is_null() || !rdkafka::text((api.name)(rk)).starts_with(name) {
                return Err(PyValueError::new_err(format!("no consumer {name}")));
            }
            (api.queue_new)(rk)
        };
        Ok(Self { api, rk, topic, queue: Mutex::new(Queue { queue, held: Vec::new() }) })
    }

    /// Lead a partition's messages here. Call it before the partition is assigned: what is fetched then comes by here
    /// only.
    fn lead(&self, partition: i32) -> PyResult<()> {
        let queue = self.lock();
        // SAFETY: the consumer lives until `close`.
        unsafe {
            let from = (self.api.queue_get_partition)(self.rk, self.topic.as_ptr(), partition);
            if from.is_null() || queue.queue.is_null() {
                return Err(PyValueError::new_err(format!("no partition {partition}")));
            }
            (self.api.queue_forward)(from, queue.queue);
            (self.api.queue_destroy)(from);
        }
        Ok(())
    }

    /// Up to `most` messages; waits for at most `seconds` for the first and for no other.
    fn fetch(&self, py: Python<'_>, most: usize, seconds: f64) -> Fetched {
        let taken = py.detach(|| self.take(most, (seconds * 1000.0) as c_int));
        let mut queue = self.lock();
        queue.held.retain(|held| held.strong_count() > 0);
        let mut lots = Vec::with_capacity(taken.lots.len());
        for each in taken.lots {
            let held = Arc::new(Held::new(self.api.clone(), each.messages));
            queue.held.push(Arc::downgrade(&held));
            lots.push(Lot::new(held, each.partition, each.rows));
        }
        (lots, taken.ends, taken.errors)
    }

    /// Give everything back; before the consumer is closed. Lots that are still held are empty from then on.
    fn close(&self) {
        let mut queue = self.lock();
        for held in queue.held.drain(..).filter_map(|held| held.upgrade()) {
            held.give_back();
        }
        if !queue.queue.is_null() {
            // SAFETY: it is ours, and nobody uses it any more.
            unsafe { (self.api.queue_destroy)(queue.queue) };
            queue.queue = std::ptr::null_mut();
        }
    }
}

impl Fetcher {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn take(&self, most: usize, wait_ms: c_int) -> Taken {
        let mut taken = Taken { lots: Vec::new(), ends: Vec::new(), errors: Vec::new() };
        let queue = self.lock();
        if queue.queue.is_null() || most == 0 {
            return taken;
        }
        let mut messages: Vec<*mut Message> = vec![std::ptr::null_mut(); most];
        // SAFETY: the library fills in as many pointers as it says, and each is ours to give back.
        unsafe {
            // It waits until it has all it is asked for, hence one first and then what is there.
            let api = &self.api;
            let mut count = (api.consume_batch_queue)(queue.queue, wait_ms, messages.as_mut_ptr(), 1).max(0) as usize;
            if count == 1 && most > 1 {
                count +=
                    (api.consume_batch_queue)(queue.queue, 0, messages.as_mut_ptr().add(1), most - 1).max(0) as usize;
            }
            for &message in &messages[..count] {
                self.sort(message, &mut taken);
            }
        }
        taken
    }

    unsafe fn sort(&self, pointer: *mut Message, taken: &mut Taken) {
        let message = unsafe { &*pointer };
        if message.err != 0 {
            if message.err == rdkafka::ERR_PARTITION_EOF {
                taken.ends.push((message.partition, message.offset));
            } else {
                let words = unsafe { rdkafka::text((self.api.message_errstr)(pointer)) };
                taken.errors.push((message.err, words));
            }
            unsafe { (self.api.message_destroy)(pointer) };
            return;
        }
        let row = Row::of(message);
        // Offsets rise within a lot: one that goes back begins the log anew.
        let lot = taken.lots.iter_mut().rev().find(|lot| lot.partition == message.partition);
        match lot {
            Some(lot) if lot.rows.last().is_some_and(|last| last.offset < row.offset) => {
                lot.messages.push(pointer);
                lot.rows.push(row);
            }
            _ => taken.lots.push(Growing { partition: message.partition, messages: vec![pointer], rows: vec![row] }),
        }
    }
}

impl Row {
    fn of(message: &Message) -> Self {
        // SAFETY: the message has just been taken from the queue.
        let value = unsafe { message.value() };
        let span = value.filter(|value| simdutf8::basic::from_utf8(value).is_ok()).and_then(|value| {
            let mut reader = Reader::new(value);
            reader.order().filter(|_| reader.at == value.len())
        });
        let size = u32::try_from(message.len + message.key_len).unwrap_or(u32::MAX);
        Row {
            offset: message.offset,
            size,
            customer: span.map_or(0, |span| span.key),
            length: span.map_or(0, |span| span.key_len),
            plain: span.is_some(),
            named: span.is_some_and(|span| span.id_len > 0),
        }
    }
}
