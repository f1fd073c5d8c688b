//! The fetcher's side of its connections: whom it asks what, and what becomes of requests that are not answered.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::consumer::fetch;
use crate::consumer::fetch::{FETCH, FETCH_BY_ID, Topic};
use crate::consumer::fetcher::{Ask, Fetcher};
use crate::consumer::partition::{Partition, Position, Question};
use crate::consumer::protocol::{self, METADATA};
use crate::kafka::access::Access;
use crate::kafka::connection::{Connection, SLOW};
use crate::kafka::failure::Cause;
use crate::kafka::metadata::{NO_UUID, metadata_request};
use crate::kafka::pool::{NotOpened, RETRY_BACKOFF};

/// librdkafka's code for a broker that can't be reached.
const TRANSPORT: i32 = -195;
/// After how long to report the same again.
const REPEAT_NOTE_AFTER: Duration = Duration::from_secs(5);
/// The most notes that are remembered.
const MAX_NOTED: usize = 1000;

impl Connection<Ask> {
    fn awaits(&self, wanted: impl Fn(&Ask) -> bool) -> Option<Instant> {
        self.pending().rfind(|(ask, _)| wanted(ask)).map(|(_, sent)| sent)
    }
}

impl Fetcher {
    pub(crate) fn connect(&mut self, now: Instant, access: &Arc<Access>) {
        for partition in self.partitions.values_mut() {
            if let Some(id) = partition.replica().filter(|id| !self.pool.knows(*id)) {
                partition.lost(id, now);
            }
        }
        let needed: BTreeSet<i32> = self.partitions.values().filter_map(|partition| partition.broker(now)).collect();
        for problem in self.pool.connect(now, access, &needed.into_iter().collect::<Vec<_>>()) {
            self.not_opened(problem, now);
        }
        self.refused_since.retain(|id, _| self.pool.get(*id).is_none());
    }

    fn not_opened(&mut self, problem: NotOpened, now: Instant) {
        let NotOpened { broker, why, cause } = problem;
        for partition in self.partitions.values_mut() {
            partition.lost(broker, now);
        }
        match cause {
            Cause::Passing => drop(self.refused_since.remove(&broker)),
            Cause::Disagreement => {
                if now >= *self.refused_since.entry(broker).or_insert(now) + self.config.refused_for {
                    self.set_unusual(why.clone());
                }
            }
            Cause::Unsupported => self.set_unusual(why.clone()),
        }
        self.note(TRANSPORT, why);
    }

    /// Take the answers that have arrived.
    pub(crate) fn receive(&mut self, now: Instant) {
        for id in self.pool.ids() {
            let (responses, problem) = self.pool.receive(id);
            for (ask, body) in responses {
                self.handle(id, ask, body, now);
            }
            if let Some(why) = problem {
                self.drop_connection(id, &why, now);
            }
        }
    }

    /// Close connections on which an answer is overdue.
    pub(crate) fn check_deadlines(&mut self, now: Instant) {
        for id in self.pool.overdue(now) {
            self.drop_connection(id, "the broker does not answer", now);
        }
    }

    pub(crate) fn drop_connection(&mut self, id: i32, why: &str, now: Instant) {
        let Some(unanswered) = self.pool.close(id, now) else { return };
        self.sessions.remove(&id);
        self.metadata_due = self.metadata_due.min(now + RETRY_BACKOFF);
        for partition in self.partitions.values_mut() {
            partition.lost(id, now);
        }
        let idle = unanswered.is_empty();
        for ask in unanswered {
            if let Ask::Offsets(_, asked) = ask {
                self.not_answered(&asked);
            }
        }
        if id >= 0 && !idle {
            self.note(TRANSPORT, format!("{}: {why}", self.pool.address(id)));
        }
    }

    fn not_answered(&mut self, asked: &[(i32, Position)]) {
        for (number, _) in asked {
            if let Some(partition) = self.partitions.get_mut(number) {
                partition.not_answered();
            }
        }
    }

    /// Ask for what is not known: the leaders, the offsets to go on at.
    pub(crate) fn ask(&mut self, now: Instant) {
        for id in self.pool.usable().map(|(id, _)| id).collect::<Vec<_>>() {
            for question in [Question::EpochEnd, Question::Earliest] {
                self.ask_offsets(id, question, now);
            }
        }
        if self.metadata_due <= now
            && let Some(id) = self.whom_to_ask(now)
        {
            let (client, topic) = (self.client_id.clone(), self.topic.clone());
            let api = self.pool.versions(id).of(&METADATA);
            self.send(id, Ask::Metadata, now, |correlation| metadata_request(api, correlation, &client, &topic));
        }
    }

