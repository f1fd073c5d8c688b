//! The sender thread: it connects to the brokers, sends what is ready to the partitions' leaders, and handles responses.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::kafka::connection::{Connection, SLOW};
use crate::kafka::metadata::{METADATA, metadata_request};
use crate::kafka::pool::{Pool, RETRY_BACKOFF};
use crate::kafka::record_batch::Compressor;
use crate::kafka::target::Target;
use crate::lock::lock;
use crate::producer::accumulator::SenderSleep;
use crate::producer::batch::{Batch, ProducerConfig};
use crate::producer::protocol::{self, INIT_PRODUCER_ID, PRODUCE};
use crate::producer::request::{Question, Request};
use crate::producer::shared::Shared;

/// How often to ask for metadata while nothing is wrong.
pub(crate) const METADATA_REFRESH: Duration = Duration::from_secs(60);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes of one response. The largest expected one, metadata of 100,000 partitions, has about half of it.
const MAX_RESPONSE_BYTES: usize = 16 << 20;

pub struct Sender<C> {
    pub(crate) shared: Arc<Shared<C>>,
    client_id: String,
    topic: String,
    pub(crate) pool: Pool<Request>,
    /// When to ask for metadata. Only an answer puts it off; whether a broker has been asked, its connection knows.
    pub(crate) metadata_due: Instant,
    /// The value of `TopicState::asked` that has made it due.
    asked: u64,
    /// When to ask for a producer id, if one is needed.
    pub(crate) producer_id_due: Instant,
    pub(crate) producer_id_needed: bool,
    /// The latest report, and when it was made.
    pub(crate) last_problem: Option<(String, Instant)>,
    compressor: Compressor,
}

