//! Bodies of many orders, and the work that any bytes cost.

use super::*;

const ORDER: &str = r#"{"customer_id":"c","product_id":"p","quantity":1,"amount":2}"#;

/// The orders' bytes.
fn texts(body: &str, spans: Option<Vec<Span>>) -> Option<Vec<String>> {
    spans.map(|all| all.iter().map(|span| body[span.start as usize..span.end as usize].to_string()).collect())
}

fn array(body: &str, max_orders: usize) -> Option<Vec<String>> {
    texts(body, read_array(body.as_bytes(), max_orders, ORDER.len()))
}

fn lines(body: &str, max_orders: usize) -> Option<Vec<String>> {
    texts(body, read_lines(body.as_bytes(), max_orders, ORDER.len()))
}

#[test]
fn arrays_may_have_white_space_anywhere() {
    let two = Some(vec![ORDER.to_string(); 2]);
    assert_eq!(array(&format!("[{ORDER},{ORDER}]"), 2), two);
    assert_eq!(array(&format!(" [\n{ORDER} ,\r\n\t{ORDER} ] \n"), 2), two);
}

#[test]
fn lines_may_have_white_space_around_their_order() {
    let two = Some(vec![ORDER.to_string(); 2]);
    assert_eq!(lines(&format!("{ORDER}\n{ORDER}\n"), 2), two);
    assert_eq!(lines(&format!("\t{ORDER} \r\n {ORDER}\n"), 2), two);
}

#[test]
fn other_bodies_are_left_to_python() {
    let long = ORDER.replace(":2", ":22");
    for body in
        ["".into(), "[]".into(), format!("[{ORDER}"), format!("[{ORDER},]"), format!("[{ORDER}] x"), long.clone()]
    {
        assert_eq!(array(&body, 2), None, "{body}");
    }
    assert_eq!(array(&format!("[{ORDER},{ORDER}]"), 1), None, "too many");
    assert_eq!(array(&format!("[{long}]"), 1), None, "too long");
    for body in ["".into(), ORDER.into(), format!("{ORDER}\n\n"), format!("{ORDER}{ORDER}\n"), format!("{long}\n")] {
        assert_eq!(lines(&body, 2), None, "{body}");
    }
    assert_eq!(lines(&format!("{ORDER}\n{ORDER}\n"), 1), None, "too many");
    assert_eq!(lines(&ORDER.replace(',', ",\n"), 1), None, "an order on several lines");
}

/// What bodies are made of: parts of orders, and what may go wrong between them.
const PARTS: &[&str] = &[
    ORDER,
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\"",
    "\\",
    "\\\"",
    " ",
    "\n",
    "\t\r",
    "1",
    "0",
    "1e0",
    "-",
    ".5",
    "true",
    "nul",
    "é€😀",
    "\"customer_id\":\"c\"",
    "\"quantity\":",
    "\"x\":[[],{}]",
    "12345678901234567890",
    "abcdefghijklmnopqrstuvwxyz",
];

/// How often bytes are looked at to read this body in both ways; refused or not.
fn looks(body: &str) -> usize {
    let (mut one, mut other) = (JsonReader::new(body.as_bytes()), JsonReader::new(body.as_bytes()));
    super::array(&mut one, 1_000_000, 1 << 20);
    super::lines(&mut other, 1_000_000, 1 << 20);
    one.looks.get().max(other.looks.get())
}

#[test]
fn any_body_costs_work_in_proportion_to_its_bytes() {
    let mut state = 1u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    for _ in 0..5000 {
        let count = next(60);
        let mut body: String = (0..count).map(|_| PARTS[next(PARTS.len())]).collect();
        if next(2) == 0 {
            body = format!("[{ORDER},{{\"x\":{body}");
        }
        assert!(looks(&body) <= 4 * body.len() + 16, "{} for {body}", looks(&body));
    }
}

#[test]
fn bombs_cost_work_in_proportion_to_their_bytes() {
    let order = |value: String| ORDER.replace('}', &format!(",\"x\":{value}}}"));
    for bomb in [
        "[".repeat(1 << 20),
        format!("[{}", order(format!("[{}[]]", "[],".repeat(1 << 18)))),
        format!("[{}]", order(format!("[{}1e0]", "1,".repeat(1 << 19)))),
        format!("[{}", order(format!("\"{}", "\\\"".repeat(1 << 19)))),
        format!("[{}{}", order("\"é\"".into()), " ".repeat(1 << 20)),
        format!("{ORDER}\n").repeat(1 << 14) + "1e0",
    ] {
        assert!(looks(&bomb) <= 4 * bomb.len() + 16, "{} for {} bytes", looks(&bomb), bomb.len());
    }
}
