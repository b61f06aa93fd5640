//! A running hub: listeners bound, roles opened, requests served until told to stop.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use seaworthy_base::Clock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::Authenticator;
use crate::metrics::Metrics;
use crate::options::{Options, Role};
use crate::store::{self, Migration, Store};
use crate::{gateway, identity, inference, memory, orchestrator, peer, policy};

mod connection;
mod health;
mod track;

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
    addresses: Arc<BTreeMap<Role, SocketAddr>>,
    stores: Arc<Mutex<Vec<Store>>>,
}

impl Context {
    /// The role's own folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.options.data.join(self.role.name())
    }

    /// Opens the role's store, off the async threads. The service closes it.
    pub(crate) async fn store(&self, migrations: &'static [Migration]) -> Result<Store, Error> {
        let options = store::Options { folder: self.folder(), migrations };
        let metrics = self.metrics.clone();
        let role = self.role;
        let store = tokio::task::spawn_blocking(move || Store::open(&options, &metrics))
            .await
            .unwrap_or_else(|_| Err(store::Error::Failed("opening it panicked".into())))
            .map_err(|source| Error::Store { role, source })?;
        self.stores.lock().unwrap_or_else(PoisonError::into_inner).push(store.clone());
        Ok(store)
    }

    /// A client for another role: where the operator said, else in this process, else on its
    /// default loopback port.
    pub(crate) fn peer(&self, role: Role) -> Result<peer::Client, Error> {
        let base = match (self.options.peers.get(role), self.addresses.get(&role)) {
            (Some(base), _) => base.to_owned(),
            (None, Some(address)) => format!("http://{address}"),
            (None, None) => format!("http://{}", role.address()),
        };
        Ok(peer::Client::new(role, &base, self.options.limits.peer_timeout)?)
    }
}

/// What a role is made of, once opened.
pub(crate) struct Part {
    /// Its routes, with their state.
    pub(crate) routes: Router,
    /// How it has tokens verified.
    pub(crate) authenticator: Authenticator,
    /// The store that must be serving for the role to be ready.
    pub(crate) store: Option<Store>,
    /// The peers that must answer for the role to be ready.
    pub(crate) needs: Vec<peer::Client>,
}

/// A hub that is bound and opened; [`Service::run`] serves it.
pub struct Service {
    roles: Vec<(TcpListener, Router)>,
    stores: Arc<Mutex<Vec<Store>>>,
    addresses: Arc<BTreeMap<Role, SocketAddr>>,
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
        let mut service = Self {
            roles: Vec::new(),
            stores: Arc::default(),
            addresses: Arc::new(addresses),
            options,
            stop: CancellationToken::new(),
        };
        for (role, listener) in listeners {
            let context = service.context(role);
            match start(&context).await {
                Ok(part) => service.roles.push((listener, track::wrap(part, &context))),
                Err(error) => {
                    service.close().await;
                    return Err(error);
                }
            }
        }
        Ok(service)
    }

    fn context(&self, role: Role) -> Context {
        Context {
            role,
            options: Arc::clone(&self.options),
            clock: self.options.clock.clone(),
            metrics: Metrics::new(role.service()),
            stop: self.stop.clone(),
            addresses: Arc::clone(&self.addresses),
            stores: Arc::clone(&self.stores),
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
        self.close().await;
    }

    /// Closes every store, so that their folders are free once this returns.
    async fn close(&self) {
        let stores =
            std::mem::take(&mut *self.stores.lock().unwrap_or_else(PoisonError::into_inner));
        for store in stores {
            store.close().await;
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
