//! Any text is a template and any text is a JSON path, or an error; rendering never panics.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use seaworthy_load::{path::Path, template::Template};
use serde_json::json;

fuzz_target!(|text: &str| {
    let values = BTreeMap::from([("a".to_owned(), json!({"b": [1, "two", null]}))]);
    if let Ok(template) = Template::parse(text) {
        let _ = template.render(&values);
    }
    if let Ok(path) = Path::parse(text) {
        let _ = path.get(&values["a"]);
    }
});
