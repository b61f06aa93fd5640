//! The table of the routes: the short spelling, which scripts use, and the long one.

use serde_json::Value;

use super::{
    Begun, Listing, READ, Reading, Reason, START, Signal, TERMINATE, Workflows, artifact,
    artifacts, begin, cancel, history, list, query, show, signal, signal_by_name, terminate,
};
use crate::api::{Operation, Routes};
use crate::orchestrator::flows::directives::Orders;
use crate::orchestrator::flows::marketing::Campaign;
use crate::orchestrator::flows::project::Project;
use crate::orchestrator::flows::session::Opening;

/// Says what is done with one workflow, under the path it is known by.
macro_rules! one {
    ($routes:expr, $path:literal) => {
        $routes
            .get($path, show, see("A workflow: where it stands, and what came of it"))
            .get(
                concat!($path, "/history"),
                history,
                see("A workflow's journal").query::<Reading>(),
            )
            .get(concat!($path, "/query/{name}"), query, see("What a workflow answers to a query"))
            .get(concat!($path, "/artifacts"), artifacts, see("What a workflow has made"))
            .get(
                concat!($path, "/artifacts/{*name}"),
                artifact,
                Operation::new("Something that a workflow has made")
                    .needs(READ)
                    .answers_with(200, "text/markdown")
                    .answers_with(200, "image/svg+xml")
                    .answers::<Value>(200),
            )
            .post(
                concat!($path, "/signal"),
                signal,
                steer("Send a workflow a signal").body::<Signal>(),
            )
            .post(
                concat!($path, "/signal/{name}"),
                signal_by_name,
                steer("Send a workflow a signal by its name").body::<Value>(),
            )
            .post(
                concat!($path, "/cancel"),
                cancel,
                steer("Ask a workflow to stop and to undo what it did")
                    .body::<Reason>()
                    .may_be_empty(),
            )
            .post(
                concat!($path, "/terminate"),
                terminate,
                Operation::new("End a workflow on the spot")
                    .needs(TERMINATE)
                    .body::<Reason>()
                    .may_be_empty()
                    .answers::<Value>(200),
            )
    };
}

/// The routes.
pub(crate) fn routes() -> Routes<Workflows> {
    let routes = Routes::new()
        .get("/workflows", list, see("The tenant's workflows, the latest first").query::<Listing>())
        .get(
            "/v1/workflows",
            list,
            see("The tenant's workflows, the latest first").query::<Listing>(),
        )
        .post("/workflows/marketing", begin::marketing, campaign())
        .post("/v1/workflows/marketing", begin::marketing, campaign())
        .post("/workflows/session", begin::session, opening())
        .post("/v1/workflows/session", begin::session, opening())
        .post("/v1/projects", begin::project, start("Start a project").body::<Project>())
        .post(
            "/v1/mao/start",
            begin::directives,
            start("Have agents follow directives").body::<Orders>(),
        )
        .get("/v1/mao/{id}", show, see("What came of directives"))
        .get("/v1/projects/{id}", show, see("What came of a project"))
        .post(
            "/v1/projects/{id}/cancel",
            cancel,
            steer("Ask a project to stop").body::<Reason>().may_be_empty(),
        );
    one!(one!(routes, "/workflows/{id}"), "/v1/workflows/{id}")
}

fn campaign() -> Operation {
    start("Start a marketing campaign").body::<Campaign>()
}

fn opening() -> Operation {
    start("Start a session as a workflow").body::<Opening>()
}

fn start(summary: &'static str) -> Operation {
    Operation::new(summary)
        .needs(START)
        .header("Idempotency-Key", "Repeating the request under it starts nothing twice")
        .answers::<Begun>(202)
}

fn see(summary: &'static str) -> Operation {
    Operation::new(summary).needs(READ).answers::<Value>(200)
}

fn steer(summary: &'static str) -> Operation {
    Operation::new(summary).needs(START).answers::<Value>(202)
}
