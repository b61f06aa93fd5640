//! A hub under test: started on free ports with a folder of its own, called over HTTP.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use seaworthy_hub::{Database, Options, Role, Service};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::postgres;

/// How long any one thing may take before the test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Where the hub of this folder keeps its rows: in files, or, when the tests are run with
/// `SEAWORTHY_ROWS=postgres`, in a database of its own, the same as long as the folder lives.
pub(crate) async fn rows_of(data: &Path) -> Database {
    if !on_postgres() {
        return Database::Files;
    }
    let note = data.join("database");
    if let Ok(address) = std::fs::read_to_string(&note) {
        return address.parse().unwrap();
    }
    let address = postgres::database().await;
    std::fs::write(note, &address).unwrap();
    address.parse().unwrap()
}

/// Changes rows of a hub that has stopped, behind its back, and says how many.
pub(crate) async fn change(data: &Path, role: Role, sql: &str) -> u64 {
    if let Database::Files = rows_of(data).await {
        let file = data.join(role.name()).join("store.sqlite");
        let rows = rusqlite::Connection::open(file).unwrap();
        return rows.execute(sql, []).unwrap().try_into().unwrap();
    }
    let address = std::fs::read_to_string(data.join("database")).unwrap();
    let client = postgres::connect(&address).await.unwrap();
    let schema = format!("SET search_path TO seaworthy_{}", role.name());
    client.batch_execute(&schema).await.unwrap();
    client.execute(sql, &[]).await.unwrap()
}

/// Whether hubs keep their rows in PostgreSQL.
pub(crate) fn on_postgres() -> bool {
    match std::env::var("SEAWORTHY_ROWS").as_deref() {
        Ok("postgres") => true,
        Ok("files") | Err(_) => false,
        Ok(other) => panic!("SEAWORTHY_ROWS is `{other}`, neither files nor postgres"),
    }
}

/// A hub in this process and its data.
pub(crate) struct Hub {
    pub(crate) data: TempDir,
    remote: Remote,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Deref for Hub {
    type Target = Remote;

    fn deref(&self) -> &Remote {
        &self.remote
    }
}

/// A hub somewhere, as its clients see it.
#[derive(Clone)]
pub(crate) struct Remote {
    data: PathBuf,
    bases: Vec<(Role, String)>,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Hub {
    /// These roles, on a folder of their own.
    pub(crate) async fn start(roles: &[Role]) -> Self {
        let roles = roles.to_vec();
        Self::with(tempfile::tempdir().unwrap(), |options| options.roles(roles)).await
    }

    /// On this folder, with options changed as the test needs.
    pub(crate) async fn with(data: TempDir, change: impl FnOnce(Options) -> Options) -> Self {
        let rows = rows_of(data.path()).await;
        let options = change(Options::new(data.path()).any_ports().database(rows));
        let roles = options.roles.clone();
        let service = Service::bind(options).await.unwrap();
        let base = |role: &Role| (*role, format!("http://{}", service.address(*role).unwrap()));
        let bases = roles.iter().map(base).collect();
        let stop = CancellationToken::new();
        let running = tokio::spawn(service.run(stop.clone()));
        let remote = Remote::new(data.path(), bases);
        Self { data, remote, stop, running }
    }

    /// Stops it as an operator would, and gives its folder back.
    pub(crate) async fn stop(self) -> TempDir {
        self.stop.cancel();
        tokio::time::timeout(DEADLINE, self.running).await.unwrap().unwrap();
        self.data
    }
}

impl Remote {
    pub(crate) fn new(data: &Path, bases: Vec<(Role, String)>) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { data: data.to_owned(), bases, client }
    }

    /// Where a role answers.
    pub(crate) fn base(&self, role: Role) -> &str {
        &self.bases.iter().find(|(one, _)| *one == role).unwrap().1
    }

    /// The admin credential, from its file.
    pub(crate) fn credential(&self) -> String {
        let path = self.data.join("identity/admin.credential");
        std::fs::read_to_string(path).unwrap().trim().to_owned()
    }

