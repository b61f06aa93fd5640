//! Tables of load profiles, in CSV, YAML or JSON, and what is wrong with their rows.

use std::collections::{BTreeMap, BTreeSet};

use seaworthy_base::Span;
use seaworthy_document::{Finding, Located, Place, errors, json, nearest, yaml};
use serde::Deserialize;
use serde_json::Value;

use super::Profile;
use super::cells::{Cell, rows};

/// The columns of a table, and other names for them.
const COLUMNS: [(&str, &[&str]); 8] = [
    ("name", &[]),
    ("url", &["target_url"]),
    ("vus", &["virtual_users"]),
    ("duration", &[]),
    ("method", &[]),
    ("body", &[]),
    ("headers", &[]),
    ("p99", &["p99_ms"]),
];
/// The most virtual users of one script.
const MOST_VUS: u32 = 1_000_000;
/// The most rows of a table.
const MOST_ROWS: usize = 10_000;
/// How long 99 of 100 requests may take when a row does not say.
const P99_MS: f64 = 500.0;

/// A row as it was typed: its fields with their places, and where the row itself stands.
struct Row {
    fields: BTreeMap<&'static str, Located<Value>>,
    place: Place,
}

/// Reads a table. Rows that cannot be used are findings; the others are there all the same.
pub fn profiles(file: &str, text: &str) -> (Vec<Profile>, Vec<Finding>) {
    let mut reader = Reader { file, findings: Vec::new() };
    let rows = match file.rsplit('.').next().map(str::to_ascii_lowercase).as_deref() {
        Some("csv") => reader.csv(text),
        Some("json") => reader.document(text, true),
        Some("yaml" | "yml") => reader.document(text, false),
        _ => {
            let place = Place { file: file.to_owned(), line: 0, column: 0 };
            let reason = "the file's ending does not say what it holds";
            reader.error(place, reason, "name it .csv, .yaml or .json");
            Vec::new()
        }
    };
    let mut names = BTreeSet::new();
    let mut profiles = Vec::new();
    for row in rows.iter().take(MOST_ROWS) {
        let before = reader.findings.len();
        let profile = reader.profile(row);
        if let Some(name) = row.fields.get("name").and_then(|name| name.value.as_str())
            && !names.insert(name.trim().to_owned())
        {
            let place = row.fields["name"].place(file);
            reader.error(place, format!("two rows are named `{name}`"), "give each its own name");
        }
        let sound = !errors(&reader.findings[before..]);
        profiles.extend(profile.filter(|_| sound));
    }
    if let Some(row) = rows.get(MOST_ROWS) {
        let reason = format!("the table has {} rows", rows.len());
        reader.error(row.place.clone(), reason, &format!("at most {MOST_ROWS} are read: split it"));
    }
    (profiles, reader.findings)
}

/// Reads a table and collects what is wrong with it.
struct Reader<'f> {
    file: &'f str,
    findings: Vec<Finding>,
}

