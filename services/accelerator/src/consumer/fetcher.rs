//! The fetcher: it goes on as long as somebody polls it, and between two polls answers wait in the sockets.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::consumer::config::FetchConfig;
use crate::consumer::partition::{Partition, Position, Question};
use crate::consumer::protocol::SPOKEN;
use crate::consumer::record_batches::{Fault, RecordBatch, Transactions};
use crate::consumer::records::Records;
use crate::consumer::session::Session;
use crate::kafka::access::Access;
use crate::kafka::connection::SLOW;
use crate::kafka::pool::Pool;
use crate::kafka::target::Target;
use crate::kafka::waker::Waker;
use crate::kafka::wire::Uuid;
use crate::orders::shape::OrderReader;

/// The most bytes of one response, as librdkafka has it: a single batch may be larger than what was asked for.
const MAX_RESPONSE_BYTES: usize = 100_000_000;
/// About the most bytes, unpacked, that one poll hands over.
const POLL_BYTES: usize = 8 << 20;
/// After a longer pause between two polls, answers that arrived meanwhile are read before any is found to be late.
const POLL_GAP: Duration = Duration::from_secs(1);

/// What a broker is asked.
#[derive(Debug, PartialEq)]
pub(crate) enum Ask {
    Metadata,
    Fetch,
    /// By partition, the position that it is about.
    Offsets(Question, Vec<(i32, Position)>),
}

/// An answer's records of one partition that have not been handed over.
pub(crate) struct Queued {
    pub partition: i32,
    pub body: Arc<Vec<u8>>,
    pub range: Range<usize>,
    /// Records below this offset were not asked for.
    pub from: i64,
    pub transactions: Transactions,
}

/// Records of one partition and one leader epoch, in order.
pub struct Batch {
    pub partition: i32,
    pub leader_epoch: i32,
    pub records: Records,
}

/// What a poll brings: records, then the ends of logs that were reached behind them, and what went wrong, with Kafka's
/// error code or librdkafka's.
#[derive(Default)]
pub struct Polled {
    pub batches: Vec<Batch>,
    pub ends: Vec<(i32, i64)>,
    pub notes: Vec<(i32, String)>,
}

impl Polled {
    fn is_empty(&self) -> bool {
        self.batches.is_empty() && self.ends.is_empty() && self.notes.is_empty()
    }
}

pub struct Fetcher {
    pub(crate) topic: String,
    pub(crate) client_id: String,
    pub(crate) config: FetchConfig,
    access: Arc<Access>,
    pub(crate) pool: Pool<Ask>,
    pub(crate) partitions: BTreeMap<i32, Partition>,
    /// The topic's id; None before it is known, NO_UUID in a cluster that has none.
    pub(crate) topic_id: Option<Uuid>,
    /// By broker.
    pub(crate) sessions: HashMap<i32, Session>,
    /// Until when a broker wants to be left alone.
    pub(crate) throttled: HashMap<i32, Instant>,
    pub(crate) metadata_due: Instant,
    pub(crate) queue: VecDeque<Queued>,
    pub(crate) notes: Vec<(i32, String)>,
    /// When each note was last made.
    pub(crate) noted: HashMap<String, Instant>,
    /// Reads the records' values.
    orders: OrderReader,
    /// How many answers in a row could not be read.
    pub(crate) unreadable: u32,
    /// Since when a broker and we do not understand each other.
    pub(crate) refused_since: HashMap<i32, Instant>,
    /// Why another client should go on, once something unusual was met.
    unusual: Option<String>,
    polled_at: Instant,
}

impl Fetcher {
    pub fn new(target: &Target, config: FetchConfig, access: Access) -> io::Result<Self> {
        let access = Arc::new(access);
        let waker = Arc::new(Waker::new()?);
        Ok(Self {
            topic: target.topic.clone(),
            client_id: target.client_id.clone(),
            config,
            pool: Pool::new(target, access.clone(), waker, &SPOKEN, MAX_RESPONSE_BYTES),
            access,
            partitions: BTreeMap::new(),
            topic_id: None,
            sessions: HashMap::new(),
            throttled: HashMap::new(),
            metadata_due: Instant::now(),
            queue: VecDeque::new(),
            notes: Vec::new(),
            noted: HashMap::new(),
            orders: OrderReader::default(),
            unreadable: 0,
            refused_since: HashMap::new(),
            unusual: None,
            polled_at: Instant::now(),
        })
    }

    /// Partitions of which records are fetched once they have been sought.
    pub fn add(&mut self, partitions: &[i32]) {
        for number in partitions {
            self.remove(&[*number]);
            self.partitions.insert(*number, Partition::new(*number));
        }
        self.sessions.values_mut().for_each(Session::restart);
        self.metadata_due = Instant::now();
    }

    /// Fetch nothing of these partitions any more.
    pub fn remove(&mut self, partitions: &[i32]) {
        self.partitions.retain(|number, _| !partitions.contains(number));
        self.discard(partitions);
    }

    /// Go on at a position. Returns false if the partition was not added.
    pub fn seek(&mut self, number: i32, position: Position) -> bool {
        let Some(partition) = self.partitions.get_mut(&number) else { return false };
        partition.seek(position);
        self.discard(&[number]);
        true
    }

