//! The durable rows of the orchestrator: sessions, turns, messages and events.

use std::ops::ControlFlow;

use seaworthy_store::{Error, Migration, Result, Row, Tx, Value, values};
use serde::Serialize;
use serde_json::value::RawValue;

/// Forward-only schema changes, oldest first.
pub(super) const MIGRATIONS: &[Migration] = &[Migration {
    name: "sessions, turns, messages and events",
    sqlite: "
    CREATE TABLE sessions (
        id TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        subject TEXT NOT NULL,
        prompt TEXT NOT NULL,
        capsule TEXT,
        metadata TEXT NOT NULL,
        created_at TEXT NOT NULL
    ) STRICT;
    CREATE TABLE turns (
        session TEXT NOT NULL,
        id TEXT NOT NULL,
        number INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        request BLOB NOT NULL,
        answer TEXT NOT NULL,
        committed_at TEXT NOT NULL,
        PRIMARY KEY (session, id),
        UNIQUE (session, number)
    ) STRICT;
    CREATE TABLE messages (
        session TEXT NOT NULL,
        turn TEXT NOT NULL,
        role TEXT NOT NULL,
        text TEXT NOT NULL,
        metadata TEXT,
        PRIMARY KEY (session, turn, role)
    ) STRICT;
    CREATE TABLE events (
        session TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        kind TEXT NOT NULL,
        data TEXT NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (session, sequence)
    ) STRICT;
    ",
    postgres: r#"
    CREATE TABLE sessions (
        id TEXT COLLATE "C" PRIMARY KEY,
        tenant TEXT COLLATE "C" NOT NULL,
        subject TEXT NOT NULL,
        prompt TEXT NOT NULL,
        capsule TEXT,
        metadata TEXT NOT NULL,
        created_at TEXT NOT NULL
    );
    CREATE TABLE turns (
        session TEXT COLLATE "C" NOT NULL,
        id TEXT COLLATE "C" NOT NULL,
        number BIGINT NOT NULL,
        outcome TEXT NOT NULL,
        request BYTEA NOT NULL,
        answer TEXT NOT NULL,
        committed_at TEXT NOT NULL,
        PRIMARY KEY (session, id),
        UNIQUE (session, number)
    );
    CREATE TABLE messages (
        session TEXT COLLATE "C" NOT NULL,
        turn TEXT COLLATE "C" NOT NULL,
        role TEXT COLLATE "C" NOT NULL,
        text TEXT NOT NULL,
        metadata TEXT,
        PRIMARY KEY (session, turn, role)
    );
    CREATE TABLE events (
        session TEXT COLLATE "C" NOT NULL,
        sequence BIGINT NOT NULL,
        kind TEXT NOT NULL,
        data TEXT NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (session, sequence)
    );
    "#,
}];

/// A page of turns or events ends once it holds this many bytes.
pub(super) const PAGE: usize = 512 << 10;

/// A session as stored.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// Its id.
    pub(super) id: String,
    /// The tenant it belongs to; no other sees it.
    pub(super) tenant: String,
    /// Who started it.
    pub(super) subject: String,
    /// What it was started with.
    pub(super) prompt: String,
    /// The capsule it was started for.
    pub(super) capsule: Option<String>,
    /// What the caller attached: a JSON object as text.
    pub(super) metadata: String,
    /// When it was created.
    pub(super) created_at: String,
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was answered.
    Completed,
    /// The policy denied it; its message is not kept.
    Denied,
}

impl Outcome {
    /// `completed` or `denied`.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Denied => "denied",
        }
    }
}

/// A turn as it is committed.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    /// Its id within the session.
    pub(super) id: String,
    /// How it ended.
    pub(super) outcome: Outcome,
    /// The SHA-256 of the request that made it.
    pub(super) request: [u8; 32],
    /// When it was committed.
    pub(super) committed_at: String,
}

/// A turn that was committed earlier: what a repeat of its request needs.
#[derive(Clone, Debug)]
pub(super) struct Committed {
    /// How it ended.
    pub(super) outcome: Outcome,
    /// The SHA-256 of the request that made it.
    pub(super) request: Vec<u8>,
    /// Its answer: the JSON body that was sent.
    pub(super) answer: String,
}

/// A turn as the list of turns shows it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Listed {
    /// Its id.
    pub(super) turn_id: String,
    /// Its place in the session, from 1.
    pub(super) number: i64,
    /// `completed` or `denied`.
    pub(super) status: String,
    /// What was asked; absent when it was denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    /// What was answered.
    pub(super) answer: Box<RawValue>,
    /// When it was committed.
    pub(super) committed_at: String,
}

/// Something that happened in a session.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Event {
    /// Its place in the session, from 1, without gaps.
    pub(super) id: i64,
    /// What happened, as `turn.completed`.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// When.
    pub(super) at: String,
    /// The particulars.
    pub(super) data: Box<RawValue>,
}

/// Stores a new session.
pub(super) fn create(tx: &mut Tx<'_>, session: &Session) -> Result<()> {
    tx.put(
        "INSERT INTO sessions (id, tenant, subject, prompt, capsule, metadata, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        &values![
            session.id,
            session.tenant,
            session.subject,
            session.prompt,
            session.capsule,
            session.metadata,
            session.created_at
        ],
    )
}

/// The session with this id, if it belongs to `tenant`.
pub(super) fn session(tx: &mut Tx<'_>, tenant: &str, id: &str) -> Result<Option<Session>> {
    tx.first(
        "SELECT id, tenant, subject, prompt, capsule, metadata, created_at
         FROM sessions WHERE id = ?1 AND tenant = ?2",
        &values![id, tenant],
        |row| {
            Ok(Session {
                id: row.get(0)?,
                tenant: row.get(1)?,
                subject: row.get(2)?,
                prompt: row.get(3)?,
                capsule: row.get(4)?,
                metadata: row.get(5)?,
                created_at: row.get(6)?,
            })
        },
    )
}

