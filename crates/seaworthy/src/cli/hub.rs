//! `seaworthy hub serve`: runs one, several or all roles of the agent platform.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, bail};
use seaworthy_hub::options::{Anonymous, READERS};
use seaworthy_hub::{Database, Options, Role, Service};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::LevelFilter;

use super::talk;
use crate::exit::Exit;

/// What was typed.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Serve until told to stop (Ctrl-C or SIGTERM).
    Serve(Serve),
}

/// Each role has one address: a role played here listens on it, a role played elsewhere is
/// expected there. Left out, it is the role's default loopback port.
#[derive(clap::Args)]
struct Serve {
    /// The roles to play: `all`, or any of gateway, orchestrator, identity, policy, memory,
    /// inference (repeat the flag or separate by commas).
    #[arg(long, value_name = "ROLE", value_delimiter = ',', default_value = "all")]
    role: Vec<String>,
    /// Where durable data is kept, one folder a role.
    #[arg(long, value_name = "DIR", default_value = ".seaworthy/hub", env = "SEAWORTHY_HUB_DATA")]
    data: PathBuf,
    /// Keep the rows in this PostgreSQL database rather than in files of the data folder:
    /// `postgres://user@host:port/database`. Others see a command line: give the password by the
    /// variable or a file (`?passwordfile=PATH`). Behind the question mark also: `sslmode`
    /// (verify-full or disable), `sslrootcert`.
    #[arg(long, value_name = "URL", env = "SEAWORTHY_HUB_DATABASE", hide_env_values = true)]
    database: Option<String>,
    /// The gateway's address.
    #[arg(long, value_name = "HOST:PORT", env = "SEAWORTHY_HUB_GATEWAY")]
    gateway: Option<String>,
    /// The orchestrator's address.
    #[arg(long, value_name = "HOST:PORT", env = "SEAWORTHY_HUB_ORCHESTRATOR")]
    orchestrator: Option<String>,
    /// The identity service's address.
    #[arg(long, value_name = "HOST:PORT", env = "SEAWORTHY_HUB_IDENTITY")]
    identity: Option<String>,
    /// The policy engine's address.
    #[arg(long, value_name = "HOST:PORT", env = "SEAWORTHY_HUB_POLICY")]
    policy: Option<String>,
    /// The memory service's address.
    #[arg(long, value_name = "HOST:PORT", env = "SEAWORTHY_HUB_MEMORY")]
    memory: Option<String>,
    /// The inference service's address.
    #[arg(long, value_name = "HOST:PORT", env = "SEAWORTHY_HUB_INFERENCE")]
    inference: Option<String>,
    #[command(flatten)]
    terms: Terms,
    /// A folder of wizards' definitions (YAML), besides those that are shipped.
    #[arg(long, value_name = "DIR", env = "SEAWORTHY_HUB_WIZARDS")]
    wizards: Option<PathBuf>,
    /// The wizard that is begun where there is none with the id that was asked for; without it, that
    /// is refused.
    #[arg(long, value_name = "ID", env = "SEAWORTHY_HUB_DEFAULT_WIZARD")]
    default_wizard: Option<String>,
    /// How many connections each role reads its store with at once; reads beyond wait in line.
    #[arg(long, value_name = "N", default_value_t = READERS, env = "SEAWORTHY_HUB_READERS")]
    readers: NonZeroUsize,
    /// How much is logged to stderr: error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL", default_value = "info", env = "SEAWORTHY_LOG")]
    log: LevelFilter,
}

