//! How fast a target's own log grows, and how many of its lines say that something went wrong.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use serde::Deserialize;
use serde_json::Value;

/// How much of what is new is read at once; of a log that grows faster, some lines go unread.
const AT_ONCE: u64 = 4 << 20;
/// How much of a line is looked at, in bytes.
const LONGEST_LINE: usize = 64 << 10;
/// How far into a line a level may stand, in words.
const WORDS: usize = 16;
/// Errors are counted over the last minute.
const MINUTE: f64 = 60.0;

/// A log that is read as it grows.
#[derive(Debug)]
pub(crate) struct LogTail {
    path: PathBuf,
    offset: u64,
    partial: Vec<u8>,
    errors: VecDeque<(f64, u64)>,
    before: Option<(f64, u64)>,
    /// Bytes that grew faster than they could be read.
    pub(crate) unread: u64,
}

/// What a log did since it was last looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Growth {
    /// Its size, in bytes.
    pub(crate) size: u64,
    /// Bytes a second since the look before; `None` at the first look.
    pub(crate) per_second: Option<f64>,
    /// Lines in the last minute that say that something went wrong.
    pub(crate) errors: u64,
}

impl LogTail {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            offset: 0,
            partial: Vec::new(),
            errors: VecDeque::new(),
            before: None,
            unread: 0,
        }
    }

    /// Reads what is new. A log that was cut off begins anew.
    pub(crate) fn look(&mut self, second: f64) -> std::io::Result<Growth> {
        // What a target put in its log's place is not followed and not waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::open(&self.path, flags, Mode::empty())?);
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(std::io::Error::other("the log is not a plain file"));
        }
        let size = metadata.len();
        if size < self.offset {
            (self.offset, self.partial) = (0, Vec::new());
            self.before = None;
        }
        if size - self.offset > AT_ONCE {
            self.unread += size - self.offset - AT_ONCE;
            (self.offset, self.partial) = (size - AT_ONCE, Vec::new());
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        file.take(AT_ONCE).read_to_end(&mut bytes)?;
        self.offset += bytes.len() as u64;
        let found = self.count(&bytes);
        if found > 0 {
            self.errors.push_back((second, found));
        }
        while self.errors.front().is_some_and(|(at, _)| *at <= second - MINUTE) {
            self.errors.pop_front();
        }
        let per_second = self.before.and_then(|(at, before)| {
            (second > at).then(|| size.saturating_sub(before) as f64 / (second - at))
        });
        self.before = Some((second, size));
        let errors = self.errors.iter().map(|(_, count)| count).sum();
        Ok(Growth { size, per_second, errors })
    }

    /// How many whole lines among these bytes, and what was left before, are errors.
    fn count(&mut self, bytes: &[u8]) -> u64 {
        let mut errors = 0;
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LONGEST_LINE.saturating_sub(self.partial.len());
            self.partial.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                errors += u64::from(is_error(&self.partial));
                self.partial.clear();
            }
        }
        errors
    }
}

/// What JSON logs call a line's level.
#[derive(Deserialize)]
struct Levelled {
    #[serde(alias = "severity", alias = "lvl", alias = "log.level", alias = "loglevel")]
    #[serde(alias = "levelname", alias = "Level", alias = "@l")]
    level: Option<Value>,
}

/// Whether a line of a log, plain, logfmt or JSON, says of itself that it is an error or worse.
pub(crate) fn is_error(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    if line.starts_with(b"{")
        && let Ok(Levelled { level: Some(level) }) = serde_json::from_slice(line)
    {
        return match level {
            Value::String(level) => severe(&level) == Some(true),
            // As bunyan and pino number them: 50 is an error, 60 fatal.
            Value::Number(level) => level.as_f64().is_some_and(|level| level >= 50.0),
            _ => false,
        };
    }
    let head = &line[..line.len().min(512)];
    let text = String::from_utf8_lossy(head);
    // Colours stand between a level and its neighbours, and end in a letter of their own.
    let text = uncoloured(&text);
    for key in ["level=", "lvl=", "severity="] {
        if let Some(at) = text.find(key) {
            let value = text[at + key.len()..].trim_start_matches('"');
            let end = value.find(|letter: char| !letter.is_ascii_alphabetic());
            if let Some(severe) = severe(&value[..end.unwrap_or(value.len())]) {
                return severe;
            }
        }
    }
    if text.starts_with("panic: ")
        || (text.starts_with("thread '") && text.contains("' panicked"))
        || text.starts_with("Traceback (most recent call last)")
    {
        return true;
    }
    level_word(&text).unwrap_or(false)
}

