//! The kill switch: an operator's one move that stops all work, in every role, until it is taken back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::extract::State as Shared;
use schemars::JsonSchema;
use seaworthy_store::{self as store, Store, Tx, values};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::admin::Administrator;
use super::{Identity, check};
use crate::auth::{Caller, Mark};
use crate::problem::{Body, Problem};

/// Where it is turned.
pub(crate) const PATH: &str = "/v1/kill-switch";

/// Whether work is stopped, as every verdict on a token says.
pub(super) struct Switch {
    engaged: AtomicBool,
    turn: Mutex<()>,
}

/// What the operator wants.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Turn {
    /// Whether work is to stop.
    engaged: bool,
    /// Why, for the record: 1 to 256 characters.
    reason: String,
}

/// How it stands.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct State {
    /// Whether work is stopped.
    engaged: bool,
    /// Why it was last turned.
    reason: Option<String>,
    /// When.
    changed_at: Option<String>,
}

impl Switch {
    pub(super) async fn open(store: &Store) -> store::Result<Self> {
        let state = store.read(read).await?;
        if state.engaged {
            tracing::warn!("the kill switch is engaged: all work is refused");
        }
        Ok(Self { engaged: AtomicBool::new(state.engaged), turn: Mutex::new(()) })
    }

    pub(super) fn is_engaged(&self) -> bool {
        self.engaged.load(Ordering::SeqCst)
    }
}

fn read(tx: &mut Tx<'_>) -> store::Result<State> {
    let sql = "SELECT engaged, reason, changed_at FROM kill_switch WHERE id = 1";
    let state = tx.first(sql, &values![], |row| {
        let (reason, changed_at) = (Some(row.get(1)?), Some(row.get(2)?));
        Ok(State { engaged: row.get(0)?, reason, changed_at })
    })?;
    Ok(state.unwrap_or_default())
}

/// For everyone with a token: whose work is refused may see that it is not about them.
pub(super) async fn get(
    Shared(identity): Shared<Arc<Identity>>,
    _: Caller,
) -> Result<Json<State>, Problem> {
    let mut state = identity.store.read(read).await?;
    // What holds is what the roles were told, also when it could not be kept.
    state.engaged = identity.switch.is_engaged();
    Ok(Json(state))
}

/// Returns once every role knows: from then on no work begins, or all may.
pub(super) async fn put(
    Shared(identity): Shared<Arc<Identity>>,
    administrator: Administrator,
    Body(turn): Body<Turn>,
) -> Result<Json<State>, Problem> {
    administrator.everywhere()?;
    check::name("/reason", &turn.reason)?;
    let engaged = turn.engaged;
    let now = identity.clock.wall().to_string();
    // One after the other, so that what is in memory is what is on disk.
    let _turn = identity.switch.turn.lock().await;
    let written = identity
        .store
        .write(move |tx| -> store::Result<State> {
            tx.put(
                "INSERT INTO kill_switch (id, engaged, reason, changed_at) VALUES (1, ?1, ?2, ?3)
                 ON CONFLICT (id) DO UPDATE SET engaged = ?1, reason = ?2, changed_at = ?3",
                &values![turn.engaged, turn.reason, now],
            )?;
            read(tx)
        })
        .await;
    let stopped = match &written {
        Ok(_) => engaged,
        // Nothing was written: what held still holds.
        Err(store::Error::Unavailable(_) | store::Error::Value { .. }) => {
            engaged || identity.switch.is_engaged()
        }
        // What is on disk is not known: then work stops, whatever was asked, until it is asked again.
        Err(_) => true,
    };
    identity.switch.engaged.store(stopped, Ordering::SeqCst);
    identity.changes.settle(Mark::switch()).await;
    tracing::warn!(engaged = stopped, "kill switch turned");
    Ok(Json(written?))
}
