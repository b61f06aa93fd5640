//! Fibers: computations on stacks of their own, which can wait for futures in the middle of a call.
//!
//! # Why the unsafe here is sound
//!
//! A [`Fiber`] owns a [`Link`] on the heap and a coroutine whose body uses that link. Three pointers
//! go around:
//!
//! * [`CURRENT`] points to the link of the fiber that runs on this thread. It is set right before a
//!   coroutine is resumed and set back right after; code on the coroutine runs only in between, so
//!   whatever it reads there is alive. The link is freed when the fiber is dropped, after its
//!   coroutine has ended or was leaked together with it.
//! * [`Link::yielder`] is set by the body's first act and read only by code on the same coroutine,
//!   below that frame.
//! * [`Link::waiting`] points to a future on the coroutine's stack. It is set by [`wait`], which
//!   suspends at once and does not return before the pointer was taken back; the frame that holds
//!   the future cannot go away meanwhile, since only a resumed coroutine can leave it. The future is
//!   not moved: it stays where [`wait`] pinned it. Whoever polls it holds `&mut Fiber`, so nobody
//!   polls it twice at a time.
//!
//! `Fiber` is `Send` only so that it may be part of a task's type. It is made, polled and dropped on
//! one thread: every entry checks [`Fiber::thread`], and one that is dropped elsewhere is leaked.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::ptr::NonNull;
use std::task::{Context, Poll, ready};
use std::thread::{self, ThreadId};
use std::time::Duration;

use corosensei::stack::{DefaultStack, Stack as _};
use corosensei::{Coroutine, Yielder};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use rquickjs::Ctx;
use seaworthy_base::Instant;

/// How often a fiber that is dropped may go on before it is given up: every wait and every slice
/// ends at once then, so that few are enough.
const MOST_STEPS: usize = 10_000;
/// How long a script computes before others get their turn.
const TURN: Duration = Duration::from_millis(2);

thread_local! {
    static CURRENT: Cell<Option<NonNull<Link>>> = const { Cell::new(None) };
}

/// The computation is being ended: whoever waits gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the script was ended")]
pub struct Cut;

/// What a task in the background does with the script once it is done.
pub type Completion = Box<dyn for<'js> FnOnce(&Ctx<'js>) -> rquickjs::Result<()>>;

type Task = Pin<Box<dyn Future<Output = Completion>>>;

/// What a fiber and those who run on it share.
struct Link {
    yielder: Cell<Option<NonNull<Yielder<(), ()>>>>,
    waiting: Cell<Option<NonNull<dyn Waiting>>>,
    /// Whether what it does now is being ended.
    cut: Cell<bool>,
    /// Whether it is asked for nothing more.
    over: Cell<bool>,
    /// When the script was first seen computing since it was resumed.
    turn: Cell<Option<Instant>>,
    background: RefCell<FuturesUnordered<Task>>,
    ready: RefCell<VecDeque<Completion>>,
}

/// A future on the fiber's stack, with room for what it gives.
trait Waiting {
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()>;
}

struct Held<F: Future> {
    future: F,
    output: Option<F::Output>,
}

impl<F: Future> Waiting for Held<F> {
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // SAFETY: the future is pinned as long as the whole is; the output is never pinned.
        #[expect(unsafe_code, reason = "a projection")]
        let (future, output) = unsafe {
            let held = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut held.future), &mut held.output)
        };
        *output = Some(ready!(future.poll(context)));
        Poll::Ready(())
    }
}

/// A computation on a stack of its own that answers calls one after another.
///
/// Futures it waits for are polled on the stack of the thread, so its own stays small.
pub struct Fiber<I, O> {
    /// `None` once it has ended.
    coroutine: Option<Coroutine<(), (), ()>>,
    link: Box<Link>,
    mail: Box<Mail<I, O>>,
    /// Whether it is in the middle of a call.
    called: bool,
    thread: ThreadId,
}

struct Mail<I, O> {
    input: Cell<Option<I>>,
    output: Cell<Option<O>>,
}

/// Where a fiber's body takes calls and answers them.
pub struct Port<I, O> {
    mail: NonNull<Mail<I, O>>,
    /// The stack's lowest address, until what is not used of it is given back.
    lowest: Cell<Option<usize>>,
}

