//! What one exchange saw on the wire: when bytes passed, and how many.

use seaworthy_base::Instant;

/// Filled in by whoever drives the exchange. It outlives an exchange that is cut off, whose time
/// is then still told apart.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Meter {
    /// When the last byte of the request was written so far.
    pub(crate) last_write: Option<Instant>,
    /// When the first byte of an answer was read.
    pub(crate) first_read: Option<Instant>,
    /// When the last byte of the answer was read, once it is whole.
    pub(crate) last_read: Option<Instant>,
    /// Bytes written.
    pub(crate) sent: u64,
    /// Bytes read.
    pub(crate) received: u64,
}

impl Meter {
    #[inline]
    pub(crate) fn wrote(&mut self, now: Instant, bytes: usize) {
        self.last_write = Some(now);
        self.sent += bytes as u64;
    }

    #[inline]
    pub(crate) fn read(&mut self, now: Instant, bytes: usize) {
        self.first_read.get_or_insert(now);
        self.received += bytes as u64;
    }
}
