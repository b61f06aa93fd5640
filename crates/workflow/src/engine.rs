//! The handle: start workflows, ask what became of them, and steer them.

use std::sync::Arc;
use std::time::Duration;

use seaworthy_base::id;
use seaworthy_store::Tx;
use serde::Serialize;
use serde_json::Value;

use crate::driver::Nudge;
use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::journal::{Entry, Event};
use crate::rows::{self, Claim, Listing};
use crate::service::{self, Shared, json};
use crate::state::{Description, State};
use crate::{LONGEST_NAME, LONGEST_VALUE, MOST_MAIL};

/// What a workflow is started with.
#[derive(Clone, Debug)]
pub struct Start {
    /// Which kind.
    pub kind: String,
    /// For which tenant.
    pub tenant: String,
    /// By whom.
    pub subject: String,
    /// Its id, unique in the tenant; one is made when there is none.
    pub id: Option<String>,
    /// What its code is given, as JSON.
    pub input: Value,
    /// How long it may take in all.
    pub within: Option<Duration>,
}

/// A workflow that was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Started {
    /// Its id.
    pub workflow_id: String,
    /// The run's own id.
    pub run_id: String,
    /// Whether an earlier call had started it.
    #[serde(skip)]
    pub repeated: bool,
}

/// A handle on an engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Engine").field(&self.0.options).finish()
    }
}

impl Engine {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Starts a workflow. Once this has returned it will be run to its end, whatever happens here. The
    /// same id with the same kind and input starts nothing twice.
    ///
    /// # Errors
    /// When there is no such kind, the input does not suit it, or the id is taken.
    pub async fn start(&self, start: Start) -> Result<Started> {
        self.start_with(start, |_, _| Ok(())).await
    }

