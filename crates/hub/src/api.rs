//! The table of a role's routes: what answers each, and what the API document says of it.
//!
//! A route cannot be added without its entry, since only [`Routes`] is taken for a role's routes; the
//! OpenAPI document is made from the same entries, with the schemas of the types that handlers read
//! and write.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{self, MethodRouter};
use http::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator};

mod document;

pub(crate) use document::{PATH, describe};

/// Routes with their entries.
pub(crate) struct Routes<S = ()> {
    router: Router<S>,
    entries: Vec<Entry>,
}

/// One route in the API document.
#[derive(Clone)]
pub(crate) struct Entry {
    method: Method,
    path: &'static str,
    operation: Operation,
}

/// What a route does, asks for and answers.
#[derive(Clone)]
pub(crate) struct Operation {
    summary: &'static str,
    access: Access,
    capabilities: Vec<&'static str>,
    body: Option<Shape>,
    body_optional: bool,
    query: Option<Shape>,
    headers: Vec<(&'static str, &'static str)>,
    answers: Vec<Answer>,
}

/// Makes a type's schema.
type Shape = fn(&mut SchemaGenerator) -> Schema;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Anyone.
    Open,
    /// Whoever has a token.
    Token,
    /// The admin credential, or a token.
    Administrator,
}

#[derive(Clone)]
struct Answer {
    status: u16,
    /// Media type and, for JSON, its shape; none without a body.
    body: Option<(&'static str, Option<Shape>)>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self { router: Router::new(), entries: Vec::new() }
    }

    /// `GET path`.
    #[must_use]
    pub(crate) fn get<H, T>(self, path: &'static str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(Method::GET, path, routing::get(handler), operation)
    }

    /// `POST path`.
    #[must_use]
    pub(crate) fn post<H, T>(self, path: &'static str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(Method::POST, path, routing::post(handler), operation)
    }

    /// `PUT path`.
    #[must_use]
    pub(crate) fn put<H, T>(self, path: &'static str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(Method::PUT, path, routing::put(handler), operation)
    }

    /// `DELETE path`.
    #[must_use]
    pub(crate) fn delete<H, T>(self, path: &'static str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(Method::DELETE, path, routing::delete(handler), operation)
    }

    fn add(
        mut self,
        method: Method,
        path: &'static str,
        handler: MethodRouter<S>,
        operation: Operation,
    ) -> Self {
        self.router = self.router.route(path, handler);
        self.entries.push(Entry { method, path, operation });
        self
    }

    /// These and those.
    #[must_use]
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.entries.extend(other.entries);
        self
    }

    /// Gives the handlers their state.
    pub(crate) fn with_state<S2>(self, state: S) -> Routes<S2> {
        Routes { router: self.router.with_state(state), entries: self.entries }
    }

    /// The routes to be served, and their entries.
    pub(crate) fn into_parts(self) -> (Router<S>, Vec<Entry>) {
        (self.router, self.entries)
    }
}

impl Operation {
    /// An operation for whoever has a token.
    pub(crate) const fn new(summary: &'static str) -> Self {
        Self {
            summary,
            access: Access::Token,
            capabilities: Vec::new(),
            body: None,
            body_optional: false,
            query: None,
            headers: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Needs no token.
    pub(crate) fn open(self) -> Self {
        Self { access: Access::Open, ..self }
    }

    /// Needs the admin credential, or a token with `identity:admin`.
    pub(crate) fn administrator(self) -> Self {
        Self { access: Access::Administrator, ..self }
    }

    /// Needs a token with this capability.
    pub(crate) fn needs(mut self, capability: &'static str) -> Self {
        self.capabilities.push(capability);
        self
    }

    /// Reads a JSON body.
    pub(crate) fn body<T: JsonSchema>(self) -> Self {
        Self { body: Some(|generator| generator.subschema_for::<T>()), ..self }
    }

    /// The body may be left out.
    pub(crate) fn may_be_empty(self) -> Self {
        Self { body_optional: true, ..self }
    }

    /// Reads these parameters from the query.
    pub(crate) fn query<T: JsonSchema>(self) -> Self {
        Self { query: Some(|generator| generator.root_schema_for::<T>()), ..self }
    }

    /// Looks at a header.
    pub(crate) fn header(mut self, name: &'static str, description: &'static str) -> Self {
        self.headers.push((name, description));
        self
    }

    /// Answers JSON with this status.
    pub(crate) fn answers<T: JsonSchema>(mut self, status: u16) -> Self {
        let shape: Shape = |generator| generator.subschema_for::<T>();
        self.answers.push(Answer { status, body: Some(("application/json", Some(shape))) });
        self
    }

    /// Answers something else than JSON.
    pub(crate) fn answers_with(mut self, status: u16, media: &'static str) -> Self {
        self.answers.push(Answer { status, body: Some((media, None)) });
        self
    }

    /// Answers without a body.
    pub(crate) fn answers_nothing(mut self, status: u16) -> Self {
        self.answers.push(Answer { status, body: None });
        self
    }
}
