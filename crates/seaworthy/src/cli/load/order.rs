//! From what was typed to a checked load: one flow of one step, sent exactly as it was typed.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use seaworthy_base::{Clock, Span};
use seaworthy_document::{MAX_BYTES, errors, render_all};
use seaworthy_load::check::{Known, flows, loads};
use seaworthy_load::{Flow, Load, Options, SharedTimeline, spec};
use seaworthy_net::{Http, Tls, Url};
use seaworthy_trial::profile;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Arguments, LONGEST};

/// The name of the one phase and the one flow.
pub(super) const NAME: &str = "load";
const STEP: &str = "request";
/// Virtual users when nothing is said.
const VUS: u32 = 50;
/// The most virtual users of an open model when nothing is said.
const MAX_VUS: u32 = 1000;
/// For how long when nothing is said.
const DURATION: Duration = Duration::from_secs(10);
/// The shortest that a profile can be made.
const SHORTEST: Duration = Duration::from_secs(1);
/// The most virtual users that the load engine takes.
const MOST_VUS: u32 = 100_000;
/// The most arrivals that wait. They take 24 bytes each.
const BACKLOG: u32 = 1_000_000;

/// What is to be done, checked.
pub(super) struct Order {
    pub(super) url: Url,
    pub(super) method: String,
    pub(super) body_bytes: usize,
    pub(super) insecure: bool,
    pub(super) http2: bool,
    /// Threads that make load.
    pub(super) workers: usize,
    pub(super) warmup: Option<Planned>,
    pub(super) load: Planned,
    remarks: Vec<String>,
}

/// A load with everything it needs.
pub(super) struct Planned {
    flow: Flow,
    pub(super) load: Load,
    client: seaworthy_net::Options,
    url: Url,
    workers: Option<NonZeroUsize>,
    /// What the checks had to say that does not stop it.
    warnings: String,
}

impl Order {
    /// Reads the arguments.
    ///
    /// # Errors
    /// What cannot be sent or run, each with a hint.
    pub(super) fn of(arguments: &Arguments) -> anyhow::Result<Self> {
        let url = Url::parse(&arguments.url).map_err(|error| explained(&error))?;
        let body = body(arguments)?;
        let method = match (&arguments.method, &body) {
            (Some(method), _) => method.to_uppercase(),
            (None, Some(_)) => "POST".to_owned(),
            (None, None) => "GET".to_owned(),
        };
        let mut step = json!({
            "name": STEP,
            "request": literal(&format!("{method} {url}")),
            "headers": headers(&arguments.headers)?,
            "timeout": arguments.timeout,
            "redirects": arguments.redirects,
        });
        let body_bytes = body.as_ref().map_or(0, String::len);
        if let Some(body) = &body {
            step["text"] = literal(body).into();
        }
        if let Some(expected) = &arguments.expect {
            let statuses: Vec<&str> = expected.split(',').map(str::trim).collect();
            step["expect"] = json!({ "status": statuses });
        }
        let flow = json!({ "name": NAME, "steps": [step] });
        let client = seaworthy_net::Options {
            http: if arguments.http2 { Http::Two } else { Http::One },
            tls: if arguments.insecure { Tls::insecure() } else { Tls::system() },
            request_timeout: arguments.timeout.get(),
            connect_timeout: arguments.timeout.get(),
            ..seaworthy_net::Options::default()
        };
        let (load, length) = entry(arguments)?;
        let workers = arguments.workers;
        let plan = |load: Value, length| Planned::of(&flow, load, length, &client, &url, workers);
        let warmup = match arguments.warmup.filter(|length| !length.get().is_zero()) {
            Some(length) => Some(plan(warming(arguments, length), length.get())?),
            None => None,
        };
        let mut load = plan(load, length)?;
        if let Some(factor) = arguments.time_scale {
            load.load = scaled(&load, factor)?;
        }
        let mut remarks = Vec::new();
        remarks.extend(Some(load.warnings.clone()).filter(|warnings| !warnings.is_empty()));
        if let Some(text) = &arguments.body
            && text.parse::<Span>().is_ok()
        {
            remarks.push(format!(
                "note: `-d {text}` is sent as the body; how long is `-z {text}` or `--duration {text}`"
            ));
        }
        let workers = workers.or_else(|| std::thread::available_parallelism().ok());
        let workers = workers.map_or(1, usize::from).min(load.load.max_vus() as usize);
        Ok(Self {
            url,
            method,
            body_bytes,
            insecure: arguments.insecure,
            http2: arguments.http2,
            workers,
            warmup,
            load,
            remarks,
        })
    }

    /// What should be said before the load begins.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut lines = self.remarks.clone();
        lines.push(format!("{} of {} {}", self.load.in_words(), self.method, self.url));
        lines
    }
}

