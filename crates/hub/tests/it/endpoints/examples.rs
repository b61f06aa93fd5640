//! A call of every operation, and what it is answered with.

use seaworthy_hub::Role;
use seaworthy_hub::Role::{Gateway, Identity, Inference, Memory, Orchestrator, Policy};
use serde_json::{Value, json};

/// One call of one operation.
pub(super) struct Example {
    pub(super) role: Role,
    /// The operation, as the document spells it.
    pub(super) operation: &'static str,
    /// The path with its parameters filled in; `{session}` is a session there is.
    pub(super) path: &'static str,
    pub(super) body: Option<Value>,
    pub(super) status: u16,
}

fn call(
    role: Role,
    operation: &'static str,
    path: &'static str,
    body: Option<Value>,
    status: u16,
) -> Example {
    Example { role, operation, path, body, status }
}

/// What every role has.
pub(super) const PROBES: [&str; 7] =
    ["/live", "/startup", "/ready", "/health", "/metrics", "/circuits", "/openapi.json"];

pub(super) fn examples() -> Vec<Example> {
    let constitution = |role| {
        let bundle = json!({"version": "1", "issued_at": "2026-01-01T00:00:00Z", "document": {},
            "hash": "", "signature": {"algorithm": "EdDSA", "value": ""}});
        [
            call(role, "GET /v1/constitution", "/v1/constitution", None, 200),
            call(role, "GET /v1/constitution/{tenant}", "/v1/constitution/acme", None, 200),
            call(
                role,
                "GET /v1/constitution/{tenant}/hash",
                "/v1/constitution/acme/hash",
                None,
                200,
            ),
            call(
                role,
                "POST /v1/constitution/validate",
                "/v1/constitution/validate",
                Some(bundle),
                200,
            ),
        ]
    };
    let evaluate = json!({"session_id": "s", "tenant": "acme", "user": "ada", "prompt": "p"});
    let remember = json!({"key": "k", "value": "Ships carry tea."});
    let session = json!({"prompt": "Ships"});
    let message = json!({"session_id": "{session}", "message": "What do ships carry?"});
    let switch = json!({"engaged": false, "reason": "drill"});
    let user = json!({"tenant_id": "acme", "name": "Bob", "email": "bob@acme.example",
        "capabilities": []});
    let tenant = json!({"name": "Bolt"});
    let issue = json!({"user_id": "ada", "tenant_id": "acme", "capabilities": []});
    let question = json!({"follower": "f", "run": null, "after": 0});
    let anonymous = json!({"tenant": "acme"});
    let rule = json!({"name": "r", "pattern": "sabotage"});
    let mut examples = vec![
        call(Identity, "POST /v1/tokens/issue", "/v1/tokens/issue", Some(issue), 200),
        call(
            Identity,
            "POST /v1/tokens/verify",
            "/v1/tokens/verify",
            Some(json!({"token": "{token}"})),
            200,
        ),
        call(
            Identity,
            "POST /v1/tokens/revoke",
            "/v1/tokens/revoke",
            Some(json!({"token": "{spare}"})),
            200,
        ),
        call(Identity, "POST /v1/tokens/changes", "/v1/tokens/changes", Some(question), 200),
        call(Identity, "POST /v1/tokens/anonymous", "/v1/tokens/anonymous", Some(anonymous), 401),
        call(Identity, "PUT /v1/tenants/{id}", "/v1/tenants/bolt", Some(tenant), 201),
        call(Identity, "GET /v1/tenants/{id}", "/v1/tenants/acme", None, 200),
        call(Identity, "PUT /v1/users/{id}", "/v1/users/bob", Some(user), 201),
        call(Identity, "GET /v1/users/{id}", "/v1/users/ada", None, 200),
        call(Identity, "GET /.well-known/jwks.json", "/.well-known/jwks.json", None, 200),
        call(
            Identity,
            "GET /.well-known/constitution.json",
            "/.well-known/constitution.json",
            None,
            200,
        ),
        call(
            Identity,
            "PUT /v1/constitution",
            "/v1/constitution",
            Some(json!("{constitution}")),
            200,
        ),
        call(Identity, "GET /v1/kill-switch", "/v1/kill-switch", None, 200),
        call(Identity, "PUT /v1/kill-switch", "/v1/kill-switch", Some(switch.clone()), 200),
        call(
            Policy,
            "PUT /v1/policies/{tenant}",
            "/v1/policies/acme",
            Some(json!({"rules": []})),
            201,
        ),
        call(Policy, "GET /v1/policies/{tenant}", "/v1/policies/acme", None, 200),
        call(
            Policy,
            "POST /v1/policies/{tenant}/rules",
            "/v1/policies/acme/rules",
            Some(rule),
            201,
        ),
        call(Policy, "POST /v1/evaluate", "/v1/evaluate", Some(evaluate.clone()), 200),
        call(Memory, "POST /v1/remember", "/v1/remember", Some(remember.clone()), 201),
        call(Memory, "GET /v1/recall/{key}", "/v1/recall/k", None, 200),
        call(
            Memory,
            "POST /v1/rag/retrieve",
            "/v1/rag/retrieve",
            Some(json!({"query": "tea"})),
            200,
        ),
        call(Memory, "DELETE /v1/recall/{key}", "/v1/recall/k", None, 204),
        call(Inference, "POST /v1/infer/sync", "/v1/infer/sync", Some(json!({"prompt": "p"})), 200),
        call(Inference, "GET /models", "/models", None, 200),
        call(
            Orchestrator,
            "POST /v1/sessions/start",
            "/v1/sessions/start",
            Some(session.clone()),
            201,
        ),
        call(Orchestrator, "GET /v1/sessions/{id}", "/v1/sessions/{session}", None, 200),
        call(
            Orchestrator,
            "GET /v1/sessions/{id}/turns",
            "/v1/sessions/{session}/turns",
            None,
            200,
        ),
        call(
            Orchestrator,
            "GET /v1/sessions/{id}/events",
            "/v1/sessions/{session}/events?stream=false",
            None,
            200,
        ),
        call(
            Orchestrator,
            "POST /v1/conversation/step",
            "/v1/conversation/step",
            Some(message.clone()),
            200,
        ),
        call(Gateway, "GET /v1/status", "/v1/status", None, 200),
        call(Gateway, "POST /v1/sessions", "/v1/sessions", Some(session), 201),
        call(
            Gateway,
            "POST /v1/sessions/message",
            "/v1/sessions/message",
            Some(message.clone()),
            200,
        ),
        call(Gateway, "POST /v1/session/message", "/v1/session/message", Some(message), 200),
        call(Gateway, "GET /v1/sessions/{id}", "/v1/sessions/{session}", None, 200),
        call(Gateway, "GET /v1/sessions/{id}/turns", "/v1/sessions/{session}/turns", None, 200),
        call(
            Gateway,
            "GET /v1/sessions/{id}/events",
            "/v1/sessions/{session}/events?stream=false",
            None,
            200,
        ),
        call(Gateway, "POST /v1/remember", "/v1/remember", Some(remember), 201),
        call(Gateway, "GET /v1/recall/{key}", "/v1/recall/k", None, 200),
        call(
            Gateway,
            "POST /v1/rag/retrieve",
            "/v1/rag/retrieve",
            Some(json!({"query": "tea"})),
            200,
        ),
        call(Gateway, "DELETE /v1/recall/{key}", "/v1/recall/k", None, 204),
        call(Gateway, "POST /v1/evaluate", "/v1/evaluate", Some(evaluate), 200),
        call(Gateway, "GET /v1/kill-switch", "/v1/kill-switch", None, 200),
        call(Gateway, "PUT /v1/kill-switch", "/v1/kill-switch", Some(switch), 200),
    ];
    for role in [Identity, Policy, Gateway] {
        examples.extend(constitution(role));
    }
    examples.extend(wizards(Orchestrator, ["/v1/wizards/start", "/v1/wizards/{id}"]));
    examples.push(call(Orchestrator, "GET /v1/wizards", "/v1/wizards", None, 200));
    examples.extend(wizards(Gateway, ["/v1/wizards/start", "/v1/wizards/{id}"]));
    examples.push(call(Gateway, "GET /v1/wizards", "/v1/wizards", None, 200));
    examples.extend(wizards(Gateway, ["/wizard/start", "/wizard/{id}"]));
    examples.extend(workflows());
    examples
}

