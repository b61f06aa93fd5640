//! A running hub: listeners bound, roles opened, requests served until told to stop.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::Router;
use seaworthy_base::Clock;
use seaworthy_store::{self as store, Part as Schema, Store};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::Routes;
use crate::auth::{self, Authenticator};
use crate::identity::Identity;
use crate::metrics::Metrics;
use crate::options::{Database, Options, Role};
use crate::{gateway, identity, inference, memory, orchestrator, peer, policy};

mod connection;
mod health;
mod trace;
mod track;

pub(crate) use trace::{TRACEPARENT, TRACESTATE};

/// Why a hub cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing to do.
    #[error("no role is named")]
    NoRoles,
    /// A port is taken, privileged, or the address is not ours.
    #[error("{role} cannot listen on {address}: {source}")]
    Listen {
        /// Which role.
        role: Role,
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A role's store cannot be opened.
    #[error("{role}: {source}")]
    Store {
        /// Which role.
        role: Role,
        /// Why not.
        source: store::Error,
    },
    /// A base URL of a peer is wrong.
    #[error(transparent)]
    Peer(#[from] peer::InvalidBase),
    /// The key that constitutions are to be trusted under cannot be used.
    #[error("{}", .reason)]
    Constitution {
        /// What is wrong.
        reason: String,
    },
    /// The moderated terms cannot be looked for.
    #[error("the moderated terms: {reason}")]
    Terms {
        /// Why not.
        reason: String,
    },
    /// Requests without a token cannot be mapped to a tenant.
    #[error("no anonymous tenant: {reason}")]
    Anonymous {
        /// Why not.
        reason: String,
    },
    /// The wizards that the operator names cannot be used.
    #[error("the wizards: {reason}")]
    Wizards {
        /// Why not: every finding, with its place.
        reason: String,
    },
    /// A secret on disk is missing, unreadable or readable by others.
    #[error("{}: {reason}", .path.display())]
    Secret {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoRoles => "hub.no_roles",
            Self::Listen { .. } => "hub.listen",
            Self::Store { source, .. } => source.code(),
            Self::Peer(_) => "hub.peer",
            Self::Constitution { .. } => "hub.constitution_key",
            Self::Terms { .. } => "hub.moderation_terms",
            Self::Anonymous { .. } => "hub.anonymous",
            Self::Wizards { .. } => "hub.wizards",
            Self::Secret { .. } => "hub.secret",
        }
    }

    /// What the operator can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoRoles => Some("name at least one role, or `all`"),
            Self::Listen { .. } => {
                Some("stop what listens there, or choose another port; 0 takes any free one")
            }
            Self::Store { source, .. } => source.hint(),
            Self::Peer(_) => None,
            Self::Constitution { .. } => Some(
                "name a PEM file with the RSA or Ed25519 public key of whoever signs constitutions",
            ),
            Self::Terms { .. } => Some("name terms of 1 to 256 characters"),
            Self::Anonymous { .. } => {
                Some("serve it on loopback addresses only, under an id of its own")
            }
            Self::Wizards { .. } => {
                Some("mend the definitions; docs/reference/wizards.md says what each finding means")
            }
            Self::Secret { .. } => {
                Some("the file must belong to this user with mode 0600; restore it from a backup")
            }
        }
    }
}

/// What a role is opened with.
pub(crate) struct Context {
    pub(crate) role: Role,
    pub(crate) options: Arc<Options>,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    /// Cancelled when the service is to stop; streams end then.
    pub(crate) stop: CancellationToken,
    /// How the roles stand that this one calls.
    circuits: peer::Circuits,
    peers: Mutex<BTreeMap<Role, peer::Client>>,
    house: Arc<House>,
}

/// What the roles of one process share.
struct House {
    doors: BTreeMap<Role, peer::Door>,
    stores: Mutex<Vec<Store>>,
    identity: OnceLock<Arc<Identity>>,
    tokens: OnceLock<auth::Source>,
    /// Work that goes on beside requests; it ends by itself when the service is to stop.
    background: TaskTracker,
}

