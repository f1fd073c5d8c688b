//! The fetcher against brokers on loopback, whatever they do.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustls::{ServerConnection, StreamOwned};

use super::*;
use crate::consumer::config::fetch_config;
use crate::consumer::fake_cluster::{Cluster, NONE};
use crate::consumer::fetch::FETCH;
use crate::consumer::protocol::METADATA;
use crate::consumer::samples::{TRANSACTIONAL, batch, batch_of, marker, with};
use crate::kafka::connection::Connection;
use crate::kafka::fake_brokers::{Call, Reaction};
use crate::kafka::record_batch::Compression;
use crate::kafka::tls_peer::{Ca, properties, trusting};
use crate::kafka::versions::API_VERSIONS;

const PLAIN: Compression = Compression::None;
const SOON: Duration = Duration::from_millis(50);

/// A fetcher, and what it has brought: the offsets of each partition in the order in which they came.
struct Running {
    fetcher: Fetcher,
    offsets: BTreeMap<i32, Vec<i64>>,
    ends: Vec<(i32, i64)>,
    notes: Vec<(i32, String)>,
}

impl Running {
    fn start(cluster: &Cluster, more: &[(&str, &str)]) -> Self {
        let given = [("fetch.wait.max.ms", "20"), ("socket.timeout.ms", "1500"), ("fetch.max.bytes", "100000")];
        let config = fetch_config(&properties(&[&given, more].concat())).unwrap();
        let bootstrap = cluster.brokers.bootstrap();
        let target = Target { topic: "t".into(), client_id: "c".into(), bootstrap };
        let fetcher = Fetcher::new(&target, config, Access::default()).unwrap();
        Self { fetcher, offsets: BTreeMap::new(), ends: Vec::new(), notes: Vec::new() }
    }

    /// Assigned partitions, from the beginning.
    fn from_beginning(cluster: &Cluster, partitions: &[i32]) -> Self {
        let mut running = Self::start(cluster, &[]);
        running.assign(partitions);
        running
    }

    fn assign(&mut self, partitions: &[i32]) {
        self.fetcher.add(partitions);
        for partition in partitions {
            assert!(self.fetcher.seek(*partition, Position { offset: 0, epoch: -1 }));
        }
    }

    fn poll(&mut self) {
        let polled = self.fetcher.poll(1000, SOON);
        for batch in polled.batches {
            let found = self.offsets.entry(batch.partition).or_default();
            found.extend(batch.records.infos.iter().map(|info| info.offset));
        }
        self.ends.extend(polled.ends);
        self.notes.extend(polled.notes);
    }

    fn until(&mut self, what: &str, mut condition: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(120);
        while !condition(self) {
            assert!(Instant::now() < end, "{what}: not within 120 s: {:?} {:?}", self.offsets, self.notes);
            self.poll();
        }
    }

    fn until_offsets(&mut self, partition: i32, offsets: &[i64]) {
        let what = format!("partition {partition}: {offsets:?}");
        self.until(&what, |running| running.of(partition).len() >= offsets.len());
        assert_eq!(self.of(partition), offsets);
    }

    fn of(&self, partition: i32) -> &[i64] {
        self.offsets.get(&partition).map_or(&[], Vec::as_slice)
    }
}

fn plain(brokers: usize, leaders: &[i32]) -> Cluster {
    Cluster::start(brokers, leaders, |_: &Call| None)
}

#[test]
fn all_records_come_in_order_and_then_the_ends() {
    for (newest, id) in [(18, None), (12, None), (13, Some(NONE))] {
        let cluster = plain(2, &[0, 1, 0]);
        cluster.change(|state| {
            state.newest_fetch = newest;
            state.topic_id = id.unwrap_or(state.topic_id);
        });
        for partition in 0..3 {
            for first in [0, 2, 4] {
                cluster.append(partition, batch(0, &[first, first + 1], Compression::Snappy));
            }
        }
        let mut running = Running::from_beginning(&cluster, &[0, 1, 2]);
        running.until("all ends", |running| running.ends.len() == 3);
        for partition in 0..3 {
            assert_eq!(running.of(partition), [0, 1, 2, 3, 4, 5]);
        }
        running.ends.sort_unstable();
        assert_eq!(running.ends, [(0, 6), (1, 6), (2, 6)]);
        cluster.append(1, batch(0, &[6], PLAIN));
        running.until_offsets(1, &[0, 1, 2, 3, 4, 5, 6]);
        running.until("its end", |running| running.ends.contains(&(1, 7)));
        for _ in 0..5 {
            running.poll();
        }
        cluster.change(|state| {
            assert!(state.fetches.iter().all(|fetch| fetch.by_id == (newest >= 13 && id.is_none())));
            let known: Vec<_> = state.fetches.iter().filter(|fetch| fetch.session.0 != 0).collect();
            assert!(known.iter().any(|fetch| fetch.partitions.is_empty()), "what has not changed is not said again");
        });
    }
}