    pub fn pause(&mut self, partitions: &[i32]) {
        for number in partitions {
            if let Some(partition) = self.partitions.get_mut(number) {
                partition.pause();
            }
        }
        self.discard(partitions);
    }

    pub fn resume(&mut self, partitions: &[i32]) {
        for number in partitions {
            if let Some(partition) = self.partitions.get_mut(number) {
                partition.resume();
            }
        }
    }

    /// Why another client should go on.
    pub fn unusual(&self) -> Option<&str> {
        self.unusual.as_deref()
    }

    pub(crate) fn set_unusual(&mut self, why: String) {
        self.unusual.get_or_insert(why);
    }

    fn discard(&mut self, partitions: &[i32]) {
        self.queue.retain(|queued| !partitions.contains(&queued.partition));
    }

    /// Bytes of answers that wait to be handed over.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.queue.iter().map(|queued| queued.range.len()).sum()
    }

    /// About so many records, or what there is of them; waits for at most `wait` if there is nothing.
    pub fn poll(&mut self, max_records: usize, wait: Duration) -> Polled {
        let end = Instant::now() + wait;
        let mut polled = Polled::default();
        loop {
            let now = Instant::now();
            self.turn(now);
            self.hand_over(max_records, &mut polled);
            let ends = self.partitions.iter_mut().filter_map(|(number, each)| Some((*number, each.end()?)));
            polled.ends.extend(ends);
            polled.notes.append(&mut self.notes);
            self.polled_at = now;
            if !polled.is_empty() || self.unusual.is_some() || now >= end {
                return polled;
            }
            let due = self.due(now).into_iter().chain(self.pool.due(now));
            self.pool.wait(due.fold(end, Instant::min));
        }
    }

    /// Take what has arrived, and ask for more.
    fn turn(&mut self, now: Instant) {
        self.receive(now);
        if now < self.polled_at + POLL_GAP {
            self.check_deadlines(now);
        }
        if self.partitions.is_empty() || self.unusual.is_some() {
            return;
        }
        self.connect(now, &self.access.clone());
        self.ask(now);
        self.send_fetches(now);
    }

    /// When something is to be asked, if nothing arrives before.
    fn due(&self, now: Instant) -> Option<Instant> {
        let retries = self.partitions.values().filter_map(|partition| partition.retry_at(now));
        let throttled = self.throttled.values().copied();
        let asked = self.asked_metadata_at().map(|at| at + SLOW);
        retries.chain(throttled).chain([self.metadata_due]).chain(asked).filter(|at| *at > now).min()
    }

    /// Unpack queued records until there are enough.
    fn hand_over(&mut self, max_records: usize, polled: &mut Polled) {
        let (mut count, mut bytes) = (0, 0);
        while count < max_records && bytes < POLL_BYTES {
            let Some(queued) = self.queue.front_mut() else { break };
            let partition = self.partitions.get_mut(&queued.partition);
            match next_batch(queued, &mut self.orders, polled) {
                Ok(Some(found)) => {
                    count += found.records;
                    bytes += found.bytes;
                    partition.into_iter().for_each(|partition| partition.deliver(found.position));
                }
                Ok(None) => {
                    partition.into_iter().for_each(|partition| partition.queued -= 1);
                    self.queue.pop_front();
                }
                Err(Fault::Damaged(why) | Fault::Unusual(why)) => {
                    self.unusual = Some(format!("partition {}: {why}", queued.partition));
                    break;
                }
            }
        }
        polled.batches.retain(|batch| batch.records.len() > 0);
    }
}

/// What was handed over: how many records and bytes, and the position behind them.
struct HandedOver {
    records: usize,
    bytes: usize,
    position: Position,
}

/// Hand over the next batch of an answer, if there is one, or pass it if it does not count.
fn next_batch(queued: &mut Queued, orders: &mut OrderReader, polled: &mut Polled) -> Result<Option<HandedOver>, Fault> {
    let body = queued.body.clone();
    let Some(batch) = RecordBatch::first(&body[queued.range.clone()])? else { return Ok(None) };
    queued.range.start += batch.size;
    let position = Position { offset: batch.last_offset + 1, epoch: batch.leader_epoch };
    if !queued.transactions.counts(&batch)? {
        return Ok(Some(HandedOver { records: 0, bytes: 0, position }));
    }
    let records = records_for(queued.partition, &batch, &mut polled.batches);
    let (count, bytes) = (records.len(), records.bytes());
    records.read(&batch, queued.from, orders)?;
    Ok(Some(HandedOver { records: records.len() - count, bytes: records.bytes() - bytes, position }))
}

/// Where a batch's records go: to those of the same partition and leader epoch, if they come after them.
fn records_for<'a>(partition: i32, batch: &RecordBatch<'_>, batches: &'a mut Vec<Batch>) -> &'a mut Records {
    let latest = batches.iter().rposition(|each| each.partition == partition);
    let at = latest.filter(|at| {
        let Batch { leader_epoch, records, .. } = &batches[*at];
        let follows = records.infos.last().is_none_or(|last| last.offset < batch.base_offset);
        *leader_epoch == batch.leader_epoch && follows
    });
    let at = at.unwrap_or_else(|| {
        batches.push(Batch { partition, leader_epoch: batch.leader_epoch, records: Records::default() });
        batches.len() - 1
    });
    &mut batches[at].records
}

#[cfg(test)]
mod tests;
