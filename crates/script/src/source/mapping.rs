//! Source maps of version 3: base64 digits that say which position came from which.

use std::sync::Arc;

use serde_json::Value;

use super::place::Place;

/// The positions of a source map, in the order of the code.
#[derive(Clone, Debug, Default)]
pub(super) struct Mapping {
    sources: Vec<Arc<str>>,
    segments: Vec<Segment>,
    /// Whether what lies between two segments belongs to the one before, across lines: true for
    /// code we printed, where every statement has its own segment.
    gapless: bool,
}

/// From a position in the code on: the source it came from. All count from 0; columns are UTF-16
/// units.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) line: u32,
    pub(super) column: u32,
    /// The source's index, its line and its column; none where the bundler added code of its own.
    pub(super) origin: Option<(u32, u32, u32)>,
}

impl Mapping {
    /// The mapping of code printed from one source.
    pub(super) fn printed(source: Arc<str>, mut segments: Vec<Segment>) -> Self {
        segments.sort_by_key(|segment| (segment.line, segment.column));
        Self { sources: vec![source], segments, gapless: true }
    }

    /// Reads the JSON of a source map, whose sources are named relative to `beside`.
    pub(super) fn parse(json: &str, beside: &str) -> Result<Self, &'static str> {
        // Some servers put this before JSON that must not run as a script.
        let json = json.strip_prefix(")]}'").unwrap_or(json);
        let value: Value = serde_json::from_str(json).map_err(|_| "it is not JSON")?;
        if value.get("version").and_then(Value::as_u64) != Some(3) {
            return Err("it is not of version 3");
        }
        if value.get("sections").is_some() {
            return Err("it is split into sections");
        }
        let root = value.get("sourceRoot").and_then(Value::as_str).unwrap_or_default();
        let sources = value.get("sources").and_then(Value::as_array).ok_or("it has no sources")?;
        let named = |source: &Value| name(source.as_str().unwrap_or("<unknown>"), root, beside);
        let sources: Vec<Arc<str>> = sources.iter().map(named).collect();
        let text = value.get("mappings").and_then(Value::as_str).ok_or("it has no mappings")?;
        let segments = segments(text, sources.len())?;
        Ok(Self { sources, segments, gapless: false })
    }

    /// The place for a position in the code: the line from 1, UTF-16 units before the column.
    pub(super) fn original(&self, line: u32, units: u32) -> Option<Place> {
        let line = line.checked_sub(1)?;
        let after = self
            .segments
            .partition_point(|segment| (segment.line, segment.column) <= (line, units));
        let before = after.checked_sub(1).map(|index| &self.segments[index]);
        let on_line = |segment: &&Segment| segment.line == line || self.gapless;
        let segment = before.filter(on_line).or_else(|| {
            // Before the first segment of its line: that one is nearer than nothing.
            self.segments.get(after).filter(|segment| segment.line == line)
        })?;
        let (source, line, column) = segment.origin?;
        let file = self.sources.get(source as usize)?.clone();
        Some(Place { file, line: line.saturating_add(1), column: column.saturating_add(1) })
    }
}

/// A source's name: a URL as it is, a path as a URL beside the file the map belongs to.
fn name(source: &str, root: &str, beside: &str) -> Arc<str> {
    let joined = match root {
        "" => source.to_owned(),
        root => format!("{}/{source}", root.trim_end_matches('/')),
    };
    if joined.contains("://") {
        return joined.into();
    }
    // The URL up to the path, and the path's folder.
    let start = beside.find("://").map_or(0, |at| {
        let rest = &beside[at + 3..];
        at + 3 + rest.find('/').unwrap_or(rest.len())
    });
    let (origin, path) = beside.split_at(start);
    let folder = path.rfind('/').map_or("", |at| &path[..at]);
    let path = if joined.starts_with('/') { joined } else { format!("{folder}/{joined}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').skip(1) {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("{origin}/{}", parts.join("/")).into()
}

/// Reads `mappings`: lines end with `;`, segments with `,`, numbers are differences in base 64.
fn segments(text: &str, sources: usize) -> Result<Vec<Segment>, &'static str> {
    const BROKEN: &str = "its mappings are broken";
    let mut segments = Vec::new();
    // The source's index, line and column go on over lines; the code's column does not.
    let (mut source, mut from_line, mut from_column) = (0i64, 0i64, 0i64);
    let mut sorted = true;
    for (line, row) in text.split(';').enumerate() {
        let line = u32::try_from(line).map_err(|_| BROKEN)?;
        let mut column = 0i64;
        for piece in row.split(',').filter(|piece| !piece.is_empty()) {
            let numbers = digits(piece).ok_or(BROKEN)?;
            let (step, origin) = numbers.split_first().ok_or(BROKEN)?;
            let before = column;
            column += step;
            sorted &= column >= before;
            let origin = match origin {
                [] => None,
                [to, line, column] | [to, line, column, _] => {
                    source += to;
                    from_line += line;
                    from_column += column;
                    let index = u32::try_from(source).map_err(|_| BROKEN)?;
                    if index as usize >= sources {
                        return Err(BROKEN);
                    }
                    let line = u32::try_from(from_line).map_err(|_| BROKEN)?;
                    Some((index, line, u32::try_from(from_column).map_err(|_| BROKEN)?))
                }
                _ => return Err(BROKEN),
            };
            let column = u32::try_from(column).map_err(|_| BROKEN)?;
            segments.push(Segment { line, column, origin });
        }
    }
    if !sorted {
        segments.sort_by_key(|segment| (segment.line, segment.column));
    }
    Ok(segments)
}

/// The numbers of one segment: six bits a digit, the lowest bit of the first is the sign, the
/// highest bit of each says that more follow. At most five numbers of 32 bits are taken.
fn digits(piece: &str) -> Option<Vec<i64>> {
    let mut numbers = Vec::with_capacity(5);
    let (mut number, mut shift) = (0i64, 0u32);
    for byte in piece.bytes() {
        let digit = i64::from(sextet(byte)?);
        if shift > 30 || numbers.len() >= 5 {
            return None;
        }
        number |= (digit & 31) << shift;
        if digit & 32 != 0 {
            shift += 5;
            continue;
        }
        numbers.push(if number & 1 == 1 { -(number >> 1) } else { number >> 1 });
        (number, shift) = (0, 0);
    }
    (shift == 0).then_some(numbers)
}

/// The value of a base64 digit.
fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

/// The bytes behind base64; `None` if it is none.
fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for chunk in text.as_bytes().chunks(4) {
        let mut word = 0u32;
        for byte in chunk {
            word = word << 6 | u32::from(sextet(*byte)?);
        }
        let word = (word << (6 * (4 - chunk.len()))).to_be_bytes();
        match chunk.len() {
            1 => return None,
            length => bytes.extend_from_slice(&word[1..length]),
        }
    }
    Some(bytes)
}

