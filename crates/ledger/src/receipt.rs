//! One signed record: its fields, the statement its signatures cover, and its line in the chain.

use seaworthy_base::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::json;
use crate::key::{PublicKey, is_hex, sha256};
use crate::signer::Signer;

/// What the first version of the format calls itself. It is signed, so that a signature made for
/// something else can never be passed off as a receipt's.
pub const VERSION: &str = "seaworthy.dev/receipt/v1";

/// The parent of a chain's first receipt.
pub(crate) const NO_PARENT: &str =
    "0000000000000000000000000000000000000000000000000000000000000000";

/// One signed record of a chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// [`VERSION`].
    pub version: String,
    /// Its place in the chain, from 1 without a gap. Written as a string.
    #[serde(with = "decimal")]
    pub sequence: u64,
    /// SHA-256 of the line before (without its newline) in lower-case hex; 64 zeros for the first.
    pub parent: String,
    /// When it was made; later than the one before, also when the clock stepped back.
    pub time: Timestamp,
    /// What it records, as `trial.plan`.
    pub kind: String,
    /// The record itself.
    pub body: Value,
    /// Who signs, in the order of `signatures`. Signed, so that no signature can be dropped or added.
    pub key_ids: Vec<String>,
    /// One signature for each key id, over the canonical JSON of all other fields.
    pub signatures: Vec<Signature>,
    #[serde(skip)]
    hash: String,
}

/// One key's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// First 16 hex digits of the SHA-256 of the public key.
    pub key_id: String,
    /// Ed25519 (RFC 8032), 64 bytes in base64.
    pub signature: String,
}

/// What a receipt says before anybody signs it.
pub(crate) struct Draft<'a> {
    pub(crate) sequence: u64,
    pub(crate) parent: &'a str,
    pub(crate) time: Timestamp,
    pub(crate) kind: &'a str,
    pub(crate) body: Value,
}

impl Receipt {
    /// SHA-256 of the receipt's line as it was read or written: what the next one names as parent.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Signs a draft with every key of `signer`; also gives the line, without its newline.
    pub(crate) fn sign(draft: Draft<'_>, signer: &Signer) -> Result<(Self, Vec<u8>), Error> {
        let refused = |reason| Error::Body { kind: draft.kind.to_owned(), reason };
        let mut receipt = Self {
            version: VERSION.to_owned(),
            sequence: draft.sequence,
            parent: draft.parent.to_owned(),
            time: draft.time,
            kind: draft.kind.to_owned(),
            body: draft.body.clone(),
            key_ids: signer.key_ids(),
            signatures: Vec::new(),
            hash: String::new(),
        };
        let statement = receipt.statement().map_err(refused)?;
        for key in signer.keys() {
            receipt
                .signatures
                .push(Signature { key_id: key.public().id(), signature: key.sign(&statement)? });
        }
        let line = receipt.canonical().map_err(refused)?;
        // Reading it back gives the body as every later reader will see it (1.0 is written as 1).
        let receipt = Self::parse(&line).map_err(refused)?;
        Ok((receipt, line))
    }

    /// Reads a line strictly: JSON without duplicate keys or unknown fields, in canonical form.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, String> {
        let value = json::parse(line)?;
        if json::canonical(&value)? != line {
            return Err("not in canonical form (RFC 8785)".to_owned());
        }
        Self::from_canonical(value, line)
    }

    /// Reads a receipt embedded in another one's body.
    pub(crate) fn from_value(value: Value) -> Result<Self, String> {
        let line = json::canonical(&value)?;
        Self::from_canonical(value, &line)
    }

    fn from_canonical(value: Value, line: &[u8]) -> Result<Self, String> {
        let mut receipt: Self = serde_json::from_value(value).map_err(|error| error.to_string())?;
        // Times and whole numbers have one spelling: `+1` and `2026-11-20T00:00:00Z` are not it.
        if receipt.canonical()? != line {
            return Err("a time or a sequence is not in its one spelling".to_owned());
        }
        if receipt.version != VERSION {
            return Err(format!("its version is `{}`, not `{VERSION}`", receipt.version));
        }
        if !is_kind(&receipt.kind) || !is_hex(&receipt.parent, 64) {
            return Err("its kind or its parent is not well-formed".to_owned());
        }
        receipt.hash = sha256(line);
        Ok(receipt)
    }

    /// The canonical JSON of the whole receipt: its line.
    pub(crate) fn canonical(&self) -> Result<Vec<u8>, String> {
        json::canonical(&serde_json::to_value(self).map_err(|error| error.to_string())?)
    }

    /// The canonical JSON of every field but `signatures`: what is signed.
    pub(crate) fn statement(&self) -> Result<Vec<u8>, String> {
        let mut value = serde_json::to_value(self).map_err(|error| error.to_string())?;
        if let Value::Object(fields) = &mut value {
            fields.shift_remove("signatures");
        }
        json::canonical(&value)
    }

    /// Checks that there is at least one signature, that each key id has exactly one, and that each
    /// holds. `key` finds the public key of an id or says why there is none.
    pub(crate) fn check_signatures(
        &self,
        mut key: impl FnMut(&str) -> Result<PublicKey, String>,
    ) -> Result<Vec<PublicKey>, String> {
        if self.key_ids.is_empty() {
            return Err("nobody signed it".to_owned());
        }
        if !self.signatures.iter().map(|signature| &signature.key_id).eq(&self.key_ids) {
            return Err("its signatures are not those its key ids announce".to_owned());
        }
        let statement = self.statement()?;
        let mut signers = Vec::with_capacity(self.signatures.len());
        for signature in &self.signatures {
            let public = key(&signature.key_id)?;
            if signers.contains(&public) {
                return Err(format!("key {} signed it twice", signature.key_id));
            }
            if !public.verifies(&statement, &signature.signature) {
                return Err(format!(
                    "the signature of key {} does not hold: the receipt or the signature was changed",
                    signature.key_id
                ));
            }
            signers.push(public);
        }
        Ok(signers)
    }
}

