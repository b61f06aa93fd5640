//! Routines: steps done for their effect, outside of measurement, once or many times at full speed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use seaworthy_base::Clock;
use seaworthy_net::Url;
use seaworthy_net::session::Session;
use serde_json::{Map, Value};
use tokio::task::JoinSet;

use crate::error::Error;
use crate::flow::Routine;
use crate::links::Links;
use crate::program::Program;
use crate::scope::{OutOfRows, Scope};

/// What a routine needs.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The targets' URLs, by name.
    pub targets: BTreeMap<String, Url>,
    /// What templates may use.
    pub variables: BTreeMap<String, Value>,
    /// How requests are sent.
    pub client: seaworthy_net::Options,
    /// What draws are made from.
    pub seed: u64,
    /// Where the time comes from.
    pub clock: Clock,
}

/// Does a routine's steps, `parallel` repetitions at a time, each over its own kept connections.
/// Returns what was extracted: values, or lists in the order of the repetitions when the routine
/// says `repeat`.
///
/// # Errors
/// The first failure: which step, what was expected and what came, with the beginning of the
/// body. Repetitions under way are then dropped. A body may hold secrets: redact, then
/// shorten.
pub async fn run_once(
    routine: &Routine,
    setting: &Setting,
) -> Result<BTreeMap<String, Value>, Error> {
    let program = Program::compile(&routine.flow, &setting.targets, &setting.variables)?;
    let repetitions = routine.repeat.unwrap_or(1);
    let client = Arc::new(setting.client.clone());
    let next = Arc::new(AtomicU64::new(0));
    let mut workers = JoinSet::new();
    for number in 0..u64::from(routine.parallel).min(repetitions) {
        let worker = Worker {
            program: Arc::clone(&program),
            session: Session::new(Arc::clone(&client)),
            links: Links::new(&program, Arc::clone(&client)),
            scope: program.scope(setting.clock.clone(), setting.seed),
            next: Arc::clone(&next),
            repetitions,
            number,
            repeats: routine.repeat.is_some(),
        };
        workers.spawn(worker.run());
    }
    let mut extracted: BTreeMap<u64, Map<String, Value>> = BTreeMap::new();
    while let Some(ended) = workers.join_next().await {
        let done = ended.map_err(|error| Error::Worker(error.to_string()))??;
        extracted.extend(done);
    }
    let mut result = BTreeMap::new();
    for (_, name) in program.extracts() {
        let mut values = extracted.values_mut().filter_map(|values| values.remove(name));
        let value = match routine.repeat {
            Some(_) => Some(Value::Array(values.collect())),
            None => values.next(),
        };
        if let Some(value) = value {
            result.entry(name.to_owned()).or_insert(value);
        }
    }
    Ok(result)
}

/// One of the routine's parallel lines.
struct Worker {
    program: Arc<Program>,
    session: Session,
    links: Links,
    scope: Scope,
    next: Arc<AtomicU64>,
    repetitions: u64,
    number: u64,
    repeats: bool,
}

impl Worker {
    async fn run(mut self) -> Result<Vec<(u64, Map<String, Value>)>, Error> {
        let mut done = Vec::new();
        let mut iteration = 0;
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= self.repetitions {
                return Ok(done);
            }
            self.scope.begin(self.number + 1, iteration, index);
            iteration += 1;
            let values = self.repetition(index).await?;
            if !values.is_empty() {
                done.push((index, values));
            }
        }
    }

    async fn repetition(&mut self, index: u64) -> Result<Map<String, Value>, Error> {
        let program = Arc::clone(&self.program);
        let fault = |step: &str, reason: String| Error::Step {
            routine: program.flow.clone(),
            step: step.to_owned(),
            index: self.repeats.then_some(index),
            reason,
        };
        let first = program.steps.first().map_or("", |step| &step.name);
        if let Err(OutOfRows(data)) = self.scope.take_rows() {
            return Err(fault(first, format!("the data file of `{data}` has no row left")));
        }
        if let Err(unfilled) = program.draw(&mut self.scope) {
            return Err(fault(first, unfilled.to_string()));
        }
        self.links.begin(&mut self.session);
        for step in &program.steps {
            let done = step.perform(&self.scope, &mut self.session, &mut self.links).await;
            self.links.part().await;
            let judged = step.judge(&done, &mut self.scope);
            if !judged.is_clean() {
                return Err(fault(&step.name, step.explain(&done, &judged, &self.scope)));
            }
            step.pause(&mut self.scope).await;
        }
        let kept = |(slot, name): (usize, &str)| {
            self.scope.get(slot).map(|value| (name.to_owned(), value.clone()))
        };
        Ok(program.extracts().filter_map(kept).collect())
    }
}
