//! A connection's timer: armed when first needed, and left armed when a request ends in time.

use std::pin::Pin;
use std::task::{Context, Waker};

use seaworthy_base::Instant;
use tokio::time::Sleep;

/// Wakes whoever waits on a connection when its time is over.
///
/// Most requests end long before their limit, so the timer is not put into the runtime's wheel and
/// taken out again for each: it stays at the earliest deadline it was given. When it rings for a
/// request that is over it is set to the deadline of the one that runs.
#[derive(Debug, Default)]
pub(super) struct Alarm(Option<Armed>);

#[derive(Debug)]
struct Armed {
    sleep: Pin<Box<Sleep>>,
    /// Whom the timer wakes.
    waker: Waker,
}

impl Alarm {
    /// Sees to it that the task is woken at `deadline`. Gives whether that is past already.
    #[inline]
    pub(super) fn is_past(&mut self, deadline: Instant, context: &mut Context<'_>) -> bool {
        if let Some(Armed { sleep, waker }) = &self.0
            && sleep.deadline() <= deadline
            && !sleep.is_elapsed()
            && waker.will_wake(context.waker())
        {
            return false;
        }
        self.arm(deadline, context)
    }

    #[cold]
    fn arm(&mut self, deadline: Instant, context: &mut Context<'_>) -> bool {
        // Out of budget a timer does not note whom to wake, but then the task runs again anyway:
        // that is how the budget ended its reading.
        if !tokio::task::coop::has_budget_remaining() {
            return false;
        }
        let mut sleep = match self.0.take() {
            Some(Armed { mut sleep, .. }) => {
                if sleep.is_elapsed() || sleep.deadline() > deadline {
                    sleep.as_mut().reset(deadline);
                }
                sleep
            }
            None => Box::pin(tokio::time::sleep_until(deadline)),
        };
        while sleep.as_mut().poll(context).is_ready() {
            if sleep.deadline() >= deadline {
                return true;
            }
            sleep.as_mut().reset(deadline);
        }
        self.0 = Some(Armed { sleep, waker: context.waker().clone() });
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_base::Clock;
    use std::future::poll_fn;
    use std::task::Poll;
    use std::time::Duration;

    /// Waits until the alarm rings, and gives how long that took.
    async fn rings(alarm: &mut Alarm, after: Duration) -> Duration {
        let clock = Clock::system();
        let start = clock.now();
        let deadline = start + after;
        poll_fn(|context| match alarm.is_past(deadline, context) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
        clock.now() - start
    }

    #[tokio::test(start_paused = true)]
    async fn it_rings_at_each_deadline_whatever_came_before() {
        let ms = Duration::from_millis;
        let mut alarm = Alarm::default();
        for (given_up, waited) in [(0, 50), (10, 50), (500, 20), (20, 20), (7, 1000), (5000, 1)] {
            // A request that ends in time leaves the timer where it is.
            let deadline = Clock::system().now() + ms(given_up);
            if given_up > 0 {
                poll_fn(|context| {
                    assert!(!alarm.is_past(deadline, context));
                    Poll::Ready(())
                })
                .await;
            }
            assert_eq!(rings(&mut alarm, ms(waited)).await, ms(waited), "after {given_up} ms");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn another_task_is_woken_too() {
        let ms = Duration::from_millis;
        let mut alarm = Alarm::default();
        let deadline = Clock::system().now() + ms(100);
        poll_fn(|context| Poll::Ready(alarm.is_past(deadline, context))).await;
        let waited = tokio::spawn(async move { rings(&mut alarm, ms(100)).await });
        assert_eq!(waited.await.unwrap(), ms(100));
    }
}
