//! A target's own metrics, asked for beside the load, once every so often.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use seaworthy_base::{Clock, Instant};
use seaworthy_net::{Client, Request, Url};
use tokio_util::sync::CancellationToken;

use crate::exposition;
use crate::meter::Meter;
use crate::resources::Shared;
use crate::watch::Watch;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a target's metrics are, and what is read of them.
pub(crate) struct Scrape {
    pub(crate) target: String,
    pub(crate) url: Url,
    pub(crate) path: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) every: Duration,
    /// Whether the plan says that there are metrics. Where it does not, they are looked for once.
    pub(crate) declared: bool,
    pub(crate) watches: Vec<Watch>,
    pub(crate) client: seaworthy_net::Options,
}

/// How asking for a target's metrics went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) declared: bool,
    pub(crate) path: String,
    /// Pages that were read.
    pub(crate) pages: u64,
    /// Times that no page could be read.
    pub(crate) failed: u64,
    /// Why, the first time.
    pub(crate) why: Option<String>,
}

/// Asks until stopped. Undeclared metrics that are not there the first time are not asked for again.
pub(crate) async fn run(
    mut scrape: Scrape,
    clock: Clock,
    began: Instant,
    shared: Shared,
    stop: CancellationToken,
) {
    let mut meter = Meter::new(std::mem::take(&mut scrape.watches));
    scrape.client.request_timeout = PATIENCE;
    scrape.client.connect_timeout = PATIENCE;
    scrape.client.max_body = exposition::MOST_BYTES;
    let mut client = Client::new(scrape.client.clone());
    let mut ticks = tokio::time::interval(scrape.every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    shared.asked(&scrape.target, |asked| {
        asked.declared = scrape.declared;
        asked.path.clone_from(&scrape.path);
    });
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let asked = async { page(&mut client, &scrape, &meter).await };
        let page = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            page = asked => page,
        };
        let now = clock.now();
        match page {
            Ok(page) => {
                let measured = meter.read(&page, now.duration_since(began).as_secs_f64());
                shared.measured(&scrape.target, now, measured);
                shared.asked(&scrape.target, |asked| asked.pages += 1);
            }
            Err(why) => {
                let pages = shared.asked(&scrape.target, |asked| {
                    asked.failed += 1;
                    asked.why.get_or_insert(why);
                    asked.pages
                });
                if !scrape.declared && pages == 0 {
                    return;
                }
            }
        }
    }
}

async fn page(
    client: &mut Client,
    scrape: &Scrape,
    meter: &Meter,
) -> Result<exposition::Page, String> {
    let mut request = Request::get(scrape.url.join(&scrape.path));
    request.headers.clone_from(&scrape.headers);
    let response =
        client.send(&scrape.url, request).await.map_err(|failure| failure.to_string())?;
    if response.status != 200 {
        return Err(format!("it answers with status {}", response.status));
    }
    let page = exposition::read(&response.body, |name| meter.wants(name));
    if page.valid == 0 {
        return Err("what it answers is not Prometheus' text format".to_owned());
    }
    Ok(page)
}
