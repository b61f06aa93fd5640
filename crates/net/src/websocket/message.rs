//! Messages, and what can be wrong with them.

use bytes::Bytes;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message as Theirs};

use crate::error::Error;

/// A WebSocket message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Bytes),
    /// A ping, of at most 125 bytes. It is answered without being asked to.
    Ping(Bytes),
    /// A pong, of at most 125 bytes.
    Pong(Bytes),
    /// The end of what its sender has to say.
    Close(Option<Close>),
}

/// Why a WebSocket is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// The code (RFC 6455 §7.4); 1000 is normal.
    pub code: u16,
    /// A reason, of at most 123 bytes.
    pub reason: String,
}

impl Message {
    /// The bytes in it.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => bytes.len(),
            Self::Close(close) => close.as_ref().map_or(0, |close| close.reason.len() + 2),
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn into_tungstenite(self) -> Result<Theirs, Error> {
        const LONGEST_CONTROL: usize = 125;
        let control = !matches!(self, Self::Text(_) | Self::Binary(_));
        if control && self.len() > LONGEST_CONTROL {
            return Err(Error::MessageTooLarge { limit: LONGEST_CONTROL });
        }
        Ok(match self {
            Self::Text(text) => Theirs::text(text),
            Self::Binary(bytes) => Theirs::Binary(bytes),
            Self::Ping(bytes) => Theirs::Ping(bytes),
            Self::Pong(bytes) => Theirs::Pong(bytes),
            Self::Close(close) => Theirs::Close(close.map(|Close { code, reason }| CloseFrame {
                code: code.into(),
                reason: reason.into(),
            })),
        })
    }

    pub(super) fn from_tungstenite(message: Theirs) -> Self {
        match message {
            Theirs::Text(text) => Self::Text(text.as_str().to_owned()),
            Theirs::Binary(bytes) => Self::Binary(bytes),
            Theirs::Ping(bytes) => Self::Ping(bytes),
            Theirs::Pong(bytes) => Self::Pong(bytes),
            Theirs::Close(frame) => Self::Close(frame.map(|frame| Close {
                code: frame.code.into(),
                reason: frame.reason.as_str().to_owned(),
            })),
            // Only handed out to those who read frame by frame.
            Theirs::Frame(frame) => Self::Binary(frame.into_payload()),
        }
    }
}

/// Names the reason why a socket broke; `limit` is that of its messages.
pub(super) fn named(error: tungstenite::Error, limit: usize) -> Error {
    match error {
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => {
            Error::ConnectionClosed
        }
        tungstenite::Error::Io(error) => Error::streaming(&error),
        tungstenite::Error::Capacity(CapacityError::MessageTooLong { .. }) => {
            Error::MessageTooLarge { limit }
        }
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            Error::ConnectionClosed
        }
        error => Error::ProtocolError(error.to_string()),
    }
}