    /// As [`Engine::start`], with something of the caller's own written in the same transaction, under
    /// the run's id. Nothing is written when an earlier call had started the workflow.
    ///
    /// # Errors
    /// As [`Engine::start`], or what `also` returns.
    pub async fn start_with<F>(&self, start: Start, also: F) -> Result<Started>
    where
        F: FnOnce(&mut Tx<'_>, &str) -> seaworthy_store::Result<()> + Send + 'static,
    {
        let input = start.input.to_string();
        check_length("the input", input.len(), LONGEST_VALUE)?;
        let id = start.id.unwrap_or_else(|| id::uuid(self.0.clock.wall()).to_string());
        check_length("the id", id.len(), LONGEST_NAME)?;
        match self.0.registry.check(&start.kind, &input) {
            None => return Err(Error::UnknownKind(start.kind)),
            Some(Err(reason)) => return Err(Error::Input { kind: start.kind, reason }),
            Some(Ok(())) => {}
        }
        let now = self.0.clock.wall();
        let claim = Claim {
            run: id::uuid(now).simple().to_string(),
            tenant: start.tenant,
            id,
            kind: start.kind,
            subject: start.subject,
            input,
            started_at: now,
            deadline: service::deadline(now, start.within),
            fence: 1,
            fresh: true,
        };
        self.insert(claim, also).await
    }

    async fn insert<F>(&self, claim: Claim, also: F) -> Result<Started>
    where
        F: FnOnce(&mut Tx<'_>, &str) -> seaworthy_store::Result<()> + Send + 'static,
    {
        // Taken before the row is written, so that the run is known here before anyone can signal it.
        let (place, halt) = (self.0.place(), self.0.halt());
        let owner = place.is_some().then(|| self.0.lease.node());
        let inbox = owner.as_ref().map(|_| self.0.enter(&claim.run, claim.fence));
        let event = Event::Started { kind: claim.kind.clone() };
        let (row, text) = (claim.clone(), json(&event));
        let written = self.0.store.write(move |tx| {
            if let Some(twin) = rows::twin(tx, &row.tenant, &row.id)? {
                return Ok::<_, Error>(Some(twin));
            }
            rows::create(tx, &row, owner.as_deref(), &text)?;
            also(tx, &row.run)?;
            Ok(None)
        });
        let earlier = match written.await {
            Ok(earlier) => earlier,
            Err(error) => {
                self.0.exit(&claim.run, claim.fence);
                return Err(error);
            }
        };
        if let Some((run_id, kind, input)) = earlier {
            self.0.exit(&claim.run, claim.fence);
            if kind != claim.kind || input != claim.input {
                return Err(Error::Exists(claim.id));
            }
            return Ok(Started { workflow_id: claim.id, run_id, repeated: true });
        }
        let entry = Entry { sequence: 0, at: claim.started_at, event };
        self.0.observe(&claim, &entry);
        let started =
            Started { workflow_id: claim.id.clone(), run_id: claim.run.clone(), repeated: false };
        match inbox {
            Some(inbox) => self.0.spawn(claim, inbox, place, halt),
            None => self.0.look.notify_one(),
        }
        Ok(started)
    }

    /// What became of a workflow so far.
    ///
    /// # Errors
    /// When the tenant has none with this id.
    pub async fn describe(&self, tenant: &str, id: &str) -> Result<Description> {
        let (asked, id) = ((tenant.to_owned(), id.to_owned()), id.to_owned());
        let found = self.0.store.peek(move |tx| rows::find(tx, &asked.0, &asked.1)).await?;
        found.ok_or(Error::Unknown(id))
    }

    /// A tenant's workflows, the latest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn list(&self, tenant: &str, listing: Listing) -> Result<Vec<Description>> {
        let tenant = tenant.to_owned();
        self.0.store.read(move |tx| rows::list(tx, &tenant, &listing)).await
    }

    /// A page of a workflow's journal, from entry `first` on.
    ///
    /// # Errors
    /// When the tenant has no such workflow, or the journal cannot be read.
    pub async fn history(
        &self,
        tenant: &str,
        id: &str,
        first: u64,
        limit: u32,
    ) -> Result<Vec<Entry>> {
        let run = self.describe(tenant, id).await?.run_id;
        self.0.store.read(move |tx| rows::journal(tx, &run, first, limit)).await
    }

    /// Waits until a workflow has ended.
    ///
    /// # Errors
    /// When the tenant has no such workflow.
    pub async fn closed(&self, tenant: &str, id: &str) -> Result<Description> {
        let mut found = self.describe(tenant, id).await?;
        while !found.status.is_closed() {
            let ended = self.0.waiters.on(&found.run_id);
            let mut told = std::pin::pin!(ended.notified());
            told.as_mut().enable();
            found = self.describe(tenant, id).await?;
            if !found.status.is_closed() {
                // It may end on another node, which nobody tells us of.
                let _ = tokio::time::timeout(self.0.options.poll, told).await;
                found = self.describe(tenant, id).await?;
            }
        }
        Ok(found)
    }

    /// Sends a workflow something it waits for, or will look at. Durable once this has returned.
    ///
    /// # Errors
    /// When there is no such workflow, it has ended, or too much waits for it.
    pub async fn signal<T: Serialize>(
        &self,
        tenant: &str,
        id: &str,
        name: &str,
        payload: &T,
    ) -> Result<()> {
        check_length("the signal's name", name.len(), LONGEST_NAME)?;
        let text = serde_json::to_string(payload)
            .map_err(|error| Error::Input { kind: name.to_owned(), reason: error.to_string() })?;
        check_length("the signal", text.len(), LONGEST_VALUE)?;
        self.post(tenant, id, Some(name), text).await
    }

    /// Asks a workflow to stop: what it waits for fails, and it undoes what it said how to undo.
    ///
    /// # Errors
    /// When there is no such workflow, or it has ended.
    pub async fn cancel(&self, tenant: &str, id: &str, reason: &str) -> Result<()> {
        check_length("the reason", reason.len(), LONGEST_NAME)?;
        self.post(tenant, id, None, reason.to_owned()).await
    }

    async fn post(&self, tenant: &str, id: &str, name: Option<&str>, text: String) -> Result<()> {
        self.check_running(tenant, id).await?;
        let (tenant, id) = (tenant.to_owned(), id.to_owned());
        let name = name.map(str::to_owned);
        let run = self
            .0
            .store
            .write(move |tx| {
                let run = rows::running(tx, &tenant, &id)?;
                // A request to stop comes through also when signals do not.
                if name.is_some() && rows::waiting(tx, &run)? >= u64::from(MOST_MAIL) {
                    return Err(Error::Crowded { id, limit: MOST_MAIL });
                }
                rows::send(tx, &run, name.as_deref(), &text)?;
                Ok(run)
            })
            .await?;
        self.0.nudge(&run, Nudge::Mail);
        Ok(())
    }

    /// Refuses what is over by reading alone: a write is what everybody waits for. The write looks again.
    async fn check_running(&self, tenant: &str, id: &str) -> Result<()> {
        let (tenant, id) = (tenant.to_owned(), id.to_owned());
        self.0.store.peek(move |tx| rows::running(tx, &tenant, &id).map(drop)).await
    }

    /// Ends a workflow on the spot. Nothing is undone, and a step under way is dropped.
    ///
    /// # Errors
    /// When there is no such workflow, or it has ended.
    pub async fn terminate(&self, tenant: &str, id: &str, reason: &str) -> Result<()> {
        check_length("the reason", reason.len(), LONGEST_NAME)?;
        self.check_running(tenant, id).await?;
        let failure = Failure::lasting("terminated", reason);
        let text = json(&failure);
        let event = json(&Event::Closed { state: State::Terminated, failure: Some(failure) });
        let (state, undone) = (State::Terminated, "[]".to_owned());
        let ending = self.0.ending(state, None, Some(text), undone);
        let (tenant, id, at) = (tenant.to_owned(), id.to_owned(), self.0.clock.wall());
        let run = self
            .0
            .store
            .write(move |tx| {
                let run = rows::running(tx, &tenant, &id)?;
                rows::cut(tx, &run, at, &ending, &event)?;
                Ok::<_, Error>(run)
            })
            .await?;
        self.0.nudge(&run, Nudge::Gone);
        self.0.waiters.tell(&run);
        Ok(())
    }

    /// What a workflow answers to a query: what it last showed under that name.
    ///
    /// # Errors
    /// When there is no such workflow, or it has shown nothing under that name.
    pub async fn query(&self, tenant: &str, id: &str, query: &str) -> Result<Value> {
        let mut found = self.describe(tenant, id).await?;
        found
            .views
            .remove(query)
            .ok_or_else(|| Error::UnknownQuery { id: id.to_owned(), query: query.to_owned() })
    }

    /// The kinds of workflows there are.
    pub fn kinds(&self) -> Vec<&'static str> {
        self.0.registry.kinds().collect()
    }
}

fn check_length(what: &'static str, length: usize, limit: usize) -> Result<()> {
    if length > limit { Err(Error::TooLong { what, limit }) } else { Ok(()) }
}
