//! `seaworthy receipts`: verify, show and audit receipts; the signing key and whom to trust.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use seaworthy_base::{Clock, Span};
use seaworthy_ledger::{
    Keystore, Outcome, PublicKey, Report, Signer, Trust, audit, default_folder, verify,
};

use super::{HouseArgument, print, read_document, talk};
use crate::exit::Exit;

/// The variable that may hold the signing key itself.
const KEY_VARIABLE: &str = "SEAWORTHY_SIGNING_KEY";

/// What was typed.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    keys: KeyArguments,
}

/// Where keys are.
#[derive(clap::Args)]
pub(crate) struct KeyArguments {
    /// The folder of your keys and of those you trust [default: $XDG_STATE_HOME/seaworthy or
    /// ~/.local/state/seaworthy].
    #[arg(long, value_name = "DIR", env = "SEAWORTHY_STATE", global = true)]
    state: Option<PathBuf>,
    /// Sign with this key file (PKCS#8 PEM, mode 0600) instead. The variable SEAWORTHY_SIGNING_KEY
    /// may hold the key itself.
    #[arg(long, value_name = "FILE", global = true)]
    signing_key: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Recompute everything in a trial's folder. Exit 0: it holds and is signed by a key you trust;
    /// 1: something was changed, added or removed; 2: consistent, but no trusted key signed it.
    Verify {
        /// The trial's folder.
        folder: PathBuf,
        /// Trust this public key file (PEM) as well; repeat for more.
        #[arg(long, value_name = "FILE")]
        key: Vec<PathBuf>,
        /// Print the result as JSON.
        #[arg(long)]
        json: bool,
    },
    /// List a trial's receipts.
    Show {
        /// The trial's folder.
        folder: PathBuf,
        /// Print whole receipts, one JSON document a line.
        #[arg(long)]
        json: bool,
    },
    /// Hold the ledger of all seals against the trials that are there: a deleted or re-sealed trial
    /// is named.
    Audit {
        #[command(flatten)]
        house: HouseArgument,
        /// Trust this public key file (PEM) as well; repeat for more.
        #[arg(long, value_name = "FILE")]
        key: Vec<PathBuf>,
    },
    /// Show the signing key (made on first use), rotate it, or say whose keys you trust.
    Key {
        #[command(subcommand)]
        action: Option<KeyAction>,
    },
}

#[derive(clap::Subcommand)]
enum KeyAction {
    /// List your keys and those you trust.
    List,
    /// Print the public key as PEM, to give to those who verify.
    Export,
    /// Make a new key, vouched for by the old one; both sign for a while.
    Rotate {
        /// How long both keys sign.
        #[arg(long, default_value = "7d")]
        overlap: Span,
    },
    /// End the overlap now: delete the old private key. Its public part stays trusted.
    Retire,
    /// Trust somebody else's public key (PEM file).
    Trust {
        /// The public key's file.
        file: PathBuf,
    },
    /// Trust a key no longer.
    Untrust {
        /// The key's id, as `list` shows it.
        key_id: String,
    },
}

impl KeyArguments {
    fn keystore(&self) -> anyhow::Result<Keystore> {
        let folder = match &self.state {
            Some(folder) => folder.clone(),
            None => default_folder(|name| std::env::var_os(name)).map_err(explain)?,
        };
        Keystore::open(folder).map_err(explain)
    }

    /// The key given by file or environment, if any.
    fn given(&self) -> anyhow::Result<Option<Signer>> {
        if let Some(path) = &self.signing_key {
            return Signer::from_file(path).map(Some).map_err(explain);
        }
        match std::env::var(KEY_VARIABLE) {
            Ok(text) if !text.is_empty() => {
                Signer::from_text(KEY_VARIABLE, &text).map(Some).map_err(explain)
            }
            _ => Ok(None),
        }
    }

    /// Who signs: the key given by file or environment, else the keystore's, made on first use.
    pub(crate) fn signer(&self, clock: &Clock) -> anyhow::Result<Signer> {
        match self.given()? {
            Some(signer) => Ok(signer),
            None => self.keystore()?.signer(clock).map_err(explain),
        }
    }

    /// Whom a verifier trusts: the keystore's keys, the key given to sign with, and those named.
    pub(crate) fn trust(&self, files: &[PathBuf]) -> anyhow::Result<Trust> {
        let mut trust = match self.keystore() {
            Ok(keystore) => keystore.trust().map_err(explain)?,
            // Without a home there is no keystore to trust; named keys still count.
            Err(_) if !files.is_empty() => Trust::none(),
            Err(error) => return Err(error),
        };
        if let Some(signer) = self.given()? {
            trust.extend(signer.public_keys());
        }
        for file in files {
            trust = trust.and(read_public(file)?);
        }
        Ok(trust)
    }
}

