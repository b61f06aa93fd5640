//! Buffers that a thread's connections share, since each is needed only while a poll runs.

use std::cell::Cell;

/// What is read at once, in bytes.
const READING: usize = 64 << 10;

thread_local! {
    static READ: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static WRITE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A buffer to read into; its bytes are somebody else's.
#[inline]
pub(super) fn reading() -> Vec<u8> {
    let mut buffer = READ.take();
    // A stream that reads for another stream while it is read from finds none, and gets its own.
    if buffer.is_empty() {
        buffer.resize(READING, 0);
    }
    buffer
}

/// Gives back what [`reading`] lent.
#[inline]
pub(super) fn read(buffer: Vec<u8>) {
    READ.set(buffer);
}

/// An empty buffer to write a request into.
pub(super) fn writing() -> Vec<u8> {
    WRITE.take()
}

/// Gives back what [`writing`] lent, unless it grew so large that it is better forgotten.
pub(super) fn wrote(mut buffer: Vec<u8>) {
    if buffer.capacity() <= READING {
        buffer.clear();
        WRITE.set(buffer);
    }
}
