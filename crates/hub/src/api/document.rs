//! The OpenAPI 3.1 document of a role, made from the entries of its routes.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::{Access, Answer, Entry, Operation};
use crate::options::Role;
use crate::problem::{Document, MEDIA_TYPE};

/// Where each role serves its document.
pub(crate) const PATH: &str = "/openapi.json";

/// The document of a role with these routes.
pub(crate) fn describe(role: Role, entries: &[Entry]) -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let problem = generator.subschema_for::<Document>();
    let mut paths = Map::new();
    for entry in entries {
        let path = entry.path.replace("{*", "{");
        let method = entry.method.as_str().to_ascii_lowercase();
        let operation = operation(entry, &path, &mut generator);
        let methods = paths.entry(path).or_insert_with(|| Value::Object(Map::new()));
        methods[method] = operation;
    }
    let schemas = Value::Object(generator.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": format!("Seaworthy hub: {role}"),
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {"problem": {
                "description": "Refused or failed: a problem document (RFC 9457)",
                "content": {MEDIA_TYPE: {"schema": problem}},
            }},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "administrator": {"type": "http", "scheme": "basic"},
            },
        },
    })
}

fn operation(entry: &Entry, path: &str, generator: &mut SchemaGenerator) -> Value {
    let Operation { summary, access, capabilities, body, body_optional, query, headers, answers } =
        &entry.operation;
    let mut parameters: Vec<Value> = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| parameter(name, "path", true, json!({"type": "string", "minLength": 1})))
        .collect();
    if let Some(query) = query {
        // A generator of its own: the parameters stand here, not among the schemas.
        let mut own = SchemaSettings::draft2020_12().with(|all| all.inline_subschemas = true);
        own.meta_schema = None;
        let schema = query(&mut own.into_generator());
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, schema) in properties.into_iter().flatten() {
            parameters.push(parameter(name, "query", false, schema.clone()));
        }
    }
    for (name, description) in headers {
        let mut header = parameter(name, "header", false, json!({"type": "string"}));
        header["description"] = (*description).into();
        parameters.push(header);
    }
    let security = match access {
        Access::Open => json!([]),
        Access::Token => json!([{"token": capabilities}]),
        Access::Administrator => json!([{"administrator": []}, {"token": ["identity:admin"]}]),
    };
    let mut responses = Map::new();
    for answer in answers {
        let told = response(answer, generator);
        match responses.get_mut(&answer.status.to_string()) {
            // Another form of the same answer.
            Some(known) => {
                for (media, content) in told["content"].as_object().into_iter().flatten() {
                    known["content"][media] = content.clone();
                }
            }
            None => drop(responses.insert(answer.status.to_string(), told)),
        }
    }
    responses.insert("default".to_owned(), json!({"$ref": "#/components/responses/problem"}));
    let mut operation = json!({
        "summary": summary,
        "operationId": name(entry.method.as_str(), path),
        "security": security,
        "responses": responses,
    });
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(body) = body {
        let schema = body(generator);
        let content = json!({"application/json": {"schema": schema}});
        operation["requestBody"] = json!({"required": !body_optional, "content": content});
    }
    operation
}

fn parameter(name: &str, place: &str, required: bool, schema: Value) -> Value {
    json!({"name": name, "in": place, "required": required, "schema": schema})
}

fn response(answer: &Answer, generator: &mut SchemaGenerator) -> Value {
    let status = http::StatusCode::from_u16(answer.status).ok();
    let description = status.and_then(|status| status.canonical_reason()).unwrap_or("Answered");
    let mut response = json!({"description": description});
    if let Some((media, shape)) = answer.body {
        let schema = match shape {
            Some(shape) => Value::from(shape(generator)),
            None => json!({"type": "string"}),
        };
        response["content"] = json!({media: {"schema": schema}});
    }
    response
}

/// A name for programs: the method and the path's words.
fn name(method: &str, path: &str) -> String {
    let letters = path.chars().map(|one| if one.is_ascii_alphanumeric() { one } else { '_' });
    let mut name = method.to_ascii_lowercase();
    for word in letters.collect::<String>().split('_').filter(|word| !word.is_empty()) {
        name.push('_');
        name.push_str(word);
    }
    name
}

#[cfg(test)]
mod tests {
    use http::Method;
    use schemars::JsonSchema;

    use super::*;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Asked {
        /// How many.
        limit: Option<u32>,
    }

    #[test]
    fn an_entry_says_all_that_a_caller_needs() {
        let operation = Operation::new("Do it")
            .needs("thing:do")
            .query::<Asked>()
            .body::<Asked>()
            .header("Idempotency-Key", "once")
            .answers::<Asked>(201)
            .answers_nothing(204);
        let entry = Entry { method: Method::POST, path: "/v1/things/{id}/{*rest}", operation };
        let open = Entry {
            method: Method::GET,
            path: "/v1/things/{id}/{*rest}",
            operation: Operation::new("See").open(),
        };
        let document = describe(Role::Policy, &[entry, open]);
        let path = &document["paths"]["/v1/things/{id}/{rest}"];
        let post = &path["post"];
        assert_eq!(post["operationId"], "post_v1_things_id_rest");
        assert_eq!(post["security"], json!([{"token": ["thing:do"]}]));
        assert_eq!(path["get"]["security"], json!([]));
        let named: Vec<_> =
            post["parameters"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
        assert_eq!(named, ["id", "rest", "limit", "Idempotency-Key"]);
        let schema = &post["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(schema["$ref"], "#/components/schemas/Asked");
        assert!(document["components"]["schemas"]["Asked"]["properties"]["limit"].is_object());
        let statuses: Vec<_> = post["responses"].as_object().unwrap().keys().collect();
        assert_eq!(statuses, ["201", "204", "default"]);
    }
}
