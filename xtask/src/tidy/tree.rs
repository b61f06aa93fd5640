//! Rules for what is built from elsewhere: one TLS, one crypto provider.

use std::collections::BTreeMap;

use super::{File, Finding};

/// The packages that are really built, which Cargo.lock does not say: it also lists what features
/// that are off would need.
pub(super) const ARGUMENTS: &[&str] = &[
    "tree",
    "--workspace",
    "--locked",
    "--edges",
    "normal,build,dev",
    "--prefix",
    "none",
    "--format",
    "{p}",
];

/// Packages that are never built, and why.
const BANNED: &[(&str, &str)] = &[
    ("ring", "AWS-LC is the one crypto provider; with two, the first handshake panics"),
    ("openssl-sys", "TLS is rustls; OpenSSL makes the binary depend on the machine it runs on"),
    ("native-tls", "TLS is rustls; the machine's own differs from machine to machine"),
];

/// Packages that are built once: two versions of them do not know each other's settings.
const ONCE: &[&str] = &["rustls", "aws-lc-rs", "tokio", "hyper"];

pub(super) fn check(files: &[File], tree: &str) -> Vec<Finding> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in tree.lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            let versions = versions.entry(name).or_default();
            if !versions.contains(&version) {
                versions.push(version);
            }
        }
    }
    let finding = |name: &str, what: String, why| Finding {
        rule: "tree",
        path: "Cargo.lock".into(),
        line: lock_line(files, name),
        what,
        why,
        mend: format!(
            "`cargo tree --workspace -i {name}` shows who asks for it; ask otherwise there"
        ),
    };
    let mut findings = Vec::new();
    for (name, why) in BANNED.iter().filter(|(name, _)| versions.contains_key(name)) {
        findings.push(finding(name, format!("`{name}` is built"), why));
    }
    for name in ONCE {
        if let Some(versions) = versions.get(name).filter(|versions| versions.len() > 1) {
            let what =
                format!("`{name}` is built {} times: {}", versions.len(), versions.join(", "));
            findings.push(finding(name, what, "two versions of it do not share types or settings"));
        }
    }
    findings
}

fn lock_line(files: &[File], name: &str) -> usize {
    let entry = format!("name = \"{name}\"");
    files
        .iter()
        .find(|file| file.path == "Cargo.lock")
        .map_or(0, |file| super::line_of(&file.text, |line| line == entry))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{files, places};
    use super::*;

    #[test]
    fn banned_and_doubled_packages_are_found_where_they_are_built() {
        let lock = files(&[("Cargo.lock", "[[package]]\nname = \"ring\"\n\nname = \"rustls\"\n")]);
        let check = |tree: &str, expect: &[&str]| {
            assert_eq!(places(&check(&lock, tree)), expect, "{tree}");
        };
        check("seaworthy v0.1.0 (/repo)\nrustls v0.23.46\nrustls v0.23.46 (*)", &[]);
        check("rustls v0.23.46\nring v0.17.14\n", &["Cargo.lock:2 tree"]);
        check("rustls v0.23.46\nrustls v0.24.0\n", &["Cargo.lock:4 tree"]);
        check("openssl-sys v0.9.1\n", &["Cargo.lock:0 tree"]);
        check("ring-compat v1.0.0\n", &[]);
    }
}
