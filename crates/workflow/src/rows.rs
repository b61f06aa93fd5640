//! The durable rows: runs, their journals, what was sent to them, and the nodes that run them.

use seaworthy_base::Timestamp;
use seaworthy_store::{Migration, Part, Row, Tx, values};

use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::journal::Entry;
use crate::options::OnEnd;
use crate::state::{Description, State};

/// The tables of this crate, to be opened with the store they shall live in.
pub const PART: Part = Part::of("workflow", MIGRATIONS);

const MIGRATIONS: &[Migration] = &[Migration {
    name: "runs, journals, mail and nodes",
    sqlite: "
    CREATE TABLE workflow_runs (
        run TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        id TEXT NOT NULL,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        input TEXT NOT NULL,
        state TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        closed_at INTEGER,
        deadline INTEGER,
        owner TEXT,
        fence INTEGER NOT NULL,
        wake_at INTEGER NOT NULL,
        blocked TEXT,
        percent INTEGER NOT NULL,
        phase TEXT,
        views TEXT NOT NULL,
        result TEXT,
        failure TEXT,
        undone TEXT NOT NULL,
        UNIQUE (tenant, id)
    ) STRICT;
    CREATE INDEX workflow_runs_by_tenant ON workflow_runs (tenant, started_at, run);
    CREATE INDEX workflow_runs_to_wake ON workflow_runs (wake_at) WHERE state = 'running' AND owner IS NULL;
    CREATE INDEX workflow_runs_by_owner ON workflow_runs (owner) WHERE owner IS NOT NULL;
    CREATE INDEX workflow_runs_blocked ON workflow_runs (deadline) WHERE blocked IS NOT NULL;
    CREATE TABLE workflow_journal (
        run TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        at INTEGER NOT NULL,
        event TEXT NOT NULL,
        PRIMARY KEY (run, sequence)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE workflow_mail (
        run TEXT NOT NULL,
        number INTEGER NOT NULL,
        name TEXT,
        text TEXT NOT NULL,
        PRIMARY KEY (run, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE workflow_nodes (
        node TEXT PRIMARY KEY,
        beat INTEGER NOT NULL
    ) STRICT;
    ",
    postgres: r#"
    CREATE TABLE workflow_runs (
        run TEXT COLLATE "C" PRIMARY KEY,
        tenant TEXT COLLATE "C" NOT NULL,
        id TEXT COLLATE "C" NOT NULL,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        input TEXT NOT NULL,
        state TEXT NOT NULL,
        started_at BIGINT NOT NULL,
        closed_at BIGINT,
        deadline BIGINT,
        owner TEXT COLLATE "C",
        fence BIGINT NOT NULL,
        wake_at BIGINT NOT NULL,
        blocked TEXT,
        percent BIGINT NOT NULL,
        phase TEXT,
        views TEXT NOT NULL,
        result TEXT,
        failure TEXT,
        undone TEXT NOT NULL,
        UNIQUE (tenant, id)
    );
    CREATE INDEX workflow_runs_by_tenant ON workflow_runs (tenant, started_at, run);
    CREATE INDEX workflow_runs_to_wake ON workflow_runs (wake_at) WHERE state = 'running' AND owner IS NULL;
    CREATE INDEX workflow_runs_by_owner ON workflow_runs (owner) WHERE owner IS NOT NULL;
    CREATE INDEX workflow_runs_blocked ON workflow_runs (deadline) WHERE blocked IS NOT NULL;
    CREATE TABLE workflow_journal (
        run TEXT COLLATE "C" NOT NULL,
        sequence BIGINT NOT NULL,
        at BIGINT NOT NULL,
        event TEXT NOT NULL,
        PRIMARY KEY (run, sequence)
    );
    CREATE TABLE workflow_mail (
        run TEXT COLLATE "C" NOT NULL,
        number BIGINT NOT NULL,
        name TEXT,
        text TEXT NOT NULL,
        PRIMARY KEY (run, number)
    );
    CREATE TABLE workflow_nodes (
        node TEXT COLLATE "C" PRIMARY KEY,
        beat BIGINT NOT NULL
    );
    "#,
}];

/// A run as its driver needs it.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) run: String,
    pub(crate) tenant: String,
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) subject: String,
    pub(crate) input: String,
    pub(crate) started_at: Timestamp,
    pub(crate) deadline: Option<Timestamp>,
    /// Grows with each change of hands; whoever holds an older one writes nothing any more.
    pub(crate) fence: u64,
    /// Whether nothing has happened to it yet, so that there is no journal to read.
    pub(crate) fresh: bool,
}

/// What a run shows to others between two entries of its journal.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) percent: u32,
    pub(crate) phase: Option<String>,
    /// A JSON object.
    pub(crate) views: String,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    pub(crate) state: State,
    pub(crate) result: Option<String>,
    pub(crate) failure: Option<String>,
    pub(crate) undone: String,
    pub(crate) besides: Option<OnEnd>,
}

