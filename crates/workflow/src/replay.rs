//! What a workflow's code has asked for and what its journal answers: the pure half of a run.
//!
//! The code and the journal meet here. The code issues commands, which are counted; the driver hands
//! over the journal's entries one at a time, and lets the code go on after each until it waits for
//! something again. So the code sees the same things in the same order whenever it is run, and what
//! it asks for is the same, or else it is not the code that wrote the journal.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::task::Waker;
use std::time::Duration;

use seaworthy_base::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::effect::Effect;
use crate::failure::Failure;
use crate::journal::{Entry, Event, Kind, describe};
use crate::retry::Retry;
use crate::rows::Facts;
use crate::state::Undone;

/// What a command is answered with: a value, or nothing where there is none.
pub(crate) type Answer = Result<Option<Box<RawValue>>, Failure>;

/// The code took another way than its journal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the code does not fit its journal: {journal}, but {code}")]
pub(crate) struct Divergence {
    pub(crate) journal: String,
    pub(crate) code: String,
}

/// Something the code asked for.
#[derive(Debug)]
struct Command {
    kind: Kind,
    name: String,
    state: Waiting,
}

#[derive(Debug)]
enum Waiting {
    /// A step that is to be done, is being done, or waits for its next attempt.
    Step { effect: Effect, retry: Retry, failed: u32, not_before: Option<Timestamp> },
    /// Something that ends when its time comes, or a signal's wait before that.
    Until(Timestamp),
    /// Answered; the code has not looked yet.
    Answered(Answer),
    /// The code has looked, or does not care any more.
    Over,
}

/// A step that can be begun now or later.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) command: u32,
    pub(crate) name: String,
    pub(crate) effect: Effect,
    pub(crate) retry: Retry,
    /// Which attempt it is, from 1.
    pub(crate) attempt: u32,
    pub(crate) not_before: Option<Timestamp>,
}

/// The state that code and driver share.
#[derive(Debug)]
pub(crate) struct Replay {
    /// The time of the last entry the code has seen: its own clock.
    now: Timestamp,
    commands: Vec<Command>,
    /// Commands that wait, in order, so that a long journal costs nothing here.
    open: BTreeMap<u32, Option<Waker>>,
    /// What the journal says of commands the code has not issued yet.
    expected: HashMap<u32, (Kind, String)>,
    signals: HashMap<String, VecDeque<Box<RawValue>>>,
    /// Set once the code is to stop.
    stopped: Option<Failure>,
    /// Whether what is being done goes on although the code is to stop: undoing.
    shielded: bool,
    undo: Vec<(String, Retry, Effect)>,
    undone: Vec<Undone>,
    facts: Shown,
    divergence: Option<Divergence>,
}

/// What the code shows to others.
#[derive(Debug, Default)]
struct Shown {
    percent: u32,
    phase: Option<String>,
    views: Map<String, Value>,
    /// Whether any of it was not yet stored.
    fresh: bool,
}