impl Planned {
    fn of(
        flow: &Value,
        load: Value,
        length: Duration,
        client: &seaworthy_net::Options,
        url: &Url,
        workers: Option<NonZeroUsize>,
    ) -> anyhow::Result<Self> {
        let typed: spec::Flow = serde_json::from_value(flow.clone())
            .map_err(|error| anyhow!("{error}\nhint: see `seaworthy load --help`"))?;
        let load: spec::Load = serde_json::from_value(load)
            .map_err(|error| anyhow!("{error}\nhint: see `seaworthy load --help`"))?;
        let known = Known {
            file: "seaworthy load",
            targets: BTreeSet::new(),
            names: BTreeSet::new(),
            data: BTreeMap::new(),
            files: BTreeMap::new(),
        };
        let typed = [typed];
        let (mut checked, mut findings) = flows(&known, &typed);
        let (mut entries, more) = loads(&known, &typed, &[load], length);
        findings.extend(more);
        match (checked.pop(), entries.pop()) {
            (Some(flow), Some(load)) if !errors(&findings) => {
                let warnings = render_all(&findings, None);
                Ok(Self { flow, load, client: client.clone(), url: url.clone(), workers, warnings })
            }
            _ => bail!("this cannot be sent\n{}", render_all(&findings, None)),
        }
    }

    /// How long requests begin, at most.
    pub(super) fn length(&self) -> Duration {
        self.load.duration()
    }

    /// The load engine's options.
    pub(super) fn options(
        &self,
        clock: &Clock,
        timeline: SharedTimeline,
        stop: &CancellationToken,
        seed: u64,
    ) -> Options {
        Options {
            phase: NAME.to_owned(),
            loads: vec![self.load.clone()],
            flows: vec![self.flow.clone()],
            // Named so that the engine reads the certificates before the load and not under it.
            targets: BTreeMap::from([(NAME.to_owned(), self.url.clone())]),
            variables: BTreeMap::new(),
            client: self.client.clone(),
            seed,
            workers: self.workers,
            clock: clock.clone(),
            timeline,
            stop: stop.clone(),
        }
    }

    fn in_words(&self) -> String {
        let length = self.length();
        let length = match length < LONGEST {
            true => Span(length).to_string(),
            false => "as long as it takes".to_owned(),
        };
        match self.load.offered_per_second() {
            Some(rate) => format!("open model: {rate} requests a second for {length}"),
            None => format!("closed model: {} virtual users for {length}", self.load.max_vus()),
        }
    }
}

/// The load with its lengths multiplied, as long as something comes of it.
fn scaled(planned: &Planned, factor: f64) -> anyhow::Result<Load> {
    let whole = planned.length().as_secs_f64();
    let seconds = whole * factor;
    if factor.is_nan() || factor <= 0.0 {
        bail!("--time-scale {factor} is not possible\nhint: a number above 0, as 0.01");
    }
    let beyond = match seconds {
        _ if seconds < SHORTEST.as_secs_f64() => Some(("less", SHORTEST)),
        _ if seconds > LONGEST.as_secs_f64() => Some(("more", LONGEST)),
        _ => None,
    };
    if let Some((beyond, limit)) = beyond {
        bail!(
            "with --time-scale {factor:?} the profile would take {beyond} than {}, which cannot be run\n\
             hint: with --time-scale 1, it takes {}",
            Span(limit),
            Span(planned.length())
        );
    }
    Ok(planned.load.scaled(factor))
}

/// The load entry as a plan would have it, and the longest it may take.
fn entry(arguments: &Arguments) -> anyhow::Result<(Value, Duration)> {
    let given = arguments.duration.map(Span::get);
    if let (Some(vus), Some(most)) = (arguments.vus, arguments.max_vus)
        && vus > most
    {
        bail!(
            "--vus {vus} are there from the start, and --max-vus {most} is less\n\
             hint: leave one of them out"
        );
    }
    if given.is_some_and(|length| length.is_zero()) || arguments.iterations == Some(0) {
        bail!("nothing would be sent\nhint: `--duration 10s`, `--iterations 1000`, or neither");
    }
    let stop = arguments.graceful_stop;
    if let Some(profile) = arguments.profile.map(profile::Name::profile) {
        // One flow has one entry.
        let mut load = profile.load(&[(NAME.to_owned(), 1.0)])[0].take();
        load["gracefulStop"] = json!(stop);
        return Ok((load, profile.duration()));
    }
    let Some(rate) = arguments.rate else {
        let vus = arguments.vus.unwrap_or(VUS);
        let Some(iterations) = arguments.iterations else {
            let length = given.unwrap_or(DURATION);
            let load = json!({
                "flow": NAME, "executor": "constant-vus", "vus": vus,
                "duration": Span(length), "gracefulStop": stop,
            });
            return Ok((load, length));
        };
        let length = given.unwrap_or(LONGEST);
        // A virtual user without an iteration would only be in the way.
        let vus = u64::from(vus).min(iterations);
        let load = json!({
            "flow": NAME, "executor": "shared-iterations", "vus": vus,
            "iterations": iterations, "maxDuration": Span(length), "gracefulStop": stop,
        });
        return Ok((load, length));
    };
    let length = match arguments.iterations {
        // So long that exactly so many are due: the engine's own rule, when arrival n is due.
        Some(iterations) => {
            let nanos = (iterations as f64 * (1e9 / rate)).round();
            if !(1.0..LONGEST.as_nanos() as f64).contains(&nanos) {
                bail!("{iterations} requests at {rate} a second cannot be planned");
            }
            let all = Duration::from_nanos(nanos as u64);
            all.min(given.unwrap_or(all))
        }
        None => given.unwrap_or(DURATION),
    };
    Ok((arrivals(arguments, rate, length), length))
}