impl Context {
    /// The role's own folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.options.data.join(self.role.name())
    }

    /// Opens the role's store, off the async threads. The service closes it.
    pub(crate) async fn store(&self, schemas: &[Schema]) -> Result<Store, Error> {
        let schemas = schemas.iter().copied();
        let options = match &self.options.database {
            Database::Files => {
                store::Options::file(self.folder(), schemas).readers(self.options.readers)
            }
            // Roles keep in memory what they have read: compiled rules, keys, who listens. Another
            // process's changes would pass them by.
            Database::Server { server, prefix } => {
                store::Options::schema(server, format!("{prefix}_{}", self.role), schemas).alone()
            }
        };
        let metrics = self.metrics.of_store();
        let role = self.role;
        let store = tokio::task::spawn_blocking(move || Store::open(&options, &metrics))
            .await
            .unwrap_or_else(|_| Err(store::Error::Failed("opening it panicked".into())))
            .map_err(|source| Error::Store { role, source })?;
        self.house.stores.lock().unwrap_or_else(PoisonError::into_inner).push(store.clone());
        Ok(store)
    }

    /// Has something done beside requests. It must end when [`Context::stop`] is cancelled, and may use
    /// the role's store until it has.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.house.background.spawn(work);
    }

    /// A client for another role: where the operator said, else in this process, else on its
    /// default loopback port. Asked for again it is the same, so that a role has one circuit to another.
    pub(crate) fn peer(&self, role: Role) -> Result<peer::Client, Error> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = peers.get(&role) {
            return Ok(client.clone());
        }
        let client = self.connect(role)?;
        self.circuits.add(client.dependency().clone());
        peers.insert(role, client.clone());
        Ok(client)
    }

    fn connect(&self, role: Role) -> Result<peer::Client, Error> {
        let limits = &self.options.limits;
        let said = self.options.peers.get(role);
        // Also when the operator said so, in the address that the role was told to listen on.
        let here = said.is_none_or(|base| base == format!("http://{}", self.options.address(role)));
        if let Some(door) = self.house.doors.get(&role).filter(|_| here) {
            return Ok(peer::Client::inside(role, door.clone(), limits, &self.clock));
        }
        let fallback = format!("http://{}", role.address());
        Ok(peer::Client::over(role, said.unwrap_or(&fallback), limits, &self.clock)?)
    }

    /// How tokens are judged: with identity when this process plays it, else by asking and following
    /// it, once for all roles here.
    pub(crate) fn authenticator(&self, identity: &peer::Client) -> Authenticator {
        let source = self.house.tokens.get_or_init(|| match self.house.identity.get() {
            Some(here) if identity.is_inside() => auth::Source::Here(Arc::clone(here)),
            _ => auth::Source::elsewhere(identity.clone(), &self.clock, &self.stop),
        });
        Authenticator::new(source.clone(), &self.metrics)
    }

    /// Makes this process's identity known to its other roles, which are opened after it.
    pub(crate) fn play_identity(&self, identity: &Arc<Identity>) {
        let _ = self.house.identity.set(Arc::clone(identity));
    }
}

/// What a role is made of, once opened.
pub(crate) struct Part {
    /// Its routes, with their state and what the API document says of them.
    pub(crate) routes: Routes,
    /// How it has tokens verified.
    pub(crate) authenticator: Authenticator,
    /// The store that must be serving for the role to be ready.
    pub(crate) store: Option<Store>,
    /// The peers that must answer for the role to be ready.
    pub(crate) needs: Vec<peer::Client>,
    /// Says what else keeps the role from being ready, if anything does.
    pub(crate) ailment: Option<Ailment>,
}

/// Looks whether something keeps a role from being ready.
pub(crate) type Ailment = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// A hub that is bound and opened; [`Service::run`] serves it.
pub struct Service {
    roles: Vec<(TcpListener, Router)>,
    house: Arc<House>,
    addresses: BTreeMap<Role, SocketAddr>,
    options: Arc<Options>,
    stop: CancellationToken,
}

