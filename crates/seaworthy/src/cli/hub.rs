//! `seaworthy hub serve`: runs one, several or all roles of the agent platform.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, bail};
use seaworthy_hub::options::READERS;
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
    /// How many connections each role reads its store with at once; reads beyond wait in line.
    #[arg(long, value_name = "N", default_value_t = READERS, env = "SEAWORTHY_HUB_READERS")]
    readers: NonZeroUsize,
    /// How much is logged to stderr: error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL", default_value = "info", env = "SEAWORTHY_LOG")]
    log: LevelFilter,
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
