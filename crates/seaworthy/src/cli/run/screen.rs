//! Progress of a run: a line for each scenario that moves on a terminal, plain lines elsewhere.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use seaworthy_k6::options::{Consolidated, duration};
use seaworthy_k6::{Progress, Watching};

use super::described;
use crate::cli::talk;

/// How often it is looked at.
pub(crate) const EVERY: Duration = Duration::from_millis(200);
/// How much passes between two plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Where progress is shown.
pub(crate) struct Screen {
    bars: MultiProgress,
    how: How,
}

enum How {
    /// Not at all.
    Quiet,
    /// A bar for each scenario, and one line above them.
    Live { running: ProgressBar, scenarios: Vec<ProgressBar> },
    /// A line now and then; the next one is due then.
    Plain { next: Duration },
}

impl Screen {
    pub(crate) fn new(bars: MultiProgress, terminal: bool, quiet: bool) -> Self {
        let live = terminal && !quiet;
        if !live {
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        let how = match (quiet, live) {
            (true, _) => How::Quiet,
            (_, true) => How::Live { running: ProgressBar::hidden(), scenarios: Vec::new() },
            _ => How::Plain { next: Duration::from_secs(1) },
        };
        Self { bars, how }
    }

    /// Does something while nothing is drawn.
    pub(crate) fn suspended<T>(&self, act: impl FnOnce() -> T) -> T {
        if self.bars.is_hidden() { act() } else { self.bars.suspend(act) }
    }

    pub(crate) fn begin(
        &mut self,
        script: &Path,
        consolidated: &Consolidated,
        watching: &Watching,
        outputs: &[String],
    ) {
        if matches!(self.how, How::Quiet) {
            return;
        }
        talk(&header(script, consolidated, outputs));
        if let How::Live { running, scenarios } = &mut self.how {
            *running = self.bars.add(ProgressBar::new_spinner());
            running.set_style(style("{msg}"));
            for _ in watching.scenarios() {
                let bar = self.bars.add(ProgressBar::new(1_000));
                bar.set_style(style("{prefix} [{bar:30}] {msg}").progress_chars("=>-"));
                scenarios.push(bar);
            }
        }
        self.look(watching);
    }

    pub(crate) fn look(&mut self, watching: &Watching) {
        match &mut self.how {
            How::Quiet => {}
            How::Live { running, scenarios } => {
                running.set_message(total(watching));
                let all = watching.scenarios();
                let width = all.iter().map(|it| it.name.chars().count()).max().unwrap_or(0);
                for (bar, scenario) in scenarios.iter().zip(all) {
                    bar.set_prefix(format!("{:width$}", scenario.name));
                    bar.set_position((scenario.done.clamp(0.0, 1.0) * 1_000.0) as u64);
                    bar.set_message(told(&scenario));
                }
            }
            How::Plain { next } => {
                let elapsed = watching.elapsed();
                if elapsed >= *next {
                    // A line for each hundredth of a long run: a day is not ten thousand lines.
                    let all = watching.scenarios();
                    let longest = all.iter().map(|it| it.length).max().unwrap_or_default();
                    *next = elapsed + PLAIN_EVERY.max(longest / 100);
                    plain(watching);
                }
            }
        }
    }

    pub(crate) fn end(&mut self, watching: &Watching) {
        match &mut self.how {
            How::Quiet => {}
            How::Live { running, scenarios } => {
                running.finish_and_clear();
                scenarios.iter().for_each(ProgressBar::finish_and_clear);
                plain(watching);
            }
            How::Plain { .. } => plain(watching),
        }
        self.bars.set_draw_target(ProgressDrawTarget::hidden());
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn plain(watching: &Watching) {
    let mut text = total(watching);
    let all = watching.scenarios();
    let width = all.iter().map(|it| it.name.chars().count()).max().unwrap_or(0);
    for scenario in all {
        let percent = (scenario.done.clamp(0.0, 1.0) * 100.0).floor();
        // Writing into a string does not fail.
        let _ = write!(text, "\n{:width$} [{percent:>4}% ] {}", scenario.name, told(&scenario));
    }
    talk(&text);
}

/// The whole run, in k6's words.
fn total(watching: &Watching) -> String {
    let ((active, all), (completed, interrupted)) = (watching.vus(), watching.iterations());
    format!(
        "running ({}), {}/{all} VUs, {completed} complete and {interrupted} interrupted iterations",
        length(watching.elapsed()),
        active.max(0)
    )
}

fn told(scenario: &Progress) -> String {
    let Progress { executor, vus, iterations, length: whole, .. } = scenario;
    format!("{vus} VUs  {iterations} iterations  {executor}, {} at most", duration::format(*whole))
}

/// `12.3s`, `1m02.3s`, `1h02m03.4s`
fn length(length: Duration) -> String {
    let tenths = length.as_millis() / 100;
    let (seconds, tenth) = (tenths / 10, tenths % 10);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds:02}.{tenth}s"),
        (0, _) => format!("{minutes}m{seconds:02}.{tenth}s"),
        _ => format!("{hours}h{minutes:02}m{seconds:02}.{tenth}s"),
    }
}

/// What is about to run.
fn header(script: &Path, consolidated: &Consolidated, outputs: &[String]) -> String {
    let needed = consolidated.requirements();
    let scenarios = consolidated.scenarios();
    let outputs = if outputs.is_empty() { "-".to_owned() } else { outputs.join(", ") };
    let mut text = format!(
        "     execution: local\n        script: {}\n        output: {outputs}\n\n     scenarios: {} scenario{}, \
         {} max VUs, {} max duration (incl. graceful stop):\n",
        script.display(),
        scenarios.len(),
        if scenarios.len() == 1 { "" } else { "s" },
        needed.max_vus,
        duration::format(needed.total_duration),
    );
    let mut scenarios: Vec<_> = scenarios.iter().collect();
    scenarios.sort_by_key(|(_, scenario)| scenario.start_time());
    for (name, scenario) in scenarios {
        let _ = writeln!(text, "              * {name}: {}", described::line(scenario));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_k6s() {
        let shown = |millis| length(Duration::from_millis(millis));
        assert_eq!(shown(1_049), "01.0s");
        assert_eq!(shown(62_300), "1m02.3s");
        assert_eq!(shown(3_723_450), "1h02m03.4s");
    }
}
