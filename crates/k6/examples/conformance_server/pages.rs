//! The pages and the JSON document that scripts read.

use serde_json::{Value, json};

/// Links of several kinds.
pub(crate) const INDEX: &str = r##"<!DOCTYPE html>
<html lang="en">
<head><title>Harbour</title><meta charset="utf-8"></head>
<body>
  <h1 id="top" class="title main" data-berth="7" data-crew='{"size": 3}'>Harbour office</h1>
  <ul class="links">
    <li class="first"><a href="/html/shop" id="shop">Shop</a></li>
    <li><a href="anything?from=link" rel="next">Relative</a></li>
    <li><a href="/redirect/1">By way of a redirect</a></li>
    <li class="last"><a href="#top">Up</a></li>
  </ul>
  <p>Ships: <b>three</b>, boats: <i>many</i>.</p>
  <p hidden>Not shown</p>
  <img src="/bytes/16" alt="a picture" width="16" height="9">
</body>
</html>
"##;

/// Forms with every kind of field.
pub(crate) const FORMS: &str = r#"<!DOCTYPE html>
<html>
<head><title>Forms</title></head>
<body>
  <form id="search" action="/anything/search" method="get">
    <input type="text" name="q" value="rope">
    <input type="hidden" name="page" value="1">
    <button type="submit" name="go" value="yes">Search</button>
  </form>
  <form id="order" action="/post" method="post">
    <input type="text" name="name" value="Ada">
    <input type="hidden" name="token" value="t-1">
    <input type="checkbox" name="insured" value="on" checked>
    <input type="checkbox" name="express" value="on">
    <input type="radio" name="size" value="s">
    <input type="radio" name="size" value="m" checked>
    <input type="text" name="off" value="never sent" disabled>
    <select name="port"><option value="hh">Hamburg</option><option value="rt" selected>Rotterdam</option></select>
    <select name="flags" multiple>
      <option value="a" selected>A</option><option value="b">B</option><option value="c" selected>C</option>
    </select>
    <textarea name="note">handle
with care</textarea>
    <input type="submit" name="send" value="Send">
    <input type="submit" name="draft" value="Keep">
  </form>
  <form id="bare"><input name="only" value="here"></form>
</body>
</html>
"#;

/// A table and nested lists.
pub(crate) const SHOP: &str = r#"<!DOCTYPE html>
<html>
<head><title>Shop</title></head>
<body>
  <div id="shelf" class="shelf">
    <div class="item" data-id="1"><span class="name">Rope</span><span class="price">4.50</span></div>
    <div class="item sale" data-id="2"><span class="name">Anchor</span><span class="price">99</span></div>
    <div class="item" data-id="3"><span class="name">Flag &amp; pole</span><span class="price">12</span></div>
  </div>
  <table>
    <thead><tr><th>Port</th><th>Berths</th></tr></thead>
    <tbody><tr><td>Hamburg</td><td>12</td></tr><tr><td>Kiel</td><td>7</td></tr></tbody>
  </table>
  <input id="count" type="number" value="5" required>
  <select id="colour"><option value="r">Red</option><option value="g" selected>Green</option></select>
  <textarea id="remark">none</textarea>
  <a id="back" href="/html?x=1#top" target="_blank">Back</a>
</body>
</html>
"#;

/// A document with every kind of value, for selectors.
pub(crate) fn document() -> Value {
    json!({
        "name": "harbour",
        "open": true,
        "depth": 12.5,
        "berths": 42,
        "closed": null,
        "place": { "town": "Kiel", "at": [54.32, 10.13] },
        "ships": [
            { "name": "Ada", "length": 12, "flags": ["de", "dk"] },
            { "name": "Bea", "length": 30, "flags": [] },
            { "name": "Cleo", "length": 55, "flags": ["nl"] },
        ],
        "a.b": "a dot in a name",
        "empty": {},
        "long": 9_007_199_254_740_993_i64,
        "text": "zwölf \"Boxkämpfer\"\n\u{1f6a2}",
    })
}
