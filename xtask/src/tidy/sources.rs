//! Rules for Rust sources: what a file says of itself, how long it is, and words it must not use.

use super::code::{self, Token};
use super::{File, Finding};

/// The modules that may say `unsafe`, each with its argument written at its head.
const SYS_MODULES: &[&str] = &[
    "crates/process/src/sys.rs",
    "crates/script/src/sys.rs",
    "crates/script/src/sys/buffer.rs",
    "crates/script/src/sys/bytecode.rs",
    "crates/script/src/sys/entries.rs",
    "crates/script/src/sys/fiber.rs",
];

const MOST_LINES: usize = 500;

/// Words that say nothing about what a thing is.
const BANNED_WORDS: &[&str] =
    &["manager", "managers", "helper", "helpers", "util", "utils", "common", "engine2"];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    check_with(files, SYS_MODULES)
}

fn check_with(files: &[File], sys_modules: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let paused_folders = paused_folders(files);
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        let folder = tests_folder(&file.path);
        let paused = folder.is_some_and(|folder| paused_folders.contains(&folder));
        let tokens = code::tokens(&file.text);
        findings.extend(head(file));
        findings.extend(length(file));
        findings.extend(file_name(file));
        findings.extend(type_names(file, &tokens));
        findings.extend(unsafety(file, &tokens, sys_modules));
        findings.extend(attributes(file, &tokens));
        findings.extend(unfinished(file, &tokens));
        findings.extend(sleeps(file, &tokens, paused));
    }
    findings.extend(lost_modules(files, sys_modules));
    findings
}

fn finding(
    rule: &'static str,
    file: &File,
    line: usize,
    what: String,
    why: &'static str,
    mend: &str,
) -> Finding {
    Finding { rule, path: file.path.clone(), line, what, why, mend: mend.to_owned() }
}

/// The file begins with a doc sentence.
fn head(file: &File) -> Option<Finding> {
    let paragraph: Vec<&str> = file
        .text
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect();
    let what = match paragraph.last() {
        None => "does not begin with a `//!` sentence",
        Some(last) if !last.ends_with('.') => {
            "its first `//!` paragraph does not end in a full stop"
        }
        Some(_) => return None,
    };
    let why = "a reader learns from the first line whether this is the place";
    let mend = "say in one sentence what the module holds";
    Some(finding("head", file, paragraph.len().max(1), what.to_owned(), why, mend))
}

/// The file is short enough to be one idea.
fn length(file: &File) -> Option<Finding> {
    let lines = file.text.lines().count();
    (lines > MOST_LINES).then(|| {
        let what = format!("has {lines} lines, the most is {MOST_LINES}");
        let why = "a long file hides the wall that is missing between two ideas";
        finding("length", file, MOST_LINES + 1, what, why, "give one of them its own module")
    })
}

/// No folder or file of a crate is called by a word that says nothing.
fn file_name(file: &File) -> Option<Finding> {
    let words = file.path.trim_end_matches(".rs").split(['/', '-']).flat_map(words);
    banned(words).map(|word| {
        let what = format!("`{word}` is in its path");
        finding("name", file, 0, what, WHY_NAMES, MEND_NAMES)
    })
}

/// No type, trait or module is called by such a word.
fn type_names(file: &File, tokens: &[Token<'_>]) -> Vec<Finding> {
    const DECLARE: &[&str] = &["struct", "enum", "union", "trait", "type", "mod"];
    let mut findings = Vec::new();
    for pair in tokens.windows(2) {
        let [keyword, name] = pair else { continue };
        if DECLARE.contains(&keyword.text)
            && let Some(word) = banned(words(name.text).into_iter())
        {
            let what = format!("`{} {}` has `{word}` in its name", keyword.text, name.text);
            findings.push(finding("name", file, name.line, what, WHY_NAMES, MEND_NAMES));
        }
    }
    findings
}

const WHY_NAMES: &str = "the word says that something is done, not what the thing is";
const MEND_NAMES: &str = "name it after what it holds or stands for, in the field's own word";

fn banned(words: impl Iterator<Item = String>) -> Option<String> {
    words.into_iter().find(|word| BANNED_WORDS.contains(&word.as_str()))
}

/// The words of a camel-case or snake-case name, in small letters.
fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).map(|index| letters[index]);
        let after_small = before.is_some_and(|it| it.is_lowercase() || it.is_ascii_digit());
        let before_small = letters.get(index + 1).is_some_and(|it| it.is_lowercase());
        if *letter == '_' || (letter.is_uppercase() && (after_small || before_small)) {
            words.push(String::new());
        }
        if *letter != '_'
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
    }
    words
}

