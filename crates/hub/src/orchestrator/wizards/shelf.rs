//! The definitions that sessions walk through: those of now, and those that older sessions began with.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::digest::{SHA256, digest};
use http::StatusCode;
use seaworthy_base::Timestamp;
use seaworthy_store::{self as store, Store};
use seaworthy_wizard::{Catalog, Definition, definition};

use super::rows;
use crate::options;
use crate::problem::Problem;
use crate::server::Error;

/// Definitions by id, for those who begin, and by digest, for those who go on. Cheap to clone.
#[derive(Clone)]
pub(in crate::orchestrator) struct Shelf {
    now: Arc<Vec<Volume>>,
    default: Option<Arc<str>>,
    by_digest: Arc<RwLock<HashMap<String, Arc<Definition>>>>,
}

/// A definition and the digest of its text.
#[derive(Clone)]
pub(super) struct Volume {
    pub(super) definition: Arc<Definition>,
    pub(super) digest: String,
}

impl Shelf {
    /// Reads what the operator names besides the shipped wizards, and keeps every text, so that a
    /// session can go on with the questions it began with whatever is shipped or named later.
    pub(in crate::orchestrator) async fn open(
        options: &options::Wizards,
        store: &Store,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let folder = options.folder.clone();
        let read = tokio::task::spawn_blocking(move || read(folder.as_deref())).await;
        let catalog = read.unwrap_or_else(|_| Err("reading the definitions panicked".to_owned()));
        let catalog = catalog.map_err(|reason| Error::Wizards { reason })?;
        let default = match &options.default {
            Some(id) if catalog.get(id).is_none() => {
                let known: Vec<&str> =
                    catalog.iter().map(|one| one.definition.id.as_str()).collect();
                let reason = format!("the default wizard `{id}` is none of {}", known.join(", "));
                return Err(Error::Wizards { reason });
            }
            default => default.as_deref().map(Into::into),
        };
        let (mut volumes, mut texts, mut by_digest) = (Vec::new(), Vec::new(), HashMap::new());
        for entry in catalog.iter() {
            let digest = sha256(&entry.text);
            by_digest.insert(digest.clone(), Arc::clone(&entry.definition));
            texts.push((digest.clone(), entry.definition.id.clone(), Arc::clone(&entry.text)));
            volumes.push(Volume { definition: Arc::clone(&entry.definition), digest });
        }
        let at = now.to_string();
        let kept = store.write(move |tx| -> store::Result<()> {
            for (digest, id, text) in &texts {
                rows::keep_definition(tx, digest, id, text, &at)?;
            }
            Ok(())
        });
        let role = crate::options::Role::Orchestrator;
        kept.await.map_err(|source| Error::Store { role, source })?;
        Ok(Self { now: volumes.into(), default, by_digest: Arc::new(RwLock::new(by_digest)) })
    }

    /// Every wizard that can be begun, by id.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Definition> {
        self.now.iter().map(|volume| &*volume.definition)
    }

    /// The wizard to begin with this id, or the default one.
    pub(super) fn begin(&self, id: &str) -> Result<Volume, Problem> {
        let find = |id: &str| self.now.iter().find(|volume| volume.definition.id == id);
        let found = find(id).or_else(|| find(self.default.as_deref()?));
        found.cloned().ok_or_else(|| {
            let known = self.iter().map(|one| one.id.as_str());
            let problem = Problem::not_found("unknown_wizard", "there is no such wizard");
            match seaworthy_document::nearest(id, known) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint("`GET /v1/wizards` lists those there are"),
            }
        })
    }

    /// The definition with this digest, if it is at hand.
    pub(super) fn at_hand(&self, digest: &str) -> Option<Arc<Definition>> {
        self.by_digest.read().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    /// The definition with this digest, from the store if need be.
    pub(super) async fn get(
        &self,
        store: &Store,
        digest: &str,
    ) -> Result<Arc<Definition>, Problem> {
        if let Some(definition) = self.at_hand(digest) {
            return Ok(definition);
        }
        let wanted = digest.to_owned();
        let text = store.read(move |tx| rows::definition(tx, &wanted)).await?;
        let text = text.ok_or_else(|| {
            Problem::internal(&format!("no definition is kept under the digest {digest}"))
        })?;
        let (definition, findings) = Definition::read("kept", &text);
        let Some(definition) = definition.map(Arc::new) else {
            tracing::error!(digest, ?findings, "a kept wizard is not read any more");
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "wizard_outdated",
                "the session began with a definition that this version does not read any more",
            )
            .hint("start a new session"));
        };
        let mut known = self.by_digest.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(known.entry(digest.to_owned()).or_insert(definition)))
    }
}

/// The shipped wizards and those in `folder`, or why not.
fn read(folder: Option<&Path>) -> Result<Catalog, String> {
    let mut catalog = Catalog::shipped();
    let Some(folder) = folder else { return Ok(catalog) };
    let failed = |path: &Path, error: &std::io::Error| format!("{}: {error}", path.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| failed(folder, &error))? {
        let path = entry.map_err(|error| failed(folder, &error))?.path();
        let yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        if yaml && path.is_file() {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(format!("{}: there is no .yaml file in it", folder.display()));
    }
    files.sort();
    let mut refused = String::new();
    for path in files {
        let length = std::fs::metadata(&path).map_err(|error| failed(&path, &error))?.len();
        if length > definition::LONGEST as u64 {
            return Err(format!("{}: it has {length} bytes", path.display()));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
        let findings = catalog.add(&path.display().to_string(), &text);
        if seaworthy_document::errors(&findings) {
            let _ =
                writeln!(refused, "{}\n", seaworthy_document::render_all(&findings, Some(&text)));
        } else {
            for finding in findings {
                tracing::warn!("{finding}");
            }
        }
    }
    if refused.is_empty() { Ok(catalog) } else { Err(refused.trim_end().to_owned()) }
}

fn sha256(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
