//! Which versions of Kafka's requests to use on a connection: the newest that both its broker and we have.
//!
//! Brokers and what stands in front of them differ in what they offer, and new releases drop old versions. So each
//! connection begins with the question for it, which every broker answers in its version 0.

use std::collections::HashMap;
use std::io::{Read, Write};

use crate::kafka::call::call;
use crate::kafka::failure::{Failure, explain, is_over_tls};
use crate::kafka::wire::{Api, RequestWriter, ResponseReader};

/// A request of Kafka's protocol, and the first and the last version of it that we speak.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spoken {
    pub key: i16,
    pub name: &'static str,
    pub first: i16,
    pub last: i16,
}

impl Spoken {
    pub const fn new(key: i16, name: &'static str, first: i16, last: i16) -> Self {
        Self { key, name, first, last }
    }

    pub fn newest(&self) -> Api {
        Api(self.key, self.last)
    }
}

pub const API_VERSIONS: Spoken = Spoken::new(18, "ApiVersions", 0, 0);
/// More than brokers have.
const MAX_APIS: usize = 1000;
const UNREADABLE: &str = "the broker's answer to ApiVersions can't be read; security.protocol may not be that of the \
                          listener";

/// The version of each request that both sides have.
#[derive(Debug, Default, PartialEq)]
pub struct Versions(HashMap<i16, i16>);

impl Versions {
    /// The request in the version to use: our newest where nothing was agreed on.
    pub fn of(&self, spoken: &Spoken) -> Api {
        Api(spoken.key, self.0.get(&spoken.key).copied().unwrap_or(spoken.last))
    }

    /// The newest common version of each request, from what a broker offers (key, first and last version). The error
    /// names the request that has none.
    fn choose(spoken: &[Spoken], offered: &[(i16, i16, i16)]) -> Result<Self, String> {
        let newest = |each: &Spoken| {
            let (name, ours) = (each.name, range(each.first, each.last));
            let Some((_, first, last)) = offered.iter().find(|(key, ..)| *key == each.key) else {
                return Err(format!("the broker does not offer {name}, of which this client speaks {ours}"));
            };
            let version = each.last.min(*last);
            if version < each.first.max(*first) {
                let theirs = range(*first, *last);
                return Err(format!("the broker offers {theirs} of {name}, this client speaks {ours}"));
            }
            Ok((each.key, version))
        };
        spoken.iter().map(newest).collect::<Result<_, _>>().map(Self)
    }
}

fn range(first: i16, last: i16) -> String {
    if first == last { format!("version {first}") } else { format!("versions {first} to {last}") }
}

/// Ask a broker what it offers, on a connection that carries nothing else yet. If nothing is spoken, nothing is asked.
pub fn agree(io: &mut (impl Read + Write), client: &str, spoken: &[Spoken]) -> Result<Versions, Failure> {
    if spoken.is_empty() {
        return Ok(Versions::default());
    }
    let correlation = 0;
    let request = RequestWriter::new(API_VERSIONS.newest(), correlation, client).finish();
    let answer = call(io, &request, correlation).map_err(|error| {
        if is_over_tls(&error) { Failure::disagreement(explain(&error)) } else { Failure::unreachable(error) }
    })?;
    let answer = answer.ok_or_else(|| Failure::disagreement(UNREADABLE))?;
    match read(&mut ResponseReader::new(&answer)).ok_or_else(|| Failure::disagreement(UNREADABLE))? {
        (0, offered) => Versions::choose(spoken, &offered).map_err(Failure::unsupported),
        (code, _) => Err(Failure::disagreement(format!("the broker answers ApiVersions with error {code}"))),
    }
}

/// The error code; and of each request its key, its first and its last version.
type Offered = (i16, Vec<(i16, i16, i16)>);

fn read(response: &mut ResponseReader<'_>) -> Option<Offered> {
    Some((response.i16()?, response.array(MAX_APIS, |r| Some((r.i16()?, r.i16()?, r.i16()?)))?))
}

#[cfg(test)]
mod tests;
