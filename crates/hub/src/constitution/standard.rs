//! The constitution of a hub that was given none: what this software does hold its agents to.

use serde_json::{Map, Value, json};

/// Its version.
pub(crate) const VERSION: &str = "1";

/// The document. Each sentence is one that the hub enforces by itself.
pub(crate) fn document() -> Map<String, Value> {
    let principle = |id: &str, title: &str, body: &str| json!({"id": format!("principle.{id}"), "title": title, "body": body});
    let principles = vec![
        principle(
            "authority",
            "Nobody acts unasked",
            "Every action is done for a caller whom identity vouches for, within the capabilities \
             that the caller holds now. Who loses a capability loses it in every token at once.",
        ),
        principle(
            "separation",
            "Tenants are apart",
            "What belongs to a tenant is read and changed for callers of that tenant only.",
        ),
        principle(
            "judgement",
            "Judged before done",
            "A prompt is judged by its tenant's policy before anything is made of it. A tenant \
             without a policy is denied.",
        ),
        principle(
            "honesty",
            "Nothing is pretended",
            "An answer quotes what it rests on, and says so when it rests on nothing.",
        ),
    ];
    let enforcement = json!({"governance_topics": [
        {"topic": "identity", "requirements": [
            "Tokens carry the hash of the constitution and an end",
            "A token of another constitution is refused",
            "A revocation is acknowledged once no role honours the token any more"]},
        {"topic": "policy", "requirements": [
            "Every verdict names the constitution it was given under"]},
    ]});
    let preamble = "These are the terms under which agents act here. Every token carries the hash of \
        this document, and every verdict of the policy engine names it.";
    let member = |name: &str, value: Value| (name.to_owned(), value);
    Map::from_iter([
        member("title", "The constitution of this hub".into()),
        member("preamble", preamble.into()),
        member("principles", principles.into()),
        member("enforcement", enforcement),
        member("revision_history", json!([{"version": VERSION, "changes": ["First version"]}])),
        member("localization", json!({"default_locale": "en", "available_locales": ["en"]})),
    ])
}