/// Something that was sent to a run and that its code has not seen.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub(crate) number: u64,
    /// A signal's name; none for a request to stop.
    pub(crate) name: Option<String>,
    /// What a signal says, as JSON, or why the run is to stop.
    pub(crate) text: String,
}

/// Who else has a run now, so that nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fenced;

/// Time as it is stored: nanoseconds since 1970.
pub(crate) fn stored(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

pub(crate) fn time(stored: i64) -> Timestamp {
    Timestamp::from_nanos(u64::try_from(stored).unwrap_or(0))
}

/// Stores a new run with the first entry of its journal.
pub(crate) fn create(
    tx: &mut Tx<'_>,
    claim: &Claim,
    owner: Option<&str>,
    event: &str,
) -> Result<()> {
    tx.execute(
        "INSERT INTO workflow_runs (run, tenant, id, kind, subject, input, state, started_at, deadline,
            owner, fence, wake_at, percent, views, undone)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'running', ?7, ?8, ?9, ?10, 0, 0, '{}', '[]')",
        &values![
            claim.run,
            claim.tenant,
            claim.id,
            claim.kind,
            claim.subject,
            claim.input,
            stored(claim.started_at),
            claim.deadline.map(stored),
            owner,
            claim.fence
        ],
    )?;
    insert(tx, &claim.run, 0, claim.started_at, event)
}

/// The run with this id: its own id, kind and input.
pub(crate) fn twin(
    tx: &mut Tx<'_>,
    tenant: &str,
    id: &str,
) -> Result<Option<(String, String, String)>> {
    Ok(tx.first(
        "SELECT run, kind, input FROM workflow_runs WHERE tenant = ?1 AND id = ?2",
        &values![tenant, id],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?)
}

/// Appends an entry, if the run is still this holder's.
///
/// `again` says that the same entry may be there already, from a try whose outcome nobody knows.
pub(crate) fn append(
    tx: &mut Tx<'_>,
    run: &str,
    fence: u64,
    sequence: u64,
    at: Timestamp,
    event: &str,
    again: bool,
) -> Result<Result<(), Fenced>> {
    if !holds(tx, run, fence)? {
        return Ok(Err(Fenced));
    }
    let there = again
        && tx.exists(
            "SELECT 1 FROM workflow_journal WHERE run = ?1 AND sequence = ?2",
            &values![run, sequence],
        )?;
    if !there {
        insert(tx, run, sequence, at, event)?;
    }
    Ok(Ok(()))
}

/// Whether the run is still this holder's.
pub(crate) fn holds(tx: &mut Tx<'_>, run: &str, fence: u64) -> Result<bool> {
    let now: Option<u64> =
        tx.first("SELECT fence FROM workflow_runs WHERE run = ?1", &values![run], |row| {
            row.get(0)
        })?;
    Ok(now == Some(fence))
}

/// Whether the run has ended.
pub(crate) fn is_closed(tx: &mut Tx<'_>, run: &str) -> Result<bool> {
    Ok(tx.exists(
        "SELECT 1 FROM workflow_runs WHERE run = ?1 AND state <> 'running'",
        &values![run],
    )?)
}

fn insert(tx: &mut Tx<'_>, run: &str, sequence: u64, at: Timestamp, event: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO workflow_journal (run, sequence, at, event) VALUES (?1, ?2, ?3, ?4)",
        &values![run, sequence, stored(at), event],
    )?;
    Ok(())
}

/// Stores what the run shows to others.
pub(crate) fn show(tx: &mut Tx<'_>, run: &str, facts: &Facts) -> Result<()> {
    tx.execute(
        "UPDATE workflow_runs SET percent = ?2, phase = ?3, views = ?4 WHERE run = ?1",
        &values![run, facts.percent, facts.phase, facts.views],
    )?;
    Ok(())
}

