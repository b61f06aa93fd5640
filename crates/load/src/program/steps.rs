//! Steps, compiled: requests with their bodies, waits for events, exchanges of messages.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use seaworthy_net::coding::{self, Coding};
use seaworthy_net::form::{self, URLENCODED};
use seaworthy_net::{Keep, Url};

use super::compiler::Compiler;
use super::{
    Action, Address, Body, Call, Content, Exchange, Head, Header, Move, Part, Receive, Step,
};
use crate::flow;
use crate::path::Path;
use crate::scope::{Expression, How, Piece, Text};
use crate::spec::Compress;
use crate::template::{Template, Tree};

impl Compiler<'_> {
    pub(super) fn step(&mut self, step: &flow::Step, target: Option<&Url>) -> Result<Step, String> {
        let action = match &step.action {
            flow::Action::Call(call) => Action::Call(Box::new(self.call(step, call, target)?)),
            flow::Action::Receive(receive) => Action::Receive(self.receive(receive)?),
            flow::Action::Exchange(exchange) => Action::Exchange(self.exchange(exchange, target)?),
        };
        let tags = (step.tags.iter())
            .map(|(name, template)| Ok((Arc::from(name.as_str()), self.plain(template)?)))
            .collect::<Result<_, String>>()?;
        // Only later steps may use what this one extracts.
        let extract = (step.extract.iter())
            .map(|(name, from)| (self.slot(name), name.clone(), from.clone()))
            .collect();
        let (name, pause) = (step.name.clone(), step.pause);
        Ok(Step { name, action, extract, tags, pause, checks: step.checks().collect() })
    }

    fn call(
        &mut self,
        step: &flow::Step,
        call: &flow::Call,
        target: Option<&Url>,
    ) -> Result<Call, String> {
        let mut head = self.head(&call.request, target)?;
        let (mut body, media) = self.body(&call.body)?;
        if let Some(media) = media
            && !head.headers.iter().any(|(name, _)| name == CONTENT_TYPE)
        {
            head.headers.push((CONTENT_TYPE, Header::Fixed(media)));
        }
        let compress = call.compress.map(coding);
        if let Some(coding) = compress {
            let value = HeaderValue::from_static(coding.as_str());
            head.headers.push((CONTENT_ENCODING, Header::Fixed(value)));
            if let Body::Fixed(bytes) = &body {
                body = Body::Fixed(coding::encode(coding, bytes));
            }
        }
        let expect_headers = (call.expect_headers.iter())
            .map(|(name, template)| Ok((name.clone(), self.plain(template)?)))
            .collect::<Result<_, String>>()?;
        let expect_json = self.expected(&call.expect_json)?;
        let stream = call.streams.then(|| {
            let next = self.streams.len();
            *self.streams.entry(step.name.clone()).or_insert(next)
        });
        let reads = !call.expect_headers.is_empty()
            || !call.expect_json.is_empty()
            || !step.extract.is_empty();
        let mut compiled = Call {
            head,
            body,
            compress,
            redirects: call.redirects,
            stream,
            status: call.status.clone(),
            expect_headers,
            expect_json,
            keep: if reads { Keep::Everything } else { Keep::Leads },
            prepared: None,
        };
        compiled.prepared = compiled.prepare();
        Ok(compiled)
    }

    fn receive(&self, receive: &flow::Receive) -> Result<Receive, String> {
        let stream = self.streams.get(&receive.from).copied();
        Ok(Receive {
            stream: stream.ok_or_else(|| format!("no step `{}` opens a stream", receive.from))?,
            event: receive.event.as_ref().map(|event| self.plain(event)).transpose()?,
            json: self.expected(&receive.json)?,
            within: receive.within,
        })
    }

    fn exchange(
        &self,
        exchange: &flow::Exchange,
        target: Option<&Url>,
    ) -> Result<Exchange, String> {
        let one = |it: &flow::Move| {
            Ok(match it {
                flow::Move::Send(body) => Move::Send(self.body(body)?.0),
                flow::Move::Receive { json, text, within } => Move::Receive {
                    json: self.expected(json)?,
                    text: text.as_ref().map(|text| self.plain(text)).transpose()?,
                    within: *within,
                },
            })
        };
        let moves = exchange.moves.iter().map(one).collect::<Result<_, String>>()?;
        Ok(Exchange { head: self.head(&exchange.request, target)?, moves })
    }

    fn expected(&self, typed: &[(Path, Tree)]) -> Result<Vec<(Path, Expression)>, String> {
        let one = |(path, tree): &(Path, Tree)| Ok((path.clone(), self.expression(tree)?));
        typed.iter().map(one).collect()
    }

    fn head(&self, request: &flow::Request, target: Option<&Url>) -> Result<Head, String> {
        let mut headers: Vec<(HeaderName, Header)> = Vec::new();
        for (name, template) in &request.headers {
            let text = self.plain(template)?;
            let header = match text.literal() {
                Some(bytes) => Header::Fixed(HeaderValue::from_bytes(bytes).map_err(|_| {
                    format!("the value of header `{name}` may not go into a header")
                })?),
                None => Header::Filled(text),
            };
            headers.push((name.clone(), header));
        }
        Ok(Head {
            method: request.method.clone(),
            address: self.address(&request.address, target)?,
            headers,
            timeout: request.timeout,
        })
    }

    /// A body and its content type. Parts that are filled in say theirs when they are.
    fn body(&self, body: &flow::Body) -> Result<(Body, Option<HeaderValue>), String> {
        let (text, media) = match body {
            flow::Body::None => (Text::default(), None),
            flow::Body::Json(tree) => {
                let mut text = Text::default();
                self.json(tree, &mut text)?;
                (text, Some(HeaderValue::from_static("application/json")))
            }
            flow::Body::Text(template) => {
                let media = HeaderValue::from_static("text/plain; charset=utf-8");
                (self.plain(template)?, Some(media))
            }
            flow::Body::Form(fields) => (self.form(fields)?, Some(URLENCODED)),
            flow::Body::Multipart(parts) => return self.multipart(parts),
        };
        let body = match text.literal() {
            Some(bytes) => Body::Fixed(Bytes::copy_from_slice(bytes)),
            None => Body::Filled(text),
        };
        Ok((body, media))
    }

    fn form(&self, fields: &[(String, Template)]) -> Result<Text, String> {
        let mut form = Text::default();
        for (position, (name, template)) in fields.iter().enumerate() {
            if position > 0 {
                form.push_literal(b"&");
            }
            form.push_literal(&form::urlencode([(name.as_str(), "")]));
            for piece in self.text(template, How::Form, How::Form)?.0 {
                match piece {
                    Piece::Literal(bytes) => form.push_literal(&bytes),
                    insert @ Piece::Insert(..) => form.0.push(insert),
                }
            }
        }
        Ok(form)
    }

    fn multipart(&self, parts: &[flow::Part]) -> Result<(Body, Option<HeaderValue>), String> {
        let mut compiled = Vec::new();
        for part in parts {
            let content = match &part.content {
                flow::Content::File(bytes) => Content::Fixed(bytes.clone()),
                flow::Content::Text(template) => {
                    let text = self.plain(template)?;
                    match text.literal() {
                        Some(bytes) => Content::Fixed(Bytes::copy_from_slice(bytes)),
                        None => Content::Filled(text),
                    }
                }
            };
            compiled.push(Part {
                name: part.name.clone(),
                file: part.filename.clone(),
                content_type: part.content_type.clone(),
                content,
            });
        }
        let fixed: Option<Vec<form::Part>> = compiled.iter().map(Part::fixed).collect();
        Ok(match fixed {
            Some(parts) => {
                let (media, bytes) = form::multipart(&parts, BOUNDARY);
                (Body::Fixed(bytes), Some(media))
            }
            None => (Body::Parts(compiled), None),
        })
    }

    fn address(&self, template: &Template, target: Option<&Url>) -> Result<Address, String> {
        let text = self.text(template, How::Link, How::Encoded)?;
        let Some(Piece::Literal(first)) = text.0.first() else {
            return Ok(Address::Dynamic(target.cloned(), text));
        };
        let first = String::from_utf8_lossy(first).into_owned();
        let is_url = first.starts_with("http://") || first.starts_with("https://");
        let (origin, path) = match (is_url, target) {
            (false, None) => {
                return Err(format!("`{first}` is not a full URL, and there is no target"));
            }
            (false, Some(target)) => (target.clone(), target.join(&first)),
            (true, _) => {
                let authority = first.find("://").map_or(0, |at| at + 3);
                let end = first[authority..].find(['/', '?']).map(|at| at + authority);
                let end = match end {
                    Some(end) => end,
                    None if text.0.len() == 1 => first.len(),
                    // The host itself has a gap.
                    None => return Ok(Address::Dynamic(None, text)),
                };
                let origin = Url::parse(&first[..end]).map_err(|error| error.to_string())?;
                let path = origin.join(&first[end..]);
                (origin, path)
            }
        };
        let mut filled = Text::default();
        filled.push_literal(path.as_bytes());
        filled.0.extend(text.0.into_iter().skip(1));
        Ok(Address::Fixed(origin, filled))
    }
}

/// What stands between parts; numbered where a part holds it.
pub(crate) const BOUNDARY: &str = "seaworthy-part";

impl Part {
    /// The part, when nothing is left to fill in.
    fn fixed(&self) -> Option<form::Part> {
        match &self.content {
            Content::Fixed(bytes) => Some(self.with(bytes.clone())),
            Content::Filled(_) => None,
        }
    }

    pub(crate) fn with(&self, body: Bytes) -> form::Part {
        let Self { name, file, content_type, .. } = self;
        form::Part {
            name: name.clone(),
            file: file.clone(),
            content_type: content_type.clone(),
            body,
        }
    }
}

fn coding(compress: Compress) -> Coding {
    match compress {
        Compress::Gzip => Coding::Gzip,
        Compress::Deflate => Coding::Deflate,
        Compress::Br => Coding::Brotli,
        Compress::Zstd => Coding::Zstd,
    }
}
