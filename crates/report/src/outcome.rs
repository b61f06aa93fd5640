//! What a trial came to: the plain data behind every report, and `verdict.json` itself.

use seaworthy_base::{Event, Measurement, Timestamp, Verdict};
use serde::{Deserialize, Serialize};

mod gave_out;

pub use gave_out::{First, Found, Knee, Leak, Level, Resource, Saturation, Status, Unit};

use crate::capacity::Capacity;

/// The outcome of a trial. Written as camelCase JSON it is `verdict.json`.
///
/// Numbers that are not finite are written as `null` and read back as NaN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The format's name, `seaworthy.dev/v1`.
    pub api_version: String,
    /// Which trial this was, when, and on what machine.
    pub trial: Trial,
    /// The verdict on all objectives together.
    pub verdict: Verdict,
    /// How the trial ended.
    pub ending: Ending,
    /// Why the trial stopped early; `None` when it ran to its end.
    pub interrupted: Option<String>,
    /// Each objective with its verdict, in the plan's order.
    pub objectives: Vec<Objective>,
    /// What each flow did in each phase.
    pub flows: Vec<Flow>,
    /// Which resource gave out first; `None` when the trial did not come to a load.
    #[serde(default)]
    pub saturation: Option<Saturation>,
    /// Each resource against its bound; what could not be read is listed as not measured.
    #[serde(default)]
    pub resources: Vec<Resource>,
    /// What was looked for over long stretches of equal load: leaks, exhausted pools, growing logs.
    #[serde(default)]
    pub leaks: Vec<Leak>,
    /// The targets, how they ended and what they used.
    pub targets: Vec<Target>,
    /// The phases, in seconds since the timeline's start.
    pub phases: Vec<Phase>,
    /// What happened, oldest first.
    pub events: Vec<Event>,
    /// What a reader of the numbers must know besides.
    pub notes: Vec<Note>,
    /// What a search for the capacity found; `None` in a trial that runs its plan's phases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
    /// The command that verifies the receipts; `None` when nothing was sealed.
    pub seal: Option<String>,
}

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ending {
    /// It ran to its end, and its verdict stands.
    Completed,
    /// It was told to stop; what was measured is kept.
    Interrupted,
    /// A target or a setup step failed before the load could tell anything.
    CouldNotRun,
}

/// Which trial this was, when it ran and on what machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// The trial's id, as `20261120t183826-qmzb`.
    pub id: String,
    /// The plan's name.
    pub name: String,
    /// The plan's description, or empty.
    pub description: String,
    /// When the trial started.
    pub started: Timestamp,
    /// When the trial ended.
    pub ended: Timestamp,
    /// The version of Seaworthy that ran it.
    pub seaworthy_version: String,
    /// The machine that ran it.
    pub host: Host,
}

/// The machine that ran the trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Host {
    /// The operating system, as `linux x86_64`.
    pub os: String,
    /// The kernel's release.
    pub kernel: String,
    /// Processors the process may use.
    pub cpus: u32,
    /// Physical memory in bytes.
    pub memory_bytes: u64,
}

/// Which side of its bound a measurement must lie on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The measurement must be below the bound.
    Below,
    /// The measurement must be above the bound.
    Above,
}

/// One objective: what was asked, what was seen, and what follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Objective {
    /// Its name in the plan.
    pub name: String,
    /// The statement that was judged, as `p95 < 100ms`.
    pub statement: String,
    /// What the statement is about: `<metric> of flow <flow> in phase <phase>`. The report finds
    /// the chart an objective belongs to by the words after `flow`.
    pub subject: String,
    /// What was asked, in one sentence for people.
    pub plain: String,
    /// What the evidence says.
    pub verdict: Verdict,
    /// The ratio (0 to 1) or the rate per second that was judged; `None` without data.
    #[serde(with = "finite::measurement")]
    pub measurement: Option<Measurement>,
    /// The bound, in the measurement's unit.
    #[serde(with = "finite")]
    pub bound: f64,
    /// Which side of the bound the measurement must lie on.
    pub direction: Direction,
    /// For a threshold of a k6 script: k6's own, plain answer to it, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k6: Option<String>,
    /// For latency objectives: the quantile itself.
    pub observed: Option<Observed>,
    /// For latency objectives: the bound in nanoseconds.
    pub bound_ns: Option<u64>,
    /// Observations behind the verdict.
    pub n: u64,
    /// What they are worth when correlation is taken into account.
    #[serde(with = "finite")]
    pub n_effective: f64,
    /// `n / n_effective`.
    #[serde(with = "finite")]
    pub design_effect: f64,
    /// Seconds of measurement behind the verdict.
    pub seconds: u32,
    /// Why this verdict, in plain words.
    pub reason: String,
    /// When inconclusive: what is missing, in plain words.
    pub needs: Option<String>,
    /// The exact method, for the reader who wants it.
    pub method: String,
    /// Events rarer than one in this many seconds cannot be excluded by this trial.
    #[serde(with = "finite")]
    pub rarer_than_seconds: f64,
}

