//! Bringing a schema up to date, and entering it: names, locks and the table of commits.

use std::time::Duration;

use super::safe;
use super::session::Link;
use super::writer::Writer;
use crate::error::{Error, Kind, Result};
use crate::options::Part;
use crate::tx::{Failure, Tx};
use crate::values;

/// How often a step is tried that finds its table locked. Each try waits for two seconds and holds
/// nobody up for longer.
const TRIES: usize = 5;

/// How often it is asked whether another process still changes the schema, and how long between.
const TURNS: usize = 300;
const TURN: Duration = Duration::from_millis(200);

/// What a schema's advisory locks are for.
#[derive(Clone, Copy)]
pub(super) enum Lock {
    /// One batch of writes at a time.
    Write,
    /// One process alone.
    Alone,
    /// One process that changes the schema at a time.
    Migrate,
}

/// The number of a schema's lock: the FNV-1a hash of its name and purpose.
pub(super) fn lock(schema: &str, purpose: Lock) -> i64 {
    let purpose = match purpose {
        Lock::Write => "write",
        Lock::Alone => "alone",
        Lock::Migrate => "migrate",
    };
    let bytes = b"seaworthy/".iter().chain(purpose.as_bytes()).chain(b"/").chain(schema.as_bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash.cast_signed()
}

/// Whether a name can be a schema's without quotes.
pub(super) fn is_name(name: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.len() <= 63
        && name.bytes().all(letters)
        && name.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && !name.starts_with("pg_")
}

/// Checks the server, makes the schema when it is missing, and takes the steps still to be taken.
pub(super) fn run(link: &mut Link<'_>, writer: &Writer) -> Result<()> {
    let (place, schema) = (place(writer), &writer.schema.name);
    check_server(link, &place)?;
    let say = refusal(&place);
    let key = lock(schema, Lock::Migrate);
    take_turns(link, key).map_err(&say)?;
    link.run("SET lock_timeout = '2s'").map_err(&say)?;
    let known = first::<i64>(link, "SELECT count(*) FROM pg_namespace WHERE nspname = ?1", schema)
        .map_err(&say)?;
    if known == Some(0) {
        link.run(&format!("CREATE SCHEMA {schema}")).map_err(&say)?;
    }
    link.run(&format!("SET search_path TO {schema}")).map_err(&say)?;
    link.run(
        "CREATE TABLE IF NOT EXISTS commits (
           writer TEXT COLLATE \"C\" PRIMARY KEY,
           batch BIGINT NOT NULL,
           at TIMESTAMPTZ NOT NULL
         )",
    )
    .map_err(&say)?;
    for part in &writer.parts {
        take(link, part, &place)?;
    }
    link.run(&format!("SELECT pg_advisory_unlock({key}); SET lock_timeout = '5s'"))
        .map_err(&say)?;
    enter(link, writer)
}

/// What a connection of the writer's begins with.
pub(super) fn enter(link: &mut Link<'_>, writer: &Writer) -> Result<()> {
    let (place, schema) = (place(writer), &writer.schema.name);
    let say = refusal(&place);
    link.run(&format!("SET search_path TO {schema}")).map_err(&say)?;
    if writer.alone {
        // The connection of a process that was killed may need a moment to be noticed.
        let key = lock(schema, Lock::Alone);
        let taken = link.run(&format!(
            "SET lock_timeout = '2s'; SELECT pg_advisory_lock({key}); SET lock_timeout = '5s'"
        ));
        taken
            .map_err(|failure| if failure.locked() { Error::Owned(place) } else { say(failure) })?;
    }
    Ok(())
}

/// Waits until no other process changes the schema. It asks again and again rather than wait inside
/// one statement: an index that is built concurrently waits for every statement that has begun.
fn take_turns(link: &mut Link<'_>, key: i64) -> std::result::Result<(), Failure> {
    for _ in 0..TURNS {
        let sql = format!("SELECT pg_try_advisory_lock({key})");
        if first::<bool>(link, &sql, "")? == Some(true) {
            return Ok(());
        }
        link.runtime.block_on(async { tokio::time::sleep(TURN).await });
    }
    Err(Error::statement(Kind::Locked, "another process is changing the schema").into())
}

/// Puts the writer's name into the table of commits, and takes away those of the long gone.
pub(super) fn enrol(link: &mut Link<'_>, writer: &Writer, name: &str) -> Result<()> {
    let enrolled = link.run(&format!(
        "DELETE FROM commits WHERE at < now() - INTERVAL '1 day';
         INSERT INTO commits (writer, batch, at) VALUES ('{name}', 0, now())"
    ));
    enrolled.map_err(refusal(&place(writer)))
}