/// `unsafe` stands only in the listed modules named `sys`.
fn unsafety(file: &File, tokens: &[Token<'_>], listed: &[&str]) -> Vec<Finding> {
    if listed.contains(&file.path.as_str()) {
        return Vec::new();
    }
    let why = "unsafe code is reviewed where it is expected, in the few modules that are listed";
    let mend = "use a safe crate (rustix), or move it to a `sys` module and list that in tidy";
    let finding = |token: &Token<'_>| {
        finding("unsafe", file, token.line, "`unsafe` outside a `sys` module".into(), why, mend)
    };
    tokens.iter().filter(|token| token.text == "unsafe").map(finding).collect()
}

/// Every listed module is there, and is named `sys`.
fn lost_modules(files: &[File], listed: &[&str]) -> Vec<Finding> {
    let is_sys = |path: &str| path.ends_with("/sys.rs") || path.contains("/sys/");
    let lost = |path: &&&str| !is_sys(path) || !files.iter().any(|file| file.path == **path);
    let finding = |path: &&str| Finding {
        rule: "unsafe",
        path: (*path).to_owned(),
        line: 0,
        what: "listed as a `sys` module, but is none".into(),
        why: "a list that is longer than the truth hides what is added to it",
        mend: "take it off SYS_MODULES in xtask/src/tidy/sources.rs".into(),
    };
    listed.iter().filter(lost).map(finding).collect()
}

/// No lint is silenced without a reason, no test is put aside.
fn attributes(file: &File, tokens: &[Token<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, token) in tokens.iter().enumerate().filter(|(_, token)| token.text == "#") {
        let open = index + if code::starts(tokens, index + 1, &["!"]) { 2 } else { 1 };
        if !code::starts(tokens, open, &["["]) {
            continue;
        }
        let inside = attribute(&tokens[open..]);
        let says = |word: &str| {
            let first = inside.first().is_some_and(|token| token.text == word);
            let conditional = inside.first().is_some_and(|token| token.text == "cfg_attr");
            first || (conditional && inside.iter().any(|token| token.text == word))
        };
        if says("allow") {
            let why = "an `allow` stays when its cause has gone; an `expect` reports that";
            let mend = "`#[expect(the_lint, reason = \"why it is right here\")]`";
            let what = "`allow` silences a lint".to_owned();
            findings.push(finding("allow", file, token.line, what, why, mend));
        }
        if says("ignore") {
            let why = "a test that does not run proves nothing and looks as if it did";
            let mend = "mend the test or delete it; what is long belongs in `cargo xtask bench`";
            let what = "`#[ignore]` puts a test aside".to_owned();
            findings.push(finding("ignore", file, token.line, what, why, mend));
        }
    }
    findings
}

/// What stands between an attribute's brackets; the first token is its opening bracket.
fn attribute<'a, 'b>(tokens: &'b [Token<'a>]) -> &'b [Token<'a>] {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match token.text {
            "[" => depth += 1,
            "]" if depth <= 1 => return &tokens[1..index],
            "]" => depth -= 1,
            _ => {}
        }
    }
    tokens.get(1..).unwrap_or_default()
}

/// Nothing is left to be written later, in code or in a comment's promise.
fn unfinished(file: &File, tokens: &[Token<'_>]) -> Vec<Finding> {
    const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let finding = |line, what| {
        let why = "what is not built is absent, not a panic in waiting or a promise";
        finding("unfinished", file, line, what, why, "build it, or leave it out")
    };
    let mut findings = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        if ["todo", "unimplemented"].contains(&token.text)
            && code::starts(tokens, index + 1, &["!"])
        {
            let what = format!("`{}!` stands for something that is not there", token.text);
            findings.push(finding(token.line, what));
        }
    }
    for (index, line) in file.text.lines().enumerate() {
        let mut words = line.split(|letter: char| !letter.is_alphanumeric());
        if let Some(mark) = words.find(|word| MARKS.contains(word)) {
            findings.push(finding(index + 1, format!("`{mark}` leaves something for later")));
        }
    }
    findings
}

