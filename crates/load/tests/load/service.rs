//! A service on a real port that answers, streams events and remembers what it was asked.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use seaworthy_load::check;
use seaworthy_net::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::world::{Trial, World, clean, known, plan};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Method and target.
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What the service does with a request.
pub(crate) enum Reply {
    /// Status, headers and body.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// A stream of events, to be written to with [`Service::tell`] until [`Service::hang_up`].
    Events,
}

pub(crate) fn ok(body: &str) -> Reply {
    Reply::Answer(200, Vec::new(), body.as_bytes().to_vec())
}

type Handler = dyn Fn(&Service, &Asked) -> Reply + Send + Sync;

#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    streams: Arc<Mutex<Vec<mpsc::UnboundedSender<String>>>>,
    handler: Arc<Handler>,
}

impl Service {
    pub(crate) async fn start(
        handler: impl Fn(&Service, &Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = Self {
            port: listener.local_addr().unwrap().port(),
            asked: Arc::default(),
            streams: Arc::default(),
            handler: Arc::new(handler),
        };
        let serving = service.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        service
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, line: &str) -> usize {
        self.asked().iter().filter(|asked| asked.line == line).count()
    }

    /// Writes to every open stream.
    pub(crate) fn tell(&self, text: &str) {
        self.streams.lock().unwrap().retain(|stream| stream.send(text.to_owned()).is_ok());
    }

    /// Ends every open stream.
    pub(crate) fn hang_up(&self) {
        self.streams.lock().unwrap().clear();
    }

    /// Takes requests one after another; ends with the connection.
    async fn serve(self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        while let Some(asked) = read(&mut stream, &mut bytes).await {
            self.asked.lock().unwrap().push(asked.clone());
            match (self.handler)(&self, &asked) {
                Reply::Answer(status, headers, body) => {
                    let mut text =
                        format!("HTTP/1.1 {status} -\r\nContent-Length: {}\r\n", body.len());
                    for (name, value) in headers {
                        text.push_str(&format!("{name}: {value}\r\n"));
                    }
                    let whole = [text.as_bytes(), b"\r\n", &body].concat();
                    if stream.write_all(&whole).await.is_err() {
                        return;
                    }
                }
                Reply::Events => {
                    let (sender, mut events) = mpsc::unbounded_channel();
                    self.streams.lock().unwrap().push(sender);
                    let head =
                        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Node: n1\r\n\r\n";
                    if stream.write_all(head.as_bytes()).await.is_err() {
                        return;
                    }
                    while let Some(event) = events.recv().await {
                        if stream.write_all(event.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                    return;
                }
            }
        }
    }

    /// A phase against this service over real sockets; paths in the plan count from `folder`.
    pub(crate) fn trial(&self, yaml: &str, phase: Duration, folder: &Path) -> Trial {
        let plan = plan(yaml);
        let mut known = known(&[]);
        let mut open =
            |path: &str| std::fs::read(folder.join(path)).map_err(|error| error.to_string());
        let data = clean(check::data(&known, &plan.data, &mut open));
        let steps = plan.flows.iter().flat_map(|flow| flow.start.iter().chain(&flow.steps));
        let files = clean(check::files(&known, steps, &mut open));
        (known.data, known.files) = (data, files);
        let world = World::taking(Duration::ZERO);
        let nothing = "flows: [{name: x, target: service, steps: [{name: x, request: GET /}]}]\nload: [{flow: x, executor: constant-vus, vus: 1}]";
        let mut trial = Trial::new(&world, nothing, phase);
        trial.options.flows = clean(check::flows(&known, &plan.flows));
        trial.options.loads = clean(check::loads(&known, &plan.flows, &plan.load, phase));
        let url = Url::parse(&format!("http://127.0.0.1:{}", self.port)).unwrap();
        trial.options.targets.insert("service".to_owned(), url);
        trial.options.client = seaworthy_net::Options::default();
        trial
    }

    /// The same with flow `f`, which stands under `flows` as a list's element, and a number of
    /// iterations by one virtual user.
    pub(crate) fn iterations(&self, count: u32, flow: &str) -> Trial {
        let load = format!(
            "load: [{{flow: f, executor: per-vu-iterations, vus: 1, iterations: {count}}}]\n"
        );
        self.trial(&format!("{load}flows:\n{flow}"), Duration::from_secs(60), Path::new("."))
    }
}

/// The next request; `None` when the connection has ended.
async fn read(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<Asked> {
    loop {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let mut lines = head.split("\r\n");
            let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
            let headers: Vec<(String, String)> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            let mut asked = Asked { line, headers, body: Vec::new() };
            let length = asked.header("content-length").map_or(0, |text| text.parse().unwrap());
            if bytes.len() >= end + 4 + length {
                asked.body = bytes[end + 4..end + 4 + length].to_vec();
                bytes.drain(..end + 4 + length);
                return Some(asked);
            }
        }
        let mut more = [0; 4096];
        match stream.read(&mut more).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&more[..count]),
        }
    }
}
