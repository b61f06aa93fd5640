//! Every role as a server of its own on a free port, in this process or in one each, with data that
//! outlives a restart, and the tenants' members who use it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{Method, StatusCode};
use seaworthy_hub::options::Peers;
use seaworthy_hub::{Options, Role, Service};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::harness::on_postgres;
use crate::postgres;
use crate::wire::{Answer, Call, Http, PATIENCE, Stream};

/// What a user needs for everything a tenant's member does.
pub(crate) const MEMBER: [&str; 7] = [
    "session:read",
    "session:write",
    "memory:read",
    "memory:write",
    "policy:evaluate",
    "policy:write",
    "inference:use",
];

pub(crate) struct Fleet {
    data: tempfile::TempDir,
    running: BTreeMap<Role, Running>,
    addresses: BTreeMap<Role, SocketAddr>,
    /// Whether each role gets a process of its own, that may be killed.
    apart: bool,
    /// The database that keeps the rows; none: files.
    database: Option<String>,
    /// A library that each new process is made to load.
    preload: Option<PathBuf>,
    pub(crate) http: Http,
}

enum Running {
    Task { stop: CancellationToken, done: JoinHandle<()> },
    Process(Child),
}

impl Fleet {
    /// All roles in this process.
    pub(crate) async fn launch() -> Self {
        Self::with(false, Self::rows().await).await
    }

    /// All roles, each in a process of its own.
    pub(crate) async fn launch_apart() -> Self {
        Self::with(true, Self::rows().await).await
    }

    /// All roles, each in a process of its own, with their rows in files whatever the tests are told.
    pub(crate) async fn launch_apart_on_files() -> Self {
        Self::with(true, None).await
    }

    async fn rows() -> Option<String> {
        if on_postgres() { Some(postgres::database().await) } else { None }
    }

    /// All roles, in this process or in one each, with their rows in this database or in files.
    pub(crate) async fn with(apart: bool, database: Option<String>) -> Self {
        let mut fleet = Self {
            data: tempfile::tempdir().unwrap(),
            running: BTreeMap::new(),
            addresses: BTreeMap::new(),
            apart,
            database,
            preload: None,
            http: Http::new(),
        };
        for role in Role::ALL {
            fleet.start(role).await;
        }
        fleet
    }

    /// Starts a role, at its old address when it had one.
    pub(crate) async fn start(&mut self, role: Role) {
        let address =
            self.addresses.get(&role).copied().unwrap_or_else(|| "127.0.0.1:0".parse().unwrap());
        let running = if self.apart {
            let (address, child) = self.spawn(role, address).await;
            self.addresses.insert(role, address);
            Running::Process(child)
        } else {
            let peers = self.addresses.iter().map(|(role, at)| (*role, *at));
            let options = options(&self.data(), self.database.as_deref(), role, address, peers);
            let service = Service::bind(options).await.unwrap();
            self.addresses.insert(role, service.address(role).unwrap());
            let stop = CancellationToken::new();
            let done = tokio::spawn(service.run(stop.clone()));
            Running::Task { stop, done }
        };
        self.running.insert(role, running);
    }

    async fn spawn(&self, role: Role, address: SocketAddr) -> (SocketAddr, Child) {
        let order = json!({"data": self.data(), "database": self.database, "role": role,
            "address": address, "peers": self.addresses});
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["fleet::serve", "--exact", "--nocapture"])
            .env("SEAWORTHY_ORDER", order.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        if let Some(library) = &self.preload {
            command.env("LD_PRELOAD", library).env("SEAWORTHY_FAULT", self.fault(role));
        }
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let serving = async {
            loop {
                let line = lines.next_line().await.unwrap().expect("the role ended early");
                // The test runner's own words may stand in front, on the same line.
                if let Some((_, address)) = line.split_once("serving ") {
                    return address.parse().unwrap();
                }
            }
        };
        let address = tokio::time::timeout(PATIENCE, serving).await.expect("the role serves");
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        (address, child)
    }

    /// From now on processes are started with a library that makes system calls fail on demand.
    pub(crate) fn preload(&mut self, library: Option<PathBuf>) {
        self.preload = library;
    }

    /// The name that a role's faults are switched under.
    pub(crate) fn fault(&self, role: Role) -> PathBuf {
        self.data().join(format!("fault-{role}"))
    }

