//! Requests and responses that have both kinds of versions: those whose fields are compact, and older ones (KIP-482).

use crate::kafka::wire::{Api, RequestWriter, ResponseReader};

impl RequestWriter {
    pub fn of(api: Api, compact: bool, correlation: i32, client: &str) -> Self {
        if compact { Self::flexible(api, correlation, client) } else { Self::new(api, correlation, client) }
    }

    pub fn count_as(&mut self, compact: bool, count: usize) {
        if compact { self.compact_count(count) } else { self.i32(count as i32) }
    }

    pub fn string_as(&mut self, compact: bool, value: &str) {
        if compact { self.compact_string(value) } else { self.string(value) }
    }

    /// Null instead of a string.
    pub fn null_as(&mut self, compact: bool) {
        if compact { self.compact_null() } else { self.null() }
    }

    /// Bytes that come in parts.
    pub fn joined_as<const N: usize>(&mut self, compact: bool, parts: [&[u8]; N]) {
        if compact { self.compact_joined(parts) } else { self.joined(parts) }
    }

    pub fn no_tags_as(&mut self, compact: bool) {
        if compact {
            self.no_tags();
        }
    }
}

impl<'a> ResponseReader<'a> {
    /// A string, empty if it is null.
    pub fn string_as(&mut self, compact: bool) -> Option<&'a str> {
        if compact { self.compact_string() } else { self.string() }
    }

    pub fn array_as<T>(
        &mut self,
        compact: bool,
        most: usize,
        read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        if compact { self.compact_array(most, read) } else { self.array(most, read) }
    }

    /// An array's length, 0 if it is null.
    pub fn count_as(&mut self, compact: bool) -> Option<usize> {
        if compact { self.compact_count() } else { self.count() }
    }

    pub fn skip_array_as(&mut self, compact: bool, size: usize) -> Option<()> {
        if compact { self.skip_compact_array(size) } else { self.skip_array(size) }
    }

    pub fn skip_tags_as(&mut self, compact: bool) -> Option<()> {
        if compact { self.skip_tags() } else { Some(()) }
    }
}
