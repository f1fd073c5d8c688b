use super::*;
use crate::consumer::samples::batch;
use crate::kafka::metadata::Leader;
use crate::kafka::record_batch::Compression;

const MANY: Duration = Duration::from_secs(10_000);

fn position(offset: i64, epoch: i32) -> Position {
    Position { offset, epoch }
}

/// Partition 3, which broker 1 leads in epoch 4, at offset 100 of epoch 4.
fn partition() -> Partition {
    let mut partition = Partition::new(3);
    assert!(partition.set_leader(Leader { id: 1, epoch: 4 }));
    partition.seek(position(100, 4));
    partition
}

fn answer(error: i16, records: &[u8]) -> FetchedPartition<'_> {
    FetchedPartition {
        partition: 3,
        error,
        end: 1000,
        aborted: Vec::new(),
        preferred_replica: -1,
        records,
        diverging: None,
    }
}

/// What a broker's answer leads to.
fn fetch(partition: &mut Partition, broker: i32, answer: &FetchedPartition<'_>, now: Instant) -> Outcome {
    let asked = partition.wanted(broker, now).unwrap();
    partition.fetched(asked, broker, answer, now)
}

#[test]
fn reading_goes_on_behind_what_came() {
    let (mut partition, now) = (partition(), Instant::now());
    let wanted = partition.wanted(1, now).unwrap();
    assert_eq!(wanted, FetchPartition { partition: 3, leader_epoch: 4, offset: 100, last_epoch: 4 });
    assert_eq!(partition.wanted(2, now), None);
    let bytes = batch(5, &[100, 104], Compression::None);
    assert!(matches!(fetch(&mut partition, 1, &answer(0, &bytes), now), Outcome::Records(_)));
    assert_eq!(partition.position(), Some(position(105, 5)));
    assert_eq!(partition.fetched(wanted, 1, &answer(0, &bytes), now), Outcome::Ignored, "it came twice");
    assert_eq!(partition.position(), Some(position(105, 5)));
}

#[test]
fn nothing_is_fetched_before_it_is_known_where_or_while_it_is_paused() {
    let now = Instant::now();
    let mut fresh = Partition::new(3);
    fresh.set_leader(Leader { id: 1, epoch: 4 });
    assert_eq!((fresh.wanted(1, now), fresh.broker(now)), (None, None));
    let mut partition = partition();
    let asked = partition.wanted(1, now).unwrap();
    partition.pause();
    assert_eq!((partition.wanted(1, now), partition.broker(now)), (None, None));
    let bytes = batch(4, &[100], Compression::None);
    assert_eq!(partition.fetched(asked, 1, &answer(0, &bytes), now), Outcome::Ignored);
    partition.resume();
    assert_eq!(partition.wanted(1, now), Some(asked));
}

#[test]
fn a_pause_goes_back_to_what_was_handed_over() {
    let (mut partition, now) = (partition(), Instant::now());
    for offset in [100, 101] {
        let bytes = batch(4, &[offset], Compression::None);
        fetch(&mut partition, 1, &answer(0, &bytes), now);
        partition.queued += 1;
    }
    partition.deliver(position(101, 4));
    partition.queued -= 1;
    partition.pause();
    assert_eq!((partition.position(), partition.queued), (Some(position(101, 4)), 0));
}

#[test]
fn an_older_leader_is_not_believed() {
    let mut partition = partition();
    assert!(!partition.set_leader(Leader { id: 2, epoch: 3 }));
    assert_eq!(partition.leader().id, 1);
    assert!(partition.set_leader(Leader { id: 2, epoch: 5 }));
    assert_eq!(partition.broker(Instant::now()), Some(2));
}

#[test]
fn a_leader_that_has_changed_is_looked_up() {
    for code in MOVED {
        let (mut partition, now) = (partition(), Instant::now());
        assert_eq!(fetch(&mut partition, 1, &answer(code, &[]), now), Outcome::Refresh);
        assert_eq!(partition.wanted(1, now), None);
        assert!(partition.retry_at(now).is_some());
        assert!(partition.wanted(1, now + MANY).is_some());
        partition.set_leader(Leader { id: 2, epoch: 5 });
        assert!(partition.wanted(2, now).is_some(), "at once");
    }
}

