use super::*;
use crate::kafka::tls_peer::{Ca, properties};

fn error(pairs: &[(&str, &str)]) -> String {
    Access::new(&properties(pairs)).err().unwrap_or_default()
}

#[test]
fn the_protocol_says_what_there_is() {
    let ca = Ca::new("ca").pem();
    let sasl = [("sasl.mechanism", "PLAIN"), ("sasl.username", "me"), ("sasl.password", "secret")];
    for (protocol, tls, credentials) in
        [("PLAINTEXT", false, false), ("SSL", true, false), ("SASL_PLAINTEXT", false, true), ("SASL_SSL", true, true)]
    {
        let given = [&sasl[..], &[("security.protocol", protocol), ("ssl.ca.pem", &ca)]].concat();
        let access = Access::new(&properties(&given)).unwrap();
        assert_eq!((access.tls.is_some(), access.credentials.is_some()), (tls, credentials), "{protocol}");
    }
    assert!(Access::new(&Properties::new()).unwrap().tls.is_none());
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    assert!(error(&[("security.protocol", "TLS")]).starts_with("security.protocol=TLS: "));
    let sasl = ("security.protocol", "SASL_PLAINTEXT");
    assert!(error(&[sasl]).starts_with("sasl.mechanism is missing"));
    assert!(error(&[sasl, ("sasl.mechanism", "GSSAPI")]).starts_with("sasl.mechanism=GSSAPI: "));
    assert!(error(&[sasl, ("sasl.mechanism", "PLAIN")]).starts_with("sasl.username is missing"));
    let tls = ("security.protocol", "SSL");
    assert!(error(&[tls, ("ssl.ca.location", "/nowhere/ca.crt")]).starts_with("ssl.ca.location=/nowhere/ca.crt: "));
    assert!(error(&[tls, ("ssl.ca.pem", "no PEM")]).starts_with("ssl.ca.pem: "));
    let damaged = Ca::new("ca").pem().replacen("MII", "!!!", 1);
    assert!(error(&[tls, ("ssl.ca.pem", &damaged)]).starts_with("ssl.ca.pem: "));
}

#[test]
fn a_client_certificate_comes_with_its_key() {
    let ca = Ca::new("ca");
    let (one, other) = (ca.issue(&["one"]), ca.issue(&["other"]));
    let pem = ca.pem();
    let with = |more: &[(&str, &str)]| {
        let given = [("security.protocol", "SSL"), ("ssl.ca.pem", &pem)];
        error(&[&given, more].concat())
    };
    let certificate = ("ssl.certificate.pem", one.certificate.as_str());
    assert_eq!(with(&[certificate, ("ssl.key.pem", &one.key)]), "");
    assert!(with(&[certificate]).starts_with("ssl.certificate.pem: "));
    assert!(with(&[("ssl.key.pem", &one.key)]).starts_with("ssl.key.pem: "));
    assert!(with(&[certificate, ("ssl.key.pem", &other.key)]).starts_with("ssl.key.pem: it does not fit"));
    assert!(with(&[certificate, ("ssl.key.pem", &one.certificate)]).starts_with("ssl.key.pem: there is no key"));
}