/// A quantile as it was observed, in nanoseconds, with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    /// The quantile.
    pub value_ns: u64,
    /// Lower end of its interval.
    pub low_ns: u64,
    /// Upper end of its interval.
    pub high_ns: u64,
}

/// What one flow did in one phase. Times are nanoseconds; `None` means nothing was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Flow {
    /// The phase.
    pub phase: String,
    /// The flow.
    pub name: String,
    /// Whether arrivals came at a given rate; then response times count from the intended start.
    pub open_model: bool,
    /// The arrival rate that was asked for, in iterations per second.
    pub offered_per_second: Option<f64>,
    /// Requests made.
    pub requests: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Requests per second.
    #[serde(with = "finite")]
    pub per_second: f64,
    /// Median response time.
    pub p50_ns: Option<u64>,
    /// 95th percentile of the response time.
    pub p95_ns: Option<u64>,
    /// 99th percentile of the response time.
    pub p99_ns: Option<u64>,
    /// The longest response time.
    pub max_ns: Option<u64>,
    /// Median service time.
    pub service_p50_ns: Option<u64>,
    /// 95th percentile of the service time.
    pub service_p95_ns: Option<u64>,
    /// 99th percentile of the service time.
    pub service_p99_ns: Option<u64>,
    /// The longest service time.
    pub service_max_ns: Option<u64>,
    /// Iterations that a failed step ended early, whether or not a request of theirs failed.
    #[serde(default)]
    pub failed_iterations: u64,
    /// Arrivals dropped because the backlog was full; in a closed model, iterations of a fixed number
    /// that never began.
    pub dropped: u64,
    /// Iterations cut off at the end of the graceful stop.
    pub interrupted: u64,
    /// Checks that held.
    pub checks_passed: u64,
    /// Checks that did not hold.
    pub checks_failed: u64,
}

/// A target: where it was, how it ended, what it used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Its name in the plan.
    pub name: String,
    /// Its address.
    pub address: String,
    /// The command that started it; `None` when it was running already.
    pub command: Option<String>,
    /// How it ended, in words.
    pub ended: String,
    /// Processor time it used, in seconds.
    pub cpu_seconds: Option<f64>,
    /// The most memory it held resident, in bytes.
    pub peak_rss_bytes: Option<u64>,
    /// Its resources over time, oldest first; empty when they could not be sampled.
    pub samples: Vec<ResourceSample>,
}

/// A target's resources at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceSample {
    /// Seconds since the timeline's start.
    #[serde(with = "finite")]
    pub second: f64,
    /// Processors in use, averaged since the sample before.
    #[serde(with = "finite")]
    pub cpu_cores: f64,
    /// Resident memory in bytes.
    pub rss_bytes: u64,
    /// Threads.
    pub threads: u32,
    /// Open file descriptors; `None` where the system did not let us look, as for the next two.
    pub fds: Option<u32>,
    /// Bytes read from storage since the target started.
    pub read_bytes: Option<u64>,
    /// Bytes written to storage since the target started.
    pub write_bytes: Option<u64>,
}

/// A phase, in seconds since the timeline's start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Phase {
    /// Its name in the plan.
    pub name: String,
    /// When it began.
    #[serde(with = "finite")]
    pub from_second: f64,
    /// Until when nothing counts towards an objective.
    #[serde(with = "finite")]
    pub warmup_until_second: f64,
    /// When it ended.
    #[serde(with = "finite")]
    pub to_second: f64,
}

/// How much a note weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// The numbers are worth less than they look.
    Warning,
}

/// Something a reader of the numbers must know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    /// How much it weighs.
    pub severity: Severity,
    /// The note, in plain words.
    pub text: String,
}

