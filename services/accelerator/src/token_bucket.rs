//! The quota of one client, for Python and for what is accepted without it.

use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use crate::lock::lock;

/// Orders that a client may send now: those of one second at the most. A batch may overdraw it once.
#[cfg_attr(feature = "python", pyo3::pyclass(frozen, module = "orderpipeline_accelerator"))]
pub struct TokenBucket {
    per_second: f64,
    full: f64,
    state: Mutex<State>,
}

struct State {
    tokens: f64,
    at: Instant,
}

impl TokenBucket {
    pub fn full(per_second: u32, now: Instant) -> Self {
        let per_second = f64::from(per_second);
        let full = per_second.max(1.0);
        Self { per_second, full, state: Mutex::new(State { tokens: full, at: now }) }
    }

    /// Seconds until the client may send again; 0 if it may now.
    pub fn wait_at(&self, now: Instant) -> f64 {
        ((1.0 - self.refilled(now).tokens) / self.per_second).max(0.0)
    }

    pub fn charge_at(&self, orders: usize, now: Instant) {
        self.refilled(now).tokens -= orders as f64;
    }

    fn refilled(&self, now: Instant) -> MutexGuard<'_, State> {
        let mut state = lock(&self.state);
        let seconds = now.saturating_duration_since(state.at).as_secs_f64();
        state.tokens = self.full.min(state.tokens + seconds * self.per_second);
        state.at = state.at.max(now);
        state
    }
}

#[cfg(feature = "python")]
#[pyo3::pymethods]
impl TokenBucket {
    #[new]
    fn new(per_second: u32) -> pyo3::PyResult<Self> {
        if per_second == 0 {
            return Err(pyo3::exceptions::PyValueError::new_err("a bucket needs at least one order per second"));
        }
        Ok(Self::full(per_second, Instant::now()))
    }

    /// Seconds until the client may send again; 0 if it may now.
    fn wait(&self) -> f64 {
        self.wait_at(Instant::now())
    }

    /// Count orders that the client sent. More than it has left puts it into debt.
    fn charge(&self, orders: usize) {
        self.charge_at(orders, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_client_may_spend_one_second_at_once_and_then_waits() {
        let now = Instant::now();
        let bucket = TokenBucket::full(10, now);
        for _ in 0..10 {
            assert_eq!(bucket.wait_at(now), 0.0);
            bucket.charge_at(1, now);
        }
        assert!((bucket.wait_at(now) - 0.1).abs() < 1e-9);
        assert!(bucket.wait_at(now + Duration::from_millis(101)) < 1e-9);
    }

    #[test]
    fn a_batch_overdraws_once_and_pays_back() {
        let now = Instant::now();
        let bucket = TokenBucket::full(10, now);
        bucket.charge_at(1010, now);
        assert!((bucket.wait_at(now) - 100.1).abs() < 1e-9);
        assert_eq!(bucket.wait_at(now + Duration::from_secs(101)), 0.0);
    }

    #[test]
    fn it_never_holds_more_than_one_second() {
        let now = Instant::now();
        let bucket = TokenBucket::full(2, now);
        let later = now + Duration::from_secs(3600);
        assert_eq!(bucket.wait_at(later), 0.0);
        bucket.charge_at(2, later);
        assert!(bucket.wait_at(later) > 0.0);
        assert!(bucket.wait_at(now) > 0.0, "a time before the last one refills nothing");
    }
}
