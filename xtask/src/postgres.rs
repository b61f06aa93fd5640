//! A PostgreSQL server for the length of a test run: on a free port, with data that goes with it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{OpenOptionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{command, needs};

/// The variable that tells the tests where the server is, as `postgres://user:password@host:port/name`.
pub(crate) const VARIABLE: &str = "SEAWORTHY_TEST_DATABASE";

/// A server at work; dropped, it is stopped and its data removed.
pub(crate) struct Server {
    folder: PathBuf,
    guard: Child,
    /// While this is open the server runs: it also ends with this process, however that ends.
    line: Option<ChildStdin>,
    address: String,
}

impl Server {
    /// Makes a database cluster with the programs beside `postgres` and starts it.
    pub(crate) fn start(postgres: &Path) -> Result<Self> {
        // Debian's `postgres` may be a link into the folder with all of its programs.
        let postgres = postgres.canonicalize().context("cannot find PostgreSQL's programs")?;
        let initdb = postgres.with_file_name("initdb");
        let number = random(8)?;
        let folder = std::env::temp_dir().join(format!("seaworthy-postgres-{number}"));
        std::fs::create_dir(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let started = launch(&postgres, &initdb, &folder);
        if started.is_err() {
            let _ = std::fs::remove_dir_all(&folder);
        }
        let (guard, line, address) = started?;
        Ok(Self { folder, guard, line: Some(line), address })
    }

    /// Where it is, with user and password.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.line.take());
        let _ = self.guard.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn launch(postgres: &Path, initdb: &Path, folder: &Path) -> Result<(Child, ChildStdin, String)> {
    let password = random(24)?;
    let file = folder.join("password");
    let mut private = std::fs::OpenOptions::new();
    let mut private = private.write(true).create_new(true).mode(0o600).open(&file)?;
    private.write_all(password.as_bytes())?;
    own(folder)?;
    own(&file)?;
    let data = folder.join("data");
    command::output(
        as_server(initdb, folder)
            .args(["--username=tests", "--auth=scram-sha-256", "--encoding=UTF8"])
            .args(["--locale=C.UTF-8", "--no-sync"])
            .arg(format!("--pwfile={}", file.display()))
            .arg("--pgdata")
            .arg(&data),
    )?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    // The shell waits for its line's end, then stops the server and removes what it wrote.
    let script =
        "\"$@\" & server=$!; read -r end; kill -INT $server; wait $server; rm -rf \"$FOLDER\"";
    let mut command = as_server(Path::new("/bin/sh"), folder);
    command.args(["-c", script, "sh"]).arg(postgres).arg("-D").arg(&data).env("FOLDER", folder);
    for setting in [
        &format!("port={port}"),
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=300",
        "shared_buffers=64MB",
    ] {
        command.args(["-c", setting]);
    }
    // A group of its own: Ctrl-C is for the tests, and their end is heard by way of the line.
    let mut guard = command
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start PostgreSQL")?;
    let (line, said) = (guard.stdin.take(), guard.stderr.take());
    let (Some(line), Some(said)) = (line, said) else { bail!("PostgreSQL has no pipes") };
    let mut said = BufReader::new(said).lines();
    let mut log = String::new();
    while !log.contains("database system is ready to accept connections") {
        let Some(text) = said.next().transpose()? else {
            bail!("PostgreSQL did not start:\n{log}")
        };
        log.push_str(&text);
        log.push('\n');
    }
    std::thread::spawn(move || said.for_each(drop));
    Ok((guard, line, format!("postgres://tests:{password}@127.0.0.1:{port}/postgres")))
}

/// PostgreSQL refuses to run as root; then it runs as nobody.
const NOBODY: u32 = 65_534;

fn as_server(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    if needs::is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn own(path: &Path) -> Result<()> {
    if needs::is_root() {
        chown(path, Some(NOBODY), Some(NOBODY))?;
    }
    Ok(())
}

/// Letters and digits that nobody guesses, from so many bytes.
fn random(bytes: usize) -> Result<String> {
    let mut buffer = vec![0; bytes];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut buffer)?;
    Ok(buffer.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_started_is_named() {
        assert!(Server::start(Path::new("/no/such/postgres")).is_err());
        let folder = std::env::temp_dir().join(format!("seaworthy-xtask-{}", random(8).unwrap()));
        std::fs::create_dir(&folder).unwrap();
        let programs = folder.join("programs");
        std::fs::create_dir(&programs).unwrap();
        for program in ["postgres", "initdb"] {
            std::fs::copy("/bin/false", programs.join(program)).unwrap();
        }
        let refused = launch(&programs.join("postgres"), &programs.join("initdb"), &folder);
        assert!(refused.unwrap_err().to_string().contains("initdb"));
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(random(4).unwrap().len(), 8);
        assert_ne!(random(16).unwrap(), random(16).unwrap());
    }
}
