//! What a target says of itself on `/metrics`: the Prometheus text format, read from foreign bytes.
//!
//! A line that is not a sample is skipped and counted; nothing a target writes makes this fail, wait
//! or grow beyond its limits. Only what is asked for is kept. OpenMetrics differs in what stands
//! behind a value (exemplars) and in comments, and is read as well.

use std::collections::BTreeMap;

/// The most bytes of an answer that are looked at.
pub const MOST_BYTES: usize = 8 << 20;
/// The most samples that are kept of one answer.
pub const MOST_SAMPLES: usize = 20_000;
/// The longest line that is read, and the most labels of one sample.
const LONGEST_LINE: usize = 16 << 10;
const MOST_LABELS: usize = 64;

/// One number with its name and labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The metric's name, suffixes such as `_total` and `_bucket` included.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value; may be NaN or infinite, as the format allows.
    pub value: f64,
}

/// What was read of one answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The samples that were asked for, in their order.
    pub samples: Vec<Sample>,
    /// Lines that are samples, whether or not they were asked for.
    pub valid: usize,
    /// Lines that are neither a sample nor a comment, and samples beyond the limit.
    pub skipped: usize,
}

/// Reads an answer and keeps the samples whose names are `wanted`.
pub fn read(bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Page {
    let mut page = Page::default();
    let bytes = &bytes[..bytes.len().min(MOST_BYTES)];
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() || line[0] == b'#' {
            continue;
        }
        let text = if line.len() <= LONGEST_LINE { std::str::from_utf8(line).ok() } else { None };
        match text.and_then(|text| sample(text, &wanted)) {
            Some(kept) => {
                page.valid += 1;
                match kept {
                    Some(sample) if page.samples.len() < MOST_SAMPLES => page.samples.push(sample),
                    Some(_) => page.skipped += 1,
                    None => {}
                }
            }
            None => page.skipped += 1,
        }
    }
    page
}

/// One line: `None` when it is no sample, `Some(None)` when nobody asked for it.
fn sample(line: &str, wanted: &impl Fn(&str) -> bool) -> Option<Option<Sample>> {
    let letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    let end = line.find(|next| !letter(next))?;
    let (name, rest) = line.split_at(end);
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => labels(inside)?,
        None => (BTreeMap::new(), rest),
    };
    let mut fields = rest.split_ascii_whitespace();
    let value = fields.next()?.parse().ok()?;
    // A timestamp, an exemplar, or nothing.
    if let Some(next) = fields.next()
        && !next.starts_with('#')
        && next.parse::<f64>().is_err()
    {
        return None;
    }
    Some(wanted(name).then(|| Sample { name: name.to_owned(), labels, value }))
}

/// Labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once('=')?;
        let name = name.trim();
        let letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        if name.is_empty() || !name.chars().all(letter) || labels.len() == MOST_LABELS {
            return None;
        }
        let (value, after) = quoted(after.trim_start().strip_prefix('"')?)?;
        labels.insert(name.to_owned(), value);
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.starts_with('}') => {}
            None => return None,
        }
    }
}

/// Text up to the closing quote, its escapes undone, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                // The format knows `\\` and `\"`; another letter stands for itself.
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> Page {
        read(text.as_bytes(), |_| true)
    }

    #[test]
    fn samples_are_read_with_their_labels() {
        let page = all(concat!(
            "# HELP http_requests_total \\\\ anything # { at all\n",
            "# TYPE http_requests_total counter\n",
            "http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n",
            "escapes{path=\"C:\\\\x\\\"y\\nz\", } 1.5e3\r\n",
            "  bare:name   -0.25  \n",
            "latency_bucket{le=\"+Inf\"} 12 # {trace_id=\"abc\"} 0.3\n",
            "strange NaN\nendless +Inf\n",
            "# EOF\n",
        ));
        let names: Vec<&str> = page.samples.iter().map(|sample| sample.name.as_str()).collect();
        assert_eq!(
            names,
            ["http_requests_total", "escapes", "bare:name", "latency_bucket", "strange", "endless"]
        );
        assert_eq!(page.samples[0].labels["code"], "200");
        assert_eq!(page.samples[1].labels["path"], "C:\\x\"y\nz");
        assert_eq!((page.samples[1].value, page.samples[2].value), (1500.0, -0.25));
        assert!(page.samples[4].value.is_nan() && page.samples[5].value.is_infinite());
        assert_eq!((page.valid, page.skipped), (6, 0));
    }

    #[test]
    fn what_is_no_sample_is_counted() {
        for line in [
            "<html>",
            "name",
            "1name 2",
            "name{ 1",
            "name{a=b} 1",
            "name{a=\"b} 1",
            "name one",
            "name{a=\"b\" c=\"d\"} 1",
            "name 1 later",
            "{\"ok\": true}",
            "name{=\"x\"} 1",
        ] {
            assert_eq!((all(line).valid, all(line).skipped), (0, 1), "{line}");
        }
        assert_eq!(all("").skipped, 0);
    }

    #[test]
    fn what_nobody_asked_for_is_not_kept() {
        let page = read(b"a 1\nb 2\na{x=\"y\"} 3\n", |name| name == "a");
        assert_eq!((page.samples.len(), page.valid), (2, 3));
    }

    #[test]
    fn an_endless_page_is_bounded() {
        let lines: String = (0..MOST_SAMPLES + 5).map(|n| format!("m{{n=\"{n}\"}} 1\n")).collect();
        let page = all(&lines);
        assert_eq!((page.samples.len(), page.skipped), (MOST_SAMPLES, 5));
        let long = format!("m{{a=\"{}\"}} 1\nm 2\n", "x".repeat(LONGEST_LINE));
        assert_eq!((all(&long).valid, all(&long).skipped), (1, 1));
        let labels: String = (0..=MOST_LABELS).map(|n| format!("l{n}=\"\",")).collect();
        assert_eq!(all(&format!("m{{{labels}}} 1")).skipped, 1);
        let huge = vec![b'\n'; MOST_BYTES + 1];
        assert_eq!(read(&huge, |_| true), Page::default());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let page = read(&bytes, |_| true);
            prop_assert!(page.samples.len() <= page.valid);
        }

        #[test]
        fn what_is_written_is_read(
            name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,20}",
            labels in prop::collection::btree_map("[a-z_][a-z0-9_]{0,8}", "\\PC{0,12}", 0..5),
            value: f64,
        ) {
            let pairs: Vec<String> = labels
                .iter()
                .map(|(label, value)| {
                    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
                    format!("{label}=\"{value}\"")
                })
                .collect();
            let page = all(&format!("{name}{{{}}} {value}\n", pairs.join(",")));
            prop_assert_eq!(page.samples.len(), 1);
            prop_assert_eq!(&page.samples[0].name, &name);
            prop_assert_eq!(&page.samples[0].labels, &labels);
            let read = page.samples[0].value;
            prop_assert!(read == value || (read.is_nan() && value.is_nan()));
        }
    }
}
