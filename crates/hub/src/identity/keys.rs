//! The keys that sign tokens: one signs, older ones verify until their last token has expired.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, EncodingKey};
use schemars::JsonSchema;
use seaworthy_base::Timestamp;
use seaworthy_store::{self as store, Store, Tx, values};
use serde::Serialize;
use tokio::sync::Mutex;

use super::rows::seconds;
use super::{secret, secret_error};
use crate::options::{self, Role};
use crate::problem::Problem;
use crate::server::Error;

/// A key that signs.
pub(super) struct Signer {
    pub(super) kid: String,
    pub(super) key: EncodingKey,
    /// Unix seconds after which the next key takes over.
    until: u64,
}

/// A key that verifies.
struct Verifier {
    key: DecodingKey,
    public: Vec<u8>,
    /// Unix seconds after which none of its tokens can be alive; none while it signs.
    until: Option<u64>,
}

/// A public key as RFC 8037 writes it.
#[derive(Serialize, JsonSchema)]
pub(super) struct Jwk {
    kty: &'static str,
    crv: &'static str,
    alg: &'static str,
    #[serde(rename = "use")]
    purpose: &'static str,
    kid: String,
    x: String,
}

#[derive(Clone)]
struct Keys {
    signer: Arc<Signer>,
    verifiers: BTreeMap<String, Arc<Verifier>>,
}

pub(super) struct Ring {
    folder: PathBuf,
    rotation: u64,
    longest: u64,
    keys: RwLock<Keys>,
    turn: Mutex<()>,
}

struct Stored {
    kid: String,
    public: Vec<u8>,
    created: u64,
    retired: Option<u64>,
    longest: u64,
}

impl Ring {
    /// Reads the keys back, and makes the first one when there is none that signs.
    pub(super) async fn open(
        store: &Store,
        folder: &Path,
        lives: &options::Tokens,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let refuse = |source| Error::Store { role: Role::Identity, source };
        let folder = folder.join("keys");
        std::fs::create_dir_all(&folder).map_err(|error| secret_error(folder.clone(), error))?;
        let (rotation, longest) = (lives.rotation.as_secs().max(1), lives.longest.as_secs());
        let stored = store.write(move |tx| stored(tx, longest)).await;
        let rows = stored.map_err(refuse)?;
        let signing = rows.iter().find(|row| row.retired.is_none());
        let signer = signing.map(|row| read_signer(&folder, row, rotation)).transpose()?.flatten();
        let keys = match signer {
            Some(signer) => Keys { signer: Arc::new(signer), verifiers: verifiers(rows) },
            None => {
                let fresh = Fresh::make(&folder, now, rotation)?;
                let rows = fresh.store(store, longest, now).await.map_err(refuse)?;
                tracing::info!(kid = fresh.signer.kid, "made a signing key");
                Keys { signer: Arc::new(fresh.signer), verifiers: verifiers(rows) }
            }
        };
        sweep(&folder, &keys.signer.kid).map_err(|error| secret_error(folder.clone(), error))?;
        let keys = RwLock::new(keys);
        Ok(Self { folder, rotation, longest, keys, turn: Mutex::new(()) })
    }

    /// The key to sign with now; makes the next one when the last has signed long enough.
    pub(super) async fn signer(
        &self,
        store: &Store,
        now: Timestamp,
    ) -> Result<Arc<Signer>, Problem> {
        let due = |signer: &Signer| now.as_nanos() / 1_000_000_000 >= signer.until;
        let signer = self.current().signer;
        if !due(&signer) {
            return Ok(signer);
        }
        let _turn = self.turn.lock().await;
        let old = self.current().signer;
        if !due(&old) {
            return Ok(old);
        }
        let (folder, rotation) = (self.folder.clone(), self.rotation);
        let fresh = tokio::task::spawn_blocking(move || Fresh::make(&folder, now, rotation))
            .await
            .map_err(|error| Problem::internal(&error))?
            .map_err(|error| Problem::internal(&error))?;
        let rows = fresh.store(store, self.longest, now).await?;
        let keys = Keys { signer: Arc::new(fresh.signer), verifiers: verifiers(rows) };
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys.clone();
        // The old key only verifies from here on; its private half is of no more use.
        if let Err(error) = secret::remove(&private_path(&self.folder, &old.kid)) {
            tracing::warn!(kid = old.kid, %error, "cannot remove a retired signing key");
        }
        tracing::info!(old = old.kid, new = keys.signer.kid, "signing key rotated");
        Ok(keys.signer)
    }

    /// The key a token names, unless all its tokens have expired.
    pub(super) fn verifier(&self, kid: &str, now: Timestamp) -> Option<DecodingKey> {
        let now = now.as_nanos() / 1_000_000_000;
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let verifier = keys.verifiers.get(kid)?;
        verifier.until.is_none_or(|until| now <= until).then(|| verifier.key.clone())
    }

