//! Scripts that are written for a user: the templates of `new`, and one script for each row of a table
//! of load profiles.

mod cells;
mod profile;
mod script;
mod table;
mod template;

pub use profile::Profile;
pub use script::script;
pub use table::profiles;
pub use template::{Template, create};

use std::collections::BTreeSet;

use seaworthy_document::Finding;

/// A script and the file it is to be written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// A file name without folders, safe on every system and unlike any other of the same table.
    pub file: String,
    /// The script.
    pub text: String,
}

/// The longest file name, without its ending.
const LONGEST: usize = 80;

/// Reads a table of load profiles (CSV, YAML or JSON, told by the ending of `file`) and writes a script
/// for each row. Rows that cannot be used are findings; the scripts of the others are there all the same.
pub fn scripts(file: &str, text: &str) -> (Vec<Script>, Vec<Finding>) {
    let (profiles, findings) = profiles(file, text);
    let mut taken = BTreeSet::new();
    let scripts = profiles.iter().map(|profile| Script {
        file: file_name(&profile.name, &mut taken),
        text: script(profile),
    });
    (scripts.collect(), findings)
}

/// A name as a file's: letters, digits, `-`, `_` and `.`; never two that differ in case alone.
fn file_name(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut stem = String::new();
    for letter in name.chars() {
        match letter {
            letter if letter.is_ascii_alphanumeric() || "_.".contains(letter) => stem.push(letter),
            _ if stem.ends_with('-') => {}
            _ => stem.push('-'),
        }
    }
    let stem: String = stem.trim_matches(['-', '.', '_']).chars().take(LONGEST).collect();
    let stem = stem.trim_end_matches(['-', '.', '_']);
    // Names that Windows keeps for devices.
    let device = ["con", "prn", "aux", "nul"].contains(&stem.to_ascii_lowercase().as_str());
    let stem = match stem {
        "" => "profile".to_owned(),
        stem if device => format!("{stem}-profile"),
        stem => stem.to_owned(),
    };
    let mut file = format!("{stem}.js");
    let mut number = 2;
    while !taken.insert(file.to_ascii_lowercase()) {
        file = format!("{stem}-{number}.js");
        number += 1;
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn file_names_are_safe_and_differ() {
        let mut taken = BTreeSet::new();
        let names = ["soak", "Soak", "../../etc/passwd", "", "näh ... x", "con", "a/b", "a\\b"];
        let files: Vec<String> = names.iter().map(|name| file_name(name, &mut taken)).collect();
        assert_eq!(
            files,
            [
                "soak.js",
                "Soak-2.js",
                "etc-passwd.js",
                "profile.js",
                "n-h-...-x.js",
                "con-profile.js",
                "a-b.js",
                "a-b-2.js"
            ]
        );
    }

    proptest! {
        #[test]
        fn no_name_leaves_its_folder(names in proptest::collection::vec(".{0,120}", 1..5)) {
            let mut taken = BTreeSet::new();
            let files: Vec<String> = names.iter().map(|name| file_name(name, &mut taken)).collect();
            for file in &files {
                prop_assert!(file.len() <= 100 && !file.starts_with('.'), "{}", file);
                prop_assert!(
                    file.chars().all(|it| it.is_ascii_alphanumeric() || "-_.".contains(it)),
                    "{}",
                    file
                );
            }
            let different: BTreeSet<&String> = files.iter().collect();
            prop_assert_eq!(different.len(), files.len());
        }
    }
}
