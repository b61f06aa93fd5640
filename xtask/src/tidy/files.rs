//! Rules for every file: no path of one machine, no dead link, the README's two commands.

use super::{File, Finding, line_of};
use crate::needs;

/// What the README shows first: the whole product, and every test.
const COMMANDS: &[&str] = &["cargo run --release -- trial", "cargo xtask test"];

/// Folders that exist on somebody's machine only, without the slashes around them.
const FOLDERS_OF_ONE_MACHINE: &[&str] = &["work", "root", "home", "Users"];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        findings.extend(machine_paths(file));
        findings.extend(toolchain(file));
        findings.extend(dead_links(file, files));
    }
    findings.extend(readme(files));
    findings.extend(ci_run(files));
    findings.extend(needs(files, &needs::variables().collect::<Vec<_>>()));
    findings
}

/// No absolute path that exists on one machine only.
fn machine_paths(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        for folder in FOLDERS_OF_ONE_MACHINE {
            let path = format!("/{folder}/");
            if line.match_indices(&path).any(|(at, _)| begins_a_path(&line[..at])) {
                findings.push(Finding {
                    rule: "machine",
                    path: file.path.clone(),
                    line: index + 1,
                    what: format!("names a place below `{path}`"),
                    why: "the path exists on one machine only",
                    mend: "say it relative to the repository, or take it from the environment"
                        .into(),
                });
            }
        }
    }
    findings
}

/// Whether a slash after this text begins an absolute path, not the middle of another path.
fn begins_a_path(before: &str) -> bool {
    let middle = |letter: char| letter.is_alphanumeric() || "._-~}>*".contains(letter);
    !before.ends_with(middle)
}

/// The compiler is asked for in Cargo.toml alone.
fn toolchain(file: &File) -> Option<Finding> {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    ["rust-toolchain", "rust-toolchain.toml"].contains(&name).then(|| Finding {
        rule: "toolchain",
        path: file.path.clone(),
        line: 0,
        what: "asks rustup for a toolchain".into(),
        why: "it downloads a compiler on a machine that has one; `rust-version` says what is needed",
        mend: "delete it".into(),
    })
}

/// What a Markdown file links to within the repository is there.
fn dead_links(file: &File, files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !file.path.ends_with(".md") {
        return findings;
    }
    let mut fenced = false;
    for (index, line) in file.text.lines().enumerate() {
        fenced ^= line.trim_start().starts_with("```");
        for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = target.split(['#', ' ']).next().unwrap_or_default();
            let elsewhere = target.is_empty() || target.contains(':');
            if fenced || elsewhere || leads_to(&file.path, target, files) {
                continue;
            }
            findings.push(Finding {
                rule: "link",
                path: file.path.clone(),
                line: index + 1,
                what: format!("links to `{target}`, which is not there"),
                why: "a map with a street that does not exist is not trusted again",
                mend: "link to what is there, or take the link out".into(),
            });
        }
    }
    findings
}

