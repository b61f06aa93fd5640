//! One step of an iteration: drawing variables, filling in the request, waiting for what comes.

mod judge;

use http::HeaderValue;
use http::header::CONTENT_TYPE;
use seaworthy_base::Clock;
use seaworthy_net::session::Session;
use seaworthy_net::{Failure, Keep, Names, Prepared, Request, Response, Url, coding, form};

use crate::exchange::Talk;
use crate::links::Links;
use crate::program::{
    Action, Address, BOUNDARY, Body, Call, Content, Draw, Head, Header, Part, Program, Step,
};
use crate::scope::{Scope, Unfilled};
use crate::stream::Wait;

pub(crate) use judge::{Judged, holds, matches};

/// What came of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    Answered(Response),
    Failed(Failure),
    /// The request could not even be written.
    Unfilled(Unfilled),
}

/// What came of a step.
#[derive(Debug)]
pub(crate) enum Done {
    Call(Outcome),
    Wait(Wait),
    Talk(Talk),
}

/// Why what was waited for did not come.
#[derive(Debug)]
pub(crate) struct Missed {
    /// A stable code.
    pub(crate) code: &'static str,
    pub(crate) reason: String,
}

impl From<Unfilled> for Missed {
    fn from(unfilled: Unfilled) -> Self {
        Self { code: "template_unfilled", reason: unfilled.to_string() }
    }
}

impl From<seaworthy_net::Error> for Missed {
    fn from(error: seaworthy_net::Error) -> Self {
        Self { code: error.code(), reason: error.to_string() }
    }
}

impl Program {
    /// Draws the variables of an iteration; its rows are taken already.
    pub(crate) fn draw(&self, scope: &mut Scope) -> Result<(), Unfilled> {
        for (slot, draw) in &self.variables {
            let value = match draw {
                Draw::Value(expression) => expression.evaluate(scope)?.into_owned(),
                Draw::Random(low, high) => scope.chance().between(*low, *high).into(),
                Draw::Cycle { by, of } => {
                    let by = by.render_text(scope)?;
                    let number: i128 = by.trim().parse().map_err(|_| {
                        Unfilled(format!("a cycle goes by a whole number, not `{by}`"))
                    })?;
                    of.pick(scope, |len| {
                        let len = i128::try_from(len.max(1)).unwrap_or(i128::MAX);
                        usize::try_from(number.rem_euclid(len)).unwrap_or(0)
                    })?
                }
                Draw::Choice(of) => {
                    // Drawn first: choosing borrows the scope's values.
                    let fraction = scope.chance().fraction();
                    of.pick(scope, |len| {
                        ((fraction * len as f64) as usize).min(len.saturating_sub(1))
                    })?
                }
            };
            scope.set(*slot, value);
        }
        Ok(())
    }
}

impl Step {
    /// Does the step and waits until it is done. Answers that were redirects are left in `links`.
    pub(crate) async fn perform(
        &self,
        scope: &Scope,
        session: &mut Session,
        links: &mut Links,
    ) -> Done {
        match &self.action {
            Action::Call(call) => Done::Call(call.perform(scope, session, links).await),
            // Large while they run, and a virtual user is to be small.
            Action::Receive(receive) => Done::Wait(Box::pin(receive.perform(scope, links)).await),
            Action::Exchange(exchange) => {
                Done::Talk(Box::pin(exchange.perform(scope, session, links)).await)
            }
        }
    }

    /// The think time after the step.
    pub(crate) async fn pause(&self, scope: &mut Scope) {
        let Some(think) = self.pause else { return };
        tokio::time::sleep(think.draw(scope.chance())).await;
    }

    /// The step's own tags, filled in. A tag that cannot be is left empty.
    pub(crate) fn tags(&self, scope: &Scope) -> Vec<(std::sync::Arc<str>, String)> {
        let fill = |(name, text): &(_, crate::scope::Text)| {
            (std::sync::Arc::clone(name), text.render_text(scope).unwrap_or_default())
        };
        self.tags.iter().map(fill).collect()
    }
}

