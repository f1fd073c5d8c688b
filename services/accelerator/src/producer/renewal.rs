//! Connections that have to be replaced: the broker will not believe much longer who we are, or the access has changed.
//!
//! A successor is opened while the connection still works, and takes over between two requests. If it is not let in,
//! the connection goes on for as long as the broker accepts it.

use std::sync::Arc;
use std::time::Instant;

use crate::producer::connection::Connection;
use crate::producer::sender::Sender;
use crate::producer::shared::lock;

impl<C: Send + 'static> Sender<C> {
    /// Take over what is ready, and let everything be opened anew after a change of the access.
    pub(crate) fn renew(&mut self, now: Instant) {
        let newest = lock(&self.shared.access).clone();
        if !Arc::ptr_eq(&newest, &self.access) {
            self.access = newest;
            self.connect_at.clear(); // what was refused may now be let in
            self.bootstrap_due = now;
        }
        for id in self.successors.keys().copied().collect::<Vec<_>>() {
            if self.connections.get(&id).is_none_or(|former| former.requests() == 0) {
                self.connections.extend(self.successors.remove(&id).map(|successor| (id, successor)));
            }
        }
        let access = &self.access;
        self.connections.retain(|id, each| *id >= 0 || each.requests() > 0 || !each.is_outdated(access, now));
        let outdated = self.connections.iter().filter(|(_, each)| each.is_outdated(access, now));
        for id in outdated.map(|(id, _)| *id).filter(|id| *id >= 0).collect::<Vec<_>>() {
            self.start_connecting(id, now);
        }
    }

    /// Use a connection that was opened. One that nobody needs any more is closed.
    pub(crate) fn accept(&mut self, id: i32, opened: Connection, now: Instant) {
        match self.connections.get(&id) {
            None => drop(self.connections.insert(id, opened)),
            Some(former) if former.is_outdated(&self.access, now) => drop(self.successors.insert(id, opened)),
            Some(_) => {}
        }
    }

    /// Whether requests for a broker wait until its connection's successor has taken over.
    pub(crate) fn is_handing_over(&self, id: i32) -> bool {
        self.successors.contains_key(&id)
    }
}
