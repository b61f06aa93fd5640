//! What an operator chooses before a hub starts: roles, addresses, the data folder, limits, terms.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use seaworthy_base::Clock;
use seaworthy_store::Server;
use serde::{Deserialize, Serialize};

use crate::auth::SYSTEM;
use crate::constitution::Key;
use crate::limits::{Allowance, House};
use crate::server::Error;

/// One of the services that make up the platform. One process may play any number of them.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The public front: sessions and messages, streamed events.
    Gateway,
    /// Runs a conversation turn: policy, recall, respond, remember, event.
    Orchestrator,
    /// Tenants, users and tokens.
    Identity,
    /// Rules per tenant and their evaluation.
    Policy,
    /// Durable memories, recalled by key and by meaning.
    Memory,
    /// Answers, from a model server or from stored memory.
    Inference,
}

impl Role {
    /// Every role, in the order they are started.
    pub const ALL: [Self; 6] = [
        Self::Identity,
        Self::Policy,
        Self::Memory,
        Self::Inference,
        Self::Orchestrator,
        Self::Gateway,
    ];

    /// The name on the command line and of the role's data folder.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Orchestrator => "orchestrator",
            Self::Identity => "identity",
            Self::Policy => "policy",
            Self::Memory => "memory",
            Self::Inference => "inference",
        }
    }

    /// The service's name in metrics and health documents.
    pub const fn service(self) -> &'static str {
        match self {
            Self::Gateway => "gateway-api",
            Self::Orchestrator => "orchestrator",
            Self::Identity => "identity-service",
            Self::Policy => "policy-engine",
            Self::Memory => "memory",
            Self::Inference => "inference",
        }
    }

    /// The port it listens on unless told otherwise.
    pub const fn port(self) -> u16 {
        match self {
            Self::Gateway => 10_000,
            Self::Orchestrator => 10_001,
            Self::Identity => 10_002,
            Self::Policy => 10_020,
            Self::Memory => 10_021,
            Self::Inference => 10_022,
        }
    }

    /// The loopback address with the default port.
    pub const fn address(self) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), self.port())
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// A name that is no role.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a role: choose from gateway, orchestrator, identity, policy, memory, inference"
)]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// Where other roles answer. A role left out is looked for in this process, then on its default
/// loopback port.
#[derive(Clone, Debug, Default)]
pub struct Peers(BTreeMap<Role, String>);

impl Peers {
    /// Sets a role's base URL, such as `http://127.0.0.1:10002`.
    #[must_use]
    pub fn with(mut self, role: Role, base: impl Into<String>) -> Self {
        self.0.insert(role, base.into());
        self
    }

    /// The base URL the operator gave for `role`, if any.
    pub fn get(&self, role: Role) -> Option<&str> {
        self.0.get(&role).map(String::as_str)
    }
}

/// Bounds on what a client may ask of one role.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Longest request body, in bytes.
    pub body: usize,
    /// Most header lines in a request.
    pub headers: usize,
    /// Longest request head, in bytes.
    pub head: usize,
    /// Most connections open at once, per role.
    pub connections: usize,
    /// How long a connection may take to send a request's head, waiting for it included.
    pub head_timeout: Duration,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// How long a request may take until its response begins.
    pub request_timeout: Duration,
    /// How long a call from one role to another may take, all its tries together.
    pub peer_timeout: Duration,
    /// Most calls from one role to another that are under way at once; four times as many may wait.
    pub peer_calls: usize,
    /// How long a role that keeps failing is not called by another.
    pub circuit_cooldown: Duration,
    /// How long requests under way may take to finish once the service is told to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 1 << 20,
            headers: 64,
            head: 32 << 10,
            connections: 4_096,
            head_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            peer_timeout: Duration::from_secs(10),
            peer_calls: 1_024,
            circuit_cooldown: Duration::from_secs(1),
            drain: Duration::from_secs(10),
        }
    }
}

/// How long tokens live and keys sign.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// A token's life when the request names none.
    pub lifetime: Duration,
    /// The longest life a request may ask for.
    pub longest: Duration,
    /// How long one key signs before the next takes over; it verifies until its tokens expired.
    pub rotation: Duration,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_secs(3_600),
            longest: Duration::from_secs(86_400),
            rotation: Duration::from_secs(24 * 3_600),
        }
    }
}

