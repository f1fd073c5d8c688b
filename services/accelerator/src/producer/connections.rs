//! The sender's connections: one to each leader, opened by threads of their own.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::producer::connection::{Connection, SLOW};
use crate::producer::opening::{Failure, explain, open};
use crate::producer::protocol::ResponseReader;
use crate::producer::sender::{RETRY_BACKOFF, Sender};
use crate::producer::shared::lock;

/// After how long to report the same problem again.
const REPEAT_PROBLEM_AFTER: Duration = Duration::from_secs(5);
/// The most connections that are being opened at a time.
const MAX_CONNECTING: usize = 32;
/// How many connections to bootstrap servers there may be: a name may stand for several brokers.
const MIN_BOOTSTRAP: usize = 3;

impl<C: Send + 'static> Sender<C> {
    /// Collect the connections that were opened, and start opening those that are missing.
    pub(crate) fn connect(&mut self, now: Instant) {
        while let Ok((id, opened)) = self.connected.1.try_recv() {
            self.connecting.remove(&id);
            match opened {
                Ok(connection) => {
                    self.connect_at.remove(&id);
                    self.accept(id, connection, now);
                }
                Err(Failure { why, backoff }) => {
                    self.connect_at.insert(id, now + backoff);
                    self.bootstrap_due = self.bootstrap_due.min(now + RETRY_BACKOFF);
                    let problem = format!("{}: {why}", self.address(id));
                    lock(&self.shared.topic).no_answer.clone_from(&problem);
                    self.report_problem(problem);
                }
            }
        }
        self.renew(now);
        if now >= self.bootstrap_due && self.connections.values().all(|connection| connection.is_slow(now)) {
            self.bootstrap_due = now + SLOW;
            self.bootstrap_turn += 1;
            let connections = self.target.bootstrap.len().max(MIN_BOOTSTRAP);
            self.start_connecting(-1 - (self.bootstrap_turn % connections) as i32, now);
        }
        if self.connections.iter().any(|(id, connection)| *id >= 0 && !connection.is_slow(now)) {
            self.connections.retain(|id, connection| *id >= 0 || connection.requests() > 0);
        }
        let leaders: Vec<i32> = lock(&self.shared.topic).leaders.iter().copied().filter(|id| *id >= 0).collect();
        for id in leaders {
            if !self.connections.contains_key(&id) && self.brokers.contains_key(&id) {
                self.start_connecting(id, now);
            }
        }
    }

    pub(crate) fn start_connecting(&mut self, id: i32, now: Instant) {
        let waits = self.connect_at.get(&id).is_some_and(|at| *at > now);
        let connected = self.connections.get(&id).is_some_and(|former| !former.is_outdated(&self.access, now));
        if waits || connected || self.is_handing_over(id) || self.connecting.len() >= MAX_CONNECTING {
            return;
        }
        if !self.connecting.insert(id) {
            return;
        }
        let (address, opened, shared) = (self.address(id), self.connected.0.clone(), self.shared.clone());
        let (access, client) = (self.access.clone(), self.target.client_id.clone());
        // On a thread of its own, since it may take long.
        let thread = std::thread::Builder::new().name("orders-connect".into()).spawn(move || {
            let _ = opened.send((id, open(&address, access, &client))); // fails when the sender has stopped
            shared.sender_waker.wake();
        });
        if let Err(error) = thread {
            let _ = self.connected.0.send((id, Err(Failure::unreachable(error)))); // we have the receiver
        }
    }

    fn address(&self, id: i32) -> String {
        let known = self.brokers.get(&id).cloned();
        known.unwrap_or_else(|| self.target.bootstrap[id.unsigned_abs() as usize % self.target.bootstrap.len()].clone())
    }

    /// Write what could not be written before, and handle the responses that have arrived.
    pub(crate) fn receive(&mut self) {
        for id in self.connections.keys().copied().collect::<Vec<_>>() {
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            let written = connection.write();
            let (responses, read) = connection.responses();
            for (request, response) in responses {
                self.handle_response(request, &mut ResponseReader::new(&response));
            }
            if let Err(error) = written.and(read) {
                self.drop_connection(id, &explain(&error));
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
            self.handle_no_response(request);
        }
        let problem = format!("{}: {why}", self.address(id));
        lock(&self.shared.topic).no_answer.clone_from(&problem);
        if id >= 0 {
            self.report_problem(problem);
        }
    }

    /// Close connections to brokers that lead no partition any more and have gone silent: what they have not answered is
    /// sent to the partitions' new leaders.
    pub(crate) fn drop_former_leaders(&mut self, leaders: &[i32]) {
        let (now, leaders): (_, HashSet<i32>) = (Instant::now(), leaders.iter().copied().collect());
        let silent = self.connections.iter().filter(|(_, connection)| connection.is_slow(now));
        let former: Vec<i32> = silent.map(|(id, _)| *id).filter(|id| *id >= 0 && !leaders.contains(id)).collect();
        for id in former {
            self.drop_connection(id, "it does not answer, and it leads no partition any more");
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
