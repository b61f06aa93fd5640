//! Going on with a trial that was stopped or killed: what it left is verified and taken over.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags, flock};
use seaworthy_base::{Clock, Event, Instant, Timestamp};
use seaworthy_ledger::{Outcome, Trust, verify, verify_chain};
use seaworthy_load::Load;
use seaworthy_report::outcome::{Ending, Note, Severity};
use seaworthy_stats::timeline::{MAX_SECONDS, Readable, Timeline};
use serde_json::{Value, json};

use crate::check::{Checked, Choice, Phase};
use crate::error::Error;
use crate::folder::House;
use crate::judge::RanPhase;
use crate::scope::REDACTED;
use crate::spool::TIMELINE;
use crate::state::{self, State};

/// The most bytes of a former trial's `progress.json` and `events.jsonl`.
const MAX_STATE: u64 = 64 << 20;
/// What is left of a phase when less than this is left of it: nothing, no whole second lies in it.
const NOTHING_LEFT: f64 = 1.0;

/// A trial that was stopped before its end, as it lies on disk.
#[derive(Debug)]
pub struct Former {
    folder: PathBuf,
    state: State,
    /// The hash of its seal; none when it was killed before it had one.
    seal: Option<String>,
    /// An empty timeline of its start and bounds.
    empty: Timeline,
    /// How many bytes of its timeline's file can be read.
    readable: u64,
    /// What is to be said of seconds that were measured and are not in it any more.
    lost: Option<String>,
    events: Vec<Event>,
    /// Its timeline, locked: only one trial goes on with it.
    lock: File,
}

/// What is left of a phase.
#[derive(Clone, Debug)]
pub(crate) struct Rest {
    /// The phase from where it goes on, its warm-up first.
    pub(crate) phase: Phase,
    /// Where in the phase that is.
    pub(crate) offset: Duration,
    /// Whether it began before.
    pub(crate) again: bool,
    /// The index of the next iteration, by flow.
    pub(crate) indexes: BTreeMap<String, u64>,
}

impl Rest {
    /// The phase from its beginning.
    pub(crate) fn whole(phase: &Phase) -> Self {
        let (phase, indexes) = (phase.clone(), BTreeMap::new());
        Self { phase, offset: Duration::ZERO, again: false, indexes }
    }
}