#[test]
fn records_that_come_late_wake_it() {
    let cluster = plain(1, &[0]);
    let mut running = Running::from_beginning(&cluster, &[0]);
    running.until("the end", |running| running.ends == [(0, 0)]);
    for offset in 0..20 {
        cluster.append(0, batch(0, &[offset], PLAIN));
        running.until_offsets(0, &(0..=offset).collect::<Vec<_>>());
    }
}

#[test]
fn a_new_leader_goes_on_where_the_former_one_stopped() {
    let cluster = plain(3, &[0, 1]);
    let mut running = Running::from_beginning(&cluster, &[0, 1]);
    for round in 0..10 {
        cluster.change(|state| {
            let log = &mut state.logs[0];
            (log.leader, log.epoch) = (round as i32 % 3, round as i32);
            log.batches.push(batch(round as i32, &[round], PLAIN));
        });
        running.until_offsets(0, &(0..=round).collect::<Vec<_>>());
    }
}

#[test]
fn a_log_that_was_cut_is_read_from_where_it_was_cut() {
    let cluster = plain(2, &[0]);
    for offset in 0..6 {
        cluster.append(0, batch(0, &[offset], PLAIN));
    }
    let mut running = Running::from_beginning(&cluster, &[0]);
    running.until_offsets(0, &[0, 1, 2, 3, 4, 5]);
    cluster.change(|state| {
        let log = &mut state.logs[0];
        log.batches.truncate(3);
        (log.leader, log.epoch) = (1, 1);
        for offset in 3..9 {
            log.batches.push(batch(1, &[offset], PLAIN));
        }
    });
    running.until_offsets(0, &[0, 1, 2, 3, 4, 5, 3, 4, 5, 6, 7, 8]);
    assert!(running.notes.iter().any(|(code, _)| *code == -139), "{:?}", running.notes);
}

#[test]
fn a_position_beyond_a_log_that_was_cut_is_found_in_it() {
    let cluster = plain(1, &[0]);
    cluster.append(0, batch(0, &[0, 1, 2], PLAIN));
    cluster.change(|state| state.logs[0].epoch = 1);
    cluster.append(0, batch(1, &[3], PLAIN));
    let mut running = Running::start(&cluster, &[]);
    running.fetcher.add(&[0]);
    running.fetcher.seek(0, Position { offset: 50, epoch: 0 });
    running.until_offsets(0, &[3]);
}

#[test]
fn a_log_that_has_lost_its_beginning_is_read_from_what_is_left() {
    for epoch in [-1, 0] {
        let cluster = plain(1, &[0]);
        cluster.append(0, batch(0, &[10, 11], PLAIN));
        cluster.change(|state| state.logs[0].start = 10);
        let mut running = Running::start(&cluster, &[]);
        running.fetcher.add(&[0]);
        running.fetcher.seek(0, Position { offset: 5, epoch });
        running.until_offsets(0, &[10, 11]);
        running.until("it is said", |running| running.notes.iter().any(|(code, _)| *code == 1));
    }
}

#[test]
fn gaps_and_what_does_not_count_are_passed() {
    let cluster = plain(1, &[0]);
    let of = |producer: i64, offsets: &[i64]| with(batch(0, offsets, PLAIN), TRANSACTIONAL, producer);
    let log = [batch(0, &[0, 3], PLAIN), of(7, &[10]), of(8, &[11]), marker(0, 12, 7, false), marker(0, 13, 8, true)];
    for bytes in log {
        cluster.append(0, bytes);
    }
    cluster.change(|state| state.logs[0].aborted = vec![(7, 10)]);
    let mut running = Running::from_beginning(&cluster, &[0]);
    running.until("the end", |running| running.ends == [(0, 14)]);
    assert_eq!(running.of(0), [0, 3, 11]);
}

