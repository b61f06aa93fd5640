//! Starting the workflow that carries a plan out, in one transaction with what the plan's owner writes.

use seaworthy_store::{Result as Stored, Tx};
use seaworthy_wizard::Plan;

use super::*;
use crate::orchestrator::flows::plan;

/// Refuses who may not start workflows, or not do what their steps do.
pub(in crate::orchestrator) fn check_starter(caller: &Caller) -> Result<(), Problem> {
    caller.require(START)?;
    NEEDED.iter().try_for_each(|capability| caller.require(capability))
}

impl Workflows {
    /// Starts the workflow of a plan, under the plan's id. `also` writes in the same transaction: both
    /// are there, or neither. Where the plan has a workflow already, that is left as it is, and `also`
    /// not done.
    pub(in crate::orchestrator) async fn carry_out(
        &self,
        caller: &Caller,
        trail: &Trail,
        plan: &Plan,
        also: impl FnOnce(&mut Tx<'_>) -> Stored<()> + Send + 'static,
    ) -> Result<Started, Problem> {
        plan::check(plan, &caller.subject)?;
        let input = serde_json::to_value(plan).map_err(|error| Problem::internal(&error))?;
        super::begin::storable(&input)?;
        let grant = rows::Grant {
            authorization: trail.authorization().map(str::to_owned),
            expires_at: caller.expires_at,
        };
        let start = Start {
            kind: plan::KIND.to_owned(),
            tenant: caller.tenant.clone(),
            subject: caller.subject.clone(),
            id: Some(plan.plan_id.clone()),
            input,
            within: Some(plan::within(plan)),
        };
        let started = self.engine.start_with(start, move |tx, run| {
            rows::grant(tx, run, &grant)?;
            also(tx)
        });
        Ok(started.await?)
    }
}
