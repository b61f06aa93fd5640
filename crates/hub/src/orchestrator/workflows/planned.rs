//! Starting a campaign from a plan, in one transaction with what the plan's owner writes.

use seaworthy_store::{Result as Stored, Tx};

use super::*;
use crate::orchestrator::flows::marketing::Campaign;

/// Refuses who may not start workflows, or not do what their steps do.
pub(in crate::orchestrator) fn check_starter(caller: &Caller) -> Result<(), Problem> {
    caller.require(START)?;
    NEEDED.iter().try_for_each(|capability| caller.require(capability))
}

impl Workflows {
    /// Starts a campaign under this id. `also` writes in the same transaction: both are there, or
    /// neither. A campaign that this id has started already is left as it is, and `also` not done.
    pub(in crate::orchestrator) async fn campaign(
        &self,
        caller: &Caller,
        trail: &Trail,
        id: String,
        input: Campaign,
        also: impl FnOnce(&mut Tx<'_>) -> Stored<()> + Send + 'static,
    ) -> Result<Started, Problem> {
        let now = self.clock.wall();
        input.check(now, caller)?;
        let within = Some(input.within(now));
        let input = serde_json::to_value(&input).map_err(|error| Problem::internal(&error))?;
        super::begin::storable(&input)?;
        let grant = rows::Grant {
            authorization: trail.authorization().map(str::to_owned),
            expires_at: caller.expires_at,
        };
        let (tenant, subject) = (caller.tenant.clone(), caller.subject.clone());
        let kind = marketing::KIND.to_owned();
        let start = Start { kind, tenant, subject, id: Some(id), input, within };
        let started = self.engine.start_with(start, move |tx, run| {
            rows::grant(tx, run, &grant)?;
            also(tx)
        });
        Ok(started.await?)
    }
}