/// Whether a link in the file `from` leads to a file, or to a folder that has one.
fn leads_to(from: &str, target: &str, files: &[File]) -> bool {
    let mut path: Vec<&str> = from.split('/').collect();
    path.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if path.pop().is_none() {
                    return false;
                }
            }
            name => path.push(name),
        }
    }
    let path = path.join("/");
    files.iter().any(|file| {
        file.path.strip_prefix(&path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// The README's fenced blocks hold exactly the two commands that begin with `cargo`.
fn readme(files: &[File]) -> Vec<Finding> {
    let finding = |line, what: String| Finding {
        rule: "readme",
        path: "README.md".into(),
        line,
        what,
        why: "two commands, always true, are all a newcomer has to know",
        mend: format!(
            "keep `{}` and nothing else that begins with cargo",
            COMMANDS.join("` and `")
        ),
    };
    let Some(file) = files.iter().find(|file| file.path == "README.md") else {
        return vec![finding(0, "is missing".into())];
    };
    let mut findings = Vec::new();
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in file.text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced && line.trim_start_matches("$ ").starts_with("cargo ") {
            let command = line.trim_start_matches("$ ");
            let command = command.split(" #").next().unwrap_or_default().trim();
            if !COMMANDS.contains(&command) {
                findings.push(finding(index + 1, format!("shows `{command}`")));
            } else if found.contains(&command) {
                findings.push(finding(index + 1, format!("shows `{command}` twice")));
            }
            found.push(command);
        }
    }
    for command in COMMANDS.iter().filter(|command| !found.contains(command)) {
        findings.push(finding(0, format!("does not show `{command}`")));
    }
    findings
}

/// CI runs what a person runs.
fn ci_run(files: &[File]) -> Option<Finding> {
    const LAST: &str = "cargo xtask ci";
    let file = files.iter().find(|file| file.path == ".ci/run");
    let text = file.map(|file| file.text.as_str()).unwrap_or_default();
    if text.lines().last().is_some_and(|line| line.trim_start_matches("exec ") == LAST) {
        return None;
    }
    Some(Finding {
        rule: "ci",
        path: ".ci/run".into(),
        line: line_of(text, |line| line.contains("cargo")),
        what: format!("does not end with `{LAST}`"),
        why: "what CI does must be what a person can run before a change",
        mend: format!("let its last line be `exec {LAST}`"),
    })
}

/// What `cargo xtask test` finds or installs for the tests is what they ask for, and all of it.
fn needs(files: &[File], variables: &[&str]) -> Vec<Finding> {
    const TABLE: &str = "xtask/src/needs.rs";
    let mut findings = Vec::new();
    let mut asked = Vec::new();
    for file in files.iter().filter(|file| file.path.starts_with("crates/")) {
        for (index, line) in file.text.lines().enumerate() {
            let words = line.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            for word in words.filter(|word| word.starts_with("SEAWORTHY_TEST_")) {
                asked.push(word);
                if !variables.contains(&word) {
                    findings.push(Finding {
                        rule: "needs",
                        path: file.path.clone(),
                        line: index + 1,
                        what: format!("asks for {word}, which nothing sets"),
                        why: "on a fresh machine the test would not find its program",
                        mend: format!("add the program to NEEDS in {TABLE}"),
                    });
                }
            }
        }
    }
    let table = files.iter().find(|file| file.path == TABLE).map_or("", |file| &file.text);
    for variable in variables.iter().filter(|variable| !asked.contains(variable)) {
        findings.push(Finding {
            rule: "needs",
            path: TABLE.into(),
            line: line_of(table, |line| line.contains(variable)),
            what: format!("no test asks for {variable}"),
            why: "what no test needs is downloaded for nothing",
            mend: "take it off the table, or let the test that needs it read the variable".into(),
        });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tests::{files, places};
    use super::*;

    #[test]
    fn paths_of_one_machine_are_found() {
        let check = |folder: &str, line: String, expect: usize| {
            let file = files(&[("docs/a.md", &format!("first\n{line}"))]);
            let found = machine_paths(&file[0]);
            assert_eq!(found.len(), expect, "{folder}: {line}");
            assert!(found.iter().all(|finding| finding.line == 2));
        };
        for folder in FOLDERS_OF_ONE_MACHINE {
            check(folder, format!("see /{folder}/main"), 1);
            check(folder, format!("(`/{folder}/x` and \"/{folder}/y\")"), 1);
            check(folder, format!("https://example.org/{folder}/x"), 0);
            check(folder, format!("./{folder}/x and {folder}/x"), 0);
            check(folder, format!("/frame{folder}/x"), 0);
        }
    }

    #[test]
    fn a_toolchain_file_is_found() {
        let check = |path: &str, expect: bool| {
            assert_eq!(toolchain(&files(&[(path, "")])[0]).is_some(), expect, "{path}");
        };
        check("rust-toolchain", true);
        check("fuzz/rust-toolchain.toml", true);
        check("docs/rust-toolchain.md", false);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let check = |text: &str, expect: &[&str]| {
            let files = files(&[("docs/guide/a.md", text), ("docs/b.png", ""), ("README.md", "")]);
            assert_eq!(places(&dead_links(&files[0], &files)), expect, "{text}");
        };
        check("[b](../b.png), [docs](..), [top](../../README.md#two) and [x](#here)", &[]);
        check("[c](https://example.org/c) [d](d)\n\n```\n[e](e)\n```", &["docs/guide/a.md:1 link"]);
        check(
            "\n[b](b.png) [c](../../../c)",
            &["docs/guide/a.md:2 link", "docs/guide/a.md:2 link"],
        );
        check("[b](../b.pn)", &["docs/guide/a.md:1 link"]);
        assert!(dead_links(&files(&[("a.rs", "[x](y)")])[0], &[]).is_empty());
    }

    #[test]
    fn the_readme_shows_the_two_commands_and_no_third() {
        let check = |text: &str, expect: &[&str]| {
            assert_eq!(places(&readme(&files(&[("README.md", text)]))), expect, "{text}");
        };
        let both = "```sh\ncargo run --release -- trial   # three minutes\n```\n```sh\n$ cargo xtask test\n```\n";
        check(both, &[]);
        check(&format!("{both}cargo build in prose is prose"), &[]);
        check(&format!("{both}```\ncargo build\n```"), &["README.md:8 readme"]);
        check(&format!("{both}```\ncargo xtask test\n```"), &["README.md:8 readme"]);
        check("```sh\ncargo xtask test\n```", &["README.md:0 readme"]);
        assert_eq!(readme(&[]).len(), 1);
    }

    #[test]
    fn ci_ends_with_the_one_chore() {
        let check = |text: &str, expect: bool| {
            assert_eq!(ci_run(&files(&[(".ci/run", text)])).is_none(), expect, "{text}");
        };
        check("#!/usr/bin/env bash\nset -eu\nexec cargo xtask ci\n", true);
        check("#!/usr/bin/env bash\ncargo xtask ci\n", true);
        check("#!/usr/bin/env bash\ncargo xtask ci || true\n", false);
        check("#!/usr/bin/env bash\ncargo test\n", false);
        assert!(ci_run(&[]).is_some());
    }

    #[test]
    fn the_needs_are_what_tests_ask_for() {
        let files = files(&[
            ("xtask/src/needs.rs", "\nSEAWORTHY_TEST_ONE\nSEAWORTHY_TEST_TWO"),
            ("crates/x/tests/page.rs", "var(\"SEAWORTHY_TEST_ONE\")"),
        ]);
        let check = |variables: &[&str], expect: &[&str]| {
            assert_eq!(places(&needs(&files, variables)), expect, "{variables:?}");
        };
        check(&["SEAWORTHY_TEST_ONE"], &[]);
        check(&["SEAWORTHY_TEST_ONE", "SEAWORTHY_TEST_TWO"], &["xtask/src/needs.rs:3 needs"]);
        check(&[], &["crates/x/tests/page.rs:1 needs"]);
    }
}
