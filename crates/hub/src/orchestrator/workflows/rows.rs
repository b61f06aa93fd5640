//! The durable rows beside the workflows' own: what they made, and in whose name they act.

use seaworthy_base::Timestamp;
use seaworthy_store::{Migration, Part, Result, Tx, values};
use serde::Serialize;

use crate::auth::{Credential, Token};

/// The tables, counted apart from the role's others.
pub(crate) const PART: Part = Part::of("flows", MIGRATIONS);

const MIGRATIONS: &[Migration] = &[Migration {
    name: "artifacts and grants",
    sqlite: "
    CREATE TABLE flow_artifacts (
        run TEXT NOT NULL,
        name TEXT NOT NULL,
        media TEXT NOT NULL,
        text TEXT NOT NULL,
        made_at TEXT NOT NULL,
        PRIMARY KEY (run, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE flow_grants (
        run TEXT PRIMARY KEY,
        authorization TEXT,
        expires_at TEXT NOT NULL
    ) STRICT;
    ",
    postgres: r#"
    CREATE TABLE flow_artifacts (
        run TEXT COLLATE "C" NOT NULL,
        name TEXT COLLATE "C" NOT NULL,
        media TEXT NOT NULL,
        text TEXT NOT NULL,
        made_at TEXT NOT NULL,
        PRIMARY KEY (run, name)
    );
    CREATE TABLE flow_grants (
        run TEXT COLLATE "C" PRIMARY KEY,
        "authorization" TEXT,
        expires_at TEXT NOT NULL
    );
    "#,
}];

/// Something a workflow made.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Artifact {
    /// Its name within the workflow, as a path.
    pub(crate) name: String,
    /// Its media type.
    pub(crate) media: String,
    /// Its text.
    #[serde(skip)]
    pub(crate) text: String,
}

/// An artifact as lists show it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) media_type: String,
    pub(crate) size: u64,
    pub(crate) made_at: String,
}

/// In whose name a workflow calls the other roles.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// The `Authorization` header of whoever started it; none when that was nobody in particular.
    pub(crate) authorization: Option<String>,
    /// When the token in it ends.
    pub(crate) expires_at: Timestamp,
}

impl Grant {
    /// What identity is asked about; without a token, the tenant that nobody in particular acts for.
    pub(crate) fn credential(&self, tenant: &str) -> Credential {
        let Some(header) = &self.authorization else {
            return Credential::Anonymous(tenant.into());
        };
        let token = header.split_once(' ').map_or(header.as_str(), |(_, token)| token);
        Credential::Token(Token::new(token.trim()))
    }
}

/// Keeps an artifact in the place of an earlier one of its name.
pub(crate) fn keep(tx: &mut Tx<'_>, run: &str, artifact: &Artifact, at: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO flow_artifacts (run, name, media, text, made_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (run, name) DO UPDATE SET media = ?3, text = ?4, made_at = ?5",
        &values![run, artifact.name, artifact.media, artifact.text, at],
    )?;
    Ok(())
}

/// Throws away the artifact of this name, and those in the folder of this name.
pub(crate) fn discard(tx: &mut Tx<'_>, run: &str, name: &str) -> Result<()> {
    // The character after the slash: what begins with the folder's name lies between the two.
    let (first, last) = (format!("{name}/"), format!("{name}0"));
    tx.execute(
        "DELETE FROM flow_artifacts
         WHERE run = ?1 AND (name = ?2 OR (name >= ?3 AND name < ?4))",
        &values![run, name, first, last],
    )?;
    Ok(())
}

/// What a workflow has made, by name.
pub(crate) fn list(tx: &mut Tx<'_>, run: &str) -> Result<Vec<Listed>> {
    tx.query(
        "SELECT name, media, octet_length(text), made_at FROM flow_artifacts WHERE run = ?1 ORDER BY name",
        &values![run],
        |row| {
            Ok(Listed {
                name: row.get(0)?,
                media_type: row.get(1)?,
                size: row.get(2)?,
                made_at: row.get(3)?,
            })
        },
    )
}

/// The artifact of this name.
pub(crate) fn artifact(tx: &mut Tx<'_>, run: &str, name: &str) -> Result<Option<Artifact>> {
    tx.first(
        "SELECT name, media, text FROM flow_artifacts WHERE run = ?1 AND name = ?2",
        &values![run, name],
        |row| Ok(Artifact { name: row.get(0)?, media: row.get(1)?, text: row.get(2)? }),
    )
}

/// Has a workflow act in this name from now on.
pub(crate) fn grant(tx: &mut Tx<'_>, run: &str, grant: &Grant) -> Result<()> {
    tx.execute(
        r#"INSERT INTO flow_grants (run, "authorization", expires_at) VALUES (?1, ?2, ?3)
           ON CONFLICT (run) DO UPDATE SET "authorization" = ?2, expires_at = ?3"#,
        &values![run, grant.authorization, grant.expires_at.to_string()],
    )?;
    Ok(())
}

/// In whose name a workflow acts.
pub(crate) fn granted(tx: &mut Tx<'_>, run: &str) -> Result<Option<Grant>> {
    tx.first(
        r#"SELECT "authorization", expires_at FROM flow_grants WHERE run = ?1"#,
        &values![run],
        |row| {
            let expires_at: String = row.get(1)?;
            let expires_at =
                expires_at.parse().map_err(|error| seaworthy_store::Error::column(1, error))?;
            Ok(Grant { authorization: row.get(0)?, expires_at })
        },
    )
}

/// A workflow that has ended acts in nobody's name.
pub(crate) fn revoke(tx: &mut Tx<'_>, run: &str) -> Result<()> {
    tx.execute("DELETE FROM flow_grants WHERE run = ?1", &values![run])?;
    Ok(())
}
