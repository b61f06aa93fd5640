//! Properties that look beyond one attribute: the form of a control, the rows of a table, the parts of a URL.

use super::address::Address;
use super::element::Element;
use super::form;
use super::property::Property;
use super::tree::NodeId;

fn text_of(text: impl Into<String>) -> Property {
    Property::Text(text.into())
}

#[expect(clippy::cast_precision_loss, reason = "no page has 2^53 nodes")]
fn number_of(count: usize) -> Property {
    Property::Number(count as f64)
}

/// A place, or -1.
fn index_of(place: Option<usize>) -> Property {
    place.map_or(Property::Number(-1.0), number_of)
}

fn below(element: &Element, wanted: &[&str]) -> Vec<Element> {
    let document = element.document();
    let nodes = document.descendants(element.node());
    element.all(nodes.filter(|&node| document.tag(node).is_some_and(|tag| wanted.contains(&tag))))
}

fn above(element: &Element, wanted: &[&str]) -> Option<Element> {
    let document = element.document();
    let mut nodes = document.ancestors(element.node());
    let found = nodes.find(|&node| document.tag(node).is_some_and(|tag| wanted.contains(&tag)));
    found.map(|node| element.at(node))
}

fn anywhere(element: &Element, wanted: impl Fn(NodeId) -> bool) -> impl Iterator<Item = Element> {
    let document = element.document();
    document
        .descendants(NodeId::ROOT)
        .filter(move |&node| wanted(node))
        .map(|node| element.at(node))
}

fn by_id(element: &Element, id: &str) -> Option<Element> {
    let document = element.document();
    anywhere(element, |node| document.attribute(node, "id") == Some(id)).next()
}

fn place_in(element: &Element, all: &[Element]) -> Option<usize> {
    all.iter().position(|other| other.is_same_node(element))
}

pub(super) fn nothing(_: &Element) -> Property {
    Property::Undefined
}

pub(super) fn text(element: &Element) -> Property {
    text_of(element.text_content())
}

/// The `value` attribute, or else what is inside.
pub(super) fn value_or_markup(element: &Element) -> Property {
    text_of(form::option_value(element.document(), element.node()))
}

pub(super) fn style_type(element: &Element) -> Property {
    text_of(element.attribute("type").filter(|value| !value.is_empty()).unwrap_or("text/css"))
}

pub(super) fn value_length(element: &Element) -> Property {
    number_of(element.attribute("value").unwrap_or_default().chars().count())
}

// Forms.

/// The form around a control, or else the one that its `form` names. An option is in its select's form.
fn form_of(element: &Element) -> Option<Element> {
    let owner = match element.node_name() {
        "option" => above(element, &["select"])?,
        _ => element.clone(),
    };
    above(&owner, &["form"]).or_else(|| {
        let id = owner.attribute("form").filter(|id| !id.is_empty())?;
        let document = element.document();
        anywhere(element, |node| {
            document.is_tag(node, "form") && document.attribute(node, "id") == Some(id)
        })
        .next()
    })
}

pub(super) fn form(element: &Element) -> Property {
    form_of(element).into()
}

pub(super) fn form_action(element: &Element) -> Property {
    match (element.has_attribute("formaction"), form_of(element)) {
        (false, Some(form)) => text_of(form.url_attribute("action")),
        _ => text_of(element.url_attribute("formaction")),
    }
}

/// The control's own attribute, or else its form's.
fn own_or_form(element: &Element, own: &str, forms: &str) -> String {
    let value = element.attribute(own).map(str::to_owned);
    value.or_else(|| Some(form_of(element)?.attribute(forms)?.to_owned())).unwrap_or_default()
}

pub(super) fn form_enctype(element: &Element) -> Property {
    text_of(match &*own_or_form(element, "formenctype", "enctype") {
        known @ ("multipart/form-data" | "text/plain") => known,
        _ => "application/x-www-form-urlencoded",
    })
}

pub(super) fn form_method(element: &Element) -> Property {
    let method = own_or_form(element, "formmethod", "method");
    text_of(if method.eq_ignore_ascii_case("post") { "post" } else { "get" })
}

pub(super) fn form_no_validate(element: &Element) -> Property {
    let forms = || form_of(element).is_some_and(|form| form.has_attribute("novalidate"));
    Property::Bool(element.has_attribute("formnovalidate") || forms())
}

