//! Whatever comes in: a page or a selector gives an answer or an error.

use proptest::prelude::*;
use seaworthy_k6::html::{Document, Error, Selection, Selector};

/// Pieces that pages and selectors are made of, so that nonsense is of the interesting kind.
fn markup() -> impl Strategy<Value = String> {
    const TAGS: [&str; 13] = [
        "p", "b", "table", "tr", "td", "select", "option", "template", "svg", "math", "a", "form",
        "title",
    ];
    let tag = proptest::sample::select(TAGS.to_vec());
    let piece = prop_oneof![
        tag.clone().prop_map(|tag| format!("<{tag} id=i class='x y' href=/z>")),
        tag.prop_map(|tag| format!("</{tag}>")),
        Just("<!--c-->".to_owned()),
        Just("&amp;&lt".to_owned()),
        Just("<![CDATA[x]]>".to_owned()),
        Just("<!doctype html>".to_owned()),
        "[ a-z<>&\"'/\\x00\u{fffd}é]{0,6}",
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn selector() -> impl Strategy<Value = String> {
    let pieces = [
        "a",
        "*",
        ".x",
        "#i",
        "[href]",
        "[class~=x]",
        "[id=\"i\" i]",
        "[a#=(]",
        ":not(",
        ":has(",
        ":nth-child(2n+1)",
        ":contains('a')",
        ":matches(a+)",
        ":empty",
        ":root",
        ":lang(en)",
        ")",
        ",",
        " ",
        ">",
        "+",
        "~",
        "\\",
        "\"",
        "é",
        "-",
        ":",
        "/**/",
        "9",
    ];
    proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..12)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_are_a_page(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let document = Document::parse(&String::from_utf8_lossy(&bytes)).unwrap();
        let page = Selection::of(&document);
        prop_assert!(page.html().contains("<html"), "every page has its root");
        prop_assert_eq!(page.contents().size(), page.get(0).unwrap().child_nodes().len());
    }

    #[test]
    fn any_text_as_a_selector_is_an_answer_or_an_error(text in "\\PC{0,20}") {
        answer(&text, "<p id=i class=x>a<a href=/z>b</a>")?;
    }

    #[test]
    fn any_selector_on_any_page(text in selector(), page in markup()) {
        answer(&text, &page)?;
    }

    #[test]
    fn walking_and_searching_see_the_same_elements(page in markup()) {
        let page = Selection::of(&Document::parse(&page).unwrap());
        let mut walked = 0;
        let mut queue = vec![page.get(0).unwrap()];
        while let Some(node) = queue.pop() {
            let children = node.child_nodes();
            for pair in children.windows(2) {
                prop_assert!(pair[0].next_sibling().unwrap().is_same_node(&pair[1]));
                prop_assert!(pair[1].previous_sibling().unwrap().is_same_node(&pair[0]));
            }
            for child in &children {
                prop_assert!(child.parent_node().unwrap().is_same_node(&node));
            }
            walked += node.child_element_count();
            queue.extend(children);
        }
        prop_assert_eq!(walked, page.find(&Selector::parse("*").unwrap()).size());
    }
}

fn answer(text: &str, page: &str) -> Result<(), TestCaseError> {
    match Selector::parse(text) {
        Ok(selector) => {
            let page = super::page(page);
            let found = page.find(&selector);
            // Every node that was found matches, and those it leaves out do not.
            prop_assert_eq!(found.filter(&selector).size(), found.size());
            prop_assert_eq!(found.not(&selector).size(), 0);
            prop_assert_eq!(page.single(&selector).size(), found.size().min(1));
        }
        Err(Error::Selector { column, selector, .. }) => {
            prop_assert!(column <= selector.chars().count() + 1);
        }
        Err(other) => prop_assert!(false, "{other}"),
    }
    Ok(())
}
