use super::*;

/// The example of RFC 7677.
const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
const CHALLENGE: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const PROOF: &str =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SHA_512_PROOF: &str = "gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==";
const SHA_512_SERVER: &str = "ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw==";
const SERVER: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

fn credentials(mechanism: Mechanism, username: &str, password: &str) -> Credentials {
    Credentials { mechanism, username: username.into(), password: password.into() }
}

fn sent(step: Result<Step, String>) -> String {
    match step.unwrap() {
        Step::Send(message) => String::from_utf8(message).unwrap(),
        Step::Done => panic!("done"),
    }
}

#[test]
fn scram_is_that_of_rfc_7677() {
    let user = credentials(Mechanism::ScramSha256, "user", "pencil");
    let mut exchange = Exchange::new(&user, NONCE.into());
    assert_eq!(sent(exchange.step(b"")), format!("n,,n=user,r={NONCE}"));
    assert_eq!(sent(exchange.step(CHALLENGE.as_bytes())), PROOF);
    assert_eq!(exchange.step(SERVER.as_bytes()), Ok(Step::Done));
    assert!(exchange.step(SERVER.as_bytes()).is_err(), "once");
}

#[test]
fn scram_works_with_sha_512() {
    // RFC 7677 has no example of it; this one was computed with Python's hashlib and hmac.
    let user = credentials(Mechanism::ScramSha512, "user", "pencil");
    let mut exchange = Exchange::new(&user, NONCE.into());
    exchange.step(b"").unwrap();
    let proof = sent(exchange.step(CHALLENGE.as_bytes()));
    let (bare, proof) = proof.rsplit_once(",p=").unwrap();
    assert_eq!(bare, PROOF.rsplit_once(",p=").unwrap().0);
    assert_eq!(proof, SHA_512_PROOF);
    assert_eq!(exchange.step(format!("v={SHA_512_SERVER}").as_bytes()), Ok(Step::Done));
}

#[test]
fn a_name_may_have_any_character() {
    let user = credentials(Mechanism::ScramSha256, "a=b,c", "p");
    assert_eq!(sent(Exchange::new(&user, "x".into()).step(b"")), "n,,n=a=3Db=2Cc,r=x");
}

#[test]
fn plain_is_one_message() {
    let user = credentials(Mechanism::Plain, "me", "pass,word");
    let mut exchange = Exchange::new(&user, "x".into());
    assert_eq!(sent(exchange.step(b"")), "\0me\0pass,word");
    assert_eq!(exchange.step(b""), Ok(Step::Done));
}

#[test]
fn a_challenge_that_proves_nothing_or_asks_too_much_is_refused() {
    let user = credentials(Mechanism::ScramSha256, "user", "pencil");
    let nonce = CHALLENGE.split(',').next().unwrap();
    for challenge in [
        String::new(),
        "r=somebody-else,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".into(),
        format!("r={NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"), // adds nothing of its own
        format!("{nonce},s=not base 64,i=4096"),
        format!("{nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=many"),
        format!("{nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0"),
        format!("{nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1"),
        format!("{nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4294967295"),
        format!("{nonce},i=4096,s=W22ZaJ0SNY7soEsUEjb6gQ=="),
        format!("m=x,{nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"),
    ] {
        let mut exchange = Exchange::new(&user, NONCE.into());
        exchange.step(b"").unwrap();
        let refused = exchange.step(challenge.as_bytes()).unwrap_err();
        assert!(refused.contains("SCRAM"), "{challenge}: {refused}");
    }
}

#[test]
fn a_server_that_does_not_know_the_password_is_refused() {
    let user = credentials(Mechanism::ScramSha256, "user", "pencil");
    for (answer, why) in [
        ("v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "signature"),
        ("v=", "signature"),
        ("", "signature"),
        ("e=unknown-user,x", "unknown-user"),
    ] {
        let mut exchange = Exchange::new(&user, NONCE.into());
        exchange.step(b"").unwrap();
        exchange.step(CHALLENGE.as_bytes()).unwrap();
        assert!(exchange.step(answer.as_bytes()).unwrap_err().contains(why), "{answer}");
    }
}

#[test]
fn a_password_is_not_shown() {
    let shown = format!("{:?}", credentials(Mechanism::Plain, "me", "secret"));
    assert!(shown.contains("me") && !shown.contains("secret"));
}
