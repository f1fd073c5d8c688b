//! The sender thread: it connects to the brokers, sends what is ready to the partitions' leaders, and handles responses.

use std::collections::{HashMap, HashSet};
use std::os::fd::RawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender as Channel, channel};
use std::time::{Duration, Instant};

use crate::producer::access::Access;
use crate::producer::accumulator::SenderSleep;
use crate::producer::batch::{Batch, ProducerConfig};
use crate::producer::connection::{Connection, Question, Request, SLOW};
use crate::producer::opening::Failure;
use crate::producer::protocol;
use crate::producer::shared::{Shared, lock};

/// How often to ask for metadata while nothing is wrong.
pub(crate) const METADATA_REFRESH: Duration = Duration::from_secs(60);
/// How long to wait before trying again what has failed.
pub(crate) const RETRY_BACKOFF: Duration = Duration::from_millis(100);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Where to send, and under which client id.
pub struct Target {
    pub topic: String,
    pub client_id: String,
    pub bootstrap: Vec<String>,
}

/// A broker's id, and the connection to it or why there is none.
pub(crate) type Connected = (i32, Result<Connection, Failure>);

pub struct Sender<C> {
    pub(crate) shared: Arc<Shared<C>>,
    pub(crate) target: Target,
    /// How new connections are opened.
    pub(crate) access: Arc<Access>,
    /// Addresses by broker id.
    pub(crate) brokers: HashMap<i32, String>,
    /// By broker id. Bootstrap servers, whose ids are not known, count down from -1.
    pub(crate) connections: HashMap<i32, Connection>,
    /// By broker id, connections that are to replace those in `connections` once these have been answered.
    pub(crate) successors: HashMap<i32, Connection>,
    /// Brokers that a thread is connecting to.
    pub(crate) connecting: HashSet<i32>,
    /// When to try again a broker that could not be reached, or whose connection ended.
    pub(crate) connect_at: HashMap<i32, Instant>,
    pub(crate) connected: (Channel<Connected>, Receiver<Connected>),
    /// Counts attempts, to try one bootstrap server after another.
    pub(crate) bootstrap_turn: usize,
    /// When to try the next bootstrap server if no broker answers.
    pub(crate) bootstrap_due: Instant,
    /// When to ask for metadata. Only an answer puts it off; whether a broker has been asked, its connection knows.
    pub(crate) metadata_due: Instant,
    /// The value of `TopicState::asked` that has made it due.
    asked: u64,
    /// When to ask for a producer id, if one is needed.
    pub(crate) producer_id_due: Instant,
    pub(crate) producer_id_needed: bool,
    /// The latest report, and when it was made.
    pub(crate) last_problem: Option<(String, Instant)>,
}

impl<C: Send + 'static> Sender<C> {
    pub fn new(shared: Arc<Shared<C>>, target: Target) -> Self {
        let access = lock(&shared.access).clone();
        Self {
            shared,
            target,
            access,
            brokers: HashMap::new(),
            connections: HashMap::new(),
            successors: HashMap::new(),
            connecting: HashSet::new(),
            connect_at: HashMap::new(),
            connected: channel(),
            bootstrap_turn: 0,
            bootstrap_due: Instant::now(),
            metadata_due: Instant::now(),
            asked: 0,
            producer_id_due: Instant::now(),
            producer_id_needed: false,
            last_problem: None,
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
            let (client, topic) = (self.target.client_id.clone(), self.target.topic.clone());
            self.send_request(id, Request::Ask(question), now + RESPONSE_TIMEOUT, |correlation_id, _| match question {
                Question::Metadata => protocol::metadata_request(correlation_id, &client, &topic),
                Question::ProducerId => protocol::init_producer_request(correlation_id, &client),
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
        let open = self.connections.iter().filter(|(id, connection)| {
            !self.is_handing_over(**id)
                && connection.asked_at(question).is_none()
                && (asked.is_none() || !connection.is_slow(now))
        });
        open.min_by_key(|(id, connection)| (connection.is_slow(now), connection.requests(), **id < 0))
            .map(|(id, _)| *id)
    }

    /// When a broker was last asked this, None if all have answered.
    fn asked_at(&self, question: Question) -> Option<Instant> {
        self.connections.values().filter_map(|connection| connection.asked_at(question)).max()
    }

    fn send_request(
        &mut self,
        id: i32,
        request: Request,
        until: Instant,
        encode: impl FnOnce(i32, &Request) -> Vec<u8>,
    ) {
        let Some(connection) = self.connections.get_mut(&id) else { return self.handle_no_response(request) };
        if let Err(error) = connection.send(request, until, encode) {
            self.drop_connection(id, &error.to_string());
        }
    }

    /// Send what is ready. Returns when something else will be.
    fn send_ready(&mut self, now: Instant) -> Option<Instant> {
        let mut sleep = SenderSleep::default();
        lock(&self.shared.accumulator).sleep = None;
        let usable = self.connections.keys().copied().filter(|id| *id >= 0 && !self.is_handing_over(*id));
        for id in usable.collect::<Vec<_>>() {
            loop {
                let mut accumulator = lock(&self.shared.accumulator);
                let requests = self.connections.get(&id).map_or(usize::MAX, Connection::produce_requests);
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
        for (_, batch) in batches.iter_mut().filter(|(_, batch)| batch.encoded.is_empty()) {
            batch.encode(config.compression);
        }
        let wait_ms = config.delivery_timeout.as_millis().min(30_000) as i32;
        let (client, topic) = (self.target.client_id.clone(), self.target.topic.clone());
        self.send_request(id, Request::Produce(batches), until, |correlation_id, request| {
            let Request::Produce(batches) = request else { return Vec::new() };
            let all = batches.iter().map(|(partition, batch)| (*partition, batch.encoded.as_slice()));
            protocol::produce_request(correlation_id, &client, &topic, config.acks, wait_ms, all)
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
        due.chain([self.bootstrap_due]).filter(|at| *at > now).min()
    }

    /// Wait for a response, a wake-up, or the next deadline.
    fn wait(&self, now: Instant, until: Option<Instant>) {
        let mut end = now + Duration::from_secs(1);
        let deadlines = self.connections.values().filter_map(Connection::deadline);
        let renewals = self.connections.values().filter_map(Connection::renew_at).filter(|at| *at > now);
        for at in until.into_iter().chain(deadlines).chain(renewals).chain(self.next_question(now)) {
            end = end.min(at);
        }
        let mut fds = vec![libc::pollfd { fd: self.shared.sender_waker.fd, events: libc::POLLIN, revents: 0 }];
        fds.extend(self.connections.values().map(|connection| libc::pollfd {
            fd: connection.fd() as RawFd,
            events: if connection.has_unsent() { libc::POLLIN | libc::POLLOUT } else { libc::POLLIN },
            revents: 0,
        }));
        let left = end.saturating_duration_since(Instant::now());
        let wait = libc::timespec { tv_sec: left.as_secs() as _, tv_nsec: left.subsec_nanos() as _ };
        // SAFETY: the connections and the waker keep their descriptors open during the call.
        unsafe { libc::ppoll(fds.as_mut_ptr(), fds.len() as _, &wait, std::ptr::null()) };
        self.shared.sender_waker.reset();
    }
}

#[cfg(test)]
mod log_tests;
#[cfg(test)]
mod renewal_tests;
#[cfg(test)]
mod tests;