/// Ends a run that nobody else holds.
pub(crate) fn close(tx: &mut Tx<'_>, run: &str, at: Timestamp, ending: &Ending) -> Result<()> {
    tx.execute(
        "UPDATE workflow_runs SET state = ?2, closed_at = ?3, result = ?4, failure = ?5, undone = ?6,
            owner = NULL, fence = fence + 1, blocked = NULL WHERE run = ?1",
        &values![
            run,
            ending.state.as_str(),
            stored(at),
            ending.result,
            ending.failure,
            ending.undone
        ],
    )?;
    tx.execute("DELETE FROM workflow_mail WHERE run = ?1", &values![run])?;
    if let Some(besides) = &ending.besides {
        besides.write(tx, run)?;
    }
    Ok(())
}

/// Ends a run from outside, whoever holds it.
pub(crate) fn cut(
    tx: &mut Tx<'_>,
    run: &str,
    at: Timestamp,
    ending: &Ending,
    event: &str,
) -> Result<()> {
    let sequence = length(tx, run)?;
    insert(tx, run, sequence, at, event)?;
    close(tx, run, at, ending)
}

/// How many entries a run's journal has.
pub(crate) fn length(tx: &mut Tx<'_>, run: &str) -> Result<u64> {
    let last: Option<u64> = tx
        .first("SELECT max(sequence) FROM workflow_journal WHERE run = ?1", &values![run], |row| {
            row.get(0)
        })?
        .flatten();
    Ok(last.map_or(0, |last| last + 1))
}

