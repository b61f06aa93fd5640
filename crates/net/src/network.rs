//! The seam to the network: resolving names and opening byte streams.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

mod guarded;
mod hosts;
mod range;
mod resolving;
mod sourced;

pub use guarded::Guarded;
pub use hosts::{Hosts, Mapped};
pub use range::{Range, Sources};
pub use resolving::{Dns, Policy, Resolving, Select};
pub use sourced::Sourced;

/// A boxed future, as the seam's methods return it.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A byte stream to a server.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin + fmt::Debug {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + fmt::Debug> Stream for T {}

/// What resolves names and opens streams. [`Tcp`] is the real one.
pub trait Network: Send + Sync + fmt::Debug {
    /// The addresses of `host`, in the order they are to be tried. An [`Error`] inside of an
    /// `io::Error` is told to who asked as it is.
    ///
    /// [`Error`]: crate::Error
    fn look_up<'a>(&'a self, host: &'a str, port: u16) -> Pending<'a, io::Result<Vec<SocketAddr>>>;

    /// Opens a stream to `address`.
    fn connect(&self, address: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>>;

    /// Opens a stream to `address`, unboxed if it is TCP; clients call this one. Boxed it costs
    /// each read and write a call that cannot be inlined.
    fn dial(&self, address: SocketAddr) -> Pending<'_, io::Result<Plain>> {
        Box::pin(async move { self.connect(address).await.map(Plain::from) })
    }
}

/// An open byte stream, before TLS.
#[derive(Debug)]
pub struct Plain(Kind);

#[derive(Debug)]
enum Kind {
    Tcp(TcpStream),
    Seam(Box<dyn Stream>),
}

impl Plain {
    pub(crate) fn is_tcp(&self) -> bool {
        matches!(self.0, Kind::Tcp(_))
    }

    /// Whether nothing has come and the stream is open, where that can be told without a waker. A
    /// system call is made only when the runtime knows of something to read.
    pub(crate) fn is_silent(&self) -> Option<bool> {
        let Kind::Tcp(stream) = &self.0 else { return None };
        let nothing = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        Some(stream.try_read(&mut [0]).as_ref().is_err_and(nothing))
    }
}

impl From<TcpStream> for Plain {
    fn from(stream: TcpStream) -> Self {
        Self(Kind::Tcp(stream))
    }
}

impl From<Box<dyn Stream>> for Plain {
    fn from(stream: Box<dyn Stream>) -> Self {
        Self(Kind::Seam(stream))
    }
}

impl AsyncRead for Plain {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Kind::Seam(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Plain {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Kind::Seam(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, buffers),
            Kind::Seam(stream) => Pin::new(stream).poll_write_vectored(context, buffers),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Kind::Tcp(stream) => stream.is_write_vectored(),
            Kind::Seam(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Kind::Seam(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Kind::Seam(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// The machine's resolver and TCP, with Nagle's delay switched off.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Network for Tcp {
    fn look_up<'a>(&'a self, host: &'a str, port: u16) -> Pending<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            if let Ok(address) = host.parse::<IpAddr>() {
                return Ok(vec![SocketAddr::new(address, port)]);
            }
            Ok(tokio::net::lookup_host((host, port)).await?.collect())
        })
    }

    fn connect(&self, address: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>> {
        Box::pin(async move { Ok(Box::new(open(address).await?) as Box<dyn Stream>) })
    }

    fn dial(&self, address: SocketAddr) -> Pending<'_, io::Result<Plain>> {
        Box::pin(async move { open(address).await.map(Plain::from) })
    }
}

async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