#[test]
fn damage_on_the_way_is_repaired_and_damage_in_the_log_is_left_to_another_client() {
    let cluster = plain(1, &[0]);
    let good = batch(0, &[0, 1], PLAIN);
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    cluster.append(0, bad);
    let mut running = Running::from_beginning(&cluster, &[0]);
    running.until("it is noticed", |running| running.notes.iter().any(|(_, text)| text.contains("checksum")));
    cluster.change(|state| state.logs[0].batches[0] = good);
    running.until_offsets(0, &[0, 1]);
    let mut bad = batch(0, &[2], PLAIN);
    *bad.last_mut().unwrap() ^= 1;
    cluster.append(0, bad);
    running.until("it is given up", |running| running.fetcher.unusual().is_some());
    assert!(running.fetcher.unusual().unwrap().contains("checksum"));
    assert_eq!(running.of(0), [0, 1]);
}

#[test]
fn a_broker_that_is_too_old_is_left_to_another_client() {
    let cluster = plain(1, &[0]);
    cluster.change(|state| state.newest_fetch = 11);
    let mut running = Running::from_beginning(&cluster, &[0]);
    running.until("it is given up", |running| running.fetcher.unusual().is_some());
    assert!(
        running
            .fetcher
            .unusual()
            .unwrap()
            .contains("offers versions 0 to 11 of Fetch, this client speaks versions 12 to 13")
    );
}

#[test]
fn a_throttled_fetcher_waits() {
    let cluster = plain(1, &[0]);
    cluster.change(|state| state.throttle_ms = 300);
    let mut running = Running::from_beginning(&cluster, &[0]);
    let begun = Instant::now();
    for offset in 0..4 {
        cluster.append(0, batch(0, &[offset], PLAIN));
        running.until_offsets(0, &(0..=offset).collect::<Vec<_>>());
    }
    let (took, asked) = (begun.elapsed(), cluster.change(|state| state.fetches.len()) as u32);
    assert!(took >= SOON * 6 * (asked - 2), "{asked} fetches in {took:?}");
}

/// Two brokers, of which 0 leads and sends readers with a rack to 1.
fn two_replicas(script: impl FnMut(&Call) -> Option<Reaction> + Send + 'static) -> (Cluster, Running) {
    let cluster = Cluster::start(2, &[0], script);
    cluster.change(|state| state.logs[0].preferred = 1);
    let mut running = Running::start(&cluster, &[("client.rack", "a")]);
    running.assign(&[0]);
    (cluster, running)
}

#[test]
fn the_nearest_replica_is_read_and_the_leader_if_that_refuses() {
    let (cluster, mut running) = two_replicas(|_| None);
    cluster.append(0, batch(0, &[0], PLAIN));
    running.until_offsets(0, &[0]);
    let asked = |broker: i32| cluster.change(|state| state.fetches.iter().filter(|each| each.broker == broker).count());
    assert!(asked(1) > 0);
    cluster.append(0, batch(0, &[1], PLAIN));
    cluster.change(|state| state.logs[0].follower_error = 1);
    running.until_offsets(0, &[0, 1]);
}

#[test]
fn the_leader_is_read_if_the_nearest_replica_is_lost_or_was_never_there() {
    let lost = Arc::new(AtomicBool::new(false));
    let reset = lost.clone();
    let (cluster, mut running) =
        two_replicas(move |call| (call.broker == 1 && reset.load(Ordering::SeqCst)).then_some(Reaction::Reset));
    cluster.append(0, batch(0, &[0], PLAIN));
    running.until_offsets(0, &[0]);
    lost.store(true, Ordering::SeqCst);
    cluster.append(0, batch(0, &[1], PLAIN));
    running.until_offsets(0, &[0, 1]);

    let (cluster, mut running) = two_replicas(|_| None);
    cluster.change(|state| state.logs[0].preferred = 7);
    cluster.append(0, batch(0, &[0], PLAIN));
    running.until_offsets(0, &[0]);

    let (cluster, mut running) = two_replicas(|_| None);
    cluster.change(|state| state.unreachable = Some(1));
    cluster.append(0, batch(0, &[0], PLAIN));
    running.until_offsets(0, &[0]);
}

