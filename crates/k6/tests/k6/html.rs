//! Pages in scripts: `k6/html`, and `res.html`, `res.submitForm`, `res.clickLink`. What is expected here
//! was asked of k6 2.2 itself.

use crate::harness::{Ran, Server, run};

/// Runs expressions on a page, which is `doc` there and whose first match of a selector is `q(selector)`;
/// each must give the JSON beside it.
async fn answers(page: &str, cases: &[(&str, &str)]) -> Ran {
    let lines: Vec<String> =
        cases.iter().map(|(expression, _)| format!("say(() => {expression});")).collect();
    let script = format!(
        "import {{ parseHTML }} from 'k6/html'; import html from 'k6/html';
         const say = (make) => {{
           let said; try {{ said = make(); said = said === undefined ? 'undefined' : JSON.stringify(said); }}
           catch (e) {{ said = 'threw ' + e; }}
           console.log(said);
         }};
         export default function () {{
           const doc = parseHTML({page:?}); const q = (selector) => doc.find(selector).get(0);
           const id = (e) => e && (e.id() || e.nodeName()); const ids = (s) => s.map((i, e) => e.attr('id'));
           {}
         }}",
        lines.join("\n")
    );
    let ran = run(&script).await;
    assert!(!ran.said.contains("ERRO"), "{}", ran.said);
    for ((expression, expected), said) in cases.iter().zip(ran.logged()) {
        assert_eq!(said, *expected, "{expression}");
    }
    assert_eq!(ran.logged().len(), cases.len());
    ran
}

const LIST: &str = "<body><h1 id='h' data-test-id='7' data-o='{&quot;a&quot;:[1]}' data-on='true'>T</h1><ul id='u'><li id='a' class='x'>1</li><li id='b'>2<b id='n'>!</b></li><li id='c' class='x'>3</li></ul><p id='p'>t</p>";

