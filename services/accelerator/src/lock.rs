//! Mutexes that stay usable.

use std::sync::{Mutex, MutexGuard};

/// Lock, also after a thread has panicked with the lock held.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
