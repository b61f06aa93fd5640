//! A stream that notes when bytes passed and how many, for the parts of a request's time.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use seaworthy_base::{Clock, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::network::Stream;

/// What one exchange on a connection saw. Written and read by the one task that drives the
/// connection; atomics only because the stream is owned by the protocol code.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    epoch: OnceLock<Instant>,
    // Nanoseconds since the epoch plus one; zero is "not yet".
    last_write: AtomicU64,
    first_read: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Meter {
    /// Forgets the last exchange.
    pub(crate) fn begin(&self) {
        for cell in [&self.last_write, &self.first_read, &self.sent, &self.received] {
            cell.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn wrote(&self, now: Instant, bytes: usize) {
        self.last_write.store(self.mark(now), Ordering::Relaxed);
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn read(&self, now: Instant, bytes: usize) {
        if self.first_read.load(Ordering::Relaxed) == 0 {
            self.first_read.store(self.mark(now), Ordering::Relaxed);
        }
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn last_write(&self) -> Option<Instant> {
        self.instant(&self.last_write)
    }

    pub(crate) fn first_read(&self) -> Option<Instant> {
        self.instant(&self.first_read)
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    fn mark(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(*self.epoch.get_or_init(|| now));
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX - 1).saturating_add(1)
    }

    fn instant(&self, cell: &AtomicU64) -> Option<Instant> {
        let nanos = cell.load(Ordering::Relaxed).checked_sub(1)?;
        self.epoch.get()?.checked_add(Duration::from_nanos(nanos))
    }
}

/// A stream under a [`Meter`].
#[derive(Debug)]
pub(crate) struct Metered {
    stream: Box<dyn Stream>,
    meter: Arc<Meter>,
    clock: Clock,
}

impl Metered {
    pub(crate) fn new(stream: Box<dyn Stream>, meter: Arc<Meter>, clock: Clock) -> Self {
        Self { stream, meter, clock }
    }

    fn wrote(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = result {
            self.meter.wrote(self.clock.now(), bytes);
        }
        result
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        let bytes = buffer.filled().len() - before;
        if bytes > 0 {
            self.meter.read(self.clock.now(), bytes);
        }
        result
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, buffers);
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