impl Former {
    /// Opens trial `id` to go on with it. It is verified first: a sealed trial with its seal, one
    /// that was killed with the receipts it has.
    ///
    /// # Errors
    /// [`Error::Resume`] when there is no such trial, it was changed, it still runs, it ran to its
    /// end, or what it left cannot be read.
    pub fn open(house: &House, id: &str, trust: &Trust) -> Result<Self, Error> {
        let refuse = |reason: String, hint: &str| Error::Resume {
            trial: id.to_owned(),
            reason,
            hint: hint.to_owned(),
        };
        let folder = house.trials().join(id);
        if id.is_empty() || id.starts_with('.') || id.contains(['/', '\0']) || !folder.is_dir() {
            let reason = format!("there is no such trial in {}", house.trials().display());
            return Err(refuse(reason, "name it by its folder's name, as 20261120t183826-qmzb"));
        }
        let (seal, begun) = verified(house, &folder, id, trust)?;
        let unreadable = |reason: String| refuse(reason, "run the plan again from its beginning");
        let text = read_plain(&folder.join(state::FILE))
            .map_err(|error| unreadable(format!("{} cannot be read: {error}", state::FILE)))?;
        let mut state: State = serde_json::from_slice(&text)
            .map_err(|error| unreadable(format!("{} cannot be read: {error}", state::FILE)))?;
        if let Some(what) = state.nonsense() {
            return Err(unreadable(format!("{} makes no sense: {what}", state::FILE)));
        }
        let agrees = state.trial == id
            && begun["trial"] == id
            && begun["plan"]["sha256"] == state.plan_sha256.as_str()
            && begun["scripts"] == state.scripts
            && begun["seed"] == state.seed.as_str()
            && begun["profile"] == json!(state.profile)
            && begun["timeScale"].as_f64() == Some(state.time_scale)
            && state.seed.parse::<u64>().is_ok()
            && state.time_scale.is_finite()
            && state.time_scale > 0.0;
        if !agrees {
            let reason = format!("{} contradicts the trial's first receipt", state::FILE);
            return Err(refuse(reason, "it was changed by somebody; run the plan again"));
        }
        if begun["plan"]["kind"] == "Run" {
            let reason = "it was a run of a script, and a script is not begun in its middle";
            return Err(refuse(reason.to_owned(), "run the script again"));
        }
        match state.ending {
            Some(Ending::Completed) => {
                return Err(refuse(
                    "it ran to its end: nothing of it is left to run".to_owned(),
                    "its verdict stands; `seaworthy trial` with its plan starts a new one",
                ));
            }
            Some(Ending::CouldNotRun) => {
                return Err(refuse(
                    "it could not run: what it needed failed".to_owned(),
                    "mend what its report names, and start a new trial of the plan",
                ));
            }
            Some(Ending::Interrupted) | None => {}
        }
        // Nobody reads a plan out of a pipe: that would wait for whoever writes into it.
        let odd = |path: &str| fs::metadata(path).is_ok_and(|found| !found.is_file());
        if let Some(path) = state.plan_file.as_deref().filter(|path| odd(path)) {
            return Err(refuse(
                format!("{path} is not a file"),
                "name its plan's file with --plan",
            ));
        }
        let file = open_plain(&folder.join(TIMELINE))
            .map_err(|error| unreadable(format!("{TIMELINE} cannot be opened: {error}")))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(refuse("it is still running".to_owned(), "stop it first, with Ctrl-C"));
        }
        if let Some(later) = resumed_by(house, id) {
            let hint = format!("go on with that one: --resume {later}");
            return Err(refuse(format!("trial {later} went on with it already"), &hint));
        }
        let Readable { empty, bytes, seconds } = Timeline::readable(BufReader::new(&file))
            .map_err(|error| unreadable(format!("its timeline cannot be read: {error}")))?;
        if empty.start() != state.started {
            return Err(unreadable("its timeline begins at another time".to_owned()));
        }
        let lost = if bytes < state.timeline_bytes {
            Some(shorten(&mut state, bytes, seconds).map_err(unreadable)?)
        } else {
            None
        };
        let events = read_plain(&folder.join("events.jsonl")).unwrap_or_default();
        let events = events.split(|byte| *byte == b'\n');
        // A line that was torn by the kill says nothing.
        let events = events.filter_map(|line| serde_json::from_slice(line).ok()).collect();
        Ok(Self { folder, state, seal, empty, readable: bytes, lost, events, lock: file })
    }

    /// The plan's file, where it was; none for the default plan.
    pub fn plan_file(&self) -> Option<&Path> {
        self.state.plan_file.as_deref().map(Path::new)
    }

    /// The profile and the time scale it was run with.
    pub fn choice(&self) -> Choice {
        self.state.choice()
    }

    /// Its seed.
    pub fn seed(&self) -> u64 {
        self.state.seed.parse().unwrap_or(0)
    }

    /// Whether this is the plan it ran, and how it was run.
    ///
    /// # Errors
    /// [`Error::Resume`] with the first line that differs.
    pub fn same_plan(&self, plan: &Checked) -> Result<(), Error> {
        if seaworthy_ledger::sha256(plan.text().as_bytes()) == self.state.plan_sha256 {
            self.same_scripts(plan)?;
            let Some(what) = self.state.contradicts(plan) else { return Ok(()) };
            let search = self.state.segments.iter().all(|ran| ran.name.starts_with("capacity-"));
            let (reason, hint) = if search {
                ("it searched for the capacity".to_owned(), "a search is not gone on with")
            } else {
                (format!("{} makes no sense: {what}", state::FILE), "run the plan again")
            };
            let (trial, hint) = (self.state.trial.clone(), format!("{hint}; begin anew"));
            return Err(Error::Resume { trial, reason, hint });
        }
        let then = read_plain(&self.folder.join("plan.yaml")).unwrap_or_default();
        let then = String::from_utf8_lossy(&then).into_owned();
        let now = plan.text_without_literals();
        Err(Error::Resume {
            trial: self.state.trial.clone(),
            reason: format!("the plan is another one: {}", difference(&then, &now)),
            hint: "only the same plan can go on; name its file with --plan, or start a new trial"
                .to_owned(),
        })
    }

    /// Whether the scripts are the ones it had, and none of them has begun: virtual users of a script
    /// are not begun in the middle of what they do, and what its thresholds are held against is gone.
    fn same_scripts(&self, plan: &Checked) -> Result<(), Error> {
        let refuse = |reason: String, hint: &str| Error::Resume {
            trial: self.state.trial.clone(),
            reason,
            hint: hint.to_owned(),
        };
        let scripted = |name: &str| {
            let mut phases = plan.phases().iter().filter(|phase| phase.script.is_some());
            phases.any(|phase| phase.name == name)
        };
        if let Some(begun) = self.state.segments.iter().find(|ran| scripted(&ran.name)) {
            let reason = format!(
                "its phase `{}` runs a script, which is not begun in its middle, and what its thresholds are held against is gone",
                begun.name
            );
            return Err(refuse(reason, "start a new trial of the plan"));
        }
        let now = plan.scripts();
        let none = |scripts: &Value| scripts.as_array().is_none_or(Vec::is_empty);
        if now != self.state.scripts && !(none(&now) && none(&self.state.scripts)) {
            let reason = "a script of the plan, or what it imports, is another one now".to_owned();
            return Err(refuse(reason, "only the same scripts can go on; start a new trial"));
        }
        Ok(())
    }

    /// What the first receipt of the trial that goes on says of this one.
    pub(crate) fn receipt(&self) -> Value {
        let seal = self.seal.clone().unwrap_or_else(|| "not sealed: killed".to_owned());
        json!({ "trial": self.state.trial, "seal": seal })
    }

    pub(crate) fn id(&self) -> &str {
        &self.state.trial
    }

    /// When second 0 of the timeline began, on both clocks.
    ///
    /// # Errors
    /// [`Error::Resume`] when the wall clock says that this lies ahead, or too far back.
    pub(crate) fn origin(&self, clock: &Clock) -> Result<(Timestamp, Instant), Error> {
        let (now, wall) = (clock.now(), clock.wall());
        let refuse = |reason: String, hint: &str| Error::Resume {
            trial: self.state.trial.clone(),
            reason,
            hint: hint.to_owned(),
        };
        let measured = self.state.segments.last().map_or(0.0, |last| last.drained);
        let since = wall.since(self.state.started);
        if since.as_secs_f64() < measured {
            let reason = format!("by this machine's clock ({wall}) it has not ended yet");
            return Err(refuse(reason, "set the clock"));
        }
        if since.as_secs() + 86_400 > u64::from(MAX_SECONDS) {
            let reason =
                format!("it began at {}, and a timeline spans 31 days", self.state.started);
            return Err(refuse(reason, "start a new trial of the plan"));
        }
        let origin = now.checked_sub(since).ok_or_else(|| {
            Error::Internal("this machine's clock cannot count back to its start".to_owned())
        })?;
        Ok((self.state.started, origin))
    }

    /// What was run, each phase's last segment as one that was stopped. What was under way then was
    /// seen by nobody.
    pub(crate) fn segments(&self) -> Vec<RanPhase> {
        let mut segments = self.state.segments.clone();
        for segment in segments.iter_mut().filter(|segment| !segment.complete) {
            for run in &mut segment.flows {
                run.unseen = run.unseen.saturating_add(std::mem::take(&mut run.interrupted));
                run.youngest_cut = None;
            }
        }
        segments
    }

    /// What was to be said of it in the report, and that it was gone on with.
    pub(crate) fn notes(&self, clock: &Clock) -> Vec<Note> {
        let mut notes = self.state.notes.clone();
        let (severity, rest) = match self.seal {
            Some(_) => (Severity::Info, "its seal held when it was taken over"),
            None => {
                (Severity::Warning, "what it left had no seal: that nobody changed it is not shown")
            }
        };
        notes.push(Note { severity, text: format!("This trial {}; {rest}.", self.gap(clock)) });
        let lost = self.lost.clone();
        notes.extend(lost.map(|text| Note { severity: Severity::Warning, text }));
        notes
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.clone()
    }

    /// An empty timeline with its start and bounds.
    pub(crate) fn empty(&self) -> &Timeline {
        &self.empty
    }

    /// What it measured, as lines to go on with.
    ///
    /// # Errors
    /// When its file cannot be opened any more.
    pub(crate) fn timeline(&self) -> Result<impl Read, Error> {
        let path = self.folder.join(TIMELINE);
        let mut file = self.lock.try_clone().map_err(Error::io("open", &path))?;
        file.rewind().map_err(Error::io("read", &path))?;
        Ok(file.take(self.readable))
    }

    /// The gap in words.
    pub(crate) fn gap(&self, clock: &Clock) -> String {
        let ended = self.state.segments.last().map_or(0.0, |last| last.drained);
        let away = clock.wall().since(self.state.started).as_secs_f64() - ended;
        let how = if self.seal.is_some() { "stopped" } else { "killed" };
        format!(
            "goes on with trial {}, which was {how}: {} in between are no time under load",
            self.state.trial,
            seaworthy_base::Span(Duration::from_secs(away.max(0.0) as u64))
        )
    }
}

