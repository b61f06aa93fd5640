//! Live progress: a moving line on a terminal, a plain line now and then in a pipe or in CI.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use seaworthy_trial::{PhaseProgress, Progress};
use tokio::sync::mpsc::UnboundedReceiver;

use super::talk;

/// How much of a phase passes between two lines when stderr is not a terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Shows everything the trial says, until it has said its last.
pub(crate) async fn show(mut progress: UnboundedReceiver<Progress>) {
    let mut screen = Screen::new();
    while let Some(said) = progress.recv().await {
        screen.show(said);
    }
    screen.finish();
}

enum Screen {
    Live { bar: ProgressBar },
    Plain { phase: String, next: Duration },
}

impl Screen {
    fn new() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Plain { phase: String::new(), next: Duration::ZERO };
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(spinner());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self::Live { bar }
    }

    fn show(&mut self, said: Progress) {
        match (self, said) {
            (_, Progress::Script(_) | Progress::Ran(_)) => {}
            (Self::Live { bar }, Progress::Stage(stage)) => {
                bar.set_style(spinner());
                bar.set_message(stage.to_owned());
            }
            (Self::Live { bar }, Progress::Said(text)) => bar.println(format!("  {text}")),
            (Self::Live { bar }, Progress::Phase(phase)) => {
                bar.set_style(line());
                bar.set_length(phase.planned.as_secs().max(1));
                bar.set_position(phase.elapsed.as_secs().min(phase.planned.as_secs()));
                bar.set_prefix(format!("{}{}", phase.name, ends(&phase)));
                bar.set_message(format!(
                    "{} of {}  {}",
                    length(phase.elapsed),
                    length(phase.planned),
                    numbers(&phase)
                ));
            }
            (Self::Plain { .. }, Progress::Stage(stage)) => talk(&format!("==> {stage}")),
            (Self::Plain { .. }, Progress::Said(text)) => talk(&format!("    {text}")),
            (Self::Plain { phase: current, next }, Progress::Phase(phase)) => {
                if *current != phase.name {
                    current.clone_from(&phase.name);
                    *next = Duration::ZERO;
                }
                if phase.elapsed >= *next {
                    // A line for each hundredth of a phase at most: a day is not ten thousand lines.
                    *next = phase.elapsed + PLAIN_EVERY.max(phase.planned / 100);
                    talk(&format!(
                        "    {} {:>4} of {}{}  {}",
                        phase.name,
                        length(phase.elapsed),
                        length(phase.planned),
                        ends(&phase),
                        numbers(&phase)
                    ));
                }
            }
        }
    }

    fn finish(self) {
        if let Self::Live { bar } = self {
            bar.finish_and_clear();
        }
    }
}

/// A length as people say it: seconds up to a few minutes, then days, hours and minutes.
fn length(length: Duration) -> String {
    let seconds = length.as_secs();
    if seconds < 600 {
        return format!("{seconds}s");
    }
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes}m{}s", seconds % 60),
        (0, _) => format!("{hours}h{minutes}m"),
        _ => format!("{days}d{hours}h{minutes}m"),
    }
}

/// When the trial is expected to end, where that is worth knowing.
fn ends(phase: &PhaseProgress) -> String {
    if phase.planned < Duration::from_secs(600) {
        return String::new();
    }
    // 2026-11-20T18:38:26.000000000Z
    let ends = phase.ends.to_string();
    let minute: String = ends.chars().take(16).collect();
    format!(", ends {} UTC", minute.replace('T', " "))
}

fn numbers(phase: &PhaseProgress) -> String {
    let p95 = phase.recent_p95.map_or_else(
        || "p95 not known".to_owned(),
        |p95| format!("p95 {:.1} ms", p95.as_secs_f64() * 1e3),
    );
    format!(
        "{:.0} requests/s, {p95}, {} in all, {} failed, {} waiting",
        phase.per_second, phase.requests, phase.failed, phase.backlog
    )
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn line() -> ProgressStyle {
    ProgressStyle::with_template("{prefix} [{bar:30}] {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}
