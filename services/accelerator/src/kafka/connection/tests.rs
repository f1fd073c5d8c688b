use std::io::Read;
use std::net::{TcpListener, TcpStream};

use super::*;
use crate::kafka::opening::open;
use crate::kafka::tls_peer::{Ca, accept, trusting};

/// The most bytes of a response.
const MAX_BYTES: usize = 16 << 20;

trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// The broker's end of a connection.
type Peer = Box<dyn Stream>;

/// A plain connection and one with TLS, each with its peer. They have asked for metadata.
fn connected() -> [(Connection<&'static str>, Peer); 2] {
    let listen = || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    };
    let (listener, address) = listen();
    let admission = Admission::new(Arc::default(), Versions::default(), None);
    let plain = Connection::new(Transport::Plain(TcpStream::connect(address).unwrap()), admission, MAX_BYTES).unwrap();
    let plain_peer = listener.accept().unwrap().0;
    let (listener, address) = listen();
    let ca = Ca::new("ca");
    let peer = accept(listener, ca.server(&["127.0.0.1"], None));
    let Ok(tls) = open(&address.to_string(), Arc::new(trusting(&[&ca], &[])), "c", &[], MAX_BYTES) else {
        panic!("no TLS")
    };
    let tls_peer = peer.join().unwrap().unwrap();
    [(plain, Box::new(plain_peer) as Peer), (tls, Box::new(tls_peer))].map(|(mut connection, mut peer)| {
        let until = Instant::now() + Duration::from_secs(600);
        connection.send("first", until, |_, _| vec![7]).unwrap();
        let mut asked = [0; 1];
        peer.read_exact(&mut asked).unwrap();
        assert_eq!(asked, [7]);
        (connection, peer)
    })
}

/// Send so much at once.
fn send(peer: &mut Peer, bytes: &[u8]) {
    peer.write_all(bytes).unwrap();
    peer.flush().unwrap();
}

/// Bytes that have been received and belong to no response that is whole.
fn held<R>(connection: &Connection<R>) -> usize {
    connection.received.len() + connection.body.as_ref().map_or(0, |(body, _)| body.len())
}

/// What `responses` returns once something has arrived, the bodies only.
fn responses(connection: &mut Connection<&'static str>) -> (Vec<Vec<u8>>, io::Result<()>) {
    let end = Instant::now() + Duration::from_secs(120);
    let before = held(connection);
    loop {
        let (found, result) = connection.responses();
        if !found.is_empty() || result.is_err() || held(connection) > before {
            return (found.into_iter().map(|(_, body)| body).collect(), result);
        }
        assert!(Instant::now() < end, "nothing arrives");
        std::thread::yield_now();
    }
}

#[test]
fn a_response_comes_with_the_request_that_it_answers() {
    for (mut connection, mut broker) in connected() {
        let until = Instant::now() + Duration::from_secs(600);
        connection.send("second", until, |_, _| vec![8]).unwrap();
        assert_eq!(connection.pending().map(|(request, _)| *request).collect::<Vec<_>>(), ["first", "second"]);
        send(&mut broker, &[0, 0, 0, 6, 0, 0, 0, 1, 7, 8]);
        assert_eq!(responses(&mut connection).0, [[7, 8]]);
        assert_eq!(connection.pending().map(|(request, _)| *request).collect::<Vec<_>>(), ["second"]);
        send(&mut broker, &[0, 0, 0, 4, 0, 0, 0, 2]);
        assert_eq!(responses(&mut connection).0, [[]]);
        assert!(!connection.is_slow(Instant::now() + SLOW));
    }
}

#[test]
fn a_broker_is_slow_while_its_oldest_request_is_old() {
    for (connection, _broker) in connected() {
        let now = Instant::now();
        assert!(!connection.is_slow(now));
        assert!(connection.is_slow(now + SLOW));
    }
}

#[test]
fn what_nobody_has_asked_for_ends_the_connection() {
    for bytes in [&[0, 0, 0, 4, 0, 0, 0, 2][..], &[0; 4], &[0xff; 4], &[1, 0, 0, 1]] {
        for (mut connection, mut broker) in connected() {
            send(&mut broker, bytes);
            assert!(responses(&mut connection).1.is_err(), "{bytes:?}");
        }
    }
    for (mut connection, mut broker) in connected() {
        send(&mut broker, &[0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0]);
        assert!(responses(&mut connection).1.is_err(), "a second answer to one request");
    }
}

#[test]
fn the_end_of_a_connection_is_an_error() {
    for (mut connection, broker) in connected() {
        drop(broker);
        assert_eq!(responses(&mut connection).1.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}

#[test]
fn a_flood_is_read_in_turns_and_a_response_has_a_largest_size() {
    for (mut connection, mut broker) in connected() {
        let size = 4 * READ_BYTES;
        let thread = std::thread::spawn(move || {
            let head = [(size as u32 + 4).to_be_bytes(), 1u32.to_be_bytes()].concat();
            send(&mut broker, &[head, vec![7; size]].concat());
            broker
        });
        let (mut turns, mut before) = (0, 0);
        let bodies = loop {
            let (bodies, result) = responses(&mut connection);
            result.unwrap();
            assert!(!connection.transport.has_received(), "no event would tell of what is left there");
            turns += 1;
            if !bodies.is_empty() {
                break bodies;
            }
            assert!(held(&connection) - before < READ_BYTES + 65536, "others have their turn");
            before = held(&connection);
        };
        assert_eq!(bodies, [vec![7; size]]);
        assert!(turns >= 4);
        drop(thread.join().unwrap());
    }
}

#[test]
fn a_request_that_the_broker_does_not_take_yet_is_sent_piece_by_piece() {
    for (mut connection, mut broker) in connected() {
        let until = Instant::now() + Duration::from_secs(600);
        let requests = [1, 2, 3].map(|number| [number; 1000].repeat(6000));
        for request in &requests {
            connection.send("more", until, |_, _| request.clone()).unwrap();
        }
        assert!(connection.has_unsent(), "more than any socket holds");
        let wanted = requests.concat();
        let size = wanted.len();
        let reader = std::thread::spawn(move || {
            let mut got = vec![0; size];
            broker.read_exact(&mut got).unwrap();
            (got, broker)
        });
        let end = Instant::now() + Duration::from_secs(120);
        while connection.has_unsent() {
            assert!(Instant::now() < end, "nothing is taken");
            connection.write().unwrap();
            std::thread::yield_now();
        }
        assert!(reader.join().unwrap().0 == wanted);
    }
}