impl Reader<'_> {
    fn error(&mut self, place: Place, reason: impl Into<String>, hint: &str) {
        self.findings.push(Finding::error("k6-profile", reason).at(place).hint(hint));
    }

    fn csv(&mut self, text: &str) -> Vec<Row> {
        let place = |line, column| Place { file: self.file.to_owned(), line, column };
        let all = match rows(text) {
            Ok(all) => all,
            Err((line, column, reason)) => {
                let place = place(line, column);
                self.error(place, reason, "a quote within quotes is written twice");
                return Vec::new();
            }
        };
        let Some((first, rest)) = all.split_first() else {
            self.error(place(0, 0), "the table is empty", "begin it with `name,url,vus,duration`");
            return Vec::new();
        };
        let mut columns = Vec::new();
        for cell in first {
            let column = self.column(&cell.text, self.place_of(cell));
            if let Some(name) = column
                && columns.contains(&Some(name))
            {
                let reason = format!("two columns are `{name}`");
                self.error(self.place_of(cell), reason, "leave one out");
            }
            columns.push(column);
        }
        for needed in ["name", "url", "vus", "duration"] {
            if !columns.contains(&Some(needed)) && !errors(&self.findings) {
                let place =
                    first.first().map_or_else(|| self.nowhere(), |cell| self.place_of(cell));
                let reason = format!("there is no column `{needed}`");
                self.error(
                    place,
                    reason,
                    "the first row names the columns: `name,url,vus,duration`",
                );
            }
        }
        if errors(&self.findings) {
            return Vec::new();
        }
        let mut typed = Vec::new();
        for row in rest {
            let place = row.first().map_or_else(|| self.nowhere(), |cell| self.place_of(cell));
            if row.len() != columns.len() {
                let reason = format!(
                    "the row has {} cells, the first row names {}",
                    row.len(),
                    columns.len()
                );
                self.error(place, reason, "put a cell with a comma in it into quotes");
                continue;
            }
            let mut fields = BTreeMap::new();
            for (column, cell) in columns.iter().zip(row) {
                if let Some(column) = column
                    && !cell.text.is_empty()
                {
                    let value = Value::String(cell.text.clone());
                    fields.insert(*column, Located { value, line: cell.line, column: cell.column });
                }
            }
            typed.push(Row { fields, place });
        }
        typed
    }

    fn document(&mut self, text: &str, is_json: bool) -> Vec<Row> {
        type Rows = Vec<Located<BTreeMap<String, Located<Value>>>>;
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wrapped {
            profiles: Rows,
        }
        // JSON is YAML, read for the places; what only JSON's reader takes has none.
        let parsed: Result<Rows, Finding> = yaml(self.file, text)
            .or_else(|wrong| {
                yaml::<Wrapped>(self.file, text).map(|it| it.profiles).map_err(|_| wrong)
            })
            .or_else(|wrong| match is_json {
                true => json(self.file, text)
                    .or_else(|_| json::<Wrapped>(self.file, text).map(|it| it.profiles)),
                false => Err(wrong),
            });
        let rows = match parsed {
            Ok(rows) => rows,
            Err(wrong) => {
                let hint = "write a list of `{name: soak, url: ..., vus: 200, duration: 4h}`";
                let wrong = if wrong.hint.is_none() { wrong.hint(hint) } else { wrong };
                self.findings.push(wrong);
                return Vec::new();
            }
        };
        if rows.is_empty() {
            self.error(self.nowhere(), "the table is empty", "add a row");
        }
        let mut typed = Vec::new();
        for row in rows {
            let place = row.place(self.file);
            let mut fields = BTreeMap::new();
            for (name, value) in row.value {
                if let Some(column) = self.column(&name, value.place(self.file))
                    && !value.value.is_null()
                    && fields.insert(column, value).is_some()
                {
                    let reason = format!("the row says `{column}` twice");
                    self.error(place.clone(), reason, "leave one out");
                }
            }
            typed.push(Row { fields, place });
        }
        typed
    }

    /// The column of a name.
    fn column(&mut self, name: &str, place: Place) -> Option<&'static str> {
        let wanted = name.trim().to_ascii_lowercase();
        let known = COLUMNS
            .iter()
            .find(|(own, others)| *own == wanted || others.contains(&wanted.as_str()));
        if known.is_none() {
            let names =
                COLUMNS.iter().flat_map(|(own, others)| std::iter::once(own).chain(*others));
            let hint = match nearest(&wanted, names.copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "known: name, url, vus, duration, method, body, headers, p99".to_owned(),
            };
            self.error(place, format!("there is no column `{name}`"), &hint);
        }
        known.map(|(own, _)| *own)
    }

    fn profile(&mut self, row: &Row) -> Option<Profile> {
        let name = self.text(row, "name", "name: soak");
        let url = self.text(row, "url", "url: https://service.example.org/health");
        if let (Some(url), Some(at)) = (&url, row.fields.get("url"))
            && let Err(wrong) = seaworthy_net::Url::parse(url)
        {
            let hint = wrong.hint().unwrap_or("write it as http://host:port/path");
            self.error(at.place(self.file), wrong.to_string(), hint);
        }
        let vus = self.vus(row);
        let duration = self.duration(row);
        let (body, is_json) = match row.fields.get("body").map(|body| &body.value) {
            None => (None, false),
            Some(Value::String(text)) => (Some(text.clone()), false),
            Some(value) => (Some(value.to_string()), true),
        };
        let default = if body.is_some() { "POST" } else { "GET" };
        let method = self.method(row, default);
        let mut headers = self.headers(row)?;
        let typed = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if is_json && !typed {
            headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        }
        let p99_ms = self.p99(row);
        Some(Profile {
            name: name?.trim().to_owned(),
            url: url?,
            vus: vus?,
            duration: duration?,
            method: method?,
            body,
            headers,
            p99_ms: p99_ms?,
        })
    }

    /// A text that must be there.
    fn text(&mut self, row: &Row, field: &str, example: &str) -> Option<String> {
        let Some(typed) = row.fields.get(field) else {
            let reason = format!("the row has no `{field}`");
            self.error(row.place.clone(), reason, &format!("write it as `{example}`"));
            return None;
        };
        match &typed.value {
            Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
            Value::Number(number) if field == "name" => Some(number.to_string()),
            _ => {
                let reason = format!("`{field}` is no text");
                self.error(typed.place(self.file), reason, &format!("write it as `{example}`"));
                None
            }
        }
    }

    fn vus(&mut self, row: &Row) -> Option<u32> {
        let Some(typed) = row.fields.get("vus") else {
            self.error(row.place.clone(), "the row has no `vus`", "write it as `vus: 100`");
            return None;
        };
        let number = match &typed.value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let vus = number.and_then(|vus| u32::try_from(vus).ok());
        let vus = vus.filter(|vus| (1..=MOST_VUS).contains(vus));
        if vus.is_none() {
            let reason = format!("`vus` is {}", shown(&typed.value));
            let hint = format!("it is a whole number from 1 to {MOST_VUS}");
            self.error(typed.place(self.file), reason, &hint);
        }
        vus
    }

    fn duration(&mut self, row: &Row) -> Option<Span> {
        let Some(typed) = row.fields.get("duration") else {
            self.error(
                row.place.clone(),
                "the row has no `duration`",
                "write it as `duration: 10m`",
            );
            return None;
        };
        let span = typed.value.as_str().and_then(|text| text.parse::<Span>().ok());
        let span = span.filter(|span| *span > Span::default());
        if span.is_none() {
            let reason = format!("`duration` is {}", shown(&typed.value));
            self.error(
                typed.place(self.file),
                reason,
                "write a length with its unit, as `30s`, `10m` or `1h30m`",
            );
        }
        span
    }

    fn method(&mut self, row: &Row, default: &str) -> Option<String> {
        const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        let Some(typed) = row.fields.get("method") else { return Some(default.to_owned()) };
        let method = typed.value.as_str().unwrap_or_default().trim().to_ascii_uppercase();
        if METHODS.contains(&method.as_str()) {
            return Some(method);
        }
        let hint = match nearest(&method, METHODS) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of {}", METHODS.join(", ")),
        };
        self.error(typed.place(self.file), format!("`{method}` is not a method"), &hint);
        None
    }

    /// Headers: an object, or its JSON in a cell.
    fn headers(&mut self, row: &Row) -> Option<Vec<(String, String)>> {
        let Some(typed) = row.fields.get("headers") else { return Some(Vec::new()) };
        let parsed = match &typed.value {
            Value::String(text) => serde_json::from_str(text).unwrap_or(Value::Null),
            value => value.clone(),
        };
        let Value::Object(fields) = parsed else {
            let hint = "write `{\"Accept\": \"text/html\"}`";
            self.error(typed.place(self.file), "`headers` is no object", hint);
            return None;
        };
        let mut headers = Vec::new();
        for (name, value) in fields {
            let value = match value {
                Value::String(text) => text,
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                _ => String::from('\0'),
            };
            let name_is_sound = http::HeaderName::from_bytes(name.as_bytes()).is_ok();
            if !name_is_sound || http::HeaderValue::from_str(&value).is_err() {
                let reason = format!("`{name}` cannot be a header with this value");
                self.error(
                    typed.place(self.file),
                    reason,
                    "a name of letters and `-`, and a text without line breaks",
                );
                return None;
            }
            headers.push((name, value));
        }
        Some(headers)
    }

    /// A bound in milliseconds: a number, or a length.
    fn p99(&mut self, row: &Row) -> Option<f64> {
        let Some(typed) = row.fields.get("p99") else { return Some(P99_MS) };
        let bound = match &typed.value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => {
                let length = || text.parse::<Span>().ok().map(|it| it.get().as_secs_f64() * 1000.0);
                text.trim().parse().ok().or_else(length)
            }
            _ => None,
        };
        let bound = bound.filter(|bound: &f64| bound.is_finite() && *bound > 0.0);
        if bound.is_none() {
            let reason = format!("`p99` is {}", shown(&typed.value));
            self.error(
                typed.place(self.file),
                reason,
                "write milliseconds, as `500`, or a length, as `2s`",
            );
        }
        bound
    }

    fn place_of(&self, cell: &Cell) -> Place {
        Place { file: self.file.to_owned(), line: cell.line, column: cell.column }
    }

    fn nowhere(&self) -> Place {
        Place { file: self.file.to_owned(), line: 0, column: 0 }
    }
}

