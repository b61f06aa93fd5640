//! Requests of the client, each a step.

use base64::Engine;
use ruff_python_ast::{Expr, ExprCall};
use serde_json::{Map, Value as Json, json};

use crate::body::File;
use crate::calls::printable;
use crate::interpreter::Interpreter;
use crate::plan::Step;
use crate::value::{Piece, Value, pieces};
use crate::wait::seconds;

/// The longest name of a step, in letters.
const LONGEST_NAME: usize = 100;

/// Why a request is not carried over, and what it was about.
type Refusal = (String, &'static str);

impl<'a> Interpreter<'_, 'a> {
    /// A request. `method` is given in the arguments when it is not given here; `rest` requests are
    /// FastHttpUser's, which ask for JSON.
    pub(crate) fn request(
        &mut self,
        method: Option<&str>,
        call: &'a ExprCall,
        at: &'a Expr,
        rest: bool,
    ) -> Value<'a> {
        match self.step(method, call, at, rest) {
            Ok(step) => {
                self.steps.push(step);
                Value::Answer(self.steps.len() - 1)
            }
            Err((reason, hint)) => {
                let line = self.source.line(at);
                let quoted = self.source.quote(at);
                self.flow.missing.push(format!("line {line}: {quoted}: {reason}"));
                let said = format!("this request is not in the plan: {reason}");
                self.warn("locust-request", at, said, hint);
                Value::Missing
            }
        }
    }

    fn step(
        &mut self,
        method: Option<&str>,
        call: &'a ExprCall,
        at: &'a Expr,
        rest: bool,
    ) -> Result<Step, Refusal> {
        const VALUES: &str = "values come from `random`, literals, constants, earlier answers and data files: put others into a data file, and write the step by hand";
        if self.is_constant() {
            return Err(("it is made while Locust reads the file".into(), "make it in `on_start`"));
        }
        let (values, named) = self.arguments(call, "value");
        let mut positions = values.into_iter();
        let mut named: Vec<(String, Value<'a>)> = named;
        let mut take = |key: &str| {
            let at = named.iter().position(|(name, _)| name == key)?;
            Some(named.remove(at).1)
        };
        let method = match method {
            Some(method) => method.to_owned(),
            None => {
                let given = take("method").or_else(|| positions.next());
                let given = given.as_ref().and_then(Value::literal);
                given.ok_or(("its method is not known".to_owned(), VALUES))?.to_ascii_uppercase()
            }
        };
        if method.is_empty()
            || !method.bytes().all(|byte| byte.is_ascii_uppercase())
            || method == "CONNECT"
        {
            return Err((
                format!("`{method}` is not a method"),
                "write GET, POST, PUT, PATCH or DELETE",
            ));
        }
        let url = take("url").or_else(|| take("path")).or_else(|| positions.next());
        let url = url.ok_or(("it has no address".to_owned(), VALUES))?;
        let url =
            self.data(&url, "url").map_err(|reason| (format!("its address: {reason}"), VALUES))?;
        let Json::String(url) = url else {
            return Err(("its address is no text".into(), VALUES));
        };
        let data = take("data").or_else(|| match method.as_str() {
            "POST" | "PUT" | "PATCH" => positions.next(),
            _ => None,
        });
        let json = take("json").or_else(|| match method.as_str() {
            "POST" => positions.next(),
            _ => None,
        });
        if positions.next().is_some() {
            return Err(("it has arguments without a name that are not known".into(), "name them"));
        }
        let mut address = self.address(&url, at);
        if let Some(params) = take("params").filter(|it| !matches!(it, Value::Data(Json::Null))) {
            let query =
                self.query(&params).map_err(|it| (format!("its `params`: {it}"), VALUES))?;
            if !query.is_empty() {
                let gap = if address.contains('?') { '&' } else { '?' };
                address = format!("{address}{gap}{query}");
            }
        }
        let mut step = Step {
            comment: format!("line {}", self.source.line(at)),
            headers: self.client.headers.clone(),
            ..Step::default()
        };
        if rest {
            step.headers.insert("Accept".to_owned(), json!("application/json"));
        }
        if let Some(headers) = take("headers") {
            self.headers(&mut step, &headers, at)
                .map_err(|it| (format!("its headers: {it}"), VALUES))?;
        }
        if let Some(cookies) = take("cookies").filter(|it| !matches!(it, Value::Data(Json::Null))) {
            let cookies =
                self.pairs(&cookies).map_err(|it| (format!("its cookies: {it}"), VALUES))?;
            let cookies: Vec<String> =
                cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            step.headers.insert("Cookie".to_owned(), json!(cookies.join("; ")));
        }
        if let Some(auth) = take("auth").filter(|it| !matches!(it, Value::Data(Json::Null))) {
            self.authorize(&mut step.headers, &auth)
                .map_err(|reason| (format!("its `auth`: {reason}"), VALUES))?;
        }
        let files = take("files").filter(|it| !matches!(it, Value::Data(Json::Null)));
        step.body = self
            .body(json, data, files, &mut step.headers, at)
            .map_err(|reason| (format!("its body: {reason}"), VALUES))?;
        let own_name =
            take("name").as_ref().and_then(printable).or_else(|| self.client.name.clone());
        let shown = format!("{method} {}", readable(&address));
        step.name = self
            .step_name(own_name.as_deref().filter(|it| !it.trim().is_empty()).unwrap_or(&shown));
        step.request = Some((method, address));
        self.settings(&mut step, &mut take, at);
        for (name, _) in named {
            let (reason, hint) = match name.as_str() {
                "catch_response" | "stream" | "context" | "auth" => continue,
                "**" => ("arguments after `**` are not known".to_owned(), "write them out"),
                "cert" | "proxies" | "hooks" => {
                    (format!("`{name}` is left out"), "a plan's steps have no such setting")
                }
                _ => (
                    format!("`{name}` is not an argument that is known"),
                    "write what it does into the step",
                ),
            };
            self.warn("locust-argument", at, reason, hint);
        }
        Ok(step)
    }

    /// How the request is made, beside what is sent.
    fn settings(
        &mut self,
        step: &mut Step,
        take: &mut impl FnMut(&str) -> Option<Value<'a>>,
        at: &'a Expr,
    ) {
        let own = self.setting("network_timeout");
        let timeout = take("timeout").or(own);
        let length = match &timeout {
            Some(Value::Data(Json::Array(both))) => both.last().and_then(Json::as_f64),
            Some(value) => value.number(),
            None => None,
        };
        step.timeout = length.and_then(seconds).filter(|length| length.get().as_nanos() > 0);
        let is_none = matches!(timeout, Some(Value::Data(Json::Null)) | None);
        if step.timeout.is_none() && !is_none {
            self.warn(
                "locust-argument",
                at,
                "its timeout is not known",
                "write a number of seconds",
            );
        }
        match take("allow_redirects").as_ref().map(|it| it.truth()) {
            Some(Some(false)) => step.redirects = Some(0),
            Some(None) => {
                let reason = "whether redirects are followed is not known";
                self.warn("locust-argument", at, reason, "write `redirects: 0`, or leave it");
            }
            _ => {
                let most = self.setting("max_redirects").as_ref().and_then(Value::number);
                step.redirects = most.map(|most| most.clamp(0.0, 255.0) as u8);
            }
        }
        if take("verify").as_ref().and_then(Value::truth) == Some(false) {
            self.client.insecure = true;
        }
    }

    /// What the user's class sets, such as `network_timeout`.
    fn setting(&self, name: &str) -> Option<Value<'a>> {
        self.classes.iter().find_map(|class| self.module.attribute(class, name))
    }

    /// A path of the target, or a full address, fit for the wire.
    fn address(&mut self, template: &str, at: &'a Expr) -> String {
        let mut address = String::new();
        for piece in pieces(template) {
            match piece {
                Piece::Text(text) => address.push_str(&encoded(&text, ADDRESS)),
                Piece::Name(name) => address.push_str(&format!("${{{name}}}")),
            }
        }
        let address = address.split('#').next().unwrap_or_default();
        if address.starts_with("http://") || address.starts_with("https://") {
            if let Some(path) = self.host.as_deref().and_then(|host| address.strip_prefix(host))
                && (path.is_empty() || path.starts_with(['/', '?']))
            {
                return if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
            }
            return address.to_owned();
        }
        if address.is_empty() || address.starts_with(['/', '$']) {
            return if address.is_empty() { "/".to_owned() } else { address.to_owned() };
        }
        let reason = format!("the path `{}` does not begin with `/`", readable(address));
        self.warn(
            "locust-path",
            at,
            reason,
            "Locust puts it right behind the host's name; the plan has a `/` before it",
        );
        format!("/{address}")
    }

    fn query(&mut self, params: &Value<'a>) -> Result<String, String> {
        let pairs = match params.literal() {
            Some(text) => return Ok(encoded(&text, ADDRESS)),
            None => self.pairs(params)?,
        };
        let part = |template: &str| {
            let mut text = String::new();
            for piece in pieces(template) {
                match piece {
                    Piece::Text(it) => text.push_str(&encoded(&it, QUERY)),
                    Piece::Name(name) => text.push_str(&format!("${{{name}}}")),
                }
            }
            text
        };
        let pairs = pairs.iter().map(|(name, value)| format!("{}={}", part(name), part(value)));
        Ok(pairs.collect::<Vec<_>>().join("&"))
    }

    /// The pairs of an object, or of a list of pairs; a list of values makes several, `None` none.
    pub(crate) fn pairs(&mut self, value: &Value<'a>) -> Result<Vec<(String, String)>, String> {
        let fields: Vec<(String, Json)> = match self.data(value, "value")? {
            Json::Object(fields) => {
                fields.into_iter().map(|(key, it)| (crate::value::escaped(&key), it)).collect()
            }
            Json::Array(pairs) => {
                let pair = |pair: Json| match pair {
                    Json::Array(pair) => match <[Json; 2]>::try_from(pair) {
                        Ok([Json::String(key), value]) => Some((key, value)),
                        _ => None,
                    },
                    _ => None,
                };
                let pairs: Option<_> = pairs.into_iter().map(pair).collect();
                pairs.ok_or("it is no list of pairs")?
            }
            _ => return Err("it is no object".to_owned()),
        };
        let mut pairs = Vec::new();
        for (key, value) in fields {
            let values = match value {
                Json::Null => continue,
                Json::Array(values) => values,
                one => vec![one],
            };
            for value in values {
                let value = self.piece(&Value::Data(value), &key)?;
                pairs.push((key.clone(), value));
            }
        }
        Ok(pairs)
    }

    fn headers(&mut self, step: &mut Step, value: &Value<'a>, at: &'a Expr) -> Result<(), String> {
        if matches!(value, Value::Data(Json::Null)) {
            return Ok(());
        }
        let Json::Object(headers) = self.data(value, "headers")? else {
            return Err("they are no object".to_owned());
        };
        self.merge(headers, &mut step.headers, at)
    }

    /// Puts headers over others.
    fn merge(
        &mut self,
        headers: Map<String, Json>,
        over: &mut Map<String, Json>,
        at: &'a Expr,
    ) -> Result<(), String> {
        for (name, value) in headers {
            let sound =
                |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            if name.is_empty() || !name.bytes().all(sound) {
                let reason = format!("`{name}` cannot be a header's name");
                self.warn("locust-argument", at, reason, "it is left out");
                continue;
            }
            if ["content-length", "transfer-encoding", "host"]
                .contains(&name.to_ascii_lowercase().as_str())
            {
                let reason = format!("the header `{name}` is left out");
                self.warn("locust-argument", at, reason, "the client writes it itself");
                continue;
            }
            over.retain(|known, _| !known.eq_ignore_ascii_case(&name));
            if value.is_null() {
                continue;
            }
            let value = self.piece(&Value::Data(value), &name)?;
            if value.chars().any(|letter| letter.is_control()) {
                return Err(format!("`{name}` has a control character"));
            }
            over.insert(name, json!(value));
        }
        Ok(())
    }

    /// `auth=(user, password)`.
    fn authorize(
        &mut self,
        headers: &mut Map<String, Json>,
        auth: &Value<'a>,
    ) -> Result<(), String> {
        let Some(Json::Array(both)) = auth.constant() else {
            return Err("a plan writes `Authorization: Basic` of literals only; name the password under `secrets`, with `basicUser`".into());
        };
        let [Json::String(user), Json::String(password)] = both.as_slice() else {
            return Err("it is no pair of a user and a password".to_owned());
        };
        let both = base64(format!("{user}:{password}").as_bytes());
        headers.retain(|name, _| !name.eq_ignore_ascii_case("authorization"));
        headers.insert("Authorization".to_owned(), json!(format!("Basic {both}")));
        Ok(())
    }

    /// `self.client.name = value`.
    pub(crate) fn set_on_client(&mut self, name: &str, value: Value<'a>, at: &'a Expr) {
        let done = match name {
            "headers" => match self.data(&value, "headers") {
                Ok(Json::Object(headers)) => {
                    let mut own = std::mem::take(&mut self.client.headers);
                    let merged = self.merge(headers, &mut own, at);
                    self.client.headers = own;
                    merged
                }
                Ok(_) => Err("they are no object".to_owned()),
                Err(reason) => Err(reason),
            },
            "auth" => {
                let mut own = std::mem::take(&mut self.client.headers);
                let done = self.authorize(&mut own, &value);
                self.client.headers = own;
                done
            }
            "verify" => {
                self.client.insecure |= value.truth() == Some(false);
                Ok(())
            }
            "request_name" => {
                self.client.name = value.literal();
                Ok(())
            }
            _ => Err("a plan has no place for it".to_owned()),
        };
        if let Err(reason) = done {
            let reason = format!("`{name}` of the client is not carried over: {reason}");
            self.warn("locust-client", at, reason, "write it into the steps");
        }
    }

    /// A name no other step of the flow has.
    pub(crate) fn step_name(&self, wanted: &str) -> String {
        let clean = wanted.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
        let short: String = clean.take(LONGEST_NAME - 5).collect();
        let base = short.trim().to_owned();
        let mut name = base.clone();
        let mut number = 2;
        while self.steps.iter().any(|step| step.name == name) {
            name = format!("{base} {number}");
            number += 1;
        }
        name
    }

    /// `files=` as files and texts by the names of their parts.
    pub(crate) fn parts(&mut self, files: &Value<'a>, at: &'a Expr) -> Result<Vec<File>, String> {
        let entries: Vec<(String, Value<'a>)> = match files {
            Value::Table(fields) => fields.clone(),
            Value::Data(Json::Object(fields)) => fields
                .iter()
                .map(|(key, value)| (key.clone(), Value::Data(value.clone())))
                .collect(),
            Value::Several(pairs) => {
                let mut entries = Vec::new();
                for pair in pairs {
                    match pair {
                        Value::Several(both) if both.len() == 2 => {
                            let key = both[0].literal().ok_or("a part's name is not known")?;
                            entries.push((key, both[1].clone()));
                        }
                        _ => return Err("`files` is no list of pairs".to_owned()),
                    }
                }
                entries
            }
            Value::Opaque(reason) => return Err(reason.clone()),
            _ => return Err("`files` is no object".to_owned()),
        };
        entries.into_iter().map(|(name, value)| self.one_part(name, value, at)).collect()
    }

    fn one_part(&mut self, name: String, value: Value<'a>, at: &'a Expr) -> Result<File, String> {
        let (filename, content, media) = match value {
            Value::Several(parts) => {
                let mut parts = parts.into_iter();
                let filename = parts.next();
                (filename, parts.next(), parts.next())
            }
            Value::Data(Json::Array(parts)) => {
                let mut parts = parts.into_iter().map(Value::Data);
                let filename = parts.next();
                (filename, parts.next(), parts.next())
            }
            one => (None, Some(one), None),
        };
        let filename = filename.as_ref().and_then(Value::literal);
        let media = media.as_ref().and_then(Value::literal);
        match content {
            Some(Value::File(path)) => {
                self.file(&path, at);
                Ok(File { name, filename, media, path: Some(path), text: None })
            }
            Some(content) => {
                let text = self.piece(&content, &name)?;
                let filename = filename.or_else(|| Some(name.clone()));
                Ok(File { name, filename, media, path: None, text: Some(text) })
            }
            None => Err(format!("part `{name}` has no content")),
        }
    }
}

/// Standard Base64.
pub(crate) fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// What an address may hold as it is.
const ADDRESS: &[u8] = b"-._~:/?#[]@!$&'()*+,;=%";
/// What a query's name or value may.
const QUERY: &[u8] = b"-._~/:@!$'()*,;";

fn encoded(text: &str, safe: &[u8]) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || safe.contains(&byte) {
            true => encoded.push(char::from(byte)),
            false => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// A template as a person reads it: `/users/{id}`.
fn readable(template: &str) -> String {
    template.replace("${", "{")
}
