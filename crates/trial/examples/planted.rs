//! A service with faults planted in it, for trials to find: a small pool, leaks, a log full of errors.
//!
//! `planted --port N [--pool N] [--query-time MS] [--leak-memory BYTES] [--leak-files]
//! [--log-errors N] [--cache PERCENT]`. Everything is real: connections are SQLite's, a request holds
//! one while its query runs, memory that leaks is written to and kept, files that leak stay open.

use std::fs::File;
use std::future::IntoFuture;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use rusqlite::Connection;
use seaworthy_base::chance::Chance;
use tokio::sync::Semaphore;

/// The upper edges of the histogram of queries, in seconds.
const EDGES: [f64; 8] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];

struct Options {
    port: u16,
    pool: usize,
    query_time: Duration,
    leak_memory: usize,
    leak_files: bool,
    /// Lines that say ERROR, a minute.
    log_errors: u64,
    /// How many of a hundred look-ups find what they look for.
    cache: u64,
}

struct Service {
    options: Options,
    permits: Semaphore,
    connections: Mutex<Vec<Connection>>,
    waiting: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
    queries: [AtomicU64; EDGES.len() + 1],
    kept: Mutex<Vec<Vec<u8>>>,
    files: Mutex<Vec<File>>,
    chance: Mutex<Chance>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = options()?;
    let folder = std::env::temp_dir().join(format!("planted-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("store.db");
    let connections =
        (0..options.pool).map(|_| connect(&file)).collect::<Result<Vec<_>, rusqlite::Error>>()?;
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], options.port));
    let service = Arc::new(Service {
        permits: Semaphore::new(options.pool),
        options,
        connections: Mutex::new(connections),
        waiting: AtomicU64::new(0),
        hits: AtomicU64::new(0),
        misses: AtomicU64::new(0),
        queries: Default::default(),
        kept: Mutex::default(),
        files: Mutex::default(),
        chance: Mutex::new(Chance::seeded(1)),
    });
    if service.options.log_errors > 0 {
        tokio::spawn(complain(service.options.log_errors));
    }
    let router = Router::new()
        .route("/work", get(work))
        .route("/metrics", get(metrics))
        .route("/ready", get(|| async { "ready" }))
        .with_state(service);
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("INFO planted listens on {}", listener.local_addr()?);
    let served = axum::serve(listener, router).into_future();
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        ended = served => ended?,
        _ = terminate.recv() => {}
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn options() -> Result<Options, Box<dyn std::error::Error>> {
    let mut options = Options {
        port: 0,
        pool: 8,
        query_time: Duration::from_millis(5),
        leak_memory: 0,
        leak_files: false,
        log_errors: 0,
        cache: 95,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--leak-files" {
            options.leak_files = true;
            continue;
        }
        let value: u64 = words.next().ok_or_else(|| format!("{word} needs a number"))?.parse()?;
        match word.as_str() {
            "--port" => options.port = u16::try_from(value)?,
            "--pool" => options.pool = usize::try_from(value)?,
            "--query-time" => options.query_time = Duration::from_millis(value),
            "--leak-memory" => options.leak_memory = usize::try_from(value)?,
            "--log-errors" => options.log_errors = value,
            "--cache" => options.cache = value,
            _ => return Err(format!("planted has no option {word}").into()),
        }
    }
    Ok(options)
}

/// A connection whose queries can be made to last: `hold(ms)` is a function of SQL.
fn connect(file: &std::path::Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS visits (id INTEGER PRIMARY KEY);
         INSERT OR IGNORE INTO visits VALUES (1), (2), (3);",
    )?;
    let deterministic = rusqlite::functions::FunctionFlags::SQLITE_UTF8;
    connection.create_scalar_function("hold", 1, deterministic, |context| {
        let milliseconds: i64 = context.get(0)?;
        // What a slow disk or a lock does to a query: it keeps its connection and uses no processor.
        std::thread::park_timeout(Duration::from_millis(milliseconds.unsigned_abs()));
        Ok(0)
    })?;
    Ok(connection)
}

/// One request: look into the cache, borrow a connection, query, and leak what is to be leaked.
async fn work(State(service): State<Arc<Service>>) -> Result<String, StatusCode> {
    let found = lock(&service.chance).index(100) < service.options.cache as usize;
    let counter = if found { &service.hits } else { &service.misses };
    counter.fetch_add(1, Ordering::Relaxed);
    service.waiting.fetch_add(1, Ordering::Relaxed);
    let permit = service.permits.acquire().await;
    service.waiting.fetch_sub(1, Ordering::Relaxed);
    let _permit = permit.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let connection = lock(&service.connections).pop().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    let held = i64::try_from(service.options.query_time.as_millis()).unwrap_or(i64::MAX);
    let clock = seaworthy_base::Clock::system();
    let began = clock.now();
    let (connection, counted) = tokio::task::spawn_blocking(move || {
        let query = "SELECT count(*) + hold(?1) FROM visits";
        let counted = connection.query_row(query, [held], |row| row.get::<_, i64>(0));
        (connection, counted)
    })
    .await
    .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    lock(&service.connections).push(connection);
    let took = clock.now().duration_since(began).as_secs_f64();
    let bucket = EDGES.iter().position(|edge| took <= *edge).unwrap_or(EDGES.len());
    service.queries[bucket].fetch_add(1, Ordering::Relaxed);
    let counted = counted.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    if service.options.leak_memory > 0 {
        // Written to, so that it is resident and not only promised.
        lock(&service.kept).push(vec![0x5a; service.options.leak_memory]);
    }
    if service.options.leak_files
        && let Ok(file) = File::open("/dev/null")
    {
        lock(&service.files).push(file);
    }
    Ok(format!("{{\"visits\": {counted}}}"))
}

/// The service's own numbers, in Prometheus' text format.
async fn metrics(State(service): State<Arc<Service>>) -> String {
    let size = service.options.pool;
    let in_use = size - service.permits.available_permits().min(size);
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let mut text = format!(
        "# TYPE db_pool_size gauge\ndb_pool_size {size}\n# TYPE db_pool_in_use gauge\n\
         db_pool_in_use {in_use}\n# TYPE db_pool_waiting gauge\ndb_pool_waiting {}\n\
         # TYPE cache_hits_total counter\ncache_hits_total {}\n\
         # TYPE cache_misses_total counter\ncache_misses_total {}\n\
         # TYPE db_query_duration_seconds histogram\n",
        count(&service.waiting),
        count(&service.hits),
        count(&service.misses)
    );
    let mut sum = 0;
    for (bucket, counter) in service.queries.iter().enumerate() {
        sum += count(counter);
        let edge = EDGES.get(bucket).map_or("+Inf".to_owned(), f64::to_string);
        text.push_str(&format!("db_query_duration_seconds_bucket{{le=\"{edge}\"}} {sum}\n"));
    }
    text.push_str(&format!("db_query_duration_seconds_count {sum}\n"));
    text
}

async fn complain(each_minute: u64) {
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(60.0 / each_minute as f64));
    loop {
        ticks.tick().await;
        eprintln!("level=error msg=\"the planted error\"");
    }
}

fn lock<T>(state: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
