use super::*;

/// An order with this text in the place of one value.
fn with(field: &str, value: &str) -> String {
    let fields = [("customer_id", r#""c""#), ("product_id", r#""p""#), ("quantity", "1"), ("amount", "2.5")];
    let extra = (!fields.iter().any(|(name, _)| *name == field)).then_some((field, value));
    let all = fields.iter().copied().chain(extra);
    let pairs: Vec<_> =
        all.map(|(name, own)| format!("\"{name}\":{}", if name == field { value } else { own })).collect();
    format!("{{{}}}", pairs.join(","))
}

/// The order that the whole text is.
fn read(text: &str) -> Option<Span> {
    let mut reader = JsonReader::new(text.as_bytes());
    let span = reader.order()?;
    assert_eq!((span.start, span.end as usize), (0, reader.at));
    (reader.at == text.len()).then_some(span)
}

#[test]
fn an_order_is_found_with_its_key_and_id() {
    let text = with("order_id", "\"id-1\"");
    let span = read(&text).unwrap();
    assert_eq!((span.key(text.as_bytes()), span.id(text.as_bytes())), (b"c".as_slice(), b"id-1".as_slice()));
    assert_eq!((span.has_id(), span.size()), (true, text.len()));
    assert!(!read(&with("amount", "1")).unwrap().has_id());
}

#[test]
fn strings_end_where_their_quote_is() {
    for length in 1..=40 {
        let name = "n".repeat(length);
        let text = with("customer_id", &format!("\"{name}\""));
        assert_eq!(read(&text).unwrap().key(text.as_bytes()), name.as_bytes());
        for special in ["\\\\", "\u{1}", "\n", "\\u0041", "\\"] {
            assert_eq!(read(&with("customer_id", &format!("\"{name}{special}x\""))), None, "{length} {special:?}");
        }
    }
}

#[test]
fn lengths_are_in_characters() {
    for (field, max) in [("customer_id", 128), ("product_id", 128), ("order_id", 64)] {
        for character in ["x", "ü", "€", "😀"] {
            let quoted = |count| format!("\"{}\"", character.repeat(count));
            assert!(read(&with(field, &quoted(max))).is_some(), "{field} {character}");
            assert_eq!(read(&with(field, &quoted(max + 1))), None, "{field} {character}");
        }
        assert_eq!(read(&with(field, "\"\"")), None, "{field}");
    }
}

#[test]
fn quantities_are_integers_from_one() {
    for value in ["1", "42", "9007199254740991"] {
        assert!(read(&with("quantity", value)).is_some(), "{value}");
    }
    for value in ["0", "01", "-1", "1.0", "1e2", "9007199254740992", "99999999999999999999", "\"1\"", "null", ""] {
        assert_eq!(read(&with("quantity", value)), None, "{value}");
    }
}

#[test]
fn amounts_have_no_sign_and_no_exponent() {
    for value in ["0", "0.5", "2.50", "9999999999999999"] {
        assert!(read(&with("amount", value)).is_some(), "{value}");
    }
    for value in ["-1", "-0", "00", "01", ".5", "1.", "1e5", "1.5E1", "99999999999999999", "NaN", "true"] {
        assert_eq!(read(&with("amount", value)), None, "{value}");
    }
}

#[test]
fn other_fields_may_have_any_plain_value() {
    for value in
        ["null", "true", "false", "-1.5", r#""a\"b\\\/\n""#, "[]", "{}", r#"[1,{"a":[null]},"x"]"#, "[ 1 , 2 ]"]
    {
        assert!(read(&with("note", value)).is_some(), "{value}");
    }
    for value in ["nul", "[1,]", "[1", r#"{"a"}"#, r#"{"a":1,}"#, r#"{1:2}"#, r#""\u0041""#, "1e5", "[}", "'x'", ""] {
        assert_eq!(read(&with("note", value)), None, "{value}");
    }
}

#[test]
fn deep_nesting_is_left_to_python() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(&with("note", &nested(31))).is_some());
    assert_eq!(read(&with("note", &nested(32))), None);
}

#[test]
fn fields_come_once_and_none_is_missing() {
    let whole = with("amount", "1");
    assert_eq!(read(&whole.replace("\"amount\"", "\"amount\":2,\"amount\"")), None);
    for name in ["customer_id", "product_id", "quantity", "amount"] {
        assert_eq!(read(&whole.replace(name, "other")), None, "{name}");
    }
    assert!(read(&whole.replace(',', " ,\r\n\t").replace(':', " : ")).is_some());
    assert_eq!(read(&whole.replace("amount", "am\\u006funt")), None);
    assert_eq!(read(&whole[1..]), None);
}

#[test]
fn an_order_that_is_cut_is_none() {
    let text = with("note", r#"["a",{"b":[true,-1.5]}]"#);
    for end in 0..text.len() {
        assert_eq!(JsonReader::new(&text.as_bytes()[..end]).order(), None, "{end} bytes");
    }
}
