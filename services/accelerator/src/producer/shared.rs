//! What the event loop's thread and the sender share.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::producer::accumulator::Log;
use crate::producer::in_flight::Waiter;
use crate::producer::waker::Bell;

/// What both threads see.
pub struct Shared {
    pub log: Mutex<Log>,
    pub topic: Mutex<Topic>,
    pub told: Condvar,
    /// Wakes the sender.
    pub sender: Bell,
    /// Wakes the event loop.
    pub waiter: Bell,
    pub events: Mutex<Vec<String>>,
}

/// What is known of the topic. `asked` and `answered` count the questions for it.
#[derive(Default)]
pub struct Topic {
    pub leaders: Vec<i32>,
    pub error: i16,
    pub asked: u64,
    pub answered: u64,
    pub stop: bool,
}

impl Shared {
    pub fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }

    /// Queue one record at this time; false when the client takes no more.
    pub fn queue(&self, key: &[u8], value: &[u8], headers: &[u8], waiter: Waiter, now: (Instant, i64)) -> bool {
        let mut log = self.log();
        let ticket = log.tickets.open(waiter, 1);
        let taken = log.append(ticket, key, value, headers, now);
        if !taken {
            log.tickets.shrink(ticket, 0);
        }
        self.ring(log);
        taken
    }

    /// Wake the sender if it has to be.
    pub fn ring(&self, mut log: MutexGuard<'_, Log>) {
        let rings = log.rings();
        drop(log);
        if rings {
            self.sender.ring();
        }
    }
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The time, by the clock that only goes forward and as Kafka writes it.
pub fn now() -> (Instant, i64) {
    let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    (Instant::now(), ms)
}
