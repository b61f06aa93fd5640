//! Names found in a plan's text: ports, environment variables, and credentials typed out in full.

use std::collections::BTreeSet;

use seaworthy_document::Located;

use crate::plan::Plan;

/// The second parts of every `${first.second}` in the text, as `api` of `${port.api}`.
pub(super) fn second_parts(text: &str, first: &str) -> BTreeSet<String> {
    let opening = format!("${{{first}.");
    text.match_indices(&opening)
        .filter_map(|(at, _)| {
            let rest = &text[at + opening.len()..];
            let name = &rest[..rest.find('}')?];
            let letters =
                |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
            (!name.is_empty() && name.chars().all(letters)).then(|| name.to_owned())
        })
        .collect()
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
    let steps = plan.flows.iter().flat_map(|flow| &flow.steps);
    let routines = plan.setup.iter().chain(&plan.teardown).flat_map(|routine| &routine.steps);
    for step in steps.chain(routines) {
        for (header, value) in &step.headers {
            if is_telling(header) && !value.contains("${") {
                // `Bearer abc`: the scheme is no secret.
                let secret = value.rsplit(' ').next().unwrap_or(value);
                found.push(Literal {
                    value: value.with(secret.to_owned()),
                    what: format!("the header `{header}` of step `{}`", step.name),
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
    fn names_that_tell_of_credentials() {
        assert!(is_telling("Authorization"));
        assert!(is_telling("DB_PASSWORD"));
        assert!(is_telling("x-api-key"));
        assert!(!is_telling("Content-Type"));
        assert!(!is_telling("Idempotency-Key"));
    }
}
