//! Bindings to the parts of librdkafka's C interface that are used here, loaded at run time.
//!
//! The library is the one in the confluent-kafka wheel. It is opened by path, so that the process never has a second
//! one. Names and layouts are those of `rdkafka.h`.

#![allow(non_camel_case_types)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::Path;

use libloading::Library;

pub enum rd_kafka_t {}
pub enum rd_kafka_conf_t {}
pub enum rd_kafka_topic_t {}
pub enum rd_kafka_topic_conf_t {}
pub enum rd_kafka_queue_t {}
pub enum rd_kafka_event_t {}
pub enum rd_kafka_error_t {}
pub enum rd_kafka_headers_t {}

pub const PRODUCER: c_int = 0;
pub const EVENT_DR: c_int = 0x1;
pub const EVENT_LOG: c_int = 0x4;
pub const EVENT_ERROR: c_int = 0x8;
pub const MSG_F_COPY: c_int = 0x2;
pub const PARTITION_UA: i32 = -1;
/// All of `RD_KAFKA_PURGE_F_QUEUE`, `_INFLIGHT` and `_NON_BLOCKING`.
pub const PURGE_ALL: c_int = 0x1 | 0x2 | 0x4;
pub const ERR_PARTITION_EOF: c_int = -191;

/// `rd_kafka_message_t`. `private` is the opaque that the message was produced with.
#[repr(C)]
pub struct Message {
    pub err: c_int,
    pub topic: *mut rd_kafka_topic_t,
    pub partition: i32,
    pub payload: *mut c_void,
    pub len: usize,
    pub key: *mut c_void,
    pub key_len: usize,
    pub offset: i64,
    pub private: *mut c_void,
}

impl Message {
    /// The value of a record, None for a tombstone.
    ///
    /// # Safety
    /// librdkafka made the message, and it has not been destroyed.
    pub unsafe fn value(&self) -> Option<&[u8]> {
        (!self.payload.is_null()).then(|| unsafe { std::slice::from_raw_parts(self.payload.cast(), self.len) })
    }

    /// The key of a record, None when it has none.
    ///
    /// # Safety
    /// As for `value`.
    pub unsafe fn key(&self) -> Option<&[u8]> {
        (!self.key.is_null()).then(|| unsafe { std::slice::from_raw_parts(self.key.cast(), self.key_len) })
    }
}

#[repr(C)]
pub struct MetadataPartition {
    pub id: i32,
    pub err: c_int,
    pub leader: i32,
    pub replica_cnt: c_int,
    pub replicas: *mut i32,
    pub isr_cnt: c_int,
    pub isrs: *mut i32,
}

#[repr(C)]
pub struct MetadataTopic {
    pub topic: *mut c_char,
    pub partition_cnt: c_int,
    pub partitions: *mut MetadataPartition,
    pub err: c_int,
}

#[repr(C)]
pub struct Metadata {
    pub broker_cnt: c_int,
    pub brokers: *mut c_void,
    pub topic_cnt: c_int,
    pub topics: *mut MetadataTopic,
    pub orig_broker_id: i32,
    pub orig_broker_name: *mut c_char,
}

/// One argument of `rd_kafka_produceva`: `rd_kafka_vu_t`, whose union is 64 bytes wide.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Argument {
    kind: c_int,
    value: ArgumentValue,
}

#[repr(C)]
#[derive(Clone, Copy)]
union ArgumentValue {
    pointer: *const c_void,
    int: c_int,
    int32: i32,
    memory: (*const c_void, usize),
    header: (*const c_char, *const c_void, isize),
    pad: [u64; 8],
}

impl Argument {
    fn of(kind: c_int, set: impl FnOnce(&mut ArgumentValue)) -> Self {
        let mut value = ArgumentValue { pad: [0; 8] };
        set(&mut value);
        Self { kind, value }
    }

    pub fn topic(topic: *mut rd_kafka_topic_t) -> Self {
        Self::of(2, |v| v.pointer = topic as *const c_void)
    }

    pub fn partition(partition: i32) -> Self {
        Self::of(3, |v| v.int32 = partition)
    }

    pub fn value(value: &[u8]) -> Self {
        Self::of(4, |v| v.memory = (value.as_ptr().cast(), value.len()))
    }

    pub fn key(key: &[u8]) -> Self {
        Self::of(5, |v| v.memory = (key.as_ptr().cast(), key.len()))
    }

    pub fn opaque(opaque: u64) -> Self {
        Self::of(6, |v| v.pointer = opaque as *const c_void)
    }

    pub fn flags(flags: c_int) -> Self {
        Self::of(7, |v| v.int = flags)
    }