/// The routes of workflows, in both spellings. `{workflow}` is one that has ended.
fn workflows() -> Vec<Example> {
    let campaign = json!({"campaign_name": "Tall ships"});
    let opening = json!({"prompt": "Ships"});
    let project = json!({"project_name": "Ship", "description": "Build it."});
    let orders = json!({"directives": [{"agent_id": "a", "goal": "g"}]});
    let signal = json!({"name": "note", "payload": 1});
    let role = Orchestrator;
    let mut examples = vec![
        call(role, "POST /v1/projects", "/v1/projects", Some(project), 202),
        call(role, "GET /v1/projects/{id}", "/v1/projects/{workflow}", None, 200),
        call(
            role,
            "POST /v1/projects/{id}/cancel",
            "/v1/projects/{workflow}/cancel",
            Some(json!({})),
            409,
        ),
        call(role, "POST /v1/mao/start", "/v1/mao/start", Some(orders), 202),
        call(role, "GET /v1/mao/{id}", "/v1/mao/{workflow}", None, 200),
    ];
    for (root, one, place) in [
        ("/workflows", "/workflows/{id}", "/workflows/{workflow}"),
        ("/v1/workflows", "/v1/workflows/{id}", "/v1/workflows/{workflow}"),
    ] {
        let made = [
            ("GET", root, "", root, "", None, 200),
            ("POST", root, "/marketing", root, "/marketing", Some(campaign.clone()), 202),
            ("POST", root, "/session", root, "/session", Some(opening.clone()), 202),
            ("GET", one, "", place, "", None, 200),
            ("GET", one, "/history", place, "/history", None, 200),
            ("GET", one, "/query/{name}", place, "/query/get_progress", None, 200),
            ("GET", one, "/artifacts", place, "/artifacts", None, 200),
            ("GET", one, "/artifacts/{name}", place, "/artifacts/record.json", None, 200),
            ("POST", one, "/signal", place, "/signal", Some(signal.clone()), 409),
            ("POST", one, "/signal/{name}", place, "/signal/note", Some(json!(1)), 409),
            ("POST", one, "/cancel", place, "/cancel", Some(json!({})), 409),
            ("POST", one, "/terminate", place, "/terminate", Some(json!({})), 409),
        ];
        examples.extend(made.into_iter().map(|(method, start, rest, base, end, body, status)| {
            Example {
                role,
                operation: format!("{method} {start}{rest}").leak(),
                path: format!("{base}{end}").leak(),
                body,
                status,
            }
        }));
    }
    examples
}

/// The operations of wizards, under these paths.
fn wizards(role: Role, [start, session]: [&'static str; 2]) -> Vec<Example> {
    let operation =
        |method: &str, path: &str| -> &'static str { String::leak(format!("{method} {path}")) };
    let at = |step: &str| -> &'static str {
        String::leak(format!("{session}{step}").replace("{id}", "{wizard}"))
    };
    let begin = json!({"wizard_id": "quick_campaign_v1"});
    let given = json!({"question_id": "campaign_name", "value": "Spring"});
    let answer = operation("POST", &format!("{session}/answer"));
    let modify = operation("POST", &format!("{session}/modify"));
    let approve = operation("POST", &format!("{session}/approve"));
    vec![
        call(role, operation("POST", start), start, Some(begin), 200),
        call(role, operation("GET", session), at(""), None, 200),
        // Its first question is answered already, so that any number of examples find it the same.
        call(role, answer, at("/answer"), Some(given.clone()), 409),
        call(role, modify, at("/modify"), Some(given), 200),
        // Questions are open.
        call(role, approve, at("/approve"), Some(json!({})), 409),
    ]
}
