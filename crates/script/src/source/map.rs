//! From a position the engine reports back to the place the author wrote.

use std::sync::Arc;

use super::mapping::Mapping;
use super::place::{Place, small};

/// From a position in the code the engine ran to the place in the source it came from. Cheap to
/// clone.
#[derive(Clone, Debug)]
pub struct SourceMap(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: Arc<str>,
    /// How many bytes were put before the first line.
    shift: u32,
    /// The lines of the code that have letters outside ASCII, by number: the engine counts bytes
    /// where maps count UTF-16 units and people count letters.
    wide: Vec<(u32, Box<str>)>,
    mapping: Option<Mapping>,
}

impl SourceMap {
    /// The map of code that is its own source.
    pub(super) fn identity(file: Arc<str>, code: &str) -> Self {
        let lines = super::place::Lines::new(code);
        let mut wide = Vec::new();
        if !code.is_ascii() {
            for number in 1.. {
                let Some(line) = lines.get(number) else { break };
                if !line.is_ascii() {
                    wide.push((number, line.into()));
                }
            }
        }
        Self(Arc::new(Inner { file, shift: 0, wide, mapping: None }))
    }

    /// The map of code that was made from other source.
    pub(super) fn mapped(file: Arc<str>, code: &str, mapping: Mapping) -> Self {
        Self::identity(file, code).with(|inner| inner.mapping = Some(mapping))
    }

    /// The same map for code that got `bytes` more before its first line.
    pub(super) fn shifted(self, bytes: usize) -> Self {
        self.with(|inner| inner.shift = small(bytes))
    }

    /// The same map, followed further through the source map a bundler wrote (its JSON), whose
    /// sources are named relative to `beside`. A map that is already one of stripped types stays.
    ///
    /// # Errors
    /// Why the JSON is not a source map that can be used.
    pub(super) fn followed(self, json: &str, beside: &str) -> Result<Self, &'static str> {
        if self.0.mapping.is_some() {
            return Ok(self);
        }
        let mapping = Mapping::parse(json, beside)?;
        Ok(self.with(|inner| inner.mapping = Some(mapping)))
    }

    /// The file whose code this map is for, by the name the engine knows.
    pub fn file(&self) -> &Arc<str> {
        &self.0.file
    }

    /// Whether the code is its own source.
    pub fn is_identity(&self) -> bool {
        self.0.mapping.is_none()
    }

    /// The place in the source for a line and a column as the engine counts them: from 1, columns
    /// in bytes of UTF-8. What the map does not cover is given as it is.
    pub fn original(&self, line: u32, column: u32) -> Place {
        let inner = &*self.0;
        let shift = if line == 1 { inner.shift } else { 0 };
        let byte = column.saturating_sub(shift).max(1) - 1;
        let before = inner.before(line, byte);
        let units = match before {
            Some(text) => small(text.encode_utf16().count()),
            None => byte,
        };
        let mapped = inner.mapping.as_ref().and_then(|mapping| mapping.original(line, units));
        mapped.unwrap_or_else(|| {
            let letters = before.map_or(byte, |text| small(text.chars().count()));
            Place { file: inner.file.clone(), line, column: letters + 1 }
        })
    }

    fn with(self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Arc::try_unwrap(self.0).unwrap_or_else(|shared| Inner {
            file: shared.file.clone(),
            shift: shared.shift,
            wide: shared.wide.clone(),
            mapping: shared.mapping.clone(),
        });
        change(&mut inner);
        Self(Arc::new(inner))
    }
}

impl Inner {
    /// What stands before a byte of a line, if the line has letters outside ASCII.
    fn before(&self, line: u32, byte: u32) -> Option<&str> {
        let index = self.wide.binary_search_by_key(&line, |(number, _)| *number).ok()?;
        let text = &self.wide[index].1;
        let mut end = (byte as usize).min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Some(&text[..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_bytes_become_columns_of_letters() {
        let map = SourceMap::identity("x.js".into(), "let é = '😀'; f()\nok");
        let byte = "let é = '😀'; ".len() as u32;
        assert_eq!(map.original(1, byte + 1).column, 14);
        assert_eq!(map.original(2, 2), Place { file: "x.js".into(), line: 2, column: 2 });
        // Beyond all lines, and a shift larger than the column.
        assert_eq!(map.original(77, 5).line, 77);
        assert_eq!(map.clone().shifted(40).original(1, 3).column, 1);
        assert_eq!(map.shifted(40).original(1, 44).column, 4);
    }
}
