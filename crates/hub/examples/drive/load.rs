//! What is asked of the hub: the default trial's tenant and flows, in a closed loop.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use seaworthy_base::Clock;
use serde_json::{Value, json};
use tokio::task::LocalSet;

use crate::hub::{Hub, used};
use crate::wire::{Connection, request};

const SHIPS: [&str; 23] = [
    "Aurora",
    "Borealis",
    "Calypso",
    "Dauntless",
    "Endeavour",
    "Fortuna",
    "Gallant",
    "Halcyon",
    "Intrepid",
    "Juno",
    "Kestrel",
    "Lodestar",
    "Meridian",
    "Nautilus",
    "Odyssey",
    "Pelican",
    "Quest",
    "Resolute",
    "Speedwell",
    "Triton",
    "Undaunted",
    "Valiant",
    "Wanderer",
];
const PORTS: [&str; 29] = [
    "Aarhus",
    "Bergen",
    "Cadiz",
    "Dakar",
    "Esbjerg",
    "Famagusta",
    "Genoa",
    "Hamburg",
    "Izmir",
    "Jeddah",
    "Kotor",
    "Lisbon",
    "Mombasa",
    "Nantes",
    "Oslo",
    "Piraeus",
    "Quebec",
    "Riga",
    "Santos",
    "Trieste",
    "Ushuaia",
    "Valletta",
    "Wismar",
    "Xiamen",
    "Yokohama",
    "Zadar",
    "Antwerp",
    "Bilbao",
    "Catania",
];
const CARGOES: [&str; 31] = [
    "amber", "barley", "cedar", "dates", "ebony", "flax", "ginger", "hemp", "indigo", "jute",
    "kelp", "linen", "maize", "nutmeg", "olives", "pepper", "quinine", "rice", "saffron", "tea",
    "umber", "vanilla", "wool", "yarn", "zinc", "almonds", "basalt", "copper", "dyes", "figs",
    "granite",
];
const MEMORIES: usize = 10_000;
const RULES: usize = 1_000;
const SESSIONS: usize = 64;
const MEMBER: [&str; 8] = [
    "session:read",
    "session:write",
    "memory:read",
    "memory:write",
    "policy:read",
    "policy:write",
    "policy:evaluate",
    "inference:use",
];

/// What was made in the hub, and how many turns it has acknowledged.
pub(crate) struct World {
    pub(crate) token: String,
    pub(crate) sessions: Vec<String>,
    acknowledged: RefCell<u64>,
}

impl World {
    pub(crate) fn acknowledged(&self) -> u64 {
        *self.acknowledged.borrow()
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }
}

/// What is called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Evaluate,
    Retrieve,
    Turn,
}

impl Target {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Evaluate => "policy evaluations",
            Self::Retrieve => "retrievals",
            Self::Turn => "durable turns",
        }
    }

    fn role(self) -> &'static str {
        match self {
            Self::Evaluate => "policy",
            Self::Retrieve => "memory",
            Self::Turn => "gateway",
        }
    }

    fn request(self, world: &World, number: usize) -> Vec<u8> {
        // A step that is prime to all lengths: neighbours in time are not neighbours in the data.
        let pick = number * 7_919 % MEMORIES;
        let bearer = world.bearer();
        let post = |path, extra: &str, body| request("POST", path, &bearer, extra, &body);
        match self {
            Self::Evaluate => {
                let lot = pick % (RULES - 1);
                let prompt = match number % 4 {
                    0 => format!("Please load lot {lot}. Today if you can."),
                    1 => format!("Please weigh crate {lot} and tell me."),
                    2 => format!("Then SCUTTLE the Ship, all {lot} of you!"),
                    _ => format!("What is the tide at berth {lot}?"),
                };
                post(
                    "/v1/evaluate",
                    "",
                    json!({"session_id": format!("session-{lot}"), "tenant": "harbour",
                        "user": "pilot", "role": "pilot", "prompt": prompt, "metadata": {}}),
                )
            }
            Self::Retrieve => {
                let (ship, port, cargo) = (SHIPS[pick % 23], PORTS[pick % 29], CARGOES[pick % 31]);
                let query = format!("Which voyage of the {ship} carried {cargo} to {port}?");
                post("/v1/rag/retrieve", "", json!({ "query": query }))
            }
            Self::Turn => {
                let session = &world.sessions[number % world.sessions.len()];
                let message = format!("What do we know of voyage number {pick}?");
                post(
                    "/v1/sessions/message",
                    &format!("idempotency-key: turn-{number}\r\n"),
                    json!({"session_id": session, "message": message}),
                )
            }
        }
    }
}

