use super::*;

fn at(partition: i32, offset: i64) -> FetchPartition {
    FetchPartition { partition, leader_epoch: 1, offset, last_epoch: 1 }
}

#[test]
fn a_session_says_only_what_has_changed() {
    let mut session = Session::default();
    let first = session.next(vec![at(0, 10), at(1, 20)]);
    assert_eq!((first.session, first.partitions.len(), first.forgotten.len()), ((0, 0), 2, 0));
    assert_eq!(session.asked(1), Some(at(1, 20)));
    session.answered(77);
    let second = session.next(vec![at(0, 10), at(1, 25), at(2, 0)]);
    assert_eq!((second.session, second.partitions, second.forgotten), ((77, 1), vec![at(1, 25), at(2, 0)], vec![]));
    assert_eq!(session.asked(0), Some(at(0, 10)), "the broker remembers");
    session.answered(77);
    let third = session.next(vec![at(2, 0)]);
    assert_eq!((third.session, third.partitions, third.forgotten), ((77, 2), vec![], vec![0, 1]));
    assert_eq!(session.asked(0), None);
}

#[test]
fn without_a_session_everything_is_said_each_time() {
    let mut session = Session::default();
    for _ in 0..3 {
        let request = session.next(vec![at(0, 10)]);
        assert_eq!((request.session, request.partitions), ((0, 0), vec![at(0, 10)]));
        session.answered(0);
    }
    session.answered(5);
    assert_eq!(session.next(vec![at(0, 10)]).session, (5, 1));
}

#[test]
fn a_session_that_is_restarted_ends_the_former_one_and_says_everything() {
    let mut session = Session::default();
    session.next(vec![at(0, 10)]);
    session.answered(77);
    session.restart();
    let again = session.next(vec![at(0, 10)]);
    assert_eq!((again.session, again.partitions), ((77, 0), vec![at(0, 10)]));
    session.restart(); // for what the answer on its way is about
    session.answered(78);
    assert_eq!(session.next(vec![at(0, 10)]).session, (78, 0));
    session.answered(78);
    let next = session.next(vec![at(0, 10)]);
    assert_eq!((next.session, next.partitions), ((78, 1), vec![]));
}

#[test]
fn epochs_go_round() {
    let mut session = Session { id: 5, epoch: i32::MAX, ..Session::default() };
    session.answered(5);
    assert_eq!(session.next(vec![at(0, 1)]).session, (5, 1));
}
