//! One partition: where reading goes on, and whom to ask. No I/O, and no clock.

use std::time::{Duration, Instant};

use crate::consumer::fetch::FetchPartition;
use crate::kafka::metadata::Leader;

/// For how long to read from the leader after another replica could not be read from.
const REPLICA_BACKOFF: Duration = Duration::from_secs(30);

/// The next record's offset, and the leader epoch of the record before it, -1 if unknown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    pub offset: i64,
    pub epoch: i32,
}

/// What is to be found out before anything can be fetched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Question {
    /// Where the epoch of the position ends in the leader's log.
    EpochEnd,
    /// Where the log begins.
    Earliest,
}

pub struct Partition {
    pub(super) number: i32,
    pub(super) position: Option<Position>,
    /// Behind the last record that was handed over.
    delivered: Option<Position>,
    /// The first offset known to be written in the position's epoch.
    pub(super) epoch_start: i64,
    pub(super) paused: bool,
    pub(super) leader: Leader,
    /// Where to read instead, and until when.
    pub(super) replica: Option<(i32, Instant)>,
    /// Until when to read from nobody but the leader.
    pub(super) leader_only_until: Option<Instant>,
    pub(super) question: Option<Question>,
    /// Whether the question has been put to the leader.
    pub(super) asked: bool,
    pub(super) retry_at: Option<Instant>,
    /// Answers whose records have not all been handed over.
    pub queued: usize,
    /// Where the log ended for readers, -1 if unknown.
    pub(super) end: i64,
    end_reported: Option<i64>,
    pub(super) faults: u32,
    /// How often in a row the broker that was asked could not answer at that time.
    pub(super) refusals: u32,
}

impl Partition {
    /// Nothing is fetched before `seek`.
    pub fn new(number: i32) -> Self {
        Self {
            number,
            position: None,
            delivered: None,
            epoch_start: 0,
            paused: false,
            leader: Leader { id: -1, epoch: -1 },
            replica: None,
            leader_only_until: None,
            question: None,
            asked: false,
            retry_at: None,
            queued: 0,
            end: -1,
            end_reported: None,
            faults: 0,
            refusals: 0,
        }
    }

    /// Go on at a position. What was fetched and not handed over is void.
    pub fn seek(&mut self, position: Position) {
        self.go_to(position);
        self.delivered = self.position;
        self.queued = 0;
    }

    pub(super) fn go_to(&mut self, position: Position) {
        self.position = Some(position);
        self.epoch_start = position.offset;
        (self.question, self.retry_at, self.end_reported, self.faults) = (None, None, None, 0);
        if self.queued == 0 {
            self.delivered = self.position;
        }
    }

    /// Fetch nothing until `resume`. What was fetched and not handed over is void.
    pub fn pause(&mut self) {
        if !self.paused {
            self.paused = true;
            if let Some(delivered) = self.delivered.filter(|_| self.queued > 0) {
                self.seek(delivered);
            }
        }
    }

    pub fn resume(&mut self) {
        self.paused = false;
    }

    /// Returns whether this leader is the newest that is known.
    pub fn set_leader(&mut self, leader: Leader) -> bool {
        if leader.epoch >= 0 && leader.epoch < self.leader.epoch {
            return false;
        }
        if leader != self.leader {
            self.leader = leader;
            (self.replica, self.retry_at) = (None, None);
        }
        true
    }

    pub fn has_leader(&self) -> bool {
        self.leader.id >= 0
    }

    pub fn leader(&self) -> Leader {
        self.leader
    }

    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// The broker that is to be asked next, at `now` or later. None if nothing is to be asked.
    pub fn broker(&self, now: Instant) -> Option<i32> {
        if self.position.is_none() || self.paused || !self.has_leader() {
            return None;
        }
        match self.replica {
            Some((id, until)) if now < until && self.question.is_none() => Some(id),
            _ => Some(self.leader.id),
        }
    }

    /// When to try again what was refused, if that is later than `now`.
    pub fn retry_at(&self, now: Instant) -> Option<Instant> {
        self.retry_at.filter(|at| *at > now)
    }

    /// What to fetch from a broker now.
    pub fn wanted(&self, broker: i32, now: Instant) -> Option<FetchPartition> {
        let position = self.position?;
        let here = self.broker(now) == Some(broker) && self.question.is_none() && self.retry_at(now).is_none();
        let (offset, last_epoch) = (position.offset, position.epoch);
        here.then_some(FetchPartition { partition: self.number, leader_epoch: self.leader.epoch, offset, last_epoch })
    }

    /// Put the question to the broker, if there is one for it now and it has not been asked. Returns the position.
    pub fn ask(&mut self, question: Question, broker: i32, now: Instant) -> Option<Position> {
        let due = self.question == Some(question) && !self.asked && self.retry_at(now).is_none();
        if !due || self.broker(now) != Some(broker) {
            return None;
        }
        self.asked = true;
        self.position
    }

    /// The question will not be answered.
    pub fn not_answered(&mut self) {
        self.asked = false;
    }

    /// A broker can't be read from: read from the leader for a while, if it is another one. Returns whether it is.
    pub fn lost(&mut self, broker: i32, now: Instant) -> bool {
        let replica = self.replica.is_some_and(|(id, _)| id == broker);
        if replica {
            self.replica = None;
            self.leader_only_until = Some(now + REPLICA_BACKOFF);
        }
        replica
    }

    /// Whether the leader must not send us to another replica.
    pub fn leader_only(&self, now: Instant) -> bool {
        self.leader_only_until.is_some_and(|until| now < until)
    }

    /// Where to read instead of from the leader, if anywhere.
    pub fn replica(&self) -> Option<i32> {
        self.replica.map(|(id, _)| id)
    }

    /// Records up to a position were handed over.
    pub fn deliver(&mut self, position: Position) {
        self.delivered = Some(position);
    }

    /// The end of the log, once after everything below it was handed over.
    pub fn end(&mut self) -> Option<i64> {
        let offset = self.position?.offset;
        let reached = self.queued == 0 && self.question.is_none() && offset == self.end;
        if !reached || self.end_reported == Some(offset) {
            return None;
        }
        self.end_reported = Some(offset);
        Some(offset)
    }
}