impl Replay {
    pub(crate) fn new(started_at: Timestamp, journal: &[Entry]) -> Self {
        let mut expected = HashMap::new();
        for entry in journal {
            if let Some((command, kind, name)) = entry.event.answers() {
                expected.entry(command).or_insert_with(|| (kind, name.to_owned()));
            }
        }
        Self {
            now: started_at,
            commands: Vec::new(),
            open: BTreeMap::new(),
            expected,
            signals: HashMap::new(),
            stopped: None,
            shielded: false,
            undo: Vec::new(),
            undone: Vec::new(),
            facts: Shown::default(),
            divergence: None,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    // What the code does.

    /// The code wants a step done.
    pub(crate) fn step(
        &mut self,
        name: &str,
        retry: Retry,
        effect: Effect,
    ) -> Result<u32, Failure> {
        let waiting = Waiting::Step { effect, retry, failed: 0, not_before: None };
        self.issue(Kind::Step, name, waiting)
    }

    /// The code wants to sleep.
    pub(crate) fn sleep(&mut self, duration: Duration) -> Result<u32, Failure> {
        let until = self.now.plus(duration);
        self.issue(Kind::Sleep, "", Waiting::Until(until))
    }

    /// The code wants a signal; it may be there.
    pub(crate) fn signal(&mut self, name: &str, within: Duration) -> Result<Wanted, Failure> {
        if let Some(failure) = self.halt() {
            return Err(failure);
        }
        if let Some(payload) = self.signals.get_mut(name).and_then(VecDeque::pop_front) {
            return Ok(Wanted::Here(payload));
        }
        let until = self.now.plus(within);
        self.issue(Kind::Signal, name, Waiting::Until(until)).map(Wanted::Later)
    }

    /// Signals that have arrived and that the code has not looked at.
    pub(crate) fn received(&mut self, name: &str) -> VecDeque<Box<RawValue>> {
        self.signals.remove(name).unwrap_or_default()
    }

    fn issue(&mut self, kind: Kind, name: &str, state: Waiting) -> Result<u32, Failure> {
        if let Some(failure) = self.halt() {
            return Err(failure);
        }
        let number = u32::try_from(self.commands.len()).unwrap_or(u32::MAX);
        if let Some((wanted, called)) = self.expected.remove(&number)
            && (wanted != kind || called != name)
        {
            let journal = format!("command {number} was {}", describe(wanted, &called));
            self.diverge(journal, format!("it is {} now", describe(kind, name)));
        }
        self.commands.push(Command { kind, name: name.to_owned(), state });
        self.open.insert(number, None);
        Ok(number)
    }

    fn halt(&self) -> Option<Failure> {
        self.stopped.clone().filter(|_| !self.shielded)
    }

    /// The answer to a command, once it is there; until then `waker` is told when.
    pub(crate) fn answer(&mut self, command: u32, waker: &Waker) -> Option<Answer> {
        let state = self.command(command).map(|command| &mut command.state)?;
        match std::mem::replace(state, Waiting::Over) {
            Waiting::Answered(answer) => Some(answer),
            other => {
                *state = other;
                self.open.insert(command, Some(waker.clone()));
                None
            }
        }
    }

    /// The code does not wait for a command any more.
    pub(crate) fn abandon(&mut self, command: u32) {
        self.open.remove(&command);
        if let Some(command) = self.command(command) {
            command.state = Waiting::Over;
        }
    }

    pub(crate) fn undo_with(&mut self, name: &str, retry: Retry, effect: Effect) {
        self.undo.push((name.to_owned(), retry, effect));
    }

    /// The next thing to undo, the latest first. From the first on until there is none, what is done is
    /// done although the code is to stop.
    pub(crate) fn next_undo(&mut self) -> Option<(String, Retry, Effect)> {
        let next = self.undo.pop();
        self.shielded = next.is_some();
        next
    }

    pub(crate) fn undid(&mut self, undone: Undone) {
        self.undone.push(undone);
    }

    pub(crate) fn undone(&self) -> &[Undone] {
        &self.undone
    }

    pub(crate) fn progress(&mut self, percent: u32, phase: &str) {
        let same = self.facts.percent == percent && self.facts.phase.as_deref() == Some(phase);
        self.facts.percent = percent;
        self.facts.phase = Some(phase.to_owned());
        self.facts.fresh |= !same;
    }

    pub(crate) fn show(&mut self, name: &str, value: Value) {
        if self.facts.views.get(name) != Some(&value) {
            self.facts.views.insert(name.to_owned(), value);
            self.facts.fresh = true;
        }
    }

    /// The code does something its journal does not allow for.
    pub(crate) fn diverge(&mut self, journal: String, code: String) {
        self.divergence.get_or_insert(Divergence { journal, code });
    }

    // What the driver does.

    pub(crate) fn divergence(&self) -> Option<&Divergence> {
        self.divergence.as_ref()
    }

    pub(crate) fn has_fresh_facts(&self) -> bool {
        self.facts.fresh
    }

    /// What the code shows, if that is not stored yet.
    pub(crate) fn take_facts(&mut self) -> Option<Facts> {
        if !std::mem::take(&mut self.facts.fresh) {
            return None;
        }
        let views = Value::Object(self.facts.views.clone()).to_string();
        Some(Facts { percent: self.facts.percent, phase: self.facts.phase.clone(), views })
    }

    /// Steps that wait to be done, but for those of which `busy` says that they are being done.
    pub(crate) fn ready(&self, busy: impl Fn(u32) -> bool) -> Vec<Ready> {
        let open = self.open.keys().filter(|command| !busy(**command));
        open.filter_map(|&command| {
            let asked = self.commands.get(usize::try_from(command).ok()?)?;
            let Waiting::Step { effect, retry, failed, not_before } = &asked.state else {
                return None;
            };
            Some(Ready {
                command,
                name: asked.name.clone(),
                effect: effect.clone(),
                retry: *retry,
                attempt: failed + 1,
                not_before: *not_before,
            })
        })
        .collect()
    }

    /// Whether a step still waits to be done: it may have been abandoned, or the code be told to stop.
    pub(crate) fn wants(&self, command: u32) -> bool {
        let asked = usize::try_from(command).ok().and_then(|at| self.commands.get(at));
        asked.is_some_and(|asked| matches!(asked.state, Waiting::Step { .. }))
    }

    /// The sleep or wait that ends first, when, and the event that says so.
    pub(crate) fn first_due(&self) -> Option<(Timestamp, Event)> {
        let due = self.open.keys().filter_map(|&command| {
            let asked = self.commands.get(usize::try_from(command).ok()?)?;
            match (&asked.state, asked.kind) {
                (Waiting::Until(until), kind) => Some((*until, command, kind, &asked.name)),
                _ => None,
            }
        });
        let (until, command, kind, name) =
            due.min_by_key(|(until, command, ..)| (*until, *command))?;
        let event = match kind {
            Kind::Signal => Event::Silence { command, name: name.clone() },
            _ => Event::Slept { command },
        };
        Some((until, event))
    }

    /// Whether the code waits for anything that can come.
    pub(crate) fn waits(&self) -> bool {
        !self.open.is_empty()
    }

    /// How many commands the journal speaks of that the code never came to, and the first of them.
    pub(crate) fn missing(&self) -> Option<String> {
        let (number, (kind, name)) = self.expected.iter().min_by_key(|(number, _)| **number)?;
        Some(format!("command {number} was {}", describe(*kind, name)))
    }

    /// Hands the next entry to the code.
    pub(crate) fn apply(&mut self, entry: Entry) -> Result<(), Divergence> {
        self.now = self.now.max(entry.at);
        if let Some((number, kind, name)) = entry.event.answers() {
            self.check(number, kind, name)?;
        }
        match entry.event {
            Event::Started { .. } | Event::Closed { .. } => {}
            Event::Step { command, value, .. } => self.settle(command, Ok(Some(value))),
            Event::Failed { command, failure, .. } => self.settle(command, Err(failure)),
            Event::Slept { command } | Event::Silence { command, .. } => {
                self.settle(command, Ok(None));
            }
            Event::Attempt { command, attempt, next_at, .. } => {
                if let Some(Command { state: Waiting::Step { failed, not_before, .. }, .. }) =
                    self.command(command)
                {
                    (*failed, *not_before) = (attempt, Some(next_at));
                }
            }
            Event::Signal { name, payload } => self.deliver(name, payload),
            Event::Cancel { reason } => self.stop(Failure::canceled(&reason)),
            Event::Overdue => self.stop(Failure::timed_out()),
        }
        Ok(())
    }

    /// Whether the code waits for what the journal answers.
    fn check(&mut self, number: u32, kind: Kind, name: &str) -> Result<(), Divergence> {
        let journal = || format!("command {number} was {}", describe(kind, name));
        let code = match self.command(number) {
            None => "it has not come to that command".to_owned(),
            Some(asked) if asked.kind != kind || asked.name != name => {
                format!("it is {} now", describe(asked.kind, &asked.name))
            }
            Some(Command { state: Waiting::Step { .. } | Waiting::Until(_), .. }) => return Ok(()),
            Some(_) => "it does not wait for that any more".to_owned(),
        };
        Err(Divergence { journal: journal(), code })
    }

    fn command(&mut self, number: u32) -> Option<&mut Command> {
        usize::try_from(number).ok().and_then(|at| self.commands.get_mut(at))
    }

    fn settle(&mut self, number: u32, answer: Answer) {
        if let Some(command) = self.command(number) {
            command.state = Waiting::Answered(answer);
        }
        if let Some(Some(waker)) = self.open.remove(&number) {
            waker.wake();
        }
    }

    fn deliver(&mut self, name: String, payload: Box<RawValue>) {
        let waiting = self.open.keys().copied().find(|&number| {
            let at = usize::try_from(number).unwrap_or(usize::MAX);
            self.commands.get(at).is_some_and(|asked| {
                asked.kind == Kind::Signal
                    && asked.name == name
                    && matches!(asked.state, Waiting::Until(_))
            })
        });
        match waiting {
            Some(number) => self.settle(number, Ok(Some(payload))),
            None => self.signals.entry(name).or_default().push_back(payload),
        }
    }

    /// The code is to stop: whatever it waits for fails, unless it is undoing already. The first reason
    /// counts.
    fn stop(&mut self, failure: Failure) {
        if self.stopped.is_some() {
            return;
        }
        self.stopped = Some(failure.clone());
        if self.shielded {
            return;
        }
        let open: Vec<u32> = self.open.keys().copied().collect();
        for number in open {
            self.settle(number, Err(failure.clone()));
        }
    }

    /// Whether the code was told to stop.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }
}

/// A signal that was asked for.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// It is there.
    Here(Box<RawValue>),
    /// It is waited for under this command.
    Later(u32),
}
