//! The whole plan, put together from users, their flows and the shapes of their load.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::ModModule;
use ruff_text_size::TextRange;
use seaworthy_base::Span;
use seaworthy_document::{Finding, Place};

use crate::findings::Findings;
use crate::module::Module;
use crate::plan::{Load, Objective, Pace, Phase, Plan, Target};
use crate::shape::{Shape, Shapes, ramp, shares};
use crate::source::Source;
use crate::users::{User, Users};
use crate::{Import, Options, outside, verify, write};

/// Where the requests go when neither the file nor the caller says so: Locust reads this too.
const HOST: &str = "${env.LOCUST_HOST}";

/// Reads a parsed file.
pub(crate) fn compose(
    source: &Source<'_>,
    body: &ModModule,
    options: &Options,
) -> (Option<Import>, Vec<Finding>) {
    let mut findings = Findings::default();
    let whole = || Place { file: source.file.to_owned(), line: 0, column: 0 };
    let module = Module::read(source, body, &mut findings);
    let mut users =
        Users { source, module: &module, findings: &mut findings, host: options.host.as_deref() }
            .all();
    let found = !users.is_empty();
    users.retain(|user| !user.flows.is_empty());
    outside::told(source, &module, body, &mut findings);
    if users.is_empty() {
        let finding = match found {
            true => Finding::error("locust-empty", "no request of the file can be carried over")
                .hint("the other findings say why"),
            false => Finding::error(
                "locust-no-user",
                "no class of the file is an HTTP user with tasks",
            )
            .hint("make one from HttpUser or FastHttpUser, and mark its functions with `@task`"),
        };
        findings.push(finding.at(whole()));
        return (None, findings.into_sorted());
    }
    let shapes = Shapes { source, module: &module, findings: &mut findings }.all(body, options);
    let mut plan =
        Plan { name: plan_name(source.file), from: source.short().to_owned(), ..Plan::default() };
    targets(&mut plan, &mut users, source, &mut findings);
    name_flows(&mut users);
    failures(&users, source, &mut findings);
    let mut files = BTreeSet::new();
    for user in &users {
        files.extend(user.files.iter().cloned());
        for data in &user.data {
            if !plan.data.iter().any(|known| known.name == data.name && known.file == data.file) {
                plan.data.push(data.clone());
            }
        }
        paced(user, source, &mut findings);
    }
    plan.phases = shapes.iter().map(|shape| phase(shape, &users, source, &mut findings)).collect();
    unique(plan.phases.iter_mut().map(|phase| &mut phase.name));
    plan.flows = users.into_iter().flat_map(|user| user.flows).map(|(flow, _)| flow).collect();
    plan.objectives = objectives(&plan);
    let text = write::plan(&plan);
    let wrong = verify::verify(&text, &files);
    let sound = !seaworthy_document::errors(&wrong);
    wrong.into_iter().for_each(|finding| findings.push(finding));
    let steps = plan.flows.iter().flat_map(|flow| flow.start.iter().chain(&flow.steps));
    let import = Import {
        environment: environment(&text),
        files: files.into_iter().collect(),
        flows: plan.flows.len(),
        requests: steps.filter(|step| step.request.is_some()).count(),
        phases: plan.phases.len(),
        plan: text,
    };
    (sound.then_some(import), findings.into_sorted())
}

/// The file's name as a trial's.
fn plan_name(file: &str) -> String {
    let stem = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let stem = stem.strip_suffix(".py").unwrap_or(stem);
    let letters = stem.chars().map(|letter| match letter {
        letter if letter.is_ascii_alphanumeric() || "-_.".contains(letter) => letter,
        _ => '-',
    });
    let name: String = letters.take(60).collect();
    match name.trim_matches(['-', '.']) {
        "" => "locust".to_owned(),
        name => name.replace('_', "-"),
    }
}

