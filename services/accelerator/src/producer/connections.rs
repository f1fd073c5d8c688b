//! The sender's connections: made beside, kept to each leader, and given up with what they carried.

use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use crate::producer::connection::{Asked, Link};
use crate::producer::protocol::Reply;
use crate::producer::sender::{ANY, PAUSE, Sender};
use crate::producer::shared::lock;

/// Between two times that the same is told.
const QUIET: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(5);

impl Sender {
    /// Begin connections that are missing, and take up those that were made.
    pub(crate) fn connect(&mut self, now: Instant) {
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

    pub(crate) fn try_now(&mut self, id: i32, now: Instant) {
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

    pub(crate) fn address(&self, id: i32) -> String {
        let known = self.brokers.get(&id).cloned();
        known.unwrap_or_else(|| self.names.bootstrap[self.turn % self.names.bootstrap.len()].clone())
    }

    pub(crate) fn receive(&mut self) {
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

    pub(crate) fn check_deadlines(&mut self) {
        let now = Instant::now();
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            if self.links.get(&id).and_then(Link::deadline).is_some_and(|at| at <= now) {
                self.lose(id, "the broker does not answer");
            }
        }
    }

    /// A connection is no more: what it carried may or may not be in the log.
    pub(crate) fn lose(&mut self, id: i32, why: &str) {
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
    pub(crate) fn trouble(&mut self, text: String) {
        let now = Instant::now();
        if self.told.as_ref().is_some_and(|(last, at)| *last == text && now < *at + QUIET) {
            return;
        }
        lock(&self.shared.events).push(text.clone());
        self.told = Some((text, now));
        self.shared.waiter.ring();
    }
}
