//! `--out web-dashboard`: a page on a loopback address that shows the run while it goes on, and the
//! same page as a file when it is over. It reads snapshots; nothing of the run waits for it.

mod series;

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use futures_util::stream;
use seaworthy_base::Span;
use seaworthy_k6::Script;
use seaworthy_metrics::Thresholds;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::conduct::Begun;
use super::log::Log;
use super::stop::Stop;
use crate::exit::Exit;
use series::Series;

const PAGE: &str = include_str!("dashboard/page.html");
/// How long the last numbers may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Where a recorded run stands in the page.
const RECORDED: &str = "/*recorded*/null";

/// How the page is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    host: String,
    /// `None` for no server: an export alone.
    port: Option<u16>,
    period: Duration,
    open: bool,
    export: Option<PathBuf>,
}

impl Settings {
    /// From `K6_WEB_DASHBOARD_…` and what stands behind `web-dashboard=`.
    pub(crate) fn read(
        argument: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Stop> {
        let mut settings = Self {
            host: "127.0.0.1".to_owned(),
            port: Some(5665),
            period: Duration::from_secs(10),
            open: false,
            export: None,
        };
        for name in ["host", "port", "period", "open", "export", "record", "tags"] {
            let variable_name = format!("K6_WEB_DASHBOARD_{}", name.to_uppercase());
            if let Some(value) = variable(&variable_name).filter(|value| !value.is_empty()) {
                settings.set(name, &value, &variable_name)?;
            }
        }
        for part in argument.split(['&', ',']).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, "true"));
            settings.set(name, value, part)?;
        }
        Ok(settings)
    }

    fn set(&mut self, name: &str, value: &str, typed: &str) -> Result<(), Stop> {
        let wrong = |hint: &str| {
            let words = format!("the web dashboard does not take `{typed}`");
            Err(Stop::new(Exit::Unspecified, words).hint(hint))
        };
        match name {
            "host" => value.clone_into(&mut self.host),
            "port" => match value.parse::<i32>().map(u16::try_from) {
                Ok(Ok(port)) => self.port = Some(port),
                Ok(Err(_)) if value == "-1" => self.port = None,
                _ => {
                    return wrong(
                        "a port is a number up to 65535; 0 takes a free one, -1 serves nothing",
                    );
                }
            },
            "period" => match value.parse::<Span>() {
                Ok(period) if period.get() >= Duration::from_millis(100) => {
                    self.period = period.get()
                }
                _ => return wrong("a period is 100ms or longer, as 2s"),
            },
            "open" => match value.parse() {
                Ok(open) => self.open = open,
                Err(_) => return wrong("write true or false"),
            },
            "export" => self.export = Some(value.into()),
            "record" => {
                return wrong(
                    "nothing is recorded; `export` writes the page, `--out json` the samples",
                );
            }
            "tags" => return wrong("series are not split by tags"),
            _ => return wrong("there are host, port, period, open and export"),
        }
        Ok(())
    }

    /// Opens the page for a run that is about to begin.
    pub(crate) fn begin(
        &self,
        script: &Script,
        thresholds: &Thresholds,
        begun: &Begun,
    ) -> Result<Dashboard, Stop> {
        let series = Series::new(script, thresholds);
        let board = Arc::new(Board { events: Mutex::default(), count: watch::Sender::new(0) });
        let over = CancellationToken::new();
        let listener = match self.port {
            Some(port) => Some(self.listen(port)?),
            None => None,
        };
        let address = listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let thread = std::thread::Builder::new().name("dashboard".to_owned());
        let (begun, period) = (Begun::clone(begun), self.period);
        let (its_board, its_over) = (Arc::clone(&board), over.clone());
        let (said, shown) = mpsc::channel();
        thread
            .spawn(move || {
                let over = Over { asked: its_over, shown: said };
                serve(listener, series, &begun, period, &its_board, &over);
            })
            .map_err(|error| {
                Stop::new(Exit::Unspecified, format!("cannot start a thread: {error}"))
            })?;
        Ok(Dashboard { settings: self.clone(), address, board, over, shown })
    }

    fn listen(&self, port: u16) -> Result<TcpListener, Stop> {
        let listening = TcpListener::bind((self.host.as_str(), port))
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
        listening.map_err(|error| {
            let words = format!("the web dashboard cannot listen on {}:{port}: {error}", self.host);
            let hint = "choose another port with K6_WEB_DASHBOARD_PORT; 0 takes a free one";
            Stop::new(Exit::Unspecified, words).hint(hint)
        })
    }
}

/// A page that shows a run.
pub(crate) struct Dashboard {
    settings: Settings,
    address: Option<SocketAddr>,
    board: Arc<Board>,
    over: CancellationToken,
    /// Says when the last numbers are on the board.
    shown: mpsc::Receiver<()>,
}

impl Dashboard {
    /// Where it is.
    pub(crate) fn name(&self) -> String {
        match self.address {
            Some(address) => format!("web-dashboard (http://{address})"),
            None => "web-dashboard (export only)".to_owned(),
        }
    }

    /// Says where it is, also with --quiet: nobody finds a port the system chose.
    pub(crate) fn say(&self, log: &Log) {
        if let Some(address) = self.address {
            log.say(&format!("web dashboard: http://{address}"));
        }
    }

