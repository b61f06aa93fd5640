//! Waiting for a moment: by the kernel's timer, which is exact to some microseconds, or by the
//! runtime's, which is exact to a millisecond and stands still when a test pauses it.

use seaworthy_base::{Clock, Instant};

/// Which timer makes arrivals begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timer {
    /// The kernel's, where there is one (Linux), else the runtime's. For real measurements: the
    /// runtime's rounds up to the next millisecond, which every response time would contain.
    #[default]
    Kernel,
    /// The runtime's; for tests on paused time.
    Runtime,
}

/// Waits for moments. One per task.
#[derive(Debug)]
pub(crate) struct Pacer {
    clock: Clock,
    #[cfg(target_os = "linux")]
    kernel: Option<kernel::Alarm>,
}

impl Pacer {
    pub(crate) fn new(timer: Timer, clock: Clock) -> Self {
        #[cfg(target_os = "linux")]
        {
            // Without a file descriptor left, the coarser timer still serves; the lag tells.
            let kernel = (timer == Timer::Kernel).then(|| kernel::Alarm::new().ok()).flatten();
            Self { clock, kernel }
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = timer;
            Self { clock }
        }
    }

    /// Returns at `due`, or at once when it has passed.
    pub(crate) async fn until(&self, due: Instant) {
        #[cfg(target_os = "linux")]
        if let Some(kernel) = &self.kernel {
            loop {
                let left = due.saturating_duration_since(self.clock.now());
                if left.is_zero() {
                    return;
                }
                if kernel.wait(left).await.is_err() {
                    break;
                }
            }
        }
        if self.clock.now() < due {
            tokio::time::sleep_until(due).await;
        }
    }
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// A timer of the kernel that the runtime's event loop waits for.
    #[derive(Debug)]
    pub(super) struct Alarm(AsyncFd<OwnedFd>);

    impl Alarm {
        #[expect(
            deprecated,
            reason = "unsound only for types that give up their descriptor while registered; an \
                      `OwnedFd` keeps it, and the replacement needs an `unsafe` block to say so"
        )]
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            Ok(Self(AsyncFd::with_interest(timer, Interest::READABLE)?))
        }

        /// Sets the timer and waits for it. It may return early, when an alarm that nobody waited
        /// for any more went off in between: look at the clock again.
        pub(super) async fn wait(&self, left: Duration) -> io::Result<()> {
            let value = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            let once = Timespec { tv_sec: 0, tv_nsec: 0 };
            let setting = Itimerspec { it_interval: once, it_value: value };
            timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &setting)?;
            let mut ready = self.0.readable().await?;
            match ready.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut [0; 8])?)) {
                // Not ready after all is no error.
                Ok(read) => read.map(drop),
                Err(_) => Ok(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn no_moment_is_met_early() {
        let clock = Clock::system();
        for timer in [Timer::Kernel, Timer::Runtime] {
            let pacer = Pacer::new(timer, clock.clone());
            let start = clock.now();
            for step in 1..=20 {
                let due = start + Duration::from_micros(700 * step);
                pacer.until(due).await;
                assert!(clock.now() >= due);
            }
            // A wait that is given up does not shorten the next.
            let given_up = tokio::time::timeout(
                Duration::from_millis(1),
                pacer.until(clock.now() + Duration::from_secs(3600)),
            );
            assert!(given_up.await.is_err());
            let due = clock.now() + Duration::from_millis(10);
            pacer.until(due).await;
            assert!(clock.now() >= due);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_runtimes_timer_follows_paused_time() {
        let clock = Clock::system();
        let due = clock.now() + Duration::from_secs(3600);
        Pacer::new(Timer::Runtime, clock.clone()).until(due).await;
        assert_eq!(clock.now(), due);
    }
}