impl<C: Send + 'static> Sender<C> {
    pub fn new(shared: Arc<Shared<C>>, target: Target) -> Self {
        let access = lock(&shared.access).clone();
        let (spoken, compression) = {
            let config = &lock(&shared.accumulator).config;
            (protocol::spoken(config), config.compression)
        };
        let pool = Pool::new(&target, access, shared.sender_waker.clone(), &spoken, MAX_RESPONSE_BYTES);
        let compressor = Compressor::new(compression);
        Self {
            shared,
            client_id: target.client_id,
            topic: target.topic,
            pool,
            metadata_due: Instant::now(),
            asked: 0,
            producer_id_due: Instant::now(),
            producer_id_needed: false,
            last_problem: None,
            compressor,
        }
    }

    /// Run until `TopicState::stop`. If a fault ends it, the event loop is told.
    pub fn run(mut self) {
        let shared = self.shared.clone();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.take_turns())) {
            let known = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            *lock(&shared.fault) = Some(format!("the sender has ended: {}", known.unwrap_or("a fault")));
            shared.event_loop_waker.wake();
        }
    }

    fn take_turns(&mut self) {
        loop {
            let now = Instant::now();
            {
                let mut topic = lock(&self.shared.topic);
                if topic.stop {
                    return;
                }
                topic.seen = topic.asked;
                if topic.asked != self.asked {
                    self.asked = topic.asked;
                    self.metadata_due = now;
                }
            }
            self.expire(now);
            self.connect(now);
            self.ask(now);
            let until = self.send_ready(now);
            self.notify_event_loop();
            self.wait(now, until);
            self.receive();
            self.check_deadlines();
        }
    }

    /// Fail what is too old, and number the partitions' batches.
    fn expire(&mut self, now: Instant) {
        let mut accumulator = lock(&self.shared.accumulator);
        accumulator.expire(now);
        self.producer_id_needed = accumulator.assign_producer_ids();
    }

    /// Ask for metadata and a producer id if they are due.
    fn ask(&mut self, now: Instant) {
        for question in [Question::Metadata, Question::ProducerId] {
            if self.due(question).is_none_or(|due| due > now) {
                continue;
            }
            let Some(id) = self.whom_to_ask(question, now) else { continue };
            let (client, topic, versions) = (self.client_id.clone(), self.topic.clone(), self.pool.versions(id));
            self.send_request(id, Request::Ask(question), now + RESPONSE_TIMEOUT, |correlation_id, _| match question {
                Question::Metadata => metadata_request(versions.of(&METADATA), correlation_id, &client, &topic),
                Question::ProducerId => {
                    protocol::init_producer_request(versions.of(&INIT_PRODUCER_ID), correlation_id, &client)
                }
            });
        }
    }

    fn due(&self, question: Question) -> Option<Instant> {
        match question {
            Question::Metadata => Some(self.metadata_due),
            Question::ProducerId => self.producer_id_needed.then_some(self.producer_id_due),
        }
    }

    /// The broker that is to be asked: the one with the fewest requests among those that answer. None while another one
    /// may still answer in time, so that a broker that hangs delays an answer by `SLOW`.
    fn whom_to_ask(&self, question: Question, now: Instant) -> Option<i32> {
        let asked = self.asked_at(question);
        if asked.is_some_and(|at| now < at + SLOW) {
            return None;
        }
        let open = self.pool.usable().filter(|(_, connection)| {
            connection.asked_at(question).is_none() && (asked.is_none() || !connection.is_slow(now))
        });
        open.min_by_key(|(id, connection)| (connection.is_slow(now), connection.pending().len(), *id < 0))
            .map(|(id, _)| id)
    }

    /// When a broker was last asked this, None if all have answered.
    fn asked_at(&self, question: Question) -> Option<Instant> {
        self.pool.iter().filter_map(|(_, connection)| connection.asked_at(question)).max()
    }

    /// Send what is ready. Returns when something else will be.
    fn send_ready(&mut self, now: Instant) -> Option<Instant> {
        let mut sleep = SenderSleep::default();
        lock(&self.shared.accumulator).sleep = None;
        let usable = self.pool.usable().map(|(id, _)| id).filter(|id| *id >= 0);
        for id in usable.collect::<Vec<_>>() {
            loop {
                let mut accumulator = lock(&self.shared.accumulator);
                let requests = self.pool.get(id).map_or(usize::MAX, Connection::produce_requests);
                if requests >= accumulator.config.max_in_flight {
                    break;
                }
                match accumulator.ready_at(id, now, requests > 0) {
                    Some(at) if at <= now => {}
                    at => {
                        if requests > 0 { &mut sleep.busy } else { &mut sleep.idle }.push(id);
                        sleep.until = [sleep.until, at].into_iter().flatten().min();
                        break;
                    }
                }
                let batches = accumulator.drain(id, now);
                let config = accumulator.config.clone();
                let deadline = accumulator.oldest_deadline(batches.iter().map(|(_, batch)| batch));
                let until = deadline.unwrap_or(now).max(now + RETRY_BACKOFF * 10);
                drop(accumulator);
                if batches.is_empty() {
                    break;
                }
                self.send_batches(id, batches, until, &config);
            }
        }
        let until = sleep.until;
        lock(&self.shared.accumulator).sleep = Some(sleep);
        until
    }

    fn send_batches(&mut self, id: i32, mut batches: Vec<(usize, Batch)>, until: Instant, config: &ProducerConfig) {
        for (_, batch) in batches.iter_mut().filter(|(_, batch)| !batch.is_encoded()) {
            batch.encode(&mut self.compressor);
        }
        let wait_ms = config.delivery_timeout.as_millis().min(30_000) as i32;
        let (client, topic, api) = (self.client_id.clone(), self.topic.clone(), self.pool.versions(id).of(&PRODUCE));
        self.send_request(id, Request::Produce(batches), until, |correlation_id, request| {
            let Request::Produce(batches) = request else { return Vec::new() };
            let all = batches.iter().map(|(partition, batch)| (*partition, batch.encoded()));
            protocol::produce_request(api, correlation_id, &client, &topic, config.acks, wait_ms, all)
        });
    }

    /// Wake the event loop if there is something to report to it.
    fn notify_event_loop(&self) {
        if !lock(&self.shared.accumulator).completed.is_empty() {
            self.shared.event_loop_waker.wake();
        }
    }

    /// When a question is due, or is to be put to another broker as well.
    fn next_question(&self, now: Instant) -> Option<Instant> {
        let questions = [Question::Metadata, Question::ProducerId].into_iter();
        let due = questions.filter_map(|question| {
            self.due(question).filter(|due| *due > now).or(self.asked_at(question).map(|at| at + SLOW))
        });
        due.filter(|at| *at > now).min()
    }

    /// Wait for a response, a wake-up, or the next deadline.
    fn wait(&self, now: Instant, until: Option<Instant>) {
        let latest = now + Duration::from_secs(1);
        let due = [until, self.pool.due(now), self.next_question(now)];
        self.pool.wait(due.into_iter().flatten().fold(latest, Instant::min));
    }
}

#[cfg(test)]
mod log_tests;
#[cfg(test)]
mod renewal_tests;
#[cfg(test)]
pub mod tests;
#[cfg(test)]
mod version_tests;
