//! Names found in a plan's text: ports, environment variables, and credentials typed out in full.

use std::collections::BTreeSet;

use seaworthy_document::Located;

use crate::plan::Plan;

/// The second parts of every `${first.second}` in the text, as `api` of `${port.api}`, each with
/// its place. Comments and the literal `$${` name nothing.
pub(super) fn uses(text: &str, first: &str) -> Vec<Located<String>> {
    let opening = format!("${{{first}.");
    let mut found = Vec::new();
    for (row, line) in text.lines().enumerate() {
        let comment = match line.find(" #") {
            _ if line.trim_start().starts_with('#') => 0,
            Some(at) => at,
            None => line.len(),
        };
        for (at, _) in line[..comment].match_indices(&opening) {
            let rest = &line[at + opening.len()..];
            let name = rest.split('}').next().unwrap_or_default();
            let letters = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
            let literal = line[..at].ends_with('$');
            if !literal && !name.is_empty() && name.chars().all(letters) && name.len() < rest.len()
            {
                found.push(Located {
                    value: name.to_owned(),
                    line: u32::try_from(row + 1).unwrap_or(0),
                    column: u32::try_from(line[..at].chars().count() + 1).unwrap_or(0),
                });
            }
        }
    }
    found
}

/// The same without their places, each once.
pub(super) fn second_parts(text: &str, first: &str) -> BTreeSet<String> {
    uses(text, first).into_iter().map(|found| found.value).collect()
}

/// A credential that was typed into the plan.
pub(super) struct Literal {
    pub(super) value: Located<String>,
    pub(super) what: String,
}

/// Credentials typed into headers and environments: values that a name says are secret and that no
/// template provides.
pub(super) fn literals(plan: &Plan) -> Vec<Literal> {
    let mut found = Vec::new();
    let steps = plan.flows.iter().flat_map(|flow| flow.start.iter().chain(&flow.steps));
    let routines = plan.setup.iter().chain(&plan.teardown).flat_map(|routine| &routine.steps);
    for step in steps.chain(routines) {
        let request = step.request.iter();
        let queries = request.filter_map(|line| Some((line, line.split_once('?')?.1)));
        let pairs = queries.flat_map(|(line, query)| query.split('&').map(move |it| (line, it)));
        for (line, pair) in pairs {
            if let Some((key, value)) = pair.split_once('=')
                && is_telling(key)
                && !value.contains("${")
            {
                found.push(Literal {
                    value: line.with(value.to_owned()),
                    what: format!("the query's `{key}` of step `{}`", step.name),
                });
            }
        }
        for (header, value) in &step.headers {
            if is_telling(header) && !value.contains("${") {
                // `Bearer abc`: the scheme is no secret.
                let secret = match value.split_once(' ') {
                    Some((scheme, rest)) if is_scheme(scheme) => rest,
                    _ => value,
                };
                // Cookies are secrets each for itself: a log may show one of them.
                for secret in std::iter::once(secret).chain(cookies(header, secret)) {
                    found.push(Literal {
                        value: value.with(secret.to_owned()),
                        what: format!("the header `{header}` of step `{}`", step.name),
                    });
                }
            }
        }
    }
    found.extend(fields(plan));
    for phase in &plan.phases {
        for (variable, value) in &phase.env {
            if is_telling(variable) && !value.contains("${") {
                found.push(Literal {
                    value: value.clone(),
                    what: format!("the variable `{variable}` of phase `{}`", phase.name),
                });
            }
        }
    }
    for target in &plan.targets {
        for (variable, value) in &target.environment {
            if is_telling(variable) && !value.contains("${") {
                found.push(Literal {
                    value: target.name.with(value.clone()),
                    what: format!("the variable `{variable}` of target `{}`", target.name),
                });
            }
        }
    }
    found.retain(|literal| literal.value.len() >= 4);
    found
}

/// Credentials typed into forms, and into parts of bodies.
fn fields(plan: &Plan) -> Vec<Literal> {
    let flows = plan.flows.iter().flat_map(|flow| flow.start.iter().chain(&flow.steps));
    let routines = plan.setup.iter().chain(&plan.teardown).flat_map(|routine| &routine.steps);
    let mut found = Vec::new();
    for step in flows.chain(routines) {
        let mut add = |name: &str, value: Located<&str>| {
            if is_telling(name) && !value.contains("${") {
                found.push(Literal {
                    value: value.with(value.value.to_owned()),
                    what: format!("the field `{name}` of step `{}`", step.name),
                });
            }
        };
        if let Some(form) = &step.form {
            for (name, value) in &form.value {
                let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                for value in values.iter().filter_map(|value| value.as_str()) {
                    add(name, form.with(value));
                }
            }
        }
        for part in step.multipart.iter().flat_map(|parts| &parts.value) {
            if let Some(value) = &part.value {
                add(&part.name, value.with(value.value.as_str()));
            }
        }
    }
    found
}

fn is_scheme(word: &str) -> bool {
    ["basic", "bearer", "digest", "token", "apikey"].contains(&word.to_ascii_lowercase().as_str())
}

/// The values of a cookie header.
fn cookies<'v>(header: &str, value: &'v str) -> impl Iterator<Item = &'v str> {
    let pairs = if header.eq_ignore_ascii_case("cookie") { value } else { "" };
    pairs.split(';').filter_map(|pair| pair.split_once('=').map(|(_, value)| value.trim()))
}

/// Whether an environment variable's value is to be kept out of what is written: its name says so,
/// or it is a URL with credentials.
pub(crate) fn is_confidential(name: &str, value: &str) -> bool {
    let credentials = value
        .split_once("://")
        .and_then(|(_, rest)| rest.split(['/', '?']).next())
        .is_some_and(|authority| authority.contains('@'));
    value.len() >= 4 && (is_telling(name) || credentials)
}

/// Whether the name of a header or variable says that its value is a credential.
fn is_telling(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    [
        "authorization",
        "cookie",
        "password",
        "passwd",
        "secret",
        "token",
        "api-key",
        "apikey",
        "credential",
    ]
    .iter()
    .any(|word| name.contains(word))
        && name != "idempotency-key"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_found_wherever_they_stand() {
        let names =
            second_parts("a: http://h:${port.api}\nb: ${port.db-1} ${port.} ${port.x y}", "port");
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["api", "db-1"]);
    }

    #[test]
    fn comments_and_literals_name_nothing() {
        assert!(uses("# ${env.A}\na: b # ${env.B}\nc: $${env.C}\n", "env").is_empty());
        let found = uses("a: b\nc: \"x ${env.D}\"\n", "env");
        assert_eq!((found[0].line, found[0].column), (2, 7));
    }

    #[test]
    fn names_that_tell_of_credentials() {
        assert!(is_telling("Authorization"));
        assert!(is_telling("DB_PASSWORD"));
        assert!(is_telling("x-api-key"));
        assert!(!is_telling("Content-Type"));
        assert!(!is_telling("Idempotency-Key"));
    }
}