    pub(crate) fn call(&self, role: Role, method: &str, path: &str) -> Call<'_> {
        let builder = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(format!("{}{path}", self.base(role)));
        Call { remote: self, builder, body: Bytes::new() }
    }

    pub(crate) fn get(&self, role: Role, path: &str) -> Call<'_> {
        self.call(role, "GET", path)
    }

    pub(crate) fn post(&self, role: Role, path: &str, body: Value) -> Call<'_> {
        self.call(role, "POST", path).json(body)
    }

    pub(crate) fn put(&self, role: Role, path: &str, body: Value) -> Call<'_> {
        self.call(role, "PUT", path).json(body)
    }

    /// Makes a tenant and a user in it, and returns a token with all of the user's capabilities.
    pub(crate) async fn token(&self, tenant: &str, user: &str, capabilities: &[&str]) -> String {
        let credential = self.credential();
        let put =
            self.put(Role::Identity, &format!("/v1/tenants/{tenant}"), json!({"name": tenant}));
        assert!(put.admin(&credential).send().await.status.is_success());
        let body = json!({
            "tenant_id": tenant,
            "name": user,
            "email": format!("{user}@{tenant}.example"),
            "capabilities": capabilities,
        });
        let put = self.put(Role::Identity, &format!("/v1/users/{user}"), body);
        assert!(put.admin(&credential).send().await.status.is_success());
        let body = json!({"user_id": user, "tenant_id": tenant, "capabilities": capabilities});
        let issued =
            self.post(Role::Identity, "/v1/tokens/issue", body).admin(&credential).send().await;
        assert_eq!(issued.status, 200, "{issued:?}");
        issued.body["token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn verify(&self, token: &str) -> Answer {
        self.post(Role::Identity, "/v1/tokens/verify", json!({"token": token})).send().await
    }

    /// A counter's value in the role's metrics; zero when it is not there yet.
    pub(crate) async fn counter(&self, role: Role, line: &str) -> f64 {
        let text = self.get(role, "/metrics").send().await.text;
        let value = text.lines().find_map(|row| row.strip_prefix(line)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().unwrap())
    }
}

/// A request being put together.
pub(crate) struct Call<'a> {
    remote: &'a Remote,
    builder: http::request::Builder,
    body: Bytes,
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn admin(self, credential: &str) -> Self {
        let pair = BASE64_STANDARD.encode(format!("admin:{credential}"));
        self.header("authorization", &format!("Basic {pair}"))
    }

    pub(crate) fn json(self, body: Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn body(mut self, media: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("content-type", media)
    }

    pub(crate) async fn send(self) -> Answer {
        self.attempt().await.expect("the hub did not answer")
    }

    /// None when there is no whole answer.
    pub(crate) async fn attempt(self) -> Option<Answer> {
        let request = self.builder.body(Full::new(self.body)).unwrap();
        let exchange = async {
            let (parts, body) = self.remote.client.request(request).await.ok()?.into_parts();
            Some((parts, body.collect().await.ok()?.to_bytes()))
        };
        let (parts, bytes) = tokio::time::timeout(DEADLINE, exchange).await.unwrap()?;
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Some(Answer { status: parts.status, headers: parts.headers, body, text })
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    /// Checks that this is a whole problem document with this status and code.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        assert_eq!(self.body["code"], format!("hub.{code}"), "{self:?}");
        assert_eq!(self.body["status"], status, "{self:?}");
        for field in ["type", "title", "detail", "instance"] {
            assert!(self.body[field].is_string(), "no {field}: {self:?}");
        }
        assert!(self.headers.contains_key("x-request-id"), "{self:?}");
        if status == 401 {
            assert!(self.headers.contains_key("www-authenticate"), "{self:?}");
        }
    }

    #[track_caller]
    pub(crate) fn ok(&self, status: u16) -> &Value {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        &self.body
    }
}