/// Where the source map of a text is said to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Announced {
    /// In the text itself.
    Inline(String),
    /// In a file of its own, named relative to the text's.
    Beside(String),
}

/// What the last `//# sourceMappingURL=` line of a text announces.
pub(super) fn announced(text: &str) -> Option<Announced> {
    const MARK: &str = "sourceMappingURL=";
    let at = text.rfind(MARK)?;
    let opening = text[..at].trim_end_matches([' ', '\t']);
    if !opening.ends_with("//#") && !opening.ends_with("//@") && !opening.ends_with("/*#") {
        return None;
    }
    let url = text[at + MARK.len()..].split(char::is_whitespace).next().unwrap_or_default();
    let url = url.trim_end_matches("*/");
    let Some(data) = url.strip_prefix("data:") else {
        return (!url.is_empty()).then(|| Announced::Beside(url.to_owned()));
    };
    let (kind, data) = data.split_once(',')?;
    if !kind.starts_with("application/json") {
        return None;
    }
    let bytes = match kind.ends_with(";base64") {
        true => base64(data)?,
        false => super::location::decoded(data)?.into_bytes(),
    };
    Some(Announced::Inline(String::from_utf8(bytes).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_add_up_over_lines() {
        // Line 1: column 0 from source 0 (0,0), column 4 from (0,8). Line 3: column 2 from (1,6).
        let json = r#"{"version":3,"sources":["../src/a.ts"],"mappings":"AAAA,IAAQ;;EACF"}"#;
        let mapping = Mapping::parse(json, "file:///x/dist/b.js").expect("a map");
        let at = |line, units| mapping.original(line, units).map(|place| place.to_string());
        assert_eq!(at(1, 0).as_deref(), Some("file:///x/src/a.ts:1:1"));
        assert_eq!(at(1, 3).as_deref(), Some("file:///x/src/a.ts:1:1"));
        assert_eq!(at(1, 9).as_deref(), Some("file:///x/src/a.ts:1:9"));
        assert_eq!(at(2, 0), None);
        assert_eq!(at(3, 0).as_deref(), Some("file:///x/src/a.ts:2:7"));
        assert_eq!(at(0, 0), None);
    }

    #[test]
    fn sources_are_named_beside_their_map() {
        assert_eq!(&*name("a.ts", "", "https://h/p/q.js"), "https://h/p/a.ts");
        assert_eq!(&*name("a.ts", "/top/", "https://h/p/q.js"), "https://h/top/a.ts");
        assert_eq!(&*name("webpack:///./a.ts", "", "file:///q.js"), "webpack:///./a.ts");
        assert_eq!(&*name("../../../a.ts", "", "file:///x/q.js"), "file:///a.ts");
    }

    #[test]
    fn broken_maps_are_refused() {
        for mappings in ["A", "AAAAAA", "AC", "ADAA", "ggggggggA", "é", "AgA,A!", "g"] {
            let json = format!(r#"{{"version":3,"sources":["a"],"mappings":"{mappings}"}}"#);
            let whole = Mapping::parse(&json, "file:///a.js");
            assert!(whole.is_err() || mappings == "A", "{mappings}: {whole:?}");
        }
        assert!(Mapping::parse("{}", "").is_err());
        assert!(Mapping::parse("[", "").is_err());
    }

    #[test]
    fn announcements_are_found() {
        let inline = "x\n//# sourceMappingURL=data:application/json;charset=utf-8;base64,e30=\n";
        assert_eq!(announced(inline), Some(Announced::Inline("{}".into())));
        let beside = "x\n//# sourceMappingURL=x.js.map";
        assert_eq!(announced(beside), Some(Announced::Beside("x.js.map".into())));
        assert_eq!(announced("let sourceMappingURL=1"), None);
        assert_eq!(announced("//# sourceMappingURL=data:text/plain,x"), None);
        assert_eq!(base64("aGk"), Some(b"hi".to_vec()));
        assert_eq!(base64("a"), None);
    }
}