/// The first word of a plain line that can only be its level: in capitals, in brackets, or before a
/// colon.
fn level_word(text: &str) -> Option<bool> {
    let mut rest = text;
    for _ in 0..WORDS {
        let start = rest.find(|letter: char| letter.is_ascii_alphabetic())?;
        let before = rest[..start].chars().next_back();
        let word = &rest[start..];
        let end = word.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(word.len());
        let (word, after) = word.split_at(end);
        let capitals = word.chars().all(|letter| letter.is_ascii_uppercase());
        let marked = match (before, after.chars().next()) {
            (Some('['), Some(']')) | (Some('<'), Some('>')) => true,
            (before, Some(':')) => before.is_none_or(char::is_whitespace),
            _ => false,
        };
        // `x-ERROR-y` and `ERROR=5` are a part of something else.
        let apart = !matches!(before, Some('-' | '_' | '/' | '.'))
            && !matches!(after.chars().next(), Some('-' | '_' | '/' | '=' | '.'));
        if (marked || (capitals && apart))
            && let Some(severe) = severe(word)
        {
            return Some(severe);
        }
        rest = after;
    }
    None
}

/// Whether a level is an error or worse; `None` when the word is no level.
fn severe(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "trace" | "debug" | "info" | "information" | "notice" | "warn" | "warning" | "verbose" => {
            Some(false)
        }
        "error" | "err" | "eror" | "fatal" | "critical" | "crit" | "severe" | "panic"
        | "dpanic" | "emerg" | "emergency" | "alert" => Some(true),
        _ => None,
    }
}

/// The text without terminal colours.
fn uncoloured(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut pieces = text.split("\u{1b}[");
    clean.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let end = piece.find(|letter: char| letter.is_ascii_alphabetic());
        clean.push_str(end.map_or("", |end| &piece[end + 1..]));
    }
    clean
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn levels_are_read_in_three_dresses() {
        for error in [
            "2026-11-20 21:49:12,123 ERROR [main] c.e.Api - cannot answer",
            "E1120 x: error: disk is full",
            "[2026-11-20T21:49:12Z ERROR hub::store] cannot write",
            "2026/11/20 21:49:12 [error] 7#7: *1 connect() failed",
            "ERROR:root:it failed",
            "2026-11-20T21:49:12Z \u{1b}[31mERROR\u{1b}[0m hub: it failed",
            "level=error msg=\"it failed\"",
            "ts=1 lvl=\"crit\" msg=x",
            r#"{"level":"ERROR","msg":"it failed"}"#,
            r#"{"time":1,"severity":"CRITICAL"}"#,
            r#"{"level":50,"msg":"it failed"}"#,
            "panic: runtime error: index out of range",
            "thread 'main' panicked at src/main.rs:1:1:",
            "Traceback (most recent call last):",
            "FATAL: the database is gone",
        ] {
            assert!(is_error(error.as_bytes()), "{error}");
        }
        for fine in [
            "2026-11-20 21:49:12 INFO answered with ERROR 0",
            "the ERROR=0 counter",
            "no-ERROR-here",
            "errors: none",
            "level=info msg=\"level=error was set\"",
            "level=warn error=nil",
            r#"{"level":"info","error":"ERROR"}"#,
            r#"{"level":30,"msg":"ERROR"}"#,
            r#"{"msg":"ok"}"#,
            "",
            "an error occurred in a sentence",
            "[warn] slow",
            "127.0.0.1 - - GET /ERROR/page HTTP/1.1 200",
        ] {
            assert!(!is_error(fine.as_bytes()), "{fine}");
        }
    }

    #[test]
    fn a_log_is_read_as_it_grows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.log");
        let mut tail = LogTail::new(&path);
        assert!(tail.look(0.0).is_err());
        let mut log = File::create(&path).unwrap();
        log.write_all(b"INFO one\nERROR two\nERR").unwrap();
        assert_eq!(tail.look(1.0).unwrap(), Growth { size: 22, per_second: None, errors: 1 });
        log.write_all(b"OR three\n").unwrap();
        let growth = tail.look(3.0).unwrap();
        assert_eq!(growth, Growth { size: 31, per_second: Some(4.5), errors: 2 });
        assert_eq!(tail.look(61.5).unwrap().errors, 1, "the first is older than a minute");
        // Rotated by being cut off.
        log.set_len(0).unwrap();
        assert_eq!(tail.look(64.0).unwrap(), Growth { size: 0, per_second: None, errors: 0 });
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert!(tail.look(65.0).is_err());
    }

    #[test]
    fn a_log_that_floods_is_not_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.log");
        std::fs::write(&path, b"ERROR it failed\n".repeat(500_000)).unwrap();
        let mut tail = LogTail::new(&path);
        let growth = tail.look(1.0).unwrap();
        assert_eq!(growth.size, 8_000_000);
        assert_eq!(tail.unread, 8_000_000 - AT_ONCE);
        assert!(growth.errors > 200_000);
    }

    proptest! {
        #[test]
        fn no_line_panics(line: Vec<u8>, text: String) {
            let _ = is_error(&line);
            let _ = is_error(text.as_bytes());
            let _ = is_error(format!("{{{text}").as_bytes());
        }
    }
}