    pub fn header(name: &CStr, value: &[u8]) -> Self {
        Self::of(9, |v| v.header = (name.as_ptr(), value.as_ptr().cast(), value.len() as isize))
    }
}

macro_rules! api {
    ($($name:ident: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions, named without `rd_kafka_`.
        pub struct Api {
            $(pub $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
            _library: Library,
        }

        impl Api {
            /// Open the library at `path`. The error says what is missing from it.
            pub fn open(path: &Path) -> Result<Self, String> {
                // SAFETY: librdkafka's initialisers only set up its own state.
                let library = unsafe { Library::new(path) }.map_err(|e| format!("can't open {}: {e}", path.display()))?;
                Ok(Self {
                    $($name: unsafe {
                        // SAFETY: rdkafka.h declares the function with these types.
                        *library
                            .get(concat!("rd_kafka_", stringify!($name), "\0").as_bytes())
                            .map_err(|e| format!("{} lacks rd_kafka_{}: {e}", path.display(), stringify!($name)))?
                    },)*
                    _library: library,
                })
            }
        }
    };
}

api! {
    err2name: fn(c_int) -> *const c_char;
    err2str: fn(c_int) -> *const c_char;
    conf_new: fn() -> *mut rd_kafka_conf_t;
    conf_destroy: fn(*mut rd_kafka_conf_t);
    conf_set: fn(*mut rd_kafka_conf_t, *const c_char, *const c_char, *mut c_char, usize) -> c_int;
    conf_set_events: fn(*mut rd_kafka_conf_t, c_int);
    new: fn(c_int, *mut rd_kafka_conf_t, *mut c_char, usize) -> *mut rd_kafka_t;
    destroy: fn(*mut rd_kafka_t);
    purge: fn(*mut rd_kafka_t, c_int) -> c_int;
    fatal_error: fn(*mut rd_kafka_t, *mut c_char, usize) -> c_int;
    set_log_queue: fn(*mut rd_kafka_t, *mut rd_kafka_queue_t) -> c_int;
    topic_new: fn(*mut rd_kafka_t, *const c_char, *mut rd_kafka_topic_conf_t) -> *mut rd_kafka_topic_t;
    topic_destroy: fn(*mut rd_kafka_topic_t);
    queue_get_main: fn(*mut rd_kafka_t) -> *mut rd_kafka_queue_t;
    queue_destroy: fn(*mut rd_kafka_queue_t);
    queue_poll: fn(*mut rd_kafka_queue_t, c_int) -> *mut rd_kafka_event_t;
    queue_io_event_enable: fn(*mut rd_kafka_queue_t, c_int, *const c_void, usize);
    event_type: fn(*const rd_kafka_event_t) -> c_int;
    event_message_array: fn(*mut rd_kafka_event_t, *mut *const Message, usize) -> usize;
    event_error: fn(*mut rd_kafka_event_t) -> c_int;
    event_error_string: fn(*mut rd_kafka_event_t) -> *const c_char;
    event_log: fn(*mut rd_kafka_event_t, *mut *const c_char, *mut *const c_char, *mut c_int) -> c_int;
    event_destroy: fn(*mut rd_kafka_event_t);
    produceva: fn(*mut rd_kafka_t, *const Argument, usize) -> *mut rd_kafka_error_t;
    error_destroy: fn(*mut rd_kafka_error_t);
    flush: fn(*mut rd_kafka_t, c_int) -> c_int;
    metadata: fn(*mut rd_kafka_t, c_int, *mut rd_kafka_topic_t, *mut *const Metadata, c_int) -> c_int;
    metadata_destroy: fn(*const Metadata);
    name: fn(*const rd_kafka_t) -> *const c_char;
    queue_new: fn(*mut rd_kafka_t) -> *mut rd_kafka_queue_t;
    queue_get_partition: fn(*mut rd_kafka_t, *const c_char, i32) -> *mut rd_kafka_queue_t;
    queue_forward: fn(*mut rd_kafka_queue_t, *mut rd_kafka_queue_t);
    consume_batch_queue: fn(*mut rd_kafka_queue_t, c_int, *mut *mut Message, usize) -> isize;
    message_destroy: fn(*mut Message);
    message_errstr: fn(*const Message) -> *const c_char;
    message_timestamp: fn(*const Message, *mut c_int) -> i64;
    message_leader_epoch: fn(*const Message) -> i32;
    message_headers: fn(*const Message, *mut *mut rd_kafka_headers_t) -> c_int;
    header_get_all: fn(*const rd_kafka_headers_t, usize, *mut *const c_char, *mut *const c_void, *mut usize) -> c_int;
}

/// The text at a C pointer, empty for NULL.
///
/// # Safety
/// The pointer is NULL or a C string that lives during the call.
pub unsafe fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}
