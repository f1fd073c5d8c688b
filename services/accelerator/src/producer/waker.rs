//! What one thread rings to wake another that polls: an eventfd.

use std::ffi::c_int;
use std::io;

pub struct Bell {
    pub fd: c_int,
}

impl Bell {
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers are involved.
        let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(Self { fd }) }
    }

    pub fn ring(&self) {
        let one = 1u64;
        // SAFETY: eight bytes are what an eventfd takes; one that is full rings already.
        unsafe { libc::write(self.fd, (&raw const one).cast(), size_of::<u64>()) };
    }

    /// Forget that it rang: what it rang for is about to be looked at.
    pub fn calm(&self) {
        let mut count = 0u64;
        // SAFETY: eight bytes are what an eventfd gives; that there is nothing to read is as good.
        unsafe { libc::read(self.fd, (&raw mut count).cast(), size_of::<u64>()) };
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        // SAFETY: it is ours, and nobody has it any more.
        unsafe { libc::close(self.fd) };
    }
}