fn read_public(file: &std::path::Path) -> anyhow::Result<PublicKey> {
    let text = read_document(file)?;
    if text.len() > seaworthy_document::MAX_BYTES {
        anyhow::bail!("{} is too large for a public key", file.display());
    }
    PublicKey::from_pem(&file.display().to_string(), &text).map_err(explain)
}

/// A ledger error with its code and hint.
fn explain(error: seaworthy_ledger::Error) -> anyhow::Error {
    match error.hint() {
        Some(hint) => anyhow::anyhow!("[{}] {error}\nhint: {hint}", error.code()),
        None => anyhow::anyhow!("[{}] {error}", error.code()),
    }
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let keys = &arguments.keys;
    match &arguments.command {
        Command::Verify { folder, key, json } => {
            if !folder.is_dir() {
                anyhow::bail!("{} is not a folder: there is nothing to verify", folder.display());
            }
            let report = verify(folder, &keys.trust(key)?);
            if *json {
                print(&format!("{}\n", serde_json::to_string_pretty(&report)?))?;
            } else {
                print(&format!("{}\n", report.summary()))?;
                if let Some(trial) = &report.trial {
                    print(&format!("sealed as trial {trial}\n"))?;
                    let named = std::path::absolute(folder)?;
                    if named.file_name().is_some_and(|name| *name != **trial) {
                        talk(&format!(
                            "note: this folder is named otherwise: {}",
                            folder.display()
                        ));
                    }
                }
                let rest = report.findings.len() > 1;
                report
                    .findings
                    .iter()
                    .filter(|_| rest)
                    .try_for_each(|finding| print(&format!("  {finding}\n")))?;
            }
            Ok(exit(&report))
        }
        Command::Show { folder, json } => {
            let report = verify(folder, &Trust::none());
            for receipt in &report.receipts {
                let line = if *json {
                    serde_json::to_string(receipt)?
                } else {
                    format!(
                        "{:>4}  {}  {:<18} {}",
                        receipt.sequence,
                        receipt.time,
                        receipt.kind,
                        shorten(&receipt.body.to_string())
                    )
                };
                print(&format!("{line}\n"))?;
            }
            if report.outcome == Outcome::Broken {
                talk("these receipts do not hold; `seaworthy receipts verify` says why");
                return Ok(Exit::Fail);
            }
            Ok(Exit::Pass)
        }
        Command::Audit { house, key } => {
            let house = house.house()?;
            let audit = audit(&house.ledger(), &house.trials(), &keys.trust(key)?);
            print(&format!("{}\n", serde_json::to_string_pretty(&audit)?))?;
            Ok(match audit.outcome() {
                Outcome::Trusted => Exit::Pass,
                Outcome::ConsistentOnly => Exit::Inconclusive,
                Outcome::Broken => Exit::Fail,
            })
        }
        Command::Key { action } => key(keys, action.as_ref().unwrap_or(&KeyAction::List)),
    }
}

fn exit(report: &Report) -> Exit {
    match report.outcome {
        Outcome::Trusted => Exit::Pass,
        Outcome::ConsistentOnly => Exit::Inconclusive,
        Outcome::Broken => Exit::Fail,
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(100) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn key(keys: &KeyArguments, action: &KeyAction) -> anyhow::Result<Exit> {
    let clock = Clock::system();
    match action {
        KeyAction::List => {
            if let Some(signer) = keys.given()? {
                print(&format!("{}  given by file or environment\n", signer.key_ids().join(" ")))?;
                return Ok(Exit::Pass);
            }
            let keystore = keys.keystore()?;
            keystore.signer(&clock).map_err(explain)?;
            for listed in keystore.list(&clock).map_err(explain)? {
                print(&format!("{}  {}\n", listed.key.id(), listed.role))?;
            }
            talk(&format!("keys are kept in {}", keystore.folder().display()));
        }
        KeyAction::Export => {
            let signer = keys.signer(&clock)?;
            let first = signer.public_keys().into_iter().next().context("there is no key")?;
            print(&first.to_pem())?;
        }
        KeyAction::Rotate { overlap } => {
            let overlap: Duration = overlap.get();
            let receipt = keys.keystore()?.rotate(&clock, overlap).map_err(explain)?;
            print(&format!("{}\n", serde_json::to_string_pretty(&receipt.body)?))?;
        }
        KeyAction::Retire => {
            let retired = keys.keystore()?.retire(&clock).map_err(explain)?;
            talk(&format!("{} key(s) retired", retired.len()));
            retired.iter().try_for_each(|id| print(&format!("{id}\n")))?;
        }
        KeyAction::Trust { file } => {
            let key = read_public(file)?;
            keys.keystore()?.add_trusted(&key).map_err(explain)?;
            print(&format!("{}  trusted\n", key.id()))?;
        }
        KeyAction::Untrust { key_id } => {
            if !keys.keystore()?.remove_trusted(key_id).map_err(explain)? {
                anyhow::bail!(
                    "no trusted key has the id `{key_id}`; `seaworthy receipts key list` shows them"
                );
            }
        }
    }
    Ok(Exit::Pass)
}
