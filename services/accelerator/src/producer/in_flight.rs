//! The table of requests in flight: one entry with one callback for all records of a request, and an id per record.

use std::ffi::c_int;
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// A record's id is its entry's slot, then its position within the request.
const POSITION_BITS: u32 = 32;

/// What to call when the records of a request are delivered or have failed.
pub enum Callback {
    /// For a single record, with its value where the client does not give it back.
    Record(Py<PyAny>, Option<Vec<u8>>),
    /// For several records of one request.
    Batch(Py<PyAny>),
    /// For an order of the fast path.
    Order(FastPathOrder),
}

/// A single order that the fast path accepted.
pub struct FastPathOrder {
    /// None when no reply waits for it: it was sent at once, or the wait was abandoned.
    pub on_reply: Option<Py<PyAny>>,
    /// The JSON of the reply when the order is delivered.
    pub answer: Vec<u8>,
    /// Bytes that it counts for in the in-flight budget.
    pub size: usize,
    pub started: Instant,
}

struct Entry {
    remaining: usize,
    failed: Vec<(u32, c_int)>,
    callback: Callback,
}

/// A request whose records are all delivered or have failed.
pub struct Completed {
    /// Position within the request and error code of each record that failed.
    pub failed: Vec<(u32, c_int)>,
    pub callback: Callback,
    /// The value of a single record that failed, where the client gives it back.
    pub value: Vec<u8>,
}

impl Completed {
    /// Call back, but for orders of the fast path: `on_delivery(None, None)` for a record that is delivered,
    /// `on_failed(on_delivery, code, value)` for one that has failed, and `on_done(failed)` for several.
    pub fn report(self, py: Python<'_>, on_failed: &Py<PyAny>) -> PyResult<()> {
        match (self.callback, self.failed.first()) {
            (Callback::Record(on_delivery, _), None) => on_delivery.call1(py, (py.None(), py.None())),
            (Callback::Record(on_delivery, kept), Some((_, code))) => {
                let value = PyBytes::new(py, kept.as_ref().unwrap_or(&self.value));
                on_failed.call1(py, (on_delivery, *code, value))
            }
            (Callback::Batch(on_done), _) => on_done.call1(py, (self.failed,)),
            (Callback::Order(_), _) => return Ok(()),
        }
        .map(drop)
    }
}

#[derive(Default)]
pub struct InFlightTable {
    slots: Vec<Option<Entry>>,
    free: Vec<usize>,
    records: usize,
}

impl InFlightTable {
    /// Add a request of `records` records. Returns the id of the first; the others' ids follow it.
    pub fn register(&mut self, callback: Callback, records: usize) -> u64 {
        let entry = Some(Entry { remaining: records, failed: Vec::new(), callback });
        self.records += records;
        let slot = self.free.pop().unwrap_or(self.slots.len());
        if slot == self.slots.len() {
            self.slots.push(entry);
        } else {
            self.slots[slot] = entry;
        }
        (slot as u64) << POSITION_BITS
    }

    /// Keep only the first `sent` records of the request, none of which may have completed yet. With 0 the request is
    /// removed and its callback is never called.
    pub fn truncate(&mut self, first_id: u64, sent: usize) {
        let slot = (first_id >> POSITION_BITS) as usize;
        if let Some(entry) = self.slots[slot].as_mut() {
            self.records -= entry.remaining - sent;
            entry.remaining = sent;
            if sent == 0 {
                self.remove(slot);
            }
        }
    }

    /// Complete one record with an error code or 0. Returns the request if this was its last record.
    #[inline]
    pub fn complete(&mut self, record_id: u64, code: c_int) -> Option<Completed> {
        let slot = (record_id >> POSITION_BITS) as usize;
        let entry = self.slots.get_mut(slot)?.as_mut()?;
        if code != 0 {
            entry.failed.push((record_id as u32, code));
        }
        entry.remaining -= 1;
        self.records -= 1;
        if entry.remaining == 0 { self.remove(slot) } else { None }
    }

    /// Complete `count` records of the request in a slot, `failed` among them. Returns the request if these were its
    /// last records.
    pub fn complete_many(&mut self, slot: usize, count: usize, failed: Vec<(u32, c_int)>) -> Option<Completed> {
        let entry = self.slots.get_mut(slot)?.as_mut()?;
        entry.failed.extend(failed);
        entry.remaining -= count;
        self.records -= count;
        if entry.remaining == 0 { self.remove(slot) } else { None }
    }

    pub fn callbacks(&mut self) -> impl Iterator<Item = &mut Callback> {
        self.slots.iter_mut().flatten().map(|entry| &mut entry.callback)
    }

    /// How many records are in flight.
    pub fn records(&self) -> usize {
        self.records
    }

    fn remove(&mut self, slot: usize) -> Option<Completed> {
        let entry = self.slots[slot].take()?;
        self.free.push(slot);
        Some(Completed { failed: entry.failed, callback: entry.callback, value: Vec::new() })
    }
}
