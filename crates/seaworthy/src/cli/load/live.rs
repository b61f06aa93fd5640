//! The moving line while a load runs: rate, p95, errors, virtual users, how far it is.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use seaworthy_base::{Clock, Instant};
use seaworthy_load::Handle;
use seaworthy_report::number;

use super::LONGEST;
use super::order::Planned;

/// How often the line is drawn.
pub(super) const EVERY: Duration = Duration::from_millis(500);

/// The line, and what it is read from.
pub(super) struct View {
    bar: ProgressBar,
    handle: Handle,
    clock: Clock,
    began: Instant,
    before: (Instant, u64),
}

impl View {
    /// A view on stderr; `None` where that is no terminal.
    pub(super) fn open(handle: &Handle, planned: &Planned, clock: Clock) -> Option<Self> {
        if !std::io::stderr().is_terminal() {
            return None;
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let template = match planned.length() < LONGEST {
            true => "[{bar:24}] {prefix}  {msg}",
            false => "{prefix}  {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_length(u64::try_from(planned.length().as_millis()).unwrap_or(u64::MAX).max(1));
        let now = clock.now();
        Some(Self { bar, handle: handle.clone(), clock, began: now, before: (now, 0) })
    }

    /// Draws the line anew.
    pub(super) fn look(&mut self) {
        let (now, live) = (self.clock.now(), self.handle.live());
        let (then, requests) = std::mem::replace(&mut self.before, (now, live.requests));
        let seconds = now.saturating_duration_since(then).as_secs_f64();
        let rate = if seconds > 0.0 {
            live.requests.saturating_sub(requests) as f64 / seconds
        } else {
            0.0
        };
        let p95 = live.recent_p95.map_or_else(
            || "p95 not known".to_owned(),
            |p95| format!("p95 {}", number::duration(p95 as f64)),
        );
        let elapsed = now.saturating_duration_since(self.began);
        self.bar.set_position(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
        self.bar.set_prefix(number::length(elapsed.as_secs_f64()));
        self.bar.set_message(format!(
            "{}, {p95}, {} in all, {} failed, {} VUs, {} waiting",
            number::rate(rate),
            number::count(live.requests),
            number::count(live.failed),
            live.vus,
            number::count(live.backlog)
        ));
    }

    /// Clears the line.
    pub(super) fn close(self) {
        self.bar.finish_and_clear();
    }
}
