//! The table of requests in flight: one entry with one callback (of any type) for all records of a request, and an id
//! for each record.

use std::collections::HashMap;
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

    /// All callbacks, with their slots.
    pub fn callbacks(&self) -> impl Iterator<Item = (usize, &C)> {
        self.slots.iter().enumerate().filter_map(|(slot, entry)| Some((slot, &entry.as_ref()?.callback)))
    }

    /// The callback in a slot, None if the slot is free.
    pub fn callback(&self, slot: usize) -> Option<&C> {
        Some(&self.slots.get(slot)?.as_ref()?.callback)
    }

    pub fn callback_mut(&mut self, slot: usize) -> Option<&mut C> {
        Some(&mut self.slots.get_mut(slot)?.as_mut()?.callback)
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

/// Finds requests by an id that their callbacks have. It remembers where all of them were at the latest search, so that
/// many that end at the same time cost one pass over the table instead of one each.
#[derive(Default)]
pub struct Finder {
    slots: HashMap<usize, usize>,
    pub searches: usize,
}

impl Finder {
    /// The slot of the request with this id.
    pub fn find<C>(
        &mut self,
        table: &InFlightTable<C>,
        wanted: usize,
        id_of: impl Fn(&C) -> Option<usize>,
    ) -> Option<usize> {
        let is_wanted = |slot: &usize| table.callback(*slot).and_then(&id_of) == Some(wanted);
        if let Some(slot) = self.slots.get(&wanted).copied().filter(is_wanted) {
            return Some(slot);
        }
        self.searches += 1;
        self.slots = table.callbacks().filter_map(|(slot, callback)| Some((id_of(callback)?, slot))).collect();
        self.slots.get(&wanted).copied()
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
        assert_eq!(table.callbacks().collect::<Vec<_>>(), [(0, &"a")]);
        assert_eq!((table.callback(0), table.callback(1), table.callback(2)), (Some(&"a"), None, None));
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
    fn many_are_found_with_one_search() {
        let mut table = InFlightTable::default();
        let mut finder = Finder::default();
        let id_of = |callback: &usize| (*callback > 0).then_some(*callback);
        let first: Vec<u64> = (1..1000).map(|name| table.register(name, 1)).collect();
        let name = |slot| *table.callback(slot).unwrap();
        assert!((1..1000).all(|wanted| finder.find(&table, wanted, id_of).map(name) == Some(wanted)));
        assert_eq!(finder.searches, 1);
        table.complete(first[3], 0);
        table.register(2000, 1); // in the slot that was free
        assert_eq!(finder.find(&table, 4, id_of), None);
        assert_eq!(finder.find(&table, 2000, id_of), Some(3));
        *table.callback_mut(5).unwrap() = 0;
        assert_eq!(finder.find(&table, 6, id_of), None);
        assert_eq!(finder.searches, 3);
    }

    #[test]
    fn a_request_of_which_nothing_was_sent_never_completes() {
        let mut table = InFlightTable::default();
        let first = table.register("a", 5);
        table.truncate(first, 0);
        assert_eq!((table.records(), table.callbacks().count()), (0, 0));
    }
}
