//! The sender against brokers on loopback that answer as the test says.

use std::collections::HashMap;
use std::ffi::c_int;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use super::*;
use crate::kafka::access::Access;
use crate::kafka::fake_brokers::{Brokers, Reaction};
use crate::kafka::record_batch::Compression;
use crate::producer::fake_cluster::{Cluster, Received, metadata, metadata_without_topic, produced, producer_id};
use crate::producer::murmur2::partition_of;
use crate::producer::protocol::{INIT_PRODUCER_ID, PRODUCE};

const MANY: Duration = Duration::from_secs(600);

pub fn config() -> ProducerConfig {
    ProducerConfig {
        batch_bytes: 400,
        request_bytes: 10_000,
        buffer_bytes: 1_000_000,
        linger: Duration::ZERO,
        delivery_timeout: MANY,
        compression: Compression::None,
        acks: -1,
        idempotent: true,
        max_in_flight: 5,
    }
}

/// A running sender. Orders have names, by which they are known once they have completed.
pub struct Running<C = &'static str> {
    pub shared: Arc<Shared<C>>,
    thread: Option<JoinHandle<()>>,
}

impl<C: Copy + Send + 'static> Running<C> {
    pub fn start(cluster: &Brokers, config: ProducerConfig) -> Self {
        Self::start_with(cluster, config, Access::default())
    }

    pub fn start_with(cluster: &Brokers, config: ProducerConfig, access: Access) -> Self {
        Self::connect(cluster.bootstrap(), config, access)
    }

    fn connect(bootstrap: Vec<String>, config: ProducerConfig, access: Access) -> Self {
        let shared = Arc::new(Shared::new(config, access).unwrap());
        let target = Target { topic: "t".into(), client_id: "c".into(), bootstrap };
        let sender = Sender::new(shared.clone(), target);
        Self { shared, thread: Some(std::thread::spawn(|| sender.run())) }
    }

    /// Ask for metadata, as a health check does.
    pub fn check(&self) -> u64 {
        let mut topic = lock(&self.shared.topic);
        topic.asked += 1;
        self.shared.sender_waker.wake();
        topic.asked
    }

    pub fn answered(&self) -> u64 {
        lock(&self.shared.topic).answered
    }

    /// Queue an order once the partitions are known, and go on checking meanwhile.
    pub fn send(&self, name: C, key: &str, value: &[u8]) {
        wait_until("the order is accepted", || {
            self.check();
            self.shared.enqueue(key.as_bytes(), value, b"\0", name, (Instant::now(), 0))
        });
    }

    /// The orders that have completed, with their error code or 0.
    pub fn completed(&self) -> Vec<(C, c_int)> {
        let completed = std::mem::take(&mut self.shared.accumulator().completed);
        completed.into_iter().map(|each| (each.callback, each.failed.first().map_or(0, |(_, code)| *code))).collect()
    }
}

impl<C> Drop for Running<C> {
    fn drop(&mut self) {
        lock(&self.shared.topic).stop = true;
        self.shared.sender_waker.wake();
        self.thread.take().unwrap().join().unwrap();
    }
}

pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(120);
    while !condition() {
        assert!(Instant::now() < end, "{what}: not within 120 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A key of the partition.
pub fn key(partition: usize, partitions: usize) -> String {
    (0..).map(|number| format!("k{number}")).find(|key| partition_of(key.as_bytes(), partitions) == partition).unwrap()
}

#[test]
fn a_question_is_asked_again_however_it_ends() {
    let endings: [(&str, i16, fn() -> Reaction); 9] = [
        ("metadata: unreadable", METADATA.key, || Reaction::Answer(vec![0xff; 40])),
        ("metadata: empty", METADATA.key, || Reaction::Answer(Vec::new())),
        ("metadata: without the topic", METADATA.key, || Reaction::Answer(metadata_without_topic())),
        ("metadata: a gap in the partitions", METADATA.key, || Reaction::Answer(metadata(&[1], &[(0, 0), (2, 0)]))),
        ("metadata: reset", METADATA.key, || Reaction::Reset),
        ("producer id: error", INIT_PRODUCER_ID.key, || Reaction::Answer(producer_id(29))),
        ("producer id: unreadable", INIT_PRODUCER_ID.key, || Reaction::Answer(vec![1])),
        ("producer id: reset", INIT_PRODUCER_ID.key, || Reaction::Reset),
        ("producer id: error, then reset", INIT_PRODUCER_ID.key, || Reaction::AnswerAndReset(producer_id(15))),
    ];
    for (name, api, ending) in endings {
        let mut left = 3;
        let cluster = Cluster::start(&[0], move |received| {
            (received.api == api && left > 0).then(|| {
                left -= 1;
                ending()
            })
        });
        let running = Running::start(&cluster, config());
        running.send(name, "k", b"x");
        let mut seen = Vec::new();
        wait_until(name, || {
            running.check();
            seen.extend(running.completed());
            !seen.is_empty()
        });
        assert_eq!(seen, [(name, 0)]);
    }
}

#[test]
fn a_broker_that_hangs_holds_up_only_its_own_partitions() {
    for hung in [0, 2] {
        let script = move |received: &Received| (received.broker == hung).then_some(Reaction::Silence);
        let cluster = Cluster::start(&[0, 1, 2], script);
        let running = Running::start(&cluster, config());
        let names = ["on 0", "on 1", "on 2"];
        for (partition, name) in names.into_iter().enumerate() {
            running.send(name, &key(partition, 3), b"x");
        }
        let mut seen = Vec::new();
        wait_until("the others are acknowledged", || {
            seen.extend(running.completed());
            seen.len() == 2
        });
        for _ in 0..200 {
            let asked = running.check();
            wait_until("another broker answers", || running.answered() >= asked);
        }
        let connections = cluster.connections(hung);
        assert!(connections < 5, "{connections}: answers do not wait until the broker is given up");
        assert!(!seen.contains(&(names[hung as usize], 0)));
    }
}

#[test]
fn what_a_silent_broker_does_not_lead_any_more_goes_to_the_new_leader() {
    let (mut moved, mut asked) = (false, 0);
    let ports = Arc::new(Mutex::new(Vec::new()));
    let known = ports.clone();
    let cluster = Cluster::start(&[0, 1], move |received| {
        moved |= received.broker == 0 && received.api == PRODUCE.key;
        if received.broker == 0 && moved {
            return Some(Reaction::Silence);
        }
        (received.api == METADATA.key).then(|| {
            asked += 1;
            let leader = i32::from(moved && asked > 3);
            Reaction::Answer(metadata(&lock(&known), &[(0, leader), (1, 1)]))
        })
    });
    *lock(&ports) = cluster.ports().to_vec();
    let running = Running::start(&cluster, config());
    running.send("moved", &key(0, 2), b"x");
    let mut seen = Vec::new();
    wait_until("the new leader has it", || {
        running.check();
        seen.extend(running.completed());
        !seen.is_empty()
    });
    assert_eq!(seen, [("moved", 0)]);
}

#[test]
fn small_orders_in_a_batch_that_is_too_large_are_sent_again_without_the_large_one() {
    for idempotent in [true, false] {
        let log = Arc::new(Mutex::new(Vec::new()));
        let appended = log.clone();
        let cluster = Cluster::start(&[0], move |received| {
            let (_, batch) = received.batches.first()?;
            if batch.len() > 1000 {
                return Some(Reaction::Answer(produced(received, 10)));
            }
            lock(&appended).extend(batch.split(|byte| *byte != b'x').map(<[u8]>::len).filter(|length| *length > 50));
            None
        });
        let linger = Duration::from_millis(300);
        let running = Running::start(&cluster, ProducerConfig { batch_bytes: 10_000, linger, idempotent, ..config() });
        let orders = [("a", 101), ("large", 2000), ("b", 102), ("c", 103), ("huge", 3000), ("d", 104), ("e", 105)];
        for (name, bytes) in orders {
            running.send(name, "k", &vec![b'x'; bytes]);
        }
        let mut seen = HashMap::new();
        wait_until("all are answered", || {
            seen.extend(running.completed());
            seen.len() == orders.len()
        });
        let large: Vec<_> = seen.iter().filter(|(_, code)| **code == 10).map(|(name, _)| name.len()).collect();
        assert_eq!((seen["large"], seen["huge"], large.len()), (10, 10, 2), "idempotent: {idempotent}");
        assert_eq!(*lock(&log), [101, 102, 103, 104, 105], "once each, and in order");
        running.send("next", "k", &[b'x'; 106]);
        wait_until("the next is acknowledged", || running.completed() == [("next", 0)]);
    }
}

#[test]
fn requests_are_never_larger_than_a_broker_takes() {
    let largest = 6000;
    let cluster = Cluster::start(&[0; 64], move |received| (received.size > largest).then_some(Reaction::Reset));
    let running = Running::start(&cluster, ProducerConfig { request_bytes: 5000, ..config() });
    for number in 0..400 {
        running.send("order", &format!("k{number}"), &[b'x'; 300]);
    }
    let mut seen = Vec::new();
    wait_until("all are acknowledged", || {
        seen.extend(running.completed());
        seen.len() == 400
    });
    assert!(seen.iter().all(|each| *each == ("order", 0)));
}

#[test]
fn orders_that_come_while_a_request_is_out_go_with_the_next_one() {
    // The broker answers produce requests only when it is let: one after the other, as Kafka does.
    let (partitions, orders) = (6, 60);
    let (asked, allowed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(1)));
    let (count, limit) = (asked.clone(), allowed.clone());
    let cluster = Cluster::start(&vec![0; partitions], move |received| {
        if received.api == PRODUCE.key {
            let turn = count.fetch_add(1, Ordering::SeqCst);
            wait_until("it is let", || limit.load(Ordering::SeqCst) > turn);
        }
        None
    });
    let running = Running::start(&cluster, ProducerConfig { batch_bytes: 100_000, ..config() });
    let mut seen = Vec::new();
    let all: Vec<_> = (0..partitions).map(|partition| key(partition, partitions)).collect();
    // One batch of each partition is acknowledged, after which several may be in flight.
    for key in &all {
        allowed.store(usize::MAX, Ordering::SeqCst);
        running.send("first", key, b"x");
    }
    wait_until("all are acknowledged", || {
        seen.extend(running.completed());
        seen.len() == partitions
    });
    let before = asked.load(Ordering::SeqCst);
    allowed.store(before, Ordering::SeqCst);
    running.send("out", &all[0], b"x");
    wait_until("its request is out", || asked.load(Ordering::SeqCst) == before + 1);
    for number in 0..orders {
        running.send("meanwhile", &all[number % partitions], b"x");
        // The sender has had a turn, and would have sent it.
        let seen_at = running.check();
        wait_until("the sender makes a turn", || lock(&running.shared.topic).seen >= seen_at);
    }
    allowed.store(usize::MAX, Ordering::SeqCst);
    wait_until("all are acknowledged", || {
        seen.extend(running.completed());
        seen.len() == partitions + 1 + orders
    });
    assert_eq!(asked.load(Ordering::SeqCst) - before, 2, "{orders} single orders in one request");
    assert!(seen.iter().all(|(_, code)| *code == 0));
}

#[test]
fn a_fault_that_ends_the_sender_is_known() {
    let running = Running::<()>::connect(Vec::new(), config(), Access::default()); // refused where properties are read
    wait_until("it is known", || lock(&running.shared.fault).is_some());
    assert!(lock(&running.shared.fault).as_ref().unwrap().starts_with("the sender has ended: "));
}