pub(super) fn form_target(element: &Element) -> Property {
    text_of(own_or_form(element, "formtarget", "target"))
}

/// The labels around a control, then those that name it.
pub(super) fn labels(element: &Element) -> Property {
    let document = element.document();
    let mut labels = element
        .all(document.ancestors(element.node()).filter(|&node| document.is_tag(node, "label")));
    if let Some(id) = element.attribute("id").filter(|id| !id.is_empty()) {
        let naming = anywhere(element, |node| {
            document.is_tag(node, "label") && document.attribute(node, "for") == Some(id)
        });
        for label in naming {
            if place_in(&label, &labels).is_none() {
                labels.push(label);
            }
        }
    }
    Property::Elements(labels)
}

/// What a label names.
pub(super) fn control(element: &Element) -> Property {
    element.attribute("for").and_then(|id| by_id(element, id)).into()
}

pub(super) fn list(element: &Element) -> Property {
    let document = element.document();
    let named = element.attribute("list").and_then(|id| {
        anywhere(element, |node| {
            document.is_tag(node, "datalist") && document.attribute(node, "id") == Some(id)
        })
        .next()
    });
    named.into()
}

pub(super) fn fieldset_elements(element: &Element) -> Property {
    Property::Elements(below(element, &["input", "select", "button", "textarea"]))
}

pub(super) fn form_elements(element: &Element) -> Property {
    Property::Elements(below(element, &["input", "select", "button", "textarea", "fieldset"]))
}

pub(super) fn form_length(element: &Element) -> Property {
    number_of(below(element, &["input", "select", "button", "textarea", "fieldset"]).len())
}

// Options.

pub(super) fn options(element: &Element) -> Property {
    Property::Elements(below(element, &["option"]))
}

pub(super) fn options_length(element: &Element) -> Property {
    number_of(below(element, &["option"]).len())
}

pub(super) fn selected_options(element: &Element) -> Property {
    Property::Elements(element.all(form::selected_options(element.document(), element.node())))
}

pub(super) fn selected_index(element: &Element) -> Property {
    index_of(below(element, &["option"]).iter().position(|option| option.has_attribute("selected")))
}

pub(super) fn select_value(element: &Element) -> Property {
    let document = element.document();
    let first = form::selected_options(document, element.node()).next();
    text_of(first.map(|option| form::option_value(document, option)).unwrap_or_default())
}

/// How many rows a browser shows: the attribute is not asked.
pub(super) fn select_size(element: &Element) -> Property {
    Property::Number(if element.has_attribute("multiple") { 4.0 } else { 1.0 })
}

pub(super) fn select_type(element: &Element) -> Property {
    text_of(if element.has_attribute("multiple") { "select-multiple" } else { "select" })
}

pub(super) fn option_disabled(element: &Element) -> Property {
    let group =
        || above(element, &["optgroup"]).is_some_and(|group| group.has_attribute("disabled"));
    Property::Bool(element.has_attribute("disabled") || group())
}

pub(super) fn option_index(element: &Element) -> Property {
    let owner = above(element, &["select", "datalist"]);
    let place = owner.and_then(|owner| place_in(element, &below(&owner, &["option"])));
    number_of(place.unwrap_or_default())
}

pub(super) fn option_label(element: &Element) -> Property {
    text_of(element.attribute("label").map_or_else(|| element.text_content(), str::to_owned))
}

// Progress: k6 gives the share done, not the number written.

fn progress_limit(element: &Element) -> f64 {
    element
        .attribute("max")
        .and_then(|max| max.parse().ok())
        .filter(|max| *max >= 0.0)
        .unwrap_or(1.0)
}

fn progress_done(element: &Element) -> Option<f64> {
    let value: f64 = element.attribute("value")?.parse().ok()?;
    (value >= 0.0).then(|| value / progress_limit(element))
}

pub(super) fn progress_max(element: &Element) -> Property {
    Property::Number(progress_limit(element))
}

pub(super) fn progress_value(element: &Element) -> Property {
    Property::Number(progress_done(element).unwrap_or_default())
}

pub(super) fn progress_position(element: &Element) -> Property {
    Property::Number(progress_done(element).unwrap_or(-1.0))
}

// Tables, those inside them included.

const SECTIONS: [&str; 3] = ["tbody", "thead", "tfoot"];

pub(super) fn rows(element: &Element) -> Property {
    Property::Elements(below(element, &["tr"]))
}

