use std::sync::Arc;

use super::*;
use crate::kafka::access::Access;
use crate::kafka::record_batch::{Compression, ProducerId};
use crate::kafka::target::Target;
use crate::producer::batch::ProducerConfig;
use crate::producer::shared::Shared;

fn sender(idempotent: bool) -> Sender<&'static str> {
    let config = ProducerConfig {
        batch_bytes: 400,
        request_bytes: 10_000,
        buffer_bytes: 10_000,
        linger: Duration::ZERO,
        delivery_timeout: Duration::from_secs(60),
        compression: Compression::None,
        acks: -1,
        idempotent,
        max_in_flight: 5,
    };
    let shared = Shared::new(config, Access::default()).unwrap();
    let target = Target { topic: "t".into(), client_id: "c".into(), bootstrap: vec!["kafka:9092".into()] };
    let mut sender = Sender::new(Arc::new(shared), target);
    sender.update_metadata(metadata(0, vec![1]));
    sender.shared.accumulator().producer_id = Some(ProducerId { id: 7, epoch: 0 });
    assert!(!sender.shared.accumulator().assign_producer_ids());
    sender
}

/// The epoch of the partition once its sequence numbers have started again, if they have to.
fn next_epoch(sender: &Sender<&'static str>) -> i16 {
    let mut accumulator = sender.shared.accumulator();
    assert!(!accumulator.assign_producer_ids());
    accumulator.epoch(0)
}

fn metadata(error: i16, leaders: Vec<i32>) -> protocol::Metadata {
    protocol::Metadata { brokers: vec![(1, "kafka-1".into(), 9092)], error, leaders }
}

/// One batch of one record, as if it had been sent.
fn send(sender: &Sender<&'static str>) -> Batch {
    let now = Instant::now();
    assert!(sender.shared.enqueue(b"k", b"v", b"\0", "order", (now, 0)));
    sender.shared.accumulator().drain(1, now).pop().unwrap().1
}

/// The error codes of what has completed; empty inside for what was delivered.
fn completed(sender: &Sender<&'static str>) -> Vec<Vec<c_int>> {
    let requests = std::mem::take(&mut sender.shared.accumulator().completed);
    requests.into_iter().map(|request| request.failed.into_iter().map(|(_, code)| code).collect()).collect()
}

fn again(sender: &Sender<&'static str>) -> Batch {
    let later = Instant::now() + RETRY_BACKOFF;
    sender.shared.accumulator().drain(1, later).pop().unwrap().1
}

#[test]
fn a_batch_in_the_log_is_delivered() {
    let mut sender = sender(true);
    for code in [0, DUPLICATE_SEQUENCE] {
        let batch = send(&sender);
        sender.handle_produce_result(0, batch, Some(code));
        assert_eq!(completed(&sender), [[0; 0]]);
    }
    assert_eq!(next_epoch(&sender), 0);
}

#[test]
fn an_error_that_may_pass_is_tried_again_with_new_metadata() {
    let unknown = [3, 5, 6, 7, 8, 13, 14, 20, 56, 74, 75].map(|code| (code, true));
    for (code, unknown) in unknown.into_iter().chain([2, 19, 89].map(|code| (code, false))) {
        let mut sender = sender(true);
        let batch = send(&sender);
        sender.metadata_due = Instant::now() + Duration::from_secs(60);
        sender.handle_produce_result(0, batch, Some(code));
        assert_eq!(completed(&sender), [] as [Vec<c_int>; 0]);
        assert!(sender.metadata_due <= Instant::now() + RETRY_BACKOFF);
        assert_eq!(next_epoch(&sender), 0);
        assert_eq!(again(&sender).outcome_unknown, unknown, "{code}");
    }
}

#[test]
fn without_an_answer_the_log_may_hold_the_batch() {
    for code in [None, Some(-1)] {
        let mut sender = sender(true);
        let batch = send(&sender);
        sender.handle_produce_result(0, batch, code);
        assert!(again(&sender).outcome_unknown);
    }
}

#[test]
fn a_lost_producer_id_has_another_epoch() {
    for code in PRODUCER_ID_INVALID {
        let mut sender = sender(true);
        let batch = send(&sender);
        sender.handle_produce_result(0, batch, Some(code));
        assert_eq!(next_epoch(&sender), 1, "{code}");
        assert_eq!(completed(&sender), [] as [Vec<c_int>; 0]);
    }
}

#[test]
fn a_batch_behind_one_that_is_sent_again_was_only_too_early() {
    let mut sender = sender(true);
    let batch = send(&sender);
    sender.handle_produce_result(0, batch, Some(0));
    let (first, second) = (send(&sender), send(&sender));
    sender.handle_produce_result(0, first, Some(6));
    sender.handle_produce_result(0, second, Some(OUT_OF_ORDER_SEQUENCE));
    assert_eq!(next_epoch(&sender), 0);
}

#[test]
fn the_broker_refuses_a_sequence_number_only_so_often() {
    let mut sender = sender(true);
    let mut batch = send(&sender);
    batch.attempts = MAX_ATTEMPTS;
    sender.handle_produce_result(0, batch, Some(OUT_OF_ORDER_SEQUENCE));
    assert_eq!(completed(&sender), [[45]]);
}

#[test]
fn an_error_that_stays_fails_the_batch() {
    for idempotent in [true, false] {
        let mut sender = sender(idempotent);
        let batch = send(&sender);
        sender.handle_produce_result(0, batch, Some(10));
        assert_eq!(completed(&sender), [[10]]);
        assert_eq!(next_epoch(&sender), if idempotent { 1 } else { -1 }, "its sequence number stays unused");
    }
}

#[test]
fn metadata_is_asked_for_again_soon_while_something_is_missing() {
    let mut sender = sender(true);
    for (error, leaders) in [(0, vec![-1]), (3, vec![]), (0, vec![])] {
        sender.metadata_due = Instant::now() + Duration::from_secs(60);
        sender.update_metadata(metadata(error, leaders));
        assert!(sender.metadata_due <= Instant::now() + RETRY_BACKOFF);
    }
    sender.metadata_due = Instant::now() + Duration::from_secs(60);
    sender.update_metadata(metadata(0, vec![1]));
    assert!(sender.metadata_due > Instant::now() + Duration::from_secs(30));
}

#[test]
fn metadata_answers_those_who_asked() {
    let mut sender = sender(true);
    lock(&sender.shared.topic).asked = 4;
    sender.update_metadata(metadata(0, vec![1, -1]));
    let topic = lock(&sender.shared.topic);
    assert_eq!((topic.answered, topic.error, topic.leaders.as_slice()), (4, 0, [1, -1].as_slice()));
}

#[test]
fn the_same_problem_is_not_reported_all_the_time() {
    let mut sender = sender(true);
    for text in ["a", "a", "b", "a"] {
        sender.report_problem(text.into());
    }
    assert_eq!(*lock(&sender.shared.problems), ["a", "b", "a"]);
}
