//! How one selection leads to another.

use seaworthy_k6::html::{Datum, Selection, Selector, Stop};

use super::{css, ids, page};

const LIST: &str =
    "<body id=body><h1 id=h>Title</h1><ul id=list><li id=a class=x>1<li id=b>2<b id=bold>!</b>
    <li id=c class=x>3<li id=d>4</ul><ol id=other><li id=e>5</ol><p id=p>tail</p></body>";

fn from(selector: &str) -> Selection {
    page(LIST).find(&css(selector))
}

#[test]
fn find_keeps_the_order_of_the_page_from_each_node_and_repeats_nothing() {
    let nested = page("<div id=1><div id=2><i id=x></i></div></div><i id=y></i>");
    assert_eq!(ids(&nested.find(&css("div")).find(&css("i"))), ["x"]);
    assert_eq!(ids(&nested.find(&css("i"))), ["x", "y"]);
    assert_eq!(ids(&nested.find(&css("#2")).add(&css("#1")).find(&css("*"))), ["x", "2"]);
}

#[test]
fn single_is_the_first_of_find() {
    assert_eq!(ids(&from("ul,ol").single(&css("li"))), ["a"]);
    assert_eq!(ids(&from("body").single(&css("nothing"))), Vec::<String>::new());
    assert_eq!(ids(&from("ul,ol").single(&css("li")).end()), ["list", "other"]);
}

#[test]
fn add_puts_new_nodes_last() {
    assert_eq!(ids(&from("#p").add(&css("h1, p"))), ["p", "h"]);
    assert_eq!(
        ids(&from("#p").add_selection(&from("h1"))),
        ["p"],
        "another page's nodes stay there"
    );
    let page = page(LIST);
    assert_eq!(ids(&page.find(&css("#p")).add_selection(&page.find(&css("h1")))), ["p", "h"]);
}

#[test]
fn up_and_down() {
    assert_eq!(ids(&from("ul").children(None)), ["a", "b", "c", "d"]);
    assert_eq!(ids(&from("ul,ol").children(Some(&css(".x,#e")))), ["a", "c", "e"]);
    assert_eq!(from("#b").contents().size(), 3);
    assert_eq!(ids(&from("li").parent(None)), ["list", "other"]);
    assert_eq!(ids(&from("li").parent(Some(&css("ol")))), ["other"]);
    assert_eq!(ids(&from("html").parent(None)), Vec::<String>::new(), "the document is no element");
    assert_eq!(ids(&from("b").parents(None)), ["b", "list", "body", "html"]);
    assert_eq!(ids(&from("b").parents(Some(&css("ul, html")))), ["list", "html"]);
    assert_eq!(ids(&from("b").parents_until(Stop::At(&css("body")), None)), ["b", "list"]);
    assert_eq!(ids(&from("b,#e").closest(&css("li,body"))), ["b", "e"]);
    assert_eq!(ids(&from("#p,#h").closest(&css("body"))), ["body"]);
}

#[test]
fn along_siblings() {
    assert_eq!(ids(&from("#a").next(None)), ["b"]);
    assert_eq!(ids(&from("#a").next(Some(&css(".x")))), Vec::<String>::new());
    assert_eq!(ids(&from("#a,#b").next_all(None)), ["b", "c", "d"]);
    assert_eq!(ids(&from("#a").next_all(Some(&css(".x")))), ["c"]);
    assert_eq!(ids(&from("#d").prev(None)), ["c"]);
    assert_eq!(ids(&from("#d").prev_all(None)), ["c", "b", "a"]);
    assert_eq!(ids(&from("#b").siblings(None)), ["a", "c", "d"]);
    assert_eq!(ids(&from("#b,#c").siblings(Some(&css("li")))), ["a", "c", "d", "b"]);
}

#[test]
fn until_a_selector_a_selection_or_the_end() {
    let page = page(LIST);
    let c = page.find(&css("#c"));
    let a = page.find(&css("#a"));
    assert_eq!(ids(&a.next_until(Stop::At(&css("#d")), None)), ["b", "c"]);
    assert_eq!(ids(&a.next_until(Stop::In(&c), None)), ["b"]);
    assert_eq!(ids(&a.next_until(Stop::Never, Some(&css(".x")))), ["c"]);
    assert_eq!(ids(&a.next_until(Stop::At(&Selector::nothing()), None)), ["b", "c", "d"]);
    assert_eq!(ids(&c.prev_until(Stop::At(&css("#a")), None)), ["b"]);
    assert_eq!(ids(&c.parents_until(Stop::In(&page.find(&css("body"))), None)), ["list"]);
}