#[test]
fn nothing_of_another_topic_with_the_same_name_is_read() {
    let cluster = plain(1, &[0]);
    cluster.append(0, batch(0, &[0], PLAIN));
    let mut running = Running::from_beginning(&cluster, &[0]);
    running.until_offsets(0, &[0]);
    cluster.change(|state| state.topic_id = [1; 16]);
    cluster.append(0, batch(0, &[1], PLAIN));
    running.until("it is said", |running| running.notes.iter().any(|(code, _)| *code == 100));
    for _ in 0..10 {
        running.poll();
    }
    assert_eq!(running.of(0), [0]);
}

#[test]
fn a_session_that_the_broker_has_forgotten_is_begun_anew() {
    let cluster = plain(1, &[0]);
    let mut running = Running::from_beginning(&cluster, &[0]);
    for offset in 0..5 {
        cluster.append(0, batch(0, &[offset], PLAIN));
        running.until_offsets(0, &(0..=offset).collect::<Vec<_>>());
        cluster.change(|state| {
            state.forget_sessions();
            state.sessionless = offset == 2;
        });
    }
    assert!(running.notes.is_empty(), "{:?}", running.notes);
}

#[test]
fn the_end_is_told_again_to_whoever_gets_the_partition_again() {
    let cluster = plain(1, &[0]);
    cluster.append(0, batch(0, &[0], PLAIN));
    let mut running = Running::start(&cluster, &[]);
    running.fetcher.add(&[0]);
    running.fetcher.seek(0, Position { offset: 1, epoch: 0 });
    running.until("the end", |running| running.ends == [(0, 1)]);
    running.fetcher.remove(&[0]);
    running.fetcher.add(&[0]);
    running.fetcher.seek(0, Position { offset: 1, epoch: 0 }); // the session has asked for just this
    running.until("the end again", |running| running.ends == [(0, 1), (0, 1)]);
}

#[test]
fn what_a_broker_has_told_in_an_answer_that_did_not_count_is_told_again() {
    let cluster = plain(1, &[0]);
    cluster.append(0, batch(0, &[0], PLAIN));
    let mut running = Running::from_beginning(&cluster, &[0]);
    let end = Instant::now() + Duration::from_secs(120);
    let fetches = |connection: &Connection<Ask>| connection.pending().any(|(ask, _)| *ask == Ask::Fetch);
    while !running.fetcher.pool.iter().any(|(_, connection)| fetches(connection)) {
        assert!(Instant::now() < end, "no fetch: {:?}", running.notes);
        running.fetcher.poll(1000, Duration::ZERO);
    }
    running.fetcher.seek(0, Position { offset: 1, epoch: 0 }); // while the answer is on its way
    running.until("the end", |running| running.ends == [(0, 1)]);
    assert_eq!(running.of(0), [0; 0]);
}

#[test]
fn answers_that_can_never_be_read_are_left_to_another_client() {
    for api in [FETCH.key, METADATA.key] {
        let cluster =
            Cluster::start(1, &[0], move |call: &Call| (call.api() == api).then(|| Reaction::Answer(vec![0xff; 40])));
        let mut running = Running::from_beginning(&cluster, &[0]);
        running.until("it is given up", |running| running.fetcher.unusual().is_some());
        assert!(running.fetcher.unusual().unwrap().contains("can't be read"));
    }
}

#[test]
fn a_broker_that_never_tells_its_versions_is_left_to_another_client() {
    for (answer, why) in [(vec![0, 35, 0, 0, 0, 0], "ApiVersions with error 35"), (vec![0; 3], "can't be read")] {
        let cluster = Cluster::start(1, &[0], move |call: &Call| {
            (call.api() == API_VERSIONS.key).then(|| Reaction::Answer(answer.clone()))
        });
        let target = Target { topic: "t".into(), client_id: "c".into(), bootstrap: cluster.brokers.bootstrap() };
        let config = FetchConfig { refused_for: SOON, ..fetch_config(&HashMap::new()).unwrap() };
        let mut fetcher = Fetcher::new(&target, config, Access::default()).unwrap();
        fetcher.add(&[0]);
        let end = Instant::now() + Duration::from_secs(120);
        while fetcher.unusual().is_none() && Instant::now() < end {
            fetcher.poll(1000, SOON);
        }
        assert!(fetcher.unusual().unwrap().contains(why), "{:?}", fetcher.unusual());
        assert!(cluster.brokers.connections(0) > 1, "it may have been a moment's");
    }
}

