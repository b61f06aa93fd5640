//! The end of a log file, bounded and made printable: what a target wrote is not to be trusted.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::error::Error;

/// How much of the file's end is looked at.
const WINDOW: u64 = 64 << 10;

/// How many characters of a line are kept.
const WIDTH: usize = 400;

/// The last `count` lines of a file, oldest first. Reads at most its last 64 KiB; cuts lines after
/// 400 characters; writes control characters, terminal escapes, invisible and direction-changing
/// characters and bytes that are not UTF-8 as visible escapes.
///
/// # Errors
/// When the file cannot be read.
pub fn last_lines(log: &Path, count: usize) -> Result<Vec<String>, Error> {
    let bytes = tail(log).map_err(|source| Error::Log { path: log.to_owned(), source })?;
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let mut lines: Vec<_> =
        bytes.rsplit(|byte| *byte == b'\n').take(count).map(printable).collect();
    lines.reverse();
    Ok(lines)
}

/// The file's last bytes, from the start of a line if one starts among them.
fn tail(log: &Path) -> io::Result<Vec<u8>> {
    // A pipe put in the log's place must not make us wait for a writer.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(log)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a plain file"));
    }
    let start = metadata.len().saturating_sub(WINDOW);
    // One byte more, to see whether a line starts exactly at the window.
    file.seek(SeekFrom::Start(start.saturating_sub(1)))?;
    let mut bytes = Vec::new();
    file.take(WINDOW + 1).read_to_end(&mut bytes)?;
    if start > 0
        && let Some(end) =
            bytes[..bytes.len().saturating_sub(1)].iter().position(|byte| *byte == b'\n')
    {
        bytes.drain(..=end);
    }
    Ok(bytes)
}

/// The line as a terminal may show it.
pub(crate) fn printable(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut text = String::new();
    let mut width = 0;
    for chunk in line.utf8_chunks() {
        let invalid = chunk.invalid().iter().map(|byte| Piece::Byte(*byte));
        for piece in chunk.valid().chars().map(Piece::Letter).chain(invalid) {
            if width == WIDTH {
                text.push('…');
                return text;
            }
            width += 1;
            // Writing to a string cannot fail.
            let _ = match piece {
                Piece::Letter('\t') => text.write_str("    "),
                Piece::Letter(letter) if misleads(letter) => {
                    write!(text, "{}", letter.escape_unicode())
                }
                Piece::Letter(letter) if letter.is_control() => {
                    write!(text, "\\x{:02x}", u32::from(letter))
                }
                Piece::Letter(letter) => text.write_char(letter),
                Piece::Byte(byte) => write!(text, "\\x{byte:02x}"),
            };
        }
    }
    text
}

enum Piece {
    Letter(char),
    Byte(u8),
}

/// Characters that are not seen, or that change how their neighbours are shown.
fn misleads(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines_of(contents: &[u8], count: usize) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        std::fs::write(&log, contents).unwrap();
        last_lines(&log, count).unwrap()
    }

    #[test]
    fn the_last_lines_come_in_order() {
        assert_eq!(lines_of(b"one\ntwo\r\nthree", 2), ["two", "three"]);
        assert_eq!(lines_of(b"one\n\nthree\n", 9), ["one", "", "three"]);
        assert_eq!(lines_of(b"", 9), Vec::<String>::new());
        assert_eq!(lines_of(b"one\n", 0), Vec::<String>::new());
    }

    #[test]
    fn hostile_bytes_are_shown_and_not_obeyed() {
        let lines = lines_of("\x1b[2J\u{202e}gnp\x07\u{9b}\tok \u{e9}\0".as_bytes(), 1);
        assert_eq!(lines, ["\\x1b[2J\\u{202e}gnp\\x07\\x9b    ok \u{e9}\\x00"]);
        assert_eq!(lines_of(b"a\xff\xfeb\rc", 1), ["a\\xff\\xfeb\\x0dc"]);
    }

    #[test]
    fn reads_are_bounded() {
        let window = usize::try_from(WINDOW).unwrap();
        let endless = lines_of(&vec![b'x'; 3 * window], 5);
        assert_eq!(endless, [format!("{}…", "x".repeat(WIDTH))]);
        let mut cut = b"first ".repeat(window / 3);
        cut.extend_from_slice(b"\nlast\n");
        let lines = lines_of(&cut, 5);
        assert_eq!(lines, ["last"], "half a line is left out where a whole one follows");
        let mut exact = b"gone\n".to_vec();
        exact.extend_from_slice(format!("{}\n", "y".repeat(window - 1)).as_bytes());
        assert!(lines_of(&exact, 5)[0].starts_with("yyy"));
        assert_eq!(lines_of(&exact, 5).len(), 1);
    }

    #[test]
    fn only_plain_files_are_read() {
        let error = last_lines(Path::new("/dev/zero"), 1).unwrap_err();
        assert_eq!(error.code(), "process-log-failed");
        let error = last_lines(Path::new("/nowhere/log"), 1).unwrap_err();
        assert_eq!(error.code(), "process-log-failed");
        assert!(error.hint().is_some());
    }

    proptest! {
        #[test]
        fn every_line_is_printable_and_short(line: Vec<u8>) {
            let text = printable(&line);
            prop_assert!(!text.chars().any(|letter| letter.is_control() || misleads(letter)));
            prop_assert!(text.chars().count() <= 10 * WIDTH + 1);
        }
    }
}
