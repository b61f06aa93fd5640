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
                    if reference.contains(&format!("`{code}`")) {
                        continue;
                    }
                    findings.push(Finding {
                        rule: "codes",
                        path: file.path.clone(),
                        line: row + 1,
                        what: format!("the code `{code}` stands on no page of the reference"),
                        why: "who meets a code looks it up",
                        mend: "add it to docs/reference/errors.md, or to the page of its format"
                            .to_owned(),
                    });
                }
            }
        }
    }
    findings
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
    fn other_crates_words_are_not_this_crates_codes() {
        assert!(check(&[file("crates/hub/src/a.rs", "\"trial-io\"")]).is_empty());
    }
}