/// What a closed loop came to.
pub(crate) struct Measured {
    pub(crate) target: Target,
    pub(crate) rate: f64,
    /// Good answers, each with a status of 200; there is at least one.
    pub(crate) count: usize,
    /// Processor milliseconds an operation, by process; the generator's own under `generator`.
    pub(crate) cpu: BTreeMap<&'static str, f64>,
    /// Sorted, in seconds, one for each good answer.
    times: Vec<f64>,
}

impl Measured {
    /// In milliseconds.
    pub(crate) fn quantile(&self, at: f64) -> f64 {
        let place = (self.times.len() as f64 * at) as usize;
        self.times[place.min(self.times.len() - 1)] * 1e3
    }

    pub(crate) fn json(&self) -> Value {
        json!({"target": self.target.name(), "rate": self.rate, "count": self.count,
            "p50_ms": self.quantile(0.5), "p95_ms": self.quantile(0.95), "p99_ms": self.quantile(0.99), "cpu_ms": self.cpu})
    }
}

/// Calls `target` for some seconds after one of warming up, each connection one request at a time.
///
/// # Errors
/// At the first answer that is not a success, and when nothing was answered in time.
pub(crate) async fn measure(
    hub: &Hub,
    world: &World,
    target: Target,
    connections: usize,
    seconds: u64,
) -> Result<Measured> {
    thread_local!(static NEXT: RefCell<usize> = const { RefCell::new(0) });
    let address = hub.address(target.role())?;
    let clock = Clock::system();
    let begin = clock.now() + Duration::from_secs(1);
    let end = begin + Duration::from_secs(seconds);
    let worker = async || -> Result<(Vec<f64>, u64)> {
        let mut connection = Connection::open(address).await?;
        let (mut times, mut good) = (Vec::new(), 0);
        loop {
            let number = NEXT.with_borrow_mut(|next| {
                *next += 1;
                *next
            });
            let request = target.request(world, number);
            let start = clock.now();
            if start >= end {
                return Ok((times, good));
            }
            let (status, body) = connection.exchange(&request).await?;
            if status != 200 {
                let said = String::from_utf8_lossy(body);
                bail!("of {}, one was answered {status}: {said}", target.name());
            }
            good += 1;
            if start >= begin {
                times.push((clock.now() - start).as_secs_f64());
            }
        }
    };
    let processor = async || -> Result<(BTreeMap<&'static str, f64>, f64)> {
        tokio::time::sleep_until(begin).await;
        let (hub_before, own_before) = (hub.processor()?, used("/proc/self/stat")?);
        let start = clock.now();
        tokio::time::sleep_until(end).await;
        let mut spent = hub.processor()?;
        for (role, seconds) in &mut spent {
            *seconds -= hub_before.get(role).copied().unwrap_or(0.0);
        }
        spent.insert("generator", used("/proc/self/stat")? - own_before);
        Ok((spent, (clock.now() - start).as_secs_f64()))
    };
    let workers = futures_util::future::try_join_all((0..connections).map(|_| worker()));
    let (done, (spent, took)) = tokio::try_join!(workers, processor())?;
    let mut times = Vec::new();
    for (each, good) in done {
        times.extend(each);
        if target == Target::Turn {
            *world.acknowledged.borrow_mut() += good;
        }
    }
    times.sort_unstable_by(f64::total_cmp);
    let count = times.len();
    if count == 0 {
        bail!("no {} in {seconds} s: nothing was measured", target.name());
    }
    let cpu =
        spent.into_iter().map(|(role, seconds)| (role, seconds * 1e3 / count as f64)).collect();
    Ok(Measured { target, rate: count as f64 / took, count, cpu, times })
}