/// Threads never sleep. A test does on paused time, where it takes none, and between two looks at
/// the condition it waits for.
fn sleeps(file: &File, tokens: &[Token<'_>], paused: bool) -> Vec<Finding> {
    let in_tests = tests_folder(&file.path).is_some();
    let loops = in_loop(tokens);
    let mut findings = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let path = ["thread", ":", ":", token.text];
        let of_thread = code::starts(tokens, index.saturating_sub(3), &path);
        // A method is somebody's own, as a workflow's, which takes what its clock takes.
        let method = index > 0 && tokens[index - 1].text == ".";
        let what = match token.text {
            "sleep" if of_thread => "`thread::sleep` holds a thread",
            "sleep" | "sleep_until" if in_tests && !paused && !loops[index] && !method => {
                "a test sleeps"
            }
            _ => continue,
        };
        let why =
            "a wait of fixed length is too short on a slow machine and too long on a fast one";
        let mend = "look for the condition in a loop with a deadline, or test on paused time";
        findings.push(finding("sleep", file, token.line, what.into(), why, mend));
    }
    findings
}

/// The folder (or module) of tests that a file belongs to.
fn tests_folder(path: &str) -> Option<&str> {
    let parts = path.match_indices(['/', '.']).map(|(end, _)| &path[..end]);
    parts.into_iter().find(|part| part.rsplit('/').next() == Some("tests"))
}

/// The folders of tests in which some test runs on paused time.
fn paused_folders(files: &[File]) -> Vec<&str> {
    let paused = |file: &&File| file.text.contains("start_paused = true");
    files.iter().filter(paused).filter_map(|file| tests_folder(&file.path)).collect()
}