/// Whether there is a session with this id in `tenant`.
pub(super) fn known(tx: &mut Tx<'_>, tenant: &str, id: &str) -> Result<bool> {
    tx.exists("SELECT 1 FROM sessions WHERE id = ?1 AND tenant = ?2", &values![id, tenant])
}

/// Appends an event and returns its sequence, one above the session's latest.
pub(super) fn append(
    tx: &mut Tx<'_>,
    session: &str,
    kind: &str,
    data: &str,
    at: &str,
) -> Result<i64> {
    let sequence = latest(tx, session)? + 1;
    tx.put(
        "INSERT INTO events (session, sequence, kind, data, at) VALUES (?1, ?2, ?3, ?4, ?5)",
        &values![session, sequence, kind, data, at],
    )?;
    Ok(sequence)
}

/// The sequence of the session's latest event; zero when it has none.
pub(super) fn latest(tx: &mut Tx<'_>, session: &str) -> Result<i64> {
    let found = tx.first(
        "SELECT coalesce(max(sequence), 0) FROM events WHERE session = ?1",
        &values![session],
        |row| row.get(0),
    )?;
    Ok(found.unwrap_or(0))
}

/// How many turns the session has; the last one's number.
pub(super) fn turn_count(tx: &mut Tx<'_>, session: &str) -> Result<i64> {
    let found = tx.first(
        "SELECT coalesce(max(number), 0) FROM turns WHERE session = ?1",
        &values![session],
        |row| row.get(0),
    )?;
    Ok(found.unwrap_or(0))
}

/// Stores a turn with its answer, under the session's next number.
pub(super) fn commit(tx: &mut Tx<'_>, session: &str, turn: &Turn, answer: &str) -> Result<()> {
    let number = turn_count(tx, session)? + 1;
    tx.put(
        "INSERT INTO turns (session, id, number, outcome, request, answer, committed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        &values![
            session,
            turn.id,
            number,
            turn.outcome.as_str(),
            turn.request,
            answer,
            turn.committed_at
        ],
    )
}

/// Stores what was said in a turn, by `user` or `assistant`.
pub(super) fn say(
    tx: &mut Tx<'_>,
    session: &str,
    turn: &str,
    role: &str,
    text: &str,
    metadata: Option<&str>,
) -> Result<()> {
    tx.put(
        "INSERT INTO messages (session, turn, role, text, metadata) VALUES (?1, ?2, ?3, ?4, ?5)",
        &values![session, turn, role, text, metadata],
    )
}

/// The turn with this id, if it was committed.
pub(super) fn committed(tx: &mut Tx<'_>, session: &str, turn: &str) -> Result<Option<Committed>> {
    tx.first(
        "SELECT outcome, request, answer FROM turns WHERE session = ?1 AND id = ?2",
        &values![session, turn],
        |row| {
            let outcome = match row.text(0)? {
                "denied" => Outcome::Denied,
                _ => Outcome::Completed,
            };
            Ok(Committed { outcome, request: row.get(1)?, answer: row.get(2)? })
        },
    )
}

/// A page of a session's turns with numbers above `after`, in order.
///
/// A page has at most `limit` entries, and ends early once it holds [`PAGE`] bytes.
pub(super) fn turns(tx: &mut Tx<'_>, session: &str, after: i64, limit: u32) -> Result<Vec<Listed>> {
    page(
        tx,
        "SELECT turns.id, number, outcome, text, answer, committed_at FROM turns
         LEFT JOIN messages ON messages.session = turns.session AND messages.turn = turns.id
            AND messages.role = 'user'
         WHERE turns.session = ?1 AND number > ?2 ORDER BY number LIMIT ?3",
        &values![session, after, limit],
        |row| {
            Ok(Listed {
                turn_id: row.get(0)?,
                number: row.get(1)?,
                status: row.get(2)?,
                message: row.get(3)?,
                answer: json(row, 4)?,
                committed_at: row.get(5)?,
            })
        },
        |turn| turn.answer.get().len() + turn.message.as_ref().map_or(0, String::len),
    )
}

/// A page of a session's events with sequences above `after`, in order; bounded as [`turns`].
pub(super) fn events(tx: &mut Tx<'_>, session: &str, after: i64, limit: u32) -> Result<Vec<Event>> {
    page(
        tx,
        "SELECT sequence, kind, at, data FROM events
         WHERE session = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3",
        &values![session, after, limit],
        |row| {
            Ok(Event { id: row.get(0)?, kind: row.get(1)?, at: row.get(2)?, data: json(row, 3)? })
        },
        |event| event.data.get().len(),
    )
}

fn page<T>(
    tx: &mut Tx<'_>,
    sql: &str,
    values: &[Value<'_>],
    read: impl Fn(&Row<'_>) -> Result<T>,
    bytes: impl Fn(&T) -> usize,
) -> Result<Vec<T>> {
    let (mut page, mut held) = (Vec::new(), 0);
    tx.each(sql, values, |row| {
        let entry = read(row)?;
        held += bytes(&entry);
        page.push(entry);
        Ok(if held < PAGE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(page)
}

/// Text that must be JSON; anything else means that the database was changed from outside.
fn json(row: &Row<'_>, column: usize) -> Result<Box<RawValue>> {
    RawValue::from_string(row.get(column)?).map_err(|error| Error::column(column, error))
}
