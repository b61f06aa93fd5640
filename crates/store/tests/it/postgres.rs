//! A real PostgreSQL server on a free port, started by the tests and stopped with them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio_postgres::NoTls;

/// How long the server may take for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

const PASSWORD: &str = "a-s3cret-of-the-tests";

/// A server of one's own.
pub(crate) struct Server {
    folder: PathBuf,
    port: u16,
    settings: Vec<String>,
    running: Option<Running>,
}

/// The server's process and the line whose end stops it: also when the tests are killed.
struct Running {
    guard: Child,
    line: Option<ChildStdin>,
}

/// The server that tests share: the one that `cargo xtask test` has started, else one for this process.
pub(crate) async fn shared() -> &'static str {
    static ADDRESS: OnceLock<(Option<Server>, String)> = OnceLock::new();
    let make = || {
        if let Ok(given) = std::env::var("SEAWORTHY_TEST_DATABASE") {
            return (None, given);
        }
        let server = Server::start(&[]);
        let address = server.address("postgres");
        (Some(server), address)
    };
    let made = tokio::task::spawn_blocking(move || ADDRESS.get_or_init(make));
    let (_, address) = made.await.unwrap();
    until_ready(address).await;
    address
}

/// A new empty database on the shared server: its address.
pub(crate) async fn database() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let server = shared().await;
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("test_{}_{number}", std::process::id());
    let client = connect(server).await.unwrap();
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}

/// A connection beside the store's.
pub(crate) async fn connect(
    address: &str,
) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(address, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Waits until the server at this address takes connections.
pub(crate) async fn until_ready(address: &str) {
    let ready = async {
        while connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, ready).await.expect("PostgreSQL did not start");
}

impl Server {
    /// Makes a database cluster and starts it, with settings such as `fsync=on` beside the usual ones.
    pub(crate) fn start(settings: &[&str]) -> Self {
        let folder = private_folder();
        let password = folder.join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        own(&password);
        let made = as_server(&program("initdb"), &folder)
            .args(["--username=tests", "--auth=scram-sha-256", "--encoding=UTF8", "--no-sync"])
            .arg("--locale=C.UTF-8")
            .arg(format!("--pwfile={}", password.display()))
            .arg("--pgdata")
            .arg(folder.join("data"))
            .stdout(Stdio::null())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = settings.iter().map(ToString::to_string).collect();
        let mut server = Self { folder, port, settings, running: None };
        server.launch();
        server
    }

    /// The server's folder, with its data in `data`.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The address of a database on it.
    pub(crate) fn address(&self, database: &str) -> String {
        format!("postgres://tests:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    /// Changes a setting from the next start on.
    pub(crate) fn set(&mut self, setting: &str) {
        self.settings.push(setting.to_owned());
    }

    /// Starts it again after [`Server::stop`] or [`Server::kill`].
    pub(crate) fn launch(&mut self) {
        // The shell waits for its line's end, which comes with the tests' end at the latest.
        let script = "\"$@\" & server=$!; read -r how; kill -\"${how:-INT}\" $server; wait $server; \
                      [ -n \"$how\" ] || rm -rf \"$FOLDER\"";
        let mut command = as_server(Path::new("/bin/sh"), &self.folder);
        command
            .args(["-c", script, "sh"])
            .arg(program("postgres"))
            .arg("-D")
            .arg(self.folder.join("data"))
            .env("FOLDER", &self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let usual = [
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_directories=".to_owned(),
            "max_connections=300".to_owned(),
            "shared_buffers=32MB".to_owned(),
        ];
        for setting in usual.iter().chain(&self.settings) {
            command.arg("-c").arg(setting);
        }
        let mut guard = command.spawn().unwrap();
        let line = guard.stdin.take();
        // Ready also means that it hears signals: before, the shell has it ignore some.
        let mut said = BufReader::new(guard.stderr.take().unwrap()).lines();
        let mut log = String::new();
        while !log.contains("database system is ready to accept connections") {
            let Some(Ok(text)) = said.next() else { panic!("PostgreSQL did not start:\n{log}") };
            log.push_str(&text);
            log.push('\n');
        }
        std::thread::spawn(move || said.for_each(drop));
        self.running = Some(Running { guard, line });
    }

    /// Stops it as an operator does: connections are ended, the data is synced.
    pub(crate) fn stop(&mut self) {
        self.end("INT");
    }

    /// Stops it as a crash does, without a word to anybody.
    pub(crate) fn kill(&mut self) {
        self.end("QUIT");
    }

    fn end(&mut self, how: &str) {
        let Some(mut running) = self.running.take() else { return };
        if let Some(mut line) = running.line.take() {
            writeln!(line, "{how}").unwrap();
        }
        running.guard.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end("INT");
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// PostgreSQL refuses to run as root; then it runs as nobody.
fn as_server(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

fn private_folder() -> PathBuf {
    let folder = tempfile::Builder::new().prefix("seaworthy-postgres-").tempdir().unwrap().keep();
    own(&folder);
    folder
}

/// Makes a file the server's own.
pub(crate) fn own(path: &Path) {
    if is_root() {
        std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

/// One of PostgreSQL's programs: beside the one named by `SEAWORTHY_TEST_POSTGRES`, on the path, or
/// where Debian keeps them.
fn program(name: &str) -> PathBuf {
    let given = std::env::var_os("SEAWORTHY_TEST_POSTGRES").map(PathBuf::from);
    let beside = given.and_then(|path| {
        let path = path.canonicalize().ok()?;
        Some(path.parent()?.join(name))
    });
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = beside.into_iter().collect();
    places.extend(std::env::split_paths(&path).map(|folder| folder.join(name)));
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        places.extend(versions.flatten().map(|version| version.path().join("bin").join(name)));
    }
    let found = places.into_iter().find(|place| place.is_file());
    found.unwrap_or_else(|| panic!("`{name}` is not here: `cargo xtask test` installs PostgreSQL"))
}