impl Service {
    /// Binds every listener, then opens every role's data. Nothing is served yet.
    ///
    /// # Errors
    /// When a port is taken, a store cannot be opened, or a secret cannot be made or read.
    pub async fn bind(options: Options) -> Result<Self, Error> {
        let options = Arc::new(options);
        options.check_anonymous()?;
        options.moderation.check()?;
        let mut listeners = BTreeMap::new();
        let mut addresses = BTreeMap::new();
        for role in BTreeSet::from_iter(options.roles.iter().copied()) {
            let address = options.address(role);
            let refuse = |source| Error::Listen { role, address, source };
            let listener = TcpListener::bind(address).await.map_err(refuse)?;
            addresses.insert(role, listener.local_addr().map_err(refuse)?);
            listeners.insert(role, listener);
        }
        if listeners.is_empty() {
            return Err(Error::NoRoles);
        }
        if let Some(anonymous) = &options.anonymous {
            let tenant = &anonymous.tenant;
            tracing::warn!(tenant, "requests without a token are taken for this tenant's");
        }
        let house = House {
            doors: addresses.keys().map(|role| (*role, peer::Door::default())).collect(),
            stores: Mutex::default(),
            identity: OnceLock::new(),
            tokens: OnceLock::new(),
            background: TaskTracker::new(),
        };
        let stop = CancellationToken::new();
        let mut service =
            Self { roles: Vec::new(), house: Arc::new(house), addresses, options, stop };
        for role in Role::ALL {
            let Some(listener) = listeners.remove(&role) else { continue };
            let context = service.context(role);
            match start(&context).await {
                Ok(part) => {
                    let routes = track::wrap(part, &context);
                    if let Some(door) = service.house.doors.get(&role) {
                        door.open(routes.clone());
                    }
                    service.roles.push((listener, routes));
                }
                Err(error) => {
                    service.close().await;
                    return Err(error);
                }
            }
        }
        Ok(service)
    }

    fn context(&self, role: Role) -> Context {
        let (metrics, circuits) = (Metrics::new(role.service()), peer::Circuits::default());
        metrics.collect(circuits.clone());
        Context {
            role,
            options: Arc::clone(&self.options),
            clock: self.options.clock.clone(),
            metrics,
            stop: self.stop.clone(),
            circuits,
            peers: Mutex::default(),
            house: Arc::clone(&self.house),
        }
    }

    /// Where `role` listens, when this process plays it.
    pub fn address(&self, role: Role) -> Option<SocketAddr> {
        self.addresses.get(&role).copied()
    }

    /// Serves until `stop` is cancelled, lets requests under way finish within
    /// [`Limits::drain`](crate::options::Limits::drain), then closes the stores.
    pub async fn run(mut self, stop: CancellationToken) {
        let open = TaskTracker::new();
        for (listener, routes) in self.roles.drain(..) {
            let limits = self.options.limits.clone();
            let stop = self.stop.clone();
            open.spawn(connection::accept(listener, routes, limits, stop, open.clone()));
        }
        stop.cancelled().await;
        tracing::info!("stopping");
        self.stop.cancel();
        open.close();
        if tokio::time::timeout(self.options.limits.drain, open.wait()).await.is_err() {
            tracing::warn!(requests = open.len(), "requests cut off at the end of the drain time");
        }
        let background = &self.house.background;
        background.close();
        if tokio::time::timeout(self.options.limits.drain, background.wait()).await.is_err() {
            tracing::warn!(tasks = background.len(), "work cut off at the end of the drain time");
        }
        self.close().await;
    }

    /// Closes every store, so that their folders are free once this returns.
    async fn close(&self) {
        let stores =
            std::mem::take(&mut *self.house.stores.lock().unwrap_or_else(PoisonError::into_inner));
        for store in stores {
            store.close().await;
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.cancel();
        for door in self.house.doors.values() {
            door.close();
        }
    }
}

async fn start(context: &Context) -> Result<Part, Error> {
    match context.role {
        Role::Identity => identity::start(context).await,
        Role::Policy => policy::start(context).await,
        Role::Memory => memory::start(context).await,
        Role::Inference => inference::start(context).await,
        Role::Orchestrator => orchestrator::start(context).await,
        Role::Gateway => gateway::start(context).await,
    }
}
