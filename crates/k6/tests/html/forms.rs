//! Values of controls and what a form sends.

use seaworthy_k6::html::FieldValue;

use super::{css, page};

fn one(text: &str) -> Option<FieldValue> {
    Some(FieldValue::One(text.to_owned()))
}

#[test]
fn values() {
    let page = page(
        "<input id=empty><input id=box type=checkbox><input id=valued type=radio value=v>
         <button id=named value=b>t</button><button id=plain>t</button>
         <select id=one><option>a<option selected value=''>b</select>
         <select id=none><option>a</select><select id=many multiple><option selected>a<option selected value=2>b</select>
         <textarea id=area>a &lt;b</textarea><option id=option>t<i>u</i></option><div id=div>x</div>",
    );
    let val = |id: &str| page.find(&css(&format!("#{id}"))).val();
    assert_eq!(val("empty"), one(""));
    assert_eq!(val("box"), one("on"));
    assert_eq!(val("valued"), one("v"));
    assert_eq!(val("named"), one("b"));
    assert_eq!(val("plain"), one(""));
    assert_eq!(val("one"), one(""));
    assert_eq!(val("none"), one(""));
    assert_eq!(val("many"), Some(FieldValue::Many(vec!["a".to_owned(), "2".to_owned()])));
    assert_eq!(val("area"), one("a &lt;b"), "markup, as in k6");
    assert_eq!(val("option"), one("t<i>u</i>"));
    assert_eq!(val("div"), None);
    assert_eq!(val("missing"), None);
}

const FORM: &str = "<form><input name=b value='x y&z'><input name=a><input value=nameless><input name=c disabled value=1>
    <input name=s type=submit value=s><input name=f type=file value=s>
    <input name=i type=checkbox value=1><input name=i type=checkbox checked=checked value=2>
    <input name=j type=radio checked value=3><select name=m multiple><option selected>p<option selected>q</select>
    <textarea name=t>1
2</textarea><button name=k value=v></button><keygen name=g><input name=a value=last></form>
    <input name=outside value=o><p name=p></p>";

#[test]
fn a_form_sends_its_named_controls() {
    let page = page(FORM);
    assert_eq!(page.find(&css("form")).serialize(), "a=&a=last&b=x+y%26z&c=1&i=2&m=p&m=q&t=1%0A2");
    let fields = page.find(&css("form")).serialize_array();
    let names: Vec<&str> = fields.iter().map(|field| &*field.name).collect();
    assert_eq!(names, ["b", "a", "c", "i", "m", "t", "g", "a"]);
    assert_eq!(fields[6].value, None);
    let object = page.find(&css("form")).serialize_object();
    assert_eq!(object.len(), 7);
    assert_eq!(object[1].value, one("last"));
}

#[test]
fn controls_are_sent_without_their_form() {
    let page = page(FORM);
    assert_eq!(page.find(&css("input[name=b], p, button")).serialize(), "b=x+y%26z");
    assert_eq!(page.find(&css("form, input[name=outside]")).serialize_array().len(), 8);
    assert_eq!(page.serialize(), "");
}