    /// When a broker was last asked for metadata, None if all have answered.
    pub(crate) fn asked_metadata_at(&self) -> Option<Instant> {
        self.pool.iter().filter_map(|(_, connection)| connection.awaits(|ask| *ask == Ask::Metadata)).max()
    }

    /// The broker that is to be asked for metadata. None while another one may still answer in time.
    fn whom_to_ask(&self, now: Instant) -> Option<i32> {
        if self.asked_metadata_at().is_some_and(|at| now < at + SLOW) {
            return None;
        }
        let open =
            self.pool.usable().filter(|(_, connection)| connection.awaits(|ask| *ask == Ask::Metadata).is_none());
        open.min_by_key(|(id, connection)| (connection.is_slow(now), *id < 0)).map(|(id, _)| id)
    }

    fn ask_offsets(&mut self, id: i32, question: Question, now: Instant) {
        let mut asked = Vec::new();
        let mut epochs = Vec::new();
        for (number, partition) in &mut self.partitions {
            if let Some(position) = partition.ask(question, id, now) {
                asked.push((*number, position));
                epochs.push(partition.leader().epoch);
            }
        }
        if asked.is_empty() {
            return;
        }
        let (client, topic) = (self.client_id.clone(), self.topic.clone());
        let rows =
            asked.clone().into_iter().zip(epochs).map(|((number, position), epoch)| (number, epoch, position.epoch));
        let rows: Vec<_> = rows.collect();
        self.send(id, Ask::Offsets(question, asked), now, |correlation| match question {
            Question::EpochEnd => protocol::epoch_end_request(correlation, &client, &topic, &rows),
            Question::Earliest => {
                let rows: Vec<_> = rows.iter().map(|(number, epoch, _)| (*number, *epoch)).collect();
                protocol::earliest_request(correlation, &client, &topic, &rows)
            }
        });
    }

    /// Ask each broker that has answered for the records that come next, unless enough of them wait.
    pub(crate) fn send_fetches(&mut self, now: Instant) {
        if self.topic_id.is_none() || self.queued_bytes() >= self.config.queue_bytes {
            return;
        }
        self.throttled.retain(|_, until| *until > now);
        let idle = self.pool.usable().filter(|(id, connection)| {
            *id >= 0 && !self.throttled.contains_key(id) && connection.awaits(|ask| *ask == Ask::Fetch).is_none()
        });
        for id in idle.map(|(id, _)| id).collect::<Vec<_>>() {
            let wanted: Vec<_> = self.partitions.values().filter_map(|partition| partition.wanted(id, now)).collect();
            if wanted.is_empty() {
                continue;
            }
            let request = self.sessions.entry(id).or_default().next(wanted);
            let mut limits = self.config.limits.clone();
            let here = |partition: &&Partition| partition.broker(now) == Some(id);
            if self.partitions.values().filter(here).any(|partition| partition.leader_only(now)) {
                limits.rack.clear(); // without one, the leader sends nobody away
            }
            let client = self.client_id.clone();
            let (name, topic_id) = (self.topic.clone(), self.topic(id).1);
            self.send(id, Ask::Fetch, now, |correlation| {
                fetch::fetch_request(correlation, &client, (&name, topic_id), &limits, &request)
            });
        }
    }

    /// How a broker is told which topic is meant.
    pub(crate) fn topic(&self, id: i32) -> Topic<'_> {
        let by_id = self.pool.versions(id).of(&FETCH) == FETCH_BY_ID;
        (&self.topic, self.topic_id.filter(|topic_id| by_id && *topic_id != NO_UUID))
    }

    fn send(&mut self, id: i32, ask: Ask, now: Instant, encode: impl FnOnce(i32) -> Vec<u8>) {
        let until = now + self.config.timeout + Duration::from_millis(self.config.limits.wait_ms as u64);
        match self.pool.send(id, ask, until, |correlation, _| encode(correlation)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.drop_connection(id, &error.to_string(), now),
            Err(Ask::Offsets(_, asked)) => self.not_answered(&asked),
            Err(_) => {}
        }
    }

    /// Report something, but not the same all the time.
    pub(crate) fn note(&mut self, code: i32, text: String) {
        let now = Instant::now();
        if self.noted.get(&text).is_some_and(|at| now < *at + REPEAT_NOTE_AFTER) {
            return;
        }
        if self.noted.len() >= MAX_NOTED {
            self.noted.clear();
        }
        self.noted.insert(text.clone(), now);
        self.notes.push((code, text));
    }
}