    /// Stops a role as an operator would.
    pub(crate) async fn stop(&mut self, role: Role) {
        // What the old role's connections are worth is not what is tested.
        self.http = Http::new();
        match self.running.remove(&role).unwrap() {
            Running::Task { stop, done } => {
                stop.cancel();
                tokio::time::timeout(PATIENCE, done).await.expect("the role stops").unwrap();
            }
            Running::Process(_) => unreachable!("processes are killed"),
        }
    }

    /// Ends a role's process with SIGKILL.
    pub(crate) async fn kill(&mut self, role: Role) {
        self.http = Http::new();
        match self.running.remove(&role).unwrap() {
            Running::Process(mut child) => child.kill().await.unwrap(),
            Running::Task { .. } => unreachable!("a role in this process cannot be killed"),
        }
    }

    pub(crate) async fn restart(&mut self, role: Role) {
        self.stop(role).await;
        self.start(role).await;
    }

    pub(crate) fn url(&self, role: Role, path: &str) -> String {
        format!("http://{}{path}", self.addresses[&role])
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.data.path().to_owned()
    }

    /// A token for `user` of `tenant`, both made when missing, with these capabilities.
    pub(crate) async fn token(&self, tenant: &str, user: &str, capabilities: &[&str]) -> String {
        let credential =
            std::fs::read_to_string(self.data().join("identity/admin.credential")).unwrap();
        let basic =
            format!("Basic {}", BASE64_STANDARD.encode(format!("admin:{}", credential.trim())));
        let identity = |path: &str| self.url(Role::Identity, path);
        let call = |method, path: String, body: Value| {
            let call = Call::new(method, identity(&path)).header("authorization", &basic);
            self.http.send(call.json(&body))
        };
        let made =
            call(Method::PUT, format!("/v1/tenants/{tenant}"), json!({"name": tenant})).await;
        assert!(made.status.is_success(), "{made:?}");
        let made = call(
            Method::PUT,
            format!("/v1/users/{user}"),
            json!({"tenant_id": tenant, "name": user, "email": format!("{user}@example.com"),
                   "capabilities": capabilities}),
        )
        .await;
        assert!(made.status.is_success(), "{made:?}");
        let issued = call(
            Method::POST,
            "/v1/tokens/issue".to_owned(),
            json!({"user_id": user, "tenant_id": tenant, "capabilities": capabilities}),
        )
        .await;
        assert!(issued.status.is_success(), "{issued:?}");
        issued.json["token"].as_str().unwrap().to_owned()
    }

    /// A member of a tenant whose policy forbids the word `sabotage`.
    pub(crate) async fn member(&self, tenant: &str) -> Member<'_> {
        let user = format!("user-{tenant}");
        let member = Member { fleet: self, token: self.token(tenant, &user, &MEMBER).await };
        let rules = json!({"rules": [{"name": "no sabotage", "pattern": "sabotage", "weight": 0.35,
            "severity": "high", "description": "nobody sinks ships here"}]});
        let put = member.put(Role::Policy, &format!("/v1/policies/{tenant}"), &rules).await;
        assert!(put.status.is_success(), "{put:?}");
        member
    }
}

fn options(
    data: &Path,
    database: Option<&str>,
    role: Role,
    address: SocketAddr,
    peers: impl IntoIterator<Item = (Role, SocketAddr)>,
) -> Options {
    let mut options = Options::new(data).roles([role]);
    if let Some(address) = database {
        options = options.database(address.parse().unwrap());
    }
    options.listen = BTreeMap::from([(role, address)]);
    options.limits.peer_timeout = Duration::from_secs(5);
    options.peers = peers
        .into_iter()
        .fold(Peers::default(), |peers, (role, at)| peers.with(role, format!("http://{at}")));
    options
}

/// What a process of its own is to serve.
#[derive(serde::Deserialize)]
struct Order {
    data: PathBuf,
    database: Option<String>,
    role: Role,
    address: SocketAddr,
    peers: BTreeMap<Role, SocketAddr>,
}

/// Not a test: what a fleet of processes starts as a role. Without an order there is nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve() {
    let Ok(order) = std::env::var("SEAWORTHY_ORDER") else { return };
    let order: Order = serde_json::from_str(&order).unwrap();
    let database = order.database.as_deref();
    let options = options(&order.data, database, order.role, order.address, order.peers);
    let service = Service::bind(options).await.unwrap();
    println!("serving {}", service.address(order.role).unwrap());
    service.run(CancellationToken::new()).await;
}

