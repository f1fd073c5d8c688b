//! Fetches a consumer's records over connections of its own.
//!
//! The consumer itself is confluent-kafka's: it is the member of the group, and it rebalances and commits. Its partitions
//! are paused there, and read here.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::consumer::config::fetch_config;
use crate::consumer::fetcher::Fetcher;
use crate::consumer::partition::Position;
use crate::fetched_batch::{FetchedBatch, Held};
use crate::kafka::access::Access;
use crate::kafka::target::target;
use crate::lock::lock;

/// Batches of records, partitions whose end was reached with the offset of that end, and errors with their texts.
type Fetched = (Vec<FetchedBatch>, Vec<(i32, i64)>, Vec<(i32, String)>);

/// All methods belong to the thread that polls the consumer.
#[pyclass(frozen, module = "orderpipeline_accelerator")]
pub struct DirectFetcher {
    /// None once it is closed.
    fetcher: Mutex<Option<Fetcher>>,
}

#[pymethods]
impl DirectFetcher {
    /// For `topic`; `config` has librdkafka's property names. Raises ValueError for a property that is missing or not
    /// supported.
    #[new]
    fn new(config: Vec<(String, String)>, topic: &str) -> PyResult<Self> {
        let properties = config.into_iter().collect();
        let target = target(&properties, topic).map_err(PyValueError::new_err)?;
        let access = Access::new(&properties).map_err(PyValueError::new_err)?;
        let fetcher = Fetcher::new(&target, fetch_config(&properties).map_err(PyValueError::new_err)?, access)?;
        Ok(Self { fetcher: Mutex::new(Some(fetcher)) })
    }

    /// Partitions that were assigned. Nothing of them is fetched before `seek`.
    fn add(&self, partitions: Vec<i32>) {
        self.with(|fetcher| fetcher.add(&partitions));
    }

    /// Fetch nothing of these partitions any more.
    fn remove(&self, partitions: Vec<i32>) {
        self.with(|fetcher| fetcher.remove(&partitions));
    }

    /// Read from an offset on. `leader_epoch` is that of the record before it, None if unknown: if the log was cut since,
    /// reading begins where it was. Returns False if the partition was not added.
    fn seek(&self, partition: i32, offset: i64, leader_epoch: Option<i32>) -> bool {
        let position = Position { offset, epoch: leader_epoch.unwrap_or(-1) };
        self.with(|fetcher| fetcher.seek(partition, position)).unwrap_or(false)
    }

    /// Fetch nothing of these partitions until `resume`.
    fn pause(&self, partitions: Vec<i32>) {
        self.with(|fetcher| fetcher.pause(&partitions));
    }

    fn resume(&self, partitions: Vec<i32>) {
        self.with(|fetcher| fetcher.resume(&partitions));
    }

    /// About `max_records` records, or what there is. Waits for at most `seconds` if there is nothing. Raises
    /// RuntimeError if another client should go on, with the reason; nothing is fetched any more then.
    fn fetch(&self, py: Python<'_>, max_records: usize, seconds: f64) -> PyResult<Fetched> {
        let wait = Duration::from_secs_f64(seconds);
        py.detach(|| {
            let mut guard = self.lock();
            let Some(fetcher) = guard.as_mut() else { return Ok((Vec::new(), Vec::new(), Vec::new())) };
            if let Some(why) = fetcher.unusual() {
                return Err(PyRuntimeError::new_err(why.to_string()));
            }
            let polled = fetcher.poll(max_records, wait);
            let batches = polled.batches.into_iter();
            let batches =
                batches.map(|each| FetchedBatch::new(Held::Own(each.records), each.partition, each.leader_epoch));
            Ok((batches.collect(), polled.ends, polled.notes))
        })
    }

    /// Close all connections. Batches that are held can still be read.
    fn close(&self) {
        self.lock().take();
    }
}

impl DirectFetcher {
    fn lock(&self) -> MutexGuard<'_, Option<Fetcher>> {
        lock(&self.fetcher)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Fetcher) -> T) -> Option<T> {
        self.lock().as_mut().map(act)
    }
}
