//! A trial around one k6 script, without a plan: no targets, one phase, its thresholds as objectives.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use seaworthy_document::Located;
use seaworthy_k6::options::Consolidated;
use seaworthy_k6::output::Outlet;
use seaworthy_k6::{BACKLOG, Error, Script};
use seaworthy_load::Load;
use seaworthy_stats::Assumptions;
use serde_json::json;

use super::{Checked, Choice, Phase};
use crate::plan::{API_VERSION, Assume, Metadata, Plan, ScriptOptions};
use crate::script::{Given, Scripted, files};

/// The kind of document such a trial leaves in place of a plan.
pub(super) const KIND: &str = "Run";
/// The one phase.
const PHASE: &str = "run";

/// A script and all that it is run with.
#[derive(Clone, Debug)]
pub struct OneScript {
    /// What the trial is called.
    pub name: String,
    /// The script, read with a `stop` that is a child of the trial's own: it is cancelled when the
    /// script ends its run.
    pub script: Arc<Script>,
    /// Its options, checked.
    pub consolidated: Consolidated,
    /// Whether arrivals that find no virtual user wait, as in any trial; k6 drops them.
    pub queue: bool,
    /// How many threads virtual users run on; one for each core when not given.
    pub workers: Option<NonZeroUsize>,
    /// Where whole samples go, if anywhere.
    pub outlet: Option<Outlet>,
}

impl Checked {
    /// A trial around one script. Findings about its options are the caller's to show.
    ///
    /// # Errors
    /// Thresholds on what does not exist, scenarios that cannot be driven, a file that is gone.
    pub fn of_script(one: OneScript) -> Result<Self, Error> {
        let OneScript { name, script, consolidated, queue, workers, outlet } = one;
        let thresholds = script.thresholds(&consolidated)?;
        let entries = consolidated.loads(if queue { BACKLOG } else { 0 });
        let loads: Vec<Load> = entries.into_iter().map(|entry| entry.load).collect();
        let length = loads.iter().map(|load| load.start.saturating_add(load.duration()));
        let duration = length.max().unwrap_or_default();
        let path = std::path::absolute(&script.path).unwrap_or_else(|_| script.path.clone());
        let folder = path.parent().map_or_else(|| PathBuf::from("."), Path::to_owned);
        let files = files(&script, &folder).map_err(Error::Exports)?;
        let shown = script.path.display().to_string();
        let document = json!({
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": { "name": name },
            "script": shown,
            "files": files.iter().map(|file| json!({ "path": file.path, "sha256": file.sha256 }))
                .collect::<Vec<_>>(),
            "queue": queue,
            "options": consolidated.to_json(),
        });
        let at = |value: &str| Located { value: value.to_owned(), line: 0, column: 0 };
        let scripted = Scripted {
            shown,
            path,
            modules_dir: None,
            env: BTreeMap::new(),
            options: ScriptOptions::default(),
            files,
            consolidated,
            thresholds,
            given: Some(Given { script, queue, workers, outlet }),
        };
        let phase = Phase {
            name: PHASE.to_owned(),
            duration,
            warmup: Duration::ZERO,
            loads,
            script: Some(Arc::new(scripted)),
        };
        Ok(Self {
            plan: Plan {
                api_version: at(API_VERSION),
                kind: at(KIND),
                metadata: Metadata { name: at(&name), description: String::new() },
                secrets: BTreeMap::new(),
                variables: BTreeMap::new(),
                data: Vec::new(),
                targets: Vec::new(),
                setup: Vec::new(),
                flows: Vec::new(),
                phases: Vec::new(),
                objectives: Vec::new(),
                teardown: Vec::new(),
                assume: Assume::default(),
            },
            // JSON is YAML: who reads plans can read this.
            text: format!(
                "# What `seaworthy run` ran; a trial of it is run by the same command.\n{document:#}\n"
            ),
            choice: Choice::default(),
            folder,
            setup: Vec::new(),
            flows: Vec::new(),
            teardown: Vec::new(),
            phases: vec![phase],
            objectives: Vec::new(),
            assumptions: Assumptions::default(),
            literals: BTreeSet::new(),
            notes: Vec::new(),
        })
    }

    /// Variables of the script's environment that must not be written down.
    pub(crate) fn confidential_environment(&self) -> impl Iterator<Item = &str> {
        let given = self.phases.iter().filter_map(|phase| phase.script.as_ref()?.given.as_ref());
        let variables = given.flat_map(|given| given.script.environment());
        let confidential = variables.filter(|(name, value)| super::is_confidential(name, value));
        confidential.map(|(_, value)| value.as_str())
    }
}