pub(super) fn caption(element: &Element) -> Property {
    below(element, &["caption"]).into_iter().next().into()
}

pub(super) fn table_bodies(element: &Element) -> Property {
    Property::Elements(below(element, &["tbody"]))
}

pub(super) fn table_head(element: &Element) -> Property {
    below(element, &["thead"]).into_iter().next().into()
}

pub(super) fn table_foot(element: &Element) -> Property {
    below(element, &["tfoot"]).into_iter().next().into()
}

pub(super) fn cells(element: &Element) -> Property {
    Property::Elements(below(element, &["td", "th"]))
}

fn index_under(element: &Element, owner: &[&str], all: &[&str]) -> Property {
    index_of(above(element, owner).and_then(|owner| place_in(element, &below(&owner, all))))
}

pub(super) fn cell_index(element: &Element) -> Property {
    index_under(element, &["tr"], &["td", "th"])
}

pub(super) fn row_index(element: &Element) -> Property {
    index_under(element, &["table"], &["tr"])
}

pub(super) fn section_row_index(element: &Element) -> Property {
    index_under(element, &SECTIONS, &["tr"])
}

// Maps and media.

pub(super) fn areas(element: &Element) -> Property {
    Property::Elements(below(element, &["area"]))
}

/// The pictures that use a map, which they name by its `id`.
pub(super) fn images(element: &Element) -> Property {
    let Some(id) = element.attribute("id") else { return Property::Elements(Vec::new()) };
    let document = element.document();
    let found = anywhere(element, |node| {
        matches!(document.tag(node), Some("img" | "object"))
            && document.attribute(node, "usemap").and_then(|name| name.strip_prefix('#'))
                == Some(id)
    });
    Property::Elements(found.collect())
}

pub(super) fn text_tracks(element: &Element) -> Property {
    Property::Elements(below(element, &["track"]))
}

// Links.

fn address(element: &Element) -> Address {
    Address::parse(&element.url_attribute("href")).unwrap_or_default()
}

/// A base's URL; that of the page, if it has none.
pub(super) fn base_href(element: &Element) -> Property {
    if element.has_attribute("href") {
        return text_of(element.url_attribute("href"));
    }
    text_of(element.document().url().unwrap_or_default())
}

pub(super) fn hash(element: &Element) -> Property {
    let fragment = address(element).decoded_fragment();
    text_of(if fragment.is_empty() { fragment } else { format!("#{fragment}") })
}

pub(super) fn host(element: &Element) -> Property {
    let address = address(element);
    let usual = matches!(
        (&*address.scheme, address.port()),
        ("http", "80") | ("https", "443") | ("ftp", "21") | (_, "")
    );
    text_of(if usual { address.hostname() } else { address.host.as_deref().unwrap_or_default() })
}

pub(super) fn hostname(element: &Element) -> Property {
    text_of(address(element).hostname())
}

pub(super) fn port(element: &Element) -> Property {
    text_of(address(element).port())
}

pub(super) fn username(element: &Element) -> Property {
    text_of(address(element).user.map(|(name, _)| name).unwrap_or_default())
}

pub(super) fn password(element: &Element) -> Property {
    text_of(address(element).user.and_then(|(_, password)| password).unwrap_or_default())
}

pub(super) fn origin(element: &Element) -> Property {
    let address = address(element);
    if address.scheme.is_empty() {
        return text_of("");
    }
    text_of(format!("{}://{}", address.scheme, address.host.as_deref().unwrap_or_default()))
}

pub(super) fn pathname(element: &Element) -> Property {
    let path = address(element).decoded_path();
    text_of(if path.is_empty() || path.starts_with('/') { path } else { format!("/{path}") })
}

/// The scheme without its colon; the colon alone where there is no scheme. So says k6.
pub(super) fn protocol(element: &Element) -> Property {
    let scheme = address(element).scheme;
    text_of(if scheme.is_empty() { ":".to_owned() } else { scheme })
}

pub(super) fn search(element: &Element) -> Property {
    let query = address(element).query.unwrap_or_default();
    text_of(if query.is_empty() { query } else { format!("?{query}") })
}

/// The words of `rel`, split at each space.
pub(super) fn rel_list(element: &Element) -> Property {
    let rel = element.attribute("rel").unwrap_or_default();
    Property::Texts(if rel.is_empty() {
        Vec::new()
    } else {
        rel.split(' ').map(str::to_owned).collect()
    })
}
