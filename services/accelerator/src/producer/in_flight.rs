//! The table of requests in flight: one entry with one callback (of any type) for all records of a request, and an id
//! for each record.

use std::ffi::c_int;

/// A record's id is its entry's slot, then its position within the request.
const POSITION_BITS: u32 = 32;

struct Entry<C> {
    remaining: usize,
    failed: Vec<(u32, c_int)>,
    callback: C,
}

/// A request whose records are all delivered or have failed.
pub struct Completed<C> {
    /// Position within the request and error code of each record that failed.
    pub failed: Vec<(u32, c_int)>,
    pub callback: C,
    /// The value of a single record that failed, where the client gives it back.
    pub value: Vec<u8>,
}

pub struct InFlightTable<C> {
    slots: Vec<Option<Entry<C>>>,
    free: Vec<usize>,
    records: usize,
}

impl<C> Default for InFlightTable<C> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), records: 0 }
    }
}

impl<C> InFlightTable<C> {
    /// Add a request of `records` records. Returns the id of the first; the others' ids follow it.
    pub fn register(&mut self, callback: C, records: usize) -> u64 {
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
    pub fn complete(&mut self, record_id: u64, code: c_int) -> Option<Completed<C>> {
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
    pub fn complete_many(&mut self, slot: usize, count: usize, failed: Vec<(u32, c_int)>) -> Option<Completed<C>> {
        let entry = self.slots.get_mut(slot)?.as_mut()?;
        entry.failed.extend(failed);
        entry.remaining -= count;
        self.records -= count;
        if entry.remaining == 0 { self.remove(slot) } else { None }
    }

    pub fn callbacks(&mut self) -> impl Iterator<Item = &mut C> {
        self.slots.iter_mut().flatten().map(|entry| &mut entry.callback)
    }

    /// How many records are in flight.
    pub fn records(&self) -> usize {
        self.records
    }

    fn remove(&mut self, slot: usize) -> Option<Completed<C>> {
        let entry = self.slots[slot].take()?;
        self.free.push(slot);
        Some(Completed { failed: entry.failed, callback: entry.callback, value: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_completes_with_its_last_record() {
        let mut table = InFlightTable::default();
        let first = table.register("a", 3);
        assert!(table.complete(first + 2, 0).is_none());
        assert!(table.complete(first, 7).is_none());
        assert_eq!(table.records(), 1);
        let completed = table.complete(first + 1, 9).unwrap();
        assert_eq!((completed.callback, completed.failed), ("a", vec![(0, 7), (1, 9)]));
        assert_eq!(table.records(), 0);
        assert!(table.complete(first, 0).is_none());
    }

    #[test]
    fn records_of_several_requests_do_not_mix() {
        let mut table = InFlightTable::default();
        let (a, b) = (table.register("a", 1), table.register("b", 1));
        assert_eq!(table.complete(b, 0).unwrap().callback, "b");
        assert_eq!(table.callbacks().map(|callback| *callback).collect::<Vec<_>>(), ["a"]);
        assert_eq!(table.register("c", 1), b, "a free slot is used again");
        assert_eq!(table.complete(a, 0).unwrap().callback, "a");
    }

    #[test]
    fn many_records_complete_at_once() {
        let mut table = InFlightTable::default();
        let first = table.register("a", 5);
        let slot = (first >> 32) as usize;
        assert!(table.complete_many(slot, 3, vec![(1, 2)]).is_none());
        let completed = table.complete_many(slot, 2, Vec::new()).unwrap();
        assert_eq!(completed.failed, [(1, 2)]);
    }

    #[test]
    fn a_truncated_request_completes_with_what_was_sent() {
        let mut table = InFlightTable::default();
        let first = table.register("a", 5);
        table.truncate(first, 2);
        assert_eq!(table.records(), 2);
        assert!(table.complete(first, 0).is_none());
        assert!(table.complete(first + 1, 0).is_some());
    }

    #[test]
    fn a_request_of_which_nothing_was_sent_never_completes() {
        let mut table = InFlightTable::default();
        let first = table.register("a", 5);
        table.truncate(first, 0);
        assert_eq!((table.records(), table.callbacks().count()), (0, 0));
    }
}