/// A target for each host.
fn targets(plan: &mut Plan, users: &mut [User<'_>], source: &Source<'_>, findings: &mut Findings) {
    for user in users {
        let relative = |step: &crate::plan::Step| {
            step.request.as_ref().is_none_or(|(_, address)| !is_absolute(address))
        };
        let all: Vec<bool> = (user.flows.iter())
            .flat_map(|(flow, _)| flow.start.iter().chain(&flow.steps))
            .map(relative)
            .collect();
        let host = match (&user.host, all.contains(&true)) {
            (Some(host), _) => host.clone(),
            (None, true) => {
                let reason =
                    format!("where `{}` sends its requests is not in the file", user.class.name);
                findings.push(
                    Finding::warning("locust-no-host", reason)
                        .at(source.place(&user.class.name))
                        .hint("give --host, as you would to Locust; without it, the plan reads the environment variable LOCUST_HOST"),
                );
                HOST.to_owned()
            }
            // Every request says where it goes; a plan has a target all the same.
            (None, false) => origin(user).unwrap_or_else(|| HOST.to_owned()),
        };
        let known = plan.targets.iter_mut().find(|target| target.url == host);
        let name = match known {
            Some(target) => {
                target.insecure |= user.insecure;
                target.name.clone()
            }
            None => {
                let number = plan.targets.len() + 1;
                let name =
                    if number == 1 { "service".to_owned() } else { format!("service-{number}") };
                let line = source.line(&user.class.name);
                plan.targets.push(Target {
                    name: name.clone(),
                    url: host,
                    insecure: user.insecure,
                    comment: format!("{}:{line}: where {} goes", source.short(), user.class.name),
                });
                name
            }
        };
        for (flow, _) in &mut user.flows {
            let mixed = flow.start.iter().chain(&flow.steps).any(|step| !relative(step));
            match mixed {
                false => flow.target.clone_from(&name),
                // A flow with a target takes no full addresses: its paths are made full instead.
                true => {
                    let host =
                        plan.targets.iter().find(|it| it.name == name).map(|it| it.url.clone());
                    let host = host.unwrap_or_default();
                    for step in flow.start.iter_mut().chain(&mut flow.steps) {
                        if let Some((_, address)) = &mut step.request
                            && address.starts_with('/')
                        {
                            *address = format!("{host}{address}");
                        }
                    }
                }
            }
        }
    }
}

fn is_absolute(address: &str) -> bool {
    address.starts_with("http://") || address.starts_with("https://")
}

/// Scheme and authority of the first full address.
fn origin(user: &User<'_>) -> Option<String> {
    let steps = user.flows.iter().flat_map(|(flow, _)| flow.start.iter().chain(&flow.steps));
    let mut addresses = steps.filter_map(|step| step.request.as_ref()).map(|(_, address)| address);
    let address = addresses.find(|address| is_absolute(address))?;
    let (scheme, rest) = address.split_once("://")?;
    let authority = rest.split(['/', '?', '$']).next().filter(|it| !it.is_empty())?;
    Some(format!("{scheme}://{authority}"))
}

/// Flows have the names of their tasks, with the user's before it where two tasks share one.
fn name_flows(users: &mut [User<'_>]) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (flow, _) in users.iter().flat_map(|user| &user.flows) {
        *counts.entry(flow.name.clone()).or_default() += 1;
    }
    for user in users.iter_mut() {
        for (flow, _) in &mut user.flows {
            if counts.get(&flow.name).is_some_and(|count| *count > 1) {
                flow.name = format!("{}.{}", user.class.name, flow.name);
            }
            flow.name = flow.name.chars().take(90).collect();
        }
    }
    unique(users.iter_mut().flat_map(|user| &mut user.flows).map(|(flow, _)| &mut flow.name));
}

fn unique<'n>(names: impl Iterator<Item = &'n mut String>) {
    let mut seen = BTreeSet::new();
    for name in names {
        let base = name.clone();
        let mut number = 2;
        while !seen.insert(name.clone()) {
            *name = format!("{base}-{number}");
            number += 1;
        }
    }
}

