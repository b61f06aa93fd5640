//! Stack traces of the engine, rewritten to point at what the author wrote.

use std::collections::HashMap;
use std::sync::Arc;

use super::map::SourceMap;
use super::place::Place;

/// The source maps of all modules of a script, by the name the engine knows them. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct SourceMaps(Arc<HashMap<Arc<str>, SourceMap>>);

impl SourceMaps {
    /// The maps, each under its file's name.
    pub fn new(maps: impl IntoIterator<Item = SourceMap>) -> Self {
        Self(Arc::new(maps.into_iter().map(|map| (map.file().clone(), map)).collect()))
    }

    /// The place in the source for a position the engine reported. A file that is no module of
    /// the script is given back as it is.
    pub fn original(&self, file: &str, line: u32, column: u32) -> Place {
        match self.0.get(file) {
            Some(map) => map.original(line, column),
            None => Place { file: file.into(), line, column },
        }
    }

    /// The text of a stack trace with every position (`    at name (file:///x.ts:12:7)`) led back
    /// through the map of its module. Other lines stay as they are.
    pub fn map_stack(&self, text: &str) -> String {
        let mut mapped = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            match self.frame(line) {
                Some((before, place, after)) => {
                    mapped.push_str(before);
                    mapped.push_str(&place.to_string());
                    mapped.push_str(after);
                }
                None => mapped.push_str(line),
            }
        }
        mapped
    }

    /// The place in the source of a stack's first frame that lies in a module of the script.
    pub fn first_place(&self, text: &str) -> Option<Place> {
        text.lines().find_map(|line| self.frame(line).map(|(_, place, _)| place))
    }

    /// A stack line taken apart: what stands before the position, the position, what follows.
    fn frame<'t>(&self, line: &'t str) -> Option<(&'t str, Place, &'t str)> {
        let body = line.trim_end();
        if !body.trim_start().starts_with("at ") {
            return None;
        }
        let inner = body.strip_suffix(')').unwrap_or(body);
        let after = &line[inner.len()..];
        let (head, column) = number(inner)?;
        let (file, line_number, column) = match number(head) {
            Some((file, line)) => (file, line, column),
            None => (head, column, 1),
        };
        // A name may hold spaces and brackets, so the longest known file at the end is taken.
        let starts =
            file.char_indices().filter(|(at, _)| *at == 0 || file[..*at].ends_with(['(', ' ']));
        for (start, _) in starts {
            if let Some(map) = self.0.get(&file[start..]) {
                return Some((&line[..start], map.original(line_number, column), after));
            }
        }
        None
    }
}

/// What stands before the last `:`, and the number behind it.
fn number(text: &str) -> Option<(&str, u32)> {
    let (head, digits) = text.rsplit_once(':')?;
    let sound = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((head, sound.then(|| digits.parse().ok())??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_known_modules_are_led_back() {
        let shifted = SourceMap::identity("file:///a b.js".into(), "x").shifted(10);
        let maps = SourceMaps::new([shifted]);
        let stack = "    at f (file:///a b.js:1:15)\n    at g (native)\n    at file:///a b.js:1:12\n    at <anonymous> (file:///other.js:1:15)\n";
        let mapped = maps.map_stack(stack);
        assert_eq!(
            mapped,
            "    at f (file:///a b.js:1:5)\n    at g (native)\n    at file:///a b.js:1:2\n    at <anonymous> (file:///other.js:1:15)\n"
        );
        assert_eq!(maps.first_place(stack).map(|place| place.column), Some(5));
        assert_eq!(maps.map_stack("Error: at :1:2)"), "Error: at :1:2)");
        assert_eq!(maps.map_stack("    at x (y:99999999999:1)"), "    at x (y:99999999999:1)");
    }
}
