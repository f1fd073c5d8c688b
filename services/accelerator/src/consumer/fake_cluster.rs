//! For tests: a cluster on loopback whose brokers answer fetches from logs that the test writes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::consumer::fetch::{FETCH, FETCH_BY_ID, FetchPartition, Topic};
use crate::consumer::protocol::{LIST_OFFSETS, METADATA, OFFSET_FOR_LEADER_EPOCH};
use crate::consumer::record_batches::RecordBatch;
use crate::kafka::fake_brokers::{Brokers, Call, Reaction, metadata, versions};
use crate::kafka::metadata::NO_UUID;
use crate::kafka::versions::API_VERSIONS;
use crate::kafka::wire::{RequestWriter, ResponseReader, Uuid};
use crate::lock::lock;

pub const TOPIC_ID: Uuid = [9; 16];

/// One partition.
#[derive(Default)]
pub struct Log {
    pub leader: i32,
    pub epoch: i32,
    pub start: i64,
    pub batches: Vec<Vec<u8>>,
    pub aborted: Vec<(i64, i64)>,
    /// Whom the leader sends readers to, -1 for nobody.
    pub preferred: i32,
    /// What its followers answer.
    pub follower_error: i16,
}

impl Log {
    fn header(bytes: &[u8]) -> RecordBatch<'_> {
        RecordBatch::first(bytes).unwrap().unwrap()
    }

    pub fn end(&self) -> i64 {
        self.batches.last().map_or(self.start, |bytes| Self::header(bytes).last_offset + 1)
    }

    /// The largest epoch that is not above, and where it ends.
    fn epoch_end(&self, epoch: i32) -> (i32, i64) {
        let below =
            self.batches.iter().rev().map(|bytes| Self::header(bytes)).find(|batch| batch.leader_epoch <= epoch);
        below.map_or((-1, -1), |batch| (batch.leader_epoch, batch.last_offset + 1))
    }
}

/// What a fetch has asked for.
pub struct Fetch {
    pub broker: i32,
    pub session: (i32, i32),
    pub partitions: Vec<FetchPartition>,
    pub forgotten: Vec<i32>,
    pub by_id: bool,
    pub rack: String,
}

pub struct State {
    pub logs: Vec<Log>,
    pub topic_id: Uuid,
    pub newest_fetch: i16,
    pub throttle_ms: i32,
    /// A broker that is known under an address where nobody listens.
    pub unreachable: Option<i32>,
    /// No sessions are begun.
    pub sessionless: bool,
    pub fetches: Vec<Fetch>,
    /// By broker and id, what is fetched, and the end that was told last.
    sessions: HashMap<(i32, i32), BTreeMap<i32, (FetchPartition, i64)>>,
    next_session: i32,
}

impl State {
    /// Forget all sessions, as brokers do that need the room.
    pub fn forget_sessions(&mut self) {
        self.sessions.clear();
    }
}

pub struct Cluster {
    pub brokers: Arc<Brokers>,
    pub state: Arc<Mutex<State>>,
}

impl Cluster {
    /// So many brokers, and empty logs with these leaders. The script says what a broker does with a request, None for
    /// the usual answer.
    pub fn start(
        brokers: usize,
        leaders: &[i32],
        script: impl FnMut(&Call) -> Option<Reaction> + Send + 'static,
    ) -> Self {
        let logs = leaders.iter().map(|leader| Log { leader: *leader, preferred: -1, ..Log::default() }).collect();
        let state = Arc::new(Mutex::new(State {
            logs,
            topic_id: TOPIC_ID,
            newest_fetch: 18,
            throttle_ms: 0,
            unreachable: None,
            sessionless: false,
            fetches: Vec::new(),
            sessions: HashMap::new(),
            next_session: 1,
        }));
        let (shared, script) = (state.clone(), Mutex::new(script));
        let brokers = Brokers::start(brokers, |ports| {
            let ports = ports.to_vec();
            move |call: &Call| {
                let scripted = lock(&script)(call);
                scripted.unwrap_or_else(|| Reaction::Answer(usual(&shared, call, &ports)))
            }
        });
        Self { brokers, state }
    }

    /// Change the logs, or what the brokers do.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut lock(&self.state))
    }

    pub fn append(&self, partition: usize, batch: Vec<u8>) {
        self.change(|state| state.logs[partition].batches.push(batch));
    }
}

