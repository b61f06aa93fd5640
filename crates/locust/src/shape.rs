//! How many users, how fast and for how long: tables of scenarios, load shapes, and Locust's flags.

use ruff_python_ast::{ModModule, Stmt};
use ruff_text_size::{Ranged, TextRange};
use seaworthy_base::Span;
use seaworthy_document::Finding;
use serde_json::{Map, Value as Json};

use crate::Options;
use crate::findings::Findings;
use crate::module::{Kind, Module, assigned};
use crate::source::Source;
use crate::value::Value;
use crate::wait::{run_time, seconds};

/// How long a phase is when nothing says so: the shortest in which an objective can pass.
const SHORT: Span = Span::seconds(150);

/// What a table may call the number of users.
const USERS: [&str; 6] = ["users", "user_count", "virtual_users", "vus", "num_users", "clients"];
/// What it may call how many come each second.
const RATES: [&str; 4] = ["spawn_rate", "hatch_rate", "ramp_rate", "rate"];

/// A part of a test: stages of the number of users.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) comment: String,
    pub(crate) stages: Vec<Stage>,
    pub(crate) at: Option<TextRange>,
}

/// For some time, that many users, who come and go at a rate per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stage {
    pub(crate) length: Span,
    pub(crate) users: u32,
    pub(crate) rate: f64,
}

/// Reads the shapes of a file.
pub(crate) struct Shapes<'r, 'a> {
    pub(crate) source: &'r Source<'r>,
    pub(crate) module: &'r Module<'a>,
    pub(crate) findings: &'r mut Findings,
}

