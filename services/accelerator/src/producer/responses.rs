//! What the sender does with the brokers' responses.

use std::ffi::c_int;
use std::time::{Duration, Instant};

use crate::producer::batch::Batch;
use crate::producer::connection::Request;
use crate::producer::protocol::{self, ResponseReader};
use crate::producer::sender::{RETRY_BACKOFF, Sender};
use crate::producer::shared::lock;

/// How often to send a batch that the broker refuses because of its producer id or sequence number.
const MAX_ATTEMPTS: u32 = 20;
const OUT_OF_ORDER_SEQUENCE: i16 = 45;
const DUPLICATE_SEQUENCE: i16 = 46;
/// Errors that may pass by themselves. After 7 and 20 the log may hold the batch nevertheless.
const RETRIABLE: [i16; 14] = [2, 3, 5, 6, 7, 8, 13, 14, 19, 20, 56, 74, 75, 89];
/// The producer id is no longer valid, and nothing was written.
const PRODUCER_ID_INVALID: [i16; 4] = [OUT_OF_ORDER_SEQUENCE, 47, 59, 90];

impl<C: Send + 'static> Sender<C> {
    pub(crate) fn handle_response(&mut self, request: Request, response: &mut ResponseReader<'_>) {
        match request {
            Request::Metadata => match protocol::metadata_response(response) {
                Some(found) => self.update_metadata(found),
                None => self.report_problem("the metadata response can't be read".into()),
            },
            Request::InitProducerId => {
                self.producer_id_pending = false;
                match protocol::init_producer_response(response) {
                    Some((0, id, epoch)) => self.producer_id = Some((id, epoch)),
                    Some((14..=16, ..)) => std::thread::sleep(Duration::from_millis(20)), // the coordinator is starting
                    other => {
                        self.report_problem(format!("no producer id: error {}", other.map_or(-1, |(code, ..)| code)));
                        std::thread::sleep(RETRY_BACKOFF);
                    }
                }
            }
            Request::Produce(batches) => {
                let outcomes = protocol::produce_response(response).unwrap_or_default();
                for (partition, batch) in batches {
                    let code = outcomes.iter().find(|(of, _)| *of == partition).map(|(_, code)| *code);
                    self.handle_produce_result(partition, batch, code);
                }
            }
        }
    }

    /// Handle the error code of one batch, None when it is not known what became of it.
    pub(crate) fn handle_produce_result(&mut self, partition: usize, mut batch: Batch, code: Option<i16>) {
        let retry_at = Instant::now() + RETRY_BACKOFF;
        let shared = self.shared.clone();
        let mut accumulator = lock(&shared.accumulator);
        match code {
            Some(0) => accumulator.complete(partition, batch, 0),
            Some(DUPLICATE_SEQUENCE) if accumulator.config.idempotent => accumulator.complete(partition, batch, 0),
            Some(code)
                if accumulator.config.idempotent
                    && PRODUCER_ID_INVALID.contains(&code)
                    && batch.attempts < MAX_ATTEMPTS =>
            {
                // Behind a batch that is to be sent again, this only means that it came too early.
                let early = accumulator.retries_precede(partition, &batch);
                self.reset_needed |= code != OUT_OF_ORDER_SEQUENCE || !early;
                accumulator.requeue(partition, batch, retry_at);
            }
            None | Some(-1) => {
                batch.outcome_unknown = true;
                accumulator.requeue(partition, batch, retry_at);
            }
            Some(code) if RETRIABLE.contains(&code) => {
                batch.outcome_unknown |= code == 7 || code == 20;
                accumulator.requeue(partition, batch, retry_at);
                self.metadata_due = self.metadata_due.min(retry_at);
            }
            Some(code) => {
                // Its sequence number stays unused, so the broker would refuse the partition's other batches.
                self.reset_needed |= accumulator.config.idempotent;
                accumulator.complete(partition, batch, c_int::from(code));
            }
        }
    }

    pub(crate) fn update_metadata(&mut self, found: protocol::Metadata) {
        self.metadata_pending = false;
        self.brokers = found.brokers.into_iter().map(|(id, host, port)| (id, format!("{host}:{port}"))).collect();
        if found.error == 0 {
            lock(&self.shared.accumulator).update_leaders(&found.leaders, Instant::now());
        }
        if found.leaders.contains(&-1)
            || found.error != 0
            || found.leaders.len() < lock(&self.shared.accumulator).partition_count()
        {
            self.metadata_due = Instant::now() + RETRY_BACKOFF;
        }
        let mut topic = lock(&self.shared.topic);
        topic.leaders = found.leaders;
        topic.error = found.error;
        topic.answered = topic.asked;
        self.shared.topic_answered.notify_all();
    }
}

#[cfg(test)]
mod tests;