/// For each token, whether it stands in the body of a `while` or a `loop`.
fn in_loop(tokens: &[Token<'_>]) -> Vec<bool> {
    let mut blocks: Vec<bool> = Vec::new();
    let mut opens_loop = false;
    let mut result = Vec::with_capacity(tokens.len());
    for token in tokens {
        match token.text {
            "while" | "loop" => opens_loop = true,
            ";" => opens_loop = false,
            "{" => blocks.push(std::mem::take(&mut opens_loop)),
            "}" => {
                blocks.pop();
            }
            _ => {}
        }
        result.push(blocks.contains(&true));
    }
    result
}

#[cfg(test)]
mod tests {
    use super::super::tests::{files, places};
    use super::*;

    /// Checks one source, to which a head is added, against `line rule` of what is found.
    fn check_at(path: &str, source: &str, expect: &[&str]) {
        let found =
            places(&check_with(&files(&[(path, &format!("//! Holds it.\n{source}"))]), &[]));
        let expect: Vec<String> = expect.iter().map(|place| format!("{path}:{place}")).collect();
        assert_eq!(found, expect, "{source}");
    }

    fn check_source(source: &str, expect: &[&str]) {
        check_at("crates/x/src/lib.rs", source, expect);
    }

    #[test]
    fn a_file_begins_with_a_sentence() {
        let place = |text: &str| places(&check_with(&files(&[("a.rs", text)]), &[]));
        assert_eq!(place("fn main() {}"), ["a.rs:1 head"]);
        assert_eq!(place("// Not a doc.\n"), ["a.rs:1 head"]);
        assert_eq!(place("//! Two lines\n//! without an end\n//!\n//! More."), ["a.rs:2 head"]);
        assert!(place("//! Two lines\n//! and an end.\n\nfn main() {}").is_empty());
        assert!(check_with(&files(&[("a.txt", "no source")]), &[]).is_empty());
    }

    #[test]
    fn a_file_is_not_longer_than_the_most() {
        check_source(&"\n".repeat(MOST_LINES - 1), &[]);
        check_source(&"\n".repeat(MOST_LINES), &["501 length"]);
    }

    #[test]
    fn names_that_say_nothing_are_found_as_whole_words_only() {
        check_source("pub struct SessionManager;", &["2 name"]);
        check_source("mod test_util;\nenum HTTPHelper {}", &["2 name", "3 name"]);
        check_source("type Engine2 = u8;", &["2 name"]);
        check_source("struct Utility; struct Commonwealth; struct Management;", &[]);
        check_source("// a struct Manager\nlet manager = \"struct Helper\";", &[]);
        check_at("crates/x/tests/common/mod.rs", "", &["0 name"]);
        check_at("crates/net-utils/src/lib.rs", "", &["0 name"]);
    }

    #[test]
    fn unsafe_stands_in_listed_modules_only() {
        check_source("fn f() { unsafe { g() } }", &["2 unsafe"]);
        check_source("// unsafe\n#![forbid(unsafe_code)]", &[]);
        check_at("crates/x/src/sys.rs", "unsafe fn f() {}", &["2 unsafe"]);
        let listed = files(&[("crates/x/src/sys.rs", "unsafe fn f() {}")]);
        let tokens = code::tokens(&listed[0].text);
        assert!(unsafety(&listed[0], &tokens, &["crates/x/src/sys.rs"]).is_empty());
        assert!(lost_modules(&listed, &["crates/x/src/sys.rs"]).is_empty());
        assert_eq!(lost_modules(&listed, &["crates/y/src/sys.rs"]).len(), 1);
        assert_eq!(
            lost_modules(&files(&[("crates/x/src/raw.rs", "")]), &["crates/x/src/raw.rs"]).len(),
            1
        );
    }

    #[test]
    fn lints_are_expected_with_a_reason_not_allowed() {
        check_source("#[allow(dead_code)]\nfn f() {}", &["2 allow"]);
        check_source("#![allow(\n  clippy::all\n)]", &["2 allow"]);
        check_source("#[cfg_attr(test, allow(dead_code))]\nfn f() {}", &["2 allow"]);
        check_source("#[expect(dead_code, reason = \"allow\")]\nfn f() { allow(1); }", &[]);
    }

    #[test]
    fn no_test_is_put_aside() {
        check_source("#[test]\n#[ignore]\nfn f() {}", &["3 ignore"]);
        check_source("#[ignore = \"slow\"]\nfn f() {}", &["2 ignore"]);
        check_source("#[cfg_attr(unix, ignore)]\nfn f() {}", &["2 ignore"]);
        check_source("fn f() { ignore(x[1]); }", &[]);
    }

    #[test]
    fn nothing_is_left_for_later() {
        check_source(
            "fn f() { todo!() }\nfn g() { unimplemented!(\"x\") }",
            &["2 unfinished", "3 unfinished"],
        );
        check_source("let todo = 1; // todo!()", &[]);
        check_source(
            concat!("// TO", "DO: more\n/* FIX", "ME */ fn f() {}"),
            &["2 unfinished", "3 unfinished"],
        );
    }

    #[test]
    fn tests_do_not_sleep_and_threads_never_do() {
        check_source("std::thread::sleep(d);", &["2 sleep"]);
        check_source("use std::thread::sleep;", &["2 sleep"]);
        check_source("tokio::time::sleep(d).await;", &[]);
        let check_test = |source, expect| check_at("crates/x/tests/it/main.rs", source, expect);
        check_test("tokio::time::sleep(d).await;", &["2 sleep"]);
        check_test("sleep_until(d).await;", &["2 sleep"]);
        check_test("Command::new(\"sleep\");", &[]);
        check_test("for _ in 0..3 { sleep(d).await; }", &["2 sleep"]);
        check_test("while !done() { f(); sleep(d).await; }\nsleep(d).await;", &["3 sleep"]);
        check_test("loop { if x { break } thread::sleep(d); }", &["2 sleep"]);
        check_at("crates/x/src/judge/tests.rs", "sleep(d).await;", &["2 sleep"]);
        check_at("crates/x/src/tests_of_time.rs", "sleep(d).await;", &[]);
    }

    #[test]
    fn on_paused_time_tests_may_sleep() {
        let paused = "//! P.\n#[tokio::test(start_paused = true)]\nasync fn f() {}";
        let sleeps = "//! S.\nasync fn f() { sleep(d).await; run.sleep(d).await; }\nfn g() { thread::sleep(d); }";
        let check = |path: &str, expect: &[&str]| {
            let files = files(&[("crates/x/tests/paused.rs", paused), (path, sleeps)]);
            assert_eq!(places(&check_with(&files, &[])), expect);
        };
        check("crates/x/tests/world/mod.rs", &["crates/x/tests/world/mod.rs:3 sleep"]);
        let both = ["crates/y/tests/it.rs:2 sleep", "crates/y/tests/it.rs:3 sleep"];
        check("crates/y/tests/it.rs", &both);
    }
}