impl<'a> Shapes<'_, 'a> {
    /// All shapes: what the options say; else what the file does; else Locust's own default.
    pub(crate) fn all(&mut self, body: &'a ModModule, options: &Options) -> Vec<Shape> {
        if options.users.is_some() || options.run_time.is_some() || options.spawn_rate.is_some() {
            return vec![self.flags(options)];
        }
        let mut shapes = Vec::new();
        for statement in &body.body {
            self.table(statement, None, &mut shapes);
            if let Stmt::ClassDef(class) = statement {
                match self.module.kind(class) {
                    Kind::Shape => self.load_shape(class, &mut shapes),
                    _ => {
                        for inner in &class.body {
                            self.table(inner, Some(class), &mut shapes);
                        }
                    }
                }
            }
        }
        if shapes.is_empty() {
            self.findings.push(
                Finding::warning("locust-no-shape", "the file does not say how many users there are, nor for how long")
                    .at(seaworthy_document::Place { file: self.source.file.to_owned(), line: 0, column: 0 })
                    .hint("Locust takes it from --users, --spawn-rate and --run-time: give them here too; the plan has one user for 2.5 minutes, which is as long as its objectives need"),
            );
            shapes.push(self.flags(options));
        }
        shapes
    }

    /// What Locust's flags say; it starts one user, one a second, when they do not.
    fn flags(&self, options: &Options) -> Shape {
        let stage = Stage {
            length: options.run_time.unwrap_or(SHORT),
            users: options.users.unwrap_or(1),
            rate: options.spawn_rate.unwrap_or(1.0),
        };
        let comment = format!("{} users, {} more a second", stage.users, stage.rate);
        Shape { name: "load".to_owned(), comment, stages: vec![stage], at: None }
    }

    /// A table such as `{"soak": {"users": 200, "spawn_rate": 5, "duration": "4h"}}`.
    fn table(
        &mut self,
        statement: &'a Stmt,
        class: Option<&'a ruff_python_ast::StmtClassDef>,
        shapes: &mut Vec<Shape>,
    ) {
        for name in assigned(statement) {
            let value = match class {
                Some(class) => self
                    .module
                    .own(class)
                    .iter()
                    .find(|(own, _)| *own == name)
                    .map(|it| it.1.clone()),
                None => self.module.names.get(&name).cloned(),
            };
            let Some(Value::Data(Json::Object(rows))) = value else { continue };
            let told = |row: &Json| {
                row.as_object().is_some_and(|row| users(row).is_some() && rate(row).is_some())
            };
            if !rows.values().any(told) {
                continue;
            }
            let owner = class.map_or(String::new(), |class| format!("{}.", class.name));
            for (key, row) in &rows {
                let row = row.as_object();
                let stage = row.and_then(|row| {
                    let length = length(row)
                        .or_else(|| row.keys().all(|key| !is_length(key)).then_some(SHORT));
                    Some(Stage { length: length?, users: users(row)?, rate: rate(row)? })
                });
                let Some(stage) = stage else {
                    let reason = format!(
                        "`{owner}{name}[\"{key}\"]` does not say users, spawn rate and duration"
                    );
                    self.warn(
                        "locust-shape",
                        statement,
                        reason,
                        "write it as `{\"users\": 100, \"spawn_rate\": 10, \"duration\": \"10m\"}`",
                    );
                    continue;
                };
                if let Some(row) = row {
                    self.surplus(row, statement);
                }
                if row.is_some_and(|row| length(row).is_none()) {
                    let reason = format!("`{owner}{name}[\"{key}\"]` does not say for how long");
                    self.warn("locust-shape", statement, reason, "the plan has 2.5 minutes");
                }
                let line = self.source.line(statement);
                let comment = format!(
                    "{}:{line}: {owner}{name}[\"{key}\"]: {} users, {} more a second",
                    self.source.short(),
                    stage.users,
                    stage.rate
                );
                shapes.push(Shape {
                    name: key.clone(),
                    comment,
                    stages: vec![stage],
                    at: Some(statement.range()),
                });
            }
        }
    }

    /// `class MyShape(LoadTestShape)` with `stages`.
    fn load_shape(&mut self, class: &'a ruff_python_ast::StmtClassDef, shapes: &mut Vec<Shape>) {
        let own = self.module.own(class);
        let abstracts = own.iter().find(|(name, _)| name == "abstract");
        if abstracts.is_some_and(|(_, value)| value.truth() == Some(true)) {
            return;
        }
        let rows = match self.module.attribute(class, "stages") {
            Some(Value::Data(Json::Array(rows))) if !rows.is_empty() => rows,
            _ => {
                let reason = format!("the shape `{}` is computed as the test runs", class.name);
                self.warn("locust-shape", class, reason, "only a list `stages` of `{\"duration\", \"users\", \"spawn_rate\"}` is carried over: write its course under `phases`");
                return;
            }
        };
        let mut read: Vec<Stage> = Vec::new();
        for row in &rows {
            let stage = match row {
                Json::Object(row) => {
                    self.surplus(row, class);
                    if rate(row).is_none() {
                        let reason = format!("a stage of `{}` has no spawn rate", class.name);
                        self.warn("locust-rate", class, reason, "its users come within a second");
                    }
                    length(row).zip(users(row)).map(|(length, users)| Stage {
                        length,
                        users,
                        rate: rate(row).unwrap_or(f64::from(users.max(1))),
                    })
                }
                Json::Array(row) => match row.as_slice() {
                    [length, users, rate] => span(length)
                        .zip(count(users))
                        .zip(rate.as_f64())
                        .map(|((length, users), rate)| Stage { length, users, rate }),
                    _ => None,
                },
                _ => None,
            };
            match stage {
                Some(stage) => read.push(stage),
                None => {
                    let reason = format!(
                        "a stage of `{}` does not say duration, users and spawn rate",
                        class.name
                    );
                    self.warn(
                        "locust-shape",
                        class,
                        reason,
                        "the shape is not in the plan: write its course under `phases`",
                    );
                    return;
                }
            }
        }
        // In Locust's way, each stage says when it ends, counted from the start.
        let counted = read.windows(2).all(|pair| pair[0].length < pair[1].length);
        let mut stages = read.clone();
        if counted {
            for (stage, before) in stages.iter_mut().skip(1).zip(&read) {
                stage.length = Span(stage.length.get().saturating_sub(before.length.get()));
            }
        } else {
            let reason = format!("the durations of `{}` do not grow", class.name);
            self.warn("locust-shape", class, reason, "each is taken as the length of its stage; Locust's own examples say when each stage ends");
        }
        let line = self.source.line(&class.name);
        let comment = format!("{}:{line}: {}", self.source.short(), class.name);
        shapes.push(Shape {
            name: class.name.to_string(),
            comment,
            stages,
            at: Some(class.name.range()),
        });
    }

    /// Says which fields of a row are not read.
    fn surplus(&mut self, row: &Map<String, Json>, at: &impl Ranged) {
        let known = |key: &str| USERS.contains(&key) || RATES.contains(&key) || is_length(key);
        let talk = ["name", "description", "comment", "title"];
        let keys = row.keys().map(String::as_str);
        let more: Vec<&str> = keys.filter(|key| !known(key) && !talk.contains(key)).collect();
        if !more.is_empty() {
            let reason = format!("of the stages, `{}` is not carried over", more.join("`, `"));
            self.warn("locust-stage", at, reason, "write what it does into the plan's `phases`");
        }
    }

    fn warn(
        &mut self,
        code: &'static str,
        at: &impl Ranged,
        reason: impl Into<String>,
        hint: &str,
    ) {
        self.findings.push(Finding::warning(code, reason).at(self.source.place(at)).hint(hint));
    }
}

