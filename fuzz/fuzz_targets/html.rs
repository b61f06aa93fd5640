//! Any text is a page or one that is too large, any text a selector or an error; what is found matches.
#![no_main]

use libfuzzer_sys::fuzz_target;
use seaworthy_k6::html::{Document, Selection, Selector, link};

fuzz_target!(|given: (&str, &str)| {
    let (page, selector) = given;
    let Ok(document) = Document::parse_from(page, "http://127.0.0.1/x?y") else { return };
    let page = Selection::of(&document);
    let (_, _) = (page.html(), page.text());
    let _ = link(&page, selector);
    if let Ok(selector) = Selector::parse(selector) {
        let found = page.find(&selector);
        assert_eq!(found.filter(&selector).size(), found.size());
        assert_eq!(page.single(&selector).size(), found.size().min(1));
        let _ = (found.serialize(), found.data_all(), found.val());
        for element in found.elements() {
            for name in seaworthy_k6::html::property_names(element.node_name()) {
                assert!(element.property(name).is_some(), "{name}");
            }
        }
    }
});
