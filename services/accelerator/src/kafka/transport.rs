//! A connection's bytes, plain or through TLS. Reading and writing never block once `set_nonblocking` was called.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};

use rustls::ClientConnection;

/// The most bytes that one record of TLS holds.
const RECORD_BYTES: usize = 16 << 10;

pub enum Transport {
    Plain(TcpStream),
    Tls(Box<Tls>),
}

pub struct Tls {
    pub session: ClientConnection,
    pub stream: TcpStream,
    /// Bytes that have been decrypted and not been read.
    decrypted: usize,
}

impl Transport {
    /// Over a session whose handshake is done.
    pub fn tls(session: ClientConnection, stream: TcpStream) -> Self {
        Self::Tls(Box::new(Tls { session, stream, decrypted: 0 }))
    }

    pub fn stream(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(tls) => &tls.stream,
        }
    }

    pub fn fd(&self) -> RawFd {
        self.stream().as_raw_fd()
    }

    /// Whether it holds bytes that the socket has not accepted yet; `flush` writes them.
    pub fn has_unsent(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.session.wants_write(),
        }
    }

    /// Whether it holds bytes that have not been read. The socket does not become readable because of them.
    pub fn has_received(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.decrypted > 0,
        }
    }
}

impl Transport {
    /// Read once, at most so many bytes, to the end of `buffer`. Returns how many, 0 at the end of the connection.
    pub fn read_to(&mut self, buffer: &mut Vec<u8>, most: usize) -> io::Result<usize> {
        let before = buffer.len();
        match self {
            Self::Plain(stream) => {
                buffer.reserve(most);
                let space = buffer.spare_capacity_mut().as_mut_ptr();
                // SAFETY: read(2) writes at most so many bytes, for which there is space.
                let count = unsafe { libc::read(stream.as_raw_fd(), space.cast(), most) };
                let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
                // SAFETY: so many bytes have been written.
                unsafe { buffer.set_len(before + count) };
                Ok(count)
            }
            Self::Tls(tls) => {
                buffer.resize(before + most.min(RECORD_BYTES), 0);
                let outcome = tls.read(&mut buffer[before..]);
                buffer.truncate(before + outcome.as_ref().map_or(0, |count| *count));
                outcome
            }
        }
    }
}

#[cfg(test)]
impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(tls) => tls.flush(),
        }
    }
}

impl Tls {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // Many end a connection without the words for it. What was cut off would be a response, which has a length.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                outcome => {
                    self.decrypted = self.decrypted.saturating_sub(*outcome.as_ref().unwrap_or(&0));
                    return outcome;
                }
            }
            self.session.read_tls(&mut self.stream)?; // nothing at the end, which the reader then reports
            match self.session.process_new_packets() {
                Ok(state) => self.decrypted = state.plaintext_bytes_to_read(),
                Err(error) => {
                    let _ = self.flush(); // the alert that tells the broker; it may be gone already
                    return Err(io::Error::new(ErrorKind::InvalidData, error));
                }
            }
        }
    }

    /// Encrypt some of the bytes. The socket may not have accepted all of what that makes.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        let count = self.session.writer().write(bytes)?;
        match self.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(count),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.stream) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}
