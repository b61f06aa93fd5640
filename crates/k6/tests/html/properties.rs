//! The properties of each kind of element.

use seaworthy_k6::html::property_names;

use super::{first, page, say};

/// Whole pages, each with the id of one element in it, a property and what it says.
fn check(cases: &[(&str, &str, &str)]) {
    for (markup, property, expected) in cases {
        let page = page(&format!("<body>{markup}"));
        assert_eq!(say(&first(&page, "#x"), property), *expected, "{property} of {markup}");
    }
}

#[test]
fn only_elements_of_a_kind_have_its_properties() {
    assert!(property_names("div").is_empty());
    assert_eq!(property_names("tr"), ["cells", "rowIndex", "sectionRowIndex"]);
    check(&[("<div id=x href=y>", "href", "absent"), ("<table><tr><td id=x>", "rows", "absent")]);
}

#[test]
fn values_that_are_not_known_become_the_usual_one() {
    check(&[
        ("<button id=x type=x>", "type", "'submit'"),
        ("<button id=x type=menu>", "type", "'menu'"),
        ("<input id=x type=TEL>", "type", "'text'"),
        ("<input id=x type=tel>", "type", "'tel'"),
        ("<form id=x method=POST>", "method", "'get'"),
        ("<form id=x method=post>", "method", "'post'"),
        ("<form id=x enctype=text/plain>", "encoding", "'text/plain'"),
        ("<form id=x autocomplete=x>", "autocomplete", "'on'"),
        ("<img id=x crossorigin=x>", "crossOrigin", "undefined"),
        ("<img id=x crossorigin=anonymous>", "crossOrigin", "'anonymous'"),
        ("<script id=x crossorigin=x></script>", "crossOrigin", "'x'"),
        ("<a id=x referrerpolicy=strict-origin>", "referrerPolicy", "''"),
        ("<a id=x referrerpolicy=origin>", "referrerPolicy", "'origin'"),
        ("<audio id=x preload=x>", "preload", "'auto'"),
        ("<track id=x kind=subtitles>", "kind", "'subtitle'"),
        ("<keygen id=x keytype=EC>", "keytype", "'EC'"),
        ("<ol id=x type=I>", "type", "'I'"),
        ("<ol id=x type=disc>", "type", "'1'"),
        ("<li id=x type=disc>", "type", "'disc'"),
        ("<meta id=x http-equiv=set-cookie>", "httpEquiv", "'content-type'"),
        ("<textarea id=x autocapitalize=off>", "autocapitalize", "'off'"),
        ("<style id=x type=></style>", "type", "'text/css'"),
    ]);
}

#[test]
fn numbers() {
    check(&[
        ("<canvas id=x>", "width", "150"),
        ("<canvas id=x width=200>", "width", "200"),
        ("<input id=x>", "maxLength", "-1"),
        ("<input id=x maxlength=1.5>", "maxLength", "-1"),
        ("<img id=x width=07>", "width", "7"),
        ("<img id=x width=50%>", "width", "0"),
        ("<embed id=x width=50%>", "width", "'50%'"),
        ("<li id=x value=-3>", "value", "-3"),
        ("<progress id=x max=100 value=70>", "value", "0.7"),
        ("<progress id=x max=100 value=70>", "position", "0.7"),
        ("<progress id=x>", "position", "-1"),
        ("<progress id=x max=-1 value=x>", "value", "0"),
        ("<progress id=x max=2.5>", "max", "2.5"),
        ("<textarea id=x value=ab maxlength=3>", "length", "2"),
    ]);
}

#[test]
fn forms_and_their_controls() {
    const FORM: &str = "<form id=f method=post target=t novalidate><label id=l>L<input id=i></label>
        <fieldset id=s><legend id=g></legend><button id=b>B</button><select id=e><option id=o></select>
        <textarea id=a></textarea><object id=j></object></fieldset></form>
        <label id=n for=i></label><input id=out form=f><label id=k form=f></label>
        <input id=lost form=none><input id=listed list=d><datalist id=d><option id=d1><option id=d2></datalist>";
    let page = page(FORM);
    for (id, property, expected) in [
        ("i", "form", "f"),
        ("out", "form", "f"),
        ("k", "form", "f"),
        ("g", "form", "f"),
        ("o", "form", "f"),
        ("d1", "form", "undefined"),
        ("lost", "form", "undefined"),
        ("i", "labels", "[l n]"),
        ("b", "labels", "[]"),
        ("n", "control", "i"),
        ("l", "control", "undefined"),
        ("s", "elements", "[b e a]"),
        ("f", "elements", "[i s b e a]"),
        ("f", "length", "5"),
        ("b", "value", "'B'"),
        ("b", "formMethod", "'post'"),
        ("b", "formTarget", "'t'"),
        ("b", "formNoValidate", "true"),
        ("b", "formEnctype", "'application/x-www-form-urlencoded'"),
        ("listed", "list", "d"),
        ("i", "list", "undefined"),
        ("d", "options", "[d1 d2]"),
        ("d2", "index", "1"),
    ] {
        assert_eq!(say(&first(&page, &format!("#{id}")), property), expected, "{id}.{property}");
    }
}

#[test]
fn options() {
    const SELECT: &str = "<select id=s multiple><optgroup disabled><option id=a>one</option></optgroup>
        <option id=b selected label=L> two </option><option id=c selected value=3>t</select><select id=t></select>";
    let page = page(SELECT);
    for (id, property, expected) in [
        ("s", "options", "[a b c]"),
        ("s", "selectedOptions", "[b c]"),
        ("s", "selectedIndex", "1"),
        ("t", "selectedIndex", "-1"),
        ("s", "value", "' two '"),
        ("s", "type", "'select-multiple'"),
        ("t", "type", "'select'"),
        ("s", "size", "4"),
        ("t", "size", "1"),
        ("a", "disabled", "true"),
        ("b", "disabled", "false"),
        ("c", "index", "2"),
        ("b", "label", "'L'"),
        ("a", "label", "'one'"),
        ("c", "value", "'3'"),
        ("b", "text", "' two '"),
    ] {
        assert_eq!(say(&first(&page, &format!("#{id}")), property), expected, "{id}.{property}");
    }
}

#[test]
fn tables() {
    const TABLE: &str = "<table id=t><caption id=c></caption><thead id=h><tr id=r1><td id=d1><th id=d2></thead>
        <tfoot id=f><tr id=r2></tfoot><tbody id=b><tr id=r3><tr id=r4><td id=d3 colspan=2></tbody></table>
        <map id=m name=n><area id=a></map><img id=p usemap='#m'><img usemap='#n'><video id=v><track id=k></video>";
    let page = page(TABLE);
    for (id, property, expected) in [
        ("t", "caption", "c"),
        ("t", "tHead", "h"),
        ("t", "tFoot", "f"),
        ("t", "tBodies", "[b]"),
        ("t", "rows", "[r1 r2 r3 r4]"),
        ("b", "rows", "[r3 r4]"),
        ("r1", "cells", "[d1 d2]"),
        ("r4", "rowIndex", "3"),
        ("r4", "sectionRowIndex", "1"),
        ("d2", "cellIndex", "1"),
        ("d3", "colSpan", "2"),
        ("d3", "rowSpan", "1"),
        ("m", "areas", "[a]"),
        ("m", "images", "[p]"),
        ("v", "textTracks", "[k]"),
    ] {
        assert_eq!(say(&first(&page, &format!("#{id}")), property), expected, "{id}.{property}");
    }
}
