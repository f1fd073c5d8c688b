use super::*;
use crate::orders::order::read_value;
use crate::random_numbers::Numbers;

const ORDERS: [&str; 7] = [
    r#"{"order_id":"0001","customer_id":"c-1","product_id":"p","quantity":1,"amount":2.5}"#,
    r#"{"customer_id": "c", "product_id": "p", "quantity": 12, "amount": 0}"#,
    r#"{ "customer_id":"Zoë" ,"product_id":"☃","quantity":9007199254740991,"amount":1.25,"note":{"a":[1,"x\n"]}}"#,
    r#"{"amount":19.98,"quantity":2,"product_id":"p-1","customer_id":"c-123456789012345678901234567890"}"#,
    r#"{"customer_id":"c","product_id":"p","quantity":1,"amount":1,"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9}"#,
    "{\"customer_id\":\"c\",\n                                         \"product_id\":\"p\",\"quantity\":1,\"amount\":1}",
    r#"{"customer_id":"c","product_id":"p","quantity":1,"amount":1}"#,
];

#[test]
fn the_orders_after_the_first_are_read_by_its_shape() {
    let mut reader = OrderReader::default();
    for number in 0..100 {
        let value =
            format!(r#"{{"customer_id":"c{number}","product_id":"p","quantity":{},"amount":{number}.5}}"#, number + 1);
        assert_eq!(reader.read(value.as_bytes()), read_value(value.as_bytes()));
        assert_eq!(reader.misses, 0);
    }
}

#[test]
fn orders_of_every_shape_are_read_in_any_sequence() {
    let mut numbers = Numbers::new(11);
    let mut reader = OrderReader::default();
    for _ in 0..20_000 {
        let value = ORDERS[numbers.below(ORDERS.len())].as_bytes();
        let found = reader.read(value);
        assert!(found.is_some());
        assert_eq!(found, read_value(value));
    }
}

#[test]
fn whatever_is_changed_in_an_order_the_outcome_is_the_same_as_without_a_shape() {
    let mut numbers = Numbers::new(12);
    let mut outcomes = [0; 2];
    for round in 0..60_000 {
        let sample = ORDERS[round % ORDERS.len()].as_bytes();
        let mut reader = OrderReader { shape: Shape::of(sample), misses: 0 };
        let mut value = sample.to_vec();
        for _ in 0..1 + numbers.below(2) {
            let at = numbers.below(value.len());
            match numbers.below(3) {
                0 => value[at] = b"\"\\{}:,. 019-eaZ\xc3\xab\xff\0"[numbers.below(19)],
                1 => drop(value.remove(at)),
                _ => value.insert(at, b"\"\\{}:,. 019-eaZ\xc3\xab\xff\0"[numbers.below(19)]),
            }
        }
        let expected = read_value(&value);
        assert_eq!(reader.read(&value), expected, "{:?}", String::from_utf8_lossy(&value));
        outcomes[usize::from(expected.is_some())] += 1;
    }
    assert!(outcomes.iter().all(|count| *count > 5000), "{outcomes:?}");
}

#[test]
fn a_pattern_that_nobody_follows_any_more_is_replaced() {
    let mut reader = OrderReader::default();
    reader.read(ORDERS[0].as_bytes());
    for _ in 0..=MAX_MISSES {
        reader.read(ORDERS[1].as_bytes());
    }
    assert_eq!(reader.misses, 0);
    reader.read(ORDERS[1].as_bytes());
    assert_eq!(reader.misses, 0, "it is the pattern now");
}

#[test]
fn long_orders_have_no_shape() {
    assert!(Shape::of(ORDERS[4].as_bytes()).is_none() && Shape::of(ORDERS[5].as_bytes()).is_none());
    assert!([0, 1, 2, 3, 6].iter().all(|at| Shape::of(ORDERS[*at].as_bytes()).is_some()));
}