impl Call {
    async fn perform(&self, scope: &Scope, session: &mut Session, links: &mut Links) -> Outcome {
        let answer = match &self.prepared {
            Some((origin, prepared)) => {
                links.repeat(session, origin, prepared, self.redirects).await
            }
            None => match self.request(scope) {
                // Large while they run, and a virtual user is to be small.
                Ok((origin, request)) => match self.stream {
                    Some(stream) => Box::pin(links.open(session, stream, &origin, request)).await,
                    None => Box::pin(links.fetch(session, &origin, request, self.redirects)).await,
                },
                Err(unfilled) => return Outcome::Unfilled(unfilled),
            },
        };
        match answer {
            Ok(response) => Outcome::Answered(response),
            Err(failure) => Outcome::Failed(failure),
        }
    }

    /// The request, written out, if it is the same in every iteration.
    pub(crate) fn prepare(&self) -> Option<(Url, Prepared)> {
        let Address::Fixed(_, target) = &self.head.address else { return None };
        let filled = |(_, header): &(_, Header)| matches!(header, Header::Filled(_));
        if self.stream.is_some()
            || target.literal().is_none()
            || self.head.headers.iter().any(filled)
            || !matches!(self.body, Body::Fixed(_))
        {
            return None;
        }
        // Nothing in it asks for a value.
        let scope = Scope::new(0, 0..0, [].into(), Clock::system(), 0);
        let (origin, request) = self.request(&scope).ok()?;
        // One that may not go on the wire fails when it is sent, as any other does.
        let prepared = request.prepare(&origin).ok()?;
        Some((origin, prepared))
    }

    fn request(&self, scope: &Scope) -> Result<(Url, Request), Unfilled> {
        let (origin, mut request) = self.head.fill(scope)?;
        request.keep = self.keep;
        let body = match &self.body {
            // A fixed body was compressed when it was compiled.
            Body::Fixed(bytes) => {
                request.body = bytes.clone();
                return Ok((origin, request));
            }
            Body::Filled(text) => text.render(scope)?.into(),
            Body::Parts(parts) => {
                let parts: Vec<form::Part> =
                    parts.iter().map(|part| part.fill(scope)).collect::<Result<_, _>>()?;
                let (media, body) = form::multipart(&parts, BOUNDARY);
                request.headers.push((CONTENT_TYPE, media));
                body
            }
        };
        request.body = match self.compress {
            Some(coding) => coding::encode(coding, &body),
            None => body,
        };
        Ok((origin, request))
    }
}

impl Head {
    /// The origin and a request to it, without a body.
    pub(crate) fn fill(&self, scope: &Scope) -> Result<(Url, Request), Unfilled> {
        let (origin, target) = match &self.address {
            Address::Fixed(origin, text) => (origin.clone(), text.render_text(scope)?),
            Address::Dynamic(target, text) => {
                let address = text.render_text(scope)?;
                let is_url = address.starts_with("http://") || address.starts_with("https://");
                match target {
                    Some(target) if !is_url => (target.clone(), target.join(&address)),
                    _ => {
                        let url =
                            Url::parse(&address).map_err(|error| Unfilled(error.to_string()))?;
                        let path = url.base().to_owned();
                        (url, path)
                    }
                }
            }
        };
        let mut headers = Vec::with_capacity(self.headers.len() + 1);
        for (name, header) in &self.headers {
            let value = match header {
                Header::Fixed(value) => value.clone(),
                Header::Filled(text) => HeaderValue::from_bytes(&text.render(scope)?)
                    .map_err(|_| Unfilled(format!("header `{name}` has a control character")))?,
            };
            headers.push((name.clone(), value));
        }
        let (method, timeout) = (self.method.clone(), self.timeout);
        let (body, keep) = (bytes::Bytes::new(), Keep::Everything);
        let names = Names::Lower;
        Ok((origin, Request { method, target, headers, body, timeout, keep, names }))
    }
}

impl Part {
    fn fill(&self, scope: &Scope) -> Result<form::Part, Unfilled> {
        Ok(match &self.content {
            Content::Fixed(bytes) => self.with(bytes.clone()),
            Content::Filled(text) => self.with(text.render(scope)?.into()),
        })
    }
}
