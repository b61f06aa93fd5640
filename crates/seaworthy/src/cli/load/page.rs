//! The summary for people: what wrk, oha and hey show, and what they leave out.

use seaworthy_report::number;
use seaworthy_report::text::{clean, cut, one_line, pad_left, pad_right};

use super::summary::{Distribution, Part, Summary};

/// The width of the longest bar.
const BAR: u64 = 40;
/// The longest example that is shown.
const EXAMPLE: usize = 160;

/// The whole page.
pub(super) fn render(summary: &Summary) -> String {
    let mut page = Page(Vec::new());
    page.head(summary);
    if summary.answered() > 0 {
        page.latency(summary);
        page.histogram(summary);
        page.timings(&summary.timings);
    }
    page.answers(summary);
    page.generator(summary);
    page.notes(summary);
    page.0.push(String::new());
    page.0.join("\n")
}

struct Page(Vec<String>);

impl Page {
    fn line(&mut self, name: &str, value: impl AsRef<str>) {
        self.0.push(format!("  {} {}", pad_right(name, 14), value.as_ref()).trim_end().to_owned());
    }

    fn title(&mut self, title: impl Into<String>) {
        self.0.extend([String::new(), title.into()]);
    }

    fn head(&mut self, summary: &Summary) {
        let Summary { requests, failed, .. } = summary;
        self.0.push(format!("{} {}", summary.method, clean(&summary.url)));
        let took = match summary.seconds < 1.0 {
            true => number::duration(summary.seconds * 1e9),
            false => number::length(summary.seconds),
        };
        self.line("time", took);
        let failures = match failed {
            _ if *requests == 0 => "none ended".to_owned(),
            0 if summary.cut_off > 0 => "none of these failed".to_owned(),
            0 => "none failed".to_owned(),
            _ => {
                let share = number::percent(*failed as f64 / *requests as f64);
                format!("{} failed ({share})", number::count(*failed))
            }
        };
        let cut = match summary.cut_off {
            0 => String::new(),
            cut => format!(", {} cut off", number::count(cut)),
        };
        self.line("requests", format!("{}, {failures}{cut}", number::count(*requests)));
        let offered = summary.offered_per_second.map_or_else(String::new, |offered| {
            format!(" ({} were offered)", number::rate(offered))
        });
        self.line("rate", format!("{}{offered}", number::rate(summary.requests_per_second)));
        if let (Some(received), Some(sent)) = (summary.bytes_received, summary.bytes_sent) {
            let pace = received as f64 / summary.seconds.max(1e-9);
            self.line(
                "transfer",
                format!(
                    "{} received ({}/s), {} sent",
                    number::bytes(received as f64),
                    number::bytes(pace),
                    number::bytes(sent as f64)
                ),
            );
        }
        let most = if summary.offered_per_second.is_some() { "at most " } else { "" };
        let vus = number::count(u64::from(summary.most_vus));
        self.line("virtual users", format!("{most}{vus}"));
    }

    fn latency(&mut self, summary: &Summary) {
        match &summary.service_time {
            Some(service) => {
                self.title("Latency: response time, counted from when each request was due");
                self.distribution(&summary.latency);
                let tail = |q| service.at(q).map_or_else(String::new, time);
                self.line(
                    "service alone",
                    format!("p50 {}, p95 {}, p99 {}", tail(0.5), tail(0.95), tail(0.99)),
                );
            }
            None => {
                self.title("Latency: service time, counted from when each request was sent");
                self.distribution(&summary.latency);
                self.0.push(format!(
                    "  ! a stall of the service hides in these times (coordinated omission); --rate {} would show it",
                    half(summary.requests_per_second)
                ));
            }
        }
    }