/// Which constitution tokens and verdicts are bound to.
#[derive(Clone, Debug, Default)]
pub struct Constitution {
    /// The signed bundle; without one, the last that held, or one of the hub's own.
    pub bundle: Option<PathBuf>,
    /// The public key it must be signed with, as PEM.
    pub key: Option<PathBuf>,
}

impl Constitution {
    /// The key the operator trusts, if one is named.
    pub(crate) fn trusted_key(&self) -> Result<Option<Key>, Error> {
        let refuse = |reason: String| Error::Constitution { reason };
        let Some(path) = &self.key else {
            return match &self.bundle {
                Some(_) => {
                    Err(refuse("a constitution is given without the key it is signed with".into()))
                }
                None => Ok(None),
            };
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| refuse(format!("{}: {error}", path.display())))?;
        let key = Key::from_pem(&text).ok_or_else(|| {
            refuse(format!("{}: not the PEM of an RSA or Ed25519 public key", path.display()))
        })?;
        Ok(Some(key))
    }
}

/// The tenant that requests without a token are taken for.
#[derive(Clone, Debug)]
pub struct Anonymous {
    /// Its id.
    pub tenant: String,
    /// What it may use, unless identity has other limits for it.
    pub allowance: Allowance,
}

impl Anonymous {
    /// The tenant with this id, with at most 10,000 requests per second and 50 million inference
    /// tokens a day.
    pub fn new(tenant: impl Into<String>) -> Self {
        let allowance = Allowance {
            requests_per_second: NonZeroU32::new(10_000),
            tokens: Some(50_000_000),
            ..Allowance::default()
        };
        Self { tenant: tenant.into(), allowance }
    }
}

/// What people's texts are looked through for.
#[derive(Clone, Debug)]
pub struct Moderation {
    /// The terms, found anywhere and without regard to case.
    pub terms: Vec<String>,
    /// With how many strikes a flagged text is refused.
    pub block_after: NonZeroU32,
    /// How long strikes are remembered after the last one.
    pub remembered: Duration,
}

impl Default for Moderation {
    fn default() -> Self {
        let terms = ["jailbreak", "exploit", "malware", "self-harm"];
        Self {
            terms: terms.map(str::to_owned).to_vec(),
            block_after: NonZeroU32::MIN,
            remembered: Duration::from_secs(86_400),
        }
    }
}

impl Moderation {
    /// A moderated term is at most this long, in characters.
    const LONGEST: usize = 256;

    /// No term, or an empty one, was hardly meant: it would look through nothing.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let refuse = |reason: &str| Err(Error::Terms { reason: reason.to_owned() });
        let lengths = || self.terms.iter().map(|term| term.trim().chars().count());
        match (lengths().min(), lengths().max()) {
            (None | Some(0), _) => refuse("a term is empty, or there is none"),
            (_, Some(longest)) if longest > Self::LONGEST => refuse(&format!(
                "a term has {longest} characters; at most {} are looked for",
                Self::LONGEST
            )),
            _ => Ok(()),
        }
    }
}

/// Which wizards there are besides those that are shipped.
#[derive(Clone, Debug, Default)]
pub struct Wizards {
    /// A folder of definitions: every `.yaml` and `.yml` file in it, read once at the start.
    pub folder: Option<PathBuf>,
    /// The wizard that is begun where there is none with the id that was asked for.
    pub default: Option<String>,
}

/// Where the roles keep their rows.
#[derive(Clone, Debug, Default)]
pub enum Database {
    /// In an SQLite file each, in the role's folder.
    #[default]
    Files,
    /// In a schema each, of one PostgreSQL database.
    Server {
        /// Where it is.
        server: Server,
        /// What the schemas' names begin with: `seaworthy` makes `seaworthy_identity` and so on.
        prefix: String,
    },
}

impl FromStr for Database {
    type Err = seaworthy_store::Error;

