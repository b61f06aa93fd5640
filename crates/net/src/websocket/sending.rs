//! Sending, without waiting for a server that waits for us.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Theirs;

use super::message::{Message, named};
use super::tally::Tally;
use crate::error::Error;

/// As many bytes of messages are taken while one is sent, and a message more.
const MOST: usize = 16 * 1024 * 1024;

type Stream = WebSocketStream<Tally>;

/// Sends a message; what comes meanwhile goes to `ahead`. `limit` is that of messages.
pub(super) async fn send(
    stream: &mut Stream,
    message: Theirs,
    ahead: &mut VecDeque<Message>,
    limit: usize,
) -> Result<(), Error> {
    let mut message = Some(message);
    let mut held = 0;
    poll_fn(|context| {
        if let Poll::Ready(sent) = poll_send(stream, &mut message, context) {
            return Poll::Ready(sent);
        }
        while held < MOST {
            match stream.poll_next_unpin(context) {
                Poll::Ready(Some(Ok(message))) => {
                    let message = Message::from_tungstenite(message);
                    held += message.len();
                    ahead.push_back(message);
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                // Ended: so has what is being sent.
                Poll::Ready(None) => return poll_send(stream, &mut message, context),
                Poll::Pending => break,
            }
        }
        Poll::Pending
    })
    .await
    .map_err(|error| named(error, limit))
}

fn poll_send(
    stream: &mut Stream,
    message: &mut Option<Theirs>,
    context: &mut Context<'_>,
) -> Poll<Result<(), tokio_tungstenite::tungstenite::Error>> {
    if message.is_some() {
        match stream.poll_ready_unpin(context) {
            Poll::Ready(Ok(())) => {
                if let Some(message) = message.take() {
                    stream.start_send_unpin(message)?;
                }
            }
            other => return other,
        }
    }
    stream.poll_flush_unpin(context)
}
