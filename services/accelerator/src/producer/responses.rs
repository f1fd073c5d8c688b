//! What the sender does with the brokers' responses.

use std::ffi::c_int;
use std::time::{Duration, Instant};

use crate::kafka::metadata::METADATA;
use crate::kafka::pool::RETRY_BACKOFF;
use crate::kafka::versions::Versions;
use crate::kafka::wire::ResponseReader;
use crate::lock::lock;
use crate::producer::batch::Batch;
use crate::producer::protocol::{self, INIT_PRODUCER_ID, PRODUCE};
use crate::producer::request::{Question, Request};
use crate::producer::sender::{METADATA_REFRESH, Sender};

/// How often to send a batch that the broker refuses because of its producer id or sequence number.
const MAX_ATTEMPTS: u32 = 20;
const OUT_OF_ORDER_SEQUENCE: i16 = 45;
const DUPLICATE_SEQUENCE: i16 = 46;
/// A batch is larger than its topic takes, whichever of its records is to blame.
const TOO_LARGE: [i16; 2] = [10, 18];
/// Errors that may pass by themselves.
const RETRIABLE: [i16; 14] = [2, 3, 5, 6, 7, 8, 13, 14, 19, 20, 56, 74, 75, 89];
/// Those of them that a broker answers before it appends anything. With any other the log may hold the batch: a leader
/// that appended it and then lost the leadership, the topic or its disk answers 6, 3 or 56.
const NOT_APPENDED: [i16; 3] = [2, 19, 89];
/// How long to wait while the brokers have not settled who assigns producer ids.
const COORDINATOR_BACKOFF: Duration = Duration::from_millis(20);
/// The producer id is no longer valid, and nothing was written.
const PRODUCER_ID_INVALID: [i16; 4] = [OUT_OF_ORDER_SEQUENCE, 47, 59, 90];

impl<C: Send + 'static> Sender<C> {
    /// Handle a response of a connection with these versions.
    pub(crate) fn handle_response(&mut self, request: Request, response: &[u8], versions: &Versions) {
        let response = &mut ResponseReader::new(response);
        match request {
            Request::Ask(Question::Metadata) => match protocol::metadata_response(versions.of(&METADATA).1, response) {
                Some(found) => self.update_metadata(found),
                None => {
                    self.metadata_due = Instant::now() + RETRY_BACKOFF;
                    self.report_problem("the metadata response can't be read".into());
                }
            },
            Request::Ask(Question::ProducerId) => {
                match protocol::init_producer_response(versions.of(&INIT_PRODUCER_ID).1, response) {
                    Some((0, id)) => lock(&self.shared.accumulator).producer_id = Some(id),
                    Some((14..=16, _)) => self.producer_id_due = Instant::now() + COORDINATOR_BACKOFF,
                    other => {
                        self.producer_id_due = Instant::now() + RETRY_BACKOFF;
                        self.report_problem(format!("no producer id: error {}", other.map_or(-1, |(code, _)| code)));
                    }
                }
            }
            Request::Produce(batches) => {
                let version = versions.of(&PRODUCE).1;
                let codes = protocol::produce_response(version, response, batches.len()).unwrap_or_default();
                for (partition, batch) in batches {
                    self.handle_produce_result(partition, batch, codes.get(&partition).copied());
                }
            }
        }
    }

    /// Handle the end of a request that will not be answered.
    pub(crate) fn handle_no_response(&mut self, request: Request) {
        match request {
            Request::Ask(_) => {} // the question is due as long as nobody has answered it
            Request::Produce(batches) => {
                for (partition, batch) in batches {
                    self.handle_produce_result(partition, batch, None);
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
                if code != OUT_OF_ORDER_SEQUENCE || !accumulator.retries_precede(partition, &batch) {
                    accumulator.renumber(partition);
                }
                accumulator.requeue(partition, batch, retry_at);
            }
            None | Some(-1) => {
                batch.outcome_unknown = true;
                accumulator.requeue(partition, batch, retry_at);
            }
            Some(code) if RETRIABLE.contains(&code) => {
                batch.outcome_unknown |= !NOT_APPENDED.contains(&code);
                accumulator.requeue(partition, batch, retry_at);
                self.metadata_due = self.metadata_due.min(retry_at);
            }
            Some(code) if TOO_LARGE.contains(&code) && batch.count() > 1 => accumulator.split(partition, batch),
            Some(code) => {
                // Its sequence number stays unused, so the broker would refuse the partition's other batches.
                accumulator.renumber(partition);
                accumulator.complete(partition, batch, c_int::from(code));
            }
        }
    }

    pub(crate) fn update_metadata(&mut self, found: protocol::Metadata) {
        self.metadata_due = Instant::now() + METADATA_REFRESH;
        self.pool.set_brokers(found.brokers);
        if found.error == 0 {
            lock(&self.shared.accumulator).update_leaders(&found.leaders, Instant::now());
            self.drop_former_leaders(&found.leaders);
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
        topic.no_answer.clear();
        self.shared.topic_answered.notify_all();
    }
}

#[cfg(test)]
mod tests;