#[test]
fn a_broker_with_which_tls_can_not_be_agreed_on_is_left_to_another_client() {
    // OpenSSL accepts a broker whose certificate is a CA's, rustls does not.
    let ca = Ca::new("127.0.0.1");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let bootstrap = vec![listener.local_addr().unwrap().to_string()];
    let (server, attempts) = (ca.itself(), Arc::new(AtomicUsize::new(0)));
    let counted = attempts.clone();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            counted.fetch_add(1, Ordering::SeqCst);
            let mut peer = StreamOwned::new(ServerConnection::new(server.clone()).unwrap(), stream);
            while peer.conn.is_handshaking() && peer.conn.complete_io(&mut peer.sock).is_ok() {}
        }
    });
    let target = Target { topic: "t".into(), client_id: "c".into(), bootstrap };
    let config = FetchConfig { refused_for: SOON, ..fetch_config(&HashMap::new()).unwrap() };
    let mut fetcher = Fetcher::new(&target, config, trusting(&[&ca], &[])).unwrap();
    fetcher.add(&[0]);
    let end = Instant::now() + Duration::from_secs(120);
    while fetcher.unusual().is_none() && Instant::now() < end {
        fetcher.poll(1000, SOON);
    }
    assert!(fetcher.unusual().unwrap().contains("CA's"), "{:?}", fetcher.unusual());
    assert!(attempts.load(Ordering::SeqCst) > 1, "it may have been a moment's");
}

#[test]
fn whatever_a_broker_does_once_nothing_is_lost_and_nothing_comes_twice() {
    let reactions: [(&str, i16, fn() -> Reaction); 6] = [
        ("a fetch that is reset", FETCH.key, || Reaction::Reset),
        ("a fetch with an unreadable answer", FETCH.key, || Reaction::Answer(vec![0xff; 40])),
        ("a fetch with an empty answer", FETCH.key, || Reaction::Answer(Vec::new())),
        ("metadata that is reset", METADATA.key, || Reaction::Reset),
        ("unreadable metadata", METADATA.key, || Reaction::Answer(vec![0; 3])),
        ("versions that are reset", 18, || Reaction::Reset),
    ];
    for (name, api, reaction) in reactions {
        let count = AtomicUsize::new(0);
        let cluster = Cluster::start(2, &[0, 1], move |call: &Call| {
            let turn = if call.api() == api { count.fetch_add(1, Ordering::SeqCst) } else { 0 };
            (turn % 3 == 1 && turn < 20).then(reaction)
        });
        let mut running = Running::from_beginning(&cluster, &[0, 1]);
        for offset in 0..10 {
            for partition in 0..2 {
                cluster.append(partition, batch(0, &[offset], PLAIN));
            }
            for partition in 0..2 {
                running.until(name, |running| running.of(partition).len() as i64 > offset);
                assert_eq!(running.of(partition), (0..=offset).collect::<Vec<_>>(), "{name}");
            }
        }
    }
}

#[test]
fn a_broker_that_hangs_holds_up_only_its_own_partitions_and_goes_on_after() {
    let hung = Arc::new(AtomicBool::new(false));
    let silent = hung.clone();
    let cluster = Cluster::start(2, &[0, 1], move |call: &Call| {
        (call.broker == 1 && silent.load(Ordering::SeqCst)).then_some(Reaction::Silence)
    });
    let mut running = Running::from_beginning(&cluster, &[0, 1]);
    cluster.append(1, batch(0, &[0], PLAIN));
    running.until_offsets(1, &[0]);
    hung.store(true, Ordering::SeqCst);
    for offset in 0..40 {
        cluster.append(0, batch(0, &[offset], PLAIN));
        running.until_offsets(0, &(0..=offset).collect::<Vec<_>>());
    }
    cluster.append(1, batch(0, &[1], PLAIN));
    let end = Instant::now() + Duration::from_secs(3);
    running.until("it is given up", |running| {
        Instant::now() > end && running.notes.iter().any(|(_, text)| text.contains("does not answer"))
    });
    hung.store(false, Ordering::SeqCst);
    running.until_offsets(1, &[0, 1]);
}

