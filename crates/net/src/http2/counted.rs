//! A stream that counts what passes and notes when it was last written to.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use seaworthy_base::{Clock, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::wire::Wire;

/// What passed. Touched by the one task that drives the connection; atomics only because the
/// protocol code owns the stream.
#[derive(Debug)]
pub(super) struct Counts {
    clock: Clock,
    epoch: Instant,
    sent: AtomicU64,
    received: AtomicU64,
    /// Nanoseconds since the epoch.
    last_write: AtomicU64,
    /// Whether the stream takes no more just now.
    stuck: AtomicBool,
}

impl Counts {
    fn new(clock: Clock) -> Self {
        let epoch = clock.now();
        Self {
            clock,
            epoch,
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            last_write: AtomicU64::new(0),
            stuck: AtomicBool::new(false),
        }
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(super) fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Relaxed)
    }

    pub(super) fn last_write(&self) -> Instant {
        self.epoch + Duration::from_nanos(self.last_write.load(Ordering::Relaxed))
    }

    fn wrote(&self, result: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = result {
            let since = self.clock.now().saturating_duration_since(self.epoch);
            let since = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
            self.last_write.store(since, Ordering::Relaxed);
            self.sent.fetch_add(*bytes as u64, Ordering::Relaxed);
        }
        self.stuck.store(result.is_pending(), Ordering::Relaxed);
    }
}

/// A stream and its counts.
#[derive(Debug)]
pub(super) struct Counted {
    wire: Wire,
    counts: Arc<Counts>,
}

impl Counted {
    pub(super) fn new(wire: Wire, clock: Clock) -> (Self, Arc<Counts>) {
        let counts = Arc::new(Counts::new(clock));
        (Self { wire, counts: Arc::clone(&counts) }, counts)
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.wire).poll_read(context, buffer);
        let bytes = buffer.filled().len() - before;
        self.counts.received.fetch_add(bytes as u64, Ordering::Relaxed);
        result
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.wire).poll_write(context, bytes);
        self.counts.wrote(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.wire).poll_write_vectored(context, buffers);
        self.counts.wrote(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(context)
    }
}
