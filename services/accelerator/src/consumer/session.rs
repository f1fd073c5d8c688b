//! A fetch session with one broker (KIP-227): the broker remembers what was asked for, so that requests and answers carry
//! only what has changed.

use std::collections::BTreeMap;

use crate::consumer::fetch::{FetchPartition, FetchRequest};

#[derive(Default)]
pub struct Session {
    /// 0 as long as the broker has not begun one. It may never do so, for want of room.
    id: i32,
    epoch: i32,
    /// Whether the latest request began a session.
    begins: bool,
    /// Whether the next request is to begin another one.
    restart: bool,
    /// What the latest request has asked for, by partition.
    asked: BTreeMap<i32, FetchPartition>,
}

impl Session {
    /// The request that asks for these partitions and no others.
    pub fn next(&mut self, wanted: Vec<FetchPartition>) -> FetchRequest {
        let former = std::mem::take(&mut self.asked);
        self.asked = wanted.iter().map(|each| (each.partition, *each)).collect();
        self.begins = std::mem::take(&mut self.restart) || self.id == 0;
        if self.begins {
            return FetchRequest { session: (self.id, 0), partitions: wanted, forgotten: Vec::new() };
        }
        let changed = wanted.into_iter().filter(|each| former.get(&each.partition) != Some(each)).collect();
        let forgotten = former.into_keys().filter(|partition| !self.asked.contains_key(partition)).collect();
        FetchRequest { session: (self.id, self.epoch), partitions: changed, forgotten }
    }

    /// What the request that was answered has asked for of a partition.
    pub fn asked(&self, partition: i32) -> Option<FetchPartition> {
        self.asked.get(&partition).copied()
    }

    /// The broker has answered without an error, and named the session.
    pub fn answered(&mut self, id: i32) {
        let goes_on = !self.begins && self.id == id && self.epoch < i32::MAX;
        self.epoch = if goes_on { self.epoch + 1 } else { 1 };
        self.id = id;
    }

    /// Let the broker tell everything again. What it has told once, such as a log's end, it does not repeat.
    pub fn restart(&mut self) {
        self.restart = true;
    }
}

#[cfg(test)]
mod tests;