/// A page of a run's journal from `first` on.
pub(crate) fn journal(tx: &mut Tx<'_>, run: &str, first: u64, limit: u32) -> Result<Vec<Entry>> {
    let rows: Vec<(u64, i64, String)> = tx.query(
        "SELECT sequence, at, event FROM workflow_journal
         WHERE run = ?1 AND sequence >= ?2 ORDER BY sequence LIMIT ?3",
        &values![run, first, limit],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let read = |(sequence, at, event): (u64, i64, String)| {
        let event = serde_json::from_str(&event).map_err(|error| Error::Journal {
            run: run.to_owned(),
            sequence,
            reason: error.to_string(),
        })?;
        Ok(Entry { sequence, at: time(at), event })
    };
    rows.into_iter().map(read).collect()
}

/// The run of the workflow with this id, if that has not ended.
pub(crate) fn running(tx: &mut Tx<'_>, tenant: &str, id: &str) -> Result<String> {
    let found: Option<(String, String)> = tx.first(
        "SELECT run, state FROM workflow_runs WHERE tenant = ?1 AND id = ?2",
        &values![tenant, id],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let (run, state) = found.ok_or_else(|| Error::Unknown(id.to_owned()))?;
    match state.parse() {
        Ok(State::Running) => Ok(run),
        Ok(state) => Err(Error::Closed { id: id.to_owned(), state }),
        Err(error) => Err(Error::Store(seaworthy_store::Error::column(1, error))),
    }
}

/// Puts something into a run's mail and has the run woken for it.
pub(crate) fn send(tx: &mut Tx<'_>, run: &str, name: Option<&str>, text: &str) -> Result<()> {
    let last: Option<u64> = tx
        .first("SELECT max(number) FROM workflow_mail WHERE run = ?1", &values![run], |row| {
            row.get(0)
        })?
        .flatten();
    tx.execute(
        "INSERT INTO workflow_mail (run, number, name, text) VALUES (?1, ?2, ?3, ?4)",
        &values![run, last.map_or(0, |last| last + 1), name, text],
    )?;
    tx.execute("UPDATE workflow_runs SET wake_at = 0 WHERE run = ?1", &values![run])?;
    Ok(())
}

/// How many things wait in a run's mail.
pub(crate) fn waiting(tx: &mut Tx<'_>, run: &str) -> Result<u64> {
    let count =
        tx.first("SELECT count(*) FROM workflow_mail WHERE run = ?1", &values![run], |row| {
            row.get(0)
        })?;
    Ok(count.unwrap_or(0))
}

/// The oldest thing in a run's mail.
pub(crate) fn mail(tx: &mut Tx<'_>, run: &str) -> Result<Option<Mail>> {
    Ok(tx.first(
        "SELECT number, name, text FROM workflow_mail WHERE run = ?1 ORDER BY number LIMIT 1",
        &values![run],
        |row| Ok(Mail { number: row.get(0)?, name: row.get(1)?, text: row.get(2)? }),
    )?)
}

/// Takes something out of a run's mail.
pub(crate) fn take(tx: &mut Tx<'_>, run: &str, number: u64) -> Result<()> {
    tx.execute("DELETE FROM workflow_mail WHERE run = ?1 AND number = ?2", &values![run, number])?;
    Ok(())
}

/// Gives a run up until `wake_at`, unless something came for it meanwhile. Says whether it did.
pub(crate) fn park(
    tx: &mut Tx<'_>,
    run: &str,
    fence: u64,
    wake_at: i64,
) -> Result<Result<bool, Fenced>> {
    if !holds(tx, run, fence)? {
        return Ok(Err(Fenced));
    }
    if mail(tx, run)?.is_some() {
        return Ok(Ok(false));
    }
    tx.execute(
        "UPDATE workflow_runs SET owner = NULL, fence = fence + 1, wake_at = ?2 WHERE run = ?1",
        &values![run, wake_at],
    )?;
    Ok(Ok(true))
}

/// Lays a run aside whose code does not fit its journal.
pub(crate) fn block(tx: &mut Tx<'_>, run: &str, fence: u64, reason: &str) -> Result<()> {
    tx.execute(
        "UPDATE workflow_runs SET owner = NULL, fence = fence + 1, blocked = ?3
         WHERE run = ?1 AND fence = ?2",
        &values![run, fence, reason],
    )?;
    Ok(())
}

const DESCRIPTION: &str = "run, id, kind, subject, state, percent, phase, started_at, closed_at,
    deadline, result, failure, blocked, undone, views,
    (SELECT max(sequence) FROM workflow_journal WHERE workflow_journal.run = workflow_runs.run)";

/// The workflow with this id, if it is this tenant's.
pub(crate) fn find(tx: &mut Tx<'_>, tenant: &str, id: &str) -> Result<Option<Description>> {
    let sql = format!("SELECT {DESCRIPTION} FROM workflow_runs WHERE tenant = ?1 AND id = ?2");
    Ok(tx.first(&sql, &values![tenant, id], description)?)
}

/// What a list of workflows is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Of this kind only.
    pub kind: Option<String>,
    /// In this state only.
    pub state: Option<State>,
    /// Older than the one with this run id, which is a member of the list.
    pub before: Option<String>,
    /// How many at most.
    pub limit: u32,
}

/// A page of a tenant's workflows, the latest first.
pub(crate) fn list(tx: &mut Tx<'_>, tenant: &str, listing: &Listing) -> Result<Vec<Description>> {
    let before: Option<i64> = match &listing.before {
        Some(run) => tx.first(
            "SELECT started_at FROM workflow_runs WHERE tenant = ?1 AND run = ?2",
            &values![tenant, run],
            |row| row.get(0),
        )?,
        None => Some(i64::MAX),
    };
    let Some(before) = before else { return Ok(Vec::new()) };
    let sql = format!(
        "SELECT {DESCRIPTION} FROM workflow_runs WHERE tenant = ?1
         AND (started_at < ?2 OR (started_at = ?2 AND run < ?3))
         AND (?4 = '' OR kind = ?4) AND (?5 = '' OR state = ?5)
         ORDER BY started_at DESC, run DESC LIMIT ?6"
    );
    let run = listing.before.as_deref().unwrap_or("");
    let kind = listing.kind.as_deref().unwrap_or("");
    let state = listing.state.map_or("", State::as_str);
    Ok(tx.query(&sql, &values![tenant, before, run, kind, state, listing.limit], description)?)
}

fn description(row: &Row<'_>) -> seaworthy_store::Result<Description> {
    let json = |column: usize, text: Option<String>| {
        text.map(serde_json::value::RawValue::from_string)
            .transpose()
            .map_err(|error| seaworthy_store::Error::column(column, error))
    };
    let state: String = row.get(4)?;
    let failure: Option<String> = row.get(11)?;
    let failure: Option<Failure> = failure
        .map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(|error| seaworthy_store::Error::column(11, error))?;
    let read = |column, text: &str| {
        serde_json::from_str(text).map_err(|error| seaworthy_store::Error::column(column, error))
    };
    Ok(Description {
        run_id: row.get(0)?,
        workflow_id: row.get(1)?,
        kind: row.get(2)?,
        subject: row.get(3)?,
        status: state.parse().map_err(|error| seaworthy_store::Error::column(4, error))?,
        progress: row.get(5)?,
        phase: row.get(6)?,
        started_at: time(row.get(7)?),
        closed_at: row.get::<Option<i64>>(8)?.map(time),
        deadline: row.get::<Option<i64>>(9)?.map(time),
        result: json(10, row.get(10)?)?,
        failure,
        blocked: row.get(12)?,
        undone: serde_json::from_str(row.text(13)?)
            .map_err(|error| seaworthy_store::Error::column(13, error))?,
        views: read(14, row.text(14)?)?,
        history_length: row.get::<Option<u64>>(15)?.map_or(0, |last| last + 1),
    })
}
