//! Brokers that offer other versions than the newest, and what becomes of orders then.

use std::sync::Mutex;
use std::time::Duration;

use crate::kafka::fake_brokers::{Reaction, versions};
use crate::kafka::metadata::METADATA;
use crate::kafka::record_batch::Compression;
use crate::kafka::versions::API_VERSIONS;
use crate::lock::lock;
use crate::producer::batch::ProducerConfig;
use crate::producer::fake_cluster::{Cluster, Received};
use crate::producer::protocol::{INIT_PRODUCER_ID, PRODUCE};
use crate::producer::sender::tests::{Running, config, key, wait_until};

/// The versions in which the orders of a producer were sent: of metadata, of the producer id, of the orders.
fn used(offered: [(i16, i16, i16); 3]) -> [Vec<i16>; 3] {
    let used = std::sync::Arc::new(Mutex::new([const { Vec::new() }; 3]));
    let seen = used.clone();
    let cluster = Cluster::offering(offered, &[0, 0], move |received: &Received| {
        let keys = [METADATA.key, INIT_PRODUCER_ID.key, PRODUCE.key];
        if let Some(at) = keys.iter().position(|key| *key == received.api) {
            lock(&seen)[at].push(received.version);
        }
        None
    });
    let running = Running::start(&cluster, config());
    running.send("a", &key(0, 2), b"x");
    running.send("b", &key(1, 2), b"x");
    let mut completed = Vec::new();
    wait_until("both are acknowledged", || {
        completed.extend(running.completed());
        completed.len() == 2
    });
    assert!(completed.iter().all(|(_, code)| *code == 0), "{completed:?}");
    assert_eq!(*lock(&running.shared.unsupported), None);
    let mut used = lock(&used).clone();
    used.iter_mut().for_each(Vec::dedup);
    used
}

#[test]
fn the_newest_versions_that_a_broker_offers_are_used() {
    for (metadata, id, produce, newest) in [
        ((0, 5), (0, 0), (0, 3), [5, 0, 3]), // a proxy of some years ago
        ((0, 4), (0, 1), (3, 7), [4, 1, 7]),
        ((7, 7), (1, 1), (8, 8), [7, 1, 8]),
        ((0, 13), (0, 6), (3, 13), [12, 4, 12]), // Kafka 4
        ((9, 20), (2, 9), (9, 20), [12, 4, 12]), // a release that has dropped what is not compact
        ((12, 12), (4, 4), (12, 12), [12, 4, 12]),
    ] {
        let offered = [(METADATA, metadata), (INIT_PRODUCER_ID, id), (PRODUCE, produce)];
        let offered = offered.map(|(spoken, (first, last))| (spoken.key, first, last));
        assert_eq!(used(offered), newest.map(|version| vec![version]), "{offered:?}");
    }
}

#[test]
fn a_broker_without_a_common_version_is_left_to_another_client() {
    let all = [(PRODUCE.key, 3, 8), (METADATA.key, 0, 7), (INIT_PRODUCER_ID.key, 0, 1)];
    let cases = [
        ([all[0], (METADATA.key, 0, 3), all[2]], Compression::None, "offers versions 0 to 3 of Metadata"),
        ([(PRODUCE.key, 13, 15), all[1], all[2]], Compression::None, "offers versions 13 to 15 of Produce"),
        ([(PRODUCE.key, 0, 6), all[1], all[2]], Compression::Zstd, "speaks versions 7 to 12"),
        ([all[0], all[1], (99, 0, 0)], Compression::None, "does not offer InitProducerId"),
    ];
    for (offered, compression, why) in cases {
        let cluster = Cluster::offering(offered, &[0], |_| None);
        let running = Running::<()>::start(&cluster, ProducerConfig { compression, ..config() });
        wait_until(why, || lock(&running.shared.unsupported).is_some());
        let told = lock(&running.shared.unsupported).clone().unwrap();
        assert!(told.starts_with("127.0.0.1:") && told.contains(why), "{told}");
        assert!(lock(&running.shared.topic).no_answer.contains(why));
        assert!(lock(&running.shared.problems).iter().any(|problem| problem.contains(why)));
    }
}

#[test]
fn a_broker_that_can_not_be_asked_for_a_moment_is_asked_again() {
    let endings: [(&str, fn() -> Reaction); 4] = [
        ("reset", || Reaction::Reset),
        ("unreadable", || Reaction::Answer(vec![0xff; 40])),
        ("an error", || Reaction::Answer(vec![0, 35, 0, 0, 0, 0])),
        ("an error, then reset", || Reaction::AnswerAndReset(vec![0, 35, 0, 0, 0, 0])),
    ];
    for (name, ending) in endings {
        let mut left = 3;
        let cluster = Cluster::start(&[0], move |received| {
            (received.api == API_VERSIONS.key && left > 0).then(|| {
                left -= 1;
                ending()
            })
        });
        let running = Running::start(&cluster, config());
        running.send(name, "k", b"x");
        wait_until(name, || running.completed() == [(name, 0)]);
        assert_eq!(*lock(&running.shared.unsupported), None, "{name}");
    }
}

#[test]
fn each_connection_is_asked_for_itself() {
    // A broker is replaced by a newer one between two connections.
    let produced = std::sync::Arc::new(Mutex::new(Vec::new()));
    let seen = produced.clone();
    let mut reset = false;
    let cluster = Cluster::start(&[0], move |received| {
        if received.api == PRODUCE.key {
            lock(&seen).push(received.version);
            return (!std::mem::replace(&mut reset, true)).then_some(Reaction::Reset);
        }
        let newer = received.api == API_VERSIONS.key && reset;
        let offered = [(PRODUCE.key, 9, 12), (METADATA.key, 9, 12), (INIT_PRODUCER_ID.key, 2, 4)];
        newer.then(|| Reaction::Answer(versions(&offered)))
    });
    let running = Running::start(&cluster, ProducerConfig { linger: Duration::ZERO, ..config() });
    running.send("a", "k", b"x");
    wait_until("it is acknowledged", || running.completed() == [("a", 0)]);
    assert_eq!(*lock(&produced), [8, 12]);
}
