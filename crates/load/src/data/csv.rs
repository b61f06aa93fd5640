//! Comma-separated values into cells.

use std::collections::BTreeSet;

use csv::{ByteRecord, ReaderBuilder};
use seaworthy_document::{Finding, Place};

use super::{Cells, MAX_BYTES};

/// Ragged rows that are named one by one.
const MOST_NAMED: usize = 20;

pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Cells, Vec<Finding>> {
    let error = |line: u64, reason: String, hint: &str| {
        let line = u32::try_from(line).unwrap_or(0);
        let place = Place { file: file.to_owned(), line, column: 0 };
        Finding::error("load-data", reason).at(place).hint(hint).unquoted()
    };
    if bytes.len() > MAX_BYTES {
        let reason = format!("the file has {} bytes; at most {MAX_BYTES} are read", bytes.len());
        return Err(vec![error(0, reason, "split it")]);
    }
    // A byte-order mark is no part of the first column's name.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Some(line) = unclosed(bytes) {
        let reason = "a quote is opened here and never closed".to_owned();
        return Err(vec![error(line, reason, "close it; a quote within quotes is written twice")]);
    }
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut findings = Vec::new();
    let mut ragged = 0_usize;
    let mut cells = Cells { columns: Vec::new(), buffer: String::new(), ends: Vec::new() };
    let mut record = ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(broken) => {
                let line = broken.position().map_or(0, csv::Position::line);
                findings.push(error(line, broken.to_string(), "write it as RFC 4180 has it"));
                break;
            }
        }
        let line = record.position().map_or(0, csv::Position::line);
        let Some(row) = text(&record) else {
            let reason = "the row is not UTF-8".to_owned();
            findings.push(error(line, reason, "save the file as UTF-8"));
            break;
        };
        if cells.columns.is_empty() {
            cells.columns = row.iter().map(|name| name.trim().to_owned()).collect();
            let mut seen = BTreeSet::new();
            for (position, name) in cells.columns.iter().enumerate() {
                if name.is_empty() || !seen.insert(name) {
                    let reason =
                        format!("column {} has no name of its own: `{name}`", position + 1);
                    let hint = "the first row names the columns, each differently";
                    findings.push(error(line, reason, hint));
                }
            }
            continue;
        }
        if row.len() != cells.columns.len() {
            ragged += 1;
            if ragged <= MOST_NAMED {
                let reason = format!(
                    "the row has {} cell(s), the first row names {}",
                    row.len(),
                    cells.columns.len()
                );
                findings.push(error(line, reason, "put a cell with a comma in it into quotes"));
            }
            continue;
        }
        for cell in row {
            cells.buffer.push_str(cell);
            // The buffer is no longer than the file, whose length fits.
            cells.ends.push(u32::try_from(cells.buffer.len()).unwrap_or(u32::MAX));
        }
    }
    if ragged > MOST_NAMED {
        let reason = format!("{} more rows have too many or too few cells", ragged - MOST_NAMED);
        findings.push(error(0, reason, "mend those named above first"));
    }
    if findings.is_empty() && cells.ends.is_empty() {
        let reason = "there is no row below the names of the columns".to_owned();
        findings.push(error(0, reason, "add at least one row"));
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    cells.buffer.shrink_to_fit();
    cells.ends.shrink_to_fit();
    Ok(cells)
}

/// The line of a quote that is still open at the end, which the reader would take for the last
/// cell's end. Quotes count where the reader counts them: at a cell's beginning.
fn unclosed(bytes: &[u8]) -> Option<u64> {
    #[derive(PartialEq)]
    enum At {
        Beginning,
        Plain,
        Quoted,
        /// Behind a quote in a quoted cell: its end, unless another one follows.
        Quote,
    }
    let (mut at, mut line, mut opened) = (At::Beginning, 1_u64, 0);
    for byte in bytes {
        at = match (at, byte) {
            (At::Beginning, b'"') => {
                opened = line;
                At::Quoted
            }
            (At::Quote, b'"') => At::Quoted,
            (At::Quoted, b'"') => At::Quote,
            (At::Quoted, _) => At::Quoted,
            (_, b',' | b'\r' | b'\n') => At::Beginning,
            _ => At::Plain,
        };
        line += u64::from(*byte == b'\n');
    }
    (at == At::Quoted).then_some(opened)
}

fn text(record: &ByteRecord) -> Option<Vec<&str>> {
    record.iter().map(|cell| std::str::from_utf8(cell).ok()).collect()
}
