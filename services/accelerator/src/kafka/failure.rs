//! Why there is no connection to a broker.

use std::io;
use std::time::Duration;

use rustls::CertificateError;

/// How long to wait before trying again to reach a broker.
const UNREACHABLE_BACKOFF: Duration = Duration::from_millis(100);
/// The same for one that does not let us in, which takes both sides more.
pub const REFUSED_BACKOFF: Duration = Duration::from_secs(1);

/// Whether another client may get on better with a broker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cause {
    /// It would not.
    Passing,
    /// The two sides did not understand each other's TLS or bytes. If that lasts, another implementation may.
    Disagreement,
    /// The broker lacks what we need.
    Unsupported,
}

/// Why there is no connection, and how long to wait before trying again.
pub struct Failure {
    pub why: String,
    pub backoff: Duration,
    pub cause: Cause,
}

impl Failure {
    pub fn unreachable(why: impl ToString) -> Self {
        Self { why: why.to_string(), backoff: UNREACHABLE_BACKOFF, cause: Cause::Passing }
    }

    pub fn refused(why: impl ToString) -> Self {
        Self { why: why.to_string(), backoff: REFUSED_BACKOFF, cause: Cause::Passing }
    }

    pub fn disagreement(why: impl ToString) -> Self {
        Self { cause: Cause::Disagreement, ..Self::refused(why) }
    }

    pub fn unsupported(why: impl ToString) -> Self {
        Self { cause: Cause::Unsupported, ..Self::refused(why) }
    }
}

/// Whether the two sides do not agree about TLS.
pub fn is_over_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

/// What went wrong on a connection, and what to do if that is known.
pub fn explain(error: &io::Error) -> String {
    let text = error.to_string();
    let advice = match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "; none of the CAs in ssl.ca.pem or ssl.ca.location has issued the broker's certificate"
        }
        Some(rustls::Error::InvalidMessage(_)) => "; the listener may be one without TLS (security.protocol)",
        Some(rustls::Error::AlertReceived(_)) => {
            "; the broker refuses: it may want a client certificate of a CA that it trusts (ssl.certificate.location)"
        }
        // Only by its name, since its type is not rustls'.
        Some(_) if text.contains("CaUsedAsEndEntity") => {
            "; the broker's own certificate is a CA's; librdkafka may accept it, and the own client does not"
        }
        _ => "",
    };
    text + advice
}