/// What of a phase is left to run; `None` when it came to its end.
pub(crate) fn rest(phase: &Phase, ran: &[RanPhase]) -> Option<Rest> {
    let segments = || ran.iter().filter(|segment| segment.name == phase.name);
    if segments().any(|segment| segment.complete) {
        return None;
    }
    if segments().next().is_none() {
        return Some(Rest::whole(phase));
    }
    // How far whole seconds were measured; a renewed warm-up leads no further than where it was.
    let reached = |segment: &RanPhase| segment.offset + (segment.to.floor() - segment.from);
    let reached = segments().map(reached).fold(0.0, f64::max);
    let load = phase.load_ends();
    if load.as_secs_f64() - reached < NOTHING_LEFT {
        return None;
    }
    let offset = Duration::from_secs_f64(reached).saturating_sub(phase.warmup);
    let mut indexes: BTreeMap<String, u64> = BTreeMap::new();
    for run in segments().flat_map(|segment| &segment.flows) {
        let next = indexes.entry(run.flow.clone()).or_default();
        *next = run.next_index.max(*next);
    }
    let since = |load: &Load| {
        let begun = load.flows.iter().filter_map(|share| indexes.get(&share.flow)).sum();
        load.since(offset, begun)
    };
    let loads = phase.loads.iter().filter_map(since).collect();
    let phase = Phase {
        name: phase.name.clone(),
        duration: phase.duration - offset,
        warmup: phase.warmup,
        loads,
        // One that began is not gone on with: see `Former::same_plan`.
        script: phase.script.clone(),
    };
    Some(Rest { phase, offset, again: true, indexes })
}