impl Outcome {
    /// A copy whose texts hold no control, escape or direction-changing characters; line breaks
    /// and tabs stay. What every renderer here shows.
    #[must_use]
    pub fn printable(&self) -> Self {
        let mut copy = self.clone();
        copy.each_text(|text| {
            if let std::borrow::Cow::Owned(clean) = crate::text::clean(text) {
                *text = clean;
            }
        });
        copy
    }

    /// The one word on top of every report: the verdict, or why there is none.
    pub fn headline(&self) -> &'static str {
        match (self.ending, self.verdict) {
            (Ending::Interrupted, _) => "interrupted",
            (Ending::CouldNotRun, _) => "could not run",
            (Ending::Completed, verdict) => verdict.as_str(),
        }
    }

    /// How long the trial took, in seconds.
    pub fn seconds(&self) -> f64 {
        self.trial.ended.since(self.trial.started).as_secs_f64()
    }

    /// How many objectives have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.objectives.iter().filter(|objective| objective.verdict == verdict).count()
    }

    /// Applies a change to every text in the outcome, as blotting out secrets does.
    // Whole patterns, so that the compiler names a text field that was forgotten.
    pub fn each_text(&mut self, mut apply: impl FnMut(&mut String)) {
        let Self {
            api_version,
            trial,
            verdict: _,
            ending: _,
            interrupted,
            objectives,
            flows,
            saturation,
            resources,
            leaks,
            targets,
            phases,
            events,
            notes,
            capacity,
            seal,
        } = self;
        if let Some(capacity) = capacity {
            capacity.each_text(&mut apply);
        }
        let Trial { id, name, description, started: _, ended: _, seaworthy_version, host } = trial;
        let Host { os, kernel, cpus: _, memory_bytes: _ } = host;
        [api_version, id, name, description, seaworthy_version, os, kernel]
            .into_iter()
            .chain(interrupted)
            .chain(seal)
            .for_each(&mut apply);
        for Objective {
            name,
            statement,
            subject,
            plain,
            verdict: _,
            measurement: _,
            bound: _,
            direction: _,
            k6,
            observed: _,
            bound_ns: _,
            n: _,
            n_effective: _,
            design_effect: _,
            seconds: _,
            reason,
            needs,
            method,
            rarer_than_seconds: _,
        } in objectives
        {
            [name, statement, subject, plain, reason, method]
                .into_iter()
                .chain(needs)
                .chain(k6)
                .for_each(&mut apply);
        }
        for flow in flows {
            [&mut flow.phase, &mut flow.name].into_iter().for_each(&mut apply);
        }
        saturation
            .iter_mut()
            .flat_map(Saturation::texts)
            .chain(resources.iter_mut().flat_map(Resource::texts))
            .chain(leaks.iter_mut().flat_map(Leak::texts))
            .for_each(&mut apply);
        for Target {
            name,
            address,
            command,
            ended,
            cpu_seconds: _,
            peak_rss_bytes: _,
            samples: _,
        } in targets
        {
            [name, address, ended].into_iter().chain(command).for_each(&mut apply);
        }
        for phase in phases {
            apply(&mut phase.name);
        }
        for Event { at: _, kind, subject, text } in events {
            [kind, subject, text].into_iter().for_each(&mut apply);
        }
        for Note { severity: _, text } in notes {
            apply(text);
        }
    }
}

/// JSON has no NaN and no infinity: they are written as `null` and read back as NaN.
mod finite {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        Some(*value).filter(|value| value.is_finite()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
    }

    /// The same for a measurement's three numbers.
    pub(super) mod measurement {
        use seaworthy_base::Measurement;
        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        #[derive(Serialize, Deserialize)]
        struct Wire {
            #[serde(with = "super")]
            value: f64,
            #[serde(with = "super")]
            low: f64,
            #[serde(with = "super")]
            high: f64,
            n: u64,
        }

        pub(in super::super) fn serialize<S: Serializer>(
            measurement: &Option<Measurement>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            measurement
                .map(|Measurement { value, low, high, n }| Wire { value, low, high, n })
                .serialize(serializer)
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Measurement>, D::Error> {
            let wire = Option::<Wire>::deserialize(deserializer)?;
            Ok(wire.map(|Wire { value, low, high, n }| Measurement { value, low, high, n }))
        }
    }
}
