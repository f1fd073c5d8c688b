//! Records of one partition in the order of their offsets, as Python sees them.

use std::collections::HashSet;
use std::sync::Arc;

use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::consumer::records::{self, RecordInfo, Records};
use crate::librdkafka::messages::{self, Messages, Readable};

type Headers<'py> = Vec<(String, Option<Bound<'py, PyBytes>>)>;
/// Offset, timestamp in Unix milliseconds, key, value, headers.
type Record<'py> = (i64, i64, Option<Bound<'py, PyBytes>>, Option<Bound<'py, PyBytes>>, Headers<'py>);

/// Where the records' bytes are.
pub enum Held {
    Librdkafka(Arc<Messages>, Vec<RecordInfo>),
    Own(Records),
}

/// Records that can be read as long as this lives.
enum View<'a> {
    Librdkafka(Readable<'a>),
    Own(&'a Records),
}

impl View<'_> {
    fn key(&self, index: usize) -> Option<&[u8]> {
        match self {
            Self::Librdkafka(messages) => messages.key(index),
            Self::Own(records) => records.key(index),
        }
    }

    fn value(&self, index: usize) -> Option<&[u8]> {
        match self {
            Self::Librdkafka(messages) => messages.value(index),
            Self::Own(records) => records.value(index),
        }
    }

    fn timestamp(&self, index: usize) -> i64 {
        match self {
            Self::Librdkafka(messages) => messages.timestamp(index),
            Self::Own(records) => records.timestamp(index),
        }
    }

    fn headers<'py>(&self, py: Python<'py>, index: usize) -> Headers<'py> {
        let bytes = |value: Option<&[u8]>| value.map(|value| PyBytes::new(py, value));
        match self {
            Self::Librdkafka(messages) => {
                messages.headers(index).into_iter().map(|(name, value)| (name, bytes(value))).collect()
            }
            Self::Own(records) => {
                let text = |name| String::from_utf8_lossy(name).into_owned();
                records.headers(index).into_iter().map(|(name, value)| (text(name), bytes(value))).collect()
            }
        }
    }
}

/// Methods take indices from 0 to the batch's length: `start` is the first, `end` is after the last.
#[pyclass(frozen, module = "orderpipeline_accelerator")]
pub struct FetchedBatch {
    held: Held,
    #[pyo3(get)]
    partition: i32,
    /// The leader epoch in which all of them were written; None if unknown.
    #[pyo3(get)]
    leader_epoch: Option<i32>,
}

impl FetchedBatch {
    pub fn new(held: Held, partition: i32, leader_epoch: i32) -> Self {
        Self { held, partition, leader_epoch: (leader_epoch >= 0).then_some(leader_epoch) }
    }

    fn all(&self) -> &[RecordInfo] {
        match &self.held {
            Held::Librdkafka(_, infos) => infos,
            Held::Own(records) => &records.infos,
        }
    }

    fn infos(&self, start: usize, end: usize) -> PyResult<&[RecordInfo]> {
        let outside = || PyIndexError::new_err(format!("{start} to {end} of {} records", self.all().len()));
        self.all().get(start..end).ok_or_else(outside)
    }

    fn view(&self) -> PyResult<View<'_>> {
        match &self.held {
            Held::Librdkafka(messages, _) => Ok(View::Librdkafka(messages.read()?)),
            Held::Own(records) => Ok(View::Own(records)),
        }
    }

    fn overhead(&self) -> usize {
        match self.held {
            Held::Librdkafka(..) => messages::OVERHEAD,
            Held::Own(_) => records::OVERHEAD,
        }
    }
}

#[pymethods]
impl FetchedBatch {
    fn __len__(&self) -> usize {
        self.all().len()
    }

    fn offset(&self, index: usize) -> PyResult<i64> {
        Ok(self.infos(index, index + 1)?[0].offset)
    }

    /// Whether all of these are simple orders, which Python need not check again. False does not mean that one is invalid.
    fn all_valid(&self, start: usize, end: usize) -> PyResult<bool> {
        Ok(self.infos(start, end)?.iter().all(|info| info.order.is_some()))
    }

    /// Whether all of these are simple orders with an order_id of their own.
    fn all_have_ids(&self, start: usize, end: usize) -> PyResult<bool> {
        Ok(self.infos(start, end)?.iter().all(|info| info.order.is_some_and(|span| span.has_id())))
    }

    /// Approximate bytes in memory.
    fn size(&self, start: usize, end: usize) -> PyResult<usize> {
        let infos = self.infos(start, end)?;
        Ok(infos.iter().map(|info| info.size as usize).sum::<usize>() + infos.len() * self.overhead())
    }

    /// The customers of these orders, each once. All must be simple.
    fn ordering_keys(&self, start: usize, end: usize) -> PyResult<HashSet<String>> {
        let (infos, view) = (self.infos(start, end)?, self.view()?);
        let keys = (start..).zip(infos).map(|(index, info)| {
            let value = view.value(index).unwrap_or_default();
            String::from_utf8_lossy(info.order.unwrap_or_default().key(value)).into_owned()
        });
        Ok(keys.collect())
    }

    /// The values as one JSON array. All must be simple orders.
    fn json_array<'py>(&self, py: Python<'py>, start: usize, end: usize) -> PyResult<Bound<'py, PyBytes>> {
        let infos = self.infos(start, end)?;
        let mut joined = Vec::with_capacity(infos.iter().map(|info| info.size as usize + 1).sum::<usize>() + 2);
        let view = self.view()?;
        joined.push(b'[');
        for index in start..end {
            if joined.len() > 1 {
                joined.push(b',');
            }
            joined.extend_from_slice(view.value(index).unwrap_or_default());
        }
        joined.push(b']');
        Ok(PyBytes::new(py, &joined))
    }

    /// Unix milliseconds of each record.
    fn timestamps(&self, start: usize, end: usize) -> PyResult<Vec<i64>> {
        self.infos(start, end)?;
        let view = self.view()?;
        Ok((start..end).map(|index| view.timestamp(index)).collect())
    }

    /// Each record in full.
    fn records<'py>(&self, py: Python<'py>, start: usize, end: usize) -> PyResult<Vec<Record<'py>>> {
        let (infos, view) = (self.infos(start, end)?, self.view()?);
        let record = |(index, info): (usize, &RecordInfo)| {
            let [key, value] = [view.key(index), view.value(index)].map(|some| some.map(|some| PyBytes::new(py, some)));
            (info.offset, view.timestamp(index), key, value, view.headers(py, index))
        };
        Ok((start..).zip(infos).map(record).collect())
    }
}