/// On which terms the hub works for its tenants.
#[derive(clap::Args)]
struct Terms {
    /// The signed constitution that tokens and verdicts are bound to; without it, the last one that
    /// held, or one that the hub makes on its first start.
    #[arg(
        long,
        value_name = "FILE",
        env = "SEAWORTHY_HUB_CONSTITUTION",
        requires = "constitution_key"
    )]
    constitution: Option<PathBuf>,
    /// The public key (PEM; RSA or Ed25519) that the constitution must be signed with.
    #[arg(long, value_name = "FILE", env = "SEAWORTHY_HUB_CONSTITUTION_KEY")]
    constitution_key: Option<PathBuf>,
    /// Take requests without a token for this tenant's. Only on loopback addresses: everyone who can
    /// reach them is let in.
    #[arg(long, value_name = "NAME", env = "SEAWORTHY_HUB_ANONYMOUS_TENANT")]
    anonymous_tenant: Option<String>,
    /// How many requests per second the anonymous tenant may send.
    #[arg(long, value_name = "N", requires = "anonymous_tenant")]
    anonymous_rate: Option<NonZeroU32>,
    /// How many inference tokens the anonymous tenant may use in a window.
    #[arg(long, value_name = "N", requires = "anonymous_tenant")]
    anonymous_tokens: Option<u64>,
    /// How many requests per second each tenant may send, unless identity has other limits for it.
    #[arg(long, value_name = "N", env = "SEAWORTHY_HUB_TENANT_RATE")]
    tenant_rate: Option<NonZeroU32>,
    /// How many requests a tenant may send at once after a rest, if not as many as per second.
    #[arg(long, value_name = "N", requires = "tenant_rate")]
    tenant_burst: Option<NonZeroU32>,
    /// How many inference tokens each tenant may use in a window.
    #[arg(long, value_name = "N", env = "SEAWORTHY_HUB_TENANT_TOKENS")]
    tenant_tokens: Option<u64>,
    /// The length of the window that tokens are counted in, in seconds; a day unless said otherwise.
    #[arg(long, value_name = "SECONDS")]
    token_window: Option<NonZeroU64>,
    /// A term that no prompt may hold, in the place of those the hub comes with (repeat the flag or
    /// separate by commas).
    #[arg(
        long,
        value_name = "TERM",
        value_delimiter = ',',
        env = "SEAWORTHY_HUB_MODERATION_TERMS"
    )]
    moderation_term: Vec<String>,
    /// With how many strikes a flagged prompt is refused.
    #[arg(long, value_name = "N", env = "SEAWORTHY_HUB_MODERATION_BLOCK_AFTER")]
    moderation_block_after: Option<NonZeroU32>,
}

impl Terms {
    fn set(&self, options: &mut Options) {
        options.constitution.bundle.clone_from(&self.constitution);
        options.constitution.key.clone_from(&self.constitution_key);
        options.allowance.requests_per_second = self.tenant_rate;
        options.allowance.burst = self.tenant_burst;
        options.allowance.tokens = self.tenant_tokens;
        options.allowance.window_seconds = self.token_window;
        options.anonymous = self.anonymous_tenant.as_ref().map(|tenant| {
            let mut anonymous = Anonymous::new(tenant);
            let allowance = &mut anonymous.allowance;
            allowance.requests_per_second = self.anonymous_rate.or(allowance.requests_per_second);
            allowance.tokens = self.anonymous_tokens.or(allowance.tokens);
            allowance.window_seconds = self.token_window;
            anonymous
        });
        // An empty variable is none.
        if !self.moderation_term.concat().trim().is_empty() {
            options.moderation.terms.clone_from(&self.moderation_term);
        }
        if let Some(strikes) = self.moderation_block_after {
            options.moderation.block_after = strikes;
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let Command::Serve(serve) = &arguments.command;
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(super::colour(&std::io::stderr()) && std::io::stderr().is_terminal())
        .with_max_level(serve.log)
        .init();
    let options = serve.options()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(listen(options))
}

impl Serve {
    fn options(&self) -> anyhow::Result<Options> {
        let mut roles = Vec::new();
        for name in &self.role {
            match name.as_str() {
                "all" => roles.extend(Role::ALL),
                name => roles.push(name.parse::<Role>()?),
            }
        }
        roles.sort_unstable();
        roles.dedup();
        let data = std::path::absolute(&self.data)
            .with_context(|| format!("cannot resolve {}", self.data.display()))?;
        let mut options = Options::new(data).roles(roles.clone());
        options.readers = self.readers;
        self.terms.set(&mut options);
        options.wizards.folder.clone_from(&self.wizards);
        options.wizards.default.clone_from(&self.default_wizard);
        if let Some(address) = &self.database {
            let database = address.parse().map_err(|error: <Database as FromStr>::Err| {
                anyhow::anyhow!("--database: {error} [{}]", error.code())
            });
            options = options.database(database?);
        }
        for (role, address) in [
            (Role::Gateway, &self.gateway),
            (Role::Orchestrator, &self.orchestrator),
            (Role::Identity, &self.identity),
            (Role::Policy, &self.policy),
            (Role::Memory, &self.memory),
            (Role::Inference, &self.inference),
        ] {
            let Some(address) = address else { continue };
            if roles.contains(&role) {
                let Ok(listen) = address.parse::<SocketAddr>() else {
                    bail!(
                        "--{role}: `{address}` is not an address to listen on, as 127.0.0.1:{}",
                        role.port()
                    );
                };
                options.listen.insert(role, listen);
            }
            let base =
                if address.contains("://") { address.clone() } else { format!("http://{address}") };
            options.peers = options.peers.with(role, base);
        }
        Ok(options)
    }
}

async fn listen(options: Options) -> anyhow::Result<Exit> {
    let roles = options.roles.clone();
    let service = Service::bind(options).await.map_err(|error| explain(&error))?;
    for role in roles {
        if let Some(address) = service.address(role) {
            talk(&format!("{role} listens on http://{address}"));
        }
    }
    let stop = CancellationToken::new();
    let asked = stop.clone();
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        asked.cancel();
    });
    service.run(stop).await;
    Ok(Exit::Pass)
}

