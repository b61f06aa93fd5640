//! URLs in attributes, resolved and taken apart.

use super::{first, page, page_from, say};

const PARTS: [&str; 9] = [
    "protocol", "host", "hostname", "port", "username", "password", "origin", "pathname", "search",
];

fn parts(href: &str) -> String {
    let page = page(&format!("<a href=\"{href}\">"));
    let link = first(&page, "a");
    PARTS.map(|part| say(&link, part).replace('\'', "")).join(" ")
}

#[test]
fn parts_of_a_link() {
    assert_eq!(parts("http://u@h:99/a/b?x=1#z"), "http h:99 h 99 u  http://h:99 /a/b ?x=1");
    assert_eq!(
        parts("HTTP://EXAMPLE.com:80/A"),
        "http EXAMPLE.com EXAMPLE.com 80   http://EXAMPLE.com:80 /A "
    );
    assert_eq!(parts("https://h:443"), "https h h 443   https://h:443  ");
    assert_eq!(parts("http://[::1]:80/x"), "http ::1 ::1 80   http://[::1]:80 /x ");
    assert_eq!(parts("http://u:p%40@h/"), "http h h  u p@ http://h / ");
    assert_eq!(parts("mailto:a@b.c"), "mailto      mailto://  ");
    assert_eq!(parts("//h/p"), ": h h     /p ");
    assert_eq!(parts("é/ü?ö#ä"), ":       /é/ü ?ö");
    for nothing in ["%zz", "http://a b/", "", "http://h:x/"] {
        assert_eq!(parts(nothing), ":        ", "{nothing}");
    }
}

#[test]
fn a_link_without_a_page_stays_as_it_is() {
    let page = page("<a id=a href='/p?q#h' rel=' x  y '><a id=b>");
    let link = first(&page, "#a");
    assert_eq!(say(&link, "href"), "'/p?q#h'");
    assert_eq!(say(&link, "toString"), "'/p?q#h'");
    assert_eq!(say(&link, "hash"), "'#h'");
    assert_eq!(say(&link, "relList"), "[|x||y|]");
    assert_eq!(say(&first(&page, "#b"), "href"), "''");
    assert_eq!(say(&first(&page, "#b"), "relList"), "[]");
}

#[test]
fn resolved_against_the_page() {
    let page = page_from(
        "<base id=base><a id=a href='x/y'><a id=b href=''><a id=c><a id=d href='é b?ä=1#ü'><a id=e href='%zz'>
         <a id=f href='../../up'><a id=g href='#fr'><form id=m action=go><button id=n></button>
         <input id=o formaction=zz></form><form id=q></form><img id=i src=' i.png '>",
        "http://h.example:8080/index?old=1",
    );
    for (id, property, expected) in [
        ("a", "href", "'http://h.example:8080/x/y'"),
        ("b", "href", "'http://h.example:8080/index?old=1'"),
        ("c", "href", "''"),
        ("d", "href", "'http://h.example:8080/%C3%A9%20b?ä=1#%C3%BC'"),
        ("d", "hash", "'#ü'"),
        ("d", "pathname", "'/é b'"),
        ("e", "href", "''"),
        ("f", "href", "'http://h.example:8080/up'"),
        ("g", "href", "'http://h.example:8080/index?old=1#fr'"),
        ("base", "href", "'http://h.example:8080/index?old=1'"),
        ("m", "action", "'http://h.example:8080/go'"),
        ("n", "formAction", "'http://h.example:8080/go'"),
        ("o", "formAction", "'http://h.example:8080/zz'"),
        ("q", "action", "''"),
        ("i", "src", "'http://h.example:8080/%20i.png%20'"),
    ] {
        assert_eq!(say(&first(&page, &format!("#{id}")), property), expected, "{id}.{property}");
    }
}