// SAFETY: see the module's text: all entries check the thread.
#[expect(unsafe_code, reason = "confined to one thread, which is checked")]
unsafe impl<I: Send, O: Send> Send for Fiber<I, O> {}

impl<I: 'static, O: 'static> Fiber<I, O> {
    /// A fiber with `stack` bytes of (virtual) stack. `body` runs from the first call on; it takes
    /// calls from the port until there are no more.
    ///
    /// # Errors
    /// When there is no room for the stack.
    pub fn new(stack: usize, body: impl FnOnce(Port<I, O>) + 'static) -> std::io::Result<Self> {
        let link = Box::new(Link::new());
        let mail = Box::new(Mail { input: Cell::new(None), output: Cell::new(None) });
        let stack = DefaultStack::new(stack)?;
        let lowest = Cell::new(Some(stack.limit().get()));
        let port = Port { mail: NonNull::from(&*mail), lowest };
        let shared = NonNull::from(&*link);
        let coroutine = Coroutine::with_stack(stack, move |yielder, ()| {
            // SAFETY: the link outlives the coroutine, see the module's text.
            #[expect(unsafe_code, reason = "the fiber's own link")]
            let link = unsafe { shared.as_ref() };
            link.yielder.set(Some(NonNull::from(yielder)));
            body(port);
        });
        let (coroutine, thread) = (Some(coroutine), thread::current().id());
        Ok(Self { coroutine, link, mail, called: false, thread })
    }

    /// Hands the body a call and waits for its answer; `None` when the body has ended. Dropped
    /// before that, the fiber is in the middle of a call: it should then be dropped as well, or the
    /// call cut off with [`Fiber::cut`].
    pub async fn call(&mut self, input: I) -> Option<O> {
        assert_eq!(self.thread, thread::current().id(), "a fiber stays on its thread");
        self.mail.input.set(Some(input));
        self.called = true;
        std::future::poll_fn(|context| self.poll(context)).await
    }

    /// Ends the call it is in the middle of, at once: whoever waits gives up, computations are
    /// interrupted. What the body answered, after which it can be called again; `None` when it did
    /// not, and the fiber should be dropped.
    pub fn cut(&mut self) -> Option<O> {
        // A body that waits for a call must not be woken without one.
        if !std::mem::take(&mut self.called) || self.thread != thread::current().id() {
            return None;
        }
        self.end_waits(|fiber| fiber.mail.output.take())
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<O>> {
        loop {
            self.poll_background(context);
            if let Some(mut waiting) = self.link.waiting.get() {
                // SAFETY: it points to a future on the suspended coroutine's stack, see above.
                #[expect(unsafe_code, reason = "a future on the fiber's own stack")]
                let waiting = unsafe { Pin::new_unchecked(waiting.as_mut()) };
                ready!(waiting.poll(context));
                self.link.waiting.set(None);
            }
            let Some(ended) = self.resume() else { return Poll::Ready(None) };
            if let Some(output) = self.mail.output.take() {
                self.called = false;
                return Poll::Ready(Some(output));
            }
            if ended {
                return Poll::Ready(None);
            }
            if self.link.waiting.get().is_none() {
                // Its slice of time is over: others go first, those too whom the network has woken
                // meanwhile. Woken at once it would run sixty times before anybody looks there.
                return pin!(tokio::task::yield_now()).poll(context).map(|()| None);
            }
        }
    }

    /// Tasks in the background go on whenever the fiber waits for anything.
    fn poll_background(&self, context: &mut Context<'_>) {
        if self.link.background.borrow().is_empty() {
            return;
        }
        loop {
            // Taken for each poll: a task that ends may have been told to begin another.
            let polled = self.link.background.borrow_mut().poll_next_unpin(context);
            match polled {
                Poll::Ready(Some(completion)) => {
                    self.link.ready.borrow_mut().push_back(completion);
                }
                Poll::Ready(None) | Poll::Pending => return,
            }
        }
    }
}

impl<I, O> Fiber<I, O> {
    /// Goes on with the coroutine; whether it has ended, or `None` when it had before.
    fn resume(&mut self) -> Option<bool> {
        // One that a panic has left is done, too.
        let coroutine = self.coroutine.as_mut().filter(|coroutine| !coroutine.done())?;
        let before = CURRENT.replace(Some(NonNull::from(&*self.link)));
        let result = coroutine.resume(());
        CURRENT.set(before);
        let ended = result.as_return().is_some();
        if ended {
            self.coroutine = None;
        }
        Some(ended)
    }

