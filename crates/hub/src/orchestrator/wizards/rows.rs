//! The durable rows of wizards: the definitions that sessions began with, and the sessions.

use seaworthy_store::{Migration, Result, Tx, values};

/// Forward-only schema changes, oldest first.
pub(super) const MIGRATIONS: &[Migration] = &[Migration {
    name: "definitions and sessions of wizards",
    sqlite: "
    CREATE TABLE wizard_definitions (
        digest TEXT PRIMARY KEY,
        wizard TEXT NOT NULL,
        text TEXT NOT NULL,
        stored_at TEXT NOT NULL
    ) STRICT;
    CREATE TABLE wizard_sessions (
        id TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        subject TEXT NOT NULL,
        label TEXT NOT NULL,
        definition TEXT NOT NULL,
        metadata TEXT NOT NULL,
        answers TEXT NOT NULL,
        state TEXT NOT NULL,
        plan TEXT,
        workflow TEXT,
        started_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        completed_at TEXT,
        approved_at TEXT
    ) STRICT;
    ",
    postgres: r#"
    CREATE TABLE wizard_definitions (
        digest TEXT COLLATE "C" PRIMARY KEY,
        wizard TEXT COLLATE "C" NOT NULL,
        text TEXT NOT NULL,
        stored_at TEXT NOT NULL
    );
    CREATE TABLE wizard_sessions (
        id TEXT COLLATE "C" PRIMARY KEY,
        tenant TEXT COLLATE "C" NOT NULL,
        subject TEXT COLLATE "C" NOT NULL,
        label TEXT NOT NULL,
        definition TEXT COLLATE "C" NOT NULL,
        metadata TEXT NOT NULL,
        answers TEXT NOT NULL,
        state TEXT COLLATE "C" NOT NULL,
        plan TEXT,
        workflow TEXT,
        started_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        completed_at TEXT,
        approved_at TEXT
    );
    "#,
}];

/// A session as stored. Answers, plan and metadata are JSON as text.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// Its id.
    pub(super) id: String,
    /// The tenant it belongs to.
    pub(super) tenant: String,
    /// The user it belongs to; nobody else sees it.
    pub(super) subject: String,
    /// What the user calls itself: its id, or where nobody said who they are, any label.
    pub(super) label: String,
    /// The digest of the definition it began with.
    pub(super) definition: String,
    /// What the caller attached.
    pub(super) metadata: String,
    /// What was answered.
    pub(super) answers: String,
    /// How far it is.
    pub(super) state: State,
    /// The plan the answers make, once all are given.
    pub(super) plan: Option<String>,
    /// The workflow that carries the plan out.
    pub(super) workflow: Option<String>,
    /// When it began.
    pub(super) started_at: String,
    /// When it last changed.
    pub(super) updated_at: String,
    /// When the last question was answered.
    pub(super) completed_at: Option<String>,
    /// When its workflow was started.
    pub(super) approved_at: Option<String>,
}

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Questions are open.
    Open,
    /// Every question is answered, and there is a plan.
    Completed,
    /// The plan was approved, and its workflow started: nothing is changed any more.
    Approved,
}

impl State {
    /// As it is stored and shown.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "in_progress",
            Self::Completed => "completed",
            Self::Approved => "approved",
        }
    }

    /// None when it is no state: the database was changed from outside.
    fn named(name: &str) -> Option<Self> {
        [Self::Open, Self::Completed, Self::Approved]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// Keeps the text of a definition, if it is not kept yet.
pub(super) fn keep_definition(
    tx: &mut Tx<'_>,
    digest: &str,
    wizard: &str,
    text: &str,
    at: &str,
) -> Result<()> {
    tx.execute(
        "INSERT INTO wizard_definitions (digest, wizard, text, stored_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (digest) DO NOTHING",
        &values![digest, wizard, text, at],
    )
    .map(drop)
}

/// The text of the definition with this digest.
pub(super) fn definition(tx: &mut Tx<'_>, digest: &str) -> Result<Option<String>> {
    let sql = "SELECT text FROM wizard_definitions WHERE digest = ?1";
    tx.first(sql, &values![digest], |row| row.get(0))
}

/// Stores a new session.
pub(super) fn create(tx: &mut Tx<'_>, kept: &Kept) -> Result<()> {
    tx.execute(
        "INSERT INTO wizard_sessions (id, tenant, subject, label, definition, metadata, answers,
            state, started_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        &values![
            kept.id,
            kept.tenant,
            kept.subject,
            kept.label,
            kept.definition,
            kept.metadata,
            kept.answers,
            kept.state.as_str(),
            kept.started_at,
            kept.updated_at
        ],
    )
    .map(drop)
}

/// Stores what a step has changed.
pub(super) fn update(tx: &mut Tx<'_>, kept: &Kept) -> Result<()> {
    tx.execute(
        "UPDATE wizard_sessions SET answers = ?2, state = ?3, plan = ?4, workflow = ?5,
            updated_at = ?6, completed_at = ?7, approved_at = ?8 WHERE id = ?1",
        &values![
            kept.id,
            kept.answers,
            kept.state.as_str(),
            kept.plan,
            kept.workflow,
            kept.updated_at,
            kept.completed_at,
            kept.approved_at
        ],
    )
    .map(drop)
}

/// The session with this id, if it belongs to this user of this tenant.
pub(super) fn session(
    tx: &mut Tx<'_>,
    tenant: &str,
    subject: &str,
    id: &str,
) -> Result<Option<Kept>> {
    tx.first(
        "SELECT id, tenant, subject, label, definition, metadata, answers, state, plan, workflow,
            started_at, updated_at, completed_at, approved_at
         FROM wizard_sessions WHERE id = ?1 AND tenant = ?2 AND subject = ?3",
        &values![id, tenant, subject],
        |row| {
            Ok(Kept {
                id: row.get(0)?,
                tenant: row.get(1)?,
                subject: row.get(2)?,
                label: row.get(3)?,
                definition: row.get(4)?,
                metadata: row.get(5)?,
                answers: row.get(6)?,
                // What cannot be read is at its end: nothing is changed or started by it.
                state: State::named(row.text(7)?).unwrap_or(State::Approved),
                plan: row.get(8)?,
                workflow: row.get(9)?,
                started_at: row.get(10)?,
                updated_at: row.get(11)?,
                completed_at: row.get(12)?,
                approved_at: row.get(13)?,
            })
        },
    )
}
