//! What the tests need that cargo cannot bring: the table, and how a missing thing gets here.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{command, postgres};

/// A program that some test starts or some crate is built with.
pub(crate) struct Need {
    /// Names it goes by, the first found wins.
    programs: &'static [&'static str],
    /// The Debian packages that bring it.
    packages: &'static [&'static str],
    /// What fails without it.
    why: &'static str,
    /// The variable (`SEAWORTHY_TEST_...`) that tells the tests where it is; set beforehand, it
    /// decides. `None` for what is found by its name alone.
    variable: Option<&'static str>,
}

/// Everything the tests need. A database is not among what has to be started beforehand: `test` starts
/// one for its tests, and tests that stop and kill theirs start their own.
const NEEDS: &[Need] = &[
    Need {
        programs: &["cc"],
        packages: &["gcc", "libc6-dev"],
        why: "builds SQLite and AWS-LC, and the shim that makes fsync fail in the durability tests",
        variable: None,
    },
    Need {
        programs: &["jq"],
        packages: &["jq"],
        why: "verifies receipts with public tools alone, by the script in docs/reference/receipts.md",
        variable: None,
    },
    Need {
        programs: &["openssl"],
        packages: &["openssl"],
        why: "checks the signatures in that script",
        variable: None,
    },
    Need {
        programs: &["chromium", "chromium-browser", "google-chrome"],
        packages: &["chromium", "fonts-liberation"],
        why: "opens report.html as a person would",
        variable: Some("SEAWORTHY_TEST_CHROMIUM"),
    },
    Need {
        programs: &["postgres"],
        packages: &["postgresql"],
        why: "keeps rows in the tests of `store` and `hub`",
        variable: Some(POSTGRES),
    },
];

/// The variable that names PostgreSQL's server.
pub(crate) const POSTGRES: &str = "SEAWORTHY_TEST_POSTGRES";

/// Makes sure that everything is here, installing what is missing where that is allowed; returns
/// the variables that tell the tests where things are.
pub(crate) fn ready() -> Result<Vec<(&'static str, PathBuf)>> {
    let absent = absent(NEEDS, &find)?;
    if !absent.is_empty() {
        if !(is_root() && is_debian()) {
            bail!("{}", advice(&absent));
        }
        if let Err(error) = install(&absent) {
            bail!("{error:#}\n{}", advice(&absent));
        }
    }
    let mut variables = Vec::new();
    for need in NEEDS {
        let path = locate(need, &find)?.with_context(|| {
            format!("{} is still missing after its installation", need.programs[0])
        })?;
        variables.extend(need.variable.map(|variable| (variable, path)));
    }
    Ok(variables)
}

/// Every variable that tells the tests where things are.
pub(crate) fn variables() -> impl Iterator<Item = &'static str> {
    NEEDS.iter().filter_map(|need| need.variable).chain([postgres::VARIABLE])
}

fn absent<'a>(needs: &'a [Need], find: &dyn Fn(&str) -> Option<PathBuf>) -> Result<Vec<&'a Need>> {
    let mut absent = Vec::new();
    for need in needs {
        if locate(need, find)?.is_none() {
            absent.push(need);
        }
    }
    Ok(absent)
}

fn locate(need: &Need, find: &dyn Fn(&str) -> Option<PathBuf>) -> Result<Option<PathBuf>> {
    if let Some(variable) = need.variable
        && let Some(given) = std::env::var_os(variable)
    {
        let path = PathBuf::from(given);
        if !is_executable(&path) {
            bail!("{variable} names {}, which is no program", path.display());
        }
        return Ok(Some(path));
    }
    Ok(need.programs.iter().find_map(|program| find(program)))
}

/// What is missing and the one command that brings it.
fn advice(absent: &[&Need]) -> String {
    let mut text = String::from("the tests need programs that are not here:\n");
    for need in absent {
        text.push_str(&format!("  {:10} {}\n", need.programs[0], need.why));
    }
    text.push_str(&format!(
        "on Debian: sudo apt-get update && sudo apt-get install -y --no-install-recommends {}",
        packages(absent).join(" ")
    ));
    text
}

fn packages(absent: &[&Need]) -> Vec<&'static str> {
    absent.iter().flat_map(|need| need.packages).copied().collect()
}

fn install(absent: &[&Need]) -> Result<()> {
    let packages = packages(absent);
    eprintln!("installing {}", packages.join(", "));
    apt_get(&["update"])?;
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(packages);
    apt_get(&arguments)
}

/// Runs apt-get, asking nothing and talking on stderr.
fn apt_get(arguments: &[&str]) -> Result<()> {
    command::run(
        Command::new("apt-get")
            .arg("-qq")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            // A server that comes with a package is not started: the tests start their own.
            .env("RUNLEVEL", "1")
            .stdout(std::io::stderr()),
    )
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .chain(versions_of_postgres())
        .map(|folder| folder.join(program))
        .find(|path| is_executable(path))
}

/// Where Debian keeps PostgreSQL's programs, a folder a version and none on the path; the newest first.
fn versions_of_postgres() -> Vec<PathBuf> {
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let folders = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = folders.map(|version| version.path()).collect();
    versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
    versions.into_iter().map(|version| version.join("bin")).collect()
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

pub(crate) fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .is_ok_and(|status| effective_user(&status) == Some(0))
}

/// The effective user id in the text of /proc/self/status: the second number of its `Uid:` line.
fn effective_user(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists() && find("apt-get").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[Need] = &[
        Need { programs: &["one", "uno"], packages: &["first"], why: "counts", variable: None },
        Need { programs: &["two"], packages: &["second", "third"], why: "pairs", variable: None },
    ];

    #[test]
    fn what_is_missing_is_named_with_the_command_that_brings_it() {
        let absent = absent(TWO, &|_| None).unwrap();
        let text = advice(&absent);
        assert!(text.contains("one") && text.contains("counts"), "{text}");
        assert!(text.ends_with("--no-install-recommends first second third"), "{text}");
    }

    #[test]
    fn another_name_for_the_same_program_will_do() {
        let uno = |program: &str| (program == "uno").then(|| PathBuf::from("/bin/uno"));
        let absent = absent(TWO, &uno).unwrap();
        assert_eq!(packages(&absent), ["second", "third"]);
    }

    #[test]
    fn a_variable_that_names_no_program_is_refused() {
        // PATH is set in every test run and never names one program.
        let need =
            Need { programs: &["sh"], packages: &["dash"], why: "asks", variable: Some("PATH") };
        assert!(locate(&need, &find).unwrap_err().to_string().contains("PATH names"));
    }

    #[test]
    fn a_program_is_found_on_the_path_and_a_folder_is_none() {
        assert!(find("sh").is_some());
        assert!(find("no-such-program").is_none());
        assert!(!is_executable(Path::new("/")));
    }

    #[test]
    fn the_effective_user_is_the_second_number() {
        assert_eq!(effective_user("Name:\tx\nUid:\t1000\t0\t1000\t1000\n"), Some(0));
        assert_eq!(effective_user("Name:\tx\n"), None);
    }
}
