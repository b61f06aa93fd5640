//! An answer whose body is handed on as it comes: for streams that never end.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Version;

use crate::error::Error;
use crate::headers::Headers;
use crate::http1::body::{Body, Framing};
use crate::http1::exchange::Exchange;
use crate::http1::{Connection, Limits, Message, poll_bytes, scratch};
use crate::meter::Meter;

/// An answer's head, and where its body is.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) status: u16,
    pub(crate) version: Version,
    pub(crate) headers: Headers,
    /// `None` once the body is whole.
    pub(super) framing: Option<Framing>,
    /// What is wrong behind the bytes handed on last.
    pub(super) broken: Option<Error>,
}

impl Connection {
    /// Sends `message` and takes the answer's head. The body is read with [`Connection::piece`];
    /// no other request may follow on the connection.
    pub(crate) async fn begin(
        &mut self,
        message: Message<'_>,
        limits: Limits<'_>,
        meter: &mut Meter,
    ) -> Result<Begun, Error> {
        let mut exchange = Exchange::new(self, message, limits, meter);
        std::future::poll_fn(|context| exchange.poll_begin(context)).await
    }

    /// The next bytes of the body, `None` at its end. Waits without a limit; a call that is dropped
    /// loses nothing.
    pub(crate) async fn piece(
        &mut self,
        begun: &mut Begun,
        meter: &mut Meter,
    ) -> Result<Option<Bytes>, Error> {
        std::future::poll_fn(|context| self.poll_piece(begun, meter, context)).await
    }

    fn poll_piece(
        &mut self,
        begun: &mut Begun,
        meter: &mut Meter,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, Error>> {
        loop {
            if let Some(error) = begun.broken.take() {
                return Poll::Ready(Err(error));
            }
            let Some(framing) = &mut begun.framing else { return Poll::Ready(Ok(None)) };
            let mut body = Body::piece();
            let taken = if self.partial.is_empty() {
                let mut scratch = scratch::reading();
                let read = poll_bytes(&mut self.wire, context, &mut scratch);
                let taken = read.map(|read| match read {
                    Ok([]) => Err(None),
                    Ok(bytes) => {
                        meter.received += bytes.len() as u64;
                        framing.take(bytes, &mut body).map_err(Some)
                    }
                    Err(error) => Err(Some(Error::streaming(&error))),
                });
                scratch::read(scratch);
                match ready!(taken) {
                    Ok((_, whole)) => Ok(whole),
                    Err(Some(error)) => Err(error),
                    Err(None) if *framing == Framing::UntilClose => Ok(true),
                    Err(None) => Err(Error::ConnectionClosed),
                }
            } else {
                let partial = std::mem::take(&mut self.partial);
                framing.take(&partial, &mut body).map(|(_, whole)| whole)
            };
            match taken {
                Ok(false) => {}
                Ok(true) => begun.framing = None,
                Err(error) => {
                    begun.framing = None;
                    begun.broken = Some(error);
                }
            }
            let bytes = body.into_bytes();
            if !bytes.is_empty() {
                return Poll::Ready(Ok(Some(bytes)));
            }
        }
    }
}
