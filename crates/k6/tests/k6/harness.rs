//! Runs a script as `seaworthy run` does, and a server for it to talk to.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use seaworthy_base::Clock;
use seaworthy_k6::console::{Console, Level};
use seaworthy_k6::options::Flags;
use seaworthy_k6::output::Outlet;
use seaworthy_k6::{Error, Options, Reading, Report, Script, Service};
use seaworthy_load::SharedTimeline;
use seaworthy_metrics::{Sample, Snapshot};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What the console said.
#[derive(Clone, Default)]
pub struct Said(Arc<Mutex<Vec<u8>>>);

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Said {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// A run that is over.
pub struct Ran {
    pub report: Report,
    pub said: String,
    pub samples: Vec<Sample>,
    pub thresholds: Vec<(String, String, bool)>,
}

impl Ran {
    /// The messages of `console.log`, in order.
    pub fn logged(&self) -> Vec<&str> {
        let mine = self.said.lines().filter_map(|line| line.strip_suffix("  source=console"));
        mine.map(|line| line.split_once("] ").unwrap().1).collect()
    }

    /// Checks by name: passes and fails.
    pub fn checks(&self) -> BTreeMap<String, (u64, u64)> {
        checks(&self.report.snapshot)
    }

    /// The samples of a metric.
    pub fn of(&self, metric: &str) -> Vec<&Sample> {
        self.samples.iter().filter(|sample| sample.metric.name() == metric).collect()
    }

    /// The sum of a metric's samples.
    pub fn sum(&self, metric: &str) -> f64 {
        self.of(metric).iter().map(|sample| sample.value).sum()
    }

    /// Fails with what was said unless all checks held and nothing broke.
    pub fn is_clean(&self) -> &Self {
        assert!(self.report.fault.is_none(), "{:?}\n{}", self.report.fault, self.said);
        assert!(!self.said.contains("ERRO"), "{}", self.said);
        for (name, (_, fails)) in self.checks() {
            assert_eq!(fails, 0, "check {name}: {}", self.said);
        }
        self
    }
}

fn checks(snapshot: &Snapshot) -> BTreeMap<String, (u64, u64)> {
    snapshot
        .checks()
        .map(|check| (check.name.to_string(), (check.passes, check.fails)))
        .collect()
}

/// Runs a script that needs nothing.
pub async fn run(text: &str) -> Ran {
    run_with(text, &Flags::default(), &[]).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a script with flags and environment.
pub async fn run_with(
    text: &str,
    flags: &Flags,
    environment: &[(&str, &str)],
) -> Result<Ran, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script.js");
    std::fs::write(&path, text).unwrap();
    run_file(&path, flags, environment).await
}

/// Runs a file.
pub async fn run_file(
    path: &std::path::Path,
    flags: &Flags,
    environment: &[(&str, &str)],
) -> Result<Ran, Error> {
    let clock = Clock::system();
    let said = Said::default();
    let console = Console::new(clock.clone(), Level::Debug, Box::new(said.clone()));
    let environment =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let script = Script::read(Reading {
        path: path.to_owned(),
        text: None,
        environment,
        modules_dir: path.parent().map(|folder| folder.join("modules")),
        console,
        clock: clock.clone(),
        memory_limit: 256 << 20,
        seed: 7,
        stop: CancellationToken::new(),
    })
    .await?;
    let (consolidated, _) = script.consolidate(flags, None)?;
    let (outlet, mut samples) = Outlet::new();
    let timeline = SharedTimeline::new(clock.wall(), clock.now(), BTreeMap::new());
    let service = Service::new(
        &script,
        Options {
            consolidated,
            phase: "script".to_owned(),
            timeline,
            outlet: Some(outlet),
            queue: false,
            workers: None,
        },
    )?;
    let thresholds = service.thresholds().clone();
    let report = service.run().await;
    drop(script);
    let mut all = Vec::new();
    while let Ok(batch) = samples.try_recv() {
        all.extend(batch);
    }
    let held = thresholds.evaluate(&report.snapshot);
    let held = held
        .iter()
        .map(|it| (it.target.name.clone(), it.threshold.source.clone(), it.passed))
        .collect();
    Ok(Ran { report, said: said.text(), samples: all, thresholds: held })
}

/// A server whose answers depend on the path.
pub struct Server {
    pub address: SocketAddr,
    pub requests: Arc<Mutex<Vec<Seen>>>,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Bytes,
}

impl Server {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(request, Arc::clone(&seen)));
                    let connection = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service);
                    let _ = connection.await;
                });
            }
        });
        Self { address, requests }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The script with the server's URL in the place of `BASE`.
    pub fn fill(&self, script: &str) -> String {
        script.replace("BASE", &self.url())
    }
}

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Mutex<Vec<Seen>>>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let headers = parts.headers.iter().map(|(name, value)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let one = Seen {
        method: parts.method.to_string(),
        path: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: headers.collect(),
        body: body.clone(),
    };
    let cookie = one.headers.get("cookie").cloned().unwrap_or_default();
    seen.lock().unwrap().push(one.clone());
    let response = Response::builder();
    let path = parts.uri.path().to_owned();
    let mut pieces = path.trim_start_matches('/').split('/');
    let response = match (pieces.next().unwrap_or_default(), pieces.next()) {
        ("status", Some(code)) => response.status(code.parse::<u16>().unwrap()).body(Bytes::from("status")),
        ("json", _) => response
            .header("content-type", "application/json")
            .body(Bytes::from(r#"{"a":{"b":[1,2,{"c":"deep"}]},"name":"it"}"#)),
        ("redirect", Some(left)) => {
            let left: u32 = left.parse().unwrap();
            let next = if left > 1 { format!("/redirect/{}", left - 1) } else { "/final".to_owned() };
            response.status(302).header("location", next).body(Bytes::new())
        }
        ("setcookie", Some(pair)) => response
            .header("set-cookie", format!("{pair}; Path=/; HttpOnly"))
            .body(Bytes::from("set")),
        ("cookie", _) => response.body(Bytes::from(cookie)),
        ("echo", _) => response
            .header("x-method", one.method.as_str())
            .header("x-type", one.headers.get("content-type").cloned().unwrap_or_default())
            .body(body),
        _ => response.header("x-path", path.as_str()).body(Bytes::from("ok")),
    };
    Ok(response.unwrap().map(Full::new))
}