/// A stage as a ramp and what is held after it: lengths, and the users at their ends. A ramp that is
/// longer than the stage ends where it has come to.
pub(crate) fn ramp(before: u32, stage: Stage) -> Vec<(Span, u32)> {
    let way = f64::from(before.abs_diff(stage.users));
    let rise = match stage.rate > 0.0 && stage.rate.is_finite() {
        true => seconds((way / stage.rate * 1000.0).ceil() / 1000.0).unwrap_or(stage.length),
        false => Span::default(),
    };
    if rise > stage.length {
        let come = (stage.rate * stage.length.get().as_secs_f64()).round() as u32;
        let users = match before < stage.users {
            true => before.saturating_add(come).min(stage.users),
            false => before.saturating_sub(come).max(stage.users),
        };
        return vec![(stage.length, users)];
    }
    let held = Span(stage.length.get() - rise.get());
    let mut stages = Vec::new();
    if rise > Span::default() || before != stage.users {
        stages.push((rise, stage.users));
    }
    if held > Span::default() {
        stages.push((held, stage.users));
    }
    stages
}

/// So many users, shared out: fixed numbers first, the rest by weight, none lost to rounding.
pub(crate) fn shares(users: u32, classes: &[(f64, Option<u32>)]) -> Vec<u32> {
    let mut left = users;
    let mut shares: Vec<u32> = (classes.iter())
        .map(|(_, fixed)| {
            let share = fixed.unwrap_or(0).min(left);
            left -= share;
            share
        })
        .collect();
    let sum: f64 = classes.iter().filter(|it| it.1.is_none()).map(|it| it.0).sum();
    if sum <= 0.0 {
        return shares;
    }
    let mut rest = left;
    let mut parts: Vec<(f64, usize)> = Vec::new();
    for (position, (weight, fixed)) in classes.iter().enumerate() {
        if fixed.is_none() {
            let exact = f64::from(left) * weight / sum;
            let whole = (exact.floor() as u32).min(rest);
            shares[position] = whole;
            rest -= whole;
            parts.push((exact.fract(), position));
        }
    }
    parts.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let most = parts.len();
    for (_, position) in parts.iter().cycle().take(most.max(1) * 2) {
        if rest == 0 {
            break;
        }
        shares[*position] += 1;
        rest -= 1;
    }
    shares
}

fn users(row: &Map<String, Json>) -> Option<u32> {
    USERS.iter().find_map(|name| row.get(*name)).and_then(count)
}

fn rate(row: &Map<String, Json>) -> Option<f64> {
    let rate = RATES.iter().find_map(|name| row.get(*name))?.as_f64()?;
    (rate > 0.0).then_some(rate)
}

fn length(row: &Map<String, Json>) -> Option<Span> {
    row.iter().find(|(key, _)| is_length(key)).and_then(|(_, value)| span(value))
}

fn is_length(key: &str) -> bool {
    ["duration", "run_time", "time", "length", "run-time"].contains(&key)
}

fn count(value: &Json) -> Option<u32> {
    u32::try_from(value.as_u64()?).ok()
}

fn span(value: &Json) -> Option<Span> {
    let span = match value {
        Json::String(text) => run_time(text)?,
        number => seconds(number.as_f64()?)?,
    };
    (span > Span::default()).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ramps_rise_at_the_rate_and_hold_for_the_rest() {
        let stage = |length, users, rate| Stage { length: Span::seconds(length), users, rate };
        assert_eq!(
            ramp(0, stage(600, 100, 10.0)),
            [(Span::seconds(10), 100), (Span::seconds(590), 100)]
        );
        assert_eq!(ramp(100, stage(10, 0, 20.0)), [(Span::seconds(5), 0), (Span::seconds(5), 0)]);
        assert_eq!(ramp(0, stage(10, 1000, 10.0)), [(Span::seconds(10), 100)]);
        assert_eq!(ramp(50, stage(10, 50, 1.0)), [(Span::seconds(10), 50)]);
    }

    #[test]
    fn shares_add_up() {
        assert_eq!(shares(100, &[(3.0, None), (1.0, None)]), [75, 25]);
        assert_eq!(shares(10, &[(1.0, None), (1.0, None), (1.0, None)]), [4, 3, 3]);
        assert_eq!(shares(10, &[(1.0, Some(2)), (1.0, None)]), [2, 8]);
        assert_eq!(shares(1, &[(1.0, Some(2)), (1.0, None)]), [1, 0]);
        assert_eq!(shares(0, &[(1.0, None)]), [0]);
    }
}
