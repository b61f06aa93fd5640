//! Who may know whom: the table of crates, held against the manifests and against ARCHITECTURE.md.

use super::manifests::{Edge, Package};
use super::{File, Finding, line_of};

/// A crate, the floor it stands on, and the crates it may name. It only looks down.
struct Room {
    floor: u8,
    name: &'static str,
    may: &'static [&'static str],
}

const HOUSE: &[Room] = &[
    Room { floor: 0, name: "base", may: &[] },
    Room { floor: 1, name: "document", may: &["base"] },
    Room { floor: 1, name: "stats", may: &["base"] },
    Room { floor: 1, name: "net", may: &["base"] },
    Room { floor: 1, name: "process", may: &["base"] },
    Room { floor: 1, name: "ledger", may: &["base"] },
    Room { floor: 1, name: "script", may: &["base"] },
    Room { floor: 1, name: "resilience", may: &["base"] },
    Room { floor: 1, name: "store", may: &["base"] },
    Room { floor: 2, name: "load", may: &["base", "document", "stats", "net"] },
    Room { floor: 2, name: "metrics", may: &["base", "document", "stats"] },
    Room { floor: 2, name: "report", may: &["base", "stats"] },
    Room { floor: 2, name: "wizard", may: &["base", "document"] },
    Room { floor: 2, name: "workflow", may: &["base", "store"] },
    Room {
        floor: 3,
        name: "hub",
        may: &["base", "document", "resilience", "store", "wizard", "workflow"],
    },
    Room {
        floor: 3,
        name: "k6",
        may: &["base", "document", "stats", "net", "load", "script", "metrics"],
    },
    Room { floor: 3, name: "locust", may: &["base", "document", "load"] },
    Room {
        floor: 4,
        name: "trial",
        may: &[
            "base", "document", "stats", "net", "process", "ledger", "load", "metrics", "report",
            "k6",
        ],
    },
    Room {
        floor: 5,
        name: "seaworthy",
        may: &[
            "base", "document", "stats", "net", "process", "ledger", "load", "metrics", "report",
            "hub", "k6", "locust", "trial",
        ],
    },
    // The chores know no crate, so that they run when a crate does not build.
    Room { floor: 0, name: "xtask", may: &[] },
];

/// Edges that only tests need: crate, what its tests name, why.
const FOR_TESTS: &[(&str, &str, &str)] = &[];

const DOCUMENT: &str = "ARCHITECTURE.md";
const HEADER: &str = "| floor | crate | holds | may name |";
const HEADER_FOR_TESTS: &str = "| crate | its tests also name | why |";

pub(super) fn check(files: &[File], packages: &[Package]) -> Vec<Finding> {
    let mut findings = real_edges(files, packages, HOUSE, FOR_TESTS);
    let document = files.iter().find(|file| file.path == DOCUMENT);
    findings.extend(written_edges(document.map_or("", |file| &file.text), HOUSE, FOR_TESTS));
    findings
}

/// The manifests keep to the table.
fn real_edges(
    files: &[File],
    packages: &[Package],
    house: &[Room],
    for_tests: &[(&str, &str, &str)],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        let Some(room) = house.iter().find(|room| room.name == package.name) else {
            findings.push(Finding {
                rule: "edges",
                path: package.manifest.clone(),
                line: 0,
                what: format!("the crate `{}` is not in the table", package.name),
                why: WHY,
                mend: format!("add it to HOUSE in xtask/src/tidy/edges.rs and to {DOCUMENT}"),
            });
            continue;
        };
        for edge in package.edges.iter().filter(|edge| !allowed(room, edge, for_tests)) {
            let tests = if edge.dev { "the tests of " } else { "" };
            findings.push(Finding {
                rule: "edges",
                path: package.manifest.clone(),
                line: dependency_line(files, package, edge),
                what: format!("{tests}`{}` may not name `{}`", package.name, edge.to),
                why: WHY,
                mend: format!(
                    "move what is needed down to a crate both may name; if the edge is right, add it to \
                     xtask/src/tidy/edges.rs and {DOCUMENT} in a commit of its own that says why"
                ),
            });
        }
    }
    for room in house.iter().filter(|room| packages.iter().all(|it| it.name != room.name)) {
        findings.push(Finding {
            rule: "edges",
            path: DOCUMENT.into(),
            line: 0,
            what: format!("the table has a crate `{}` that does not exist", room.name),
            why: "a crate appears when its first code does",
            mend: format!("take it off xtask/src/tidy/edges.rs and {DOCUMENT}"),
        });
    }
    findings
}