/// Verifies the folder; its seal's hash, if it has one, and the body of its first receipt.
fn verified(
    house: &House,
    folder: &Path,
    id: &str,
    trust: &Trust,
) -> Result<(Option<String>, Value), Error> {
    let refuse = |reason: String, hint: &str| Error::Resume {
        trial: id.to_owned(),
        reason,
        hint: hint.to_owned(),
    };
    let chain = verify_chain(&folder.join(seaworthy_ledger::RECEIPTS), trust);
    let is_sealed = chain.receipts.last().is_some_and(|last| last.kind == "seal");
    let house = verify_chain(&house.ledger(), trust);
    let recorded = house
        .receipts
        .iter()
        .find(|receipt| receipt.kind == "trial.sealed" && receipt.body["trial"] == id);
    let report = if is_sealed { verify(folder, trust) } else { chain };
    match report.outcome {
        Outcome::Trusted => {}
        Outcome::ConsistentOnly => {
            let hint = "trust its key with `seaworthy receipts key trust`, or start a new trial";
            return Err(refuse(report.summary(), hint));
        }
        Outcome::Broken => {
            let reason = format!("its evidence does not hold: {}", report.summary());
            return Err(refuse(reason, "start a new trial of the plan"));
        }
    }
    let seal = is_sealed.then(|| report.head.clone());
    if let Some(recorded) = recorded
        && recorded.body["seal"].as_str() != seal.as_deref()
    {
        let reason = "the ledger has another seal of it than its folder".to_owned();
        return Err(refuse(reason, "it was changed by somebody; run the plan again"));
    }
    let begun = report.receipts.first().filter(|first| first.kind == "trial.started");
    let begun = begun.map(|first| first.body.clone());
    let nothing = || refuse("it has no receipts".to_owned(), "start a new trial of the plan");
    Ok((seal, begun.ok_or_else(nothing)?))
}

