//! The thread that sends: it keeps connections to the brokers, knows who leads which partition, and settles answers.

use std::collections::HashMap;
use std::ffi::c_int;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::RawFd;
use std::sync::mpsc::{Receiver, Sender as Channel, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::bell::Bell;
use crate::link::{Asked, Link};
use crate::log::{Batch, Log};
use crate::protocol::{self, Reply};
use crate::record::Sequence;

/// How often the leaders are asked for although nothing is wrong.
const REFRESH: Duration = Duration::from_secs(60);
/// Before something that failed is tried again.
const PAUSE: Duration = Duration::from_millis(100);
/// Between two times that the same is told.
const QUIET: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(10);
/// The broker that is asked before any is known by its id.
const ANY: i32 = -1;
/// A batch that failed for its turn alone more often than this is given up.
const MAX_ATTEMPTS: u32 = 20;

const OUT_OF_TURN: i16 = 45;
const DOUBLE: i16 = 46;

/// What may pass by itself. After 7 and 20 the batch may be in the log all the same.
const PASSING: [i16; 14] = [2, 3, 5, 6, 7, 8, 13, 14, 19, 20, 56, 74, 75, 89];
/// The producer's id is not good any more; nothing was written.
const ID_IS_OVER: [i16; 4] = [OUT_OF_TURN, 47, 59, 90];

/// What both threads see.
pub struct Shared {
    pub log: Mutex<Log>,
    pub topic: Mutex<Topic>,
    pub told: Condvar,
    /// Wakes the sender.
    pub sender: Bell,
    /// Wakes the event loop.
    pub waiter: Bell,
    pub events: Mutex<Vec<String>>,
}

/// What is known of the topic. `asked` and `answered` count the questions for it.
#[derive(Default)]
pub struct Topic {
    pub leaders: Vec<i32>,
    pub error: i16,
    pub asked: u64,
    pub answered: u64,
    pub stop: bool,
}

pub struct Names {
    pub topic: String,
    pub client: String,
    pub bootstrap: Vec<String>,
}

type Made = (i32, Result<TcpStream, String>);

pub struct Sender {
    shared: Arc<Shared>,
    names: Names,
    brokers: HashMap<i32, String>,
    links: HashMap<i32, Link>,
    /// When a broker without a connection may be tried; those being tried are far in the future.
    tries: HashMap<i32, Instant>,
    made: (Channel<Made>, Receiver<Made>),
    turn: usize,
    refresh: Instant,
    asking: bool,
    producer: Option<(i64, i16)>,
    id_asked: bool,
    renumber: bool,
    told: Option<(String, Instant)>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
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

    /// Begin connections that are missing, and take up those that were made.
    fn connect(&mut self, now: Instant) {
        while let Ok((id, made)) = self.made.1.try_recv() {
            match made.and_then(|stream| Link::new(stream).map_err(|error| error.to_string())) {
                Ok(link) => {
                    self.tries.remove(&id);
                    self.links.entry(id).or_insert(link);
                }
                Err(error) => {
                    self.tries.insert(id, now + PAUSE);
                    self.trouble(format!("{}: {error}", self.address(id)));
                }
            }
        }
        if self.links.is_empty() {
            self.try_now(ANY, now);
        }
        let leaders: Vec<i32> = lock(&self.shared.topic).leaders.iter().copied().filter(|id| *id >= 0).collect();
        for id in leaders {
            if !self.links.contains_key(&id) && self.brokers.contains_key(&id) {
                self.try_now(id, now);
            }
        }
    }

    fn try_now(&mut self, id: i32, now: Instant) {
        if self.tries.get(&id).is_some_and(|at| *at > now) {
            return;
        }
        if id == ANY {
            self.turn += 1;
        }
        self.tries.insert(id, now + CONNECT * 2);
        let (address, made, shared) = (self.address(id), self.made.0.clone(), self.shared.clone());
        // Names are looked up and connections made beside, since both may take long.
        std::thread::spawn(move || {
            let reached = address.to_socket_addrs().map_err(|error| error.to_string()).and_then(|all| {
                let mut outcome = Err("the name has no address".to_string());
                for one in all {
                    outcome = TcpStream::connect_timeout(&one, CONNECT).map_err(|error| error.to_string());
                    if outcome.is_ok() {
                        break;
                    }
                }
                outcome
            });
            let _ = made.send((id, reached)); // nobody wants it when the sender has stopped
            shared.sender.ring();
        });
    }

    fn address(&self, id: i32) -> String {
        let known = self.brokers.get(&id).cloned();
        known.unwrap_or_else(|| self.names.bootstrap[self.turn % self.names.bootstrap.len()].clone())
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
        {
            let mut log = lock(&self.shared.log);
            log.ring = true; // whatever comes from here on may be due before anything that is seen below
            self.renumber |= log.expire(now);
        }
        if self.renumber {
            return None;
        }
        for id in self.links.keys().copied().collect::<Vec<_>>() {
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
        lock(&self.shared.log).ring = next.is_none();
        next
    }

    fn produce(
        &mut self,
        id: i32,
        mut batches: Vec<(usize, Batch)>,
        sequence: Sequence,
        until: Instant,
        rules: &crate::log::Rules,
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

    fn receive(&mut self) {
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            let Some(link) = self.links.get_mut(&id) else { continue };
            let written = link.write();
            let (answers, read) = link.answers();
            for (asked, answer) in answers {
                self.answered(asked, &mut Reply(&answer));
            }
            if let Err(error) = written.and(read) {
                self.lose(id, &error.to_string());
            }
        }
    }

    fn check_deadlines(&mut self) {
        let now = Instant::now();
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            if self.links.get(&id).and_then(Link::deadline).is_some_and(|at| at <= now) {
                self.lose(id, "the broker does not answer");
            }
        }
    }

    fn answered(&mut self, asked: Asked, reply: &mut Reply<'_>) {
        match asked {
            Asked::Metadata => match protocol::metadata_reply(reply) {
                Some(found) => self.know(found),
                None => self.trouble("an answer about the topic that can't be read".into()),
            },
            Asked::ProducerId => {
                self.id_asked = false;
                match protocol::init_producer_reply(reply) {
                    Some((0, id, epoch)) => self.producer = Some((id, epoch)),
                    Some((14..=16, ..)) => std::thread::sleep(Duration::from_millis(20)), // it is just starting
                    other => {
                        self.trouble(format!("no producer id: error {}", other.map_or(-1, |(code, ..)| code)));
                        std::thread::sleep(PAUSE);
                    }
                }
            }
            Asked::Produce(batches) => {
                let outcomes = protocol::produce_reply(reply).unwrap_or_default();
                for (partition, batch) in batches {
                    let code = outcomes.iter().find(|(of, _)| *of == partition).map(|(_, code)| *code);
                    self.settled(partition, batch, code);
                }
            }
        }
    }

    /// One batch was answered; None when the answer does not say what became of it.
    fn settled(&mut self, partition: usize, mut batch: Batch, code: Option<i16>) {
        let pause = Instant::now() + PAUSE;
        let shared = self.shared.clone();
        let mut log = lock(&shared.log);
        match code {
            Some(0) => log.end(partition, batch, 0),
            Some(DOUBLE) if log.rules.idempotent => log.end(partition, batch, 0),
            Some(code) if log.rules.idempotent && ID_IS_OVER.contains(&code) && batch.attempts < MAX_ATTEMPTS => {
                // Behind one that is to be sent again this only tells that it came too early.
                let early = log.partitions[partition].again.iter().any(|other| other.before(&batch));
                self.renumber |= code != OUT_OF_TURN || !early;
                log.again(partition, batch, pause);
            }
            None | Some(-1) => {
                batch.unknown = true;
                log.again(partition, batch, pause);
            }
            Some(code) if PASSING.contains(&code) => {
                batch.unknown |= code == 7 || code == 20;
                log.again(partition, batch, pause);
                self.refresh = self.refresh.min(pause);
            }
            Some(code) => {
                // The others of this partition would wait for it for ever.
                self.renumber |= log.rules.idempotent;
                log.end(partition, batch, c_int::from(code));
            }
        }
    }

    fn know(&mut self, found: protocol::Metadata) {
        self.asking = false;
        self.brokers = found.brokers.into_iter().map(|(id, host, port)| (id, format!("{host}:{port}"))).collect();
        if found.error == 0 {
            lock(&self.shared.log).lead(&found.leaders, Instant::now());
        }
        if found.leaders.contains(&-1) || found.error != 0 || found.leaders.len() < lock(&self.shared.log).count {
            self.refresh = Instant::now() + PAUSE;
        }
        let mut topic = lock(&self.shared.topic);
        topic.leaders = found.leaders;
        topic.error = found.error;
        topic.answered = topic.asked;
        self.shared.told.notify_all();
    }

    /// A connection is no more: what it carried may or may not be in the log.
    fn lose(&mut self, id: i32, why: &str) {
        let Some(link) = self.links.remove(&id) else { return };
        let now = Instant::now();
        self.tries.insert(id, now + PAUSE);
        self.refresh = self.refresh.min(now + PAUSE);
        for asked in link.unanswered() {
            match asked {
                Asked::Metadata => self.asking = false,
                Asked::ProducerId => self.id_asked = false,
                Asked::Produce(batches) => {
                    for (partition, batch) in batches {
                        self.settled(partition, batch, None);
                    }
                }
            }
        }
        if id != ANY {
            self.trouble(format!("{}: {why}", self.address(id)));
        }
    }

    /// Tell of something that is wrong, but not all the time.
    fn trouble(&mut self, text: String) {
        let now = Instant::now();
        if self.told.as_ref().is_some_and(|(last, at)| *last == text && now < *at + QUIET) {
            return;
        }
        lock(&self.shared.events).push(text.clone());
        self.told = Some((text, now));
        self.shared.waiter.ring();
    }
}