    fn distribution(&mut self, times: &Distribution) {
        let shown = |ns: Option<u64>| ns.map_or_else(|| "not known".to_owned(), time);
        let (mean, min) = (shown(times.mean_ns), shown(times.min_ns));
        self.line("average", format!("{mean}, fastest {min}, slowest {}", shown(times.max_ns)));
        for at in times.quantiles.iter().filter(|at| at.q < 1.0) {
            let percent = format!("{:.1}", at.q * 100.0);
            let percent = percent.strip_suffix(".0").unwrap_or(&percent);
            self.line(&format!("p{percent}"), pad_left(&time(at.ns), 8));
        }
        self.line("max", pad_left(&shown(times.max_ns), 8));
    }

    fn histogram(&mut self, summary: &Summary) {
        let most = summary.histogram.iter().map(|bar| bar.count).max().unwrap_or(0).max(1);
        self.title("Histogram");
        for bar in &summary.histogram {
            let from = pad_left(&time(bar.from_ns), 8);
            let to = pad_left(&time(bar.to_ns), 8);
            let length = (bar.count * BAR).div_ceil(most) as usize;
            let count = pad_left(&number::count(bar.count), 9);
            self.0
                .push(format!("  {from} – {to} {count}  {}", "■".repeat(length)).trim_end().into());
        }
    }

    fn timings(&mut self, parts: &[Part]) {
        if parts.is_empty() {
            return;
        }
        self.title("Where the time went");
        let head = ["average", "p50", "p95", "p99", "max", "requests"];
        let row = |cells: [String; 6]| cells.map(|cell| pad_left(&cell, 10)).concat();
        self.line("", row(head.map(str::to_owned)));
        for Part { part, times } in parts {
            let shown = |ns: Option<u64>| ns.map_or_else(|| "–".to_owned(), time);
            let cells = [
                shown(times.mean_ns),
                shown(times.at(0.5)),
                shown(times.at(0.95)),
                shown(times.at(0.99)),
                shown(times.max_ns),
                number::count(times.n),
            ];
            self.line(words(part), row(cells));
        }
    }

    fn answers(&mut self, summary: &Summary) {
        if !summary.statuses.is_empty() {
            self.title("Status codes");
        }
        for status in &summary.statuses {
            self.line(&status.status.to_string(), pad_left(&number::count(status.count), 9));
        }
        if !summary.errors.is_empty() {
            self.title("Errors");
        }
        for failed in &summary.errors {
            let count = number::count(failed.count);
            self.0.push(format!("  {count} × {}", clean(&failed.code)));
            if let Some(example) = &failed.example {
                self.0.push(format!("      first: {}", cut(&one_line(&clean(example)), EXAMPLE)));
            }
            if let Some(hint) = failed.hint {
                self.0.push(format!("      hint: {hint}"));
            }
        }
    }

    fn generator(&mut self, summary: &Summary) {
        let generator = &summary.generator;
        self.title("Generator");
        let each = match summary.requests {
            0 => String::new(),
            requests => format!(
                ", {:.4} CPU-seconds for 1,000 requests",
                generator.cpu_seconds / requests as f64 * 1e3
            ),
        };
        self.line(
            "processors",
            format!("{:.2} of {} in use{each}", generator.processors, generator.workers),
        );
        let lag = generator.lag_p99_ns.map_or_else(|| "not measured".to_owned(), time);
        self.line("lag", format!("p99 {lag} late"));
    }

    fn notes(&mut self, summary: &Summary) {
        if summary.notes.is_empty() {
            return;
        }
        self.0.push(String::new());
        self.0.extend(summary.notes.iter().map(|note| format!("! {note}")));
    }
}

fn time(ns: u64) -> String {
    number::duration(ns as f64)
}

/// About half of a rate, as a person would say it: two digits.
fn half(rate: f64) -> f64 {
    let half = (rate / 2.0).max(1.0);
    let size = 10_f64.powf(half.log10().floor() - 1.0).max(1.0);
    (half / size).floor() * size
}

fn words(part: &str) -> &str {
    match part {
        "lookingUp" => "looking up",
        "tls" => "TLS handshake",
        other => other,
    }
}