#[test]
fn where_the_leaders_log_differs_reading_goes_back() {
    let now = Instant::now();
    // It has our epoch, and that ended earlier; or it has none of ours, all of which we began to read at 100.
    for (found, expected) in [((4, 60), position(60, 4)), ((2, 90), position(90, 2)), ((2, 500), position(100, 2))] {
        let mut partition = partition();
        let bytes = batch(4, &[100, 109], Compression::None);
        fetch(&mut partition, 1, &answer(0, &bytes), now);
        let cut = FetchedPartition { diverging: Some(found), ..answer(0, &[]) };
        assert!(matches!(fetch(&mut partition, 1, &cut, now), Outcome::Note(TRUNCATED, _)), "{found:?}");
        assert_eq!(partition.position(), Some(expected));
    }
    let mut partition = partition();
    let unknown = FetchedPartition { diverging: Some((-1, -1)), ..answer(0, &[]) };
    assert_eq!(fetch(&mut partition, 1, &unknown, now), Outcome::Nothing);
    assert_eq!(partition.ask(Question::Earliest, 1, now), Some(position(100, 4)));
}

fn found(error: i16, epoch: i32, offset: i64) -> OffsetAnswer {
    OffsetAnswer { partition: 3, error, epoch, offset }
}

#[test]
fn an_offset_that_the_log_does_not_have_is_asked_about() {
    let (mut partition, now) = (partition(), Instant::now());
    assert_eq!(fetch(&mut partition, 1, &answer(OUT_OF_RANGE, &[]), now), Outcome::Nothing);
    assert_eq!(partition.wanted(1, now), None);
    assert_eq!(partition.ask(Question::Earliest, 1, now), None);
    assert_eq!(partition.ask(Question::EpochEnd, 2, now), None);
    assert_eq!(partition.ask(Question::EpochEnd, 1, now), Some(position(100, 4)));
    assert_eq!(partition.ask(Question::EpochEnd, 1, now), None, "once");
    partition.not_answered();
    assert!(partition.ask(Question::EpochEnd, 1, now).is_some());
    // The epoch ends above: so the log has lost its beginning.
    assert_eq!(partition.answered(Question::EpochEnd, &found(0, 4, 200), now), Outcome::Nothing);
    assert!(partition.ask(Question::Earliest, 1, now).is_some());
    assert!(matches!(partition.answered(Question::Earliest, &found(0, 4, 150), now), Outcome::Note(1, _)));
    assert_eq!(partition.wanted(1, now).unwrap().offset, 150);
}

#[test]
fn the_end_of_the_epoch_tells_where_a_log_was_cut() {
    let (mut partition, now) = (partition(), Instant::now());
    fetch(&mut partition, 1, &answer(OUT_OF_RANGE, &[]), now);
    partition.ask(Question::EpochEnd, 1, now);
    assert_eq!(partition.answered(Question::EpochEnd, &found(75, -1, -1), now), Outcome::Refresh);
    assert_eq!(partition.ask(Question::EpochEnd, 1, now), None);
    assert!(partition.ask(Question::EpochEnd, 1, now + MANY).is_some());
    assert!(matches!(partition.answered(Question::EpochEnd, &found(0, 4, 40), now), Outcome::Note(TRUNCATED, _)));
    assert_eq!(partition.position(), Some(position(40, 4)));
}

#[test]
fn an_answer_about_where_it_was_before_does_not_count() {
    let (mut partition, now) = (partition(), Instant::now());
    fetch(&mut partition, 1, &answer(OUT_OF_RANGE, &[]), now);
    partition.ask(Question::EpochEnd, 1, now);
    partition.seek(position(7, 4));
    assert_eq!(partition.answered(Question::EpochEnd, &found(0, 4, 3), now), Outcome::Nothing);
    assert_eq!(partition.position(), Some(position(7, 4)));
}

