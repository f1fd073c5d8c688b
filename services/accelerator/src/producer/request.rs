//! What the sender asks brokers.

use std::time::Instant;

use crate::kafka::connection::Connection;
use crate::producer::batch::Batch;

/// What any broker can answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Question {
    Metadata,
    ProducerId,
}

/// A request without its encoding, and what it carries: by partition, the batches to complete or to send again.
pub enum Request {
    Ask(Question),
    Produce(Vec<(usize, Batch)>),
}

impl Connection<Request> {
    /// How many produce requests are in flight.
    pub fn produce_requests(&self) -> usize {
        self.pending().filter(|(request, _)| matches!(request, Request::Produce(_))).count()
    }

    /// When the broker was asked this, None if it has answered or was not asked.
    pub fn asked_at(&self, question: Question) -> Option<Instant> {
        let asks = |(request, _): &(&Request, _)| matches!(request, Request::Ask(asked) if *asked == question);
        self.pending().rfind(asks).map(|(_, sent)| sent)
    }
}
