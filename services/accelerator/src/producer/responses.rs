//! What the brokers' answers mean for those who wait.

use std::ffi::c_int;
use std::time::{Duration, Instant};

use crate::producer::batch::Batch;
use crate::producer::connection::Asked;
use crate::producer::protocol::{self, Reply};
use crate::producer::sender::{PAUSE, Sender};
use crate::producer::shared::lock;

/// A batch that failed for its turn alone more often than this is given up.
const MAX_ATTEMPTS: u32 = 20;
const OUT_OF_TURN: i16 = 45;
const DOUBLE: i16 = 46;
/// What may pass by itself. After 7 and 20 the batch may be in the log all the same.
const PASSING: [i16; 14] = [2, 3, 5, 6, 7, 8, 13, 14, 19, 20, 56, 74, 75, 89];
/// The producer's id is not good any more; nothing was written.
const ID_IS_OVER: [i16; 4] = [OUT_OF_TURN, 47, 59, 90];

impl Sender {
    pub(crate) fn answered(&mut self, asked: Asked, reply: &mut Reply<'_>) {
        match asked {
            Asked::Metadata => match protocol::metadata_reply(reply) {
                Some(found) => self.know(found),
                None => self.trouble("an answer about the topic that can't be read".into()),
            },
            Asked::ProducerId => {
                self.id_asked = false;
                match protocol::init_producer_reply(reply) {
                    Some((0, id, epoch)) => self.producer = Some((id, epoch)),
                    Some((14..=16, ..)) => std::thread::sleep(Duration::from_millis(20)), // it is just starting
                    other => {
                        self.trouble(format!("no producer id: error {}", other.map_or(-1, |(code, ..)| code)));
                        std::thread::sleep(PAUSE);
                    }
                }
            }
            Asked::Produce(batches) => {
                let outcomes = protocol::produce_reply(reply).unwrap_or_default();
                for (partition, batch) in batches {
                    let code = outcomes.iter().find(|(of, _)| *of == partition).map(|(_, code)| *code);
                    self.settled(partition, batch, code);
                }
            }
        }
    }

    /// One batch was answered; None when the answer does not say what became of it.
    pub(crate) fn settled(&mut self, partition: usize, mut batch: Batch, code: Option<i16>) {
        let pause = Instant::now() + PAUSE;
        let shared = self.shared.clone();
        let mut log = lock(&shared.log);
        match code {
            Some(0) => log.end(partition, batch, 0),
            Some(DOUBLE) if log.rules.idempotent => log.end(partition, batch, 0),
            Some(code) if log.rules.idempotent && ID_IS_OVER.contains(&code) && batch.attempts < MAX_ATTEMPTS => {
                // Behind one that is to be sent again this only tells that it came too early.
                let early = log.partitions[partition].again.iter().any(|other| other.before(&batch));
                self.renumber |= code != OUT_OF_TURN || !early;
                log.again(partition, batch, pause);
            }
            None | Some(-1) => {
                batch.unknown = true;
                log.again(partition, batch, pause);
            }
            Some(code) if PASSING.contains(&code) => {
                batch.unknown |= code == 7 || code == 20;
                log.again(partition, batch, pause);
                self.refresh = self.refresh.min(pause);
            }
            Some(code) => {
                // The others of this partition would wait for it for ever.
                self.renumber |= log.rules.idempotent;
                log.end(partition, batch, c_int::from(code));
            }
        }
    }

    pub(crate) fn know(&mut self, found: protocol::Metadata) {
        self.asking = false;
        self.brokers = found.brokers.into_iter().map(|(id, host, port)| (id, format!("{host}:{port}"))).collect();
        if found.error == 0 {
            lock(&self.shared.log).lead(&found.leaders, Instant::now());
        }
        if found.leaders.contains(&-1) || found.error != 0 || found.leaders.len() < lock(&self.shared.log).count {
            self.refresh = Instant::now() + PAUSE;
        }
        let mut topic = lock(&self.shared.topic);
        topic.leaders = found.leaders;
        topic.error = found.error;
        topic.answered = topic.asked;
        self.shared.told.notify_all();
    }
}
