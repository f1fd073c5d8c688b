//! Wakes a thread that waits in poll(2), through an eventfd.

use std::ffi::c_int;
use std::io;

pub struct Waker {
    /// Readable from `wake` until `reset`.
    pub fd: c_int,
}

impl Waker {
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers are involved.
        let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(Self { fd }) }
    }

    pub fn wake(&self) {
        let one = 1u64;
        // SAFETY: an eventfd takes eight bytes. A write that fails because the counter is full has woken already.
        unsafe { libc::write(self.fd, (&raw const one).cast(), size_of::<u64>()) };
    }

    /// Call this before looking for work, so that work which arrives afterwards wakes again.
    pub fn reset(&self) {
        let mut count = 0u64;
        // SAFETY: an eventfd gives eight bytes. A read that fails because the counter is 0 has nothing to reset.
        unsafe { libc::read(self.fd, (&raw mut count).cast(), size_of::<u64>()) };
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours, and nothing uses it any more.
        unsafe { libc::close(self.fd) };
    }
}
