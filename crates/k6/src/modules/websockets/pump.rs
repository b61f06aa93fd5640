//! What goes on with a WebSocket while its script does other things: messages are sent and
//! received, and put down for the script to hear of.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use seaworthy_net::websocket::{CLOSING, Close, Message};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::event::Event;
use crate::modules::ws::line::{GOING_AWAY, broken, closed, ms};
use crate::modules::ws::opening::{Opened, Wanted, open};
use crate::vu::Vu;

/// As many events wait for the script before no more is read.
const MOST: usize = 64;

/// What the script and the pump share.
#[derive(Default)]
pub(super) struct State {
    /// As `readyState` has it.
    pub(super) ready: Cell<u8>,
    /// Bytes that are to be sent.
    pub(super) buffered: Cell<usize>,
    pub(super) protocol: RefCell<String>,
    outbox: RefCell<VecDeque<Out>>,
    inbox: RefCell<VecDeque<Event>>,
    /// There is something in the outbox.
    sends: Notify,
    /// There is something in the inbox.
    came: Notify,
    /// There is room in the inbox.
    room: Notify,
    /// The script has no use for it any more.
    pub(super) quit: CancellationToken,
}

/// What is to be sent.
pub(super) enum Out {
    Message(Message),
    Ping,
}

impl State {
    /// Puts something down to be sent.
    pub(super) fn send(&self, out: Out) {
        if let Out::Message(message) = &out {
            self.buffered.set(self.buffered.get() + length(message));
        }
        self.outbox.borrow_mut().push_back(out);
        self.sends.notify_one();
    }

    /// Waits for what happens next.
    pub(super) async fn next(&self) -> Event {
        loop {
            let event = self.inbox.borrow_mut().pop_front();
            if let Some(event) = event {
                self.room.notify_one();
                return event;
            }
            self.came.notified().await;
        }
    }

    fn tell(&self, event: Event) {
        self.inbox.borrow_mut().push_back(event);
        self.came.notify_one();
    }
}

/// The bytes of a script's own in a message.
fn length(message: &Message) -> usize {
    match message {
        Message::Text(_) | Message::Binary(_) => message.len(),
        _ => 0,
    }
}

/// Opens the socket, and lets it run until it is closed.
pub(super) async fn run(vu: Rc<Vu>, state: Rc<State>, wanted: Wanted) {
    let began = vu.shared.clock.now();
    let quit = state.quit.clone();
    let opened = tokio::select! {
        opened = open(&vu, &wanted) => opened,
        () = quit.cancelled() => return,
    };
    let Opened { line, headers } = match opened {
        Ok(opened) => opened,
        Err(refused) => {
            state.tell(Event::Error(refused.words));
            return state.tell(Event::Close(None, String::new()));
        }
    };
    let protocol = headers.get(http::header::SEC_WEBSOCKET_PROTOCOL);
    let protocol = protocol.map(|it| String::from_utf8_lossy(it.as_bytes()).into_owned());
    state.tell(Event::Open(protocol.unwrap_or_default()));
    let builtin = vu.shared.registry.builtin();
    // The code of a close of ours, and when the server's answer is no longer waited for.
    let mut closing: Option<(u16, seaworthy_base::Instant)> = None;
    let (wrong, code, reason) = loop {
        let out = state.outbox.borrow_mut().pop_front();
        if let Some(out) = out {
            let sent = tokio::select! {
                sent = async {
                    match out {
                        Out::Message(message) => {
                            let length = length(&message);
                            if let Message::Close(close) = &message {
                                let code = close.as_ref().map_or(1000, |close| close.code);
                                closing = Some((code, vu.shared.clock.now() + CLOSING));
                            }
                            let sent = line.send(message).await;
                            state.buffered.set(state.buffered.get().saturating_sub(length));
                            sent
                        }
                        Out::Ping => line.ping().await,
                    }
                } => sent,
                () = quit.cancelled() => return line.leave(Some(GOING_AWAY)),
            };
            match sent {
                Ok(()) => line.record(&builtin.ws_msgs_sent, 1.0),
                Err(error) => {
                    let (code, reason, words) = broken(&error);
                    break (Some(words), code, reason);
                }
            }
            continue;
        }
        let full = state.inbox.borrow().len() >= MOST;
        let left = closing.map(|(_, until)| until.saturating_duration_since(vu.shared.clock.now()));
        let came = tokio::select! {
            came = line.receive(), if !full => came,
            () = state.sends.notified() => continue,
            () = state.room.notified(), if full => continue,
            () = tokio::time::sleep(left.unwrap_or_default()), if left.is_some() => Ok(None),
            () = quit.cancelled() => return line.leave(Some(GOING_AWAY)),
        };
        match (came, closing) {
            (Ok(Some(Message::Text(text))), _) => {
                line.record(&builtin.ws_msgs_received, 1.0);
                state.tell(Event::Text(text));
            }
            (Ok(Some(Message::Binary(bytes))), _) => {
                line.record(&builtin.ws_msgs_received, 1.0);
                state.tell(Event::Binary(bytes));
            }
            (Ok(Some(Message::Ping(_))), _) => state.tell(Event::Ping),
            (Ok(Some(Message::Pong(payload))), _) => {
                line.pong(&payload);
                state.tell(Event::Pong);
            }
            // The server agrees to our close, or says nothing any more.
            (_, Some((code, _))) => break (None, code, String::new()),
            (Ok(Some(Message::Close(close))), None) => {
                let (code, reason, wrong) = closed(close);
                break (wrong, code, reason);
            }
            (Ok(None), None) => {
                let (code, reason, words) = broken(&seaworthy_net::Error::ConnectionClosed);
                break (Some(words), code, reason);
            }
            (Err(error), None) => {
                let (code, reason, words) = broken(&error);
                break (Some(words), code, reason);
            }
        }
    };
    line.leave(None);
    line.record(&builtin.ws_session_duration, ms(&vu, began));
    if let Some(words) = wrong {
        state.tell(Event::Error(words));
    }
    state.tell(Event::Close(Some(code), reason));
}

/// A close of ours.
pub(super) fn close(code: u16, reason: String) -> Out {
    Out::Message(Message::Close(Some(Close { code, reason })))
}
