//! The bundle a constitution travels in: document, hash, signature, and what makes it hold.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use schemars::JsonSchema;
use seaworthy_base::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::key::Key;

/// Longest bundle read, in bytes.
pub const LONGEST: usize = 1 << 20;

/// Longest name of a version, in bytes.
const VERSION: usize = 64;

/// A signed constitution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// Its version, such as `2025.10.01`.
    pub version: String,
    /// When it was issued, as an RFC 3339 time.
    pub issued_at: String,
    /// What it says.
    #[schemars(with = "Document")]
    pub document: Map<String, Value>,
    /// The SHA-256 of the document's canonical JSON (RFC 8785), in lower-case hex.
    pub hash: String,
    /// Whoever issued it says so.
    pub signature: Signature,
}

/// A signature over a bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// How it was made.
    pub algorithm: Algorithm,
    /// The signature in base64.
    pub value: String,
}

/// How a bundle is signed, and what of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Algorithm {
    /// RSA, PKCS #1 v1.5, SHA-256, over the document's canonical JSON: version and time of issue are
    /// not signed.
    RS256,
    /// Ed25519 over the canonical JSON of the whole bundle without its signature.
    EdDSA,
}

/// What a constitution says. Further members are kept, and count for the hash.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Document {
    /// Its title.
    pub title: String,
    /// What it is for.
    pub preamble: String,
    /// The principles, at least one.
    pub principles: Vec<Principle>,
    /// How they are enforced.
    #[serde(default)]
    pub enforcement: Map<String, Value>,
    /// What changed from version to version.
    #[serde(default)]
    pub revision_history: Vec<Map<String, Value>>,
    /// The languages it is there in.
    #[serde(default)]
    pub localization: Map<String, Value>,
}

/// One principle.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Principle {
    /// Its id, unique in the document.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What it asks.
    pub body: String,
}

impl Bundle {
    /// Reads a bundle's JSON and checks that it holds under `key`.
    ///
    /// # Errors
    /// Why not, in words.
    pub(crate) fn read(bytes: &[u8], key: &Key) -> Result<Self, String> {
        if bytes.len() > LONGEST {
            return Err(format!("it is longer than {LONGEST} bytes"));
        }
        let bundle: Self = crate::problem::parse(bytes)
            .map_err(|problem| format!("it is no constitution bundle: {}", problem.detail))?;
        let issues = bundle.issues(key);
        if issues.is_empty() { Ok(bundle) } else { Err(issues.join("; ")) }
    }

    /// Everything that keeps it from holding under `key`; nothing when it holds.
    pub(crate) fn issues(&self, key: &Key) -> Vec<String> {
        let mut issues = self.document_issues();
        if self.version.is_empty() || self.version.len() > VERSION {
            issues.push(format!("`version` has 1 to {VERSION} bytes"));
        }
        if self.issued_at.parse::<Timestamp>().is_err() {
            issues.push("`issued_at` is not an RFC 3339 time".to_owned());
        }
        let document = canonical(&self.document);
        let hash = hex(&document);
        if self.hash != hash {
            issues.push(format!("`hash` is not the document's hash, which is {hash}"));
        }
        if self.signature.algorithm == key.algorithm() {
            let signature = BASE64_STANDARD.decode(&self.signature.value).unwrap_or_default();
            let message = match self.signature.algorithm {
                Algorithm::RS256 => document,
                Algorithm::EdDSA => self.signed(),
            };
            if !key.verifies(&message, &signature) {
                issues.push("the signature does not hold under the trusted key".to_owned());
            }
        } else {
            let (own, trusted) = (self.signature.algorithm, key.algorithm());
            issues.push(format!("it is signed with {own:?}, the trusted key is for {trusted:?}"));
        }
        issues
    }

    fn document_issues(&self) -> Vec<String> {
        let mut issues = Vec::new();
        let document: Document =
            match serde_path_to_error::deserialize(Value::Object(self.document.clone())) {
                Ok(document) => document,
                Err(error) => {
                    return vec![format!("`document.{}`: {}", error.path(), error.inner())];
                }
            };
        for (name, text) in [("title", &document.title), ("preamble", &document.preamble)] {
            if text.trim().is_empty() {
                issues.push(format!("`document.{name}` is empty"));
            }
        }
        if document.principles.is_empty() {
            issues.push("`document.principles` is empty".to_owned());
        }
        let mut ids: Vec<&str> = Vec::new();
        for principle in &document.principles {
            let Principle { id, title, body } = principle;
            if [id, title, body].iter().any(|text| text.trim().is_empty()) {
                issues.push(format!("principle `{id}` lacks an id, a title or a body"));
            }
            if ids.contains(&id.as_str()) {
                issues.push(format!("principle `{id}` is there twice"));
            }
            ids.push(id);
        }
        issues
    }