fn usual(state: &Mutex<State>, call: &Call, ports: &[u16]) -> Vec<u8> {
    let mut request = ResponseReader::new(&call.body);
    let (api, version) = (request.i16().unwrap(), request.i16().unwrap());
    request.i32();
    request.string();
    match api {
        api if api == API_VERSIONS.key => versions(&offered(lock(state).newest_fetch)),
        api if api == METADATA.key => {
            let state = lock(state);
            let mut ports = ports.to_vec();
            state.unreachable.into_iter().for_each(|id| ports[id as usize] = 1);
            let leaders = (0..).zip(&state.logs).map(|(at, log)| (at, log.leader, log.epoch));
            metadata(version, &ports, &leaders.collect::<Vec<_>>(), state.topic_id)
        }
        api if api == OFFSET_FOR_LEADER_EPOCH.key => offsets(state, &mut request, true),
        api if api == LIST_OFFSETS.key => offsets(state, &mut request, false),
        _ => {
            let by_id = version == FETCH_BY_ID.1;
            request.skip_tags();
            fetch(state, call.broker, &mut request, by_id)
        }
    }
}

fn offered(newest_fetch: i16) -> [(i16, i16, i16); 4] {
    let newest = [(FETCH, newest_fetch), (LIST_OFFSETS, 11), (METADATA, 13), (OFFSET_FOR_LEADER_EPOCH, 4)];
    newest.map(|(spoken, last)| (spoken.key, 0, last))
}

/// The answer to a question for the ends of epochs, or for the beginnings of logs.
fn offsets(state: &Mutex<State>, request: &mut ResponseReader<'_>, ends: bool) -> Vec<u8> {
    request.i32();
    if !ends {
        request.i8();
    }
    let asked = request.array(1, |r| {
        r.string()?;
        r.array(100, |p| Some((p.i32()?, p.i32()?, if ends { i64::from(p.i32()?) } else { p.i64()? })))
    });
    let asked = asked.unwrap().remove(0);
    let mut out = RequestWriter::body();
    out.i32(0);
    out.i32(1);
    out.string("t");
    out.i32(asked.len() as i32);
    let state = lock(state);
    for (partition, _, epoch) in asked {
        let log = &state.logs[partition as usize];
        if ends {
            let (epoch, end) = log.epoch_end(epoch as i32);
            out.i16(0);
            out.i32(partition);
            out.i32(epoch);
            out.i64(end);
        } else {
            out.i32(partition);
            out.i16(0);
            out.i64(-1);
            out.i64(log.start);
            out.i32(log.epoch);
        }
    }
    out.into_body()
}

fn fetch(state: &Mutex<State>, broker: i32, request: &mut ResponseReader<'_>, by_id: bool) -> Vec<u8> {
    let found = read_fetch(request, broker, by_id).unwrap();
    let (id, epoch) = found.session;
    let mut guard = lock(state);
    let partitions = found.partitions.clone();
    let forgotten = found.forgotten.clone();
    let rack = found.rack.clone();
    guard.fetches.push(found);
    let state = &mut *guard;
    let (id, full) = if epoch == 0 {
        let id = if state.sessionless { 0 } else { state.next_session };
        state.next_session += 1;
        state.sessions.insert((broker, id), BTreeMap::new());
        (id, true)
    } else {
        (id, false)
    };
    let Some(session) = state.sessions.get_mut(&(broker, id)) else { return answer(0, 70, 0, &[], ("t", None)) };
    session.retain(|partition, _| !forgotten.contains(partition));
    for each in partitions {
        let told = session.get(&each.partition).map_or(-1, |(_, told)| *told);
        session.insert(each.partition, (each, told));
    }
    let mut rows = Vec::new();
    for (asked, told) in session.values_mut() {
        let row = row(&state.logs[asked.partition as usize], broker, asked, &rack);
        if full
            || row.error != 0
            || !row.records.is_empty()
            || row.diverging.is_some()
            || row.preferred >= 0
            || row.end != *told
        {
            *told = row.end;
            rows.push(row);
        }
    }
    let throttle = state.throttle_ms;
    if by_id && state.topic_id != TOPIC_ID {
        rows.iter_mut().for_each(|row| (row.error, row.records) = (100, Vec::new()));
    }
    drop(guard);
    if rows.is_empty() {
        std::thread::sleep(Duration::from_millis(20));
    }
    answer(throttle, 0, id, &rows, ("t", by_id.then_some(TOPIC_ID)))
}

#[derive(Default)]
pub struct Row {
    partition: i32,
    error: i16,
    end: i64,
    last_stable: i64,
    aborted: Vec<(i64, i64)>,
    preferred: i32,
    records: Vec<u8>,
    diverging: Option<(i32, i64)>,
}

