//! A hub of six processes, started and signed in to as an operator would.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::http::{Answer, PATIENCE, exchange};

pub(crate) const ROLES: [&str; 6] =
    ["identity", "policy", "memory", "inference", "orchestrator", "gateway"];

/// Six processes, one a role; killed when dropped.
pub(crate) struct Hub {
    pub(crate) folder: tempfile::TempDir,
    addresses: BTreeMap<&'static str, SocketAddr>,
    processes: BTreeMap<&'static str, Child>,
    /// Extra environment for a role's process.
    extra: BTreeMap<&'static str, Vec<(String, String)>>,
    pub(crate) token: String,
}

impl Hub {
    /// Starts every role, with extra environment for some, and signs in.
    pub(crate) fn start(extra: &[(&'static str, &str, &Path)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports = seaworthy_process::free_ports(ROLES.len()).unwrap();
        let addresses = ROLES
            .into_iter()
            .zip(ports)
            .map(|(role, port)| (role, SocketAddr::from(([127, 0, 0, 1], port))))
            .collect();
        let mut hub = Self {
            folder,
            addresses,
            processes: BTreeMap::new(),
            extra: BTreeMap::new(),
            token: String::new(),
        };
        for (role, variable, value) in extra {
            let pair = ((*variable).to_owned(), value.display().to_string());
            hub.extra.entry(role).or_default().push(pair);
        }
        for role in ROLES {
            hub.spawn(role);
        }
        for role in ROLES {
            hub.wait_ready(role);
        }
        hub.sign_in();
        hub
    }

    fn spawn(&mut self, role: &'static str) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join(format!("{role}.log")))
            .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_seaworthy"));
        command.args(["hub", "serve", "--role", role]).arg("--data").arg(self.data());
        for (role, address) in &self.addresses {
            let variable = format!("SEAWORTHY_HUB_{}", role.to_uppercase());
            command.env(variable, address.to_string());
        }
        for (variable, value) in self.extra.get(role).into_iter().flatten() {
            command.env(variable, value);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.processes.insert(role, child);
    }

    /// Where a role listens.
    pub(crate) fn address(&self, role: &str) -> SocketAddr {
        self.addresses[role]
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn log(&self, role: &str) -> String {
        fs::read_to_string(self.folder.path().join(format!("{role}.log"))).unwrap_or_default()
    }

    /// Waits until the role says that it can serve.
    #[expect(
        clippy::disallowed_methods,
        reason = "a deadline for a real process, on the real clock"
    )]
    pub(crate) fn wait_ready(&mut self, role: &'static str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ready = exchange(self.addresses[role], "GET", "/ready", &[], None);
            if matches!(&ready, Ok(answer) if answer.status == 200) {
                return;
            }
            let ended = self.processes.get_mut(role).and_then(|child| child.try_wait().unwrap());
            assert!(
                Instant::now() < deadline && ended.is_none(),
                "{role} does not get ready ({ended:?}, {ready:?}):\n{}",
                self.log(role)
            );
            std::thread::yield_now();
        }
    }

    fn sign_in(&mut self) {
        let credential = fs::read_to_string(self.data().join("identity/admin.credential")).unwrap();
        let basic = format!("Basic {}", STANDARD.encode(format!("admin:{}", credential.trim())));
        let issue = |authorization: &str, user: &str, tenant: &str, capabilities: &Value| {
            let body = json!({"user_id": user, "tenant_id": tenant, "capabilities": capabilities});
            let answer = self.call(
                "identity",
                "POST",
                "/v1/tokens/issue",
                &[("authorization", authorization)],
                Some(&body),
            );
            assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
            format!("Bearer {}", answer.json()["token"].as_str().unwrap())
        };
        let admin = issue(&basic, "admin", "system", &json!(["*"]));
        let put = |path: &str, body: Value| {
            let answer =
                self.call("identity", "PUT", path, &[("authorization", &admin)], Some(&body));
            assert!(
                matches!(answer.status, 200 | 201),
                "{}",
                String::from_utf8_lossy(&answer.body)
            );
        };
        let capabilities = json!([
            "session:read",
            "session:write",
            "memory:read",
            "memory:write",
            "policy:read",
            "policy:write",
            "policy:evaluate",
            "inference:use"
        ]);
        put("/v1/tenants/harbour", json!({"name": "The Harbour"}));
        put(
            "/v1/users/pilot",
            json!({"tenant_id": "harbour", "name": "Pilot", "email": "p@harbour.example",
                   "active": true, "capabilities": capabilities}),
        );
        let token = issue(&admin, "pilot", "harbour", &capabilities);
        let rules = json!({"rules": [{"name": "no-scuttling", "pattern": "scuttle the ship",
            "weight": 1.0, "severity": "critical", "description": "Nobody sinks a ship here."}]});
        let answer = self.call(
            "policy",
            "PUT",
            "/v1/policies/harbour",
            &[("authorization", &token)],
            Some(&rules),
        );
        assert!(matches!(answer.status, 200 | 201), "{}", String::from_utf8_lossy(&answer.body));
        self.token = token;
    }

    /// One exchange with a role that is expected to answer.
    pub(crate) fn call(
        &self,
        role: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        exchange(self.addresses[role], method, path, headers, body)
            .unwrap_or_else(|error| panic!("{role} {method} {path}: {error}\n{}", self.log(role)))
    }

    /// One exchange as the signed-in user, which may fail.
    pub(crate) fn attempt(
        &self,
        role: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> std::io::Result<Answer> {
        let mut all = vec![("authorization", self.token.as_str())];
        all.extend_from_slice(headers);
        exchange(self.addresses[role], method, path, &all, body)
    }

    /// Opens a conversation and gives its id.
    pub(crate) fn open_session(&self) -> String {
        let body = json!({"prompt": "A conversation."});
        let answer = self.attempt("gateway", "POST", "/v1/sessions", &[], Some(&body)).unwrap();
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()["session_id"].as_str().unwrap().to_owned()
    }

    /// The process that plays a role.
    pub(crate) fn pid(&self, role: &str) -> u32 {
        self.processes[role].id()
    }

    /// `kill -9`, and waits for the process to be gone.
    pub(crate) fn kill(&mut self, role: &'static str) {
        let mut child = self.processes.remove(role).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts a role again that was killed, and waits until it can serve.
    pub(crate) fn restart(&mut self, role: &'static str) {
        self.spawn(role);
        self.wait_ready(role);
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        for child in self.processes.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