/// Whether text is lower-case words of letters, digits and `-`, joined by dots.
pub(crate) fn is_kind(text: &str) -> bool {
    let word = |word: &str| {
        word.starts_with(|letter: char| letter.is_ascii_lowercase())
            && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    text.len() <= 64 && text.split('.').all(word)
}

/// A whole number of 64 bits as a decimal string.
pub(crate) mod decimal {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.parse::<u64>() {
            Ok(value) if value.to_string() == text => Ok(value),
            _ => Err(serde::de::Error::custom(format!("`{text}` is not a whole number"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SigningKey;
    use serde_json::json;

    fn sample() -> (Receipt, Vec<u8>, PublicKey) {
        let key = SigningKey::generate().unwrap();
        let draft = Draft {
            sequence: 1,
            parent: NO_PARENT,
            time: Timestamp::from_nanos(1_795_199_906_000_000_001),
            kind: "trial.plan",
            body: json!({"b": 1.0, "a": "ü"}),
        };
        let (receipt, line) = Receipt::sign(draft, &Signer::new(key.clone())).unwrap();
        (receipt, line, key.public())
    }

    #[test]
    fn a_receipt_is_read_back_as_written() {
        let (receipt, line, public) = sample();
        assert_eq!(Receipt::parse(&line).unwrap(), receipt);
        assert_eq!(receipt.hash(), sha256(&line));
        assert_eq!(receipt.body, json!({"a": "ü", "b": 1}));
        assert_eq!(receipt.check_signatures(|_| Ok(public)).unwrap(), [public]);
        let text = String::from_utf8(line).unwrap();
        assert!(text.starts_with(r#"{"body":{"a":"ü","b":1},"key_ids":[""#), "{text}");
        assert!(text.contains(r#""sequence":"1""#), "{text}");
        assert!(text.contains(r#""time":"2026-11-20T18:38:26.000000001Z""#), "{text}");
    }

    #[test]
    fn other_spellings_are_refused() {
        let (_, line, _) = sample();
        let text = String::from_utf8(line).unwrap();
        for (from, to, reason) in [
            (r#"{"body""#, r#"{ "body""#, "canonical"),
            (r#""b":1"#, r#""b":1.0"#, "canonical"),
            (r#""a":"ü""#, r#""a":"\u00fc""#, "canonical"),
            (r#""sequence":"1""#, r#""sequence":1"#, "string"),
            (r#""sequence":"1""#, r#""sequence":"01""#, "whole number"),
            (r#""sequence":"1""#, r#""sequence":"+1""#, "whole number"),
            (r#"000001Z""#, r#"000001+00:00""#, "spelling"),
            (r#""version""#, r#""unknown":1,"version""#, "unknown field"),
            (r#""version""#, r#""version":"x","version""#, "twice"),
            ("receipt/v1", "receipt/v2", "version"),
            ("trial.plan", "trial\\u001b[2Jplan", "kind"),
            ("trial.plan", "Trial plan", "kind"),
            ("\"parent\":\"00", "\"parent\":\"FF", "parent"),
            (r#""kind":"trial.plan","#, "", "missing field"),
        ] {
            assert!(text.contains(from), "{from}");
            let error = Receipt::parse(text.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert!(error.contains(reason), "{to}: {error}");
        }
    }

    #[test]
    fn one_key_cannot_pass_for_two() {
        let key = SigningKey::generate().unwrap();
        let draft = Draft {
            sequence: 1,
            parent: NO_PARENT,
            time: Timestamp::from_nanos(1),
            kind: "x",
            body: json!({}),
        };
        let twice = Signer::with(vec![key.clone(), key.clone()], Vec::new());
        let (receipt, _) = Receipt::sign(draft, &twice).unwrap();
        let error = receipt.check_signatures(|_| Ok(key.public())).unwrap_err();
        assert!(error.ends_with("signed it twice"), "{error}");
    }

    #[test]
    fn every_field_is_signed() {
        let (receipt, _, public) = sample();
        let edits: [fn(&mut Receipt); 7] = [
            |receipt| receipt.sequence += 1,
            |receipt| receipt.parent = sha256(b"other"),
            |receipt| receipt.time = Timestamp::from_nanos(5),
            |receipt| receipt.kind.push('s'),
            |receipt| receipt.body["a"] = json!("u"),
            |receipt| {
                receipt.key_ids.push("0123456789abcdef".to_owned());
                let mut second = receipt.signatures[0].clone();
                second.key_id.clone_from(&receipt.key_ids[1]);
                receipt.signatures.push(second);
            },
            |receipt| receipt.signatures.clear(),
        ];
        for edit in edits {
            let mut edited = receipt.clone();
            edit(&mut edited);
            assert!(edited.check_signatures(|_| Ok(public)).is_err(), "{edited:?}");
        }
        let mut nobody = receipt;
        nobody.key_ids.clear();
        nobody.signatures.clear();
        assert!(nobody.check_signatures(|_| Ok(public)).is_err());
    }
}