fn row(log: &Log, broker: i32, asked: &FetchPartition, rack: &str) -> Row {
    let end = log.end();
    let mut row = Row { partition: asked.partition, end, last_stable: end, preferred: -1, ..Row::default() };
    let leads = log.leader == broker;
    let common = if asked.last_epoch < 0 { (0, i64::MAX) } else { log.epoch_end(asked.last_epoch) };
    if !leads && log.preferred != broker {
        row.error = 6;
    } else if !leads && log.follower_error != 0 {
        row.error = log.follower_error;
    } else if asked.leader_epoch != log.epoch {
        row.error = if asked.leader_epoch < log.epoch { 74 } else { 75 };
    } else if asked.offset < log.start || common.1 < 0 {
        row.error = 1;
    } else if asked.last_epoch >= 0 && (common.0 < asked.last_epoch || common.1 < asked.offset) {
        row.diverging = Some(common);
    } else if asked.offset > end {
        row.error = 1;
    } else if leads && log.preferred >= 0 && !rack.is_empty() {
        row.preferred = log.preferred;
    } else {
        let behind = log.batches.iter().filter(|bytes| Log::header(bytes).last_offset >= asked.offset);
        row.records = behind.take(2).flatten().copied().collect();
        row.aborted.clone_from(&log.aborted);
    }
    row
}

fn read_fetch(request: &mut ResponseReader<'_>, broker: i32, by_id: bool) -> Option<Fetch> {
    for _ in 0..4 {
        request.i32()?;
    }
    request.i8()?;
    let session = (request.i32()?, request.i32()?);
    let name = |r: &mut ResponseReader<'_>| if by_id { r.uuid().map(drop) } else { r.compact_string().map(drop) };
    let topics = request.compact_array(1, |r| {
        name(r)?;
        let partitions = r.compact_array(1000, |p| {
            let (partition, leader_epoch) = (p.i32()?, p.i32()?);
            let (offset, last_epoch) = (p.i64()?, p.i32()?);
            p.i64()?;
            p.i32()?;
            p.skip_tags()?;
            Some(FetchPartition { partition, leader_epoch, offset, last_epoch })
        })?;
        r.skip_tags()?;
        Some(partitions)
    })?;
    let forgotten = request.compact_array(1, |r| {
        name(r)?;
        let partitions = r.compact_array(1000, ResponseReader::i32)?;
        r.skip_tags()?;
        Some(partitions)
    })?;
    let rack = request.compact_string()?.to_string();
    let partitions = topics.into_iter().flatten().collect();
    Some(Fetch { broker, session, partitions, forgotten: forgotten.into_iter().flatten().collect(), by_id, rack })
}

fn answer(throttle_ms: i32, error: i16, session: i32, rows: &[Row], topic: Topic<'_>) -> Vec<u8> {
    let mut out = RequestWriter::body();
    out.no_tags();
    out.i32(throttle_ms);
    out.i16(error);
    out.i32(session);
    out.compact_count(usize::from(!rows.is_empty()));
    if !rows.is_empty() {
        match topic.1 {
            Some(id) => out.uuid(&id),
            None => out.compact_string(topic.0),
        }
        out.compact_count(rows.len());
        rows.iter().for_each(|row| write_row(&mut out, row));
        out.no_tags();
    }
    out.no_tags();
    out.into_body()
}

fn write_row(out: &mut RequestWriter, row: &Row) {
    out.i32(row.partition);
    out.i16(row.error);
    out.i64(row.end);
    out.i64(row.last_stable);
    out.i64(0); // the log's start
    if row.aborted.is_empty() {
        out.compact_null();
    } else {
        out.compact_count(row.aborted.len());
    }
    for (producer, first) in &row.aborted {
        out.i64(*producer);
        out.i64(*first);
        out.no_tags();
    }
    out.i32(row.preferred);
    out.compact_bytes(&row.records);
    match row.diverging {
        None => out.no_tags(),
        Some((epoch, end)) => {
            [1, 0, 13].into_iter().for_each(|byte| out.i8(byte)); // one field, its number, its length
            out.i32(epoch);
            out.i64(end);
            out.no_tags();
        }
    }
}

/// An answer to a fetch in which every field is used.
pub fn answers(topic: Topic<'_>) -> Vec<u8> {
    let row = Row {
        partition: 3,
        error: 6,
        end: 20,
        last_stable: 18,
        aborted: vec![(9, 10)],
        preferred: 2,
        records: b"records".to_vec(),
        diverging: Some((4, 11)),
    };
    answer(5, 0, 77, &[row], topic)
}

/// A cluster that has no ids for topics.
pub const NONE: Uuid = NO_UUID;
