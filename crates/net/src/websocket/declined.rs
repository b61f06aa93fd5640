//! What a server says that does not agree to a WebSocket.

use bytes::{Bytes, BytesMut};

use crate::error::Failure;
use crate::headers::Headers;
use crate::http1::{Begun, Connection};
use crate::opening::Opening;

/// As much of a refusal's body is read.
const MOST: usize = 1024;

/// A WebSocket that did not open.
#[derive(Debug)]
pub struct Declined {
    /// Why, and where the time went.
    pub failure: Failure,
    /// What the server answered, if it did.
    pub answer: Option<Box<Answer>>,
}

/// An answer that opens no WebSocket.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: Headers,
    /// How its body begins: at most the first kilobyte.
    pub body: Bytes,
}

/// Takes the rest of an answer, as far as it comes in time.
pub(super) async fn rest(
    opening: &mut Opening<'_>,
    mut connection: Connection,
    mut begun: Begun,
) -> Answer {
    let mut body = BytesMut::new();
    // What follows a switch of protocols is no body.
    while begun.status != 101 && body.len() < MOST {
        let limit = opening.limit;
        let piece = connection.piece(&mut begun, &mut opening.meter);
        // What came before it broke is what there is.
        let Ok(Some(piece)) = limit.hold(piece).await else { break };
        body.extend_from_slice(&piece);
    }
    body.truncate(MOST);
    Answer { status: begun.status, headers: begun.headers, body: body.freeze() }
}
