//! The thread that sends: it keeps connections to the brokers, knows who leads which partition, and settles answers.

use std::collections::HashMap;
use std::net::TcpStream;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender as Channel, channel};
use std::time::{Duration, Instant};

use crate::producer::accumulator::Sleep;
use crate::producer::batch::{Batch, Rules};
use crate::producer::connection::{Asked, Link};
use crate::producer::protocol;
use crate::producer::record_batch::Sequence;
use crate::producer::shared::{Shared, lock};

/// How often the leaders are asked for although nothing is wrong.
const REFRESH: Duration = Duration::from_secs(60);
/// Before something that failed is tried again.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);
const ANSWER: Duration = Duration::from_secs(10);
/// The broker that is asked before any is known by its id.
pub(crate) const ANY: i32 = -1;

pub struct Names {
    pub topic: String,
    pub client: String,
    pub bootstrap: Vec<String>,
}

pub(crate) type Made = (i32, Result<TcpStream, String>);

pub struct Sender {
    pub(crate) shared: Arc<Shared>,
    pub(crate) names: Names,
    pub(crate) brokers: HashMap<i32, String>,
    pub(crate) links: HashMap<i32, Link>,
    /// When a broker without a connection may be tried; those being tried are far in the future.
    pub(crate) tries: HashMap<i32, Instant>,
    pub(crate) made: (Channel<Made>, Receiver<Made>),
    pub(crate) turn: usize,
    pub(crate) refresh: Instant,
    pub(crate) asking: bool,
    pub(crate) producer: Option<(i64, i16)>,
    pub(crate) id_asked: bool,
    pub(crate) renumber: bool,
    pub(crate) told: Option<(String, Instant)>,
}

impl Sender {
    pub fn new(shared: Arc<Shared>, names: Names) -> Self {
        Self {
            shared,
            names,
            brokers: HashMap::new(),
            links: HashMap::new(),
            tries: HashMap::new(),
            made: channel(),
            turn: 0,
            refresh: Instant::now(),
            asking: false,
            producer: None,
            id_asked: false,
            renumber: false,
            told: None,
        }
    }

    /// Send until told to stop.
    pub fn run(mut self) {
        loop {
            let now = Instant::now();
            {
                let topic = lock(&self.shared.topic);
                if topic.stop {
                    return;
                }
                if topic.asked > topic.answered && !self.asking {
                    self.refresh = now;
                }
            }
            self.connect(now);
            self.ask(now);
            let until = self.send(now);
            self.tell();
            self.wait(now, until);
            self.receive();
            self.check_deadlines();
        }
    }

    /// Ask for leaders and a producer id where they are wanted.
    fn ask(&mut self, now: Instant) {
        let Some(id) = self.links.keys().copied().max() else { return };
        if !self.asking && now >= self.refresh {
            self.asking = true;
            self.refresh = now + REFRESH;
            let (client, topic) = (self.names.client.clone(), self.names.topic.clone());
            self.request(id, Asked::Metadata, now + ANSWER, |number, _| {
                protocol::metadata_request(number, &client, &topic)
            });
        }
        let mut log = lock(&self.shared.log);
        if !log.rules.idempotent || self.producer.is_some() && !self.renumber || self.id_asked || !log.idle() {
            return;
        }
        if self.renumber {
            log.renumber();
            self.renumber = false;
            self.producer = None;
        }
        drop(log);
        if id == ANY {
            return; // leaders come first
        }
        self.id_asked = true;
        let client = self.names.client.clone();
        self.request(id, Asked::ProducerId, now + ANSWER, |number, _| protocol::init_producer_request(number, &client));
    }

    fn request(&mut self, id: i32, asked: Asked, until: Instant, make: impl FnOnce(i32, &Asked) -> Vec<u8>) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if let Err(error) = link.ask(asked, until, make) {
            self.lose(id, &error.to_string());
        }
    }

    /// Send what is due; returns when something will be.
    fn send(&mut self, now: Instant) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        let mut open = Vec::new();
        {
            let mut log = lock(&self.shared.log);
            log.sleep = None;
            self.renumber |= log.expire(now);
        }
        if self.renumber {
            return None;
        }
        for id in self.links.keys().copied().filter(|id| *id != ANY).collect::<Vec<_>>() {
            loop {
                let mut log = lock(&self.shared.log);
                let sequence = match (log.rules.idempotent, self.producer) {
                    (true, None) => break,
                    (true, Some((producer, epoch))) => Sequence { producer, epoch, first: 0 },
                    (false, _) => Sequence::NONE,
                };
                if self.links.get(&id).is_none_or(|link| link.producing() >= log.rules.in_flight) {
                    break;
                }
                match log.due(id, now) {
                    Some(at) if at <= now => {}
                    at => {
                        open.push(id);
                        next = [next, at].into_iter().flatten().min();
                        break;
                    }
                }
                let batches = log.take(id, now);
                let rules = log.rules.clone();
                let until = log.patience(batches.iter().map(|(_, batch)| batch)).unwrap_or(now).max(now + PAUSE * 10);
                drop(log);
                if batches.is_empty() {
                    break;
                }
                self.produce(id, batches, sequence, until, &rules);
            }
        }
        // A broker that has as much as it may have at a time is not open: its answer wakes this thread.
        lock(&self.shared.log).sleep = Some(Sleep { until: next, open });
        next
    }

    fn produce(
        &mut self,
        id: i32,
        mut batches: Vec<(usize, Batch)>,
        sequence: Sequence,
        until: Instant,
        rules: &Rules,
    ) {
        for (_, batch) in batches.iter_mut().filter(|(_, batch)| batch.packed.is_empty()) {
            let first = if rules.idempotent { batch.first } else { sequence.first };
            batch.pack(rules.packing, Sequence { first, ..sequence });
        }
        let wait_ms = rules.give_up.as_millis().min(30_000) as i32;
        let (client, topic) = (self.names.client.clone(), self.names.topic.clone());
        self.request(id, Asked::Produce(batches), until, |number, asked| {
            let Asked::Produce(batches) = asked else { return Vec::new() };
            let all = batches.iter().map(|(partition, batch)| (*partition, batch.packed.as_slice()));
            protocol::produce_request(number, &client, &topic, rules.acks, wait_ms, all)
        });
    }

    /// Let the event loop know what has ended.
    fn tell(&self) {
        if !lock(&self.shared.log).done.is_empty() {
            self.shared.waiter.ring();
        }
    }

    fn wait(&self, now: Instant, until: Option<Instant>) {
        let mut end = now + Duration::from_secs(1);
        for at in until.into_iter().chain(self.links.values().filter_map(Link::deadline)) {
            end = end.min(at);
        }
        let mut fds = vec![libc::pollfd { fd: self.shared.sender.fd, events: libc::POLLIN, revents: 0 }];
        fds.extend(self.links.values().map(|link| libc::pollfd {
            fd: link.fd() as RawFd,
            events: if link.stuck() { libc::POLLIN | libc::POLLOUT } else { libc::POLLIN },
            revents: 0,
        }));
        let left = end.saturating_duration_since(Instant::now());
        let wait = libc::timespec { tv_sec: left.as_secs() as _, tv_nsec: left.subsec_nanos() as _ };
        // SAFETY: the descriptors are open as long as the links and the bell live.
        unsafe { libc::ppoll(fds.as_mut_ptr(), fds.len() as _, &wait, std::ptr::null()) };
        self.shared.sender.calm();
    }
}
