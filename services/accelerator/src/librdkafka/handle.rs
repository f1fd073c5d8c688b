//! A librdkafka producer instance with its topic and its event queue.

use std::ffi::{CString, c_char, c_int};
use std::path::Path;

use pyo3::prelude::*;

use crate::kafka::waker::Waker;
use crate::librdkafka::ffi::{self as rdkafka, Api};

pub struct Handle {
    pub api: Api,
    pub rk: *mut rdkafka::rd_kafka_t,
    pub topic: *mut rdkafka::rd_kafka_topic_t,
    pub queue: *mut rdkafka::rd_kafka_queue_t,
    /// Woken when the queue has something to poll.
    pub waker: Waker,
}

// SAFETY: librdkafka allows calls from any thread on instances, topics and queues.
unsafe impl Send for Handle {}
unsafe impl Sync for Handle {}

impl Handle {
    /// Create the instance. The error names the property that is wrong.
    pub fn open(library: &Path, config: &[(String, String)], topic: &str) -> Result<Self, String> {
        let api = Api::open(library)?;
        let topic_name = CString::new(topic).map_err(|_| "the topic's name contains a NUL".to_string())?;
        let mut words = [0 as c_char; 512];
        // SAFETY: the pointers come from the library or live during the call, and `new` takes over the configuration.
        unsafe {
            let conf = (api.conf_new)();
            for (name, value) in config.iter().map(|(n, v)| (n.as_str(), v.as_str())).chain([("log.queue", "true")]) {
                let set = CString::new(name).ok().zip(CString::new(value).ok()).map(|(name, value)| {
                    (api.conf_set)(conf, name.as_ptr(), value.as_ptr(), words.as_mut_ptr(), words.len())
                });
                if set != Some(0) {
                    (api.conf_destroy)(conf);
                    return Err(format!("{name}: {}", rdkafka::text(words.as_ptr())));
                }
            }
            (api.conf_set_events)(conf, rdkafka::EVENT_DR | rdkafka::EVENT_ERROR | rdkafka::EVENT_LOG);
            let rk = (api.new)(rdkafka::PRODUCER, conf, words.as_mut_ptr(), words.len());
            if rk.is_null() {
                (api.conf_destroy)(conf);
                return Err(rdkafka::text(words.as_ptr()));
            }
            (api.set_log_queue)(rk, std::ptr::null_mut());
            let topic = (api.topic_new)(rk, topic_name.as_ptr(), std::ptr::null_mut());
            let last_error = std::io::Error::last_os_error();
            let waker = if topic.is_null() { Err(last_error) } else { Waker::new() };
            let waker = waker.map_err(|error| {
                (api.destroy)(rk);
                format!("can't use topic {}: {error}", topic_name.to_string_lossy())
            })?;
            let queue = (api.queue_get_main)(rk);
            let one = 1u64;
            (api.queue_io_event_enable)(queue, waker.fd, (&raw const one).cast(), size_of::<u64>());
            Ok(Self { api, rk, topic, queue, waker })
        }
    }

    /// The broker id of each partition's leader, -1 for none, and the topic's error code. The error says why there is no
    /// answer.
    pub fn leaders(&self, wait_ms: c_int) -> Result<(Vec<i32>, c_int), String> {
        let mut found: *const rdkafka::Metadata = std::ptr::null();
        // SAFETY: the library fills in `found`, which is read before it is destroyed.
        unsafe {
            let code = (self.api.metadata)(self.rk, 0, self.topic, &mut found, wait_ms);
            if code != 0 {
                return Err(rdkafka::text((self.api.err2str)(code)));
            }
            let mut outcome = (Vec::new(), 0);
            for topic in slice((*found).topics, (*found).topic_cnt) {
                outcome.0 = slice(topic.partitions, topic.partition_cnt).iter().map(|each| each.leader).collect();
                outcome.1 = topic.err;
            }
            (self.api.metadata_destroy)(found);
            Ok(outcome)
        }
    }
}

/// A C array as a slice.
unsafe fn slice<'a, T>(first: *const T, count: c_int) -> &'a [T] {
    if count <= 0 || first.is_null() {
        return &[];
    }
    unsafe { std::slice::from_raw_parts(first, count as usize) }
}

impl Handle {
    fn destroy(&self) {
        // SAFETY: nothing else uses the handle any more. What is still in the queue is dropped with it.
        unsafe {
            (self.api.queue_io_event_enable)(self.queue, -1, std::ptr::null(), 0);
            (self.api.queue_destroy)(self.queue);
            (self.api.topic_destroy)(self.topic);
            (self.api.destroy)(self.rk);
        }
    }
}

impl Drop for Handle {
    /// The library waits for its threads to end. Python's other threads go on meanwhile.
    fn drop(&mut self) {
        let handle = &*self;
        if Python::try_attach(|py| py.detach(|| handle.destroy())).is_none() {
            handle.destroy(); // the interpreter is gone
        }
    }
}
