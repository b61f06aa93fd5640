//! Pages as `k6/html` sees them, from outside. What is expected here was asked of k6 2.2 itself.

mod anything;
mod forms;
mod links;
mod properties;
mod selections;

use std::rc::Rc;

use seaworthy_k6::html::{Document, Element, Property, Selection, Selector};

/// The page's document node.
fn page(text: &str) -> Selection {
    Selection::of(&Document::parse(text).expect("the page is small"))
}

fn page_from(text: &str, url: &str) -> Selection {
    Selection::of(&Document::parse_from(text, url).expect("the page is small"))
}

fn css(text: &str) -> Selector {
    Selector::parse(text).expect("tests write selectors")
}

fn first(page: &Selection, selector: &str) -> Element {
    page.find(&css(selector)).get(0).unwrap_or_else(|| panic!("no {selector}"))
}

/// The ids of a selection's elements, or their names if they have none.
fn ids(selection: &Selection) -> Vec<String> {
    selection.elements().map(|element| name(&element)).collect()
}

fn name(element: &Element) -> String {
    let id = element.id();
    if id.is_empty() { element.node_name().to_owned() } else { id.to_owned() }
}

/// A property as one text.
fn say(element: &Element, property: &str) -> String {
    match element.property(property) {
        None => "absent".to_owned(),
        Some(Property::Undefined) => "undefined".to_owned(),
        Some(Property::Bool(flag)) => flag.to_string(),
        Some(Property::Number(number)) => number.to_string(),
        Some(Property::Text(text)) => format!("'{text}'"),
        Some(Property::Texts(texts)) => format!("[{}]", texts.join("|")),
        Some(Property::Element(element)) => name(&element),
        Some(Property::Elements(all)) => {
            format!("[{}]", all.iter().map(name).collect::<Vec<_>>().join(" "))
        }
    }
}

/// A page whose selection outlives the document it came from: what scripts keep stays valid.
#[test]
fn a_selection_keeps_its_page() {
    let selection = {
        let document = Document::parse("<p>kept</p>").unwrap();
        let found = Selection::of(&document).find(&css("p"));
        assert_eq!(Rc::strong_count(&document), 3);
        found
    };
    assert_eq!(selection.text(), "kept");
}
