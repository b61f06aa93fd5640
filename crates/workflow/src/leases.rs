//! Who runs what: nodes show that they live, runs change hands, and the dead leave what they held.

use seaworthy_base::Timestamp;
use seaworthy_store::{Row, Tx, values};

use crate::error::Result;
use crate::rows::{Claim, stored, time};

/// Makes a node known.
pub(crate) fn enlist(tx: &mut Tx<'_>, node: &str) -> Result<()> {
    tx.execute("INSERT INTO workflow_nodes (node, beat) VALUES (?1, 0)", &values![node])?;
    Ok(())
}

/// Shows that a node lives; false when others have taken it for dead.
pub(crate) fn beat(tx: &mut Tx<'_>, node: &str) -> Result<bool> {
    let changed =
        tx.execute("UPDATE workflow_nodes SET beat = beat + 1 WHERE node = ?1", &values![node])?;
    Ok(changed == 1)
}

/// Every node and how often it has shown that it lives.
pub(crate) fn beats(tx: &mut Tx<'_>) -> Result<Vec<(String, u64)>> {
    Ok(tx.query("SELECT node, beat FROM workflow_nodes", &[], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?)
}

/// Takes from a node that has not moved since `beat` all that it holds. Says whether it was still so.
pub(crate) fn bury(tx: &mut Tx<'_>, node: &str, beat: u64) -> Result<bool> {
    let gone = tx.execute(
        "DELETE FROM workflow_nodes WHERE node = ?1 AND beat = ?2",
        &values![node, beat],
    )?;
    if gone == 1 {
        release(tx, node)?;
    }
    Ok(gone == 1)
}

/// A node that goes leaves what it holds to the others.
pub(crate) fn leave(tx: &mut Tx<'_>, node: &str) -> Result<()> {
    tx.execute("DELETE FROM workflow_nodes WHERE node = ?1", &values![node])?;
    release(tx, node)
}

fn release(tx: &mut Tx<'_>, node: &str) -> Result<()> {
    tx.execute(
        "UPDATE workflow_runs SET owner = NULL, fence = fence + 1, wake_at = 0 WHERE owner = ?1",
        &values![node],
    )?;
    Ok(())
}

/// Whoever was here before is gone: for a store that has one owner at a time.
pub(crate) fn clear(tx: &mut Tx<'_>) -> Result<()> {
    tx.execute("DELETE FROM workflow_nodes", &[])?;
    tx.execute(
        "UPDATE workflow_runs SET owner = NULL, fence = fence + 1, wake_at = 0
         WHERE owner IS NOT NULL",
        &[],
    )?;
    Ok(())
}

/// Runs that were laid aside because their code did not fit are tried again: the code is another now.
pub(crate) fn unblock(tx: &mut Tx<'_>) -> Result<()> {
    tx.execute(
        "UPDATE workflow_runs SET blocked = NULL, wake_at = 0 WHERE blocked IS NOT NULL",
        &[],
    )?;
    Ok(())
}

/// Whether any run wants to be run, and if not, when the next one will.
pub(crate) fn next(tx: &mut Tx<'_>) -> Result<Option<Timestamp>> {
    let found: Option<i64> = tx.first(
        "SELECT wake_at FROM workflow_runs WHERE state = 'running' AND owner IS NULL AND blocked IS NULL
         ORDER BY wake_at LIMIT 1",
        &[],
        |row| row.get(0),
    )?;
    Ok(found.map(time))
}

/// Takes up to `limit` runs of these kinds that want to be run now.
pub(crate) fn claim(
    tx: &mut Tx<'_>,
    node: &str,
    kinds: &[&str],
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Claim>> {
    let holders: Vec<String> = (3..kinds.len() + 3).map(|number| format!("?{number}")).collect();
    let sql = format!(
        "SELECT run, tenant, id, kind, subject, input, started_at, deadline, fence
         FROM workflow_runs WHERE state = 'running' AND owner IS NULL AND blocked IS NULL
         AND wake_at <= ?1 AND kind IN ({}) ORDER BY wake_at LIMIT ?2",
        holders.join(", ")
    );
    let now = stored(now);
    let mut parameters = values![now, limit].to_vec();
    parameters.extend(kinds.iter().map(|kind| seaworthy_store::Value::Text(kind)));
    let mut claims = tx.query(&sql, &parameters, claimed)?;
    for claim in &mut claims {
        claim.fence += 1;
        tx.execute(
            "UPDATE workflow_runs SET owner = ?2, fence = ?3 WHERE run = ?1",
            &values![claim.run, node, claim.fence],
        )?;
    }
    Ok(claims)
}

/// Runs that were laid aside and whose time is over.
pub(crate) fn overdue(tx: &mut Tx<'_>, now: Timestamp) -> Result<Vec<String>> {
    Ok(tx.query(
        "SELECT run FROM workflow_runs WHERE blocked IS NOT NULL AND deadline <= ?1
         AND state = 'running' LIMIT 100",
        &values![stored(now)],
        |row| row.get(0),
    )?)
}

fn claimed(row: &Row<'_>) -> seaworthy_store::Result<Claim> {
    Ok(Claim {
        run: row.get(0)?,
        tenant: row.get(1)?,
        id: row.get(2)?,
        kind: row.get(3)?,
        subject: row.get(4)?,
        input: row.get(5)?,
        started_at: time(row.get(6)?),
        deadline: row.get::<Option<i64>>(7)?.map(time),
        fence: row.get(8)?,
        fresh: false,
    })
}
