//! `seaworthy load`: puts load on one URL, as wrk, oha and hey do, and says what came of it.

mod live;
mod order;
mod page;
mod summary;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use seaworthy_base::{Clock, Span, chance};
use seaworthy_load::{PhaseReport, Service, SharedTimeline};
use seaworthy_trial::profile;
use tokio_util::sync::CancellationToken;

use super::trial::Asked;
use super::{print, talk};
use crate::exit::Exit;
use order::Order;
use summary::Summary;

/// What was typed.
#[derive(clap::Args)]
#[command(after_help = "\
Exit codes:
  0  it ran; failed requests are data, counted and named
  3  it could not run, or nothing was ever answered
  4  interrupted
A verdict needs objectives: `seaworthy plan init` writes a plan to start from.")]
pub(crate) struct Arguments {
    /// What is asked for, as http://127.0.0.1:8080/path?query; sent as it is typed.
    #[arg(value_name = "URL")]
    url: String,
    /// Closed model: so many virtual users, a connection each, as fast as the service lets them; 50
    /// when not given. With --rate: how many are there from the start.
    #[arg(short = 'c', long, visible_alias = "connections", value_name = "N",
        allow_negative_numbers = true, value_parser = order::users)]
    vus: Option<u32>,
    /// Open model: so many requests begin a second, whatever the service does; what cannot begin
    /// waits, and its response time counts from when it was due.
    #[arg(short = 'q', long, value_name = "R", allow_negative_numbers = true,
        value_parser = order::rate)]
    rate: Option<f64>,
    /// With --rate: the most virtual users; when not given, what --vus says, or 1000.
    #[arg(long, value_name = "N", requires = "rate", allow_negative_numbers = true,
        value_parser = order::users)]
    max_vus: Option<u32>,
    /// For how long; 10s when neither this nor --iterations is given.
    #[arg(short = 'z', long, value_name = "TIME")]
    duration: Option<Span>,
    /// Exactly so many iterations, shared by all virtual users; ends earlier at --duration, if given.
    /// An iteration is one request and those it is redirected to.
    #[arg(short = 'n', long, visible_alias = "requests", value_name = "N")]
    iterations: Option<u64>,
    /// A named profile in place of these: light, medium, heavy, endurance, spike, stress, baseline or
    /// soak, as `seaworthy trial` knows them.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["vus", "rate", "duration", "iterations"])]
    profile: Option<profile::Name>,
    /// Multiply the profile's lengths, as 0.01 to run it in a hundredth of its time.
    #[arg(long, value_name = "FACTOR", requires = "profile")]
    time_scale: Option<f64>,
    /// Load of the same kind for this long beforehand, on connections of its own; not counted.
    #[arg(long, value_name = "TIME")]
    warmup: Option<Span>,
    /// Threads that make load; one for each processor when not given.
    #[arg(long, visible_alias = "threads", value_name = "N")]
    workers: Option<NonZeroUsize>,
    /// The method; GET, or POST when there is a body.
    #[arg(short = 'X', short_alias = 'm', long, value_name = "METHOD")]
    method: Option<String>,
    /// A header, as `Name: value`; may be repeated.
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    headers: Vec<String>,
    /// The body: text, sent as it is typed, or @FILE.
    #[arg(short = 'd', long, value_name = "TEXT|@FILE", conflicts_with = "body_file")]
    body: Option<String>,
    /// A file whose content is the body.
    #[arg(short = 'D', long, value_name = "FILE")]
    body_file: Option<PathBuf>,
    /// Means threads to wrk, and a timeout to oha and hey.
    #[arg(short = 't', hide = true, value_name = "?", value_parser = order::ambiguous)]
    ambiguous: Option<String>,
    /// The statuses that count as a success, as 200, 2xx or 200,404; 200 to 399 when not given.
    #[arg(long, value_name = "STATUS")]
    expect: Option<String>,
    /// The most redirects that are followed; each is a request of its own. With 0, or where --expect
    /// names a 3xx, the redirect is the answer.
    #[arg(long, value_name = "N", default_value_t = 10)]
    redirects: u8,
    /// Limit on one request, connecting included.
    #[arg(long, value_name = "TIME", default_value = "30s")]
    timeout: Span,
    /// How long requests that are under way at the end may go on.
    #[arg(long, value_name = "TIME", default_value = "5s")]
    graceful_stop: Span,
    /// HTTP/2: by ALPN over TLS, else with prior knowledge.
    #[arg(long)]
    http2: bool,
    /// Check no certificate; the summary says so.
    #[arg(short = 'k', long)]
    insecure: bool,
    /// A machine-readable summary on stdout instead of the one for people.
    #[arg(long)]
    json: bool,
    /// Nothing moves on the terminal while it runs.
    #[arg(long)]
    no_live: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let order = Order::of(arguments)?;
    for line in order.remarks() {
        talk(&line);
    }
    // The load engine has threads of its own; here is only who waits for it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let summary = runtime.block_on(under_load(arguments, &order))?;
    // Whatever still blocks a thread must not keep the user waiting.
    runtime.shutdown_background();
    let Some(summary) = summary else {
        talk("stopped at once: what was measured is lost");
        return Ok(Exit::Interrupted);
    };
    let text = if arguments.json {
        let text = serde_json::to_string_pretty(&summary).context("cannot write the summary")?;
        format!("{text}\n")
    } else {
        page::render(&summary)
    };
    print(&text)?;
    Ok(if summary.interrupted_by_user {
        Exit::Interrupted
    } else if summary.answered() == 0 {
        talk("nothing was answered: there is nothing to say about the service");
        Exit::CouldNotRun
    } else {
        Exit::Pass
    })
}