/// An error at start with its code and hint.
fn explain(error: &seaworthy_hub::Error) -> anyhow::Error {
    match error.hint() {
        Some(hint) => anyhow::anyhow!("{error} [{}]\nhint: {hint}", error.code()),
        None => anyhow::anyhow!("{error} [{}]", error.code()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        serve: Serve,
    }

    #[test]
    fn the_number_of_readers_reaches_the_hub() {
        let options = |words: &[&str]| {
            let words = ["serve"].iter().chain(words);
            Line::try_parse_from(words).map(|line| line.serve.options().unwrap().readers.get())
        };
        assert_eq!(options(&["--readers", "1"]).unwrap(), 1);
        assert_eq!(options(&[]).unwrap(), READERS.get());
        assert!(options(&["--readers", "0"]).is_err());
    }

    fn read(words: &str) -> Result<Options, clap::Error> {
        let words = ["serve"].into_iter().chain(words.split_whitespace());
        Line::try_parse_from(words).map(|line| line.serve.options().unwrap())
    }

    #[test]
    fn every_term_reaches_the_hub() {
        let plain = read("").unwrap();
        assert!(plain.anonymous.is_none() && plain.constitution.bundle.is_none());
        assert_eq!(plain.allowance, seaworthy_hub::limits::Allowance::default());
        let terms = read(
            "--constitution b.json --constitution-key k.pem --anonymous-tenant demo \
             --anonymous-rate 7 --anonymous-tokens 8 --tenant-rate 1 --tenant-burst 2 \
             --tenant-tokens 3 --token-window 4 --moderation-term a,b --moderation-block-after 5",
        )
        .unwrap();
        let path = |path: &Option<PathBuf>| path.as_ref().unwrap().display().to_string();
        assert_eq!(path(&terms.constitution.bundle), "b.json");
        assert_eq!(path(&terms.constitution.key), "k.pem");
        let numbers = |all: seaworthy_hub::limits::Allowance| {
            (
                all.requests_per_second.map(NonZeroU32::get),
                all.burst.map(NonZeroU32::get),
                all.tokens,
                all.window_seconds.map(NonZeroU64::get),
            )
        };
        assert_eq!(numbers(terms.allowance), (Some(1), Some(2), Some(3), Some(4)));
        let anonymous = terms.anonymous.unwrap();
        assert_eq!(anonymous.tenant, "demo");
        assert_eq!(numbers(anonymous.allowance), (Some(7), None, Some(8), Some(4)));
        assert_eq!(terms.moderation.terms, ["a", "b"]);
        assert_eq!(terms.moderation.block_after.get(), 5);
        let default = read("--anonymous-tenant demo").unwrap().anonymous.unwrap();
        assert!(default.allowance.requests_per_second.is_some());
        assert!(plain.wizards.folder.is_none() && plain.wizards.default.is_none());
        let wizards = read("--wizards w --default-wizard quick_campaign_v1").unwrap().wizards;
        assert_eq!(path(&wizards.folder), "w");
        assert_eq!(wizards.default.as_deref(), Some("quick_campaign_v1"));
        for lonely in ["--constitution b", "--anonymous-rate 1", "--tenant-burst 1"] {
            assert!(read(lonely).is_err(), "{lonely}");
        }
    }

    #[test]
    fn the_database_reaches_the_hub_and_its_password_nobody_else() {
        let options = |address: &str| {
            Line::try_parse_from(["serve", "--database", address]).unwrap().serve.options()
        };
        let shown = format!("{:?}", options("postgres://me:s3cret@127.0.0.1/hub").unwrap());
        assert!(shown.contains("postgres://127.0.0.1:5432/hub"), "{shown}");
        assert!(!shown.contains("s3cret"), "{shown}");
        let refused = options("postgres://me:s3cret@h/hub?sslmode=perhaps").unwrap_err();
        let refused = format!("{refused:?}");
        assert!(refused.contains("store.address") && !refused.contains("s3cret"), "{refused}");
    }
}
