//! What the fetcher does with the brokers' answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::consumer::answers::{MAX_FAULTS, Outcome};
use crate::consumer::fetch;
use crate::consumer::fetch::FetchedPartition;
use crate::consumer::fetcher::{Ask, Fetcher, Queued};
use crate::consumer::partition::{Position, Question};
use crate::consumer::protocol::{self, METADATA};
use crate::consumer::record_batches::Transactions;
use crate::kafka::metadata::{Metadata, metadata_response};
use crate::kafka::pool::RETRY_BACKOFF;
use crate::kafka::wire::ResponseReader;

/// How often to ask for metadata while nothing is wrong.
const METADATA_REFRESH: Duration = Duration::from_secs(60);
/// The longest that a broker is left alone because it says so.
const MAX_THROTTLE: Duration = Duration::from_secs(60);
/// The broker knows no such fetch session, or not in this state: a new one is begun.
const SESSION_ERRORS: [i16; 3] = [70, 71, 106];
const UNSUPPORTED_VERSION: i16 = 35;
/// Kafka's code for another topic than the one that is meant.
const UNKNOWN_TOPIC_ID: i32 = 100;
const UNREADABLE: &str = "the broker's answer can't be read";

impl Fetcher {
    pub(crate) fn handle(&mut self, id: i32, ask: Ask, body: Vec<u8>, now: Instant) {
        match ask {
            Ask::Metadata => {
                let version = self.pool.versions(id).of(&METADATA).1;
                match metadata_response(version, &mut ResponseReader::new(&body)) {
                    Some(found) => self.handle_metadata(found, now),
                    None => {
                        self.metadata_due = now + RETRY_BACKOFF;
                        self.unreadable(id, now);
                    }
                }
            }
            Ask::Offsets(question, asked) => self.handle_offsets(id, question, &asked, &body, now),
            Ask::Fetch => self.handle_fetch(id, body, now),
        }
    }

    fn handle_metadata(&mut self, found: Metadata, now: Instant) {
        self.pool.set_brokers(found.brokers);
        self.metadata_due = now + RETRY_BACKOFF;
        if found.error != 0 {
            let text = format!("topic {}: the brokers answer with error {}", self.topic, found.error);
            return self.note(found.error.into(), text);
        }
        if *self.topic_id.get_or_insert(found.topic_id) != found.topic_id {
            // Its offsets are others. Whoever has assigned the partitions finds out where the new one begins.
            self.note(UNKNOWN_TOPIC_ID, format!("topic {} is another one now", self.topic));
            self.metadata_due = now + METADATA_REFRESH;
            return;
        }
        let mut all = true;
        for (number, leader) in found.leaders {
            if let Some(partition) = self.partitions.get_mut(&number) {
                all &= partition.set_leader(leader);
            }
        }
        if all && self.partitions.values().all(|partition| partition.has_leader()) {
            self.metadata_due = now + METADATA_REFRESH;
        }
    }

    fn handle_offsets(&mut self, id: i32, question: Question, asked: &[(i32, Position)], body: &[u8], now: Instant) {
        let reader = &mut ResponseReader::new(body);
        let answers = match question {
            Question::EpochEnd => protocol::epoch_end_response(reader),
            Question::Earliest => protocol::earliest_response(reader),
        };
        for (number, position) in asked {
            let Some(partition) = self.partitions.get_mut(number) else { continue };
            partition.not_answered();
            let answer = answers.iter().flatten().find(|answer| answer.partition == *number);
            // A partition that was sought meanwhile may have the same question about another position.
            let Some(answer) = answer.filter(|_| partition.position() == Some(*position)) else { continue };
            let outcome = partition.answered(question, answer, now);
            self.conclude(outcome, now);
        }
        if answers.is_none() {
            self.unreadable(id, now);
        }
    }

    /// The next answer may be another one. If it never is, another client may be able to read it.
    fn unreadable(&mut self, id: i32, now: Instant) {
        self.unreadable += 1;
        if self.unreadable >= MAX_FAULTS {
            let address = self.pool.address(id);
            self.set_unusual(format!("{address}: {UNREADABLE}"));
        }
        self.drop_connection(id, UNREADABLE, now);
    }

    fn handle_fetch(&mut self, id: i32, body: Vec<u8>, now: Instant) {
        let body = Arc::new(body);
        let (topic, read_committed) = (self.topic(id), self.config.limits.read_committed);
        let Some(response) = fetch::fetch_response(&mut ResponseReader::new(&body), topic, read_committed) else {
            return self.unreadable(id, now);
        };
        self.unreadable = 0;
        if let Ok(ms @ 1..) = u64::try_from(response.throttle_ms) {
            self.throttled.insert(id, now + Duration::from_millis(ms).min(MAX_THROTTLE));
        }
        match response.error {
            0 => self.sessions.entry(id).or_default().answered(response.session),
            code => {
                self.sessions.remove(&id);
                if code == UNSUPPORTED_VERSION {
                    let address = self.pool.address(id);
                    self.set_unusual(format!("{address} offers a version of fetch that it does not take"));
                }
                if !SESSION_ERRORS.contains(&code) {
                    self.throttled.insert(id, now + RETRY_BACKOFF);
                    let text = format!("{}: a fetch is answered with error {code}", self.pool.address(id));
                    self.note(code.into(), text);
                }
                return;
            }
        }
        for answer in &response.partitions {
            self.handle_partition(id, &body, answer, now);
        }
    }

    fn handle_partition(&mut self, id: i32, body: &Arc<Vec<u8>>, answer: &FetchedPartition<'_>, now: Instant) {
        let asked = self.sessions.get(&id).and_then(|session| session.asked(answer.partition));
        let Some((partition, asked)) = self.partitions.get_mut(&answer.partition).zip(asked) else { return };
        match partition.fetched(asked, id, answer, now) {
            Outcome::Records(scanned) => {
                partition.queued += 1;
                let start = answer.records.as_ptr() as usize - body.as_ptr() as usize;
                self.queue.push_back(Queued {
                    partition: answer.partition,
                    body: body.clone(),
                    range: start..start + scanned.bytes,
                    from: asked.offset,
                    transactions: Transactions::new(&answer.aborted),
                });
            }
            Outcome::Ignored => self.sessions.entry(id).or_default().restart(),
            outcome => self.conclude(outcome, now),
        }
    }

    fn conclude(&mut self, outcome: Outcome, now: Instant) {
        match outcome {
            Outcome::Nothing | Outcome::Ignored | Outcome::Records(_) => {}
            Outcome::Refresh => self.metadata_due = self.metadata_due.min(now + RETRY_BACKOFF),
            Outcome::Note(code, text) => {
                self.note(code, text);
                self.metadata_due = self.metadata_due.min(now + RETRY_BACKOFF);
            }
            Outcome::Unusual(why) => self.set_unusual(why),
        }
    }
}