    /// Every public key that may still verify.
    pub(super) fn public(&self) -> Vec<Jwk> {
        let public = |(kid, verifier): (String, Arc<Verifier>)| Jwk {
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            purpose: "sig",
            kid,
            x: BASE64_URL_SAFE_NO_PAD.encode(&verifier.public),
        };
        self.current().verifiers.into_iter().map(public).collect()
    }

    fn current(&self) -> Keys {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn verifiers(rows: Vec<Stored>) -> BTreeMap<String, Arc<Verifier>> {
    let verifier = |row: Stored| {
        let key = DecodingKey::from_ed_der(&row.public);
        let until = row.retired.map(|retired| retired + row.longest);
        (row.kid, Arc::new(Verifier { key, public: row.public, until }))
    };
    rows.into_iter().map(verifier).collect()
}

/// A key just made, its private half synced to disk, not yet in the store.
struct Fresh {
    signer: Signer,
    public: Vec<u8>,
}

impl Fresh {
    fn make(folder: &Path, now: Timestamp, rotation: u64) -> Result<Self, Error> {
        let failed = |_| secret_error(folder.to_owned(), "cannot make a key");
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(failed)?;
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref())
            .map_err(|error| secret_error(folder.to_owned(), error))?;
        let public = pair.public_key().as_ref().to_vec();
        let kid = kid(&public);
        let path = private_path(folder, &kid);
        secret::create(&path, document.as_ref()).map_err(|error| secret_error(path, error))?;
        let until = now.as_nanos() / 1_000_000_000 + rotation;
        let signer = Signer { kid, key: EncodingKey::from_ed_der(document.as_ref()), until };
        Ok(Self { signer, public })
    }

    /// Makes this the key that signs, retires the others, forgets those of no more use, and gives
    /// back all that are left.
    async fn store(
        &self,
        store: &Store,
        longest: u64,
        now: Timestamp,
    ) -> store::Result<Vec<Stored>> {
        let (kid, public) = (self.signer.kid.clone(), self.public.clone());
        let now = seconds(now.as_nanos() / 1_000_000_000);
        store
            .write(move |tx| {
                let retire = "UPDATE keys SET retired_at = ?1 WHERE retired_at IS NULL";
                tx.put(retire, &values![now])?;
                tx.put("DELETE FROM keys WHERE retired_at + longest < ?1", &values![now])?;
                tx.put(
                    "INSERT INTO keys (kid, public, created_at, longest) VALUES (?1, ?2, ?3, ?4)",
                    &values![kid, public, now, seconds(longest)],
                )?;
                stored(tx, longest)
            })
            .await
    }
}

/// All keys; the one that signs from now on answers for tokens of at least `longest` seconds.
fn stored(tx: &mut Tx<'_>, longest: u64) -> store::Result<Vec<Stored>> {
    tx.put(
        "UPDATE keys SET longest = ?1 WHERE retired_at IS NULL AND longest < ?1",
        &values![seconds(longest)],
    )?;
    let unsigned = |value: i64| u64::try_from(value).unwrap_or(0);
    tx.query("SELECT kid, public, created_at, retired_at, longest FROM keys", &[], |row| {
        Ok(Stored {
            kid: row.get(0)?,
            public: row.get(1)?,
            created: unsigned(row.get(2)?),
            retired: row.get::<Option<i64>>(3)?.map(unsigned),
            longest: unsigned(row.get(4)?),
        })
    })
}

/// None when the private half is gone; then a new key takes over, and this one still verifies.
fn read_signer(folder: &Path, row: &Stored, rotation: u64) -> Result<Option<Signer>, Error> {
    let path = private_path(folder, &row.kid);
    let document = match secret::read(&path) {
        Ok(document) => document,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), "the signing key is gone, a new one is made");
            return Ok(None);
        }
        Err(error) => return Err(secret_error(path, error)),
    };
    match Ed25519KeyPair::from_pkcs8(&document) {
        Ok(pair) if pair.public_key().as_ref() == row.public => Ok(Some(Signer {
            kid: row.kid.clone(),
            key: EncodingKey::from_ed_der(&document),
            until: row.created + rotation,
        })),
        Ok(_) => Err(secret_error(path, "it is another key than the one it is named for")),
        Err(error) => Err(secret_error(path, format!("it is not an Ed25519 key: {error}"))),
    }
}

/// Removes private halves that no longer sign, and drafts: what a start or a rotation that died
/// half-way has left.
fn sweep(folder: &Path, signing: &str) -> std::io::Result<()> {
    let kept = private_path(folder, signing);
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let ours = path.extension().is_some_and(|kind| kind == "pk8" || kind == "draft");
        if ours && path != kept {
            secret::remove(&path)?;
        }
    }
    Ok(())
}

fn private_path(folder: &Path, kid: &str) -> PathBuf {
    folder.join(format!("{kid}.pk8"))
}

/// The first 16 hexadecimal digits of the public key's SHA-256.
fn kid(public: &[u8]) -> String {
    digest(&SHA256, public).as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
