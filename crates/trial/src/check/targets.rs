//! Targets, secrets and the names templates may use before anything is started.

use std::collections::BTreeSet;

use seaworthy_document::{Located, nearest};
use seaworthy_load::template::{Template, is_name};
use seaworthy_net::Url;

use super::{Checker, names};
use crate::plan::Plan;
use crate::scope::BUILT_IN;

impl Checker<'_> {
    pub(super) fn targets(&mut self, plan: &Plan) {
        let known = self.launch_names(plan);
        for target in &plan.targets {
            self.template(&target.url, &known);
            if !target.url.contains("${")
                && let Err(error) = Url::parse(&target.url)
            {
                let hint = error.hint().unwrap_or_default();
                self.error(&target.url, "plan-target", error.to_string(), hint);
            }
            match &target.command {
                None => {
                    for (set, what) in [
                        (target.folder.is_some(), "folder"),
                        (target.stop_within.is_some(), "stopWithin"),
                        (!target.environment.is_empty(), "environment"),
                    ] {
                        if set {
                            let reason =
                                format!("`{what}` has no meaning for a target without a command");
                            self.error(
                                &target.name,
                                "plan-target",
                                reason,
                                "give the target a `command`, or leave it out",
                            );
                        }
                    }
                    if target.url.contains("${port.") {
                        self.error(
                            &target.url,
                            "plan-target",
                            "a free port is asked for, but nothing is started on it",
                            "give the target a `command`, or write the port the service listens on",
                        );
                    }
                }
                Some(command) if command.is_empty() => {
                    self.error(
                        command,
                        "plan-target",
                        "the command is empty",
                        "write the program and its arguments as a list",
                    );
                }
                Some(command) => {
                    for word in &command.value {
                        self.template(&command.with(word.clone()), &known);
                    }
                }
            }
            for value in target.environment.values().chain(&target.folder) {
                self.template(&target.name.with(value.clone()), &known);
            }
            self.watches(target, &known);
            let Some(ready) = &target.ready else { continue };
            if let Some(status) =
                ready.status.as_ref().filter(|status| !(100..=599).contains(&status.value))
            {
                let reason = format!("{status} is not an HTTP status");
                self.error(status, "plan-target", reason, "write one from 100 to 599");
            }
            match &ready.path {
                Some(path) if !path.starts_with('/') => {
                    self.error(
                        path,
                        "plan-target",
                        format!("`{path}` is not a path"),
                        "begin it with `/`",
                    );
                }
                None if ready.status.is_some() => {
                    self.error(
                        &target.name,
                        "plan-target",
                        "`status` is asked for, but no `path`",
                        "say which path to ask",
                    );
                }
                _ => {}
            }
        }
    }

    pub(super) fn secrets(&mut self, plan: &Plan) {
        let known = self.launch_names(plan);
        for (name, secret) in &plan.secrets {
            if !is_name(name)
                || BUILT_IN.contains(&name.as_str())
                || plan.variables.contains_key(name)
            {
                self.error(
                    secret,
                    "plan-name",
                    format!("`{name}` is no name for a secret, or is taken"),
                    "use letters, digits and `_`, and no other variable's name",
                );
            }
            match (&secret.file, &secret.env) {
                (Some(file), None) => self.template(&secret.with(file.clone()), &known),
                (None, Some(_)) => {}
                _ => self.error(
                    secret,
                    "plan-secret",
                    format!("secret `{name}` needs exactly one of `file` and `env`"),
                    "",
                ),
            }
        }
        for name in plan.variables.keys() {
            if !is_name(name) || BUILT_IN.contains(&name.as_str()) {
                self.error(
                    &plan.kind,
                    "plan-name",
                    format!("`{name}` is no name for a variable, or is taken"),
                    "use letters, digits and `_`",
                );
            }
        }
    }

    /// Names known while targets are started: of the secrets, those of the environment.
    fn launch_names(&self, plan: &Plan) -> BTreeSet<String> {
        BUILT_IN
            .iter()
            .map(|name| (*name).to_owned())
            .chain(plan.variables.keys().cloned())
            .chain(
                plan.secrets
                    .iter()
                    .filter(|(_, it)| it.env.is_some())
                    .map(|(name, _)| name.clone()),
            )
            .collect()
    }

    /// Names known when setup begins.
    pub(super) fn known_names(&self, plan: &Plan) -> BTreeSet<String> {
        let mut names = self.launch_names(plan);
        names.extend(plan.secrets.keys().cloned());
        names
    }

    pub(super) fn template(&mut self, text: &Located<String>, known: &BTreeSet<String>) {
        match Template::parse(text) {
            Err(error) => self.error(text, "plan-template", error.reason, error.hint),
            Ok(template) => {
                for name in template.names() {
                    if known.contains(name) {
                        continue;
                    }
                    let hint = match nearest(name, known.iter().map(String::as_str)) {
                        Some(nearest) => format!("did you mean `${{{nearest}}}`?"),
                        None => format!(
                            "known here: {}",
                            known.iter().cloned().collect::<Vec<_>>().join(", ")
                        ),
                    };
                    self.error(
                        text,
                        "plan-unknown-name",
                        format!("nothing is named `{name}`"),
                        &hint,
                    );
                }
            }
        }
    }

    /// Environment variables that are named anywhere in the plan must be set.
    pub(super) fn environment(&mut self, text: &str) {
        for found in names::uses(text, "env") {
            if std::env::var_os(&found.value).is_none() {
                self.error(
                    &found,
                    "plan-environment",
                    format!("the environment variable {} is not set", found.value),
                    "set it for the command that runs the trial",
                );
            }
        }
    }
}