    /// A PostgreSQL database, `postgres://...` as [`Server::new`] takes it, with schemas that begin with
    /// `seaworthy`.
    fn from_str(address: &str) -> Result<Self, Self::Err> {
        Ok(Self::Server { server: Server::new(address)?, prefix: "seaworthy".to_owned() })
    }
}

/// Everything a hub is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The roles this process plays.
    pub roles: Vec<Role>,
    /// Where each role listens; a role left out listens on its default loopback port. Port 0 takes
    /// any free port.
    pub listen: BTreeMap<Role, SocketAddr>,
    /// The folder that holds one sub-folder per role.
    pub data: PathBuf,
    /// Where the roles keep their rows. Identity's keys are files in its folder in any case.
    pub database: Database,
    /// Where the other roles answer.
    pub peers: Peers,
    /// Bounds on requests.
    pub limits: Limits,
    /// Lives of tokens and keys.
    pub tokens: Tokens,
    /// The constitution, and the key it is trusted under.
    pub constitution: Constitution,
    /// What tenants may use, unless identity has other limits for one.
    pub allowance: Allowance,
    /// Whom requests without a token are taken for; refused when nobody is named.
    pub anonymous: Option<Anonymous>,
    /// What prompts are looked through for.
    pub moderation: Moderation,
    /// The wizards.
    pub wizards: Wizards,
    /// How many connections each role's file is read with at once; reads beyond wait.
    pub readers: NonZeroUsize,
    /// Where the time comes from.
    pub clock: Clock,
}

pub use seaworthy_store::READERS;

impl Options {
    /// Every role on its default loopback port, with its data under `data`.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            roles: Role::ALL.to_vec(),
            listen: BTreeMap::new(),
            data: data.into(),
            database: Database::default(),
            peers: Peers::default(),
            limits: Limits::default(),
            tokens: Tokens::default(),
            constitution: Constitution::default(),
            allowance: Allowance::default(),
            anonymous: None,
            moderation: Moderation::default(),
            wizards: Wizards::default(),
            readers: READERS,
            clock: Clock::system(),
        }
    }

    /// Keeps the rows there.
    #[must_use]
    pub fn database(mut self, database: Database) -> Self {
        self.database = database;
        self
    }

    /// Plays these roles only.
    #[must_use]
    pub fn roles(mut self, roles: impl IntoIterator<Item = Role>) -> Self {
        self.roles = roles.into_iter().collect();
        self
    }

    /// Listens on any free loopback port for every role.
    #[must_use]
    pub fn any_ports(mut self) -> Self {
        let free = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        self.listen = Role::ALL.into_iter().map(|role| (role, free)).collect();
        self
    }

    /// What tenants may use by this process's say.
    pub(crate) fn allowances(&self) -> House {
        let anonymous = self.anonymous.as_ref().map(|one| one.allowance).unwrap_or_default();
        House { tenants: self.allowance, anonymous }
    }

    /// An anonymous tenant is for the machine itself: everyone who can reach the port is trusted.
    pub(crate) fn check_anonymous(&self) -> Result<(), Error> {
        let Some(anonymous) = &self.anonymous else { return Ok(()) };
        let refuse = |reason: String| Err(Error::Anonymous { reason });
        let tenant = &anonymous.tenant;
        if tenant == SYSTEM {
            return refuse(format!("`{SYSTEM}` belongs to the platform's operators"));
        }
        if let Err(problem) = crate::identity::check_id(tenant) {
            return refuse(format!("`{tenant}`: {}", problem.detail));
        }
        for role in &self.roles {
            let address = self.address(*role);
            if !address.ip().is_loopback() {
                return refuse(format!("{role} listens on {address}, which others can reach"));
            }
        }
        Ok(())
    }

    /// Where `role` is to listen.
    pub fn address(&self, role: Role) -> SocketAddr {
        self.listen.get(&role).copied().unwrap_or_else(|| role.address())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_read_by_its_name() {
        for role in Role::ALL {
            assert_eq!(role.name().parse::<Role>(), Ok(role));
            assert_eq!(Options::new("data").address(role).port(), role.port());
        }
        assert!("captain".parse::<Role>().is_err());
    }
}