/// How many virtual users `--vus` and `--max-vus` may name.
pub(super) fn users(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(users @ 1..=MOST_VUS) => Ok(users),
        _ => Err(format!("it can be a whole number from 1 to {MOST_VUS}")),
    }
}

/// What `--rate` may be.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("rates are above 0, as 500 or 0.5".to_owned()),
    }
}

/// What `-t` is answered with.
pub(super) fn ambiguous(_: &str) -> Result<String, String> {
    Err("it means threads to wrk, and a timeout to oha and hey: say --workers N or --timeout TIME"
        .to_owned())
}

fn arrivals(arguments: &Arguments, rate: f64, length: Duration) -> Value {
    let most = arguments.max_vus.or(arguments.vus).unwrap_or(MAX_VUS);
    let first = arguments.vus.unwrap_or(VUS).min(most);
    json!({
        "flow": NAME, "executor": "constant-arrival-rate", "rate": rate,
        "duration": Span(length), "preAllocatedVUs": first, "maxVUs": most,
        "maxBacklog": BACKLOG, "gracefulStop": arguments.graceful_stop,
    })
}

fn warming(arguments: &Arguments, length: Span) -> Value {
    match arguments.rate {
        Some(rate) => arrivals(arguments, rate, length.get()),
        None => json!({
            "flow": NAME, "executor": "constant-vus", "vus": closed_vus(arguments),
            "duration": length, "gracefulStop": arguments.graceful_stop,
        }),
    }
}

fn closed_vus(arguments: &Arguments) -> u32 {
    let profile = arguments.profile.map(|name| name.profile().vus());
    arguments.vus.or(profile).unwrap_or(VUS)
}

/// Text that a template would give back as it is: nothing in it stands for a value.
fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

fn body(arguments: &Arguments) -> anyhow::Result<Option<String>> {
    let named = arguments.body.as_ref().and_then(|text| text.strip_prefix('@'));
    match (named.map(Path::new).or(arguments.body_file.as_deref()), &arguments.body) {
        (Some(file), _) => file_of_text(file).map(Some).context(
            "the body cannot be read\nhint: a body is a file of UTF-8 text, of up to 8 MiB",
        ),
        (None, text) => Ok(text.clone()),
    }
}

/// A file's text, whole. What is no file may never end, or never begin: a pipe nobody writes to.
fn file_of_text(file: &Path) -> anyhow::Result<String> {
    let about =
        std::fs::metadata(file).with_context(|| format!("cannot open {}", file.display()))?;
    if !about.is_file() {
        bail!("{} is not a file", file.display());
    }
    let text = super::super::read_document(file)?;
    if text.len() > MAX_BYTES {
        bail!("{} has {} bytes; at most {MAX_BYTES} are sent", file.display(), about.len());
    }
    Ok(text)
}

/// Headers by name. Values of a name that comes more than once are joined as RFC 9110 §5.3 allows.
fn headers(typed: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for header in typed {
        let Some((name, value)) = header.split_once(':') else {
            bail!("`{header}` is not a header\nhint: write it as `-H 'Name: value'`");
        };
        let (name, value) = (name.trim().to_ascii_lowercase(), literal(value.trim()));
        let between = if name == "cookie" { "; " } else { ", " };
        match headers.get_mut(&name) {
            Some(before) => before.extend([between, &value]),
            None => drop(headers.insert(name, value)),
        }
    }
    Ok(headers)
}

fn explained(error: &seaworthy_net::Error) -> anyhow::Error {
    match error.hint() {
        Some(hint) => anyhow!("{error}\nhint: {hint}"),
        None => anyhow!("{error}"),
    }
}

#[cfg(test)]
mod tests {
    use seaworthy_load::template::Template;

    use super::*;

    #[test]
    fn what_looks_like_a_template_is_sent_as_it_is() {
        for text in ["${x}", "$${x}", "$$${", "a$", "${", "$${$${", "{}$", "plain"] {
            let template = Template::parse(&literal(text)).unwrap();
            assert_eq!(template.names().count(), 0, "{text}");
            assert_eq!(template.render(&BTreeMap::new()).unwrap(), text);
        }
    }

    #[test]
    fn a_header_that_comes_twice_is_joined() {
        let typed = ["Accept: a", "cookie: x=1", "ACCEPT:b", "Cookie: y=${2}"].map(str::to_owned);
        let headers = headers(&typed).unwrap();
        assert_eq!(headers["accept"], "a, b");
        assert_eq!(headers["cookie"], "x=1; y=$${2}");
        assert!(super::headers(&["no colon".to_owned()]).is_err());
    }
}
