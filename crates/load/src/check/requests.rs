//! Checks of requests: methods, addresses, headers, and paths into answers.

use std::collections::BTreeMap;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, Method};
use seaworthy_document::{Finding, Located, Place, nearest};

use super::Findings;
use super::names::Names;
use crate::path::Path;
use crate::template::{Part, Template};

/// The longest time a request, a pause or a phase may be given: 30 days.
pub(in crate::check) const LONGEST: Duration = Duration::from_secs(30 * 86_400);

pub(super) fn length(findings: &mut Findings<'_>, what: &str, place: Place, length: Duration) {
    if length.is_zero() {
        let reason = format!("`{what}` is zero");
        findings.error("load-range", place, reason, "write a length, as `30s`");
    } else if length > LONGEST {
        let reason = format!("`{what}` is longer than 30 days");
        findings.error("load-range", place, reason, "write a shorter length");
    }
}

pub(super) fn request(
    findings: &mut Findings<'_>,
    names: &Names<'_>,
    targeted: bool,
    typed: &Located<String>,
) -> Option<(Method, Template)> {
    let place = typed.place(findings.known.file);
    let hint = "write a method and a path, as `GET /v1/users/${user}`";
    let Some((method, address)) = typed.trim().split_once(char::is_whitespace) else {
        let reason = format!("`{typed}` is not a method and a path");
        findings.error("load-request", place, reason, hint);
        return None;
    };
    if method != method.to_ascii_uppercase() || method == "CONNECT" {
        findings.unknown("load-request", place, "method", method, METHODS.into_iter());
        return None;
    }
    let Ok(method) = Method::from_bytes(method.as_bytes()) else {
        findings.unknown("load-request", place, "method", method, METHODS.into_iter());
        return None;
    };
    unusual(findings, &place, &method);
    let address = address.trim();
    let template = names.template(findings, &place, address)?;
    let absolute = address.starts_with("http://") || address.starts_with("https://");
    let problem = if absolute && targeted {
        Some(("a step with a target takes a path, not a full URL", "leave out the host"))
    } else if absolute || address.starts_with("${") {
        None
    } else if !address.starts_with('/') {
        Some(("the path does not begin with `/`", hint))
    } else if !targeted {
        let hint = "give the flow or the step a `target`, or write the full URL";
        Some(("it is not said where this path is", hint))
    } else {
        None
    };
    if let Some((reason, hint)) = problem {
        findings.error("load-request", place, reason.to_owned(), hint);
        return None;
    }
    // The literal parts, which are not encoded, must be fit for the wire. Names are: they are
    // percent-encoded when filled in.
    let outside =
        address.split("${").map(|part| part.split_once('}').map_or(part, |(_, rest)| rest));
    if outside.flat_map(str::chars).any(|letter| letter.is_whitespace() || !letter.is_ascii()) {
        let reason = "the path has a space or a letter outside ASCII".to_owned();
        findings.error("load-request", place, reason, "percent-encode it: a space is `%20`");
        return None;
    }
    if let ([Part::Literal(url)], true) = (template.parts(), absolute)
        && let Err(error) = seaworthy_net::Url::parse(url)
    {
        let hint = error.hint().unwrap_or_default();
        findings.error("load-request", place, error.to_string(), hint);
        return None;
    }
    Some((method, template))
}

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Methods in use that are not those of every day.
const REGISTERED: [&str; 25] = [
    "ACL",
    "BAN",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "COPY",
    "LINK",
    "LOCK",
    "M-SEARCH",
    "MERGE",
    "MKCALENDAR",
    "MKCOL",
    "MOVE",
    "NOTIFY",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "QUERY",
    "REPORT",
    "SEARCH",
    "SUBSCRIBE",
    "TRACE",
    "UNLINK",
    "UNLOCK",
    "UNSUBSCRIBE",
];

/// A method nobody knows is sent as it is; more often than not it is a slip of the pen.
fn unusual(findings: &mut Findings<'_>, place: &Place, method: &Method) {
    let method = method.as_str();
    if METHODS.contains(&method) || REGISTERED.contains(&method) {
        return;
    }
    let near = nearest(method, METHODS).or_else(|| nearest(method, REGISTERED));
    let hint = match near {
        Some(near) => format!("did you mean `{near}`? it is sent as it is written"),
        None => format!("it is sent as it is written; the usual ones are {}", METHODS.join(", ")),
    };
    let finding = Finding::warning("load-method", format!("`{method}` is not a usual method"));
    findings.list.push(finding.at(place.clone()).hint(hint));
}

pub(super) fn headers(
    findings: &mut Findings<'_>,
    names: &Names<'_>,
    typed: &BTreeMap<String, Located<String>>,
    sent: bool,
) -> Vec<(HeaderName, Template)> {
    let mut headers = Vec::new();
    for (name, value) in typed {
        let place = value.place(findings.known.file);
        let header = header_name(findings, place.clone(), name);
        let template = names.template(findings, &place, value);
        if HeaderValue::from_str(value).is_err() {
            let reason = format!("the value of header `{name}` has a control character");
            findings.error("load-header", place.clone(), reason, "leave it out");
        }
        if sent
            && header
                .as_ref()
                .is_some_and(|name| name == CONTENT_LENGTH || name == TRANSFER_ENCODING)
        {
            findings.list.push(
                Finding::warning("load-header", format!("header `{name}` is not sent"))
                    .at(place)
                    .hint("the body's length is always sent as it is; leave the header out"),
            );
            continue;
        }
        headers.extend(header.zip(template));
    }
    headers
}

pub(super) fn header_name(
    findings: &mut Findings<'_>,
    place: Place,
    name: &str,
) -> Option<HeaderName> {
    let header = HeaderName::from_bytes(name.as_bytes()).ok();
    if header.is_none() {
        let reason = format!("`{name}` cannot be a header's name");
        findings.error("load-header", place, reason, "letters, digits and `-` are safe");
    }
    header
}

pub(super) fn json_path(findings: &mut Findings<'_>, place: Place, text: &str) -> Option<Path> {
    Path::parse(text)
        .map_err(|error| {
            let hint = "write it as `$.sources[0].key`";
            findings.error("load-path", place, error.to_string(), hint);
        })
        .ok()
}