#[test]
fn fewer() {
    let all = from("li");
    assert_eq!(ids(&all.filter(&css(".x"))), ["a", "c"]);
    assert_eq!(ids(&all.not(&css(".x"))), ["b", "d", "e"]);
    assert_eq!(ids(&all.not(&Selector::nothing())), ["a", "b", "c", "d", "e"]);
    assert_eq!(ids(&all.filter_flags(&[false, true])), ["b"]);
    assert_eq!(ids(&all.has(&css("b"))), ["b"]);
    assert!(all.is(&css("#d")) && !all.is(&css("ul")));
    let page = page(LIST);
    let (all, x) = (page.find(&css("li")), page.find(&css(".x")));
    assert_eq!(ids(&all.filter_selection(&x)), ["a", "c"]);
    assert_eq!(ids(&all.not_selection(&x)), ["b", "d", "e"]);
    assert_eq!(ids(&page.find(&css("ul,ol")).has_selection(&x)), ["list"]);
    assert!(all.is_selection(&x));
}

#[test]
fn by_place() {
    let all = from("li");
    assert_eq!(ids(&all.eq(1)), ["b"]);
    assert_eq!(ids(&all.eq(-2)), ["d"]);
    assert_eq!(all.eq(9).size(), 0);
    assert_eq!((ids(&all.first()), ids(&all.last())), (vec!["a".to_owned()], vec!["e".to_owned()]));
    assert_eq!(ids(&all.slice(1, Some(3))), ["b", "c"]);
    assert_eq!(ids(&all.slice(-2, None)), ["d", "e"]);
    assert_eq!(ids(&all.slice(0, Some(-3))), ["a", "b"]);
    assert_eq!(all.slice(3, Some(1)).size(), 0, "where k6 crashes, nothing");
    assert_eq!(all.slice(i64::MIN, Some(i64::MAX)).size(), 5);
    assert_eq!(all.get(-1).unwrap().id(), "e");
    assert!(all.get(5).is_none() && all.get(i64::MIN).is_none());
    assert_eq!(ids(&all.eq(1).end()), ["a", "b", "c", "d", "e"]);
    assert_eq!(all.to_array().map(|one| one.text()).collect::<String>().matches('\n').count(), 1);
}

#[test]
fn places() {
    let page = page(LIST);
    let at = |selector: &str| page.find(&css(selector));
    assert_eq!(at("#c").index(), Some(2));
    assert_eq!(at("#none").index(), None);
    assert_eq!(at("#c").index_in(&css(".x")), Some(1));
    assert_eq!(at("li").index_of(&at("#d")), Some(3));
    assert_eq!(at("li").index_of(&at("#p")), None);
}

#[test]
fn end_leads_back_and_ends_in_nothing() {
    assert_eq!(
        ids(&from("body").children(None).filter(&css("p")).end()),
        ["h", "list", "other", "p"]
    );
    assert_eq!(page(LIST).end().size(), 0);
}

#[test]
fn what_a_selection_says() {
    assert_eq!(from("#b,#p").text(), "2!\n    tail");
    assert_eq!(from("b,#p").html(), "!");
    assert_eq!(from("#none").html(), "");
    assert_eq!(from("li").attr("class"), Some("x"));
    assert_eq!(from("#b").attr("class"), None);
    assert_eq!(from("li").attr("CLASS"), None, "a page's names are in lower case");
}

#[test]
fn data() {
    let page =
        page("<p data-test-id=7 data-on=true data-o='{\"a\":[1]}' data-e='' data-x=1.0 class=y>");
    let p = page.find(&css("p"));
    assert_eq!(p.data("test-id"), Datum::Number(7.0));
    assert_eq!(p.data("testId"), Datum::Number(7.0));
    assert_eq!(p.data("on"), Datum::Bool(true));
    assert_eq!(p.data("x"), Datum::Text("1.0".to_owned()));
    assert_eq!(p.data("e"), Datum::Undefined);
    assert_eq!(p.data("none"), Datum::Undefined);
    let names: Vec<String> = p.data_all().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["testID", "on", "o", "e", "x"]);
}

/// Each selection knows the one before it. Letting go of the last must not need a stack as deep as
/// the chain is long: scripts run on small ones.
#[test]
fn a_long_chain_is_let_go_of_without_recursion() {
    let walk = || {
        let mut at = from("#a");
        for _ in 0..200_000 {
            at = at.siblings(None).first();
        }
        at.size()
    };
    let thread = std::thread::Builder::new().stack_size(256 * 1024).spawn(walk).unwrap();
    assert_eq!(thread.join().unwrap(), 1);
}
