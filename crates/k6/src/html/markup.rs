//! Markup from nodes, byte for byte as Go's renderer writes it.

use std::fmt::Write;
use std::ops::ControlFlow;

use super::tree::{Data, Document, NodeId};

/// What is inside a node, as markup.
pub(super) fn inside(document: &Document, node: NodeId) -> String {
    let mut out = String::new();
    let _ = document.children(node).try_for_each(|child| write(document, child, &mut out));
    out
}

/// A node with all below it, as markup.
pub(super) fn whole(document: &Document, node: NodeId) -> String {
    let mut out = String::new();
    let _ = write(document, node, &mut out);
    out
}

/// Goes on until the end, or until a `plaintext`: what comes after it would be its text.
fn write(document: &Document, top: NodeId, out: &mut String) -> ControlFlow<()> {
    let mut at = top;
    loop {
        open(document, at, out);
        if let Some(child) = document.node(at).first {
            at = child;
            continue;
        }
        close(document, at, out)?;
        loop {
            if at == top {
                return ControlFlow::Continue(());
            }
            let node = document.node(at);
            match (node.next, node.parent) {
                (Some(next), _) => {
                    at = next;
                    break;
                }
                (None, Some(parent)) => {
                    at = parent;
                    close(document, at, out)?;
                }
                (None, None) => return ControlFlow::Continue(()),
            }
        }
    }
}

fn open(document: &Document, node: NodeId, out: &mut String) {
    match &document.node(node).data {
        Data::Document => {}
        Data::Text(text) => {
            let parent = document.node(node).parent;
            let parent = parent.filter(|&parent| document.foreign(parent).is_none());
            let tag = parent.and_then(|parent| document.tag(parent));
            if tag.is_some_and(holds_raw_text) { out.push_str(text) } else { escape(text, out) }
        }
        Data::Comment(text) => {
            out.push_str("<!--");
            escape_comment(text, out);
            out.push_str("-->");
        }
        Data::Doctype { name, public, system } => doctype(name, public, system, out),
        Data::Element { name, attributes } => {
            out.push('<');
            out.push_str(&name.local);
            for attribute in attributes {
                out.push(' ');
                if let Some(prefix) = &attribute.name.prefix
                    && !prefix.is_empty()
                {
                    let _ = write!(out, "{prefix}:");
                }
                let _ = write!(out, "{}=\"", attribute.name.local);
                escape(&attribute.value, out);
                out.push('"');
            }
            if is_void(&name.local) {
                out.push_str("/>");
                return;
            }
            out.push('>');
            // A parser drops the first line break in these, so a second one keeps it.
            if matches!(&*name.local, "pre" | "listing" | "textarea")
                && let Some(first) = document.node(node).first
                && let Data::Text(text) = &document.node(first).data
                && text.starts_with('\n')
            {
                out.push('\n');
            }
        }
    }
}

fn close(document: &Document, node: NodeId, out: &mut String) -> ControlFlow<()> {
    match document.tag(node) {
        Some("plaintext") => return ControlFlow::Break(()),
        Some(tag) if !is_void(tag) => {
            let _ = write!(out, "</{tag}>");
        }
        _ => {}
    }
    ControlFlow::Continue(())
}

fn doctype(name: &str, public: &str, system: &str, out: &mut String) {
    out.push_str("<!DOCTYPE ");
    escape(name, out);
    let word = match (public, system) {
        ("", "") => "",
        ("", _) => " SYSTEM",
        _ => " PUBLIC",
    };
    out.push_str(word);
    for text in [public, system] {
        if !text.is_empty() {
            let quote = if text.contains('"') { '\'' } else { '"' };
            let _ = write!(out, " {quote}{text}{quote}");
        }
    }
    out.push('>');
}

fn is_void(tag: &str) -> bool {
    matches!(
        tag,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "keygen"
            | "link"
            | "meta"
            | "param"
            | "source"
            | "track"
            | "wbr"
    )
}

fn holds_raw_text(tag: &str) -> bool {
    matches!(
        tag,
        "iframe" | "noembed" | "noframes" | "noscript" | "plaintext" | "script" | "style" | "xmp"
    )
}

fn escape(text: &str, out: &mut String) {
    for part in text.split_inclusive(['&', '\'', '<', '>', '"', '\r']) {
        let Some(last) = part.chars().next_back() else { continue };
        let replacement = match last {
            '&' => "&amp;",
            '\'' => "&#39;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&#34;",
            '\r' => "&#13;",
            _ => {
                out.push_str(part);
                continue;
            }
        };
        out.push_str(&part[..part.len() - 1]);
        out.push_str(replacement);
    }
}

/// In a comment only what could end it is replaced: `&`, and `>` at its beginning or after `--` or `--!`.
fn escape_comment(text: &str, out: &mut String) {
    for (at, next) in text.char_indices() {
        let before = &text[..at];
        match next {
            '&' => out.push_str("&amp;"),
            '>' if matches!(before, "" | "-")
                || before.ends_with("--")
                || before.ends_with("--!") =>
            {
                out.push_str("&gt;");
            }
            _ => out.push(next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(page: &str) -> String {
        let document = Document::parse(page).unwrap();
        let body = document.tagged(NodeId::ROOT, "body").next().unwrap();
        inside(&document, body)
    }

    #[test]
    fn quotes_are_numbers_as_in_go() {
        assert_eq!(
            body("<p title='a\"b'>it's &lt;\"x\"&gt; &amp; &nbsp;"),
            "<p title=\"a&#34;b\">it&#39;s &lt;&#34;x&#34;&gt; &amp; \u{a0}</p>"
        );
    }

    #[test]
    fn void_elements_close_themselves() {
        assert_eq!(
            body("<br><img src=x><input disabled>"),
            "<br/><img src=\"x\"/><input disabled=\"\"/>"
        );
    }

    #[test]
    fn raw_text_stays_raw() {
        let page = "<p><script>if (a < b && \"c\") {}</script></p>";
        assert_eq!(body(page), page);
    }

    #[test]
    fn nothing_comes_after_plain_text() {
        assert_eq!(body("<p>a<div><plaintext>b</div>"), "<p>a</p><div><plaintext>b</div>");
        assert_eq!(body("<svg><style>a&lt;b</style></svg>"), "<svg><style>a&lt;b</style></svg>");
    }

    #[test]
    fn a_leading_line_break_survives() {
        assert_eq!(body("<pre>\n\nx</pre>"), "<pre>\n\nx</pre>");
        assert_eq!(body("<pre>\nx</pre>"), "<pre>x</pre>");
    }

    #[test]
    fn foreign_names_and_prefixes() {
        assert_eq!(
            body("<svg viewbox='0' xlink:href='#a'><foreignobject/></svg>"),
            "<svg viewBox=\"0\" xlink:href=\"#a\"><foreignObject></foreignObject></svg>"
        );
    }

    #[test]
    fn the_document_with_its_type() {
        let page =
            "<!DOCTYPE html PUBLIC \"p\" \"s\"><html><head></head><body><!--a&b--></body></html>";
        let document = Document::parse(page).unwrap();
        assert_eq!(
            inside(&document, NodeId::ROOT),
            "<!DOCTYPE html PUBLIC \"p\" \"s\"><html><head></head><body><!--a&amp;b--></body></html>"
        );
    }
}