/// Makes tenant, user, token, rules, memories and sessions through the endpoints.
pub(crate) async fn fill(hub: &Hub, connections: usize) -> Result<World> {
    let pair = BASE64_STANDARD.encode(format!("admin:{}", hub.credential()?));
    let admin = format!("Basic {pair}");
    let mut identity = Connection::open(hub.address("identity")?).await?;
    let user = json!({"tenant_id": "harbour", "name": "The Pilot", "email": "pilot@harbour.example",
        "capabilities": MEMBER});
    let issue = json!({"user_id": "pilot", "tenant_id": "harbour", "capabilities": MEMBER,
        "expires_in": 86_400});
    let tenant = json!({"name": "The Harbour"});
    good(&mut identity, &request("PUT", "/v1/tenants/harbour", &admin, "", &tenant)).await?;
    good(&mut identity, &request("PUT", "/v1/users/pilot", &admin, "", &user)).await?;
    let issued = request("POST", "/v1/tokens/issue", &admin, "", &issue);
    let issued = good(&mut identity, &issued).await?;
    let token = issued["token"].as_str().context("a token")?.to_owned();
    let bearer = format!("Bearer {token}");

    let rule = |number: usize| {
        let (name, pattern) = match number {
            0 => ("no-scuttling".to_owned(), "scuttle the ship".to_owned()),
            number => (format!("embargo-{}", number - 1), format!("lot {}.", number - 1)),
        };
        json!({"name": name, "pattern": pattern, "weight": 0.5, "severity": "high",
            "description": "under embargo"})
    };
    let rules: Vec<Value> = (0..RULES).map(rule).collect();
    let put = request("PUT", "/v1/policies/harbour", &bearer, "", &json!({ "rules": rules }));
    good(&mut Connection::open(hub.address("policy")?).await?, &put).await?;

    let next = Rc::new(RefCell::new(0..MEMORIES));
    let writer = async || -> Result<()> {
        let mut memory = Connection::open(hub.address("memory")?).await?;
        loop {
            let Some(at) = next.borrow_mut().next() else { return Ok(()) };
            let (ship, port, cargo) = (SHIPS[at % 23], PORTS[at % 29], CARGOES[at % 31]);
            let value = format!("The {ship} carried {cargo} to {port} on voyage number {at}.");
            let body = json!({"key": format!("voyage-{at}"), "value": value});
            good(&mut memory, &request("POST", "/v1/remember", &bearer, "", &body)).await?;
        }
    };
    let writers = futures_util::future::try_join_all((0..connections).map(|_| writer()));
    LocalSet::new().run_until(writers).await?;

    let mut gateway = Connection::open(hub.address("gateway")?).await?;
    let mut sessions = Vec::new();
    for _ in 0..SESSIONS {
        let body = json!({"prompt": "A conversation about voyages."});
        let made = request("POST", "/v1/sessions", &bearer, "", &body);
        let made = good(&mut gateway, &made).await?;
        sessions.push(made["session_id"].as_str().context("a session")?.to_owned());
    }
    Ok(World { token, sessions, acknowledged: RefCell::new(0) })
}

async fn good(connection: &mut Connection, request: &[u8]) -> Result<Value> {
    let (status, body) = connection.exchange(request).await?;
    if !(200..300).contains(&status) {
        bail!("answered {status}: {}", String::from_utf8_lossy(body));
    }
    Ok(serde_json::from_slice(body)?)
}

async fn session(hub: &Hub, world: &World, session: &str) -> Result<Value> {
    let mut gateway = Connection::open(hub.address("gateway")?).await?;
    let path = format!("/v1/sessions/{session}");
    good(&mut gateway, &request("GET", &path, &world.bearer(), "", &Value::Null)).await
}

/// How many turns the sessions hold.
pub(crate) async fn count_turns(hub: &Hub, world: &World) -> Result<u64> {
    let mut turns = 0;
    for id in &world.sessions {
        turns += session(hub, world, id).await?["turns"].as_u64().context("a count of turns")?;
    }
    Ok(turns)
}

/// The session's latest event, so that a stream opened after it has nothing to send.
pub(crate) async fn latest_event(hub: &Hub, world: &World, id: &str) -> Result<u64> {
    session(hub, world, id).await?["event_id"].as_u64().context("an event id")
}
