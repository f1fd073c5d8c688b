use std::net::TcpListener;

use super::*;

/// A connection that has asked for metadata, and the broker's end of it.
fn connected() -> (Connection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut connection = Connection::new(stream).unwrap();
    let until = Instant::now() + Duration::from_secs(600);
    connection.send(Request::Ask(Question::Metadata), until, |_, _| vec![0]).unwrap();
    (connection, listener.accept().unwrap().0)
}

/// What `responses` returns once something has arrived, the bodies only.
fn responses(connection: &mut Connection) -> (Vec<Vec<u8>>, io::Result<()>) {
    let end = Instant::now() + Duration::from_secs(120);
    let before = connection.received.len();
    loop {
        let (found, result) = connection.responses();
        if !found.is_empty() || result.is_err() || connection.received.len() > before {
            return (found.into_iter().map(|(_, body)| body).collect(), result);
        }
        assert!(Instant::now() < end, "nothing arrives");
        std::thread::yield_now();
    }
}

#[test]
fn a_response_comes_with_the_request_that_it_answers() {
    let (mut connection, mut broker) = connected();
    assert!(connection.asked_at(Question::Metadata).is_some());
    assert!(connection.asked_at(Question::ProducerId).is_none());
    broker.write_all(&[0, 0, 0, 6, 0, 0, 0, 1, 7, 8]).unwrap();
    assert_eq!(responses(&mut connection).0, [[7, 8]]);
    assert!(connection.asked_at(Question::Metadata).is_none());
    assert!(!connection.is_slow(Instant::now() + SLOW));
}

#[test]
fn a_broker_is_slow_while_its_oldest_request_is_old() {
    let (connection, _broker) = connected();
    let now = Instant::now();
    assert!(!connection.is_slow(now));
    assert!(connection.is_slow(now + SLOW));
}

#[test]
fn what_nobody_has_asked_for_ends_the_connection() {
    for bytes in [&[0, 0, 0, 4, 0, 0, 0, 2][..], &[0; 4], &[0xff; 4], &[1, 0, 0, 1]] {
        let (mut connection, mut broker) = connected();
        broker.write_all(bytes).unwrap();
        assert!(responses(&mut connection).1.is_err(), "{bytes:?}");
    }
    let (mut connection, mut broker) = connected();
    broker.write_all(&[0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0]).unwrap();
    assert!(responses(&mut connection).1.is_err(), "a second answer to one request");
}

#[test]
fn a_flood_is_read_in_turns_and_a_response_has_a_largest_size() {
    let (mut connection, mut broker) = connected();
    let size = 4 * READ_BYTES;
    let thread = std::thread::spawn(move || {
        let head = [(size as u32 + 4).to_be_bytes(), 1u32.to_be_bytes()].concat();
        broker.write_all(&[head, vec![7; size]].concat()).unwrap();
        broker
    });
    let (mut turns, mut before) = (0, 0);
    let bodies = loop {
        let (bodies, result) = responses(&mut connection);
        result.unwrap();
        turns += 1;
        if !bodies.is_empty() {
            break bodies;
        }
        assert!(connection.received.len() - before < READ_BYTES + 16384, "others have their turn");
        before = connection.received.len();
    };
    assert_eq!(bodies, [vec![7; size]]);
    assert!(turns >= 4);
    drop(thread.join().unwrap());
}
