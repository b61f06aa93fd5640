//! Every code a user may meet stands in the reference.

use super::{File, Finding};

/// Crates and the prefixes of their codes.
const PREFIXES: &[(&str, &[&str])] = &[
    ("document", &["document"]),
    ("k6", &["k6"]),
    ("ledger", &["ledger"]),
    ("load", &["load"]),
    ("locust", &["locust"]),
    ("metrics", &["metrics"]),
    ("process", &["process"]),
    ("resilience", &["resilience"]),
    ("script", &["script"]),
    ("seaworthy", &["run"]),
    ("stats", &["stats"]),
    ("trial", &["trial", "plan"]),
    ("wizard", &["wizard"]),
];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let reference: String = files
        .iter()
        .filter(|file| file.path.starts_with("docs/reference/"))
        .map(|file| file.text.as_str())
        .collect();
    let mut findings = Vec::new();
    for (name, prefixes) in PREFIXES {
        let sources = format!("crates/{name}/src/");
        for file in files.iter().filter(|file| file.path.starts_with(&sources)) {
            for (row, line) in file.text.lines().enumerate() {
                for code in codes(line, prefixes) {
                    findings.extend(unless_told(&reference, file, row + 1, code.to_owned()));
                }
            }
        }
    }
    for file in files.iter().filter(|file| file.path.starts_with("crates/hub/src/")) {
        for (row, code) in problems(&file.text) {
            findings.extend(unless_told(&reference, file, row, format!("hub.{code}")));
        }
    }
    findings
}

fn unless_told(reference: &str, file: &File, line: usize, code: String) -> Option<Finding> {
    (!reference.contains(&format!("`{code}`"))).then(|| Finding {
        rule: "codes",
        path: file.path.clone(),
        line,
        what: format!("the code `{code}` stands on no page of the reference"),
        why: "who meets a code looks it up",
        mend: "add it to docs/reference/errors.md, or to the page of its format".to_owned(),
    })
}

/// The ways in which the hub makes a problem of a code.
const PROBLEMS: [&str; 7] =
    ["new", "unavailable", "unauthorized", "forbidden", "not_found", "conflict", "unprocessable"];

/// The codes of the problems that a source of the hub makes, each with its line: the first literal of
/// the call.
fn problems(text: &str) -> Vec<(usize, &str)> {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = Vec::new();
    for (at, _) in text.match_indices("::") {
        let rest = &text[at + 2..];
        let made = PROBLEMS.iter().find_map(|name| rest.strip_prefix(name)?.strip_prefix('('));
        let whose = text[..at].ends_with("Problem") || text[..at].ends_with("Self");
        let (Some(call), true) = (made, whose) else { continue };
        let call = call.split(';').next().unwrap_or_default();
        let Some(code) = call.split('"').nth(1) else { continue };
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        if !code.is_empty() && code.bytes().all(letter) {
            found.push((text[..at].lines().count(), code));
        }
    }
    found
}

/// String literals in a line that are codes with one of these prefixes.
fn codes<'l>(line: &'l str, prefixes: &'l [&str]) -> impl Iterator<Item = &'l str> {
    line.split('"').skip(1).step_by(2).filter(|text| {
        let letters =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
        text.split_once('-').is_some_and(|(prefix, rest)| {
            prefixes.contains(&prefix) && rest.split('-').all(letters)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_code_without_a_page_is_found() {
        let source =
            r#"Self::Io => "trial-io", Self::No => "plan-no-series", "--trial-x", "trial-""#;
        let page = file("docs/reference/errors.md", "| `trial-io` | no disk |");
        let found = check(&[file("crates/trial/src/error.rs", source), page]);
        assert_eq!(found.len(), 1);
        assert!(found[0].what.contains("`plan-no-series`"), "{}", found[0].what);
        assert_eq!((found[0].path.as_str(), found[0].line), ("crates/trial/src/error.rs", 1));
    }

    #[test]
    fn a_problem_of_the_hub_without_a_page_is_found() {
        let source = "let no = Problem::new(\n    StatusCode::CONFLICT,\n    \"gone_west\",\n);\n\
                      Problem::forbidden(\"told\", \"x\"); Problem::invalid(\"/x\", \"y\")";
        let page = file("docs/reference/hub.md", "| 403 | `hub.told` |");
        let found = check(&[file("crates/hub/src/a.rs", source), page]);
        assert_eq!(found.len(), 1);
        assert!(found[0].what.contains("`hub.gone_west`"), "{}", found[0].what);
    }

    #[test]
    fn other_crates_words_are_not_this_crates_codes() {
        assert!(check(&[file("crates/hub/src/a.rs", "\"trial-io\"")]).is_empty());
    }
}
