//! Options written on one line, as flags and variables have them: `10s:5,1m:20`, `a=b`, `ttl=5m`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::duration;
use super::object::dns_part;
use super::source::Reader;
use super::values::{Dns, Stage};

const LENGTH: &str = "write a length with its unit, as 30s, 1m30s or 500ms";

/// A length that names its unit, as flags want it.
pub(super) fn length(reader: &mut Reader<'_>, path: &str, text: &str) -> Option<Duration> {
    let Some(nanos) = duration::with_units(text) else {
        reader.wrong(path, text, "that is no length of time", LENGTH);
        return None;
    };
    let length = u64::try_from(nanos).ok().map(Duration::from_nanos);
    if length.is_none() {
        reader.wrong(path, text, "a length of time can't be negative", LENGTH);
    }
    length
}

/// Stages with commas between them, each `duration:target`. Nothing at all are no stages. One
/// without a duration is left out, as k6 does, and said to be.
pub(super) fn stages(reader: &mut Reader<'_>, path: &str, text: &str) -> Vec<Stage> {
    let mut stages = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (length_text, target) = part.split_once(':').unwrap_or((part, ""));
        if length_text.is_empty() {
            let why = format!("the stage `{part}` has no duration and is left out");
            reader.ignored(path, &why, "write it as 30s:10");
            continue;
        }
        let length = length(reader, path, length_text);
        if target.is_empty() {
            reader.wrong(path, part, "the stage has no target", "write it as 30s:10");
            continue;
        }
        let target = reader.count(path, &Value::String(target.to_owned()));
        if let (Some(duration), Some(target)) = (length, target) {
            stages.push(Stage { duration, target });
        }
    }
    stages
}

/// `ttl=5m,select=random,policy=any`, any part of it.
pub(super) fn dns(reader: &mut Reader<'_>, path: &str, text: &str) -> Dns {
    let mut dns = Dns::default();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let hint = "write ttl=5m,select=random,policy=preferIPv4, or a part of it";
        if value.is_empty() {
            reader.wrong(path, part, "there is no value", hint);
        } else if !dns_part(reader, &mut dns, path, name, &Value::String(value.to_owned())) {
            reader.wrong(path, part, "there is no such part", hint);
        }
    }
    dns
}

/// `name=value`.
pub(super) fn pair<'t>(
    reader: &mut Reader<'_>,
    path: &str,
    text: &'t str,
    between: char,
) -> Option<(&'t str, &'t str)> {
    let pair = text.split_once(between).filter(|(name, _)| !name.is_empty());
    if pair.is_none_or(|(_, value)| value.is_empty()) {
        let hint = format!("write name{between}value");
        let why = "a name or a value is missing";
        reader.wrong(path, text, why, &hint);
        return None;
    }
    pair
}

/// Tags, one `name=value` (or `name:value`) each.
pub(super) fn tags<'t>(
    reader: &mut Reader<'_>,
    path: &str,
    texts: impl Iterator<Item = &'t str>,
    between: char,
) -> BTreeMap<String, String> {
    texts
        .filter_map(|text| pair(reader, path, text, between))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// What stands between commas; nothing at all, or only quotes around nothing, is nothing.
pub(super) fn items(text: &str) -> Vec<String> {
    if text.is_empty() || text == "\"\"" {
        return Vec::new();
    }
    text.split(',').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use seaworthy_document::Finding;

    use super::*;
    use crate::options::source::Source;

    fn read<T>(of: impl FnOnce(&mut Reader<'_>) -> T) -> (T, Vec<Finding>) {
        let mut findings = Vec::new();
        let read = of(&mut Reader { source: Source::Flags, findings: &mut findings });
        (read, findings)
    }

    #[test]
    fn stages_stand_on_one_line() {
        let (read_stages, findings) = read(|reader| stages(reader, "--stage", "10s:5,1m30s:20"));
        let stage = |seconds, target| Stage { duration: Duration::from_secs(seconds), target };
        assert_eq!((read_stages, findings), (vec![stage(10, 5), stage(90, 20)], vec![]));
        for (line, said) in [
            ("10:5", "no length"),
            ("10s", "no target"),
            ("10s:", "no target"),
            ("10s:x", "whole number"),
            ("10s:-3", "negative"),
            ("-10s:3", "negative"),
            (":5", "left out"),
            ("x", "no length"),
        ] {
            let (read_stages, findings) = read(|reader| stages(reader, "--stage", line));
            assert!(read_stages.is_empty(), "{line}");
            assert!(findings[0].reason.contains(said), "{line}: {findings:?}");
        }
    }

    #[test]
    fn pairs_have_a_name_and_a_value() {
        for (text, expected) in [
            ("a=b", Some(("a", "b"))),
            ("a=b=c", Some(("a", "b=c"))),
            ("", None),
            ("=", None),
            ("=b", None),
            ("a", None),
            ("a=", None),
        ] {
            let (pair, findings) = read(|reader| pair(reader, "--tag", text, '='));
            assert_eq!((pair, findings.is_empty()), (expected, expected.is_some()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn stages_are_read_back(
            whole in prop::collection::vec((0..10_000_000_u64, 0..=u32::MAX), 1..20),
        ) {
            let expected: Vec<Stage> = whole
                .iter()
                .map(|(ms, target)| Stage { duration: Duration::from_millis(*ms), target: *target })
                .collect();
            let line: Vec<String> = expected
                .iter()
                .map(|stage| format!("{}:{}", duration::format(stage.duration), stage.target))
                .collect();
            let (found, findings) = read(|reader| stages(reader, "--stage", &line.join(",")));
            prop_assert_eq!(found, expected);
            prop_assert!(findings.is_empty());
        }

        #[test]
        fn no_line_panics(text in "[0-9smd:,.=a-z-]{0,30}|\\PC*") {
            read(|reader| {
                stages(reader, "--stage", &text);
                dns(reader, "--dns", &text);
                tags(reader, "--tag", text.split(','), '=');
            });
        }
    }
}