/// The trial that went on with this one, if there is one.
fn resumed_by(house: &House, id: &str) -> Option<String> {
    let listed = fs::read_dir(house.trials()).ok()?;
    listed.filter_map(Result::ok).find_map(|entry| {
        let text = read_plain(&entry.path().join(state::FILE)).ok()?;
        let state: State = serde_json::from_slice(&text).ok()?;
        (state.resumed_from.as_deref() == Some(id)).then_some(state.trial)
    })
}

/// Takes what is not in the timeline any more back from the segment that ran last, so that it is run
/// again; says so. The last second that can be read may have lost a part, and is taken back too.
fn shorten(state: &mut State, bytes: u64, seconds: u32) -> Result<String, String> {
    let (written, end) = (state.timeline_bytes, f64::from(seconds.saturating_sub(1)));
    let short = format!("{TIMELINE} has {bytes} of the {written} bytes that were written");
    let last = state.segments.last_mut().filter(|last| last.from <= end).ok_or_else(|| {
        format!("{short}: measured seconds of phases that are over are not there any more")
    })?;
    let lost = (last.drained - end).max(0.0);
    last.to = last.to.min(end);
    last.drained = last.to;
    last.complete = false;
    Ok(format!(
        "{short}: {lost:.0} s of phase `{}`, from second {end:.0} on, were measured and lost, and are run again. How many iterations were under way there is not known; as many as at the last writing are assumed.",
        last.name
    ))
}

/// Reads a file of ours whole; nothing that is not a file, and no more than it may hold.
fn read_plain(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_plain(path)?.take(MAX_STATE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a file of ours; nothing that is not a file, and without waiting for whoever else opens it.
fn open_plain(path: &Path) -> std::io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(std::io::Error::other("it is not a file"))
    }
}

/// The first line in which two plans differ.
fn difference(then: &str, now: &str) -> String {
    let (mut before, mut after) = (then.lines(), now.lines());
    let mut number = 0;
    loop {
        number += 1;
        match (before.next(), after.next()) {
            (None, None) => return "they differ only in what is blotted out".to_owned(),
            (Some(one), Some(other)) if one == other || one.contains(REDACTED) => {}
            (one, other) => {
                let told = |line: Option<&str>| {
                    line.map_or("nothing".to_owned(), |line| format!("`{}`", line.trim()))
                };
                return format!("line {number} was {} and is {}", told(one), told(other));
            }
        }
    }
}

#[cfg(test)]
mod tests;
