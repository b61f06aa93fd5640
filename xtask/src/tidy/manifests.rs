//! Rules for each crate's manifest: it describes itself and takes the workspace's lints.

use anyhow::{Context, Result};
use serde_json::Value;

use super::{File, Finding, line_of};

/// A crate of the workspace, as cargo sees it.
pub(super) struct Package {
    /// Without the prefix of the house: `stats`, not `seaworthy-stats`.
    pub(super) name: String,
    /// Its manifest, relative to the root.
    pub(super) manifest: String,
    described: bool,
    /// The crates of the workspace that it names, in any section of its manifest.
    pub(super) edges: Vec<Edge>,
}

/// That one crate of the workspace names another.
pub(super) struct Edge {
    pub(super) to: String,
    /// Named for the tests only.
    pub(super) dev: bool,
}

/// The workspace's crates from the output of `cargo metadata --no-deps`.
pub(super) fn packages(metadata: &str) -> Result<Vec<Package>> {
    let metadata: Value = serde_json::from_str(metadata).context("cargo metadata is not JSON")?;
    let root = text(&metadata["workspace_root"])?;
    let packages = metadata["packages"].as_array().context("cargo metadata has no packages")?;
    let names: Vec<&str> =
        packages.iter().map(|package| text(&package["name"])).collect::<Result<_>>()?;
    let mut result = Vec::new();
    for (package, name) in packages.iter().zip(&names) {
        let manifest = text(&package["manifest_path"])?;
        let dependencies = package["dependencies"].as_array().context("no dependencies")?;
        let mut edges = Vec::new();
        for dependency in dependencies {
            let to = text(&dependency["name"])?;
            if names.contains(&to) {
                let dev = dependency["kind"] == "dev";
                edges.push(Edge { to: short(to), dev });
            }
        }
        result.push(Package {
            name: short(name),
            manifest: manifest.trim_start_matches(root).trim_start_matches('/').to_owned(),
            described: package["description"].as_str().is_some_and(|it| !it.trim().is_empty()),
            edges,
        });
    }
    Ok(result)
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("cargo metadata lacks a text")
}

fn short(name: &str) -> String {
    name.strip_prefix("seaworthy-").unwrap_or(name).to_owned()
}

pub(super) fn check(files: &[File], packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        let manifest = files.iter().find(|file| file.path == package.manifest);
        let manifest = manifest.map(|file| file.text.as_str()).unwrap_or_default();
        let finding = |rule, what: &str, why, mend: &str| Finding {
            rule,
            path: package.manifest.clone(),
            line: line_of(manifest, |line| line == "[package]"),
            what: what.to_owned(),
            why,
            mend: mend.to_owned(),
        };
        if !package.described {
            findings.push(finding(
                "described",
                "has no description",
                "the list of crates is the first map of the house",
                "add `description = \"...\"`, the sentence its lib.rs begins with",
            ));
        }
        if !takes_lints(manifest) {
            findings.push(finding(
                "lints",
                "does not take the workspace's lints",
                "a crate without them is checked less than the others",
                "add `[lints]` with `workspace = true`",
            ));
        }
    }
    findings
}

/// Whether a manifest has `workspace = true` in its `[lints]`.
fn takes_lints(manifest: &str) -> bool {
    let mut section = "";
    manifest.lines().map(str::trim).any(|line| {
        if line.starts_with('[') {
            section = line;
        }
        let line = line.replace(' ', "");
        (section == "[lints]" && line == "workspace=true") || line == "lints.workspace=true"
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{files, places};
    use super::*;

    const METADATA: &str = r#"{
        "workspace_root": "/repo",
        "packages": [
            {"name": "seaworthy-base", "manifest_path": "/repo/crates/base/Cargo.toml",
             "description": "The coin.", "dependencies": [{"name": "serde", "kind": null}]},
            {"name": "xtask", "manifest_path": "/repo/xtask/Cargo.toml", "description": null,
             "dependencies": [{"name": "seaworthy-base", "kind": "dev"}]}
        ]}"#;

    #[test]
    fn packages_know_their_edges_within_the_workspace() {
        let packages = packages(METADATA).unwrap();
        assert_eq!(packages[0].name, "base");
        assert!(packages[0].edges.is_empty());
        assert_eq!(packages[1].manifest, "xtask/Cargo.toml");
        assert_eq!(packages[1].edges[0].to, "base");
        assert!(packages[1].edges[0].dev);
        assert!(super::packages("{}").is_err());
    }

    #[test]
    fn each_crate_describes_itself_and_takes_the_lints() {
        let manifests = files(&[
            ("crates/base/Cargo.toml", "[package]\n[lints]\nworkspace = true\n"),
            ("xtask/Cargo.toml", "[package]\nworkspace = true\n[lints]\n[dependencies]\n"),
        ]);
        let found = places(&check(&manifests, &packages(METADATA).unwrap()));
        assert_eq!(found, ["xtask/Cargo.toml:1 described", "xtask/Cargo.toml:1 lints"]);
        assert!(takes_lints("lints.workspace = true"));
        assert!(!takes_lints("[lints]\n[package]\nworkspace = true"));
    }
}
