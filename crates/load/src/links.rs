//! What a virtual user holds of a flow between steps: streams that are open, redirects that were
//! followed, cookies as `start` left them.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use seaworthy_base::Clock;
use seaworthy_net::cookies::Jar;
use seaworthy_net::session::{Follow, Session};
use seaworthy_net::sse::{self, Events};
use seaworthy_net::websocket::Socket;
use seaworthy_net::{Failure, Options, Prepared, Request, Response, Url};

use crate::program::Program;
use crate::spec::Cookies;
use crate::step::Missed;
use crate::stream::ENDED;

/// The most events that are passed over at one look.
const MOST_AT_A_LOOK: u64 = 1024;

/// A virtual user's hold on a flow.
#[derive(Debug)]
pub(crate) struct Links {
    options: Arc<Options>,
    cookies: Option<Cookies>,
    /// By the stream's number in the flow; those of `start` come first.
    streams: Vec<Option<Events>>,
    kept_streams: usize,
    hops: Vec<Response>,
    /// A WebSocket on which something failed, still to be closed.
    parting: Option<Box<Socket>>,
    /// Whether the steps of `start` are done.
    started: bool,
    /// The cookies as `start` left them: each iteration begins with these.
    jar: Option<Jar>,
}

/// What a look at the open streams found.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// The streams that were looked at, by number, and the events nobody waited for of each.
    pub(crate) passed: Vec<(usize, u64)>,
    /// A stream that is no more, and why.
    pub(crate) lost: Option<(usize, Missed)>,
}

impl Links {
    pub(crate) fn new(program: &Program, options: Arc<Options>) -> Self {
        Self {
            options,
            cookies: program.cookies,
            streams: Vec::new(),
            kept_streams: program.kept_streams,
            hops: Vec::new(),
            parting: None,
            started: program.starts == 0,
            jar: None,
        }
    }

    /// Whether the steps of `start` are still to be done.
    pub(crate) fn must_start(&self) -> bool {
        !self.started
    }

    /// The steps of `start` are done.
    pub(crate) fn started(&mut self, session: &mut Session) {
        self.started = true;
        if self.cookies.is_none() {
            self.jar = Some(session.jar_mut().clone());
        }
    }

    /// Begins an iteration: streams of the one before are closed, cookies are as `start` left them.
    pub(crate) fn begin(&mut self, session: &mut Session) {
        self.streams.truncate(self.kept_streams);
        self.hops.clear();
        match (self.cookies, &self.jar) {
            (Some(_), _) => {}
            (None, Some(jar)) if !jar.is_empty() => session.jar_mut().clone_from(jar),
            (None, _) => session.clear(),
        }
    }

    /// Sends a request and follows where the answer leads; answers on the way are kept until
    /// [`Links::take_hops`].
    pub(crate) async fn fetch(
        &mut self,
        session: &mut Session,
        origin: &Url,
        request: Request,
        redirects: u8,
    ) -> Result<Response, Failure> {
        let follow = Follow { redirects, cookies: self.cookies != Some(Cookies::Off) };
        let hops = &mut self.hops;
        let mut hop = |_: &Url, answer: &Response| hops.push(answer.clone());
        session.fetch(origin, request, &follow, &mut hop).await
    }

    /// The same with a request that is written out already.
    pub(crate) async fn repeat(
        &mut self,
        session: &mut Session,
        origin: &Url,
        prepared: &Prepared,
        redirects: u8,
    ) -> Result<Response, Failure> {
        let follow = Follow { redirects, cookies: self.cookies != Some(Cookies::Off) };
        let hops = &mut self.hops;
        let mut hop = |_: &Url, answer: &Response| hops.push(answer.clone());
        session.repeat(origin, prepared, &follow, &mut hop).await
    }

    /// The answers that were redirects and were followed.
    pub(crate) fn take_hops(&mut self) -> Vec<Response> {
        std::mem::take(&mut self.hops)
    }

    /// Opens a stream, in place of the one that had its number. What comes back is its head.
    pub(crate) async fn open(
        &mut self,
        session: &mut Session,
        stream: usize,
        origin: &Url,
        mut request: Request,
    ) -> Result<Response, Failure> {
        if self.streams.len() <= stream {
            self.streams.resize_with(stream + 1, || None);
        }
        self.streams[stream] = None;
        self.add_cookies(session, origin, &mut request);
        let target = request.target.clone();
        let events = sse::open(&self.options, origin, request).await?;
        self.store_cookies(session, origin, &target, &events.headers);
        let head = Response {
            status: events.status,
            reason: None,
            version: http::Version::HTTP_11,
            headers: events.headers.clone(),
            body: Bytes::new(),
            timings: events.timings,
            bytes_sent: events.bytes_sent(),
            bytes_received: events.bytes_received(),
            connected: true,
            peer: events.peer,
        };
        self.streams[stream] = Some(events);
        Ok(head)
    }

    pub(crate) fn add_cookies(&self, session: &mut Session, origin: &Url, request: &mut Request) {
        if self.cookies != Some(Cookies::Off)
            && let Some(header) = session.jar_mut().header(origin, &request.target)
        {
            request.headers.push(header);
        }
    }

    pub(crate) fn store_cookies(
        &self,
        session: &mut Session,
        origin: &Url,
        target: &str,
        headers: &HeaderMap,
    ) {
        if self.cookies != Some(Cookies::Off) {
            session.jar_mut().store(origin, target, headers);
        }
    }

    pub(crate) fn stream(&mut self, stream: usize) -> Option<&mut Events> {
        self.streams.get_mut(stream)?.as_mut()
    }

    /// Forgets a stream that is no more. One of `start` makes `start` due again.
    pub(crate) fn lose(&mut self, stream: usize) {
        if let Some(open) = self.streams.get_mut(stream) {
            *open = None;
        }
        self.started &= stream >= self.kept_streams;
    }

    /// Passes over the events that have come, without waiting for any. Between looks, and while no
    /// step waits, a stream is not read: what comes waits in the system's buffers, and when these
    /// are full the service waits.
    pub(crate) fn look(&mut self) -> Look {
        let mut look = Look::default();
        for (number, open) in self.streams.iter_mut().enumerate() {
            let Some(events) = open else { continue };
            let mut passed = 0;
            while let (true, Some(came)) = (passed < MOST_AT_A_LOOK, now(events.next())) {
                match came {
                    Ok(Some(_)) => {
                        passed += 1;
                        continue;
                    }
                    Ok(None) => look.lost = Some((number, ENDED.into())),
                    Err(error) => look.lost = Some((number, error.into())),
                }
                break;
            }
            look.passed.push((number, passed));
            if look.lost.is_some() {
                break;
            }
        }
        if let Some((number, _)) = &look.lost {
            self.lose(*number);
        }
        look
    }

    /// Keeps a WebSocket on which something failed until [`Links::part`].
    pub(crate) fn part_with(&mut self, socket: Socket) {
        self.parting = Some(Box::new(socket));
    }

    /// Closes the WebSocket on which something failed, if there is one. What comes of it does not
    /// matter any more.
    pub(crate) async fn part(&mut self) {
        if let Some(mut socket) = self.parting.take() {
            let _ = Box::pin(socket.close()).await;
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.options.clock
    }

    pub(crate) fn options(&self) -> Arc<Options> {
        Arc::clone(&self.options)
    }
}

/// What the future has now, if it has anything.
fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