#[tokio::test]
async fn selections_lead_to_selections() {
    answers(
        LIST,
        &[
            ("doc.find('li').size()", "3"),
            ("ids(doc.find('li').add('h1'))", r#"["a","b","c","h"]"#),
            ("ids(doc.find('p').add(doc.find('h1')))", r#"["p","h"]"#),
            ("ids(doc.find('ul').find(doc.find('b')))", r#"["n"]"#),
            ("ids(doc.find('ul').children('.x'))", r#"["a","c"]"#),
            ("ids(doc.find('b').parents('ul,li'))", r#"["b","u"]"#),
            ("ids(doc.find('b').closest('ul'))", r#"["u"]"#),
            ("ids(doc.find('b').closest(doc.find('li')))", r#"["b"]"#),
            ("ids(doc.find('b').parentsUntil('body', 'li'))", r#"["b"]"#),
            ("ids(doc.find('#h').nextUntil(doc.find('p')))", r#"["u"]"#),
            ("ids(doc.find('#a').nextUntil(null, '.x'))", r#"["c"]"#),
            ("ids(doc.find('#c').prevAll())", r#"["b","a"]"#),
            ("ids(doc.find('li').not('.x'))", r#"["b"]"#),
            ("ids(doc.find('li').has('b'))", r#"["b"]"#),
            ("ids(doc.find('li').eq(-1))", r#"["c"]"#),
            ("ids(doc.find('li').slice(1))", r#"["b","c"]"#),
            ("ids(doc.find('li').slice(0, -1))", r#"["a","b"]"#),
            ("doc.find('li').single('b').end().size()", "3"),
            ("doc.find('p').index('body > *')", "2"),
            ("doc.find('li').index(doc.find('#c'))", "2"),
            ("doc.find('#none').index()", "-1"),
            ("doc.find('li').toArray().map((one) => one.text())", r#"["1","2!","3"]"#),
            ("doc.find('li').get().map((one) => one.id())", r#"["a","b","c"]"#),
            ("doc.find('li').get(9)", "undefined"),
            ("doc.find('p').children().size()", "0"),
        ],
    )
    .await;
}

#[tokio::test]
async fn selections_say_what_they_hold() {
    answers(
        LIST,
        &[
            ("doc.find('li').text()", r#""12!3""#),
            ("doc.find('#b').html()", r#""2<b id=\"n\">!</b>""#),
            ("doc.find('#none').html()", r#""""#),
            ("doc.find('li').attr('class')", r#""x""#),
            ("doc.find('li').attr('none')", "undefined"),
            ("doc.find('li').attr('none', 5)", "5"),
            ("doc.find('h1').data()", r#"{"testID":7,"o":{"a":[1]},"on":true}"#),
            ("doc.find('h1').data('testId')", "7"),
            ("doc.find('h1').data('o').a[0]", "1"),
            ("doc.find('h1').data('none')", "undefined"),
            ("doc.find('#none').data()", "undefined"),
            ("doc.find('ul').val()", "undefined"),
            ("doc.url", r#""""#),
            ("doc", r#"{"url":""}"#),
            ("html.parseHTML(5).text()", r#""5""#),
            ("parseHTML(null).text()", r#""""#),
        ],
    )
    .await;
}

#[tokio::test]
async fn callbacks() {
    let ran = answers(
        LIST,
        &[
            (
                "(() => { const seen = []; doc.find('li').each((i, e) => { seen.push(i + e.id()); }); return seen; })()",
                r#"["0a","1b","2c"]"#,
            ),
            ("doc.find('li').map((i, s) => [i, s.attr('id')])", r#"[[0,"a"],[1,"b"],[2,"c"]]"#),
            ("doc.find('li').map(() => undefined)", "[null,null,null]"),
            ("ids(doc.find('li').filter((i, s) => i === 1 || s.text() === '3'))", r#"["b","c"]"#),
            ("ids(doc.find('li').not((i) => i === 1))", r#"["a","c"]"#),
            ("doc.find('li').is((i, s) => s.is('#c'))", "true"),
            ("doc.find('li').each(() => false).size()", "3"),
            ("doc.find('li').each(() => { throw new Error('boom'); })", r#"threw Error: boom"#),
            ("doc.find('li').filter(() => { throw new RangeError('boom'); })", r#"threw RangeError: boom"#),
            ("doc.find('li').each('x')", "threw TypeError: the argument to each() must be a function"),
            ("doc.find('li').map((i) => { if (i === 1) throw new Error('skipped'); return i; })", "[0,2]"),
        ],
    )
    .await;
    let warning = "the function passed to map() threw, which leaves its result out: Error: skipped";
    assert_eq!(ran.said.matches(warning).count(), 1, "{}", ran.said);
}

#[tokio::test]
async fn elements() {
    const PAGE: &str = "<!DOCTYPE html><body>text<div id='d' class='k l' lang='de'>x<b>y</b></div><a id='l' href='http://u:p@h:80/a?q#f' rel='x y'>z</a><svg id='s' viewbox='0' xlink:href='#r'></svg><table id='t'><tr id='r'><td id='c' colspan=2></td></tr></table>";
    answers(
        PAGE,
        &[
            ("[q('#d').nodeName(), q('#d').nodeType(), q('#d').nodeValue(), q('#d').textContent()]", r#"["div",1,null,"xy"]"#),
            ("q('#d').nodeValue()", "undefined"),
            ("q('body').firstChild().nodeValue()", r#""text""#),
            ("q('#d').innerHTML()", r#""x<b>y</b>""#),
            ("[q('#d').className(), q('#d').classList(), q('#d').lang()]", r#"["k l",["k","l"],"de"]"#),
            ("[q('b').id(), q('b').className(), q('b').lang()]", r#"["",null,null]"#),
            ("q('#d').attributes()", r#"{"id":{"owner_element":{},"name":"id","value":"d"},"class":{"owner_element":{},"name":"class","value":"k l"},"lang":{"owner_element":{},"name":"lang","value":"de"}}"#),
            ("q('#s').getAttributeNode('href').prefix()", r#""xlink""#),
            ("q('#d').getAttributeNode('lang').owner_element.id()", r#""d""#),
            ("[q('#d').getAttribute('class'), q('#d').getAttribute('none')]", r#"["k l",null]"#),
            ("[q('#d').hasAttribute('id'), q('b').hasAttributes(), q('b').hasChildNodes()]", "[true,false,true]"),
            ("[q('#s').namespaceURI(), q('#d').isDefaultNamespace()]", r#"["http://www.w3.org/2000/svg",true]"#),
            ("id(q('b').parentElement())", r#""d""#),
            ("q('html').parentElement()", "undefined"),
            ("q('html').parentNode().toString()", r##""[object #document]""##),
            ("q('b').ownerDocument().childNodes().map((e) => e.nodeType())", "[10,1]"),
            ("id(q('#d').nextElementSibling())", r#""l""#),
            ("q('#d').previousElementSibling()", "undefined"),
            ("q('#d').children().map(id)", r#"["b"]"#),
            ("q('body').childElementCount()", "4"),
            ("id(q('body').querySelector('a, b'))", r#""b""#),
            ("q('body').querySelectorAll('td,b').map(id)", r#"["b","c"]"#),
            ("q('body').getElementsByTagName('TD').map(id)", r#"["c"]"#),
            ("q('body').getElementsByClassName('l').map(id)", r#"["d"]"#),
            ("[q('#d').matches('.k'), q('body').contains(q('b')), q('b').contains(q('b')), q('b').contains('x')]", "[true,true,false,false]"),
            ("[q('b').isSameNode(q('b')), q('b').isSameNode(q('a')), q('b').isEqualNode(q('b')), q('b').isEqualNode()]", "[true,false,true,false]"),
            ("q('#d').selection().find('b').text()", r#""y""#),
            ("[q('#d').toString(), q('#l').toString()]", r#"["[object html.Node]","http://u:p@h:80/a?q#f"]"#),
        ],
    )
    .await;
}

#[tokio::test]
async fn elements_have_the_properties_of_their_kind() {
    const PAGE: &str = "<body><a id='l' href='http://u:p@h:80/a?q#f' rel='x y'>z</a><table id='t'><tr id='r'><td id='c' colspan=2></table>
        <form id='f'><label id='w'><input id='i' maxlength='9'></label><select id='s'><option>1<option selected id='o'>2</select></form><progress id='g' max=4 value=1>";
    answers(
        PAGE,
        &[
            ("[typeof q('#l').href, typeof q('#t').href, typeof q('body').rows]", r#"["function","undefined","undefined"]"#),
            ("q('#l').href()", r#""http://u:p@h:80/a?q#f""#),
            ("['protocol', 'host', 'port', 'username', 'password', 'origin', 'pathname', 'search', 'hash'].map((part) => q('#l')[part]())", r##"["http","h","80","u","p","http://h:80","/a","?q","#f"]"##),
            ("q('#l').relList()", r#"["x","y"]"#),
            ("q('#t').rows().map(id)", r#"["r"]"#),
            ("q('#t').caption()", "undefined"),
            ("[q('#c').colSpan(), q('#c').rowSpan(), q('#c').cellIndex(), q('#r').rowIndex()]", "[2,1,0,0]"),
            ("id(q('#i').form())", r#""f""#),
            ("q('#i').labels().map(id)", r#"["w"]"#),
            ("[q('#i').type(), q('#i').maxLength(), q('#i').checked()]", r#"["text",9,false]"#),
            ("q('#f').elements().map(id)", r#"["i","s"]"#),
            ("[q('#s').value(), q('#s').selectedIndex(), q('#o').index(), q('#o').selected()]", r#"["2",1,1,true]"#),
            ("[q('#g').value(), q('#g').max()]", "[0.25,4]"),
            ("q('#l').nodeName.call(q('#t'))", r#""table""#),
        ],
    )
    .await;
}

#[tokio::test]
async fn forms_are_read_as_k6_reads_them() {
    const PAGE: &str = "<form><input name='a' value='1 2'><input name='b' type='checkbox' checked='checked'><input name='c' type='checkbox'><select name='m' multiple><option selected>p<option selected>q</select><textarea name='t'>x</textarea><input type='submit' name='s' value='go'></form>";
    answers(
        PAGE,
        &[
            ("doc.find('form').serialize()", r#""a=1+2&b=on&m=p&m=q&t=x""#),
            ("doc.find('form').serializeArray().length", "4"),
            ("doc.find('form').serializeArray()[2]", r#"{"name":"m","value":["p","q"]}"#),
            ("doc.find('form').serializeObject()", r#"{"a":"1 2","b":"on","m":["p","q"],"t":"x"}"#),
            ("doc.find('select').val()", r#"["p","q"]"#),
            ("doc.find('textarea').val()", r#""x""#),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_is_no_selector_matches_nothing_and_is_said_once() {
    let ran = answers(
        LIST,
        &[
            ("doc.find('li:first').size()", "0"),
            ("doc.find('li:first').size()", "0"),
            ("doc.find('li').not('li[').size()", "3"),
            ("doc.find('ul').children(5).size()", "0"),
            ("doc.find()", "threw TypeError: the argument to find() must be a selector or a selection"),
            ("doc.find(5)", "threw TypeError: the argument to find() must be a selector or a selection"),
            ("doc.find('li').is(null)", "threw TypeError: the argument to is() must be a function, a selector or a selection"),
            ("parseHTML('<b>'.repeat(600))", "threw Error: the page nests elements deeper than 512"),
        ],
    )
    .await;
    let warning =
        "selector `li:first`, column 3: there is no pseudo-class `:first`; it matches nothing";
    assert_eq!(ran.said.matches(warning).count(), 1, "{}", ran.said);
}

#[tokio::test]
async fn a_callback_may_wait_and_may_be_cut() {
    let ran = run(
        "import { parseHTML } from 'k6/html'; import { sleep } from 'k6';
         export const options = { vus: 2, iterations: 2 };
         export default function () {
           let text = '';
           parseHTML('<i>1</i><i>2</i>').find('i').each((at, e) => { sleep(0.01); text += e.textContent(); });
           console.log(text);
         }",
    )
    .await;
    assert_eq!(ran.is_clean().logged(), ["12", "12"]);
    let ran = run(
        "import { parseHTML } from 'k6/html';
         export const options = { scenarios: { one: { executor: 'constant-vus', duration: '1s', gracefulStop: '0s' } } };
         export default function () { parseHTML('<i>').find('i').map(() => { for (;;) {} }); console.log('went on'); }",
    )
    .await;
    assert_eq!(ran.logged(), Vec::<&str>::new(), "{}", ran.said);
}

#[tokio::test]
async fn answers_are_pages() {
    let server = Server::start().await;
    let script = server.fill(
        "import http from 'k6/http'; import { check } from 'k6';
         export default function () {
           const res = http.post('BASE/echo/dir/page?old=1', `<p id=x>1</p><a href='../up?q'>go</a><a id=e href=''>e</a><a id=n>n</a>`);
           check(res, {
             'whole': (r) => r.html().find('p').text() === '1',
             'selected': (r) => r.html('#x').size() === 1 && r.html('#y').size() === 0,
             'url': (r) => r.html().url === 'BASE/echo/dir/page?old=1',
             'resolved': (r) => r.html('a').get(0).href() === 'BASE/echo/up?q',
             'empty': (r) => r.html('#e').get(0).href() === 'BASE/echo/dir/page?old=1',
           });
           check(res.clickLink(), { clicked: (r) => r.url === 'BASE/echo/up?q' && r.request.method === 'GET' });
           check(res.clickLink({ selector: '#e', params: { headers: { 'X-Mine': '1' } } }), { 'with params': (r) => r.request.headers['X-Mine'][0] === '1' });
           for (const selector of ['#n', 'b', '[']) { try { res.clickLink({ selector }); } catch (e) { console.log(e.message); } }
           try { res.submitForm(); } catch (e) { console.log(e.message); }
           try { http.get('BASE/x', { responseType: 'none' }).html(); } catch (e) { console.log(e.message); }
         }",
    );
    let ran = run(&script).await;
    ran.is_clean();
    let page = server.fill("BASE/echo/dir/page?old=1");
    assert_eq!(
        ran.logged(),
        [
            format!("no valid href attribute value found on element '#n' in response '{page}'"),
            format!("no element found for selector 'b' in response '{page}'"),
            format!("no element found for selector '[' in response '{page}'"),
            format!("no form found for selector 'form' in response '{page}'"),
            "the body is null so we can't transform it to HTML - this likely was because of a request error getting the response".to_owned(),
        ]
    );
}

#[tokio::test]
async fn forms_are_submitted() {
    let server = Server::start().await;
    let script = server.fill(
        r#"import http from 'k6/http';
         const post = `<form method=post action=/echo?x=1><input name=a value="1 2"><select name=m multiple><option selected>p<option selected>q</select><button type=submit name=go value=yes>G</button></form>`;
         const get = `<form action=/echo?x=1#part><input name=a value=é><select name=m multiple><option selected>p<option selected>q</select></form><form id=second method=put><input name=z></form>`;
         export default function () {
           http.post('BASE/echo', post).submitForm();
           http.post('BASE/echo', post).submitForm({ fields: { a: 'new', m: ['u', 'v'], n: 5 }, submitSelector: '#none', params: { headers: { 'X-Mine': '1' } } });
           http.post('BASE/echo', get).submitForm({ formSelector: 'form:first-child', fields: { b: [1, 2], c: null } });
           http.post('BASE/echo/here?old=1', get).submitForm({ formSelector: '#second' });
         }"#,
    );
    run(&script).await.is_clean();
    let requests = server.requests.lock().unwrap();
    let sent: Vec<(String, String, String)> = requests
        .iter()
        .skip(1)
        .step_by(2)
        .map(|it| {
            (it.method.clone(), it.path.clone(), String::from_utf8_lossy(&it.body).into_owned())
        })
        .collect();
    let line = |method: &str, path: &str, body: &str| {
        (method.to_owned(), path.to_owned(), body.to_owned())
    };
    assert_eq!(
        sent,
        [
            line("POST", "/echo?x=1", "a=1+2&go=yes&m=p&m=q"),
            line("POST", "/echo?x=1", "a=new&m=u&m=v&n=5"),
            line("GET", "/echo?a=%C3%A9&b=1%2C2&c=null&m=p%2Cq", ""),
            line("PUT", "/echo/here?old=1", "z="),
        ]
    );
    assert_eq!(requests[1].headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(requests[3].headers["x-mine"], "1");
}
