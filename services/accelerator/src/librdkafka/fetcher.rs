//! Fetches a consumer's messages and checks their orders without a Python object for each.
//!
//! The consumer itself is confluent-kafka's: it is the member of the group, and it rebalances, pauses and commits. Only
//! its partitions' messages are forwarded to a queue of ours, from which they are fetched many at a time.

use std::ffi::{CString, c_int};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

use crate::consumer::records::RecordInfo;
use crate::fetched_batch::{FetchedBatch, Held};
use crate::librdkafka::ffi::{self as rdkafka, Api, Message};
use crate::librdkafka::messages::Messages;

/// Batches of messages, partitions whose end was reached with the offset of that end, and errors with their texts.
type Fetched = (Vec<FetchedBatch>, Vec<(i32, i64)>, Vec<(c_int, String)>);

/// All methods belong to the thread that polls the consumer.
#[pyclass(frozen, module = "orderpipeline_accelerator")]
pub struct Fetcher {
    api: Arc<Api>,
    rk: *mut rdkafka::rd_kafka_t,
    topic: CString,
    queue: Mutex<Queue>,
}

/// Our queue, null once it is closed, and the messages from it that are not released yet.
struct Queue {
    queue: *mut rdkafka::rd_kafka_queue_t,
    unreleased: Vec<Weak<Messages>>,
}

// SAFETY: librdkafka allows calls from any thread on instances and queues.
unsafe impl Send for Fetcher {}
unsafe impl Sync for Fetcher {}
unsafe impl Send for Queue {}

/// Messages of one partition and one leader epoch that will be a batch.
struct Growing {
    partition: i32,
    leader_epoch: i32,
    messages: Vec<*mut Message>,
    infos: Vec<RecordInfo>,
}

#[derive(Default)]
struct Polled {
    batches: Vec<Growing>,
    ends: Vec<(i32, i64)>,
    errors: Vec<(c_int, String)>,
}

// SAFETY: messages may be used and destroyed by any thread.
unsafe impl Send for Polled {}

#[pymethods]
impl Fetcher {
    /// For the consumer whose `rd_kafka_t` is at `consumer`, of the librdkafka at `library`. Raises ValueError unless
    /// its name begins with `name`.
    #[new]
    fn new(library: PathBuf, consumer: usize, name: &str, topic: &str) -> PyResult<Self> {
        let api = Arc::new(Api::open(&library).map_err(PyOSError::new_err)?);
        let topic = CString::new(topic).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let rk = consumer as *mut rdkafka::rd_kafka_t;
        // SAFETY: the caller knows the layout of the consumer's object. The name tells an instance from anything else.
        let queue = unsafe {
            if rk.is_null() || !rdkafka::text((api.name)(rk)).starts_with(name) {
                return Err(PyValueError::new_err(format!("no consumer {name}")));
            }
            (api.queue_new)(rk)
        };
        Ok(Self { api, rk, topic, queue: Mutex::new(Queue { queue, unreleased: Vec::new() }) })
    }

    /// Forward a partition's messages to this fetcher's queue. Call this before the partition is assigned, so that none
    /// of its messages arrives elsewhere.
    fn forward(&self, partition: i32) -> PyResult<()> {
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

    /// Fetch up to `max_messages` messages. Waits for at most `seconds` for the first, and for no other.
    fn fetch(&self, py: Python<'_>, max_messages: usize, seconds: f64) -> Fetched {
        let polled = py.detach(|| self.poll(max_messages, (seconds * 1000.0) as c_int));
        let mut queue = self.lock();
        queue.unreleased.retain(|messages| messages.strong_count() > 0);
        let mut batches = Vec::with_capacity(polled.batches.len());
        for batch in polled.batches {
            let messages = Arc::new(Messages::new(self.api.clone(), batch.messages));
            queue.unreleased.push(Arc::downgrade(&messages));
            batches.push(FetchedBatch::new(
                Held::Librdkafka(messages, batch.infos),
                batch.partition,
                batch.leader_epoch,
            ));
        }
        (batches, polled.ends, polled.errors)
    }

    /// Release all messages and the queue; call this before the consumer is closed. Batches that are still held can't
    /// be read afterwards.
    fn close(&self) {
        let mut queue = self.lock();
        for messages in queue.unreleased.drain(..).filter_map(|messages| messages.upgrade()) {
            messages.release();
        }
        if !queue.queue.is_null() {
            // SAFETY: the queue is ours, and nothing uses it any more.
            unsafe { (self.api.queue_destroy)(queue.queue) };
            queue.queue = std::ptr::null_mut();
        }
    }
}

impl Fetcher {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn poll(&self, max_messages: usize, wait_ms: c_int) -> Polled {
        let mut polled = Polled::default();
        let queue = self.lock();
        if queue.queue.is_null() || max_messages == 0 {
            return polled;
        }
        let mut messages: Vec<*mut Message> = vec![std::ptr::null_mut(); max_messages];
        // SAFETY: the library fills in as many pointers as it returns, and each message is ours to destroy.
        unsafe {
            // It waits until it has as many as it is asked for: hence one first, and then those that are there.
            let consume = self.api.consume_batch_queue;
            let mut count = consume(queue.queue, wait_ms, messages.as_mut_ptr(), 1).max(0) as usize;
            if count == 1 && max_messages > 1 {
                count += consume(queue.queue, 0, messages.as_mut_ptr().add(1), max_messages - 1).max(0) as usize;
            }
            for &message in &messages[..count] {
                self.add(message, &mut polled);
            }
        }
        polled
    }

    unsafe fn add(&self, pointer: *mut Message, polled: &mut Polled) {
        let message = unsafe { &*pointer };
        if message.err != 0 {
            if message.err == rdkafka::ERR_PARTITION_EOF {
                polled.ends.push((message.partition, message.offset));
            } else {
                let text = unsafe { rdkafka::text((self.api.message_errstr)(pointer)) };
                polled.errors.push((message.err, text));
            }
            unsafe { (self.api.message_destroy)(pointer) };
            return;
        }
        // SAFETY: the message has just been taken from the queue.
        let (info, leader_epoch) = unsafe { (RecordInfo::of(message), (self.api.message_leader_epoch)(pointer)) };
        // Offsets rise within a batch: where they go back, the log has been replaced and another batch begins. So does
        // one where the leader epoch changes.
        let batch = polled.batches.iter_mut().rev().find(|batch| batch.partition == message.partition);
        match batch {
            Some(batch)
                if batch.leader_epoch == leader_epoch
                    && batch.infos.last().is_some_and(|last| last.offset < info.offset) =>
            {
                batch.messages.push(pointer);
                batch.infos.push(info);
            }
            _ => {
                let (messages, infos) = (vec![pointer], vec![info]);
                polled.batches.push(Growing { partition: message.partition, leader_epoch, messages, infos });
            }
        }
    }
}
