//! The tree of groups and their checks, made of the paths that samples carried.

use serde_json::{Map, Value, json};

use crate::snapshot::Snapshot;

/// A group, what is in it, and which checks stand in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: String,
    /// As `::outer::inner`; the root's is empty.
    pub(super) path: String,
    pub(super) groups: Vec<Group>,
    pub(super) checks: Vec<Check>,
}

/// A check and how it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) name: String,
    pub(super) passes: u64,
    pub(super) fails: u64,
}

/// Between the names of a path.
const BETWEEN: &str = "::";

/// What `setup` and `teardown` run in. They count as groups only when checks or groups are in them.
const AROUND: [&str; 2] = ["::setup", "::teardown"];

impl Group {
    /// The group of that path, made if it is not there, with those around it.
    fn at(&mut self, path: &str) -> &mut Self {
        let mut group = self;
        let names = path.strip_prefix(BETWEEN).unwrap_or(path);
        if names.is_empty() {
            return group;
        }
        for name in names.split(BETWEEN) {
            let place = group.groups.iter().position(|inner| inner.name == name);
            let place = place.unwrap_or_else(|| {
                let path = format!("{}{BETWEEN}{name}", group.path);
                let (name, rest) = (name.to_owned(), Self::default());
                group.groups.push(Self { name, path, ..rest });
                group.groups.len() - 1
            });
            group = &mut group.groups[place];
        }
        group
    }

    /// Whether it is what `setup` or `teardown` runs in.
    pub(super) fn is_around(&self) -> bool {
        AROUND.contains(&self.path.as_str())
    }

    /// Whether it is there for the checks of `setup` or `teardown` only, which the totals have.
    pub(super) fn is_only_checks_of_setup(&self) -> bool {
        self.is_around() && self.groups.is_empty()
    }

    fn check(&mut self, name: &str, passes: u64, fails: u64) {
        match self.checks.iter_mut().find(|check| check.name == name) {
            Some(check) => {
                check.passes += passes;
                check.fails += fails;
            }
            None => self.checks.push(Check { name: name.to_owned(), passes, fails }),
        }
    }
}

/// The groups and checks of some scenarios; those of setup and teardown are in none (`""`).
pub(super) fn tree(snapshot: &Snapshot, of: impl Fn(&str) -> bool) -> Group {
    let mut root = Group::default();
    for place in snapshot.groups().iter().filter(|place| of(&place.scenario)) {
        let around = AROUND.contains(&&*place.group);
        if !around || snapshot.checks().any(|check| check.place == place) {
            root.at(&place.group);
        }
    }
    for check in snapshot.checks().filter(|check| of(&check.place.scenario)) {
        root.at(&check.place.group).check(check.name, check.passes, check.fails);
    }
    root
}

/// All checks, those of one name together wherever they stand, in the order they appeared.
pub(super) fn checks(snapshot: &Snapshot, of: impl Fn(&str) -> bool) -> Vec<Check> {
    let mut all = Group::default();
    for check in snapshot.checks().filter(|check| of(&check.place.scenario)) {
        all.check(check.name, check.passes, check.fails);
    }
    all.checks
}

/// As `handleSummary` is given it: lists.
pub(super) fn listed(snapshot: &Snapshot) -> Value {
    fn list(group: &Group) -> Value {
        let groups: Vec<_> = group.groups.iter().map(list).collect();
        let checks: Vec<_> = group.checks.iter().map(|check| check.value(group)).collect();
        json!({
            "name": group.name,
            "path": group.path,
            "id": id(&group.path),
            "groups": groups,
            "checks": checks,
        })
    }
    list(&tree(snapshot, |_| true))
}

/// As an export has it: objects by name.
pub(super) fn exported(snapshot: &Snapshot) -> Value {
    fn object(group: &Group) -> Value {
        let groups = group.groups.iter().map(|inner| (inner.name.clone(), object(inner)));
        let checks = group.checks.iter().map(|check| (check.name.clone(), check.value(group)));
        let (groups, checks): (Map<_, _>, Map<_, _>) = (groups.collect(), checks.collect());
        json!({
            "name": group.name,
            "path": group.path,
            "id": id(&group.path),
            "groups": groups,
            "checks": checks,
        })
    }
    object(&tree(snapshot, |_| true))
}

impl Check {
    fn value(&self, group: &Group) -> Value {
        let path = format!("{}{BETWEEN}{}", group.path, self.name);
        json!({
            "name": self.name,
            "path": path,
            "id": id(&path),
            "passes": self.passes,
            "fails": self.fails,
        })
    }
}

/// k6 names groups and checks by the MD5 of their path.
fn id(path: &str) -> String {
    use md5::Digest;
    md5::Md5::digest(path.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