#[test]
fn the_nearest_replica_is_read_until_it_refuses_or_its_time_is_over() {
    let now = Instant::now();
    let near = FetchedPartition { preferred_replica: 2, ..answer(0, &[]) };
    let mut partition = partition();
    fetch(&mut partition, 1, &near, now);
    assert_eq!((partition.broker(now), partition.wanted(1, now)), (Some(2), None));
    assert_eq!(partition.broker(now + MANY), Some(1), "the leader knows who is near");
    for code in [OUT_OF_RANGE, 3, 6, 9, 78] {
        fetch(&mut partition, 2, &answer(code, &[]), now + MANY / 100_000);
        assert_eq!(partition.broker(now), Some(1), "{code}");
        partition.seek(position(100, 4));
        fetch(&mut partition, 1, &near, now);
        assert_eq!(partition.broker(now), Some(1), "it was not to be read");
        partition.leader_only_until = None;
        fetch(&mut partition, 1, &near, now);
    }
    assert!(!partition.lost(1, now), "that is the leader");
    assert_eq!((partition.broker(now), partition.leader_only(now)), (Some(2), false));
    assert!(partition.lost(2, now));
    assert_eq!((partition.broker(now), partition.leader_only(now)), (Some(1), true));
    assert!(!partition.leader_only(now + MANY));
}

#[test]
fn a_replica_whose_log_is_shorter_than_the_leaders_was_not_cut() {
    let now = Instant::now();
    let mut partition = partition();
    fetch(&mut partition, 1, &FetchedPartition { preferred_replica: 2, ..answer(0, &[]) }, now);
    let short = FetchedPartition { diverging: Some((4, 60)), end: 60, ..answer(0, &[]) };
    assert_eq!(fetch(&mut partition, 2, &short, now), Outcome::Nothing);
    assert_eq!((partition.position(), partition.broker(now)), (Some(position(100, 4)), Some(1)));
    assert!(matches!(fetch(&mut partition, 1, &short, now), Outcome::Note(TRUNCATED, _)), "the leader's was");
}

#[test]
fn refusals_that_do_not_pass_are_reported() {
    for code in [6, OFFSET_NOT_AVAILABLE] {
        let (mut partition, mut now) = (partition(), Instant::now());
        for turn in 1..=2 * REPORTED_REFUSALS {
            let outcome = fetch(&mut partition, 1, &answer(code, &[]), now);
            let reported = matches!(outcome, Outcome::Note(said, _) if said == i32::from(code));
            assert_eq!(reported, turn % REPORTED_REFUSALS == 0, "{turn}: {outcome:?}");
            now += RETRY_BACKOFF;
        }
        fetch(&mut partition, 1, &answer(0, &[]), now);
        assert_eq!(partition.refusals, 0);
    }
}

#[test]
fn damage_is_fetched_again_and_in_the_end_left_to_another_client() {
    let (mut partition, now) = (partition(), Instant::now());
    let mut bytes = batch(4, &[100], Compression::None);
    *bytes.last_mut().unwrap() ^= 1;
    for _ in 1..MAX_FAULTS {
        assert!(matches!(fetch(&mut partition, 1, &answer(0, &bytes), now), Outcome::Note(2, _)));
        partition.retry_at = None;
    }
    assert!(matches!(fetch(&mut partition, 1, &answer(0, &bytes), now), Outcome::Unusual(_)));
    assert_eq!(partition.position(), Some(position(100, 4)));
    let good = batch(4, &[100], Compression::None);
    partition.retry_at = None;
    fetch(&mut partition, 1, &answer(0, &good), now);
    assert_eq!(partition.faults, 0);
}

#[test]
fn the_end_is_reported_once_behind_all_records() {
    let (mut partition, now) = (partition(), Instant::now());
    let bytes = batch(4, &[100], Compression::None);
    let last = FetchedPartition { end: 101, ..answer(0, &bytes) };
    fetch(&mut partition, 1, &last, now);
    partition.queued += 1;
    assert_eq!(partition.end(), None);
    partition.queued -= 1;
    assert_eq!((partition.end(), partition.end()), (Some(101), None));
    partition.seek(position(101, 4));
    assert_eq!(partition.end(), Some(101), "again, for whoever has sought");
}