/// A value as a finding quotes it.
fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), |text| format!("`{text}`"));
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(finding: &Finding) -> (u32, u32) {
        finding.place.as_ref().map_or((0, 0), |place| (place.line, place.column))
    }

    #[test]
    fn the_same_table_in_three_formats() {
        let csv = "name,target_url,virtual_users,duration,method,body,headers,p99\n\
                   health,http://h:1/health,50,10m,,,,\n\
                   \"say \"\"hi\"\"\",http://h:1/say,5,1h30m,put,hello,\"{\"\"A\"\": \"\"b\"\"}\",2s\n";
        let yaml = "- {name: health, url: http://h:1/health, vus: 50, duration: 10m}\n\
                    - name: say \"hi\"\n  url: http://h:1/say\n  vus: 5\n  duration: 1h30m\n  method: PUT\n  body: hello\n  headers: {A: b}\n  p99: 2000\n";
        let json = r#"{"profiles": [
            {"name": "health", "url": "http://h:1/health", "vus": 50, "duration": "10m"},
	{"name": "say \"hi\"", "url": "http://h:1/say", "vus": 5, "duration": "1h30m", "method": "PUT",
             "body": "hello", "headers": {"A": "b"}, "p99_ms": 2000}]}"#;
        let (expected, findings) = profiles("t.csv", csv);
        assert_eq!(findings, []);
        assert_eq!(expected.len(), 2);
        assert_eq!(expected[0].method, "GET");
        assert_eq!(expected[0].p99_ms, 500.0);
        assert_eq!(expected[1].headers, [("A".to_owned(), "b".to_owned())]);
        assert_eq!(expected[1].p99_ms, 2000.0);
        for (file, text) in [("t.yaml", yaml), ("t.json", json)] {
            let (read, findings) = profiles(file, text);
            assert_eq!(findings, [], "{file}");
            assert_eq!(read, expected, "{file}");
        }
    }

    #[test]
    fn a_json_body_is_sent_as_json() {
        let text = "- {name: a, url: http://h/, vus: 1, duration: 1s, body: {a: [1, x]}}";
        let (read, findings) = profiles("t.yaml", text);
        assert_eq!(findings, []);
        assert_eq!(read[0].body.as_deref(), Some("{\"a\":[1,\"x\"]}"));
        assert_eq!(read[0].method, "POST");
        assert_eq!(read[0].headers[0].1, "application/json");
    }

    #[test]
    fn bad_rows_have_a_place_and_leave_the_others() {
        let text = "name,url,vus,duration,method\n\
                    good,http://h/,1,1m,\n\
                    zero,http://h/,0,1m,\n\
                    short,http://h/,1,10,\n\
                    where,h/path,1,1m,\n\
                    good,http://h/,1,1m,\n\
                    few,http://h/\n\
                    how,http://h/,1,1m,GTE\n";
        let (read, findings) = profiles("t.csv", text);
        assert_eq!(read.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["good"]);
        let places: BTreeSet<(u32, u32)> = findings.iter().map(place).collect();
        assert_eq!(
            places.into_iter().collect::<Vec<_>>(),
            [(3, 16), (4, 19), (5, 7), (6, 1), (7, 1), (8, 20)]
        );
        let how = findings.iter().find(|it| place(it).0 == 8).unwrap();
        assert_eq!(how.hint.as_deref(), Some("did you mean `GET`?"));
    }

    #[test]
    fn columns_are_known_by_name() {
        let (_, findings) = profiles("t.csv", "name,url,vu,duration\n");
        assert_eq!(
            (place(&findings[0]), findings[0].hint.as_deref()),
            ((1, 10), Some("did you mean `vus`?"))
        );
        let (_, findings) = profiles("t.csv", "name,url\n");
        assert!(findings[0].reason.contains("no column `vus`"), "{findings:?}");
        let (_, findings) =
            profiles("t.yaml", "- {name: a, url: http://h/, vus: 1, durration: 1m}");
        assert_eq!(findings[0].hint.as_deref(), Some("did you mean `duration`?"));
        assert_eq!(place(&findings[0]).0, 1);
        assert_eq!(profiles("table", "").1.len(), 1);
        assert_eq!(profiles("t.csv", "").1.len(), 1);
        assert_eq!(profiles("t.yaml", "[]").1.len(), 1);
        assert_eq!(profiles("t.json", "[{]").1.len(), 1);
    }

    proptest! {
        #[test]
        fn no_table_panics(text in "(?s).{0,200}", ending in "csv|yaml|json") {
            let _ = profiles(&format!("t.{ending}"), &text);
        }

        #[test]
        fn no_cells_panic(rows in proptest::collection::vec("[a-z0-9:/,\"{}. ]{0,40}", 0..6)) {
            let text = format!("name,url,vus,duration,method,body,headers,p99\n{}", rows.join("\n"));
            let _ = profiles("t.csv", &text);
        }
    }
}
