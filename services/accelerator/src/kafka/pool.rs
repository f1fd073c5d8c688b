//! A client's connections, one to each broker that it needs: opened by threads of their own, and replaced when the
//! broker will not believe much longer who we are, or the access has changed.
//!
//! A successor is opened while the connection still works, and takes over between two requests. If it is not let in,
//! the connection goes on for as long as the broker accepts it.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender as Channel, channel};
use std::time::{Duration, Instant};

use crate::kafka::access::Access;
use crate::kafka::connection::{Connection, SLOW};
use crate::kafka::failure::{Cause, Failure, explain};
use crate::kafka::opening::open;
use crate::kafka::target::Target;
use crate::kafka::versions::{Spoken, Versions};
use crate::kafka::waker::Waker;

/// How long to wait before trying again what has failed.
pub const RETRY_BACKOFF: Duration = Duration::from_millis(100);
/// The most connections that are being opened at a time.
const MAX_CONNECTING: usize = 32;
/// How many connections to bootstrap servers there may be: a name may stand for several brokers.
const MIN_BOOTSTRAP: usize = 3;

/// A connection that could not be opened.
pub struct NotOpened {
    pub broker: i32,
    /// With the broker's address.
    pub why: String,
    pub cause: Cause,
}

/// A broker's id, and the connection to it or why there is none.
type Connected<R> = (i32, Result<Connection<R>, Failure>);

/// Brokers are known by their ids. Bootstrap servers, whose ids are not known, count down from -1.
pub struct Pool<R> {
    client_id: String,
    bootstrap: Vec<String>,
    /// What each broker must have.
    spoken: Arc<[Spoken]>,
    /// The most bytes of one response.
    max_response: usize,
    /// Woken when a connection has been opened, or could not be.
    waker: Arc<Waker>,
    /// How new connections are opened.
    access: Arc<Access>,
    /// Addresses.
    brokers: HashMap<i32, String>,
    connections: HashMap<i32, Connection<R>>,
    /// Those that are to replace others in `connections` once these have been answered.
    successors: HashMap<i32, Connection<R>>,
    /// Brokers that a thread is connecting to.
    connecting: HashSet<i32>,
    /// When to try again a broker that could not be reached, or whose connection ended.
    connect_at: HashMap<i32, Instant>,
    connected: (Channel<Connected<R>>, Receiver<Connected<R>>),
    /// Counts attempts, to try one bootstrap server after another.
    bootstrap_turn: usize,
    /// When to try the next bootstrap server if no broker answers.
    bootstrap_due: Instant,
}