    /// Shows it in the user's browser, if that is wanted.
    pub(crate) fn open(&self, log: &Log) {
        let Some(address) = self.address.filter(|_| self.settings.open) else { return };
        let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
        let started = std::process::Command::new(program)
            .arg(format!("http://{address}"))
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn();
        if let Err(error) = started {
            log.warn(&format!("no browser could be opened with {program}: {error}"));
        }
    }

    /// The run is over: shows its end, and writes the page to a file if that is wanted.
    pub(crate) fn finish(&mut self) -> Result<(), Stop> {
        self.over.cancel();
        // The thread ends with the process: whoever is connected still gets the last numbers. One that
        // is gone has dropped its end, and nothing is waited for.
        let _ = self.shown.recv_timeout(PATIENCE);
        let Some(path) = &self.settings.export else { return Ok(()) };
        let events = self.board.events.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing in it may end the script it stands in.
        let recorded = format!("[{}]", events.join(",")).replace('<', "\\u003c");
        std::fs::write(path, PAGE.replace(RECORDED, &recorded)).map_err(|error| {
            let path = path.display();
            Stop::new(
                Exit::Unspecified,
                format!("the web dashboard cannot be written to {path}: {error}"),
            )
        })
    }
}

/// What was shown so far: each event is JSON.
struct Board {
    events: Mutex<Vec<String>>,
    count: watch::Sender<usize>,
}

impl Board {
    fn push(&self, event: String) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push(event);
        self.count.send_replace(events.len());
    }

    fn get(&self, index: usize) -> Option<String> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).get(index).cloned()
    }
}

/// How the end of the run is told, and that it has been shown.
struct Over {
    asked: CancellationToken,
    shown: mpsc::Sender<()>,
}

/// Takes numbers until the run is over, and serves them until the process ends.
fn serve(
    listener: Option<TcpListener>,
    mut series: Series,
    begun: &Begun,
    period: Duration,
    board: &Arc<Board>,
    over: &Over,
) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    runtime.block_on(async {
        if let Some(Ok(listener)) = listener.map(tokio::net::TcpListener::from_std) {
            let router = router(Arc::clone(board));
            tokio::spawn(async move {
                // It only ends when the process does.
                let _ = axum::serve(listener, router).await;
            });
        }
        let mut looks = tokio::time::interval(period);
        loop {
            tokio::select! {
                _ = looks.tick() => board.push(series.look(begun, false)),
                () = over.asked.cancelled() => break,
            }
        }
        board.push(series.look(begun, true));
        // Whoever asked may have given up.
        let _ = over.shown.send(());
        // For those who still read.
        std::future::pending::<()>().await;
    });
}

fn router(board: Arc<Board>) -> Router {
    const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'";
    let page = || async {
        let headers = [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CACHE_CONTROL, "no-store"),
            (CONTENT_SECURITY_POLICY, POLICY),
        ];
        (headers, PAGE).into_response()
    };
    let events = move || {
        let board = Arc::clone(&board);
        async move {
            let count = board.count.subscribe();
            let events =
                stream::unfold((0_usize, count, board), |(index, mut count, board)| async move {
                    loop {
                        if let Some(event) = board.get(index) {
                            let event = Ok::<_, Infallible>(Event::default().data(event));
                            return Some((event, (index + 1, count, board)));
                        }
                        count.changed().await.ok()?;
                    }
                });
            Sse::new(events)
        }
    };
    Router::new().route("/", get(page)).route("/events", get(events))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(argument: &str, variables: &[(&str, &str)]) -> Result<Settings, Stop> {
        let find = |name: &str| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Settings::read(argument, find)
    }

    #[test]
    fn the_flag_goes_before_the_environment() {
        let variables = [("K6_WEB_DASHBOARD_PORT", "1234"), ("K6_WEB_DASHBOARD_PERIOD", "2s")];
        let settings = read("port=0&export=a.html", &variables).unwrap();
        assert_eq!((settings.port, settings.period), (Some(0), Duration::from_secs(2)));
        assert_eq!(settings.export, Some("a.html".into()));
        let usual = read("", &[]).unwrap();
        assert_eq!((usual.host.as_str(), usual.port), ("127.0.0.1", Some(5665)));
        assert_eq!(read("port=-1", &[]).unwrap().port, None);
    }

    #[test]
    fn what_it_does_not_do_is_refused() {
        for wrong in [
            "port=70000",
            "port=x",
            "period=1ms",
            "open=maybe",
            "record=x",
            "tags=group",
            "colour=red",
        ] {
            assert_eq!(read(wrong, &[]).unwrap_err().exit, Exit::Unspecified, "{wrong}");
        }
        assert!(read("", &[("K6_WEB_DASHBOARD_RECORD", "x")]).is_err());
    }

    #[test]
    fn the_page_has_one_place_for_a_recorded_run_and_asks_nobody_else() {
        assert_eq!(PAGE.matches(RECORDED).count(), 1);
        for asset in ["src=", "href=", "@import", "url(", "fetch("] {
            assert!(!PAGE.contains(asset), "an asset of others: {asset}");
        }
    }
}
