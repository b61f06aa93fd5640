//! A world for tests: a real HTTP server behind in-memory streams or a real port, and plans for it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use seaworthy_base::{Clock, Instant, Timestamp};
use seaworthy_document::Finding;
use seaworthy_load::{
    Flow, Load, Options, PhaseReport, Service, SharedTimeline, Timer, check, spec,
};
use seaworthy_net::{Network, Pending, Stream, Url};
use seaworthy_stats::Histogram;
use seaworthy_stats::timeline::{Timeline, Window};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

pub(crate) type Answer = http::Response<Full<Bytes>>;
type Handler = Arc<dyn Fn(Seen) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>;

/// A server and what it has seen. As a [`Network`] every address leads to it.
#[derive(Clone)]
pub(crate) struct World {
    handler: Handler,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<Mutex<usize>>,
}

impl fmt::Debug for World {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("World")
    }
}

pub(crate) fn answer(status: u16, body: &Value) -> Answer {
    http::Response::builder()
        .status(status)
        .header("content-type", "application/json; charset=utf-8")
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap()
}

impl World {
    pub(crate) fn new<F: Future<Output = Answer> + Send + 'static>(
        handler: impl Fn(Seen) -> F + Send + Sync + 'static,
    ) -> Self {
        let handler: Handler = Arc::new(move |seen| Box::pin(handler(seen)));
        Self { handler, seen: Arc::default(), connections: Arc::default() }
    }

    /// A server that answers every request after `delay`.
    pub(crate) fn taking(delay: Duration) -> Self {
        Self::new(move |_| async move {
            tokio::time::sleep(delay).await;
            answer(200, &json!({"ok": true}))
        })
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }

    fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        *self.connections.lock().unwrap() += 1;
        let world = self.clone();
        let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let world = world.clone();
            async move {
                let (head, body) = request.into_parts();
                let at = Clock::system().now();
                let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
                let seen = Seen {
                    at,
                    method: head.method.to_string(),
                    target: head.uri.to_string(),
                    headers: head.headers,
                    body: String::from_utf8_lossy(&body).into_owned(),
                };
                world.seen.lock().unwrap().push(seen.clone());
                Ok::<_, Infallible>((world.handler)(seen).await)
            }
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service),
        );
    }

    /// Serves on a free port too.
    pub(crate) async fn listen(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let world = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                world.serve(stream);
            }
        });
        address
    }
}

impl Network for World {
    fn look_up<'a>(&'a self, _: &'a str, port: u16) -> Pending<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(std::future::ready(Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])))
    }

    fn connect(&self, _: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>> {
        let (client, server) = tokio::io::duplex(64 * 1024);
        self.serve(server);
        Box::pin(std::future::ready(Ok(Box::new(client) as Box<dyn Stream>)))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    #[serde(default)]
    pub(crate) data: Vec<spec::Data>,
    #[serde(default)]
    pub(crate) flows: Vec<spec::Flow>,
    #[serde(default)]
    pub(crate) load: Vec<spec::Load>,
    #[serde(default)]
    pub(crate) setup: Vec<spec::Routine>,
}

pub(crate) fn plan(yaml: &str) -> Plan {
    seaworthy_document::yaml("plan.yaml", yaml).unwrap_or_else(|finding| panic!("{finding}"))
}

pub(crate) fn known(names: &[&str]) -> check::Known<'static> {
    check::Known {
        file: "plan.yaml",
        targets: ["service".to_owned()].into(),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        ..check::Known::default()
    }
}

pub(crate) fn clean<T>((value, findings): (T, Vec<Finding>)) -> T {
    assert!(findings.is_empty(), "{findings:#?}");
    value
}

pub(crate) fn checked(plan: &Plan, phase: Duration, names: &[&str]) -> (Vec<Flow>, Vec<Load>) {
    let known = known(names);
    let flows = clean(check::flows(&known, &plan.flows));
    (flows, clean(check::loads(&known, &plan.flows, &plan.load, phase)))
}

/// A phase that is about to run.
pub(crate) struct Trial {
    pub(crate) options: Options,
}

impl Trial {
    /// A phase named `steady` over `world`'s in-memory streams.
    pub(crate) fn new(world: &World, yaml: &str, phase: Duration) -> Self {
        Self::with(world, yaml, phase, json!({}))
    }

    pub(crate) fn with(world: &World, yaml: &str, phase: Duration, variables: Value) -> Self {
        let variables: BTreeMap<String, Value> =
            variables.as_object().unwrap().clone().into_iter().collect();
        let names: Vec<&str> = variables.keys().map(String::as_str).collect();
        let (flows, loads) = checked(&plan(yaml), phase, &names);
        let clock = Clock::system();
        let start = Timestamp::from_nanos(1_795_199_906_000_000_000);
        let bounds = BTreeMap::from([("response_time".to_owned(), vec![500_000_000])]);
        let options = Options {
            phase: "steady".to_owned(),
            loads,
            flows,
            targets: BTreeMap::from([(
                "service".to_owned(),
                Url::parse("http://service/").unwrap(),
            )]),
            variables,
            client: seaworthy_net::Options {
                network: Arc::new(world.clone()),
                ..seaworthy_net::Options::default()
            },
            seed: 7,
            workers: None,
            timeline: SharedTimeline::new(start, clock.now(), bounds),
            clock,
            stop: CancellationToken::new(),
        };
        Self { options }
    }

    pub(crate) async fn run(self) -> Done {
        let timeline = self.options.timeline.clone();
        let service = Service::new(self.options).unwrap().on(Timer::Runtime);
        let report = service.run().await.unwrap();
        Done { report, timeline: timeline.snapshot() }
    }

    /// On the kernel's timer, for trials over real sockets.
    pub(crate) async fn run_for_real(self) -> Done {
        let timeline = self.options.timeline.clone();
        let report = Service::new(self.options).unwrap().run().await.unwrap();
        Done { report, timeline: timeline.snapshot() }
    }
}

/// A phase that has run.
pub(crate) struct Done {
    pub(crate) report: PhaseReport,
    pub(crate) timeline: Timeline,
}

const ALL: Window = Window { from_second: 0, to_second: 10_000 };

impl Done {
    pub(crate) fn times(&self, metric: &str, tags: &[(&str, &str)]) -> Histogram {
        self.timeline.select(metric, &owned(tags)).histogram(ALL)
    }

    pub(crate) fn count(&self, metric: &str, tags: &[(&str, &str)]) -> u64 {
        self.timeline.select(metric, &owned(tags)).total(ALL).sum as u64
    }

    /// How many there were, and how many of them held.
    pub(crate) fn rate(&self, metric: &str, tags: &[(&str, &str)]) -> (u64, u64) {
        let total = self.timeline.select(metric, &owned(tags)).total(ALL);
        (total.n, total.hits)
    }

    /// Largest level noted.
    pub(crate) fn most(&self, metric: &str) -> f64 {
        self.timeline.select(metric, &BTreeMap::new()).total(ALL).max
    }

    pub(crate) fn quantile(&self, metric: &str, q: f64) -> u64 {
        self.times(metric, &[]).quantile(q).unwrap().middle()
    }
}

fn owned(tags: &[(&str, &str)]) -> BTreeMap<String, String> {
    tags.iter().map(|&(tag, value)| (tag.to_owned(), value.to_owned())).collect()
}