const WHY: &str = "every edge makes two crates one to understand; new ones are decided, not found";

fn allowed(room: &Room, edge: &Edge, for_tests: &[(&str, &str, &str)]) -> bool {
    let in_tests = |(from, to, _): &(&str, &str, &str)| *from == room.name && *to == edge.to;
    room.may.contains(&edge.to.as_str()) || (edge.dev && for_tests.iter().any(in_tests))
}

fn dependency_line(files: &[File], package: &Package, edge: &Edge) -> usize {
    let manifest = files.iter().find(|file| file.path == package.manifest);
    let section = if edge.dev { "[dev-dependencies]" } else { "[dependencies]" };
    let Some(text) = manifest.map(|file| &file.text) else { return 0 };
    let start = line_of(text, |line| line.trim() == section);
    let names = |line: &str| {
        let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
        name.trim_start_matches("seaworthy-") == edge.to
    };
    text.lines().skip(start).position(names).map_or(0, |index| start + index + 1)
}

/// ARCHITECTURE.md shows the same table, row by row, in the same order.
fn written_edges(document: &str, house: &[Room], for_tests: &[(&str, &str, &str)]) -> Vec<Finding> {
    let crates = house.iter().filter(|room| room.name != "xtask").map(|room| {
        let may: Vec<String> = room.may.iter().map(|name| format!("`{name}`")).collect();
        let may = if may.is_empty() { "–".to_owned() } else { may.join(", ") };
        vec![room.floor.to_string(), format!("`{}`", room.name), may]
    });
    let tests = for_tests
        .iter()
        .map(|(from, to, why)| vec![format!("`{from}`"), format!("`{to}`"), (*why).to_owned()]);
    let mut findings = compare(document, HEADER, &[0, 1, 3], &crates.collect::<Vec<_>>());
    if !for_tests.is_empty() || document.contains(HEADER_FOR_TESTS) {
        findings.extend(compare(
            document,
            HEADER_FOR_TESTS,
            &[0, 1, 2],
            &tests.collect::<Vec<_>>(),
        ));
    }
    for room in house {
        let folder = if room.name == "xtask" { "" } else { "crates/" };
        let heading = format!("### `{folder}{}`", room.name);
        if !document.lines().any(|line| line.starts_with(&heading)) {
            let what = format!("its code map has no heading {heading}");
            findings.push(drift(0, what, "describe the crate there"));
        }
    }
    findings
}

/// Holds the chosen cells of a table in Markdown against the rows it should have.
fn compare(document: &str, header: &str, cells: &[usize], rows: &[Vec<String>]) -> Vec<Finding> {
    let start = line_of(document, |line| line == header);
    if start == 0 {
        return vec![drift(0, format!("has no table `{header}`"), "add it")];
    }
    // The header is followed by the ruler, then the rows.
    let written: Vec<&str> =
        document.lines().skip(start + 1).take_while(|line| line.starts_with('|')).collect();
    let mut findings = Vec::new();
    for index in 0..written.len().max(rows.len()) {
        let line = start + 2 + index;
        let (found, expect) = (written.get(index).map(|row| pick(row, cells)), rows.get(index));
        match (found, expect) {
            (Some(found), Some(expect)) if found == *expect => {}
            (_, Some(expect)) => {
                let what = format!("this row of the table should say {}", expect.join(" | "));
                findings.push(drift(line, what, "make the document and HOUSE say the same"));
            }
            (_, None) => {
                let what = "this row of the table is not in HOUSE".to_owned();
                findings.push(drift(line, what, "make the document and HOUSE say the same"));
            }
        }
    }
    findings
}

fn pick(row: &str, cells: &[usize]) -> Vec<String> {
    let all: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
    cells.iter().map(|index| all.get(*index).copied().unwrap_or_default().to_owned()).collect()
}

