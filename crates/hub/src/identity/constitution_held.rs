//! The constitution that identity holds: the operator's, or the last one whose signature held.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use axum::Json;
use axum::extract::State;
use seaworthy_base::Timestamp;
use seaworthy_store::{self as store, Row, Store, Tx, values};
use tokio::sync::Mutex;

use super::admin::Administrator;
use super::{Identity, secret, secret_error};
use crate::auth::Mark;
use crate::constitution::{self, Bundle, Held, Key, Published};
use crate::options::{self, Role};
use crate::problem::{Body, Problem};
use crate::server::Error;

/// The key that signs the constitution of a hub that was given none.
const FILE: &str = "constitution.pk8";

/// What was accepted earlier: the bundle's text and the PEM of the key it held under.
struct Stored {
    bundle: String,
    key: String,
}

/// The constitution in force.
pub(crate) struct Constitution {
    /// The key the operator trusts, if one was named.
    trusted: Option<Key>,
    held: RwLock<Option<Arc<Held>>>,
    turn: Mutex<()>,
}

impl Constitution {
    /// Takes the operator's bundle when it holds, else the newest one kept that does, else, on a
    /// first start without any, makes one; none when all of that fails.
    pub(super) async fn open(
        store: &Store,
        folder: &Path,
        options: &options::Constitution,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let refuse = |source| Error::Store { role: Role::Identity, source };
        let trusted = options.trusted_key()?;
        let offered = match &options.bundle {
            Some(path) => read(path, trusted.as_ref()),
            None => None,
        };
        let kept = store.read(stored).await.map_err(refuse)?;
        let unasked = options.bundle.is_none() && trusted.is_none();
        let held = match offered {
            Some(held) => {
                keep(store, &held, now).await.map_err(refuse)?;
                Some(held)
            }
            None if kept.is_empty() && unasked => {
                let held = standard(folder, now)?;
                keep(store, &held, now).await.map_err(refuse)?;
                Some(held)
            }
            None => kept.into_iter().find_map(|stored| stored.held(trusted.as_ref())),
        };
        match &held {
            Some(held) => {
                let (version, hash) = (&held.bundle.version, &held.bundle.hash);
                tracing::info!(version, hash, key = held.key.id(), "constitution in force");
            }
            None => tracing::error!("no constitution holds: everything is denied"),
        }
        Ok(Self { trusted, held: RwLock::new(held.map(Arc::new)), turn: Mutex::new(()) })
    }

    /// The constitution in force.
    pub(crate) fn current(&self) -> Result<Arc<Held>, Problem> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.clone().ok_or_else(constitution::none)
    }

    /// Refuses a token that was issued under another constitution, or none.
    pub(super) fn bind(&self, hash: Option<&str>) -> Result<String, Problem> {
        let current = self.current()?;
        if hash == Some(current.bundle.hash.as_str()) {
            return Ok(current.bundle.hash.clone());
        }
        Err(Problem::unauthorized(
            "constitution_mismatch",
            "the token was issued under another constitution than the one in force",
        ))
    }

    fn replace(&self, held: Held) -> Option<Arc<Held>> {
        let mut current = self.held.write().unwrap_or_else(PoisonError::into_inner);
        current.replace(Arc::new(held))
    }
}

/// The operator's bundle, if it holds under the key that the operator trusts.
fn read(path: &Path, trusted: Option<&Key>) -> Option<Held> {
    let key = trusted?;
    let bundle = std::fs::read(path)
        .map_err(|error| error.to_string())
        .and_then(|bytes| Bundle::read(&bytes, key));
    match bundle {
        Ok(bundle) => Some(Held { bundle, key: key.clone() }),
        Err(reason) => {
            tracing::error!(path = %path.display(), reason, "the constitution does not hold");
            None
        }
    }
}

impl Stored {
    fn held(&self, trusted: Option<&Key>) -> Option<Held> {
        let key = match trusted {
            Some(key) => key.clone(),
            None => Key::from_pem(&self.key)?,
        };
        match Bundle::read(self.bundle.as_bytes(), &key) {
            Ok(bundle) => Some(Held { bundle, key }),
            Err(reason) => {
                tracing::warn!(reason, "a constitution that was kept does not hold");
                None
            }
        }
    }
}