    /// Goes on, with whoever waits giving up and scripts interrupted, until there is something or the
    /// body has ended. The stack is left frame by frame: it holds frames of C, which must not be
    /// unwound.
    fn end_waits<T>(&mut self, mut until: impl FnMut(&mut Self) -> Option<T>) -> Option<T> {
        self.link.cut.set(true);
        self.link.waiting.set(None);
        for _ in 0..MOST_STEPS {
            let ended = self.resume()?;
            self.link.waiting.set(None);
            if let Some(found) = until(self) {
                self.link.cut.set(false);
                return Some(found);
            }
            if ended {
                break;
            }
        }
        None
    }
}

impl<I, O> Drop for Fiber<I, O> {
    fn drop(&mut self) {
        if self.coroutine.is_none() {
            return;
        }
        let here = self.thread == thread::current().id();
        if here {
            self.link.over.set(true);
            self.end_waits(|_| None::<()>);
        }
        if self.coroutine.is_some() {
            // Never seen; but a leak is better than an abort.
            std::mem::forget(self.coroutine.take());
            let link = std::mem::replace(&mut self.link, Box::new(Link::new()));
            std::mem::forget(link);
        }
    }
}

impl Link {
    fn new() -> Self {
        Self {
            yielder: Cell::new(None),
            waiting: Cell::new(None),
            cut: Cell::new(false),
            over: Cell::new(false),
            turn: Cell::new(None),
            background: RefCell::default(),
            ready: RefCell::default(),
        }
    }

    fn suspend(&self) {
        if let Some(yielder) = self.yielder.get() {
            // SAFETY: set by the body's first act; this runs on the same coroutine, below it.
            #[expect(unsafe_code, reason = "the fiber's own yielder")]
            unsafe {
                yielder.as_ref().suspend(());
            }
            self.turn.set(None);
        }
    }
}

impl<I, O> Port<I, O> {
    /// Waits for the next call; `None` when there are no more.
    pub fn take(&self) -> Option<I> {
        // What came before the first call, an engine's start and its script's, went deeper than calls do.
        self.lowest.take().into_iter().for_each(give_back);
        loop {
            if let Some(input) = self.mail().input.take() {
                return Some(input);
            }
            // Its waiting is empty: it goes on when it is called.
            let over = with_current(|link| {
                if !link.over.get() {
                    link.suspend();
                }
                link.over.get()
            });
            if over != Some(false) {
                return None;
            }
        }
    }

    /// Answers the call.
    pub fn reply(&self, output: O) {
        self.mail().output.set(Some(output));
    }