/// Warm-up, load, summary. `None` when somebody asked twice to stop.
async fn under_load(arguments: &Arguments, order: &Order) -> anyhow::Result<Option<Summary>> {
    let clock = Clock::system();
    let stop = CancellationToken::new();
    let mut asked = Asked::listen()?;
    let seed = chance::Chance::system().bits();
    if let Some(warmup) = &order.warmup {
        talk(&format!("warming up for {}", Span(warmup.length())));
        let timeline = SharedTimeline::new(clock.wall(), clock.now(), Default::default());
        let service = Service::new(warmup.options(&clock, timeline, &stop, seed))?;
        match until_done(service, None, &stop, &mut asked).await? {
            Some(_) if !stop.is_cancelled() => {}
            Some(_) => bail!("stopped while warming up: nothing was measured"),
            None => return Ok(None),
        }
    }
    let (wall, started) = (clock.wall(), clock.now());
    let timeline = SharedTimeline::new(wall, started, Default::default());
    let service = Service::new(order.load.options(&clock, timeline.clone(), &stop, seed))?;
    let live = (!arguments.no_live)
        .then(|| live::View::open(&service.handle(), &order.load, clock.clone()))
        .flatten();
    let spent = summary::processor_time();
    let report = until_done(service, live, &stop, &mut asked).await?;
    let spent = summary::processor_time().saturating_sub(spent);
    Ok(report.map(|report| {
        Summary::of(order, &report, &timeline.snapshot(), wall, spent, stop.is_cancelled())
    }))
}

/// Runs the load to its end; asked once, it stops early, asked twice, nothing comes of it.
async fn until_done(
    service: Service,
    mut live: Option<live::View>,
    stop: &CancellationToken,
    asked: &mut Asked,
) -> anyhow::Result<Option<PhaseReport>> {
    let mut looks = tokio::time::interval(live::EVERY);
    let load = service.run();
    tokio::pin!(load);
    let report = loop {
        tokio::select! {
            report = &mut load => break Some(report),
            () = asked.next() => {
                if stop.is_cancelled() {
                    break None;
                }
                talk("stopping: the summary of what was measured follows (once more: at once)");
                stop.cancel();
            }
            _ = looks.tick(), if live.is_some() => {
                if let Some(view) = &mut live {
                    view.look();
                }
            }
        }
    };
    if let Some(view) = live {
        view.close();
    }
    Ok(report.transpose()?)
}

/// The longest the load engine takes.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);