fn drift(line: usize, what: String, mend: &str) -> Finding {
    Finding {
        rule: "edges",
        path: DOCUMENT.into(),
        line,
        what,
        why: "the map and what CI enforces must not drift apart",
        mend: format!("{mend} (the table in code is in xtask/src/tidy/edges.rs)"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{files, places};
    use super::*;

    const SMALL: &[Room] = &[
        Room { floor: 0, name: "base", may: &[] },
        Room { floor: 1, name: "net", may: &["base"] },
    ];

    const SMALL_DOCUMENT: &str = "# Map\n
| floor | crate | holds | may name |
|---|---|---|---|
| 0 | `base` | coin | – |
| 1 | `net` | wires | `base` |

### `crates/base`
### `crates/net`
";

    fn package(name: &str, edges: &[(&str, bool)]) -> Package {
        let edges: Vec<String> = edges
            .iter()
            .map(|(to, dev)| {
                let kind = if *dev { "\"dev\"" } else { "null" };
                format!(r#"{{"name": "seaworthy-{to}", "kind": {kind}}}"#)
            })
            .collect();
        let metadata = format!(
            r#"{{"workspace_root": "/repo", "packages": [
                {{"name": "seaworthy-{name}", "manifest_path": "/repo/crates/{name}/Cargo.toml",
                  "description": "x", "dependencies": [{}]}},
                {{"name": "seaworthy-base", "manifest_path": "/repo/b", "dependencies": []}},
                {{"name": "seaworthy-net", "manifest_path": "/repo/n", "dependencies": []}}]}}"#,
            edges.join(",")
        );
        super::super::manifests::packages(&metadata).unwrap().remove(0)
    }

    #[test]
    fn the_house_only_looks_down() {
        for room in HOUSE {
            for name in room.may {
                let below = HOUSE.iter().find(|other| other.name == *name);
                assert!(
                    below.is_some_and(|below| below.floor < room.floor),
                    "{} -> {name}",
                    room.name
                );
            }
        }
    }

    #[test]
    fn an_edge_that_is_not_in_the_table_is_found_at_its_line() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\nserde.workspace = true\nseaworthy-net.workspace = true\n";
        let manifests = files(&[("crates/base/Cargo.toml", manifest)]);
        let wrong = [package("base", &[("net", false)]), package("net", &[("base", false)])];
        let found = places(&real_edges(&manifests, &wrong, SMALL, &[]));
        assert_eq!(found, ["crates/base/Cargo.toml:5 edges"]);
    }

    #[test]
    fn tests_may_name_what_is_listed_for_them_and_no_more() {
        let for_tests: &[_] = &[("base", "net", "a real server")];
        let packages = [package("base", &[("net", true)]), package("net", &[])];
        assert!(real_edges(&[], &packages, SMALL, for_tests).is_empty());
        assert_eq!(real_edges(&[], &packages, SMALL, &[]).len(), 1);
        let packages = [package("base", &[("net", false)]), package("net", &[])];
        assert_eq!(real_edges(&[], &packages, SMALL, for_tests).len(), 1);
    }

    #[test]
    fn unknown_and_missing_crates_are_found() {
        let packages = [package("base", &[]), package("net", &[]), package("extra", &[])];
        assert_eq!(
            places(&real_edges(&[], &packages, SMALL, &[])),
            ["crates/extra/Cargo.toml:0 edges"]
        );
        let found = places(&real_edges(&[], &[package("base", &[])], SMALL, &[]));
        assert_eq!(found, ["ARCHITECTURE.md:0 edges"]);
    }

    #[test]
    fn the_document_shows_the_same_table() {
        let check = |document: &str, expect: &[&str]| {
            assert_eq!(places(&written_edges(document, SMALL, &[])), expect, "{document}");
        };
        check(SMALL_DOCUMENT, &[]);
        check(&SMALL_DOCUMENT.replace("| `base` |\n", "| – |\n"), &["ARCHITECTURE.md:6 edges"]);
        check(&SMALL_DOCUMENT.replace("| 1 |", "| 2 |"), &["ARCHITECTURE.md:6 edges"]);
        check(
            &SMALL_DOCUMENT.replace("| 1 | `net` | wires | `base` |\n", ""),
            &["ARCHITECTURE.md:6 edges"],
        );
        check(
            &SMALL_DOCUMENT.replace("\n\n###", "\n| 2 | `load` | x | – |\n\n###"),
            &["ARCHITECTURE.md:7 edges"],
        );
        check(&SMALL_DOCUMENT.replace("### `crates/net`", ""), &["ARCHITECTURE.md:0 edges"]);
        check(&SMALL_DOCUMENT.replace("may name", "uses"), &["ARCHITECTURE.md:0 edges"]);
    }

    #[test]
    fn the_edges_of_tests_are_written_too() {
        let for_tests: &[_] = &[("base", "net", "a real server")];
        assert_eq!(written_edges(SMALL_DOCUMENT, SMALL, for_tests).len(), 1);
        let document = format!(
            "{SMALL_DOCUMENT}\n{HEADER_FOR_TESTS}\n|---|---|---|\n| `base` | `net` | a real server |\n"
        );
        assert!(written_edges(&document, SMALL, for_tests).is_empty());
        assert_eq!(written_edges(&document, SMALL, &[]).len(), 1);
    }
}