/// Says once that a failed request ends its iteration.
fn failures(users: &[User<'_>], source: &Source<'_>, findings: &mut Findings) {
    let several = |flow: &crate::plan::Flow| {
        flow.steps.iter().filter(|step| step.request.is_some()).count() > 1
    };
    let of = |user: &&User<'_>| user.flows.iter().any(|(flow, _)| several(flow));
    let Some(user) = users.iter().find(of) else { return };
    let names = users.iter().flat_map(|user| &user.flows).filter(|(flow, _)| several(flow));
    let names: Vec<&str> = names.map(|(flow, _)| flow.name.as_str()).collect();
    let reason = format!(
        "{} make more than one request: in Locust the next one follows one that failed, in the plan the iteration ends",
        names.join(", ")
    );
    let finding = Finding::warning("locust-after-failure", reason)
        .hint("give a step's `expect.status` the statuses after which the iteration is to go on");
    findings.push(finding.at(source.place(&user.class.name)));
}

fn paced(user: &User<'_>, source: &Source<'_>, findings: &mut Findings) {
    let Some(pace) = user.pace else { return };
    let reason =
        format!("users who begin a task every {pace} s become iterations that begin at a rate");
    let hint = "an iteration that finds no free user waits, and its response time counts from when it was due: a service that stalls cannot hide it. A user that is late in Locust just begins later";
    findings.push(
        Finding::warning("locust-pacing", reason).at(source.place(&user.class.name)).hint(hint),
    );
}

fn phase(shape: &Shape, users: &[User<'_>], source: &Source<'_>, findings: &mut Findings) -> Phase {
    let mut steps: Vec<(Span, u32)> = Vec::new();
    let mut before = 0;
    let mut warmup = Span::default();
    for (position, stage) in shape.stages.iter().enumerate() {
        let mut ways = ramp(before, *stage);
        if let ([(_, reached)], true) = (ways.as_slice(), before != stage.users)
            && *reached != stage.users
        {
            let reason = format!(
                "at {} a second, `{}` comes to {reached} users, not {}",
                stage.rate, shape.name, stage.users
            );
            let finding = Finding::warning("locust-shape", reason)
                .hint("as in Locust: raise the spawn rate, or make it longer");
            findings.push(finding.at(at(source, shape.at)));
        }
        if position == 0 && ways.len() > 1 {
            warmup = ways[0].0;
        }
        before = ways.last().map_or(before, |(_, users)| *users);
        steps.append(&mut ways);
    }
    let duration = Span(
        steps
            .iter()
            .map(|(length, _)| length.get())
            .fold(Default::default(), std::time::Duration::saturating_add),
    );
    let classes: Vec<(f64, Option<u32>)> =
        users.iter().map(|user| (user.weight, user.fixed)).collect();
    let mut load = Vec::new();
    for (position, user) in users.iter().enumerate() {
        let own: Vec<(Span, u32)> = steps
            .iter()
            .map(|(length, total)| (*length, shares(*total, &classes)[position]))
            .collect();
        let most = own.iter().map(|(_, users)| *users).max().unwrap_or(0);
        if most == 0 {
            let reason = format!(
                "`{}` has no user in `{}`: there are fewer than classes",
                user.class.name, shape.name
            );
            let finding =
                Finding::warning("locust-share", reason).hint("raise the number of users");
            findings.push(finding.at(source.place(&user.class.name)));
            continue;
        }
        let flows = user.flows.iter().map(|(flow, weight)| (flow.name.clone(), *weight)).collect();
        let pace = match user.pace {
            None => Pace::Users(own),
            Some(every) => Pace::Rate {
                stages: own
                    .iter()
                    .map(|(length, users)| (*length, f64::from(*users) / every))
                    .collect(),
                most,
            },
        };
        let line = source.line(&user.class.name);
        let comment =
            format!("{}:{line}: {}, weight {}", source.short(), user.class.name, user.weight);
        load.push(Load { comment, flows, pace });
    }
    let name: String =
        shape.name.chars().map(|it| if it.is_control() { ' ' } else { it }).take(90).collect();
    let name = if name.trim().is_empty() { "load".to_owned() } else { name };
    Phase { name, comment: shape.comment.clone(), duration, warmup, load }
}

fn at(source: &Source<'_>, range: Option<TextRange>) -> Place {
    match range {
        Some(range) => source.place(&range),
        None => Place { file: source.file.to_owned(), line: 0, column: 0 },
    }
}

/// Locust fails a run in which a request failed; a plan says how many may.
fn objectives(plan: &Plan) -> Vec<Objective> {
    let steps = || plan.flows.iter().flat_map(|flow| flow.start.iter().chain(&flow.steps));
    let mut objectives = vec![Objective {
        name: "requests succeed".to_owned(),
        metric: "http_req_failed",
        require: "rate < 1%".to_owned(),
        comment: "Locust has no objectives: this one is a beginning. Add bounds on response_time."
            .to_owned(),
    }];
    if steps()
        .any(|step| !step.expect.json.is_empty() || !step.expect.headers.is_empty() || step.stream)
    {
        objectives.push(Objective {
            name: "answers are as expected".to_owned(),
            metric: "checks",
            require: "rate > 99%".to_owned(),
            comment: "What the tasks ask of answers beyond their status.".to_owned(),
        });
    }
    objectives
}

/// The environment variables a plan reads.
fn environment(text: &str) -> Vec<String> {
    let uses = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let names =
        uses.flat_map(|line| line.split("${env.").skip(1)).filter_map(|rest| rest.split_once('}'));
    let names: BTreeSet<String> = names.map(|(name, _)| name.to_owned()).collect();
    names.into_iter().collect()
}
