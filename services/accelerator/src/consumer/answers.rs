//! What an answer means for a partition. No I/O, and no clock.

use std::time::{Duration, Instant};

use crate::consumer::fetch::{FetchPartition, FetchedPartition};
use crate::consumer::partition::{Partition, Position, Question};
use crate::consumer::protocol::OffsetAnswer;
use crate::consumer::record_batches::{Fault, Scanned, scan};
use crate::kafka::pool::RETRY_BACKOFF;

/// How long to read from the replica that the leader prefers before asking the leader again, as in Kafka's own client.
const REPLICA_LEASE: Duration = Duration::from_secs(300);
/// How often in a row an answer that can't be used is asked for again.
pub const MAX_FAULTS: u32 = 5;
/// After how many refusals in a row, which come every RETRY_BACKOFF, to report one.
const REPORTED_REFUSALS: u32 = 50;
const OUT_OF_RANGE: i16 = 1;
const DENIED: i16 = 29;
/// Another broker leads, or the one that was asked does not know yet that it does, has another topic of this name, or is
/// in a state that passes.
const MOVED: [i16; 12] = [-1, 3, 5, 6, 7, 9, 13, 56, 74, 75, 100, 103];
/// A leader that was elected just now does not know its end yet.
const OFFSET_NOT_AVAILABLE: i16 = 78;
/// librdkafka's code for a log that was cut.
const TRUNCATED: i32 = -139;

/// What follows from an answer.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    Nothing,
    /// It is about where the partition no longer is.
    Ignored,
    Records(Scanned),
    /// The leader has to be looked up.
    Refresh,
    /// Something to report: Kafka's error code or librdkafka's, and words.
    Note(i32, String),
    /// Something that another client may be able to handle.
    Unusual(String),
}

impl Partition {
    /// A broker's answer to `asked`.
    pub fn fetched(
        &mut self,
        asked: FetchPartition,
        broker: i32,
        answer: &FetchedPartition<'_>,
        now: Instant,
    ) -> Outcome {
        let position = Position { offset: asked.offset, epoch: asked.last_epoch };
        if self.position != Some(position) || self.question.is_some() || self.paused {
            return Outcome::Ignored;
        }
        if answer.error != 0 {
            return self.refused(position, broker, answer.error, now);
        }
        self.refusals = 0;
        if let Some((epoch, end)) = answer.diverging {
            // Another replica's log may only be shorter than the leader's.
            return if self.lost(broker, now) { Outcome::Nothing } else { self.diverged(position, epoch, end) };
        }
        self.end = answer.end;
        if answer.preferred_replica >= 0 && answer.preferred_replica != broker && !self.leader_only(now) {
            self.replica = Some((answer.preferred_replica, now + REPLICA_LEASE));
        }
        match scan(answer.records, asked.offset) {
            Ok(Some(scanned)) => {
                self.faults = 0;
                if scanned.leader_epoch != position.epoch {
                    self.epoch_start = scanned.epoch_start;
                }
                self.position = Some(Position { offset: scanned.next_offset, epoch: scanned.leader_epoch });
                Outcome::Records(scanned)
            }
            Ok(None) if answer.records.is_empty() => Outcome::Nothing,
            Ok(None) => self.fault(2, format!("the batch at offset {} is cut", asked.offset), now),
            Err(Fault::Damaged(why)) => self.fault(2, why, now),
            Err(Fault::Unusual(why)) => Outcome::Unusual(format!("partition {}: {why}", self.number)),
        }
    }

    fn refused(&mut self, position: Position, broker: i32, code: i16, now: Instant) -> Outcome {
        let from_replica = self.lost(broker, now);
        match code {
            OUT_OF_RANGE if from_replica => Outcome::Nothing, // its log may be shorter than the leader's
            OUT_OF_RANGE => {
                let question = if position.epoch >= 0 { Question::EpochEnd } else { Question::Earliest };
                (self.question, self.asked) = (Some(question), false);
                Outcome::Nothing
            }
            OFFSET_NOT_AVAILABLE => {
                self.retry_at = Some(now + RETRY_BACKOFF);
                self.refusal(code).unwrap_or(Outcome::Nothing)
            }
            DENIED => {
                self.retry_at = Some(now + RETRY_BACKOFF * 10);
                Outcome::Note(code.into(), format!("partition {}: the topic must not be read", self.number))
            }
            _ if MOVED.contains(&code) => {
                self.retry_at = Some(now + RETRY_BACKOFF);
                self.refusal(code).unwrap_or(Outcome::Refresh)
            }
            _ => self.fault(code, format!("the broker answers with error {code}"), now),
        }
    }

    /// The leader's log has an end of the position's epoch, or of one before, that is not where we are.
    fn diverged(&mut self, position: Position, epoch: i32, end: i64) -> Outcome {
        if epoch < 0 || end < 0 {
            (self.question, self.asked) = (Some(Question::Earliest), false);
            return Outcome::Nothing;
        }
        // If it has no record of our epoch, none that we have read in it is there.
        let read = if epoch < position.epoch { self.epoch_start } else { position.offset };
        let offset = end.min(read);
        self.go_to(Position { offset, epoch });
        let what = format!("partition {}: the log was cut at offset {offset}, below {}", self.number, position.offset);
        Outcome::Note(TRUNCATED, what)
    }

    /// The leader's answer to a question.
    pub fn answered(&mut self, question: Question, answer: &OffsetAnswer, now: Instant) -> Outcome {
        self.asked = false;
        let Some(position) = self.position.filter(|_| self.question == Some(question)) else {
            return Outcome::Nothing; // it was sought meanwhile
        };
        match (answer.error, question) {
            (0, Question::EpochEnd) if answer.epoch >= 0 && (0..position.offset).contains(&answer.offset) => {
                self.diverged(position, answer.epoch, answer.offset)
            }
            (0, Question::EpochEnd) => {
                self.question = Some(Question::Earliest); // the log has lost its beginning, or knows no such epoch
                Outcome::Nothing
            }
            (0, Question::Earliest) if answer.offset >= 0 => {
                self.go_to(Position { offset: answer.offset, epoch: -1 });
                let (old, new) = (position.offset, answer.offset);
                let what = format!("partition {}: the log has no offset {old}, it begins at {new}", self.number);
                Outcome::Note(OUT_OF_RANGE.into(), what)
            }
            (code, _) if MOVED.contains(&code) => {
                self.retry_at = Some(now + RETRY_BACKOFF);
                self.refusal(code).unwrap_or(Outcome::Refresh)
            }
            (code, _) => self.fault(code, format!("the broker answers with error {code}"), now),
        }
    }

    /// What passes by itself is reported only if it does not.
    fn refusal(&mut self, code: i16) -> Option<Outcome> {
        self.refusals += 1;
        let what = || format!("partition {}: the brokers keep answering with error {code}", self.number);
        self.refusals.is_multiple_of(REPORTED_REFUSALS).then(|| Outcome::Note(code.into(), what()))
    }

    /// An answer that can't be used: the next one may be better.
    fn fault(&mut self, code: i16, why: String, now: Instant) -> Outcome {
        self.faults += 1;
        if let Some(id) = self.replica() {
            self.lost(id, now);
        }
        self.retry_at = Some(now + RETRY_BACKOFF);
        let what = format!("partition {}: {why}", self.number);
        if self.faults < MAX_FAULTS { Outcome::Note(code.into(), what) } else { Outcome::Unusual(what) }
    }
}

#[cfg(test)]
mod tests;
