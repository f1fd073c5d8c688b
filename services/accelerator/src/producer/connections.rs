//! The sender's connections: one to each leader, opened by threads of their own.

use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use crate::producer::connection::{Connection, Request};
use crate::producer::protocol::ResponseReader;
use crate::producer::sender::{BOOTSTRAP, RETRY_BACKOFF, Sender};
use crate::producer::shared::lock;

/// After how long to report the same problem again.
const REPEAT_PROBLEM_AFTER: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

impl<C: Send + 'static> Sender<C> {
    /// Collect the connections that were opened, and start opening those that are missing.
    pub(crate) fn connect(&mut self, now: Instant) {
        while let Ok((id, opened)) = self.connected.1.try_recv() {
            match opened.and_then(|stream| Connection::new(stream).map_err(|error| error.to_string())) {
                Ok(connection) => {
                    self.connect_at.remove(&id);
                    self.connections.entry(id).or_insert(connection);
                }
                Err(error) => {
                    self.connect_at.insert(id, now + RETRY_BACKOFF);
                    self.report_problem(format!("{}: {error}", self.address(id)));
                }
            }
        }
        if self.connections.is_empty() {
            self.start_connecting(BOOTSTRAP, now);
        }
        let leaders: Vec<i32> = lock(&self.shared.topic).leaders.iter().copied().filter(|id| *id >= 0).collect();
        for id in leaders {
            if !self.connections.contains_key(&id) && self.brokers.contains_key(&id) {
                self.start_connecting(id, now);
            }
        }
    }

    fn start_connecting(&mut self, id: i32, now: Instant) {
        if self.connect_at.get(&id).is_some_and(|at| *at > now) {
            return;
        }
        if id == BOOTSTRAP {
            self.bootstrap_turn += 1;
        }
        self.connect_at.insert(id, now + CONNECT_TIMEOUT * 2);
        let (address, opened, shared) = (self.address(id), self.connected.0.clone(), self.shared.clone());
        // On a thread of its own, since both the name's resolution and the connection may take long.
        std::thread::spawn(move || {
            let outcome = address.to_socket_addrs().map_err(|error| error.to_string()).and_then(|all| {
                let mut outcome = Err("the name has no address".to_string());
                for one in all {
                    outcome = TcpStream::connect_timeout(&one, CONNECT_TIMEOUT).map_err(|error| error.to_string());
                    if outcome.is_ok() {
                        break;
                    }
                }
                outcome
            });
            let _ = opened.send((id, outcome)); // fails when the sender has stopped
            shared.sender_waker.wake();
        });
    }

    fn address(&self, id: i32) -> String {
        let known = self.brokers.get(&id).cloned();
        known.unwrap_or_else(|| self.target.bootstrap[self.bootstrap_turn % self.target.bootstrap.len()].clone())
    }

    /// Write what could not be written before, and handle the responses that have arrived.
    pub(crate) fn receive(&mut self) {
        for id in self.connections.keys().copied().collect::<Vec<_>>() {
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            let written = connection.write();
            let (responses, read) = connection.responses();
            for (request, response) in responses {
                self.handle_response(request, &mut ResponseReader(&response));
            }
            if let Err(error) = written.and(read) {
                self.drop_connection(id, &error.to_string());
            }
        }
    }

    /// Close connections on which a response is overdue.
    pub(crate) fn check_deadlines(&mut self) {
        let now = Instant::now();
        for id in self.connections.keys().copied().collect::<Vec<_>>() {
            if self.connections.get(&id).and_then(Connection::deadline).is_some_and(|at| at <= now) {
                self.drop_connection(id, "the broker does not answer");
            }
        }
    }

    /// Close a connection. The log may or may not hold the batches that were in flight on it.
    pub(crate) fn drop_connection(&mut self, id: i32, why: &str) {
        let Some(connection) = self.connections.remove(&id) else { return };
        let now = Instant::now();
        self.connect_at.insert(id, now + RETRY_BACKOFF);
        self.metadata_due = self.metadata_due.min(now + RETRY_BACKOFF);
        for request in connection.into_pending() {
            match request {
                Request::Metadata => self.metadata_pending = false,
                Request::InitProducerId => self.producer_id_pending = false,
                Request::Produce(batches) => {
                    for (partition, batch) in batches {
                        self.handle_produce_result(partition, batch, None);
                    }
                }
            }
        }
        if id != BOOTSTRAP {
            self.report_problem(format!("{}: {why}", self.address(id)));
        }
    }

    /// Report a problem to the event loop, but not the same one all the time.
    pub(crate) fn report_problem(&mut self, text: String) {
        let now = Instant::now();
        if self.last_problem.as_ref().is_some_and(|(last, at)| *last == text && now < *at + REPEAT_PROBLEM_AFTER) {
            return;
        }
        lock(&self.shared.problems).push(text.clone());
        self.last_problem = Some((text, now));
        self.shared.event_loop_waker.wake();
    }
}