/// The constitution of a hub that was given none, signed with a key of its own.
fn standard(folder: &Path, now: Timestamp) -> Result<Held, Error> {
    let path = folder.join(FILE);
    let document = match secret::read(&path) {
        // Left by a first start that died before its rows were written.
        Ok(document) => document,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
                .map_err(|_| secret_error(path.clone(), "cannot make a key"))?;
            secret::create(&path, document.as_ref())
                .map_err(|error| secret_error(path.clone(), error))?;
            document.as_ref().to_vec()
        }
        Err(error) => return Err(secret_error(path, error)),
    };
    let pair = Ed25519KeyPair::from_pkcs8(&document)
        .map_err(|error| secret_error(path, format!("it is not an Ed25519 key: {error}")))?;
    let key = Key::ed25519(pair.public_key().as_ref());
    let document = constitution::document();
    let bundle = Bundle::sign(constitution::VERSION, now, document, &pair);
    Ok(Held { bundle, key })
}

/// Keeps a bundle as the newest, unless it is that already.
async fn keep(store: &Store, held: &Held, now: Timestamp) -> store::Result<()> {
    let (bundle, key) = (text(&held.bundle), held.key.to_pem());
    store
        .write(move |tx| -> store::Result<()> {
            let newest = tx.first(
                "SELECT number, bundle, signer FROM constitutions ORDER BY number DESC LIMIT 1",
                &values![],
                |row| Ok((row.get::<i64>(0)?, row.text(1)? == bundle && row.text(2)? == key)),
            )?;
            if newest.is_some_and(|(_, same)| same) {
                return Ok(());
            }
            let number = newest.map_or(0, |(number, _)| number) + 1;
            tx.execute(
                "INSERT INTO constitutions (number, bundle, signer, accepted_at)
                 VALUES (?1, ?2, ?3, ?4)",
                &values![number, bundle, key, now.to_string()],
            )
            .map(drop)
        })
        .await
}

fn text(bundle: &Bundle) -> String {
    serde_json::to_string(bundle).expect("a struct of strings and JSON is always valid JSON")
}

/// All that were ever accepted, the newest first.
fn stored(tx: &mut Tx<'_>) -> store::Result<Vec<Stored>> {
    let sql = "SELECT bundle, signer FROM constitutions ORDER BY number DESC";
    let read = |row: &Row<'_>| Ok(Stored { bundle: row.get(0)?, key: row.get(1)? });
    tx.query(sql, &values![], read)
}

/// Open: a constitution is a public document, and its readers verify it.
pub(super) async fn get_published(
    State(identity): State<Arc<Identity>>,
) -> Result<Json<Published>, Problem> {
    let held = identity.constitution.current()?;
    Ok(Json(Published { bundle: held.bundle.clone(), key: held.key.to_pem() }))
}

/// Puts another constitution into force. Returns once no token of the old one is honoured.
pub(super) async fn put(
    State(identity): State<Arc<Identity>>,
    administrator: Administrator,
    Body(bundle): Body<Bundle>,
) -> Result<Json<Bundle>, Problem> {
    administrator.everywhere()?;
    let constitution = &identity.constitution;
    let key = match &constitution.trusted {
        Some(key) => key.clone(),
        None => constitution.current()?.key.clone(),
    };
    let issues = bundle.issues(&key);
    if !issues.is_empty() {
        let detail = "the bundle does not hold under the trusted key";
        return Err(
            Problem::unprocessable("constitution_invalid", detail).with("issues", issues.into())
        );
    }
    let held = Held { bundle: bundle.clone(), key };
    // One after the other, so that what is in force is what is on disk.
    let _turn = constitution.turn.lock().await;
    keep(&identity.store, &held, identity.clock.wall()).await?;
    let hash = bundle.hash.clone();
    if let Some(old) = constitution.replace(held).filter(|old| old.bundle.hash != hash) {
        identity.changes.settle(Mark::constitution(&old.bundle.hash)).await;
    }
    tracing::info!(version = bundle.version, hash, "constitution replaced");
    Ok(Json(bundle))
}