/// Someone with a token.
pub(crate) struct Member<'a> {
    pub(crate) fleet: &'a Fleet,
    pub(crate) token: String,
}

impl Member<'_> {
    pub(crate) fn call(&self, method: Method, role: Role, path: &str) -> Call {
        Call::new(method, self.fleet.url(role, path))
            .header("authorization", &format!("Bearer {}", self.token))
    }

    pub(crate) async fn get(&self, role: Role, path: &str) -> Answer {
        self.fleet.http.send(self.call(Method::GET, role, path)).await
    }

    pub(crate) async fn delete(&self, role: Role, path: &str) -> Answer {
        self.fleet.http.send(self.call(Method::DELETE, role, path)).await
    }

    pub(crate) async fn post(&self, role: Role, path: &str, body: &Value) -> Answer {
        self.fleet.http.send(self.call(Method::POST, role, path).json(body)).await
    }

    pub(crate) async fn put(&self, role: Role, path: &str, body: &Value) -> Answer {
        self.fleet.http.send(self.call(Method::PUT, role, path).json(body)).await
    }

    pub(crate) async fn session(&self) -> String {
        let made = self
            .post(Role::Gateway, "/v1/sessions", &json!({"prompt": "Let us talk about ships."}))
            .await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        made.json["session_id"].as_str().unwrap().to_owned()
    }

    /// Says something in a session through the gateway, under an idempotency key unless empty.
    pub(crate) async fn say(&self, session: &str, key: &str, message: &str) -> Answer {
        self.fleet.http.send(self.saying(session, key, message)).await
    }

    pub(crate) fn saying(&self, session: &str, key: &str, message: &str) -> Call {
        let body = json!({"session_id": session, "message": message});
        let call = self.call(Method::POST, Role::Gateway, "/v1/sessions/message").json(&body);
        if key.is_empty() { call } else { call.header("idempotency-key", key) }
    }

    /// What says each key's own message in a session, for tasks of their own.
    pub(crate) fn sayer(&self, session: &str) -> impl Fn(&str) -> Call + Send + use<> {
        let url = self.fleet.url(Role::Gateway, "/v1/sessions/message");
        let (bearer, session) = (format!("Bearer {}", self.token), session.to_owned());
        move |key| {
            let body = json!({"session_id": session, "message": format!("message {key}")});
            let call = Call::new(Method::POST, url.clone()).json(&body);
            call.header("authorization", &bearer).header("idempotency-key", key)
        }
    }

    pub(crate) async fn remember(&self, key: &str, value: &str) {
        let body = json!({"key": key, "value": value});
        let made = self.post(Role::Memory, "/v1/remember", &body).await;
        assert!(made.status.is_success(), "{made:?}");
    }

    pub(crate) async fn found(&self, query: &str) -> Vec<String> {
        let body = json!({"query": query, "limit": 50});
        let found = self.post(Role::Memory, "/v1/rag/retrieve", &body).await;
        assert_eq!(found.status, StatusCode::OK, "{found:?}");
        let sources = found.json["sources"].as_array().unwrap();
        sources.iter().map(|source| source["key"].as_str().unwrap().to_owned()).collect()
    }

    /// All events of a session, as they are stored.
    pub(crate) async fn events(&self, session: &str) -> Vec<Value> {
        self.pages(&format!("/v1/sessions/{session}/events?stream=false"), "events").await
    }

    /// All turns of a session.
    pub(crate) async fn turns(&self, session: &str) -> Vec<Value> {
        self.pages(&format!("/v1/sessions/{session}/turns?limit=500"), "turns").await
    }

    async fn pages(&self, path: &str, list: &str) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let read = self.get(Role::Gateway, &format!("{path}&after={after}")).await;
            assert_eq!(read.status, StatusCode::OK, "{read:?}");
            all.extend(read.json[list].as_array().unwrap().clone());
            match read.json["next_after"].as_u64() {
                Some(next) => after = next,
                None => return all,
            }
        }
    }

    /// Opens a session's event stream.
    pub(crate) async fn listen(&self, role: Role, session: &str, after: Option<u64>) -> Stream {
        let mut call = self.call(Method::GET, role, &format!("/v1/sessions/{session}/events"));
        if let Some(after) = after {
            call = call.header("last-event-id", &after.to_string());
        }
        let response = self.fleet.http.open(call).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Stream::new(response.into_body())
    }
}