#[test]
fn answers_that_came_while_nobody_polled_are_not_late() {
    let cluster = plain(1, &[0]);
    let mut running = Running::from_beginning(&cluster, &[0]);
    cluster.append(0, batch(0, &[0], PLAIN));
    running.until_offsets(0, &[0]);
    let before = cluster.brokers.connections(0);
    cluster.append(0, batch(0, &[1], PLAIN));
    std::thread::sleep(Duration::from_millis(1800)); // longer than an answer may take
    running.until_offsets(0, &[0, 1]);
    assert_eq!((cluster.brokers.connections(0), running.notes.len()), (before, 0));
}

#[test]
fn a_pause_brings_nothing_and_a_seek_what_was_sought() {
    let cluster = plain(1, &[0, 0]);
    for offset in 0..10 {
        cluster.append(0, batch(0, &[offset], PLAIN));
    }
    let mut running = Running::from_beginning(&cluster, &[0, 1]);
    running.until("some came", |running| !running.of(0).is_empty());
    running.fetcher.pause(&[0]);
    let seen = running.of(0).len();
    for _ in 0..5 {
        running.poll();
    }
    assert_eq!(running.of(0).len(), seen);
    cluster.append(1, batch(0, &[0], PLAIN));
    running.until_offsets(1, &[0]);
    running.fetcher.resume(&[0]);
    running.until_offsets(0, &(0..10).collect::<Vec<_>>());
    running.offsets.clear();
    running.fetcher.seek(0, Position { offset: 7, epoch: 0 });
    running.until_offsets(0, &[7, 8, 9]);
    running.fetcher.remove(&[0]);
    cluster.append(0, batch(0, &[10], PLAIN));
    for _ in 0..5 {
        running.poll();
    }
    assert_eq!(running.of(0), [7, 8, 9]);
    assert!(!running.fetcher.seek(0, Position { offset: 0, epoch: -1 }));
}

#[test]
fn while_enough_waits_no_more_is_asked_for() {
    let cluster = plain(1, &[0]);
    for first in 0..200 {
        cluster.append(0, batch(0, &(first * 100..first * 100 + 100).collect::<Vec<_>>(), PLAIN));
    }
    let mut running = Running::start(&cluster, &[("fetch.max.bytes", "20000")]);
    running.assign(&[0]);
    let mut most = 0;
    running.until("all came", |running| {
        most = most.max(running.fetcher.queued_bytes());
        running.of(0).len() == 20_000
    });
    let answer = 2 * batch(0, &(19_900..20_000).collect::<Vec<_>>(), PLAIN).len();
    assert!(most <= 20_000 + answer, "{most} bytes with answers of {answer}");
    assert!(running.of(0).is_sorted());
}

#[test]
fn what_unpacks_to_much_comes_in_portions() {
    let cluster = plain(1, &[0]);
    for offset in 0..40 {
        cluster.append(0, batch_of(0, &[(offset, vec![b'x'; 1 << 20])], Compression::Snappy));
    }
    let mut running = Running::start(&cluster, &[("fetch.max.bytes", "10000000")]);
    running.assign(&[0]);
    let mut all = 0;
    let end = Instant::now() + Duration::from_secs(120);
    while all < 40 {
        assert!(Instant::now() < end, "{all} records");
        let polled = running.fetcher.poll(1000, SOON);
        let bytes: usize = polled.batches.iter().map(|each| each.records.bytes()).sum();
        assert!(bytes < POLL_BYTES + (2 << 20), "{bytes} at once");
        all += polled.batches.iter().map(|each| each.records.len()).sum::<usize>();
    }
}

#[test]
fn what_was_in_flight_for_an_earlier_position_does_not_count() {
    let cluster = plain(1, &[0]);
    for offset in 0..50 {
        cluster.append(0, batch(0, &[offset], PLAIN));
    }
    let mut running = Running::from_beginning(&cluster, &[0]);
    running.until("some came", |running| !running.of(0).is_empty());
    for round in 0..20 {
        running.offsets.clear();
        running.fetcher.seek(0, Position { offset: round, epoch: -1 });
        running.until("some came", |running| running.of(0).len() > 2);
        assert_eq!(running.of(0)[..3], [round, round + 1, round + 2]);
    }
}
