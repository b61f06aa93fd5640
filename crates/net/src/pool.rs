//! The client of a user with several requests under way at once: idle connections, lent one by one.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use http::header::{CONNECTION, HeaderValue};

use crate::client::{Kept, Options, Prepared, Request, Response, call};
use crate::connection::{Connection, Order};
use crate::error::Failure;
use crate::url::Url;

/// How many connections are kept while nobody needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// For one origin. With 0 each request has a connection of its own, and says so with
    /// `Connection: close`.
    pub per_origin: usize,
    /// In all; the one unused for longest makes room.
    pub total: usize,
}

impl Keeping {
    /// Not one.
    pub const NOTHING: Self = Self { per_origin: 0, total: 0 };
}

impl Default for Keeping {
    /// 6 for an origin and 20 in all, as many as k6 uses at once in a batch.
    fn default() -> Self {
        Self { per_origin: 6, total: 20 }
    }
}

/// A user's connections. As many requests may be under way as there are futures to poll: each takes
/// a connection out, or makes one, and gives it back when its answer is whole.
///
/// It belongs to one thread. Nothing of it is borrowed while a request waits: the idle connections
/// are taken out of a cell and put back within a single poll, so no order of polling and dropping
/// can find them in use. Over HTTP/2 a connection serves one request at a time too, so requests
/// that are under way at once have several.
pub struct Pool {
    options: Arc<Options>,
    keeping: Keeping,
    /// The one unused for longest first.
    idle: Cell<Vec<Connection>>,
    /// Counts closings: what was lent before one does not come back after it.
    closings: Cell<u64>,
}

impl Pool {
    /// A pool without connections.
    pub fn new(options: impl Into<Arc<Options>>, keeping: Keeping) -> Self {
        let options = options.into();
        Self { options, keeping, idle: Cell::default(), closings: Cell::new(0) }
    }

    /// How its requests are made.
    pub fn options(&self) -> &Arc<Options> {
        &self.options
    }

    /// How many connections are idle.
    pub fn idle(&self) -> usize {
        let idle = self.idle.take();
        let count = idle.len();
        self.idle.set(idle);
        count
    }

    /// Closes the idle connections, and those that are in use when their answers are whole.
    pub fn close(&self) {
        self.closings.set(self.closings.get().wrapping_add(1));
        self.idle.take();
    }

    /// Sends `request` to `origin` and takes the answer, as [`Client::send`] does.
    ///
    /// [`Client::send`]: crate::Client::send
    ///
    /// # Errors
    /// A [`Failure`] with the error, the timings until then and the bytes that passed.
    pub async fn send(&self, origin: &Url, request: &Request) -> Result<Response, Failure> {
        if self.keeping.per_origin == 0 {
            // Boxed, so that those who keep connections do not wait with room for another request.
            return Box::pin(self.once(origin, request)).await;
        }
        call(&self.options, self.lent(), origin, Order::Request(request)).await
    }

    /// Sends `prepared` to the origin it was prepared for; otherwise as [`Pool::send`].
    ///
    /// # Errors
    /// As [`Pool::send`].
    pub async fn repeat(&self, origin: &Url, prepared: &Prepared) -> Result<Response, Failure> {
        if self.keeping.per_origin == 0 {
            return Box::pin(self.once(origin, prepared.request())).await;
        }
        call(&self.options, self.lent(), origin, Order::Prepared(prepared)).await
    }

    /// As [`Pool::send`], on the connection of the exchange before if that is still open. `held` is
    /// that connection, and then this exchange's; [`Pool::put_back`] takes it back.
    pub(crate) async fn go_on(
        &self,
        held: &mut Option<Connection>,
        origin: &Url,
        request: &Request,
    ) -> Result<Response, Failure> {
        let held = Held { lent: self.lent(), connection: held };
        call(&self.options, held, origin, Order::Request(request)).await
    }

    /// Takes back what [`Pool::go_on`] held.
    pub(crate) fn put_back(&self, held: Option<Connection>) {
        if let Some(connection) = held {
            self.lent().put(connection);
        }
    }

    /// On a connection of its own.
    async fn once(&self, origin: &Url, request: &Request) -> Result<Response, Failure> {
        let request = closing(request);
        call(&self.options, self.lent(), origin, Order::Request(&request)).await
    }

    fn lent(&self) -> Lent<'_> {
        Lent { pool: self, closings: self.closings.get() }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let idle = self.idle();
        formatter.debug_struct("Pool").field("idle", &idle).finish_non_exhaustive()
    }
}

/// The pool, as one request sees it.
struct Lent<'p> {
    pool: &'p Pool,
    closings: u64,
}

impl Kept for Lent<'_> {
    fn take(&mut self, origin: &Url) -> Option<Connection> {
        let mut idle = self.pool.idle.take();
        let mut found = None;
        // The one used last is the least likely to have been closed meanwhile.
        while let Some(position) = idle.iter().rposition(|it| it.origin.same_origin(origin)) {
            let mut connection = idle.remove(position);
            if connection.is_usable() {
                found = Some(connection);
                break;
            }
        }
        self.pool.idle.set(idle);
        found
    }

    fn put(&mut self, connection: Connection) {
        let Self { pool, closings } = *self;
        let mut idle = pool.idle.take();
        let its = idle.iter().filter(|it| it.origin.same_origin(&connection.origin)).count();
        if closings == pool.closings.get() && its < pool.keeping.per_origin {
            if idle.len() >= pool.keeping.total {
                idle.drain(..1.min(idle.len()));
            }
            if idle.len() < pool.keeping.total {
                if idle.capacity() == 0 {
                    idle.reserve_exact(1);
                }
                idle.push(connection);
            }
        }
        pool.idle.set(idle);
    }
}

/// One connection on which several exchanges follow each other, and the pool behind it.
struct Held<'h> {
    lent: Lent<'h>,
    connection: &'h mut Option<Connection>,
}

impl Kept for Held<'_> {
    fn take(&mut self, origin: &Url) -> Option<Connection> {
        let held = self.connection.take().filter(|it| it.origin.same_origin(origin));
        match held {
            Some(mut connection) => connection.is_usable().then_some(connection),
            None => self.lent.take(origin),
        }
    }

    fn put(&mut self, connection: Connection) {
        *self.connection = Some(connection);
    }
}

/// The request, saying that none follows on its connection.
fn closing(request: &Request) -> Request {
    let mut request = request.clone();
    request.headers.retain(|(name, _)| name != CONNECTION);
    request.headers.push((CONNECTION, HeaderValue::from_static("close")));
    request
}
