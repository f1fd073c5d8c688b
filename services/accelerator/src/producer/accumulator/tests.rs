use super::*;
use crate::kafka::record_batch::{Compression, Sequence, append_record};

const LEADER: i32 = 3;
const PRODUCER: ProducerId = ProducerId { id: 7, epoch: 0 };

fn config() -> ProducerConfig {
    ProducerConfig {
        batch_bytes: 400,
        request_bytes: 10_000,
        buffer_bytes: 2000,
        linger: Duration::from_millis(5),
        delivery_timeout: Duration::from_secs(60),
        compression: Compression::None,
        acks: -1,
        idempotent: true,
        max_in_flight: 2,
    }
}

/// With one partition, whose leader is known.
struct Fixture {
    accumulator: Accumulator<&'static str>,
    start: Instant,
}

impl Fixture {
    fn new(config: ProducerConfig) -> Self {
        let start = Instant::now();
        let mut accumulator = Accumulator::new(config);
        accumulator.update_leaders(&[LEADER], start);
        accumulator.producer_id = Some(PRODUCER);
        assert!(!accumulator.assign_producer_ids());
        Self { accumulator, start }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    /// Append records, with a value of so many bytes each.
    fn append(&mut self, name: &'static str, values: &[usize], ms: u64) -> bool {
        let now = (self.at(ms), ms as i64);
        let first = self.accumulator.in_flight.register(name, values.len());
        values.iter().zip(first..).all(|(bytes, id)| self.accumulator.append(id, b"k", &vec![b'x'; *bytes], b"\0", now))
    }

    fn drain(&mut self, ms: u64) -> Option<Batch> {
        let now = self.at(ms);
        let mut batches = self.accumulator.drain(LEADER, now);
        assert!(batches.len() <= 1);
        batches.pop().map(|(_, batch)| batch)
    }

    /// Drain and deliver one batch, after which several may be in flight.
    fn acknowledge_first(&mut self) {
        assert!(self.append("first", &[1], 0));
        let batch = self.drain(0).unwrap();
        self.accumulator.complete(0, batch, 0);
        self.accumulator.completed.clear();
    }

    /// The epoch of what partition 0 sends next.
    fn next_epoch(&mut self) -> i16 {
        assert!(!self.accumulator.assign_producer_ids());
        self.accumulator.epoch(0)
    }

    fn completed(&mut self) -> Vec<(&'static str, Vec<(u32, c_int)>)> {
        self.accumulator.completed.drain(..).map(|request| (request.callback, request.failed)).collect()
    }
}

#[test]
fn nothing_is_accepted_before_the_partitions_are_known() {
    let mut accumulator = Accumulator::<&str>::new(config());
    assert!(!accumulator.append(0, b"k", b"v", b"\0", (Instant::now(), 0)));
}

#[test]
fn the_buffer_and_a_record_have_a_largest_size() {
    let mut fixture = Fixture::new(config());
    assert!(!fixture.append("too large", &[700], 0));
    assert!(fixture.append("fits", &[300; 6], 0));
    assert!(!fixture.append("no room", &[300], 0));
    let batch = fixture.drain(0).unwrap();
    fixture.accumulator.complete(0, batch, 0);
    assert!(fixture.append("room again", &[300], 0));
}

#[test]
fn a_batch_lingers_unless_it_is_full_or_flushed() {
    let mut fixture = Fixture::new(config());
    assert!(fixture.append("a", &[100], 0));
    let now = fixture.at(1);
    assert_eq!(fixture.accumulator.ready_at(LEADER, now, false), Some(fixture.at(5)));
    assert_eq!(fixture.accumulator.ready_at(LEADER + 1, now, false), None);
    fixture.accumulator.flushing = true;
    assert_eq!(fixture.accumulator.ready_at(LEADER, now, false), Some(fixture.at(0)));
    fixture.accumulator.flushing = false;
    assert!(fixture.append("b", &[300], 1));
    assert_eq!(fixture.accumulator.ready_at(LEADER, now, false), Some(now));
}

#[test]
fn each_partition_gives_its_leader_one_batch() {
    let mut fixture = Fixture::new(config());
    let now = fixture.start;
    fixture.accumulator.update_leaders(&[LEADER, LEADER, 9], now);
    assert!(!fixture.accumulator.assign_producer_ids());
    let keys: Vec<String> = (0..30).map(|n| format!("k{n}")).collect();
    let first = fixture.accumulator.in_flight.register("a", keys.len());
    for (key, id) in keys.iter().zip(first..) {
        assert!(fixture.accumulator.append(id, key.as_bytes(), b"v", b"\0", (now, 0)));
    }
    let batches = fixture.accumulator.drain(LEADER, now);
    assert_eq!(batches.iter().map(|(partition, _)| *partition).collect::<Vec<_>>(), [0, 1]);
    for (partition, batch) in &batches {
        let mut expected = Vec::new();
        let of_partition = keys.iter().filter(|key| partition_of(key.as_bytes(), 3) == *partition);
        of_partition.zip(0..).for_each(|(key, at)| append_record(&mut expected, 0, at, key.as_bytes(), b"v", b"\0"));
        assert_eq!(batch.records, expected);
    }
}

#[test]
fn sequence_numbers_go_on_from_batch_to_batch() {
    let mut fixture = Fixture::new(config());
    fixture.acknowledge_first();
    assert!(fixture.append("a", &[100, 100], 0));
    assert_eq!(fixture.drain(0).unwrap().sequence.base, 1);
    assert!(fixture.append("b", &[100], 0));
    assert_eq!(fixture.drain(0).unwrap().sequence.base, 3);
}

#[test]
fn one_batch_is_in_flight_until_the_first_is_acknowledged() {
    let mut fixture = Fixture::new(config());
    assert!(fixture.append("a", &[300, 300, 300, 300], 0));
    let first = fixture.drain(0).unwrap();
    assert!(fixture.drain(0).is_none());
    fixture.accumulator.complete(0, first, 0);
    assert!(fixture.drain(0).is_some());
    assert!(fixture.drain(0).is_some());
    assert!(fixture.drain(0).is_none(), "max_in_flight is 2");
    assert_eq!(fixture.accumulator.ready_at(LEADER, fixture.at(0), false), None);
}

#[test]
fn a_request_reports_where_its_records_failed() {
    let mut fixture = Fixture::new(config());
    assert!(fixture.append("a", &[200, 200, 1], 0));
    assert!(fixture.append("b", &[1], 0));
    let first = fixture.drain(0).unwrap();
    fixture.accumulator.complete(0, first, 0);
    assert_eq!(fixture.completed(), []);
    let second = fixture.drain(0).unwrap();
    fixture.accumulator.complete(0, second, 87);
    assert_eq!(fixture.completed(), [("a", vec![(1, 87), (2, 87)]), ("b", vec![(0, 87)])]);
}

#[test]
fn batches_to_send_again_stay_in_order_and_go_first() {
    let mut fixture = Fixture::new(config());
    fixture.acknowledge_first();
    assert!(fixture.append("a", &[300, 300, 300], 0));
    let (first, second) = (fixture.drain(0).unwrap(), fixture.drain(0).unwrap());
    let (retry_at, bases) = (fixture.at(100), [first.sequence.base, second.sequence.base]);
    fixture.accumulator.requeue(0, second, retry_at);
    assert_eq!(fixture.accumulator.ready_at(LEADER, fixture.at(0), false), None, "one is still in flight");
    fixture.accumulator.requeue(0, first, retry_at);
    assert_eq!(fixture.accumulator.ready_at(LEADER, fixture.at(0), false), Some(retry_at));
    assert!(fixture.drain(99).is_none());
    let again = fixture.drain(100).unwrap();
    assert_eq!((again.sequence.base, again.attempts), (bases[0], 2));
    assert!(fixture.drain(100).is_none(), "one at a time while there are some to send again");
    fixture.accumulator.complete(0, again, 0);
    assert_eq!(fixture.drain(100).unwrap().sequence.base, bases[1]);
}

#[test]
fn sequence_numbers_start_again_after_the_largest() {
    let batch = |base| Batch { sequence: Sequence { producer: PRODUCER, base }, ..Batch::new(Instant::now(), 0) };
    assert!(batch(i32::MAX - 1).precedes(&batch(3)));
    assert!(!batch(3).precedes(&batch(i32::MAX - 1)));
    assert!(!batch(3).precedes(&batch(3)));
    assert!(!batch(-1).precedes(&batch(3)));
}

#[test]
fn batches_expire_unless_they_are_in_flight() {
    let mut fixture = Fixture::new(config());
    assert!(fixture.append("in flight", &[300], 0));
    let in_flight = fixture.drain(0).unwrap();
    assert!(fixture.append("full", &[300], 0));
    assert!(fixture.append("filling", &[300], 30_000));
    let later = fixture.at(60_001);
    fixture.accumulator.expire(later);
    assert_eq!(fixture.completed(), [("full", vec![(0, TIMED_OUT)])]);
    fixture.accumulator.requeue(0, in_flight, later);
    assert_eq!(fixture.next_epoch(), 0, "none of them had a sequence number");
    fixture.accumulator.expire(later);
    assert_eq!(fixture.completed(), [("in flight", vec![(0, TIMED_OUT)])]);
    assert_eq!(fixture.next_epoch(), 1, "the batch to send again had one");
    assert_eq!(fixture.accumulator.oldest_deadline([].into_iter()), None);
}

#[test]
fn under_another_epoch_only_batches_that_the_log_cannot_hold_are_sent_again() {
    let mut fixture = Fixture::new(config());
    fixture.acknowledge_first();
    assert!(fixture.append("refused", &[300], 0));
    assert!(fixture.append("unknown", &[300], 0));
    let (refused, mut unknown) = (fixture.drain(0).unwrap(), fixture.drain(0).unwrap());
    unknown.outcome_unknown = true;
    let now = fixture.at(0);
    fixture.accumulator.requeue(0, refused, now);
    fixture.accumulator.requeue(0, unknown, now);
    assert!(fixture.append("new", &[300], 0));
    fixture.accumulator.renumber(0);
    assert!(fixture.drain(0).is_none(), "nothing is sent until it has its epoch");
    assert!(!fixture.accumulator.assign_producer_ids());
    assert_eq!(fixture.completed(), [("unknown", vec![(0, TIMED_OUT)])]);
    let again = fixture.drain(0).unwrap();
    assert_eq!((again.sequence.producer, again.sequence.base), (ProducerId { epoch: 1, ..PRODUCER }, 0));
    assert!(!again.is_encoded());
    assert!(fixture.drain(0).is_none(), "one in flight until the first is acknowledged, as for any producer id");
}

#[test]
fn fewer_partitions_are_believed_after_a_while_only() {
    let mut fixture = Fixture::new(config());
    fixture.accumulator.update_leaders(&[1, 2, 3], fixture.at(0));
    let mut count_after = |leaders: &[i32], ms| {
        fixture.accumulator.update_leaders(leaders, fixture.start + Duration::from_millis(ms));
        fixture.accumulator.partition_count()
    };
    assert_eq!(count_after(&[4], 0), 3);
    assert_eq!(count_after(&[4, 5, 6], 20_000), 3);
    assert_eq!(count_after(&[4], 40_000), 3, "not without a break since 0");
    assert_eq!(count_after(&[4], 69_999), 3);
    assert_eq!(count_after(&[4], 70_000), 1);
    assert_eq!(count_after(&[4, 4], 70_001), 2, "more are believed at once");
}

#[test]
fn the_sender_is_woken_once_and_only_if_it_would_sleep_too_long() {
    let mut fixture = Fixture::new(config());
    let sleep = |until, idle: &[i32]| Some(SenderSleep { until, idle: idle.to_vec(), busy: Vec::new() });
    fixture.accumulator.sleep = sleep(Some(fixture.at(4)), &[LEADER]);
    assert!(fixture.append("a", &[1], 0));
    assert!(!fixture.accumulator.claim_wakeup(), "it wakes before the batch is ready");
    assert!(fixture.append("b", &[350], 0));
    assert!(fixture.accumulator.claim_wakeup(), "the batch is full");
    assert!(!fixture.accumulator.claim_wakeup());
    assert!(fixture.append("full again", &[350], 0));
    assert!(!fixture.accumulator.claim_wakeup(), "it is awake already");
    while let Some(drained) = fixture.drain(0) {
        fixture.accumulator.complete(0, drained, 0);
    }
    fixture.accumulator.sleep = sleep(None, &[LEADER + 1]);
    assert!(fixture.append("c", &[1], 0));
    assert!(!fixture.accumulator.claim_wakeup(), "the leader can't be sent anything");
    fixture.drain(0).unwrap();
    fixture.accumulator.sleep = None;
    assert!(fixture.append("d", &[1], 0));
    assert!(fixture.accumulator.claim_wakeup(), "the sender may have passed this partition");
}

#[test]
fn what_comes_while_a_request_is_out_goes_with_the_next_one_or_when_it_fills_a_batch() {
    let mut fixture = Fixture::new(config());
    fixture.acknowledge_first();
    fixture.accumulator.claim_wakeup();
    fixture.accumulator.sleep = Some(SenderSleep { until: None, idle: Vec::new(), busy: vec![LEADER] });
    let later = fixture.at(100);
    assert!(fixture.append("a", &[1], 0));
    assert!(fixture.append("b", &[1], 1));
    assert!(!fixture.accumulator.claim_wakeup());
    assert_eq!(fixture.accumulator.ready_at(LEADER, later, true), None);
    assert_eq!(fixture.accumulator.ready_at(LEADER, later, false), Some(fixture.at(5)), "it has lingered enough");
    assert!(fixture.append("c", &[350], 1));
    assert!(fixture.accumulator.claim_wakeup());
    assert_eq!(fixture.accumulator.ready_at(LEADER, later, true), Some(later));
}

#[test]
fn a_record_behind_batches_in_flight_does_not_wake_the_sender() {
    let mut fixture = Fixture::new(config());
    assert!(fixture.append("a", &[350, 350], 0));
    let in_flight = fixture.drain(0).unwrap();
    fixture.accumulator.claim_wakeup();
    fixture.accumulator.sleep = None;
    assert!(fixture.append("b", &[350], 0));
    assert!(!fixture.accumulator.claim_wakeup(), "one may be in flight before the first is acknowledged");
    fixture.accumulator.requeue(0, in_flight, fixture.start);
    assert!(fixture.append("c", &[350], 0));
    assert!(!fixture.accumulator.claim_wakeup(), "the one to send again goes first");
}

/// With partitions 0 and 1 of the same leader, and a key for each.
fn two_partitions() -> (Fixture, [&'static [u8]; 2]) {
    let mut fixture = Fixture::new(config());
    fixture.accumulator.update_leaders(&[LEADER, LEADER], fixture.start);
    fixture.next_epoch();
    let keys: [&[u8]; 4] = [b"a", b"b", b"c", b"d"];
    let key = |partition| *keys.iter().find(|key| partition_of(key, 2) == partition).unwrap();
    (fixture, [key(0), key(1)])
}

fn append_to(fixture: &mut Fixture, key: &[u8], bytes: usize) {
    let id = fixture.accumulator.in_flight.register("a", 1);
    assert!(fixture.accumulator.append(id, key, &vec![b'x'; bytes], b"\0", (fixture.start, 0)));
}

#[test]
fn a_partition_is_numbered_anew_without_the_others() {
    let (mut fixture, keys) = two_partitions();
    let now = fixture.start;
    keys.iter().for_each(|key| append_to(&mut fixture, key, 1));
    let mut batches = fixture.accumulator.drain(LEADER, now);
    let (other, refused) = (batches.pop().unwrap().1, batches.pop().unwrap().1);
    fixture.accumulator.complete(0, refused, 10);
    fixture.accumulator.renumber(0);
    assert_eq!(fixture.next_epoch(), 1, "though another partition has a batch in flight");
    fixture.accumulator.requeue(1, Batch { outcome_unknown: true, ..other }, now);
    fixture.accumulator.completed.clear();
    append_to(&mut fixture, keys[0], 1);
    let sent = fixture.accumulator.drain(LEADER, now);
    let ids = sent.iter().map(|(at, batch)| (*at, batch.sequence.producer.epoch, batch.attempts)).collect::<Vec<_>>();
    assert_eq!(ids, [(0, 1, 1), (1, 0, 2)], "the other one is sent again under its own number");
    assert!(fixture.completed().is_empty());
}

#[test]
fn a_partition_waits_with_another_epoch_until_nothing_is_in_flight() {
    let mut fixture = Fixture::new(config());
    fixture.acknowledge_first();
    assert!(fixture.append("a", &[300, 300, 300], 0));
    let (first, second) = (fixture.drain(0).unwrap(), fixture.drain(0).unwrap());
    fixture.accumulator.complete(0, first, 10);
    fixture.accumulator.renumber(0);
    assert_eq!((fixture.next_epoch(), fixture.drain(0).is_none()), (0, true));
    fixture.accumulator.complete(0, second, 0);
    assert_eq!(fixture.next_epoch(), 1);
    assert_eq!(fixture.drain(0).unwrap().sequence.base, 0);
}

#[test]
fn after_the_last_epoch_a_partition_needs_another_producer_id() {
    let mut fixture = Fixture::new(config());
    fixture.accumulator = Accumulator::new(config());
    fixture.accumulator.update_leaders(&[LEADER], fixture.start);
    assert!(fixture.accumulator.assign_producer_ids(), "it has none at first");
    let last = ProducerId { epoch: i16::MAX, ..PRODUCER };
    fixture.accumulator.producer_id = Some(last);
    assert!(!fixture.accumulator.assign_producer_ids());
    fixture.accumulator.renumber(0);
    assert!(fixture.accumulator.assign_producer_ids());
    fixture.accumulator.producer_id = Some(ProducerId { id: 8, epoch: 0 });
    assert!(!fixture.accumulator.assign_producer_ids());
    assert_eq!(fixture.accumulator.partitions[0].producer(), Some(ProducerId { id: 8, epoch: 0 }));
}

#[test]
fn a_request_has_a_largest_size_and_what_is_left_goes_first_in_the_next() {
    let mut fixture = Fixture::new(ProducerConfig { request_bytes: 1000, buffer_bytes: 100_000, ..config() });
    let now = fixture.start;
    fixture.accumulator.update_leaders(&[LEADER; 5], now);
    fixture.next_epoch();
    for number in 0..200 {
        append_to(&mut fixture, format!("k{number}").as_bytes(), 200);
    }
    let mut seen = vec![0; 5];
    for _ in 0..30 {
        let batches = fixture.accumulator.drain(LEADER, now);
        let size: usize = batches.iter().map(|(_, batch)| batch.request_size()).sum();
        assert!(!batches.is_empty() && size <= 1000, "{} batches, {size} bytes", batches.len());
        for (partition, batch) in batches {
            seen[partition] += 1;
            fixture.accumulator.complete(partition, batch, 0);
        }
    }
    let (least, most) = (seen.iter().min().unwrap(), seen.iter().max().unwrap());
    assert!(*least > 10 && most - least <= 1, "each partition has its turn: {seen:?}");
}

#[test]
fn a_batch_over_the_largest_size_goes_alone() {
    let (mut fixture, keys) = two_partitions();
    fixture.accumulator.config.request_bytes = 100;
    let now = fixture.start;
    keys.iter().for_each(|key| append_to(&mut fixture, key, 300));
    for partition in [0, 1] {
        let batches = fixture.accumulator.drain(LEADER, now);
        assert_eq!(batches.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [partition]);
    }
}