    fn mail(&self) -> &Mail<I, O> {
        // SAFETY: the port lives on the coroutine's stack; the fiber owns both and frees the
        // mail last.
        #[expect(unsafe_code, reason = "the fiber's own mail")]
        unsafe {
            self.mail.as_ref()
        }
    }
}

/// Gives the system back the pages of the stack that runs here which lie below this call.
fn give_back(lowest: usize) {
    /// Enough for the call below, and what the ABI lets a leaf use.
    const MARGIN: usize = 16 << 10;
    let here = 0_u8;
    let page = rustix::param::page_size();
    let end = ((&raw const here).addr().saturating_sub(MARGIN)) & !(page - 1);
    let start = lowest.next_multiple_of(page);
    if end <= start {
        return;
    }
    // SAFETY: these pages belong to this stack and hold no frame that is alive: all of them lie above.
    // They are zero when they are next used. Where they cannot be given back, they stay.
    #[expect(unsafe_code, reason = "pages of the fiber's own stack")]
    let _ = unsafe {
        let start = std::ptr::with_exposed_provenance_mut(start);
        rustix::mm::madvise(start, end - start.addr(), rustix::mm::Advice::LinuxDontNeed)
    };
}

fn with_current<T>(act: impl FnOnce(&Link) -> T) -> Option<T> {
    let link = CURRENT.get()?;
    // SAFETY: see the module's text; the reference does not leave this call.
    #[expect(unsafe_code, reason = "the link of the fiber that runs here")]
    Some(act(unsafe { link.as_ref() }))
}

/// Waits for a future on the fiber that runs here; the thread goes on with other work meanwhile.
///
/// # Errors
/// [`Cut`] when the fiber is being ended, or when this is not called on a fiber. The future is then
/// dropped.
pub fn wait<F: Future>(future: F) -> Result<F::Output, Cut> {
    let mut held = pin!(Held { future, output: None });
    let link = CURRENT.get().ok_or(Cut)?;
    // SAFETY: see the module's text.
    #[expect(unsafe_code, reason = "the link of the fiber that runs here")]
    let link = unsafe { link.as_ref() };
    if link.cut.get() {
        return Err(Cut);
    }
    {
        let waiting: Pin<&mut dyn Waiting> = held.as_mut();
        // SAFETY: only the pointer leaves; it is taken back before this frame is left. The
        // transmute forgets the lifetime of what the future borrows, which outlives this frame.
        #[expect(unsafe_code, reason = "lent to whoever polls the fiber, until it is resumed")]
        let waiting: NonNull<dyn Waiting> = unsafe {
            std::mem::transmute::<NonNull<dyn Waiting + '_>, NonNull<dyn Waiting + 'static>>(
                NonNull::from(waiting.get_unchecked_mut()),
            )
        };
        link.waiting.set(Some(waiting));
    }
    link.suspend();
    // However it came back, nobody polls it any more.
    link.waiting.set(None);
    // SAFETY: the output is never pinned.
    #[expect(unsafe_code, reason = "a projection")]
    let output = unsafe { held.get_unchecked_mut() }.output.take();
    output.ok_or(Cut)
}

/// Begins a task in the background of the fiber that runs here. It goes on whenever the fiber waits;
/// what it gives in the end is done with the script when the fiber settles.
///
/// # Errors
/// [`Cut`] when this is not called on a fiber, or on one that is being ended.
pub fn background(
    task: impl Future<Output = Box<dyn for<'js> FnOnce(&Ctx<'js>) -> rquickjs::Result<()>>> + 'static,
) -> Result<(), Cut> {
    let pushed = with_current(|link| {
        let cut = link.cut.get();
        if !cut {
            link.background.borrow_mut().push(Box::pin(task));
        }
        !cut
    });
    pushed.filter(|pushed| *pushed).map(drop).ok_or(Cut)
}

/// The next task in the background that is done; waits for one. `None` when there is none left.
pub(crate) fn take_ready() -> Result<Option<Completion>, Cut> {
    let link = CURRENT.get().ok_or(Cut)?;
    // SAFETY: see the module's text.
    #[expect(unsafe_code, reason = "the link of the fiber that runs here")]
    let link = unsafe { link.as_ref() };
    loop {
        if link.cut.get() {
            return Err(Cut);
        }
        if let Some(completion) = link.ready.borrow_mut().pop_front() {
            return Ok(Some(completion));
        }
        if link.background.borrow().is_empty() {
            return Ok(None);
        }
        // Whoever polls the fiber polls the background first.
        wait(std::future::poll_fn(|_| match link.ready.borrow().is_empty() {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }))?;
    }
}

/// What a script that computes is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupted {
    GoOn,
    End,
}

/// Called by the engine in the middle of a computation. When the script's turn is over, others go
/// first, and it goes on afterwards.
pub(crate) fn poll_interrupt(now: Instant) -> Interrupted {
    let cut = with_current(|link| {
        // The first look since the script was resumed begins its turn.
        let began = link.turn.get().unwrap_or(now);
        link.turn.set(Some(began));
        if now.saturating_duration_since(began) >= TURN && !link.cut.get() {
            link.suspend();
        }
        link.cut.get()
    });
    match cut {
        Some(true) => Interrupted::End,
        _ => Interrupted::GoOn,
    }
}

/// Drops what goes on in the background of the fiber that runs here: it may hold values of a realm
/// that is about to go.
pub(crate) fn forget_background() {
    let taken = with_current(|link| {
        (
            std::mem::take(&mut *link.background.borrow_mut()),
            std::mem::take(&mut *link.ready.borrow_mut()),
        )
    });
    drop(taken);
}

/// Whether the fiber that runs here is being ended.
pub(crate) fn is_cut() -> bool {
    with_current(|link| link.cut.get()).unwrap_or(false)
}

impl<I, O> std::fmt::Debug for Fiber<I, O> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ended = self.coroutine.is_none();
        formatter.debug_struct("Fiber").field("ended", &ended).finish_non_exhaustive()
    }
}
