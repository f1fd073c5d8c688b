//! The sender thread: it connects to the brokers, sends what is ready to the partitions' leaders, and handles responses.

use std::collections::HashMap;
use std::net::TcpStream;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender as Channel, channel};
use std::time::{Duration, Instant};

use crate::producer::accumulator::SenderSleep;
use crate::producer::batch::{Batch, ProducerConfig};
use crate::producer::connection::{Connection, Request};
use crate::producer::protocol;
use crate::producer::record_batch::Sequence;
use crate::producer::shared::{Shared, lock};

/// How often to ask for metadata while nothing is wrong.
const METADATA_REFRESH: Duration = Duration::from_secs(60);
/// How long to wait before trying again what has failed.
pub(crate) const RETRY_BACKOFF: Duration = Duration::from_millis(100);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
/// Stands for the id of a bootstrap server, whose own id is not known.
pub(crate) const BOOTSTRAP: i32 = -1;

/// Where to send, and under which client id.
pub struct Target {
    pub topic: String,
    pub client_id: String,
    pub bootstrap: Vec<String>,
}

/// A broker's id, and the connection to it or why there is none.
pub(crate) type Connected = (i32, Result<TcpStream, String>);

pub struct Sender<C> {
    pub(crate) shared: Arc<Shared<C>>,
    pub(crate) target: Target,
    /// Addresses by broker id.
    pub(crate) brokers: HashMap<i32, String>,
    pub(crate) connections: HashMap<i32, Connection>,
    /// When to try a broker that is not connected. While a thread is trying it, this lies far ahead.
    pub(crate) connect_at: HashMap<i32, Instant>,
    pub(crate) connected: (Channel<Connected>, Receiver<Connected>),
    /// Counts attempts, to try one bootstrap server after another.
    pub(crate) bootstrap_turn: usize,
    pub(crate) metadata_due: Instant,
    pub(crate) metadata_pending: bool,
    /// With its epoch.
    pub(crate) producer_id: Option<(i64, i16)>,
    pub(crate) producer_id_pending: bool,
    /// Whether a new producer id is needed, which starts the sequence numbers again.
    pub(crate) reset_needed: bool,
    /// The latest report, and when it was made.
    pub(crate) last_problem: Option<(String, Instant)>,
}

impl<C: Send + 'static> Sender<C> {
    pub fn new(shared: Arc<Shared<C>>, target: Target) -> Self {
        Self {
            shared,
            target,
            brokers: HashMap::new(),
            connections: HashMap::new(),
            connect_at: HashMap::new(),
            connected: channel(),
            bootstrap_turn: 0,
            metadata_due: Instant::now(),
            metadata_pending: false,
            producer_id: None,
            producer_id_pending: false,
            reset_needed: false,
            last_problem: None,
        }
    }

    /// Run until `TopicState::stop`.
    pub fn run(mut self) {
        loop {
            let now = Instant::now();
            {
                let topic = lock(&self.shared.topic);
                if topic.stop {
                    return;
                }
                if topic.asked > topic.answered && !self.metadata_pending {
                    self.metadata_due = now;
                }
            }
            self.connect(now);
            self.send_control_requests(now);
            let until = self.send_ready(now);
            self.notify_event_loop();
            self.wait(now, until);
            self.receive();
            self.check_deadlines();
        }
    }

    /// Ask for metadata and a producer id if they are due.
    fn send_control_requests(&mut self, now: Instant) {
        let Some(id) = self.connections.keys().copied().max() else { return };
        if !self.metadata_pending && now >= self.metadata_due {
            self.metadata_pending = true;
            self.metadata_due = now + METADATA_REFRESH;
            let (client, topic) = (self.target.client_id.clone(), self.target.topic.clone());
            self.send_request(id, Request::Metadata, now + RESPONSE_TIMEOUT, |correlation_id, _| {
                protocol::metadata_request(correlation_id, &client, &topic)
            });
        }
        let mut accumulator = lock(&self.shared.accumulator);
        if !accumulator.config.idempotent
            || self.producer_id.is_some() && !self.reset_needed
            || self.producer_id_pending
            || !accumulator.is_idle()
        {
            return;
        }
        if self.reset_needed {
            accumulator.reset_sequences();
            self.reset_needed = false;
            self.producer_id = None;
        }
        drop(accumulator);
        if id == BOOTSTRAP {
            return; // metadata first
        }
        self.producer_id_pending = true;
        let client = self.target.client_id.clone();
        self.send_request(id, Request::InitProducerId, now + RESPONSE_TIMEOUT, |correlation_id, _| {
            protocol::init_producer_request(correlation_id, &client)
        });
    }

    fn send_request(
        &mut self,
        id: i32,
        request: Request,
        until: Instant,
        encode: impl FnOnce(i32, &Request) -> Vec<u8>,
    ) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if let Err(error) = connection.send(request, until, encode) {
            self.drop_connection(id, &error.to_string());
        }
    }

    /// Send what is ready. Returns when something else will be.
    fn send_ready(&mut self, now: Instant) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        let mut open = Vec::new();
        {
            let mut accumulator = lock(&self.shared.accumulator);
            accumulator.sleep = None;
            self.reset_needed |= accumulator.expire(now);
        }
        if self.reset_needed {
            return None;
        }
        for id in self.connections.keys().copied().filter(|id| *id != BOOTSTRAP).collect::<Vec<_>>() {
            loop {
                let mut accumulator = lock(&self.shared.accumulator);
                let sequence = match (accumulator.config.idempotent, self.producer_id) {
                    (true, None) => break,
                    (true, Some((producer, epoch))) => Sequence { producer, epoch, base: 0 },
                    (false, _) => Sequence::NONE,
                };
                let limit = accumulator.config.max_in_flight;
                if self.connections.get(&id).is_none_or(|connection| connection.produce_requests() >= limit) {
                    break;
                }
                match accumulator.ready_at(id, now) {
                    Some(at) if at <= now => {}
                    at => {
                        open.push(id);
                        next = [next, at].into_iter().flatten().min();
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
                self.send_batches(id, batches, sequence, until, &config);
            }
        }
        lock(&self.shared.accumulator).sleep = Some(SenderSleep { until: next, open });
        next
    }

    fn send_batches(
        &mut self,
        id: i32,
        mut batches: Vec<(usize, Batch)>,
        sequence: Sequence,
        until: Instant,
        config: &ProducerConfig,
    ) {
        for (_, batch) in batches.iter_mut().filter(|(_, batch)| batch.encoded.is_empty()) {
            let base = if config.idempotent { batch.base_sequence } else { sequence.base };
            batch.encode(config.compression, Sequence { base, ..sequence });
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

    /// Wait for a response, a wake-up, or the next deadline.
    fn wait(&self, now: Instant, until: Option<Instant>) {
        let mut end = now + Duration::from_secs(1);
        for at in until.into_iter().chain(self.connections.values().filter_map(Connection::deadline)) {
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
