//! Connections that are replaced while orders flow.

use std::sync::Mutex;

use super::tests::{Running, config, wait_until};
use super::*;
use crate::kafka::access::Access;
use crate::kafka::authentication::SASL_AUTHENTICATE;
use crate::kafka::fake_brokers::{Reaction, sasl_outcome};
use crate::kafka::sasl::{Credentials, Mechanism};
use crate::producer::fake_cluster::{Cluster, Received};
use crate::producer::protocol::PRODUCE;

fn access(password: &str) -> Access {
    let credentials = Credentials { mechanism: Mechanism::Plain, username: "me".into(), password: password.into() };
    Access { tls: None, credentials: Some(credentials) }
}

/// Send orders one after the other until `enough`; all are acknowledged.
fn send_until(running: &Running<usize>, mut enough: impl FnMut() -> bool) {
    let (mut sent, mut seen) = (0, Vec::new());
    while !enough() || sent < 10 {
        running.send(sent, "k", b"x");
        sent += 1;
        wait_until("it is acknowledged", || {
            seen.extend(running.completed());
            seen.len() == sent
        });
    }
    assert!(seen.iter().enumerate().all(|(at, each)| *each == (at, 0)), "{seen:?}");
}

/// Which connections requests of this kind came on, in order.
fn changes(log: &Mutex<Vec<usize>>) -> Vec<usize> {
    let mut found = lock(log).clone();
    found.dedup();
    found
}

#[test]
fn a_session_that_ends_is_renewed_before_and_nothing_is_sent_again() {
    for idempotent in [true, false] {
        let log = Arc::new(Mutex::new(Vec::new()));
        let produce = log.clone();
        let cluster = Cluster::start(&[0], move |received| {
            if received.api == PRODUCE.key {
                lock(&produce).push(received.connection);
            }
            (received.api == SASL_AUTHENTICATE.key).then(|| Reaction::Answer(sasl_outcome(0, "", b"", 200)))
        });
        let running = Running::start_with(&cluster, ProducerConfig { idempotent, ..config() }, access("secret"));
        let mut counted = 0;
        send_until(&running, || {
            counted += 1;
            changes(&log).len() >= 4
        });
        let used = changes(&log);
        assert!(used.is_sorted(), "{used:?}: no connection is used again after its successor");
        assert_eq!(lock(&log).len(), counted - 1, "one request for each order");
    }
}

#[test]
fn new_credentials_are_used_at_once_and_what_is_in_flight_is_answered_before() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let asked = log.clone();
    let cluster = Cluster::start(&[0], move |received| {
        lock(&asked).push(received.api);
        (received.api == PRODUCE.key).then_some(Reaction::Silence)
    });
    let running = Running::start_with(&cluster, config(), access("old"));
    let has = |api: i16| lock(&log).iter().filter(|each| **each == api).count();
    running.send("held", "k", b"x");
    wait_until("it is in flight", || has(PRODUCE.key) > 0);
    let before = has(SASL_AUTHENTICATE.key);
    running.shared.set_access(access("new"));
    wait_until("a successor has come", || has(SASL_AUTHENTICATE.key) > before);
    running.send("waits", "other", b"x");
    let wanted = running.check();
    wait_until("the sender has looked for what to send", || running.answered() >= wanted);
    assert_eq!(has(PRODUCE.key), 1, "the first has not been answered");
}

#[test]
fn who_is_refused_says_why_tries_again_and_is_let_in_with_the_right_password() {
    let cluster = Cluster::start(&[0], |received: &Received| {
        let refused = received.api == SASL_AUTHENTICATE.key && !received.body.ends_with(b"\0right");
        refused.then(|| Reaction::Answer(sasl_outcome(58, "Authentication failed", b"", 0)))
    });
    let running = Running::start_with(&cluster, config(), access("wrong"));
    let why = || lock(&running.shared.topic).no_answer.clone();
    wait_until("the refusal is known", || why().contains("Authentication failed"));
    let before = cluster.connections(0);
    wait_until("it tries again", || cluster.connections(0) > before);
    running.shared.set_access(access("right"));
    running.send("order", "k", b"x");
    wait_until("it is acknowledged", || running.completed() == [("order", 0)]);
    wait_until("nothing is wrong any more", || {
        running.check();
        why().is_empty()
    });
}

#[test]
fn a_successor_that_is_refused_leaves_the_connection_as_it_is() {
    let cluster = Cluster::start(&[0], |received: &Received| {
        let refused = received.api == SASL_AUTHENTICATE.key && !received.body.ends_with(b"\0right");
        refused.then(|| Reaction::Answer(sasl_outcome(58, "Authentication failed", b"", 0)))
    });
    let running = Running::start_with(&cluster, config(), access("right"));
    running.send("first", "k", b"x");
    wait_until("it is acknowledged", || running.completed() == [("first", 0)]);
    let before = cluster.connections(0);
    running.shared.set_access(access("too early"));
    wait_until("a successor was refused", || {
        cluster.connections(0) > before && !lock(&running.shared.problems).is_empty()
    });
    running.send("second", "k", b"x");
    wait_until("it is acknowledged", || running.completed() == [("second", 0)]);
}
