//! One HTTP/1.1 connection, driven by the task that uses it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use seaworthy_base::Clock;

use crate::error::Error;
use crate::meter::{Meter, Metered};
use crate::network::Stream;
use crate::url::Url;

/// An answer's parts, before it gets its timings.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// An open connection and the protocol state on it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) origin: Url,
    pub(crate) meter: Arc<Meter>,
    sender: http1::SendRequest<Full<Bytes>>,
    /// `None` once the connection has ended.
    driver: Option<http1::Connection<TokioIo<Metered>, Full<Bytes>>>,
}

impl Connection {
    pub(crate) async fn open(
        origin: Url,
        stream: Box<dyn Stream>,
        clock: Clock,
        max_head: usize,
    ) -> Result<Self, Error> {
        let meter = Arc::new(Meter::default());
        let metered = Metered::new(stream, Arc::clone(&meter), clock);
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(max_head)
            .handshake(TokioIo::new(metered))
            .await
            .map_err(|error| Error::exchanging(&error))?;
        Ok(Self { origin, meter, sender, driver: Some(driver) })
    }

    /// Looks at the connection once, without waiting: has the peer closed it meanwhile?
    pub(crate) async fn is_usable(&mut self) -> bool {
        std::future::poll_fn(|context| {
            drive(&mut self.driver, context);
            let ready = matches!(self.sender.poll_ready(context), Poll::Ready(Ok(())));
            Poll::Ready(ready && self.driver.is_some())
        })
        .await
    }

    /// Sends `request` and takes the whole answer, up to `max_body` bytes.
    pub(crate) async fn exchange(
        &mut self,
        request: http::Request<Full<Bytes>>,
        max_body: usize,
    ) -> Result<Answer, Error> {
        let Self { sender, driver, .. } = self;
        let response = driven(driver, sender.try_send_request(request))
            .await
            .map_err(|error| Error::exchanging(error.error()))?;
        let (head, mut incoming) = response.into_parts();
        // Most answers come in one piece, which is then handed on uncopied.
        let mut first = Bytes::new();
        let mut joined = BytesMut::new();
        while let Some(frame) = driven(driver, incoming.frame()).await {
            let frame = frame.map_err(|error| Error::exchanging(&error))?;
            let Ok(data) = frame.into_data() else { continue };
            if first.len() + joined.len() + data.len() > max_body {
                return Err(Error::BodyTooLarge { limit: max_body });
            }
            if first.is_empty() && joined.is_empty() {
                first = data;
            } else {
                joined.extend_from_slice(&std::mem::take(&mut first));
                joined.extend_from_slice(&data);
            }
        }
        let body = if joined.is_empty() { first } else { joined.freeze() };
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }
}

/// Runs the protocol state beside `future`, in one task. A driver that has ended is dropped, which
/// fails whatever still waits for it.
async fn driven<F: Future>(
    driver: &mut Option<http1::Connection<TokioIo<Metered>, Full<Bytes>>>,
    future: F,
) -> F::Output {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        drive(driver, context);
        future.as_mut().poll(context)
    })
    .await
}

fn drive(
    driver: &mut Option<http1::Connection<TokioIo<Metered>, Full<Bytes>>>,
    context: &mut Context<'_>,
) {
    if let Some(running) = driver
        && Pin::new(running).poll(context).is_ready()
    {
        *driver = None;
    }
}