impl<R: Send + 'static> Pool<R> {
    /// For the requests `spoken`, whose responses have at most so many bytes.
    pub fn new(
        target: &Target,
        access: Arc<Access>,
        waker: Arc<Waker>,
        spoken: &[Spoken],
        max_response: usize,
    ) -> Self {
        Self {
            client_id: target.client_id.clone(),
            bootstrap: target.bootstrap.clone(),
            spoken: spoken.into(),
            max_response,
            waker,
            access,
            brokers: HashMap::new(),
            connections: HashMap::new(),
            successors: HashMap::new(),
            connecting: HashSet::new(),
            connect_at: HashMap::new(),
            connected: channel(),
            bootstrap_turn: 0,
            bootstrap_due: Instant::now(),
        }
    }

    /// The cluster has these brokers: id, host and port.
    pub fn set_brokers(&mut self, brokers: Vec<(i32, String, u16)>) {
        self.brokers = brokers.into_iter().map(|(id, host, port)| (id, format!("{host}:{port}"))).collect();
    }

    /// Collect the connections that were opened, and start opening those that are missing to the brokers `needed`.
    /// Returns why others could not be opened.
    pub fn connect(&mut self, now: Instant, access: &Arc<Access>, needed: &[i32]) -> Vec<NotOpened> {
        let mut problems = Vec::new();
        while let Ok((id, opened)) = self.connected.1.try_recv() {
            self.connecting.remove(&id);
            match opened {
                Ok(connection) => {
                    self.connect_at.remove(&id);
                    self.accept(id, connection, now);
                }
                Err(Failure { why, backoff, cause }) => {
                    self.connect_at.insert(id, now + backoff);
                    self.bootstrap_due = self.bootstrap_due.min(now + RETRY_BACKOFF);
                    let why = format!("{}: {why}", self.address(id));
                    problems.push(NotOpened { broker: id, why, cause });
                }
            }
        }
        self.renew(now, access);
        if now >= self.bootstrap_due && self.connections.values().all(|connection| connection.is_slow(now)) {
            self.bootstrap_due = now + SLOW;
            self.bootstrap_turn += 1;
            let connections = self.bootstrap.len().max(MIN_BOOTSTRAP);
            self.start_connecting(-1 - (self.bootstrap_turn % connections) as i32, now);
        }
        if self.connections.iter().any(|(id, connection)| *id >= 0 && !connection.is_slow(now)) {
            self.connections.retain(|id, connection| *id >= 0 || connection.pending().len() > 0);
        }
        for id in needed.iter().copied().filter(|id| *id >= 0) {
            if !self.connections.contains_key(&id) && self.brokers.contains_key(&id) {
                self.start_connecting(id, now);
            }
        }
        problems
    }

    /// Take over what is ready, and let everything be opened anew after a change of the access.
    fn renew(&mut self, now: Instant, newest: &Arc<Access>) {
        if !Arc::ptr_eq(newest, &self.access) {
            self.access = newest.clone();
            self.connect_at.clear(); // what was refused may now be let in
            self.bootstrap_due = now;
        }
        for id in self.successors.keys().copied().collect::<Vec<_>>() {
            if self.connections.get(&id).is_none_or(|former| former.pending().len() == 0) {
                self.connections.extend(self.successors.remove(&id).map(|successor| (id, successor)));
            }
        }
        let access = &self.access;
        self.connections.retain(|id, each| *id >= 0 || each.pending().len() > 0 || !each.is_outdated(access, now));
        let outdated = self.connections.iter().filter(|(_, each)| each.is_outdated(access, now));
        for id in outdated.map(|(id, _)| *id).filter(|id| *id >= 0).collect::<Vec<_>>() {
            self.start_connecting(id, now);
        }
    }

    /// Use a connection that was opened. One that nobody needs any more is closed.
    fn accept(&mut self, id: i32, opened: Connection<R>, now: Instant) {
        match self.connections.get(&id) {
            None => drop(self.connections.insert(id, opened)),
            Some(former) if former.is_outdated(&self.access, now) => drop(self.successors.insert(id, opened)),
            Some(_) => {}
        }
    }

    fn start_connecting(&mut self, id: i32, now: Instant) {
        let waits = self.connect_at.get(&id).is_some_and(|at| *at > now);
        let connected = self.connections.get(&id).is_some_and(|former| !former.is_outdated(&self.access, now));
        if waits || connected || self.successors.contains_key(&id) || self.connecting.len() >= MAX_CONNECTING {
            return;
        }
        if !self.connecting.insert(id) {
            return;
        }
        let (address, opened, waker) = (self.address(id), self.connected.0.clone(), self.waker.clone());
        let (access, client) = (self.access.clone(), self.client_id.clone());
        let (spoken, max) = (self.spoken.clone(), self.max_response);
        // On a thread of its own, since it may take long.
        let thread = std::thread::Builder::new().name("kafka-connect".into()).spawn(move || {
            let _ = opened.send((id, open(&address, access, &client, &spoken, max))); // fails when the client has stopped
            waker.wake();
        });
        if let Err(error) = thread {
            let _ = self.connected.0.send((id, Err(Failure::unreachable(error)))); // we have the receiver
        }
    }

    pub fn address(&self, id: i32) -> String {
        let known = self.brokers.get(&id).cloned();
        known.unwrap_or_else(|| self.bootstrap[id.unsigned_abs() as usize % self.bootstrap.len()].clone())
    }

    /// Whether the cluster has this broker.
    pub fn knows(&self, id: i32) -> bool {
        self.brokers.contains_key(&id)
    }

    pub fn ids(&self) -> Vec<i32> {
        self.connections.keys().copied().collect()
    }

    pub fn get(&self, id: i32) -> Option<&Connection<R>> {
        self.connections.get(&id)
    }

    /// The versions of requests that a broker's connection uses.
    pub fn versions(&self, id: i32) -> Arc<Versions> {
        self.get(id).map(|connection| connection.versions().clone()).unwrap_or_default()
    }

    pub fn iter(&self) -> impl Iterator<Item = (i32, &Connection<R>)> {
        self.connections.iter().map(|(id, connection)| (*id, connection))
    }

    /// The connections that may be sent requests. Requests for other brokers wait until their connection's successor has
    /// taken over.
    pub fn usable(&self) -> impl Iterator<Item = (i32, &Connection<R>)> {
        self.iter().filter(|(id, _)| !self.successors.contains_key(id))
    }

    /// Send a request whose response is due at `until`. `encode` makes its bytes from its correlation id. Fails if the
    /// connection has to be closed, and gives the request back if there is none.
    pub fn send(
        &mut self,
        id: i32,
        request: R,
        until: Instant,
        encode: impl FnOnce(i32, &R) -> Vec<u8>,
    ) -> Result<io::Result<()>, R> {
        match self.connections.get_mut(&id) {
            Some(connection) => Ok(connection.send(request, until, encode)),
            None => Err(request),
        }
    }

    /// Write to a broker what could not be written before, and take the responses that have arrived. Also returns why
    /// the connection has to be closed, if it has to.
    pub fn receive(&mut self, id: i32) -> (Vec<(R, Vec<u8>)>, Option<String>) {
        let Some(connection) = self.connections.get_mut(&id) else { return (Vec::new(), None) };
        let written = connection.write();
        let (responses, read) = connection.responses();
        (responses, written.and(read).err().map(|error| explain(&error)))
    }

    /// The brokers of which a response is overdue.
    pub fn overdue(&self, now: Instant) -> Vec<i32> {
        let overdue = self.iter().filter(|(_, connection)| connection.deadline().is_some_and(|at| at <= now));
        overdue.map(|(id, _)| id).collect()
    }

    /// Close a connection. Returns the requests that will not be answered, None if there was no connection.
    pub fn close(&mut self, id: i32, now: Instant) -> Option<Vec<R>> {
        let connection = self.connections.remove(&id)?;
        self.connect_at.insert(id, now + RETRY_BACKOFF);
        Some(connection.into_pending().collect())
    }

    /// When something has to be done about the connections, if nothing arrives before.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let deadlines = self.connections.values().filter_map(Connection::deadline);
        let renewals = self.connections.values().filter_map(Connection::renew_at).filter(|at| *at > now);
        deadlines.chain(renewals).chain(Some(self.bootstrap_due).filter(|at| *at > now)).min()
    }

    /// Wait until something arrives or can be sent, for a wake-up, or for `end`.
    pub fn wait(&self, end: Instant) {
        let mut fds = vec![libc::pollfd { fd: self.waker.fd, events: libc::POLLIN, revents: 0 }];
        fds.extend(self.connections.values().map(|connection| libc::pollfd {
            fd: connection.fd() as RawFd,
            events: if connection.has_unsent() { libc::POLLIN | libc::POLLOUT } else { libc::POLLIN },
            revents: 0,
        }));
        let left = end.saturating_duration_since(Instant::now());
        let wait = libc::timespec { tv_sec: left.as_secs() as _, tv_nsec: left.subsec_nanos() as _ };
        // SAFETY: the connections and the waker keep their descriptors open during the call.
        unsafe { libc::ppoll(fds.as_mut_ptr(), fds.len() as _, &wait, std::ptr::null()) };
        self.waker.reset();
    }
}