    /// Makes a bundle of a document, signed with an Ed25519 key.
    pub(crate) fn sign(
        version: &str,
        issued_at: Timestamp,
        document: Map<String, Value>,
        pair: &Ed25519KeyPair,
    ) -> Self {
        let hash = hex(&canonical(&document));
        let signature = Signature { algorithm: Algorithm::EdDSA, value: String::new() };
        let (version, issued_at) = (version.to_owned(), issued_at.to_string());
        let mut bundle = Self { version, issued_at, document, hash, signature };
        bundle.signature.value = BASE64_STANDARD.encode(pair.sign(&bundle.signed()).as_ref());
        bundle
    }

    /// What an Ed25519 signature is over.
    fn signed(&self) -> Vec<u8> {
        let mut whole = Map::new();
        whole.insert("document".to_owned(), Value::Object(self.document.clone()));
        whole.insert("hash".to_owned(), self.hash.clone().into());
        whole.insert("issued_at".to_owned(), self.issued_at.clone().into());
        whole.insert("version".to_owned(), self.version.clone().into());
        canonical(&whole)
    }
}

/// Canonical JSON (RFC 8785).
fn canonical(object: &Map<String, Value>) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(object)
        .expect("a JSON object has text keys and finite numbers, so it has a canonical form")
}

fn hex(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::KeyPair;
    use serde_json::json;

    use super::*;

    fn pair() -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[5; 32]).unwrap()
    }

    fn key() -> Key {
        Key::ed25519(pair().public_key().as_ref())
    }

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else { panic!("no object: {value}") };
        object
    }

    fn document() -> Map<String, Value> {
        object(json!({"title": "T", "preamble": "P", "more": [1, {"b": 2, "a": "é"}],
            "principles": [{"id": "a", "title": "A", "body": "Do."}]}))
    }

    fn bundle() -> Bundle {
        Bundle::sign("1", Timestamp::from_nanos(1_800_000_000_000_000_000), document(), &pair())
    }

    #[test]
    fn the_order_of_keys_does_not_matter_and_everything_else_does() {
        let whole = bundle();
        assert_eq!(whole.issues(&key()), Vec::<String>::new());
        let text = serde_json::to_string(&whole).unwrap();
        assert_eq!(Bundle::read(text.as_bytes(), &key()).unwrap(), whole);
        let mut turned = whole.clone();
        turned.document = turned.document.into_iter().rev().collect();
        assert_eq!(turned.issues(&key()), Vec::<String>::new());
        let changed = |change: &dyn Fn(&mut Bundle)| {
            let mut bundle = whole.clone();
            change(&mut bundle);
            bundle.issues(&key()).len()
        };
        assert!(changed(&|bundle| bundle.version = "2".into()) > 0);
        assert!(changed(&|bundle| bundle.issued_at = "2027-01-15T08:00:01Z".into()) > 0);
        assert!(changed(&|bundle| bundle.issued_at = "never".into()) > 0);
        assert!(changed(&|bundle| bundle.hash = "0".repeat(64)) > 0);
        assert!(changed(&|bundle| bundle.document["title"] = "U".into()) > 0);
        assert!(changed(&|bundle| bundle.signature.value = "AAAA".into()) > 0);
        assert!(changed(&|bundle| bundle.signature.value = "%".into()) > 0);
        assert!(changed(&|bundle| bundle.signature.algorithm = Algorithm::RS256) > 0);
        let other = Ed25519KeyPair::from_seed_unchecked(&[6; 32]).unwrap();
        assert_eq!(whole.issues(&Key::ed25519(other.public_key().as_ref())).len(), 1);
    }

    #[test]
    fn a_document_must_say_something() {
        for (wrong, word) in [
            (json!({}), "title"),
            (json!({"title": "T", "preamble": " ", "principles": [1]}), "principles[0]"),
            (json!({"title": "T", "preamble": " ", "principles": []}), "preamble"),
            (json!({"title": "T", "preamble": "P", "principles": []}), "principles"),
            (
                json!({"title": "T", "preamble": "P", "principles": [
                    {"id": "a", "title": "A", "body": "B"}, {"id": "a", "title": "A", "body": "B"}]}),
                "twice",
            ),
        ] {
            let bundle = Bundle::sign("1", Timestamp::from_nanos(1), object(wrong), &pair());
            let issues = bundle.issues(&key());
            assert!(issues.iter().any(|issue| issue.contains(word)), "{word}: {issues:?}");
        }
    }

    #[test]
    fn broken_text_is_no_bundle() {
        let long = vec![b' '; LONGEST + 1];
        for wrong in [&b""[..], b"{", b"{}", b"\xff", b"[]", &long] {
            assert!(Bundle::read(wrong, &key()).is_err());
        }
    }
}
