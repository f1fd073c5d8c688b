//! Who waits for which records: a number for each record on its way, and one counter for all of a request.

use std::ffi::c_int;
use std::time::Instant;

use pyo3::prelude::*;

/// A record's number is its request's slot and its place in the request.
const PLACE_BITS: u32 = 32;

/// Who is told: of one record (and its value, kept where the client does not give it back), or of many.
pub enum Waiter {
    One(Py<PyAny>, Option<Vec<u8>>),
    Many(Py<PyAny>),
    Order(Order),
}

/// A single order that was taken with its request. Who is told, which is nobody where the reply did not wait, and with
/// which JSON; `size` is in bytes in flight.
pub struct Order {
    pub on_reply: Option<Py<PyAny>>,
    pub answer: Vec<u8>,
    pub size: usize,
    pub begun: Instant,
}

struct Ticket {
    left: usize,
    failed: Vec<(u32, c_int)>,
    waiter: Waiter,
}

/// A request of which all records are delivered or failed; `failed` has the places and error codes, `value` that of a
/// single record that failed.
pub struct Done {
    pub failed: Vec<(u32, c_int)>,
    pub waiter: Waiter,
    pub value: Vec<u8>,
}

#[derive(Default)]
pub struct Tickets {
    slots: Vec<Option<Ticket>>,
    free: Vec<usize>,
    open: usize,
}

impl Tickets {
    /// Expect `records` records; returns the number of the first, and the others' follow it.
    pub fn open(&mut self, waiter: Waiter, records: usize) -> u64 {
        let ticket = Some(Ticket { left: records, failed: Vec::new(), waiter });
        self.open += records;
        let slot = self.free.pop().unwrap_or(self.slots.len());
        if slot == self.slots.len() {
            self.slots.push(ticket);
        } else {
            self.slots[slot] = ticket;
        }
        (slot as u64) << PLACE_BITS
    }

    /// Only the first `sent` of the records were taken, of which none can have ended yet; with none, nobody is told.
    pub fn shrink(&mut self, first: u64, sent: usize) {
        let slot = (first >> PLACE_BITS) as usize;
        if let Some(ticket) = self.slots[slot].as_mut() {
            self.open -= ticket.left - sent;
            ticket.left = sent;
            if sent == 0 {
                self.close(slot);
            }
        }
    }

    /// One record has ended, with this error code or 0; the request when it was its last.
    #[inline]
    pub fn settle(&mut self, number: u64, code: c_int) -> Option<Done> {
        let slot = (number >> PLACE_BITS) as usize;
        let ticket = self.slots.get_mut(slot)?.as_mut()?;
        if code != 0 {
            ticket.failed.push((number as u32, code));
        }
        ticket.left -= 1;
        self.open -= 1;
        if ticket.left == 0 { self.close(slot) } else { None }
    }

    /// So many records of a slot have ended, of which these have failed; the request when they were its last.
    pub fn settle_run(&mut self, slot: usize, count: usize, failed: Vec<(u32, c_int)>) -> Option<Done> {
        let ticket = self.slots.get_mut(slot)?.as_mut()?;
        ticket.failed.extend(failed);
        ticket.left -= count;
        self.open -= count;
        if ticket.left == 0 { self.close(slot) } else { None }
    }

    /// All who wait.
    pub fn waiters(&mut self) -> impl Iterator<Item = &mut Waiter> {
        self.slots.iter_mut().flatten().map(|ticket| &mut ticket.waiter)
    }

    /// Records that have not ended.
    pub fn open_records(&self) -> usize {
        self.open
    }

    fn close(&mut self, slot: usize) -> Option<Done> {
        let ticket = self.slots[slot].take()?;
        self.free.push(slot);
        Some(Done { failed: ticket.failed, waiter: ticket.waiter, value: Vec::new() })
    }
}
