//! The state that the event loop's thread and the sender thread share.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::kafka::access::Access;
use crate::kafka::waker::Waker;
use crate::lock::lock;
use crate::producer::accumulator::Accumulator;
use crate::producer::batch::ProducerConfig;

pub struct Shared<C> {
    pub accumulator: Mutex<Accumulator<C>>,
    pub topic: Mutex<TopicState>,
    /// How to open connections. Those that were opened otherwise are replaced when it changes.
    pub access: Mutex<Arc<Access>>,
    /// Notified when `topic` has been answered.
    pub topic_answered: Condvar,
    pub sender_waker: Arc<Waker>,
    pub event_loop_waker: Waker,
    /// What the sender has to report, in words.
    pub problems: Mutex<Vec<String>>,
    /// Why another client should send: a broker lacks what this one needs.
    pub unsupported: Mutex<Option<String>>,
    /// Why the sender has ended without being told to: nothing is sent any more.
    pub fault: Mutex<Option<String>>,
}

/// What the latest metadata says about the topic. `asked` counts the requests for it, `seen` is the value of `asked` at
/// the sender's latest turn, and `answered` the one when the latest answer arrived.
#[derive(Default)]
pub struct TopicState {
    /// Broker ids by partition, -1 for a partition without a leader.
    pub leaders: Vec<i32>,
    /// Kafka's error code, 0 for none.
    pub error: i16,
    pub asked: u64,
    pub seen: u64,
    pub answered: u64,
    /// What was wrong with the latest connection, empty once a broker has answered.
    pub no_answer: String,
    /// Tells the sender to end.
    pub stop: bool,
}

impl<C> Shared<C> {
    /// Nothing was produced and no metadata is known yet. Fails if a waker can't be made.
    pub fn new(config: ProducerConfig, access: Access) -> io::Result<Self> {
        Ok(Self {
            accumulator: Mutex::new(Accumulator::new(config)),
            topic: Mutex::default(),
            access: Mutex::new(Arc::new(access)),
            topic_answered: Condvar::new(),
            sender_waker: Arc::new(Waker::new()?),
            event_loop_waker: Waker::new()?,
            problems: Mutex::default(),
            unsupported: Mutex::default(),
            fault: Mutex::default(),
        })
    }

    pub fn accumulator(&self) -> MutexGuard<'_, Accumulator<C>> {
        lock(&self.accumulator)
    }

    /// Queue one record that was produced at `now`. Returns false when there is no room for it.
    pub fn enqueue(&self, key: &[u8], value: &[u8], headers: &[u8], callback: C, now: (Instant, i64)) -> bool {
        let mut accumulator = self.accumulator();
        let id = accumulator.in_flight.register(callback, 1);
        let accepted = accumulator.append(id, key, value, headers, now);
        if !accepted {
            accumulator.in_flight.truncate(id, 0);
        }
        self.wake_sender(accumulator);
        accepted
    }

    /// Use another access from now on.
    pub fn set_access(&self, access: Access) {
        *lock(&self.access) = Arc::new(access);
        self.sender_waker.wake();
    }

    /// Wake the sender if it would otherwise sleep past something that is due.
    pub fn wake_sender(&self, mut accumulator: MutexGuard<'_, Accumulator<C>>) {
        let wake = accumulator.claim_wakeup();
        drop(accumulator);
        if wake {
            self.sender_waker.wake();
        }
    }
}

/// The monotonic clock's time, and the wall clock's in Unix milliseconds.
pub fn now() -> (Instant, i64) {
    let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    (Instant::now(), ms)
}
