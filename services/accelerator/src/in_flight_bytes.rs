//! One count of the bytes in flight, for Python and for what is accepted without it.

use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::prelude::*;

/// Bytes of the orders that are accepted and neither in Kafka nor failed. Belongs to the event loop's thread.
#[pyclass(frozen, module = "orderpipeline_accelerator")]
#[derive(Default)]
pub struct InFlightBytes(AtomicUsize);

impl InFlightBytes {
    pub fn add(&self, size: usize) {
        self.0.fetch_add(size, Ordering::Relaxed);
    }

    pub fn subtract(&self, size: usize) {
        self.0.fetch_sub(size, Ordering::Relaxed);
    }
}

#[pymethods]
impl InFlightBytes {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    #[getter]
    pub fn value(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    #[setter]
    fn set_value(&self, value: usize) {
        self.0.store(value, Ordering::Relaxed);
    }
}
