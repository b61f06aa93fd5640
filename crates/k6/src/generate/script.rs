//! A profile as a script.

use super::Profile;

/// The share of failed checks at which a run fails.
const MOST_ERRORS: &str = "rate<0.1";

/// Writes the script of a profile. Whatever its texts hold, the script parses and they are data in it.
pub fn script(profile: &Profile) -> String {
    let Profile { name, url, vus, duration, method, body, headers, p99_ms } = profile;
    let headers: String = headers
        .iter()
        // In brackets: a plain `"__proto__":` would be no field.
        .map(|(name, value)| format!("\n    [{}]: {},", string(name), string(value)))
        .collect();
    let headers = if headers.is_empty() { "{}".to_owned() } else { format!("{{{headers}\n  }}") };
    let body = body.as_deref().map_or_else(|| "null".to_owned(), string);
    let (name, url, method) = (string(name), string(url), string(method));
    let limit = milliseconds(*p99_ms);
    format!(
        "import http from 'k6/http';
import {{ check, sleep }} from 'k6';
import {{ Rate, Trend }} from 'k6/metrics';

const PROFILE = {name};

// Each request adds to both: a rate that is fed on failures only would always be 100 %.
const errors = new Rate('errors');
const requestDuration = new Trend('request_duration', true);

export const options = {{
  tags: {{ profile: PROFILE }},
  stages: [
    {{ duration: '1m', target: {vus} }},
    {{ duration: '{duration}', target: {vus} }},
    {{ duration: '1m', target: 0 }},
  ],
  thresholds: {{
    http_req_duration: ['p(99)<{limit}'],
    errors: ['{MOST_ERRORS}'],
  }},
}};

const request = {{
  method: {method},
  url: {url},
  body: {body},
  headers: {headers},
}};

export default function () {{
  const response = http.request(request.method, request.url, request.body, {{
    headers: request.headers,
  }});
  const ok = check(response, {{
    'status is 2xx': (answer) => answer.status >= 200 && answer.status < 300,
    'response time < {limit}ms': (answer) => answer.timings.duration < {limit},
  }});
  errors.add(!ok);
  requestDuration.add(response.timings.duration);
  sleep(1);
}}
"
    )
}

/// A text as a JavaScript string. ASCII only, so that no letter ends a line or hides one.
fn string(text: &str) -> String {
    let mut literal = String::from("\"");
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(b'"') => literal.push_str("\\\""),
            Ok(b'\\') => literal.push_str("\\\\"),
            Ok(byte @ b' '..=b'~') => literal.push(char::from(byte)),
            _ => literal.push_str(&format!("\\u{unit:04x}")),
        }
    }
    literal.push('"');
    literal
}

/// Milliseconds, without a fraction that says nothing.
fn milliseconds(number: f64) -> String {
    format!("{number}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use oxc::allocator::Allocator;
    use oxc::ast::ast::{Expression, Statement};
    use oxc::parser::Parser;
    use oxc::span::SourceType;
    use proptest::prelude::*;
    use seaworthy_base::Span;

    fn profile() -> Profile {
        Profile {
            name: "soak".to_owned(),
            url: "http://127.0.0.1:8080/health".to_owned(),
            vus: 200,
            duration: Span::seconds(4 * 3600),
            method: "GET".to_owned(),
            body: None,
            headers: Vec::new(),
            p99_ms: 500.0,
        }
    }

    #[test]
    fn the_errors_rate_is_fed_by_every_request() {
        let text = script(&profile());
        assert!(text.contains("errors.add(!ok);"), "{text}");
        assert!(!text.contains("|| errors.add"), "{text}");
        assert!(text.contains("{ duration: '4h', target: 200 },"), "{text}");
        assert!(text.contains("http_req_duration: ['p(99)<500'],"), "{text}");
        assert!(text.contains("body: null,"), "{text}");
    }

    /// What the script's constant of a name is, read by a parser that is not ours.
    fn constant(text: &str, name: &str) -> Option<String> {
        let allocator = Allocator::default();
        let parsed = Parser::new(&allocator, text, SourceType::mjs()).parse();
        assert!(parsed.diagnostics.is_empty(), "{:?}\n{text}", parsed.diagnostics);
        parsed.program.body.iter().find_map(|statement| {
            let Statement::VariableDeclaration(declaration) = statement else { return None };
            let found = declaration.declarations.iter().find(|it| {
                it.id.get_identifier_name().is_some_and(|identifier| identifier.as_str() == name)
            })?;
            match found.init.as_ref()? {
                Expression::StringLiteral(literal) => Some(literal.value.to_string()),
                _ => None,
            }
        })
    }

    proptest! {
        #[test]
        fn any_text_is_data_and_never_code(
            name in ".{0,30}|'\\]; throw 1; //|\\*/|`\\$\\{1\\}`|\u{2028}x",
            url in "\\PC{0,30}|\"\\); x\\(\"|</script>",
            method in ".{0,8}",
            body in proptest::option::of("(?s).{0,40}"),
            header in "(?s).{0,20}",
            vus in 1_u32..100_000,
            p99_ms in 0.001_f64..1e9,
        ) {
            let headers = vec![(header.clone(), url.clone()), ("__proto__".to_owned(), name.clone())];
            let profile = Profile { name: name.clone(), url, vus, method, body, headers, p99_ms, ..profile() };
            let text = script(&profile);
            prop_assert_eq!(constant(&text, "PROFILE"), Some(name));
            prop_assert!(text.is_ascii());
        }
    }
}