fn place(writer: &Writer) -> String {
    format!("{}, schema {}", writer.server.place(), writer.schema.name)
}

fn check_server(link: &mut Link<'_>, place: &str) -> Result<()> {
    let wrong = |reason: String| Error::Open { place: place.to_owned(), reason };
    let setting = |link: &mut Link<'_>, name: &str| {
        first::<String>(link, "SELECT current_setting(?1)", name)
            .map_err(refusal(place))
            .map(Option::unwrap_or_default)
    };
    let version = setting(link, "server_version_num")?;
    if version.parse::<u32>().unwrap_or(0) < 130_000 {
        return Err(wrong(format!("it is version {version}, older than 130000")));
    }
    let encoding = setting(link, "server_encoding")?;
    if encoding != "UTF8" {
        return Err(wrong(format!("its encoding is {encoding}, not UTF8")));
    }
    for needed in ["fsync", "full_page_writes"] {
        if setting(link, needed)? != "on" {
            return Err(wrong(format!(
                "{needed} is off, so that what it acknowledges is not on disk"
            )));
        }
    }
    Ok(())
}

fn take(link: &mut Link<'_>, part: &Part, place: &str) -> Result<()> {
    let say = refusal(place);
    let table = part.table();
    link.run(&format!(
        "CREATE TABLE IF NOT EXISTS {table} (version BIGINT PRIMARY KEY, name TEXT NOT NULL)"
    ))
    .map_err(&say)?;
    let mut tx = Tx::postgres(link.again());
    let taken: Vec<String> =
        tx.query(&format!("SELECT name FROM {table} ORDER BY version"), &[], |row| row.get(0))?;
    let steps = part
        .outstanding(&taken)
        .map_err(|reason| Error::Schema { place: place.to_owned(), reason })?;
    for (version, step) in steps {
        let form = super::check(step)?;
        let record = format!(
            "INSERT INTO {table} (version, name) VALUES ({version}, '{}')",
            step.name.replace('\'', "''")
        );
        let result = match form {
            safe::Form::Together => {
                let whole = format!("BEGIN; {}\n; {record}; COMMIT", step.postgres);
                patiently(link, |link| {
                    let done = link.run(&whole);
                    if done.is_err() {
                        let _ = link.run("ROLLBACK");
                    }
                    done
                })
            }
            // It runs beside everybody's work, as long as it takes. What an attempt that died has left
            // is an index that is never used; it goes first.
            safe::Form::Index(name) => patiently(link, |link| {
                link.run("SET statement_timeout = 0; SET lock_timeout = 0")?;
                link.run(&format!("DROP INDEX CONCURRENTLY IF EXISTS {name}"))?;
                link.run_long(step.postgres)?;
                link.run(&record)?;
                link.run("SET statement_timeout = '10s'; SET lock_timeout = '2s'")
            }),
        };
        result.map_err(&say)?;
    }
    Ok(())
}

fn patiently(
    link: &mut Link<'_>,
    mut step: impl FnMut(&mut Link<'_>) -> std::result::Result<(), Failure>,
) -> std::result::Result<(), Failure> {
    let mut tries = 1;
    loop {
        match step(link) {
            Err(failure) if failure.locked() && tries < TRIES => tries += 1,
            done => return done,
        }
    }
}

fn first<T: crate::value::FromValue>(
    link: &mut Link<'_>,
    sql: &str,
    value: &str,
) -> std::result::Result<Option<T>, Failure> {
    let mut tx = Tx::postgres(link.again());
    let values = values![value];
    let values = if value.is_empty() { &values[..0] } else { &values[..] };
    let found = tx.first(sql, values, |row| row.get(0));
    found.map_err(|error| Failure { fatal: tx.fatal().is_some(), error })
}

fn refusal(place: &str) -> impl Fn(Failure) -> Error + use<> {
    let place = place.to_owned();
    move |failure| Error::Open { place: place.clone(), reason: failure.error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_need_no_quotes() {
        for name in ["memory", "seaworthy_policy", "a1"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "1a", "_a", "A", "a-b", "a;b", "pg_x", "é", &"a".repeat(64)] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn every_lock_has_its_number() {
        let locks = [Lock::Write, Lock::Alone, Lock::Migrate];
        let numbers: std::collections::BTreeSet<i64> = ["a", "b"]
            .iter()
            .flat_map(|schema| locks.map(|purpose| lock(schema, purpose)))
            .collect();
        assert_eq!(numbers.len(), 6);
    }
}
